// The connection machine: framing, order of packets, and answers that wait for commits.
#include "mqtt/session.hpp"

#include <algorithm>

#include "mqtt/wire.hpp"

namespace skerry::mqtt {

Bytes Session::on_bytes(Bytes in, const Now& now, Effects& out) {
  out.clear();
  last_heard_ = now.mono;
  if (partial_done_) {
    Buffer().swap(partial_);
    partial_done_ = false;
  }
  while (!refused_) {
    std::size_t needed = 0;
    if (!partial_.empty()) {
      // The rest of a packet whose front came earlier; it is handed on alone, because it lives in partial_.
      auto frame = next_frame(partial_, options_.packet_bytes_max, needed);
      while (frame && !*frame && !in.empty()) {
        const auto more = needed == 0 ? 1 : std::min(needed - partial_.size(), in.size());
        append_bytes(partial_, in.first(more));
        in = in.subspan(more);
        frame = next_frame(partial_, options_.packet_bytes_max, needed);
      }
      if (!frame) {
        refuse(frame.error(), out);
        return {};
      }
      if (!*frame) return {};
      partial_done_ = true;
      take(**frame, now, out);
      return in;
    }
    const auto frame = next_frame(in, options_.packet_bytes_max, needed);
    if (!frame) {
      refuse(frame.error(), out);
      break;
    }
    if (!*frame) {
      append_bytes(partial_, in);
      return {};
    }
    const auto before = out.list.size();
    const auto type = (*frame)->type;
    const bool alone =
        type == Type::connect || type == Type::subscribe || type == Type::unsubscribe || type == Type::disconnect;
    if (alone && before != 0) return in;
    take(**frame, now, out);
    in = in.subspan((*frame)->bytes);
    if (alone) return in;
  }
  return {};
}

void Session::refuse(const Refusal& refusal, Effects& out) {
  if (std::exchange(refused_, true)) return;
  if (state_ != nullptr) disconnect(refusal.reason, refusal.what, out.send);
  out.list.emplace_back(Refused{refusal});
}

// A CONNECT that cannot be read: the answer is CONNACK, in the version that it seems to speak.
void Session::refuse_connect(Bytes body, const Refusal& refusal, Effects& out) const {
  Reader in(body);
  const auto name = as_text(take_binary(in));
  const auto level = in.byte();
  if (!in.ok() || !name.starts_with("MQ")) return;  // not MQTT at all
  const bool old = level <= static_cast<std::uint8_t>(Version::v311);
  if (old && refusal.reason != Reason::unsupported_protocol_version) return;  // 3.1.1 has no code for it
  Connack packet;
  packet.code = old ? 1 : static_cast<std::uint8_t>(refusal.reason);
  Buffer properties;
  put_text(properties, Property::reason_string, refusal.what);
  packet.properties = properties;
  encode(out.send, old ? Version::v311 : Version::v5, packet);
}

void Session::take(const Frame& frame, const Now& now, Effects& out) {
  std::optional<Refusal> refusal;
  const auto decoded = [&](auto packet, auto effect) {
    if (!packet)
      refusal = packet.error();
    else
      out.list.emplace_back(decltype(effect){std::move(*packet)});
  };
  if ((state_ == nullptr) != (frame.type == Type::connect)) {
    refusal = state_ == nullptr ? Refusal{Reason::protocol_error, "order", "the first packet must be CONNECT"}
                                : Refusal{Reason::protocol_error, "second_connect", "a second CONNECT"};
  } else {
    switch (frame.type) {
      case Type::publish: refusal = take_publish(frame, now, out); break;
      case Type::puback:
      case Type::pubrec:
      case Type::pubrel:
      case Type::pubcomp: refusal = take_ack(frame, out); break;
      case Type::connect: decoded(decode_connect(frame), Connecting{}); break;
      case Type::subscribe: decoded(decode_subscribe(frame, version_), Subscribing{}); break;
      case Type::unsubscribe: decoded(decode_unsubscribe(frame, version_), Unsubscribing{}); break;
      case Type::disconnect: decoded(decode_disconnect(frame, version_), Leaving{}); break;
      case Type::pingreq:
        if (frame.body.empty())
          out.list.emplace_back(Ping{});
        else
          refusal = Refusal{Reason::malformed_packet, "length", "PINGREQ with a body"};
        break;
      case Type::auth:
        refusal = Refusal{Reason::protocol_error, "auth", "AUTH without an authentication method"};
        break;
      default: refusal = Refusal{Reason::protocol_error, "direction", "a packet that only a server may send"};
    }
  }
  if (!refusal) return;
  if (state_ == nullptr && frame.type == Type::connect) refuse_connect(frame.body, *refusal, out);
  refuse(*refusal, out);
}

void Session::on_committed(Position committed_end, Buffer& send) {
  while (pending_at_ < pending_.size() && pending_[pending_at_].position < committed_end)
    write(pending_[pending_at_++], send);
  if (pending_at_ == pending_.size()) {
    pending_at_ = 0;
    pending_.clear();
    if (pending_.capacity() > 64) pending_.shrink_to_fit();
  }
}

std::optional<Mono> Session::deadline() const {
  if (state_ == nullptr) return last_heard_ + options_.connect_within;
  if (keep_alive_s_ == 0) return {};
  return last_heard_ + std::chrono::milliseconds{1'500} * keep_alive_s_;
}

std::optional<Refusal> Session::on_tick(Mono now) {
  const auto due = deadline();
  if (!due || now < *due || refused_) return {};
  refused_ = true;
  if (state_ == nullptr) return Refusal{Reason::keep_alive_timeout, "connect_timeout", "no CONNECT in time"};
  return Refusal{Reason::keep_alive_timeout, "keep_alive", "nothing heard for one and a half times the keep alive"};
}

// ---- answers ----

void Session::push(const Pending& pending, Buffer& send) {
  if (pending.position == Position{} && idle()) return write(pending, send);
  auto entry = pending;
  // What waits for nothing of its own still waits for its turn.
  if (!idle()) entry.position = std::max(entry.position, pending_.back().position);
  pending_.push_back(entry);
}

void Session::write(const Pending& pending, Buffer& send) {
  switch (pending.type) {
    case Type::pingresp: return encode_empty(send, Type::pingresp);
    case Type::connack:
    case Type::suback:
    case Type::unsuback:
      append_bytes(send, whole_.front());
      whole_.erase(whole_.begin());
      if (whole_.empty()) whole_.shrink_to_fit();
      return;
    case Type::puback:
      if (unacked_ > 0) --unacked_;
      break;
    default: break;
  }
  encode_ack(send, version_, pending.type, pending.packet_id, pending.reason, problem_information_ ? pending.text : "");
}

void Session::await(Type then, std::uint16_t packet_id, Position position) {
  Pending pending{position, "", packet_id, then, Reason::success};
  if (!idle()) pending.position = std::max(position, pending_.back().position);
  pending_.push_back(pending);
}

void Session::settle(Position unknown, Position position) {
  for (auto i = pending_at_; i < pending_.size(); ++i) {
    if (pending_[i].position == unknown) pending_[i].position = position;
  }
}

void Session::answer(const Answer& a, Buffer& send) { push({{}, a.text, a.packet_id, a.type, a.reason}, send); }
void Session::answer_ping(Buffer& send) { push({{}, "", 0, Type::pingresp, Reason::success}, send); }

void Session::answer_whole(Buffer packet, std::optional<Position> position, Buffer& send) {
  const auto type = static_cast<Type>(std::to_integer<unsigned>(packet[0]) >> 4);
  whole_.push_back(std::move(packet));
  if (position)
    await(type, 0, *position);
  else
    push({{}, "", 0, type, Reason::success}, send);
}

void Session::connected(const Connect& connect, State& state, const Connack& packet, std::uint16_t keep_alive_s,
                        std::optional<Position> position, Buffer& send) {
  state_ = &state;
  version_ = connect.version;
  keep_alive_s_ = keep_alive_s;
  window_max_ = options_.inflight_max;
  if (version_ == Version::v5) {
    const auto properties = Properties::read(connect.properties, In::connect);
    window_max_ = static_cast<std::uint16_t>(
        std::min<std::uint32_t>(window_max_, properties->number(Property::receive_maximum, 0xffff)));
    client_packet_max_ = properties->number(Property::maximum_packet_size, limits::remaining_length_max);
    // A reason in words must not make a packet larger than the client takes.
    problem_information_ =
        client_packet_max_ >= 1024 && properties->number(Property::request_problem_information, 1) != 0;
  }
  Buffer bytes;
  encode(bytes, version_, packet);
  answer_whole(std::move(bytes), position, send);
}

// ---- towards the client ----

bool Session::publish(const record::RecordView& message, const Delivery& delivery, Wall now, Buffer& send) const {
  Publish packet;
  packet.topic = message.topic;
  packet.payload = message.payload;
  packet.packet_id = delivery.packet_id;
  packet.qos = delivery.qos;
  packet.retain = delivery.retain;
  packet.dup = delivery.dup;
  if (version_ == Version::v311) {
    encode(send, version_, packet);
    return true;
  }
  packet.properties = message.properties;
  Buffer prefix;
  for (const auto id : delivery.ids) put_number(prefix, Property::subscription_id, id);
  if (message.expires_at) {
    const auto left = std::chrono::ceil<std::chrono::seconds>(*message.expires_at - now).count();
    put_number(prefix, Property::message_expiry,
               static_cast<std::uint32_t>(std::clamp<std::int64_t>(left, 0, 0xffffffff)));
  }
  if (encoded_bytes(version_, packet, prefix.size()) > client_packet_max_) return false;
  encode(send, version_, packet, prefix);
  return true;
}

void Session::resend_release(std::uint16_t packet_id, Buffer& send) const {
  encode_ack(send, version_, Type::pubrel, packet_id);
}

void Session::disconnect(Reason reason, std::string_view text, Buffer& send) const {
  if (version_ == Version::v5)
    encode_disconnect(send, version_, reason, client_packet_max_ >= 1024 ? text : std::string_view{});
}

}  // namespace skerry::mqtt
