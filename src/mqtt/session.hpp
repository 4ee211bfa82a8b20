// One MQTT connection as a machine (MQTT 3.1.1 and 5.0): bytes, commits and time in, effects out. No I/O.
//
// The owner feeds on_bytes() until it gives nothing back, carrying the effects out after each call: it appends what
// Append says, in order, then calls await() with each one's position, and acknowledgements leave from on_committed()
// when those positions are durable. Connecting, Subscribing, Unsubscribing and Leaving come alone in a call; the owner
// answers them (connected(), suback(), unsuback()). Views in effects are valid until the next call of on_bytes().
// PUBACK, PUBREC and all other answers leave in the order of what they answer (MQTT 5.0 section 4.6).
#pragma once

#include <deque>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "mqtt/access.hpp"
#include "mqtt/options.hpp"
#include "mqtt/packet.hpp"
#include "mqtt/state.hpp"
#include "record/classes.hpp"

namespace skerry::mqtt {

struct Now {
  Mono mono;
  Wall wall;
};

// A record for the log, and what leaves when it is durable (nothing when packet_id is 0).
struct Append {
  record::Record record;
  Type then = Type::puback;
  std::uint16_t packet_id = 0;
};
// An answer in its place in the order, which waits for no record of its own.
struct Answer {
  Type type = Type::puback;
  std::uint16_t packet_id = 0;
  Reason reason = Reason::success;
  const char* text = "";
};
struct Connecting {
  Connect packet;
};
struct Subscribing {
  Subscribe packet;
};
struct Unsubscribing {
  Unsubscribe packet;
};
struct Leaving {
  Disconnect packet;
};
struct Ping {};
struct Refused {
  Refusal refusal;
};  // DISCONNECT (v5) is in `send` already: close

using Effect = std::variant<Append, Answer, Connecting, Subscribing, Unsubscribing, Leaving, Ping, Refused>;

struct Effects {
  std::vector<Effect> list;
  Buffer send;                      // to leave now
  std::deque<std::string> strings;  // what views in `list` point to, where not to the input
  std::uint64_t received[3] = {};   // PUBLISH by QoS
  std::uint64_t refused_publishes = 0;

  void clear() {
    list.clear();
    send.clear();
    if (!strings.empty()) strings.clear();
    received[0] = received[1] = received[2] = refused_publishes = 0;
  }
};

// How one message goes to this client.
struct Delivery {
  std::uint8_t qos = 0;
  std::uint16_t packet_id = 0;
  bool dup = false;
  bool retain = false;
  std::span<const std::uint32_t> ids;  // subscription identifiers
};

class Session {
 public:
  Session(const Options& options, const record::ClassRules& rules, Mono now)
      : options_(options), rules_(rules), last_heard_(now) {}

  // Takes packets from the front; gives back what it has not looked at yet.
  Bytes on_bytes(Bytes in, const Now& now, Effects& out);
  void on_committed(Position committed_end, Buffer& send);
  // Code: keep alive or the time for CONNECT is over.
  std::optional<Refusal> on_tick(Mono now);
  std::optional<Mono> deadline() const;  // when on_tick() should be called next

  // ---- answers to effects ----
  void await(Type then, std::uint16_t packet_id, Position position);
  // Answers that wait for a position not known yet (`unknown`) wait for `position` from now on.
  void settle(Position unknown, Position position);
  void answer(const Answer& answer, Buffer& send);
  void answer_ping(Buffer& send);
  // What the client may do; before connected().
  void grant(std::shared_ptr<Grant> grant) { grant_ = std::move(grant); }
  Grant& grant() const { return *grant_; }
  // CONNECT is accepted; `packet` leaves now, or after `position` is durable.
  void connected(const Connect& connect, State& state, const Connack& packet, std::uint16_t keep_alive_s,
                 std::optional<Position> position, Buffer& send);
  void answer_whole(Buffer packet, std::optional<Position> position, Buffer& send);  // SUBACK, UNSUBACK

  // ---- towards the client ----
  bool room() const { return state_ != nullptr && state_->window.active() < window_max_; }
  // False: larger than the client takes (MQTT 5.0 section 3.1.2.11.4), nothing was written.
  bool publish(const record::RecordView& message, const Delivery& delivery, Wall now, Buffer& send) const;
  void resend_release(std::uint16_t packet_id, Buffer& send) const;
  void disconnect(Reason reason, std::string_view text, Buffer& send) const;  // v5 only; 3.1.1 has none

  bool is_connected() const { return state_ != nullptr; }
  Version version() const { return version_; }
  bool idle() const { return pending_at_ == pending_.size(); }  // nothing waits for a commit
  std::uint16_t keep_alive_s() const { return keep_alive_s_; }

 private:
  struct Pending {
    Position position;
    const char* text = "";
    std::uint16_t packet_id = 0;
    Type type = Type::puback;
    Reason reason = Reason::success;
  };

  void take(const Frame& frame, const Now& now, Effects& out);
  void refuse(const Refusal& refusal, Effects& out);
  void refuse_connect(Bytes body, const Refusal& refusal, Effects& out) const;
  std::optional<Refusal> take_publish(const Frame& frame, const Now& now, Effects& out);
  std::optional<Refusal> read_properties(Publish& packet, record::Record& record, const Now& now, Effects& out);
  std::optional<Refusal> check_topic(std::string_view topic);
  std::optional<Refusal> take_ack(const Frame& frame, Effects& out);
  std::optional<Refusal> on_pubrec(const Ack& ack, Effects& out);
  std::optional<Refusal> on_pubcomp(const Ack& ack, Effects& out);
  void append_event(Buffer payload, Effects& out, Type then = Type::puback, std::uint16_t packet_id = 0);
  void append_delivery(const InFlight& entry, std::string_view state, Effects& out);
  void push(const Pending& pending, Buffer& send);
  void write(const Pending& pending, Buffer& send);

  const Options& options_;
  const record::ClassRules& rules_;
  std::shared_ptr<Grant> grant_;
  State* state_ = nullptr;
  Mono last_heard_;
  Version version_ = Version::v311;
  std::uint16_t keep_alive_s_ = 0;
  std::uint16_t window_max_ = 0;
  std::uint32_t client_packet_max_ = limits::remaining_length_max;
  bool problem_information_ = true;  // MQTT 5.0 section 3.1.2.11.7
  bool refused_ = false;
  bool partial_done_ = false;
  Buffer partial_;             // the front of a packet that has not come whole
  std::uint32_t unacked_ = 0;  // QoS 1 taken and not yet acknowledged

  std::vector<Pending> pending_;  // answers that wait for a commit, in order
  std::size_t pending_at_ = 0;
  std::vector<Buffer> whole_;  // the packets of those that are more than an acknowledgement, in order

  std::string topic_;  // the last topic that was checked: devices rarely change it
  record::Class class_ = record::Class::medium;
  std::vector<std::string> aliases_;
};

// Payload and topic of a delivery record (kind delivery): what became of a command at one session.
std::string delivery_payload(std::string_view state, std::string_view client_id, std::uint16_t packet_id);
bool is_told(std::string_view topic);      // commands/#
bool is_internal(std::string_view topic);  // not for clients to publish to

}  // namespace skerry::mqtt
