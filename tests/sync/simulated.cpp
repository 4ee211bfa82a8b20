// The simulated gateway, cloud and links.
#include "tests/sync/simulated.hpp"

#include <algorithm>
#include <charconv>

namespace skerry::sync::simulated {
namespace {

constexpr auto ms = [](std::uint64_t n) { return std::chrono::milliseconds{n}; };
constexpr std::string_view gateway_id = "gw";

// `id before good|bad`
std::tuple<Row, bool> said_by(std::string_view payload) {
  Row row;
  const auto first = std::from_chars(payload.data(), payload.data() + payload.size(), row.id);
  std::from_chars(first.ptr + 1, payload.data() + payload.size(), row.before);
  return {row, payload.ends_with("bad")};
}

}  // namespace

// ---- the cloud's disk ----

void SimStore::keep(std::function<void()> undo) {
  if (mutant_ != Mutant::two_transactions) undo_.push_back(std::move(undo));
}

Result<> SimStore::begin() { return {}; }

Result<> SimStore::commit() {
  if (full) {
    rollback();
    return fail(Code::full, "the disk is full");
  }
  undo_.clear();
  for (const auto id : applied_ids_) run_.applied_ever_.insert(id);
  applied_ids_.clear();
  return {};
}

void SimStore::rollback() {
  for (; !undo_.empty(); undo_.pop_back()) undo_.back()();
  applied_ids_.clear();
}

CloudStream& SimStore::find(const StreamName& name) {
  return disk.streams[{std::string(name.gateway), name.epoch, name.cls}];
}

Result<std::optional<Standing>> SimStore::standing(std::string_view gateway) {
  const auto found = disk.standings.find(std::string(gateway));
  if (found == disk.standings.end()) return std::nullopt;
  return found->second;
}

Result<bool> SimStore::is_fenced(std::string_view gateway, std::uint64_t epoch) {
  if (mutant_ == Mutant::no_epoch_check) return false;
  return disk.fenced.contains({std::string(gateway), epoch});
}

Result<> SimStore::put_standing(std::string_view gateway, std::string_view, const Standing& standing) {
  const auto key = std::string(gateway);
  const auto old = disk.standings.find(key);
  const auto before = old == disk.standings.end() ? std::optional<Standing>{} : old->second;
  if (before && before->epoch != standing.epoch) {
    const auto fence = std::pair(key, before->epoch);
    disk.fenced.insert(fence);
    undo_.push_back([this, fence] { disk.fenced.erase(fence); });
  }
  disk.standings[key] = standing;
  undo_.push_back([this, key, before] {
    if (before) {
      disk.standings[key] = *before;
    } else {
      disk.standings.erase(key);
    }
  });
  return {};
}

Result<Stream> SimStore::stream(const StreamName& name, std::uint64_t base) {
  auto& found = find(name);
  if (found.stream.applied.all().empty()) found.stream.applied = Intervals(base);
  return found.stream;
}

Result<> SimStore::put_stream(const StreamName& name, const Stream& stream) {
  auto& found = find(name);
  undo_.push_back([&found, before = found.stream] { found.stream = before; });
  found.stream = stream;
  if (stream.applied.all().size() > intervals_max) run_.wrong("more than 8 applied stretches");
  return {};
}

Result<std::uint64_t> SimStore::put_records(const StreamName& name, const Batch& batch, std::uint64_t from,
                                            std::uint64_t to) {
  auto& found = find(name);
  auto& next = found.lane_next[static_cast<std::size_t>(batch.lane)];
  if (from < next)
    run_.wrong("offsets of a lane do not rise: " + std::string(sync::name(batch.lane)) + " " + std::to_string(from) +
               " after " + std::to_string(next));
  keep([&next, before = next] { next = before; });
  next = to;
  std::uint64_t aside = 0;
  for (const auto& entry : batch.entries) {
    const auto offset = entry.record.offset.value;
    if (offset < from || offset >= to) continue;
    const auto [row, bad] = said_by(as_text(entry.record.payload));
    if (bad) {
      ++aside;
      if (!found.aside.insert(offset).second) run_.wrong("set aside twice");
      keep([&found, offset] { found.aside.erase(offset); });
    } else {
      if (!found.rows.emplace(offset, row).second) run_.wrong("offset " + std::to_string(offset) + " applied twice");
      keep([&found, offset] { found.rows.erase(offset); });
    }
    const auto before = found.rows.find(offset - 1);
    if (offset > 0 && before != found.rows.end() && before->second.id != row.before)
      run_.wrong("two histories in one epoch at offset " + std::to_string(offset));
    const auto after = found.rows.find(offset + 1);
    if (after != found.rows.end() && after->second.before != row.id)
      run_.wrong("two histories in one epoch after offset " + std::to_string(offset));
    applied_ids_.push_back(row.id);
    ++run_.rows_;
  }
  return aside;
}

Result<> SimStore::put_aside(const StreamName&, const Entry&) { return {}; }

Result<> SimStore::put_gap(const StreamName& name, std::uint64_t from, std::uint64_t to, Reason reason) {
  auto& found = find(name);
  for (auto offset = from; offset < to; ++offset) {
    if (found.rows.contains(offset) || !found.gaps.emplace(offset, reason).second)
      run_.wrong("a gap over what was applied");
    keep([&found, offset] { found.gaps.erase(offset); });
  }
  return {};
}

Result<> SimStore::put_refusal(std::string_view, std::uint64_t, Refusal refusal, std::string_view) {
  if (!run_.ghost_writes_) ++refusals[refusal];
  return {};
}

// ---- the gateway ----

Gateway::Gateway(Scenario& run, EdgeDisk on_disk, Mutant mutant)
    : disk(std::move(on_disk)), run_(run), mutant_(mutant) {}

PerClass<std::uint64_t> Gateway::ends() {
  PerClass<std::uint64_t> ends{};
  for (std::size_t c = 0; c < record::class_count; ++c) ends[c] = disk.records[c].size();
  return ends;
}

Result<Slice> Gateway::read(Class cls, std::uint64_t from, std::uint64_t to, std::uint64_t) {
  const auto c = static_cast<std::size_t>(cls);
  if (run_.chance().one_in(200)) return fail(Code::io, "the disk hiccups");
  Slice slice;
  to = std::min(to, from + 1 + run_.chance().below(12));
  const auto& fates = disk.fates[c];
  if (fates[from] != Fate::there) {
    while (from + slice.gone < to && fates[from + slice.gone] != Fate::there &&
           disk.reasons[c][from + slice.gone] == disk.reasons[c][from])
      ++slice.gone;
    slice.reason = disk.reasons[c][from];
    return slice;
  }
  auto texts = std::make_shared<std::deque<std::string>>();
  for (auto offset = from; offset < to && fates[offset] == Fate::there; ++offset) {
    const auto& accepted = disk.records[c][offset];
    texts->push_back(std::to_string(accepted.id) + " " + std::to_string(accepted.before) +
                     (accepted.bad ? " bad" : " good"));
    record::RecordView view;
    view.cls = cls;
    view.kind = accepted.own ? record::Kind::session : record::Kind::message;
    view.topic = "sensors/d/data";
    view.payload = as_bytes(texts->back());
    view.offset = {offset};
    view.position = {accepted.id};
    view.appended_at = Wall{std::chrono::microseconds{accepted.us}};
    slice.records.push_back(view);
  }
  slice.owner = texts;
  return slice;
}

void Gateway::start() {
  powered = true;
  options_.gateway = gateway_id;
  options_.software = "simulated";
  options_.epoch = disk.epoch;
  options_.bases = disk.bases;
  options_.split_records = run_.split_;
  options_.linger = {ms(0), ms(0), ms(run_.chance().below(20)), ms(0)};
  options_.salt = run_.chance().next();
  options_.network_timeout = ms(400);
  options_.canary_every = ms(100);
  options_.queues = run_.queues_;
  sender = std::make_unique<Sender>(*this, options_, disk.memory);
}

void Gateway::crash() {
  powered = false;
  cut();
  sender.reset();
}

void Gateway::append(Class cls) {
  const auto c = static_cast<std::size_t>(cls);
  auto& records = disk.records[c];
  records.push_back({.id = run_.next_id_++,
                     .before = records.empty() ? 0 : records.back().id,
                     .us = run_.world().wall().time_since_epoch().count(),
                     .own = run_.chance().one_in(10),
                     .bad = run_.chance().one_in(40)});
  disk.fates[c].push_back(Fate::there);
  disk.reasons[c].push_back(Reason::damage);
}

void Gateway::connect() {
  if (!powered || link || run_.partitioned_) return;
  link = std::make_shared<Link>();
  link->replica = run_.chance().below(2);
  link->receiver =
      std::make_unique<Receiver>(Receiver::Options{.window = run_.window_, .idle_max = ms(2'000)}, run_.world().mono());
  run_.links_.push_back(link);
  Out out;
  sender->on_open(run_.world().mono(), out);
  give(out);
}

void Gateway::give(Out& out) {
  if (out.save) save_cursor();
  for (auto& frame : out.frames) run_.to_cloud(link, std::move(frame));
  if (out.close) cut();
}

void Gateway::cut() {
  if (!link) return;
  if (run_.recorded_.size() < 8 && !link->sent.empty()) run_.recorded_.push_back(link->sent);
  link->edge_open = false;
  link->slow = run_.chance().one_in(2);
  if (run_.chance().one_in(2)) {
    link->cloud_open = false;  // what is on the way is lost
  } else {
    run_.world().after(ms(run_.chance().below(300)), [link = link] { link->cloud_open = false; });
  }
  link.reset();
  if (sender) sender->on_closed();
}

void Gateway::pump() {
  if (!powered) return;
  if (!link) {
    Out none;
    sender->pump({}, run_.world().mono(), none);  // only looks at the time
    return connect();
  }
  Out out;
  sender->pump({.unsent = link->on_the_way}, run_.world().mono(), out);
  give(out);
  if (mutant_ == Mutant::delete_before_acknowledged && sender->phase() == Phase::sending) {
    for (std::size_t c = 0; c < record::class_count; ++c) {
      for (std::uint64_t offset = 0; offset + 3 < disk.records[c].size(); ++offset) {
        if (disk.fates[c][offset] == Fate::there && run_.chance().one_in(3)) {
          disk.fates[c][offset] = Fate::deleted;
          disk.reasons[c][offset] = Reason::age;
        }
      }
    }
  }
}

void Gateway::save_cursor() {
  if (!sender) return;
  disk.memory = sender->memory();
}

void Gateway::delete_acknowledged() {
  for (std::size_t c = 0; c < record::class_count; ++c) {
    for (std::uint64_t offset = 0; offset < std::max(disk.cursor(c), disk.bases[c]); ++offset) {
      if (disk.fates[c][offset] != Fate::there) continue;
      disk.fates[c][offset] = Fate::deleted;
      disk.reasons[c][offset] = Reason::age;
      run_.gone_ever_.insert(disk.records[c][offset].id);
      if (run_.chance().one_in(8)) break;
    }
  }
}

void Gateway::lose(Reason reason) {
  const auto c = reason == Reason::budget ? record::class_count - 1 - run_.chance().below(2) : run_.chance().below(4);
  auto& fates = disk.fates[c];
  if (fates.empty()) return;
  auto at = reason == Reason::budget ? 0 : run_.chance().below(fates.size());
  while (at < fates.size() && fates[at] != Fate::there) ++at;
  for (auto left = 1 + run_.chance().below(10); left > 0 && at < fates.size(); --left, ++at) {
    if (fates[at] == Fate::there) {
      fates[at] = Fate::lost;
      run_.gone_ever_.insert(disk.records[c][at].id);
      run_.lost_ever_.insert(disk.records[c][at].id);
      disk.reasons[c][at] = reason;
    }
  }
}

void Gateway::new_epoch() {
  crash();
  disk.epoch = run_.chance().next() | 1U;
  for (std::size_t c = 0; c < record::class_count; ++c) disk.bases[c] = std::max(disk.bases[c], disk.cursor(c));
  disk.memory = {};
  start();
}

bool Gateway::done() const { return sender && sender->phase() == Phase::sending && sender->backlog() == 0; }

// ---- the run ----

Scenario::Scenario(std::uint64_t seed, Mutant mutant)
    : world_(seed), mutant_(mutant), store_(*this, mutant), ledger_(store_) {
  window_ = chance().one_in(3) ? 1 * KiB : 1 * KiB + chance().below(16 * KiB);
  split_ = chance().below(30);
  queues_.cycle = ms(5 + chance().below(30));
  for (auto& queue : queues_.classes) {
    if (chance().one_in(2)) queue.size = 1 + chance().below(40);
    if (chance().one_in(2)) queue.ttl = ms(5 + chance().below(300));
    queue.drop_late = chance().one_in(4);
  }
  if (chance().one_in(3)) queues_.bandwidth = 2'000 + chance().below(200'000);
  EdgeDisk disk;
  disk.epoch = chance().next() | 1U;
  gateway_ = std::make_unique<Gateway>(*this, disk, mutant);
  gateway_->start();
}

void Scenario::wrong(std::string what) {
  if (!wrong_) wrong_ = std::move(what);
}

void Scenario::to_cloud(const std::shared_ptr<Link>& link, Buffer frame) {
  link->sent.push_back(frame);
  link->on_the_way += frame.size();
  link->to_cloud_at =
      std::max(link->to_cloud_at, world_.mono()) + ms(chance().below(10)) + std::chrono::microseconds{1};  // in order
  world_.at(link->to_cloud_at, [this, link, frame = std::move(frame)] {
    const auto arrive = [this, link, frame] {
      link->on_the_way -= frame.size();
      if (!link->cloud_open) return;
      ReceiverOut out;
      link->receiver->on_frame(frame, world_.mono(), out);
      give(link, out);
    };
    if (link->edge_open || !link->slow) return arrive();
    link->to_cloud_at =
        std::max(link->to_cloud_at, world_.mono()) + ms(chance().below(80)) + std::chrono::microseconds{1};
    world_.at(link->to_cloud_at, arrive);  // from a connection that is over already
  });
}

void Scenario::to_edge(Gateway& gateway, const std::shared_ptr<Link>& link, Buffer frame) {
  link->to_edge_at =
      std::max(link->to_edge_at, world_.mono()) + ms(chance().below(10)) + std::chrono::microseconds{1};  // in order
  world_.at(link->to_edge_at, [this, &gateway, link, frame = std::move(frame)] {
    if (!link->edge_open || gateway.link != link) return;
    Out out;
    gateway.sender->on_frame(frame, world_.mono(), out);
    gateway.give(out);
  });
}

void Scenario::give(const std::shared_ptr<Link>& link, ReceiverOut& out) {
  auto* gateway = gateway_->link == link ? gateway_.get() : clone_ && clone_->link == link ? clone_.get() : nullptr;
  for (auto& frame : out.frames) {
    if (gateway != nullptr) {
      to_edge(*gateway, link, std::move(frame));
    } else if (link->ghost) {
      const auto said = decode(frame);
      ghost_speaks(link, std::holds_alternative<Welcome>(*said) ? 1 : std::holds_alternative<Ready>(*said) ? 1'000 : 0);
    }
  }
  for (auto& job : out.jobs) jobs_.push_back({link, std::make_shared<Job>(std::move(job))});
  if (!out.close) return;
  link->cloud_open = false;
  if (gateway == nullptr) return;
  link->to_edge_at = std::max(link->to_edge_at, world_.mono()) + ms(1);
  world_.at(link->to_edge_at, [gateway, link] {
    if (gateway->link == link) gateway->cut();
  });
}

// Some jobs in one transaction; the power may fail before it is kept, and after it before anybody is told.
void Scenario::write() {
  if (jobs_.empty()) return;
  std::vector<std::pair<Waiting, Outcome>> done;
  const auto many = 1 + chance().below(5);
  if (!store_.begin()) return;
  while (!jobs_.empty() && done.size() < many) {
    auto waiting = jobs_.front();
    jobs_.pop_front();
    ghost_writes_ = waiting.link->ghost;
    if (!waiting.link->cloud_open && !std::holds_alternative<RefusedJob>(*waiting.job)) continue;
    if (auto* prove = std::get_if<ProveJob>(&*waiting.job); prove != nullptr && mutant_ == Mutant::no_epoch_check) {
      for (auto& each : prove->proof.fingerprints) std::ranges::fill(each, acknowledged_fingerprint);
    }
    auto outcome = ledger_.run(*waiting.job);
    if (!outcome) return wrong(outcome.error().text());
    done.emplace_back(std::move(waiting), std::move(*outcome));
  }
  if (!calm_ && chance().one_in(30)) {  // the crash of both replicas' host
    store_.rollback();
    replica_crashes(0);
    return replica_crashes(1);
  }
  const auto kept = store_.commit();
  if (kept && !calm_ && chance().one_in(30)) {
    replica_crashes(0);
    return replica_crashes(1);
  }
  for (auto& [waiting, outcome] : done) {
    if (!waiting.link->cloud_open) continue;
    ReceiverOut out;
    if (kept && !std::holds_alternative<RefusedJob>(*waiting.job)) waiting.link->receiver->on_outcome(outcome, out);
    if (!kept) waiting.link->receiver->on_ledger_failed(kept.error(), out);
    give(waiting.link, out);
  }
}

void Scenario::replica_crashes(std::size_t replica) {
  std::erase_if(jobs_, [replica](const Waiting& w) { return w.link->replica == replica; });
  for (const auto& link : links_) {
    if (link->replica != replica || !link->cloud_open) continue;
    link->cloud_open = false;
    for (auto* gateway : {gateway_.get(), clone_.get()}) {
      if (gateway == nullptr || gateway->link != link) continue;
      world_.after(ms(chance().below(50)), [gateway, link] {
        if (gateway->link == link) gateway->cut();
      });
    }
  }
}

// All that a connection of the past sent comes once more, as a connection of its own.
void Scenario::ghost() {
  if (recorded_.empty()) return;
  auto link = std::make_shared<Link>();
  link->replica = chance().below(2);
  link->receiver =
      std::make_unique<Receiver>(Receiver::Options{.window = window_, .idle_max = ms(2'000)}, world_.mono());
  links_.push_back(link);
  link->ghost = true;
  const auto& frames = recorded_[chance().below(recorded_.size())];
  link->ghost_frames.assign(frames.begin(), frames.end());
  ghost_speaks(link, 1);
  world_.after(ms(500), [link] { link->cloud_open = false; });
}

void Scenario::ghost_speaks(const std::shared_ptr<Link>& link, std::size_t frames) {
  for (; frames > 0 && !link->ghost_frames.empty(); --frames) {
    to_cloud(link, std::move(link->ghost_frames.front()));
    link->ghost_frames.pop_front();
  }
}

void Scenario::fault() {
  auto& edge = *gateway_;
  switch (chance().below(16)) {
    case 0:
      edge.crash();
      return world_.after(ms(chance().below(60)), [&edge] {
        if (!edge.powered) edge.start();
      });
    case 1: replica_crashes(chance().below(2)); return;
    case 2: edge.cut(); return;
    case 3:
      edge.cut();
      partitioned_ = true;
      return world_.after(ms(chance().below(400)), [this] { partitioned_ = false; });
    case 4: edge_images_.push_back(edge.disk); return;
    case 5: cloud_images_.push_back(store_.disk); return;
    case 6:
      if (edge_images_.empty() || !chance().one_in(2)) return;
      edge.crash();
      edge.disk = edge_images_[chance().below(edge_images_.size())];
      return world_.after(ms(chance().below(60)), [&edge] {
        if (!edge.powered) edge.start();
      });
    case 7:
      if (clone_ || cloud_images_.empty() || !chance().one_in(3)) return;
      replica_crashes(0);
      replica_crashes(1);
      store_.disk = cloud_images_[chance().below(cloud_images_.size())];
      return;
    case 8: store_.full = true; return world_.after(ms(chance().below(200)), [this] { store_.full = false; });
    case 9: return edge.lose(Reason::budget);
    case 10: return edge.lose(Reason::damage);
    case 11: world_.jump_wall(std::chrono::seconds{static_cast<std::int64_t>(chance().below(7'200)) - 3'600}); return;
    case 12: return ghost();
    case 13:
      if (clone_ || !chance().one_in(2)) return;
      cloud_images_.clear();  // see docs/protocol.md, "What cannot be told"
      clone_ = std::make_unique<Gateway>(*this, edge.disk, mutant_);
      clone_->is_clone = true;
      clone_->start();
      return;
    case 14: edge.save_cursor(); return edge.delete_acknowledged();
    default:
      if (chance().one_in(6)) {  // re-flashed: nothing is left but its name
        edge.crash();
        edge.disk = EdgeDisk{};
        edge.disk.epoch = chance().next() | 1U;
        edge.start();
      }
      return;
  }
}

// Refused for good, the gateway goes on under a new epoch when somebody has looked; a clone is found and switched off.
void Scenario::operator_looks(Gateway& gateway) {
  if (!gateway.sender || !gateway.sender->refused() || !is_final(gateway.sender->refused()->reason)) return;
  if (!chance().one_in(5)) return;
  if (gateway.is_clone) {
    gateway.crash();
  } else {
    gateway.new_epoch();
  }
}

void Scenario::turn() {
  for (auto* gateway : {gateway_.get(), clone_.get()}) {
    if (gateway == nullptr || !gateway->powered) continue;
    if (!calm_ || !gateway->is_clone) gateway->pump();
    if (calm_) continue;
    const auto many = chance().one_in(20) ? chance().below(60) : chance().below(3);
    for (std::uint64_t i = 0; i < many; ++i) gateway->append(static_cast<Class>(chance().below(4)));
    if (chance().one_in(10)) gateway->save_cursor();
    if (chance().one_in(20)) gateway->delete_acknowledged();
  }
  write();
  for (const auto& link : links_) {
    if (!link->cloud_open) continue;
    ReceiverOut out;
    link->receiver->on_tick(world_.mono(), out);
    give(link, out);
  }
  std::erase_if(links_, [](const auto& link) { return !link->cloud_open && !link->edge_open; });
  if (!calm_ && chance().one_in(12)) fault();
  operator_looks(*gateway_);
  if (clone_ && clone_->powered) operator_looks(*clone_);
}

void Scenario::heal() {
  calm_ = true;
  store_.full = false;
  partitioned_ = false;
  if (clone_) clone_->crash();
  if (!gateway_->powered) gateway_->start();
}

std::optional<std::string> Scenario::play() {
  bool running = true;
  std::function<void()> again = [&] {
    if (!running) return;
    turn();
    world_.after(ms(1 + chance().below(8)), again);
  };
  again();
  const auto turns = 125 + chance().below(120);
  const auto end_of_faults = world_.mono() + ms(turns * 5);
  world_.run_until([&] { return wrong_ || world_.mono() > end_of_faults; });
  if (!wrong_) heal();
  const auto patience = world_.mono() + std::chrono::seconds{60};
  world_.run_until([&] { return wrong_ || gateway_->done() || world_.mono() > patience; });
  running = false;
  if (!wrong_ && !gateway_->done()) wrong("the gateway never comes to an end");
  if (!wrong_) check_end(*gateway_);
  return wrong_;
}

}  // namespace skerry::sync::simulated
