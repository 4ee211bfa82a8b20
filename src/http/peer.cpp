// A connection's states: reading → answering (or streaming) → reading …; a fatal answer lingers so that it arrives.
#include "http/peer.hpp"

#include <utility>

#include "http/gzip.hpp"
#include "http/text.hpp"

namespace skerry::http {
namespace {

double seconds_between(Mono from, Mono to) { return std::chrono::duration<double>(to - from).count(); }

bool packs_well(std::string_view content_type) {
  return content_type.starts_with("text/") || content_type.starts_with("application/json") ||
         content_type.starts_with("application/problem+json") || content_type.starts_with("application/x-ndjson");
}

bool has_header(const Response& response, std::string_view name) {
  for (const auto& h : response.headers) {
    if (same_name(h.name, name)) return true;
  }
  return false;
}

}  // namespace

Peer::Peer(PeerOwner& owner, std::unique_ptr<Connection> connection, std::uint64_t id, bool loopback)
    : owner_(owner),
      connection_(std::move(connection)),
      id_(id),
      loopback_(loopback),
      reader_({owner.options().header_bytes_max, owner.options().body_bytes_max}) {
  last_active_ = last_sent_ = owner_.loop().clock().mono();
}

Peer::~Peer() = default;

void Peer::on_bytes(Bytes bytes) {
  if (state_ == State::gone) return;
  if (state_ == State::lingering) {
    lingered_bytes_ += bytes.size();
    if (lingered_bytes_ > linger_bytes_max) leave();
    return;
  }
  if (state_ == State::streaming) return;  // a client has nothing to say during a stream
  if (in_.empty() && !reader_.begun()) begun_ = owner_.loop().clock().mono();
  in_ += as_text(bytes);
  process();
}

void Peer::on_closed(const Error&) { leave(); }

void Peer::on_drained() {
  last_active_ = owner_.loop().clock().mono();
  if (state_ == State::reading) process();
}

void Peer::process() {
  if (processing_) return;
  processing_ = true;
  while (state_ == State::reading && connection_->unsent() <= unsent_bytes_max) {
    const auto event = reader_.read(in_);
    if (event == RequestReader::Event::more) break;
    if (event == RequestReader::Event::proceed) {
      connection_->send(skerry::as_bytes("HTTP/1.1 100 Continue\r\n\r\n"));
      continue;
    }
    if (event == RequestReader::Event::malformed) {
      refuse(reader_.status(), reader_.detail());
      break;
    }
    auto request = std::move(reader_.request());
    state_ = State::answering;
    ++request_number_;
    head_only_ = request.method == "HEAD";
    keep_alive_ = request.keep_alive;
    http_1_0_ = request.http_1_0;
    const Request view{.headers = request.headers};
    gzip_ = accepts_coding(view.header("accept-encoding"), "gzip");
    owner_.handle(*this, request);
  }
  processing_ = false;
  if (state_ == State::gone || state_ == State::lingering) return;
  const bool hold = state_ == State::streaming ? false : in_.size() > ahead_bytes_max;
  if (hold != held_back_) {
    held_back_ = hold;
    connection_->read_more(!hold);
  }
}

// The connection cannot be read on: where the next request begins is unknown.
void Peer::refuse(int status, std::string_view detail) {
  owner_.counted(status, {});
  write(problem(status, detail), false);
  in_.clear();
  state_ = State::lingering;
  last_active_ = owner_.loop().clock().mono();
  connection_->read_more(true);
}

void Peer::pack(Response& response) const {
  if (!gzip_ || response.body.size() < gzip_bytes_min || has_header(response, "Content-Encoding")) return;
  if (!packs_well(response.content_type)) return;
  response.body = gzip(response.body);
  response.headers.push_back({"Content-Encoding", "gzip"});
  response.headers.push_back({"Vary", "Accept-Encoding"});
}

void Peer::write(const Response& response, bool keep_alive) {
  std::string head = "HTTP/1.1 " + std::to_string(response.status) + " ";
  head += reason(response.status);
  head += "\r\nDate: " + owner_.date() + "\r\n";
  if (!response.content_type.empty()) head += "Content-Type: " + response.content_type + "\r\n";
  if (response.status != 204 && response.status != 304)
    head += "Content-Length: " + std::to_string(response.body.size()) + "\r\n";
  for (const auto& h : response.headers) head += h.name + ": " + h.value + "\r\n";
  if (!has_header(response, "Cache-Control")) head += "Cache-Control: no-store\r\n";
  head += "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n";
  if (!keep_alive) {
    head += "Connection: close\r\n";
  } else if (http_1_0_) {
    head += "Connection: keep-alive\r\n";
  }
  head += "\r\n";
  connection_->send(skerry::as_bytes(head));
  if (!head_only_ && !response.body.empty()) connection_->send(skerry::as_bytes(response.body));
}

void Peer::answer(std::uint64_t request, Response response) {
  if (state_ != State::answering || request != request_number_) return;
  pack(response);
  const auto now = owner_.loop().clock().mono();
  owner_.counted(response.status, seconds_between(begun_, now));
  write(response, keep_alive_);
  last_active_ = begun_ = now;
  if (!keep_alive_) {
    end();
    return;
  }
  state_ = State::reading;
  process();
}

bool Peer::begin_stream(std::uint64_t request, std::string_view content_type, std::function<void()> closed) {
  if (state_ != State::answering || request != request_number_) return false;
  const auto now = owner_.loop().clock().mono();
  owner_.counted(200, seconds_between(begun_, now));
  std::string head = "HTTP/1.1 200 OK\r\nDate: " + owner_.date() + "\r\nContent-Type: ";
  head += content_type;
  head +=
      "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nConnection: "
      "close\r\n\r\n";
  connection_->send(skerry::as_bytes(head));
  state_ = State::streaming;
  in_.clear();
  last_sent_ = last_active_ = now;
  stream_closed_ = std::move(closed);
  if (head_only_) end();
  return true;
}

bool Peer::send_stream(std::string_view text) {
  if (state_ != State::streaming) return false;
  if (connection_->unsent() + text.size() > owner_.options().stream_bytes_max) {
    owner_.stream_dropped();
    leave();
    return false;
  }
  connection_->send(skerry::as_bytes(text));
  last_sent_ = owner_.loop().clock().mono();
  return true;
}

void Peer::end() {
  if (state_ == State::gone) return;
  connection_->close();
  leave();
}

void Peer::leave() {
  if (state_ == State::gone) return;
  const bool was_streaming = state_ == State::streaming;
  state_ = State::gone;
  if (was_streaming) {
    owner_.stream_ended();
    if (auto closed = std::exchange(stream_closed_, nullptr)) closed();
  }
  owner_.gone(*this);
}

void Peer::on_tick(Mono now) {
  const auto unsent = connection_->unsent();
  if (unsent != unsent_before_) last_active_ = now;
  unsent_before_ = unsent;
  switch (state_) {
    case State::reading:
      if (reader_.begun() || !in_.empty()) {
        if (unsent == 0 && now - begun_ > owner_.options().request_max)
          refuse(408, "the request did not arrive in time");
      } else if (now - last_active_ > owner_.options().idle_max) {
        end();
      }
      break;
    case State::lingering:
      if (now - last_active_ > linger_max) end();
      break;
    case State::streaming:
      // RFC-less but usual: a comment keeps proxies from closing a quiet stream, and finds dead clients.
      if (now - last_sent_ >= keep_alive_period && unsent == 0) send_stream(":\n\n");
      if (unsent != 0 && now - last_active_ > owner_.options().idle_max) {
        owner_.stream_dropped();
        leave();
      }
      break;
    case State::answering:
    case State::gone: break;
  }
}

}  // namespace skerry::http
