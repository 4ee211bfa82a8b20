// Connecting, with TLS where the way has it, and the WebSocket's bytes.
#include "link/wire.hpp"

#include <algorithm>
#include <utility>

#include "base/tls.hpp"
#include "link/limits.hpp"

namespace skerry::link {

Wire::Wire(const Deps& deps, Options options, Owner& owner)
    : deps_(deps), options_(std::move(options)), owner_(&owner) {}

Wire::~Wire() { *alive_ = false; }

void Wire::begin() {
  begun_ = deps_.loop.clock().mono();
  within_ = deps_.loop.after(connect_within, [this] {
    if (!open())
      end({"unreachable",
           "no connection within " + std::to_string(connect_within.count()) + " s: " + options_.to.url.address.text()});
  });
  if (const auto begun = connect(); !begun) {
    // Not inside begin(): its owner has not got it yet.
    deps_.loop.post([this, alive = alive_, error = begun.error()] {
      if (*alive) end({"credentials", error.text()});
    });
  }
}

Result<> Wire::connect() {
  const auto done = [this, alive = alive_](Result<std::unique_ptr<Connection>> connection) {
    if (*alive) connected(std::move(connection));
  };
  if (!options_.to.url.tls) {
    deps_.loop.connect(options_.to.url.address, options_.to.via, done);
    return {};
  }
  // Read anew each time: files that were replaced count from here on.
  auto files = TRY(load_credentials(deps_.files, options_.credentials));
  const auto& name = options_.to.server_name.empty() ? options_.to.url.address.host : options_.to.server_name;
  return tls::connect(deps_.loop, options_.to.url.address,
                      {.trusted_pem = std::move(files.trusted),
                       .chain_pem = std::move(files.certificate),
                       .key_pem = std::move(files.key),
                       .server_name = name,
                       .only_13 = true,
                       .via = options_.to.via},
                      done);
}

void Wire::connected(Result<std::unique_ptr<Connection>> connection) {
  if (owner_ == nullptr) return;
  if (!connection) return end(trouble_of(connection.error(), options_.to.url.tls));
  connection_ = std::move(*connection);
  socket_ = std::make_unique<http::WebSocket>(http::WebSocket::Options{.role = http::WebSocket::Role::client,
                                                                       .path = std::string(path),
                                                                       .protocol = std::string(subprotocol),
                                                                       .host = options_.to.url.address.text(),
                                                                       .message_bytes_max = message_bytes_down},
                                              deps_.chance);
  if (!options_.congestion_control.empty()) (void)connection_->use_congestion_control(options_.congestion_control);
  deps_.loop.start(*connection_, *this);
  Buffer out;
  socket_->start(out);
  put(out);
}

void Wire::put(Bytes bytes) {
  ours_.out += bytes.size();
  connection_->send(bytes);
}

// A connection that has broken tells nothing any more: what it told last stands.
const Traffic& Wire::traffic() {
  const auto info = path_info();
  const auto said = info && info->bytes_out > 0 ? Traffic{info->bytes_out, info->bytes_in} : ours_;
  traffic_ = {std::max(traffic_.out, said.out), std::max(traffic_.in, said.in)};
  return traffic_;
}

void Wire::on_bytes(Bytes bytes) {
  ours_.in += bytes.size();
  std::vector<http::WebSocket::Event> events;
  Buffer out;
  socket_->on_bytes(bytes, events, out);
  if (!out.empty()) put(out);
  using Kind = http::WebSocket::Event::Kind;
  for (const auto& event : events) {
    if (owner_ == nullptr) return;
    if (event.kind == Kind::opened) {
      within_.reset();
      owner_->on_open(*this);
    }
    if (event.kind == Kind::message) owner_->on_message(*this, event.message);
    if (event.kind == Kind::ended) return end({"closed", event.why});
  }
  if (owner_ != nullptr) owner_->on_read(*this);
}

void Wire::on_closed(const Error& why) { end(trouble_of(why, options_.to.url.tls)); }

void Wire::send(std::span<const Buffer> frames) {
  Buffer bytes;
  for (const auto& frame : frames) socket_->send(frame, false, bytes);
  if (!bytes.empty()) put(bytes);
}

void Wire::end(Trouble why) {
  auto* const owner = std::exchange(owner_, nullptr);
  if (owner == nullptr) return;
  within_.reset();
  if (connection_) connection_->close();
  owner->on_end(*this, std::move(why));
}

void Wire::close() {
  owner_ = nullptr;
  within_.reset();
  if (!connection_) return;
  if (socket_->open()) {
    Buffer bytes;
    socket_->close(1000, "", bytes);
    put(bytes);
  }
  connection_->close();
}

}  // namespace skerry::link
