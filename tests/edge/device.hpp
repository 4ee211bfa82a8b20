// A device for the simulation: publishes readings over MQTT 3.1.1 at QoS 1 until each is acknowledged, reconnects, and
// remembers what was acknowledged. Its packets are written by hand, so that it does not share a mistake with src/mqtt.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/loop.hpp"

namespace skerry::edge {

class Device final : public ConnectionHandler {
 public:
  Device(Loop& loop, std::string id, std::uint16_t port) : loop_(loop), id_(std::move(id)), port_(port) { connect(); }

  void publish(std::string payload) {
    waiting_.push_back(std::move(payload));
    send_next();
  }
  bool idle() const { return waiting_.empty() && !in_flight_; }
  const std::vector<std::string>& acknowledged() const { return acknowledged_; }
  const std::string& id() const { return id_; }

  void on_bytes(Bytes bytes) override {
    append_bytes(in_, bytes);
    while (const auto packet = take_packet()) on_packet(*packet);
  }
  void on_closed(const Error&) override {
    connection_.reset();
    connected_ = false;
    in_.clear();
    retry_ = loop_.after(std::chrono::milliseconds{20}, [this] { connect(); });
  }

 private:
  void connect() {
    loop_.connect({"127.0.0.1", port_}, [this](Result<std::unique_ptr<Connection>> connection) {
      if (!connection) {
        retry_ = loop_.after(std::chrono::milliseconds{20}, [this] { connect(); });
        return;
      }
      connection_ = std::move(*connection);
      loop_.start(*connection_, *this);
      Buffer body;
      text(body, "MQTT");
      append_byte(body, 4);
      append_byte(body, 0);  // the session is kept
      append_be<std::uint16_t>(body, 0);
      text(body, id_);
      send(0x10, body);
    });
  }

  void on_packet(const Buffer& packet) {
    const auto type = std::to_integer<unsigned>(packet[0]) >> 4;
    if (type == 2) {  // CONNACK
      connected_ = true;
      if (in_flight_) {
        send_publish(true);
      } else {
        send_next();
      }
    }
    if (type == 4 && in_flight_) {  // PUBACK
      acknowledged_.push_back(std::move(*in_flight_));
      in_flight_.reset();
      send_next();
    }
  }

  void send_next() {
    if (!connected_ || in_flight_ || waiting_.empty()) return;
    in_flight_ = std::move(waiting_.front());
    waiting_.pop_front();
    packet_id_ = static_cast<std::uint16_t>(packet_id_ % 65535 + 1);
    send_publish(false);
  }

  void send_publish(bool again) {
    Buffer body;
    text(body, "sensors/" + id_ + "/data");
    append_be(body, packet_id_);
    append_bytes(body, as_bytes(*in_flight_));
    send(again ? 0x3a : 0x32, body);
  }

  void send(std::uint8_t head, const Buffer& body) {
    Buffer packet;
    append_byte(packet, head);
    append_varint(packet, body.size());  // MQTT's variable byte integer is a LEB128 varint
    append_bytes(packet, body);
    connection_->send(packet);
  }
  static void text(Buffer& to, std::string_view value) {
    append_be(to, static_cast<std::uint16_t>(value.size()));
    append_bytes(to, as_bytes(value));
  }

  std::optional<Buffer> take_packet() {
    Reader reader(in_);
    reader.byte();
    const auto size = reader.varint();
    if (!reader.ok() || reader.rest().size() < size) return {};
    const auto all = in_.size() - reader.rest().size() + size;
    Buffer packet(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(all));
    in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(all));
    return packet;
  }

  Loop& loop_;
  std::string id_;
  std::uint16_t port_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<Timer> retry_;
  bool connected_ = false;
  Buffer in_;
  std::deque<std::string> waiting_;
  std::optional<std::string> in_flight_;
  std::uint16_t packet_id_ = 0;
  std::vector<std::string> acknowledged_;
};

}  // namespace skerry::edge
