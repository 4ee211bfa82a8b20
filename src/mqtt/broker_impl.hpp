// Inside the broker: sessions, connections, the cursor on the log, and what waits for a commit.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <queue>
#include <unordered_map>

#include "mqtt/broker.hpp"
#include "mqtt/counters.hpp"
#include "mqtt/session.hpp"
#include "mqtt/topics.hpp"
#include "record/forgotten.hpp"

namespace skerry::mqtt {

class BrokerImpl;
struct Peer;

inline constexpr Position position_unknown{UINT64_MAX};  // of a record that waits until the log takes it

// A session as the broker keeps it. `live`: it is handed what the broker's cursor reads; else it reads by itself
// from `next` on (connected), or waits there (not connected).
struct Entry : State {
  Peer* peer = nullptr;
  bool live = false;
  bool in_pump = false;
  bool logged = false;                 // the log has records of it
  std::uint32_t generation = 0;        // counts connects and disconnects: old deadlines do not count
  std::optional<Position> pump_after;  // SUBACK leaves first
  Mono expires{};                      // when not connected
  Mono will_due{};
  record::ClassMask classes = record::all_classes;  // that its subscriptions can match
  bool wants_rows = false;                          // they can match what pipelines store as rows
  std::uint64_t stamp = 0;                          // which dispatch its target is of
  std::size_t target = 0;
  Position gaps_told;  // records that were trimmed before it were counted as missed
};

// A connection.
struct Peer final : ConnectionHandler {
  Peer(BrokerImpl& b, std::uint64_t number, std::unique_ptr<Connection> c, Session s)
      : broker(b), id(number), connection(std::move(c)), session(std::move(s)) {}
  void on_bytes(Bytes bytes) override;
  void on_closed(const Error& why) override;
  void on_drained() override;

  struct Stall {  // what the log did not take yet; no more is read until it does
    Effects effects;
    Buffer rest;
    bool has_effects = false;
  };

  BrokerImpl& broker;
  std::uint64_t id;
  std::unique_ptr<Connection> connection;
  Session session;
  Entry* entry = nullptr;
  std::unique_ptr<Stall> stall;
  std::optional<Position> ready_after;  // CONNACK waits for it
  bool ready = false;                   // messages may go to it
  bool waiting = false;                 // for a commit
  bool gone = false;
};

// One session's share of a message: the best of its matching subscriptions.
struct Target {
  Entry* entry = nullptr;
  std::uint8_t qos = 0;
  bool retain_as_published = false;
  std::vector<std::uint32_t> ids;
};

// A message for one connection that waits for a commit.
struct Held {
  Position barrier;
  std::uint64_t peer = 0;
  std::shared_ptr<const log::Chunk> chunk;
  const record::RecordView* record = nullptr;
  Delivery delivery;
  std::vector<std::uint32_t> ids;
};

// A record of the broker's own, with its bytes.
struct OwnRecord {
  record::Class cls = record::Class::critical;
  record::Kind kind = record::Kind::session;
  std::string topic;
  Buffer payload;
  std::string origin;
  std::optional<Position> cause;
  std::uint8_t qos = 0;
  bool retain = false;
  Buffer properties;
  std::optional<Wall> expires_at;

  record::Record view() const;
};

class BrokerImpl final : public Broker {
 public:
  BrokerImpl(const Deps& deps, std::string_view state_dir, const Options& options);
  ~BrokerImpl() override;
  BrokerImpl(const BrokerImpl&) = delete;
  BrokerImpl& operator=(const BrokerImpl&) = delete;

  Result<> recover();  // broker_store.cpp
  Result<std::uint16_t> listen(const Address& address, const Listen& through) override;
  void recheck() override;
  void shut() override;
  Result<> checkpoint() override;
  std::vector<ClientInfo> clients() const override;
  std::optional<record::Position> retained(std::string_view topic) const override { return retained_.find(topic); }
  void reconfigure(const Options& options) override {
    options_.connections_max = options.connections_max;
    options_.session_expiry_s_max = options.session_expiry_s_max;
    options_.sessions_max = options.sessions_max;
    options_.subscriptions_per_session_max = options.subscriptions_per_session_max;
    options_.retained_max = options.retained_max;
    options_.keep_alive_s_max = options.keep_alive_s_max;
  }

  // Of a Peer (broker.cpp).
  void feed(Peer& peer, Bytes in);
  void lost(Peer& peer, const Error& why);
  void drained(Peer& peer);

 private:
  struct Wakes;  // outlives the broker in the log's wakes and the loop's queue
  static bool alive(const Wakes& wakes);
  struct Due {
    Mono at;
    std::uint64_t peer;     // a connection's, or
    std::string client_id;  // a session's that is not connected
    std::uint32_t generation;
    bool operator<(const Due& other) const { return at > other.at; }
  };
  enum class Took { yes, skipped, no_room };

  // ---- broker.cpp: connections, turns, time ----
  void accept(std::unique_ptr<Connection> connection);
  Result<Position> append(std::span<const record::Record> records);
  bool carry_out(Peer& peer, Effects& effects);
  bool append_effects(Peer& peer, Effects& effects, Position& first);
  void stall(Peer& peer, Effects& effects, Bytes rest, bool has_effects);
  void unstall_all();
  void send(Peer& peer, Bytes bytes);
  void want_turn_end();
  void turn_end();
  void on_commit();
  void flush_waiting();
  void wait_for_commit(Peer& peer);
  void drop_peer(Peer& peer);
  void arm(Mono at);
  void on_timer();
  void on_due(const Due& due);
  void housekeep();
  Now now() { return {clock_.mono(), wall_.now()}; }

  // ---- broker_connect.cpp: sessions begin, end, subscribe ----
  void on_connect(Peer& peer, const Connect& packet);
  std::optional<Refusal> check_connect(Peer& peer, const Connect& packet, std::string& client_id);
  void refuse_connect(Peer& peer, Version version, const Refusal& refusal);
  Buffer connack_properties(const Connect& packet, const Entry& entry, std::string_view assigned,
                            std::uint16_t keep_alive_s) const;
  void on_subscribe(Peer& peer, const Subscribe& packet);
  Reason subscribe(Entry& entry, const Filter& filter, std::uint32_t id, std::vector<OwnRecord>& events,
                   std::vector<Position>& retained);
  void on_unsubscribe(Peer& peer, const Unsubscribe& packet);
  void on_leaving(Peer& peer, const Disconnect& packet);
  void close_peer(Peer& peer, Reason reason, std::string_view text, bool publish_will);
  void detach(Peer& peer, bool publish_will);
  void end_session(Entry& entry, std::vector<OwnRecord>& events);
  void forget(Entry& entry);
  void publish_will(Entry& entry, std::vector<OwnRecord>& events);
  void schedule_absent(Entry& entry);

  // ---- broker_deliver.cpp: from the log to clients ----
  void dispatch_live();
  void on_record(const record::RecordView& record, const std::shared_ptr<const log::Chunk>& chunk);
  void gather(const record::RecordView& record);
  bool match_one(const Entry& entry, const record::RecordView& record, bool since, Target& target) const;
  Took deliver(Entry& entry, const record::RecordView& record, const Target& target,
               const std::shared_ptr<const log::Chunk>& chunk, bool retained);
  bool assign(Entry& entry, const record::RecordView& record, const InFlight& flight, std::optional<Position>& barrier);
  void release_held();
  void start(Peer& peer);
  void resend(Entry& entry);
  void resend_one(Entry& entry, InFlight& flight, std::vector<OwnRecord>& events);
  void give_up(Entry& entry, InFlight& flight, std::vector<OwnRecord>& events);
  void want_pump(Entry& entry);
  void pump(Entry& entry);
  bool pump_retained(Entry& entry);
  std::shared_ptr<const log::Chunk> read_at(Position position) const;

  // ---- broker_store.cpp: the broker's own records, replay, checkpoint ----
  // The last one's position, or position_unknown while the log takes no more: then they wait in order.
  Position append_own(std::vector<OwnRecord> records);
  void flush_deferred();
  OwnRecord session_record(const Entry& entry, Buffer payload) const;
  OwnRecord delivery_record(const Entry& entry, const InFlight& flight, std::string_view state) const;
  void log_failed(const Error& why);
  void replay(const record::RecordView& record);
  void replay_delivery(const record::RecordView& record);
  void after_replay();
  Buffer snapshot() const;
  Result<> restore(Bytes state);
  Entry& entry_of(std::string_view client_id);
  Entry* find(std::string_view client_id);
  void note_retained(const record::RecordView& record);
  void note_classes(Entry& entry);
  std::string checkpoint_path() const;
  void pin() const;
  Result<> save(Position position, Buffer state);

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };

  Loop& loop_;
  log::Log& log_;
  Files& files_;
  Chance& chance_;
  const record::ClassRules& rules_;
  Clock& clock_;
  SteadyWall wall_;
  Access allow_all_;
  Access& access_;
  log::Saver* saver_;
  Options options_;  // sessions refer to it: what they were told at CONNECT must stay
  const std::string dir_;
  Counters counters_;

  std::vector<std::unique_ptr<Listener>> listeners_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Peer>> peers_;
  std::vector<std::unique_ptr<Peer>> graveyard_;  // let go of at the end of the turn: one of their calls may be running
  std::uint64_t last_peer_ = 0;
  std::unordered_map<std::string, std::unique_ptr<Entry>, Hash, std::equal_to<>> sessions_;
  std::size_t subscriptions_ = 0;
  std::size_t row_readers_ = 0;  // sessions that want rows: without any the cursor steps over them
  TopicTree tree_;
  RetainedIndex retained_;

  Position live_;        // the next record that the broker's cursor reads
  Position committed_;   // log_.committed_end(), as last looked at
  bool failed_ = false;  // the log takes nothing any more
  bool dispatching_ = false;
  std::uint64_t stamp_ = 0;
  std::vector<const Subscriber*> matches_;
  std::vector<Target> targets_;
  std::size_t targets_used_ = 0;
  std::deque<Held> held_;
  std::vector<std::uint64_t> waiting_;  // peers whose answers wait for a commit
  std::vector<std::uint64_t> stalled_;
  std::vector<Entry*> pumps_;                      // sessions that may have room again
  std::vector<std::uint64_t> pumps_later_;         // peers whose sessions ran into a place that cannot be read now
  std::vector<std::uint64_t> pumps_after_commit_;  // peers whose sessions wait for a commit before they read on
  std::deque<OwnRecord> deferred_;
  std::map<std::pair<std::string, std::uint64_t>, std::uint16_t> unfinished_;  // replay: deliveries told `sent`

  Effects effects_;
  std::vector<record::Record> records_;
  Buffer out_;           // to the client whose packets are carried out
  Buffer delivery_out_;  // one message to one client
  bool turn_end_wanted_ = false;

  std::priority_queue<Due> dues_;
  std::unique_ptr<Timer> timer_;
  Mono timer_at_ = Mono::max();
  std::unique_ptr<Timer> housekeeping_;
  Mono checkpoint_due_{};
  std::optional<std::pair<Position, Buffer>> snapshot_;  // waits until it is committed
  Position saved_{};

  std::shared_ptr<Wakes> wakes_;
  std::shared_ptr<void> append_handle_;
  std::shared_ptr<void> commit_handle_;
};

}  // namespace skerry::mqtt
