// Follows the log and joins what its records say; writes what people and the cloud want.
#include <atomic>
#include <mutex>
#include <set>

#include "base/logger.hpp"
#include "record/forgotten.hpp"
#include "twin/twin.hpp"

namespace skerry::twin {
namespace {

constexpr std::uint32_t checkpoint_version = 1;
using record::Position;

// One twin, and where the newest record of each of its parts lies: those must outlive trimming.
struct Known {
  State state;
  std::map<std::string, std::uint64_t> places;
};

class LogTwins final : public Twins {
 public:
  LogTwins(log::Log& log, Files& files, Clock& clock, Options options, metrics::Registry& metrics)
      : log_(log),
        files_(files),
        options_(std::move(options)),
        mask_(static_cast<record::ClassMask>(options_.classes.of_filter("devices/+/twin/reported") |
                                             record::mask(record::Class::critical))),
        clock_(clock),
        count_(metrics.gauge("skerry_twins", "Twins known: devices with a desired or reported state.")),
        writes_(metrics.counter("skerry_twin_writes_total", "Changes of what is desired that were asked for here.")),
        adopted_(metrics.counter("skerry_twin_adopted_total", "States of the cloud that brought something new.")),
        conflicts_(metrics.counter("skerry_twin_conflicts_total", "Fields that both sides had changed apart.")),
        ahead_count_(metrics.counter("skerry_twin_times_ahead_total",
                                     "States whose times are more than a minute ahead of this clock.")),
        rejected_(metrics.counter("skerry_twin_rejected_total", "Reports and states that could not be used.")) {}

  Result<> load();
  std::string_view name() const override { return "twin"; }
  Result<bool> step() override;
  Result<> checkpoint() override;
  Position position() const override { return {position_.load(std::memory_order_acquire)}; }

  Result<Written> desire(std::string_view id, const Patch& patch, std::string_view by) override;
  Result<Written> reverse(std::string_view id, std::string_view conflict, std::string_view by) override;
  Result<Adopted> adopt(std::string_view body) override;
  Result<std::string> twin(std::string_view id) override;
  Page twins(std::string_view cursor, std::size_t limit, bool in_conflict) override;

 private:
  // ---- the lock is held ----
  void take(const record::RecordView& record);
  const State& newest(std::string_view id) const;
  Result<Position> put(std::string_view id, const State& before, State delta, std::string_view origin);
  Result<Written> write(std::string_view id, Result<State> delta, const State& before, std::string_view by);
  Result<> check(std::string_view id) const;
  void pin() const;
  std::string show(std::string_view id, const State& state) const { return twin_json(id, options_.gateway, state); }
  Result<> catch_up();
  Result<bool> step_locked();

  log::Log& log_;
  Files& files_;
  const Options options_;
  const record::ClassMask mask_;

  mutable std::mutex mutex_;  // everything below
  HybridClock clock_;
  std::map<std::string, Known, std::less<>> known_;  // of committed records
  struct Ahead {
    State state;
    Position end;
  };
  std::map<std::string, Ahead, std::less<>> ahead_;  // with what was written and not read back yet
  std::atomic<std::uint64_t> position_{0};
  std::uint64_t changed_ = 0;
  Position saved_;
  Position replay_end_;

  metrics::Gauge& count_;
  metrics::Counter& writes_;
  metrics::Counter& adopted_;
  metrics::Counter& conflicts_;
  metrics::Counter& ahead_count_;
  metrics::Counter& rejected_;
};

Buffer encode_all(const std::map<std::string, Known, std::less<>>& all) {
  Buffer to;
  append_varint(to, all.size());
  for (const auto& [id, known] : all) {
    append_counted(to, as_bytes(id));
    append_counted(to, as_bytes(encode(known.state)));
    append_varint(to, known.places.size());
    for (const auto& [part, place] : known.places) {
      append_counted(to, as_bytes(part));
      append_varint(to, place);
    }
  }
  return to;
}

Result<std::map<std::string, Known, std::less<>>> decode_all(Bytes bytes) {
  std::map<std::string, Known, std::less<>> all;
  Reader from(bytes);
  for (auto left = from.varint(); left > 0 && from.ok(); --left) {
    const std::string id(as_text(from.counted()));
    const auto state = from.counted();
    if (!from.ok()) break;
    auto& known = all[id];
    known.state = TRY(decode(state));
    for (auto parts = from.varint(); parts > 0 && from.ok(); --parts) {
      const std::string part(as_text(from.counted()));
      known.places[part] = from.varint();
    }
  }
  if (!from.ok()) return fail(Code::damaged, "ends too early");
  return all;
}

Result<> LogTwins::load() {
  const std::scoped_lock lock(mutex_);
  replay_end_ = log_.committed_end();
  position_ = log_.begin().value;
  if (!options_.checkpoint_path.empty()) {
    if (const auto found = TRY(log::load(files_, options_.checkpoint_path, checkpoint_version, log_))) {
      auto all = decode_all(found->state);
      if (all) {
        known_ = std::move(*all);
        position_ = found->position.value;
      } else {
        logger::warn("twin", "the checkpoint is damaged: starting from the log", {{"why", all.error().text()}});
      }
    }
  }
  for (const auto& [id, known] : known_) (void)clock_.seen(known.state.newest());
  saved_ = position();
  pin();
  return {};
}

void LogTwins::pin() const {
  std::set<std::uint64_t> places;
  for (const auto& [id, known] : known_) {
    for (const auto& [part, place] : known.places) places.insert(place);
  }
  std::vector<Position> positions;
  for (const auto place : places) positions.push_back({place});
  log_.pin("twin", position(), std::move(positions));
}

Result<bool> LogTwins::step() {
  const std::scoped_lock lock(mutex_);
  return step_locked();
}

Result<bool> LogTwins::step_locked() {
  const auto chunk = TRY(log_.read(position(), {.classes = mask_, .committed_only = true}));
  for (const auto& record : chunk.records()) take(record);
  position_.store(std::max(chunk.next().value, position_.load()), std::memory_order_release);
  std::erase_if(ahead_, [this](const auto& each) { return each.second.end <= position(); });
  count_.set(static_cast<double>(known_.size()));
  return !chunk.empty();
}

Result<> LogTwins::catch_up() {
  const auto end = log_.committed_end();
  while (position() < end && TRY(step_locked())) {
  }
  return {};
}

void LogTwins::take(const record::RecordView& record) {
  if (const auto forgotten = record::Forgotten::device_of(record); !forgotten.empty()) {
    if (const auto found = known_.find(forgotten); found != known_.end()) known_.erase(found);
    ++changed_;
    return;
  }
  const auto id = twin_of(record);
  if (id.empty()) return;
  const auto delta = said(record);
  const auto found = known_.find(id);
  const bool full = known_.size() >= options_.twins_max && found == known_.end();
  if (!delta || full || !record::check_device_id(id)) return rejected_.add();
  if (!(found == known_.end() ? State() : found->second.state).has_room_for(*delta)) return rejected_.add();
  auto& known = known_[std::string(id)];
  if (!known.state.join(*delta)) return;
  (void)clock_.seen(delta->newest());
  ++changed_;
  for (const auto& [field, each] : delta->desired) known.places["d/" + field] = record.position.value;
  for (const auto& [field, each] : delta->reported) known.places["r/" + field] = record.position.value;
  for (const auto& [conflict, each] : delta->conflicts) known.places["c/" + conflict] = record.position.value;
  std::erase_if(known.places, [&known](const auto& each) {
    return each.first.starts_with("c/") && !known.state.conflicts.contains(each.first.substr(2));
  });
}

const State& LogTwins::newest(std::string_view id) const {
  static const State none;
  if (const auto found = ahead_.find(id); found != ahead_.end()) return found->second.state;
  const auto found = known_.find(id);
  return found == known_.end() ? none : found->second.state;
}

Result<> LogTwins::check(std::string_view id) const {
  if (const auto ok = record::check_device_id(id); !ok) return fail(Code::invalid, ok.error().what, "id");
  if (position() < replay_end_) return fail(Code::busy, "the twins of before are still being read");
  if (known_.size() + ahead_.size() >= options_.twins_max && newest(id).empty())
    return fail(Code::full, std::to_string(options_.twins_max) + " twins are known already", "twins");
  return {};
}

// The change and the message to the device, in one append: on disk together or not at all.
Result<Position> LogTwins::put(std::string_view id, const State& before, State delta, std::string_view origin) {
  auto after = before;
  after.join(delta);
  after.note_conflicts();
  delta.conflicts.clear();
  for (const auto& [conflict, each] : after.conflicts) {  // never more than a state may have
    const auto known = before.conflicts.find(conflict);
    if (known != before.conflicts.end() && known->second == each) continue;
    delta.conflicts.emplace(conflict, each);
    if (known == before.conflicts.end()) conflicts_.add();
  }
  const auto topic = std::string(record_topic) + std::string(id);
  const auto payload = encode(delta);
  std::vector<record::Record> out;
  out.push_back({.cls = record::Class::critical,
                 .kind = record::Kind::config,
                 .topic = topic,
                 .payload = as_bytes(payload),
                 .origin = origin});
  const auto to_device = desired_topic(id);
  const auto message = desired_message(id, after);
  if (desired_json(after) != desired_json(before)) {
    out.push_back({.cls = options_.classes.of(to_device),
                   .qos = 1,
                   .retain = true,
                   .topic = to_device,
                   .payload = as_bytes(message),
                   .origin = origin});
  }
  const auto end = TRY(log_.append(out, log::Urgency::now)) + out.size();
  ahead_.insert_or_assign(std::string(id), Ahead{std::move(after), end});
  return end;
}

Result<Twins::Written> LogTwins::write(std::string_view id, Result<State> delta, const State& before,
                                       std::string_view by) {
  if (!delta) return std::unexpected(delta.error());
  Position end = log_.end();
  if (!delta->empty()) {
    end = TRY(put(id, before, std::move(*delta), by));
    writes_.add();
  }
  return Written{end, show(id, newest(id))};
}

Result<Twins::Written> LogTwins::desire(std::string_view id, const Patch& patch, std::string_view by) {
  const std::scoped_lock lock(mutex_);
  TRY(check(id));
  const auto before = newest(id);
  const auto rule_of = [&](std::string_view field) { return options_.rules.of(id, field); };
  return write(id, before.desire(patch, {Side::edge, clock_.now(), by}, rule_of), before, by);
}

Result<Twins::Written> LogTwins::reverse(std::string_view id, std::string_view conflict, std::string_view by) {
  const std::scoped_lock lock(mutex_);
  TRY(check(id));
  const auto before = newest(id);
  const auto found = before.conflicts.find(std::string(conflict));
  const auto rule = found == before.conflicts.end() ? Rule{} : options_.rules.of(id, found->second.field);
  return write(id, before.reverse(conflict, {Side::edge, clock_.now(), by}, rule), before, by);
}

Result<Twins::Adopted> LogTwins::adopt(std::string_view body) {
  auto item = read_item(body);
  if (!item) return Adopted{false, item.error().text(), {}};
  auto& [id, theirs] = *item;
  const std::scoped_lock lock(mutex_);
  if (const auto ok = check(id); !ok) {
    if (ok.error().code == Code::busy) return std::unexpected(ok.error());
    return Adopted{false, ok.error().text(), {}};
  }
  const auto before = newest(id);
  if (!before.has_room_for(theirs)) return Adopted{false, "is more than a twin may be, with what is known here", {}};
  auto after = before;
  if (!after.join(theirs)) return Adopted{true, {}, log_.end()};
  adopted_.add();
  // Whoever is ahead is believed, for both sides must come to the same; our own clock is not set by it.
  if (!clock_.seen(theirs.newest())) {
    ahead_count_.add();
    logger::warn("twin", "the cloud's times are more than a minute ahead of this clock", {{"twin", id}});
  }
  return Adopted{true, {}, TRY(put(id, before, std::move(theirs), "cloud"))};
}

Result<std::string> LogTwins::twin(std::string_view id) {
  const std::scoped_lock lock(mutex_);
  TRY(catch_up());
  const auto found = known_.find(id);
  if (found == known_.end() || found->second.state.empty())
    return fail(Code::not_found, "nothing is desired of it and it has reported nothing", std::string(id));
  return show(id, found->second.state);
}

Twins::Page LogTwins::twins(std::string_view cursor, std::size_t limit, bool in_conflict) {
  const std::scoped_lock lock(mutex_);
  (void)catch_up();  // what was read so far is shown
  Page page;
  for (auto at = cursor.empty() ? known_.begin() : known_.upper_bound(cursor); at != known_.end(); ++at) {
    const auto& [id, known] = *at;
    const bool open =
        std::ranges::any_of(known.state.conflicts, [](const auto& each) { return each.second.reversed.value == 0; });
    if (known.state.empty() || (in_conflict && !open)) continue;
    if (page.items.size() == limit) {
      page.next = std::prev(at)->first;
      break;
    }
    page.items.push_back(show(id, known.state));
  }
  return page;
}

Result<> LogTwins::checkpoint() {
  if (options_.checkpoint_path.empty()) return {};
  Buffer state;
  Position at;
  {
    const std::scoped_lock lock(mutex_);
    at = position();
    if (changed_ < options_.checkpoint_changes && at - saved_ < options_.checkpoint_records) return {};
    state = encode_all(known_);
  }
  TRY(log::save(files_, options_.saver, options_.checkpoint_path, checkpoint_version, at, std::move(state), log_));
  const std::scoped_lock lock(mutex_);
  changed_ = 0;
  saved_ = at;
  pin();
  return {};
}

}  // namespace

Result<std::unique_ptr<Twins>> Twins::open(log::Log& log, Files& files, Clock& clock, const Options& options,
                                           metrics::Registry& metrics) {
  auto twins = std::make_unique<LogTwins>(log, files, clock, options, metrics);
  TRY(twins->load());
  return twins;
}

}  // namespace skerry::twin
