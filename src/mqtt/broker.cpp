// The broker: connections, what happens in a turn of the loop, commits and deadlines.
#include "mqtt/broker.hpp"

#include <algorithm>

#include "base/logger.hpp"
#include "mqtt/broker_impl.hpp"

namespace skerry::mqtt {
namespace {

constexpr std::chrono::milliseconds timer_grain{20};  // deadlines are at most this late for want of a wake-up
constexpr std::chrono::seconds housekeeping_every{1};

}  // namespace

// What other threads touch. The broker takes itself out when it goes.
struct BrokerImpl::Wakes : std::enable_shared_from_this<Wakes> {
  Wakes(BrokerImpl& b, Loop& l) : broker(&b), loop(l) {}

  void wake(std::atomic<bool>& flag, void (BrokerImpl::*what)()) {
    if (flag.exchange(true)) return;  // one is on its way
    loop.post([self = shared_from_this(), &flag, what] {
      flag.store(false);
      if (self->broker != nullptr) (self->broker->*what)();
    });
  }

  BrokerImpl* broker;  // loop thread
  Loop& loop;
  std::atomic<bool> appended{false};
  std::atomic<bool> committed{false};
};

bool BrokerImpl::alive(const Wakes& wakes) { return wakes.broker != nullptr; }

Result<std::unique_ptr<Broker>> Broker::open(const Deps& deps, std::string_view state_dir, const Options& options) {
  if (options.packet_bytes_max > limits::packet_bytes_ceiling) {
    return fail(Code::invalid, "at most " + std::to_string(limits::packet_bytes_ceiling) + " bytes",
                "mqtt.packet_bytes_max");
  }
  if (options.receive_maximum == 0 || options.inflight_max == 0) {
    return fail(Code::invalid, "must not be 0", "mqtt.receive_maximum, mqtt.inflight_max");
  }
  TRY(deps.files.make_dirs(state_dir));
  auto broker = std::make_unique<BrokerImpl>(deps, state_dir, options);
  TRY(broker->recover());
  return broker;
}

BrokerImpl::BrokerImpl(const Deps& deps, std::string_view state_dir, const Options& options)
    : loop_(deps.loop),
      log_(deps.log),
      files_(deps.files),
      chance_(deps.chance),
      rules_(deps.rules),
      clock_(deps.loop.clock()),
      wall_(clock_),
      access_(deps.access != nullptr ? *deps.access : allow_all_),
      saver_(deps.saver),
      options_(options),
      dir_(state_dir),
      counters_(deps.metrics),
      wakes_(std::make_shared<Wakes>(*this, deps.loop)) {}

BrokerImpl::~BrokerImpl() {
  append_handle_.reset();
  commit_handle_.reset();
  wakes_->broker = nullptr;
  timer_.reset();
  housekeeping_.reset();
}

Result<std::uint16_t> BrokerImpl::listen(const Address& address, const Listen& through) {
  if (!append_handle_) {
    auto wakes = wakes_;
    append_handle_ = log_.on_append([wakes] { wakes->wake(wakes->appended, &BrokerImpl::want_turn_end); });
    commit_handle_ = log_.on_commit([wakes] { wakes->wake(wakes->committed, &BrokerImpl::on_commit); });
    checkpoint_due_ = clock_.mono() + options_.checkpoint_every;
    housekeep();
  }
  const Loop::Accept taken = [this](std::unique_ptr<Connection> c) { accept(std::move(c)); };
  auto listener = TRY(through ? through(address, taken) : loop_.listen(address, taken));
  const auto port = listener->port();
  listeners_.push_back(std::move(listener));
  return port;
}

void BrokerImpl::accept(std::unique_ptr<Connection> connection) {
  if (peers_.size() >= options_.connections_max) {
    counters_.limit("connections");
    connection->close();
    return;
  }
  const auto id = ++last_peer_;
  auto peer = std::make_unique<Peer>(*this, id, std::move(connection), Session(options_, rules_, clock_.mono()));
  auto& made = *peers_.emplace(id, std::move(peer)).first->second;
  const auto due = clock_.mono() + options_.connect_within;
  dues_.push({due, id, {}, 0});
  arm(due);
  loop_.start(*made.connection, made);
}

void Peer::on_bytes(Bytes bytes) { broker.feed(*this, bytes); }
void Peer::on_closed(const Error& why) { broker.lost(*this, why); }
void Peer::on_drained() { broker.drained(*this); }

void BrokerImpl::feed(Peer& peer, Bytes in) {
  counters_.bytes_received.add(in.size());
  if (peer.stall) return append_bytes(peer.stall->rest, in);
  want_turn_end();
  while (!in.empty() && !peer.gone) {
    if (!deferred_.empty()) return stall(peer, effects_, in, false);
    in = peer.session.on_bytes(in, now(), effects_);
    if (!carry_out(peer, effects_)) return stall(peer, effects_, in, true);
  }
}

// The log's wake is not needed for what we append ourselves: the end of this turn looks.
Result<Position> BrokerImpl::append(std::span<const record::Record> records) {
  const bool on_its_way = wakes_->appended.exchange(true);
  auto position = log_.append(records);
  if (!on_its_way) wakes_->appended.store(false);
  want_turn_end();
  return position;
}

// Appends what the effects say, as one append. False: the log is busy, nothing was taken.
bool BrokerImpl::append_effects(Peer& peer, Effects& effects, Position& first) {
  records_.clear();
  for (const auto& effect : effects.list) {
    if (const auto* const append = std::get_if<Append>(&effect)) records_.push_back(append->record);
  }
  if (records_.empty()) return true;
  if (!deferred_.empty()) return false;
  if (!failed_) {
    const auto position = append(records_);
    if (position) {
      first = *position;
      return true;
    }
    if (position.error().code == Code::busy) return false;
    if (position.error().code == Code::full) {
      counters_.limit("log_append");
      close_peer(peer, Reason::quota_exceeded, position.error().what, true);
      return true;
    }
    log_failed(position.error());
  }
  counters_.not_acknowledged.add(records_.size());
  close_peer(peer, Reason::implementation_specific, "the gateway's log has failed: nothing is acknowledged any more",
             true);
  return true;
}

bool BrokerImpl::carry_out(Peer& peer, Effects& effects) {
  Position at{};
  if (!append_effects(peer, effects, at)) return false;
  if (peer.gone) return true;
  for (int qos = 0; qos < 3; ++qos) {
    if (effects.received[qos] != 0) counters_.received[qos]->add(effects.received[qos]);
  }
  if (effects.refused_publishes != 0) counters_.malformed("publish_refused");
  out_.clear();
  for (auto& effect : effects.list) {
    if (const auto* const append = std::get_if<Append>(&effect)) {
      if (append->packet_id != 0) peer.session.await(append->then, append->packet_id, at);
      at = at + 1;
    } else if (const auto* const answer = std::get_if<Answer>(&effect)) {
      peer.session.answer(*answer, out_);
    } else if (std::holds_alternative<Ping>(effect)) {
      peer.session.answer_ping(out_);
    } else if (const auto* const connecting = std::get_if<Connecting>(&effect)) {
      on_connect(peer, connecting->packet);
    } else if (const auto* const subscribing = std::get_if<Subscribing>(&effect)) {
      on_subscribe(peer, subscribing->packet);
    } else if (const auto* const unsubscribing = std::get_if<Unsubscribing>(&effect)) {
      on_unsubscribe(peer, unsubscribing->packet);
    } else if (const auto* const leaving = std::get_if<Leaving>(&effect)) {
      on_leaving(peer, leaving->packet);
    } else if (const auto* const refused = std::get_if<Refused>(&effect)) {
      counters_.malformed(refused->refusal.label);
      send(peer, out_);
      send(peer, effects.send);
      close_peer(peer, Reason::success, {}, true);
    }
    if (peer.gone) return true;
  }
  send(peer, out_);
  if (!peer.session.idle()) wait_for_commit(peer);
  if (peer.entry != nullptr && peer.ready && !peer.entry->live) want_pump(*peer.entry);
  return true;
}

void BrokerImpl::send(Peer& peer, Bytes bytes) {
  if (bytes.empty()) return;
  counters_.bytes_sent.add(bytes.size());
  peer.connection->send(bytes);
}

void BrokerImpl::stall(Peer& peer, Effects& effects, Bytes rest, bool has_effects) {
  counters_.pushed_back.add();
  peer.stall = std::make_unique<Peer::Stall>();
  append_bytes(peer.stall->rest, rest);
  if (has_effects) {
    // Views into the input end with this call: what they show is kept.
    const auto keep = [&](std::string_view text) -> std::string_view {
      return text.empty() ? text : std::string_view(effects.strings.emplace_back(text));
    };
    for (auto& effect : effects.list) {
      auto* const append = std::get_if<Append>(&effect);
      if (append == nullptr) continue;
      append->record.topic = keep(append->record.topic);
      append->record.payload = as_bytes(keep(as_text(append->record.payload)));
      append->record.properties = as_bytes(keep(as_text(append->record.properties)));
    }
    std::swap(peer.stall->effects, effects);
    peer.stall->has_effects = true;
  }
  peer.connection->read_more(false);
  stalled_.push_back(peer.id);
}

void BrokerImpl::unstall_all() {
  const auto stalled = std::exchange(stalled_, {});
  for (std::size_t i = 0; i < stalled.size(); ++i) {
    const auto found = peers_.find(stalled[i]);
    if (found == peers_.end() || !found->second->stall) continue;
    auto& peer = *found->second;
    auto& held = *peer.stall;
    if (!deferred_.empty() || (held.has_effects && !carry_out(peer, held.effects))) {
      stalled_.insert(stalled_.end(), stalled.begin() + static_cast<std::ptrdiff_t>(i), stalled.end());
      return;
    }
    if (peer.gone) continue;
    const auto rest = std::move(held.rest);
    peer.stall.reset();
    peer.connection->read_more(true);
    counters_.bytes_received.add(0 - rest.size());  // feed() counts them again
    feed(peer, rest);
  }
}

// ---- turns and commits ----

void BrokerImpl::want_turn_end() {
  if (std::exchange(turn_end_wanted_, true)) return;
  loop_.at_turn_end([wakes = wakes_] {
    if (wakes->broker != nullptr) wakes->broker->turn_end();
  });
}

void BrokerImpl::turn_end() {
  turn_end_wanted_ = false;
  if (log_.committed_end() > committed_) on_commit();
  dispatch_live();
  for (auto* const entry : std::exchange(pumps_, {})) {
    if (entry == nullptr) continue;
    entry->in_pump = false;
    if (entry->peer != nullptr && !entry->live) pump(*entry);
  }
  if (!graveyard_.empty()) {
    // Not here: a handler of one of them may be on the stack below a simulated turn's end.
    loop_.post([dead = std::make_shared<std::vector<std::unique_ptr<Peer>>>(std::move(graveyard_))] {});
    graveyard_.clear();
  }
}

void BrokerImpl::wait_for_commit(Peer& peer) {
  if (std::exchange(peer.waiting, true)) return;
  waiting_.push_back(peer.id);
}

void BrokerImpl::flush_waiting() {
  const auto waiting = std::exchange(waiting_, {});
  for (const auto id : waiting) {
    const auto found = peers_.find(id);
    if (found == peers_.end()) continue;
    auto& peer = *found->second;
    peer.waiting = false;
    out_.clear();
    peer.session.on_committed(committed_, out_);
    send(peer, out_);
    if (!peer.ready && peer.ready_after && *peer.ready_after < committed_) start(peer);
    if (!peer.session.idle()) wait_for_commit(peer);
  }
}

void BrokerImpl::on_commit() {
  committed_ = log_.committed_end();
  flush_deferred();
  flush_waiting();
  release_held();
  for (const auto id : std::exchange(pumps_after_commit_, {})) {
    const auto found = peers_.find(id);
    if (found != peers_.end() && found->second->entry != nullptr) want_pump(*found->second->entry);
  }
  unstall_all();
  if (snapshot_ && snapshot_->first <= committed_) {
    auto [position, state] = *std::exchange(snapshot_, {});
    if (const auto saved = save(position, std::move(state)); !saved) {
      logger::warn("mqtt", "cannot save the checkpoint", {{"why", saved.error().text()}});
    }
  }
  want_turn_end();
}

void BrokerImpl::drained(Peer& peer) {
  if (peer.entry != nullptr && peer.ready && !peer.entry->live) want_pump(*peer.entry);
}

void BrokerImpl::lost(Peer& peer, const Error&) {
  if (peer.gone) return;
  detach(peer, true);
  drop_peer(peer);
}

// The connection is let go of; its session has been detached.
void BrokerImpl::drop_peer(Peer& peer) {
  peer.gone = true;
  const auto found = peers_.find(peer.id);
  INVARIANT(found != peers_.end());
  graveyard_.push_back(std::move(found->second));
  peers_.erase(found);
  want_turn_end();
}

// ---- time ----

void BrokerImpl::arm(Mono at) {
  if (at >= timer_at_) return;
  timer_at_ = at;
  const auto delay = std::max<std::chrono::nanoseconds>(at - clock_.mono(), timer_grain);
  timer_ = loop_.after(delay, [this] { on_timer(); });
}

void BrokerImpl::on_timer() {
  timer_at_ = Mono::max();
  const auto mono = clock_.mono();
  while (!dues_.empty() && dues_.top().at <= mono) {
    const auto due = dues_.top();
    dues_.pop();
    on_due(due);
  }
  if (!dues_.empty()) arm(dues_.top().at);
  want_turn_end();
}

void BrokerImpl::on_due(const Due& due) {
  if (due.peer != 0) {
    const auto found = peers_.find(due.peer);
    if (found == peers_.end()) return;
    auto& peer = *found->second;
    if (const auto refusal = peer.stall ? std::nullopt : peer.session.on_tick(clock_.mono())) {
      counters_.malformed(refusal->label);
      close_peer(peer, refusal->reason, refusal->what, true);
      return;
    }
    if (auto again = peer.session.deadline()) {
      const auto at = std::max(*again, clock_.mono() + std::chrono::milliseconds{100});
      dues_.push({at, peer.id, {}, 0});
    }
    return;
  }
  auto* const entry = find(due.client_id);
  if (entry == nullptr || entry->generation != due.generation || entry->peer != nullptr) return;
  const auto mono = clock_.mono();
  std::vector<OwnRecord> events;
  if (entry->will && entry->will_due <= mono) publish_will(*entry, events);
  const bool over = entry->expires <= mono;
  if (over) end_session(*entry, events);
  if (!events.empty()) append_own(std::move(events));
  if (over) forget(*entry);
}

void BrokerImpl::housekeep() {
  std::size_t lagging = 0;
  for (const auto& [id, peer] : peers_) lagging += peer->entry != nullptr && peer->ready && !peer->entry->live ? 1 : 0;
  counters_.connections.set(static_cast<double>(peers_.size()));
  counters_.sessions.set(static_cast<double>(sessions_.size()));
  counters_.subscriptions.set(static_cast<double>(subscriptions_));
  counters_.retained.set(static_cast<double>(retained_.size()));
  counters_.lagging.set(static_cast<double>(lagging));
  if (clock_.mono() >= checkpoint_due_) {
    checkpoint_due_ = clock_.mono() + options_.checkpoint_every;
    if (const auto saved = checkpoint(); !saved) {
      logger::warn("mqtt", "cannot save the checkpoint", {{"why", saved.error().text()}});
    }
  }
  for (const auto id : std::exchange(pumps_later_, {})) {
    const auto found = peers_.find(id);
    if (found != peers_.end() && found->second->entry != nullptr) want_pump(*found->second->entry);
  }
  if (!stalled_.empty() || !deferred_.empty()) on_commit();  // should a wake ever be missed
  housekeeping_ = loop_.after(housekeeping_every, [this] { housekeep(); });
}

void BrokerImpl::recheck() {
  std::vector<Peer*> leaving;
  for (const auto& [id, peer] : peers_) {
    if (peer->entry != nullptr && !peer->session.grant().may_stay()) leaving.push_back(peer.get());
  }
  for (auto* const peer : leaving) {
    counters_.connect_refused("no_longer_allowed");
    close_peer(*peer, Reason::not_authorized, "the client's identity is no longer accepted", true);
  }
}

void BrokerImpl::shut() {
  listeners_.clear();
  while (!peers_.empty()) {
    auto& peer = *peers_.begin()->second;
    out_.clear();
    if (peer.session.is_connected()) peer.session.disconnect(Reason::server_shutting_down, "the gateway stops", out_);
    send(peer, out_);
    peer.connection->close();
    detach(peer, false);
    drop_peer(peer);
  }
}

std::vector<ClientInfo> BrokerImpl::clients() const {
  std::vector<ClientInfo> list;
  list.reserve(sessions_.size());
  for (const auto& [id, entry] : sessions_) {
    ClientInfo info;
    info.client_id = id;
    info.connected = entry->peer != nullptr;
    if (entry->peer != nullptr) {
      info.peer = entry->peer->connection->peer().text();
      info.version = static_cast<int>(entry->peer->session.version());
    }
    info.subscriptions = entry->subscriptions.size();
    info.in_flight = entry->window.active();
    if (!entry->live && entry->next < live_) info.behind = live_ - entry->next;
    list.push_back(std::move(info));
  }
  return list;
}

}  // namespace skerry::mqtt
