// State: what a client's session is, apart from any connection: subscriptions, its place in the log, what is in flight.
//
// It is event-sourced: each change of a session that outlives its connection is a record (kind session, topic
// `$skerry/session/{client id}`), and apply() makes the state from them again. Bytes: docs/mqtt.md.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mqtt/packet.hpp"
#include "record/record.hpp"

namespace skerry::mqtt {

using record::Position;

struct Subscription {
  std::string filter;
  std::uint32_t id = 0;
  std::uint8_t qos = 0;
  bool no_local = false;
  bool retain_as_published = false;
  Position since;  // messages before it are not for this subscription
};

enum class Phase : std::uint8_t {
  held,      // has a packet id; PUBLISH waits for a commit
  sent,      // PUBLISH left (or may have)
  received,  // QoS 2: PUBREC came, PUBREL leaves after its commit
  done,
};

struct InFlight {
  Position position;
  std::uint16_t packet_id = 0;
  std::uint8_t qos = 1;
  Phase phase = Phase::sent;
  bool retain = false;
  bool told = false;  // a command: delivery records say what becomes of it
};

// What was sent with QoS > 0 and is not finished, in the order it was sent.
class Window {
 public:
  std::size_t active() const { return active_; }
  InFlight* find(std::uint16_t packet_id);  // nothing when done or unknown
  void put(const InFlight& entry);          // replaces one with that packet id
  void finish(InFlight& entry);
  std::uint16_t next_packet_id();  // one that is free; active() < 65,535
  void clear();

  template <typename Visit>
  void each(Visit visit) {
    for (auto i = head_; i < entries_.size(); ++i) {
      if (entries_[i].phase != Phase::done) visit(entries_[i]);
    }
  }
  template <typename Visit>
  void each(Visit visit) const {
    for (auto i = head_; i < entries_.size(); ++i) {
      if (entries_[i].phase != Phase::done) visit(entries_[i]);
    }
  }

 private:
  std::vector<InFlight> entries_;  // finished ones stay until those before them are finished
  std::size_t head_ = 0;
  std::size_t active_ = 0;
  std::uint16_t last_id_ = 0;
};

// A set of packet ids; a few are a list, many a bitmap.
class PacketIds {
 public:
  bool insert(std::uint16_t id);  // false: it was there
  bool erase(std::uint16_t id);
  bool contains(std::uint16_t id) const;
  std::size_t size() const { return size_; }
  void clear();
  std::vector<std::uint16_t> all() const;

 private:
  std::vector<std::uint16_t> few_;
  std::vector<std::uint64_t> bits_;
  std::size_t size_ = 0;
};

struct StoredWill {
  std::string topic;
  Buffer payload;
  Buffer properties;  // to forward
  std::uint8_t qos = 0;
  bool retain = false;
  std::uint32_t delay_s = 0;
  std::optional<std::uint32_t> message_expiry_s;
};

struct State {
  std::string client_id;
  std::uint32_t expiry_s = 0;  // 0: ends with the connection
  bool connected = false;      // as far as the log knows
  bool ended = false;          // by a `removed` event
  Wall left_at{};              // when it was parked
  std::vector<Subscription> subscriptions;
  Window window;
  PacketIds inbound;   // QoS 2 from the client: PUBLISH taken, PUBREL not yet seen
  Position next;       // the log from here on is not yet handed to it
  Position qos2_from;  // QoS 2 messages before it have been given a packet id
  std::unique_ptr<StoredWill> will;
  std::vector<Position> retained;  // retained messages still to be handed to it; the last first

  bool outlives() const { return expiry_s != 0; }
  Subscription* find(std::string_view filter);
};

// ---- events: payloads of session records ----
enum class Event : std::uint8_t {
  connected = 1,
  subscribed,
  unsubscribed,
  assigned,
  received,
  completed,
  released,
  parked,
  removed,
  will_set,
  will_cleared,
};

inline constexpr std::string_view session_topic_prefix = "$skerry/session/";
inline constexpr std::string_view delivery_topic_prefix = "$skerry/delivery/";

Buffer event_connected(std::uint32_t expiry_s);
Buffer event_subscribed(const Subscription& subscription);
Buffer event_unsubscribed(std::string_view filter);
Buffer event_assigned(const InFlight& entry);
Buffer event_packet(Event event, std::uint16_t packet_id);  // received, completed, released
Buffer event_parked(const State& state);
Buffer event_bare(Event event);  // removed, will_cleared
Buffer event_will(const StoredWill& will);

// Code::damaged when it is no event. `record` gives its position and time.
Result<> apply(State& state, const record::RecordView& record);

// All of a state, for the checkpoint; `next` in place of its own.
void encode(Buffer& to, const State& state, Position next);
Result<State> decode_state(Reader& from);

}  // namespace skerry::mqtt
