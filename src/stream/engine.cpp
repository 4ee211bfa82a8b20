// The engine: records into plans, rows into records, and what is remembered across a crash.
#include <algorithm>
#include <bit>
#include <mutex>

#include "base/logger.hpp"
#include "codec/json.hpp"
#include "log/checkpoint.hpp"
#include "stream/limits.hpp"
#include "stream/live.hpp"

namespace skerry::stream {
namespace {

using record::Position;

constexpr std::size_t slice_rows = 256;  // of a micro-batch run at once: its columns stay in the cache

class EngineImpl final : public Engine {
 public:
  EngineImpl(Deps deps, std::string path) : deps_(std::move(deps)), path_(std::move(path)) {}

  std::string_view name() const override { return "stream"; }
  Position position() const override { return {position_.load(std::memory_order_acquire)}; }
  Result<bool> step() override;
  Result<> checkpoint() override;
  std::vector<PipelineInfo> pipelines() const override;
  Result<> replace(std::vector<PipelineText> texts) override;
  Result<> start(std::vector<PipelineText> texts);

 private:
  // Tables of all pipelines that read the same topics: their payloads are parsed once.
  struct Group {
    std::string filter;
    std::vector<std::size_t> pipelines;
    JsonRows rows;
    metrics::Counter* malformed = nullptr;
  };
  struct Ref {  // a row of a sink
    std::uint32_t record;
    std::uint32_t pipeline;
    std::uint32_t sink;
    std::uint32_t row;
  };

  Result<std::vector<std::unique_ptr<Live>>> plan(const std::vector<PipelineText>& texts) const;
  // True when a pipeline is new or changed.
  Result<bool> restore(const log::Checkpoint& from);
  Result<> find_standing();
  void settle_form(SinkForm& sink) const;
  void make_groups();
  void take_record(const record::RecordView& view, std::uint32_t index);
  void run_slice(std::span<const record::RecordView> records);
  void write_cause(std::span<const Ref> refs, const record::RecordView& cause);
  void write_row(const Ref& ref, const record::RecordView& cause, std::string_view id, std::string_view alert_id);
  Result<> flush();
  log::SavedState state() const;
  std::uint64_t checkpoint_records() const;

  Deps deps_;
  std::string path_;
  mutable std::mutex live_mutex_;  // live_ itself changes under it, on the stepping thread; others read it under it
  std::vector<std::unique_ptr<Live>> live_;
  std::vector<std::unique_ptr<Group>> groups_;
  std::atomic<std::uint64_t> position_{0};
  Position next_{};         // where to read on, once what waits has been appended
  Position outputs_end_{};  // one past the newest result appended: a checkpoint must not be older on disk than it
  Position replay_end_{};   // the log's end at open: what is read before is not measured
  Position saved_{};
  struct Taken {
    Position position;
    log::SavedState state;
  };
  std::optional<Taken> waiting_;  // its position is not yet committed
  Position waiting_for_{};
  log::Rows rows_ = log::Rows::left_out;  // unless a pipeline reads what others may store so
  Arena arena_;
  std::vector<Ref> refs_;
  std::vector<std::string> ids_;         // of one cause's alerts and commands
  std::vector<record::Record> records_;  // of one append
  std::string bytes_;                    // topics and payloads of outputs_
  std::vector<Output> outputs_;          // made, not yet appended
  std::size_t appended_ = 0;             // of outputs_
  metrics::Histogram* decision_ = nullptr;
};

// ---- opening ----

Result<std::vector<std::unique_ptr<Live>>> EngineImpl::plan(const std::vector<PipelineText>& texts) const {
  std::vector<std::unique_ptr<Live>> all;
  for (const auto& text : texts) {
    all.push_back(TRY(make_live(text, deps_)));
    for (std::size_t i = 0; i + 1 < all.size(); ++i) {
      if (all[i]->name == all.back()->name)
        return fail(Code::exists, "two pipelines have this name", "pipeline " + text.name);
    }
  }
  TRY(check_circles(all));
  for (const auto& one : all) {
    for (auto& sink : one->sinks) settle_form(sink);
  }
  return all;
}

Result<> EngineImpl::start(std::vector<PipelineText> texts) {
  live_ = TRY(plan(texts));
  decision_ = &deps_.metrics.histogram("skerry_decision_seconds",
                                       "From a reading in the log to the alert or command it caused in the log.");
  next_ = deps_.log.begin();
  bool changed = true;
  if (auto found = TRY(log::load(deps_.files, path_, state_format, deps_.log, state_format_oldest))) {
    changed = TRY(restore(*found));
    next_ = found->position;
  }
  make_groups();
  TRY(find_standing());
  replay_end_ = deps_.log.end();
  outputs_end_ = next_;
  position_.store(next_.value, std::memory_order_release);
  saved_ = next_;
  // A new text starts at the end of the log as it is now, and must do so again after a crash.
  if (changed && next_ <= deps_.log.committed_end())
    TRY(log::save(deps_.files, path_, state_format, next_, state(), deps_.log));
  return {};
}

Result<> EngineImpl::replace(std::vector<PipelineText> texts) {
  auto fresh = TRY(plan(texts));
  TRY(flush());  // what waits belongs to the pipelines as they are
  for (auto& one : fresh) {
    const auto same = std::ranges::find_if(
        live_, [&](const auto& old) { return old && old->name == one->name && old->version == one->version; });
    if (same != live_.end()) continue;
    one->start = deps_.log.end();
    logger::info("stream", "a new or changed pipeline begins with fresh state",
                 {{"pipeline", one->name}, {"version", one->version}});
  }
  {
    const std::scoped_lock lock(live_mutex_);
    for (auto& one : fresh) {
      const auto same = std::ranges::find_if(
          live_, [&](const auto& old) { return old && old->name == one->name && old->version == one->version; });
      if (same != live_.end()) one = std::move(*same);
    }
    live_ = std::move(fresh);
  }
  groups_.clear();
  make_groups();
  waiting_.emplace(next_, state());  // so that a crash finds the new ones where they began
  waiting_for_ = std::max(next_, outputs_end_);
  return checkpoint();
}

Result<bool> EngineImpl::restore(const log::Checkpoint& from) {
  Reader reader(from.state);
  const auto count = reader.varint();
  std::vector<bool> known(live_.size(), false);
  for (std::uint64_t i = 0; i < count && reader.ok(); ++i) {
    const auto name = as_text(reader.counted());
    const auto version = as_text(reader.counted());
    const Position start{reader.varint()};
    Reader state(reader.counted());
    for (std::size_t k = 0; k < live_.size(); ++k) {
      if (live_[k]->name != name || live_[k]->version != version) continue;
      if (!live_[k]->plan->load(state)) {  // a newer program plans the same text otherwise
        live_[k] = TRY(make_live({live_[k]->name, live_[k]->text}, deps_));
        for (auto& sink : live_[k]->sinks) settle_form(sink);
        continue;
      }
      live_[k]->start = start;
      known[k] = true;
    }
  }
  if (!reader.ok())
    return fail(Code::damaged, "the checkpoint ends too early; remove it to rebuild the state from the log", path_);
  bool changed = false;
  for (std::size_t k = 0; k < live_.size(); ++k) {
    if (known[k]) continue;
    changed = true;
    live_[k]->start = deps_.log.end();
    logger::info("stream", "a new or changed pipeline begins with fresh state",
                 {{"pipeline", live_[k]->name}, {"version", live_[k]->version}});
  }
  return changed;
}

// What is the same for all rows of a sink. Statistics, which are kept for an hour and seldom read, are stored without
// being made text first.
void EngineImpl::settle_form(SinkForm& sink) const {
  const auto classes = deps_.classes.of_filter(sink.filter);
  if (!sink.cls && std::has_single_bit(classes)) sink.cls = static_cast<record::Class>(std::countr_zero(classes));
  if (!sink.may_be_row() || classes != record::mask(record::Class::low)) return;
  Buffer shape;
  codec::encode_shape(shape, sink.json().shape());
  if (const auto id = deps_.log.shape(shape))
    sink.shape = *id;
  else if (id.error().code != Code::unsupported)
    logger::warn("stream", "statistics are stored as text", {{"why", id.error().text()}});
}

// The results that the stretch to be read again has brought already: a cause's stand all together or not at all.
Result<> EngineImpl::find_standing() {
  for (auto at = next_;;) {
    const auto chunk = TRY(deps_.log.read(at));
    for (const auto& view : chunk.records()) {
      if (!view.cause || !view.origin.starts_with("pipeline:")) continue;
      for (auto& one : live_) {
        if (view.origin == one->origin && (!one->done_through || *one->done_through < *view.cause))
          one->done_through = view.cause;
      }
    }
    if (chunk.empty()) return {};
    at = chunk.next();
  }
}

void EngineImpl::make_groups() {
  rows_ = log::Rows::left_out;
  for (std::size_t p = 0; p < live_.size(); ++p) {
    for (std::size_t t = 0; t < live_[p]->reads.size(); ++t) {
      const auto& filter = live_[p]->reads[t];
      if ((deps_.classes.of_filter(filter) & record::mask(record::Class::low)) != 0) rows_ = log::Rows::as_json;
      // A pipeline whose start lies ahead must not see what others replay, so it reads by itself.
      auto group = std::ranges::find_if(groups_, [&](const auto& g) {
        return g->filter == filter && live_[g->pipelines[0]]->start == live_[p]->start;
      });
      if (group == groups_.end()) {
        groups_.push_back(std::make_unique<Group>());
        group = std::prev(groups_.end());
        (*group)->filter = filter;
        (*group)->malformed = &deps_.metrics.counter("skerry_stream_malformed_total",
                                                     "Payloads that are no JSON object.", {{"topic", filter}});
      }
      (*group)->pipelines.push_back(p);
      (*group)->rows.attach(*live_[p]->plan->tables()[t], true);
    }
  }
}

// ---- a step ----

Result<bool> EngineImpl::step() {
  TRY(flush());
  const auto chunk = TRY(deps_.log.read(next_, {.rows = rows_, .bytes_max = chunk_bytes_max}));
  if (chunk.empty()) {
    next_ = std::max(next_, chunk.next());
    return false;
  }
  const auto records = chunk.records();
  for (std::size_t from = 0; from < records.size(); from += slice_rows) {
    const auto slice = records.subspan(from, std::min(slice_rows, records.size() - from));
    for (std::uint32_t i = 0; i < slice.size(); ++i) take_record(slice[i], i);
    run_slice(slice);
  }
  next_ = chunk.next();
  TRY(flush());
  return true;
}

void EngineImpl::take_record(const record::RecordView& view, std::uint32_t index) {
  if (view.kind != record::Kind::message) return;
  for (auto& group : groups_) {
    if (view.position < live_[group->pipelines[0]]->start || !record::matches(group->filter, view.topic)) continue;
    RowMeta meta;
    meta.record = index;
    meta.now = to_event(view.appended_at).time_since_epoch().count();
    JsonRows::Context context{view.topic, record::device_of(view.topic), view.payload, meta.now,
                              static_cast<std::int64_t>(view.position.value)};
    std::uint64_t wrong = 0;
    const bool row = group->rows.add(context, meta, arena_, wrong);
    if (!row) group->malformed->add();
    for (const auto p : group->pipelines) {
      auto& one = *live_[p];
      one.rows_in.fetch_add(row, std::memory_order_relaxed);
      one.rows_in_total->add(row);
      const auto errors = wrong + !row;
      if (errors == 0) continue;
      one.errors.fetch_add(errors, std::memory_order_relaxed);
      one.errors_total->add(errors);
    }
  }
}

void EngineImpl::run_slice(std::span<const record::RecordView> records) {
  refs_.clear();
  for (std::uint32_t p = 0; p < live_.size(); ++p) {
    auto& one = *live_[p];
    bool any = false;
    for (const auto* table : one.plan->tables()) any |= table->rows() > 0;
    if (!any) continue;
    one.plan->run(arena_);
    for (std::uint32_t s = 0; s < one.sinks.size(); ++s) {
      const auto& batch = one.plan->sinks()[s].rows->out;
      for (std::uint32_t r = 0; r < batch.rows; ++r) {
        const auto record = batch.meta[r].record;
        if (one.done_through && records[record].position <= *one.done_through) continue;
        refs_.push_back({record, p, s, r});
      }
    }
    for (const auto& node : one.plan->nodes()) {
      if (const auto late = node->take_late()) {
        one.late.fetch_add(late, std::memory_order_relaxed);
        deps_.metrics
            .counter("skerry_stream_late_total", "Rows dropped because they were older than the watermark.",
                     {{"pipeline", one.name}, {"table", node->table}})
            .add(late);
      }
      if (const auto dropped = node->take_dropped()) one.dropped_total->add(dropped);
    }
  }
  std::ranges::sort(refs_, [](const Ref& a, const Ref& b) {
    return std::tie(a.record, a.pipeline, a.sink, a.row) < std::tie(b.record, b.pipeline, b.sink, b.row);
  });
  for (std::size_t from = 0; from < refs_.size();) {
    auto end = from;
    while (end < refs_.size() && refs_[end].record == refs_[from].record && refs_[end].pipeline == refs_[from].pipeline)
      ++end;
    write_cause(std::span(refs_).subspan(from, end - from), records[refs_[from].record]);
    from = end;
  }
  for (auto& one : live_) {
    for (auto* table : one->plan->tables()) table->begin_batch();
  }
  arena_.reset();
}

// All that one pipeline makes of one record. Ids first, so that a command can name its alert whatever the order.
void EngineImpl::write_cause(std::span<const Ref> refs, const record::RecordView& cause) {
  const auto& one = *live_[refs[0].pipeline];
  ids_.resize(std::max(ids_.size(), refs.size()));
  std::string_view alert;
  for (std::uint32_t i = 0; i < refs.size(); ++i) {
    const auto kind = one.sinks[refs[i].sink].payload;
    if (kind == Payload::plain) continue;
    ids_[i] = record::stable_id(one.name, one.version, cause.position, i);
    if (kind == Payload::alert && alert.empty()) alert = ids_[i];
  }
  for (std::size_t i = 0; i < refs.size(); ++i) write_row(refs[i], cause, ids_[i], alert);
}

void EngineImpl::write_row(const Ref& ref, const record::RecordView& cause, std::string_view id,
                           std::string_view alert_id) {
  auto& one = *live_[ref.pipeline];
  const auto& form = one.sinks[ref.sink];
  const auto& batch = one.plan->sinks()[ref.sink].rows->out;
  Output to;
  to.pipeline = ref.pipeline;
  to.cause = cause.position;
  to.cause_appended = cause.appended_at;
  to.payload_kind = form.payload;
  to.qos = form.qos;
  to.retain = form.retain;
  to.topic.at = bytes_.size();
  if (!form.append_topic(bytes_, batch, ref.row)) {
    bytes_.resize(to.topic.at);
    one.errors.fetch_add(1, std::memory_order_relaxed);
    one.errors_total->add();
    return;
  }
  to.topic.size = bytes_.size() - to.topic.at;
  to.cls = form.cls ? *form.cls : deps_.classes.of(std::string_view(bytes_).substr(to.topic.at));
  if (form.ttl_ms > 0) to.expires_at = cause.appended_at + std::chrono::milliseconds{form.ttl_ms};
  to.payload.at = bytes_.size();
  if (form.shape && to.cls == record::Class::low) {
    to.row = true;
    bytes_.append(reinterpret_cast<const char*>(&*form.shape), sizeof *form.shape);
    form.json().append_row(bytes_, batch, ref.row);
    to.payload.size = bytes_.size() - to.payload.at;
    outputs_.push_back(std::move(to));
    return;
  }
  bytes_ += '{';
  if (form.payload == Payload::alert) bytes_.append("\"alert_id\":\"").append(id) += '"';
  if (form.payload == Payload::command) bytes_.append("\"command_id\":\"").append(id) += '"';
  form.json().append_fields(bytes_, batch, ref.row);
  if (form.payload != Payload::plain && !form.has_time()) {
    bytes_ += ",\"timestamp\":\"";
    append_rfc3339(bytes_, codec::event_time(cause.payload, cause.appended_at));
    bytes_ += '"';
  }
  if (form.payload == Payload::alert) {
    bytes_.append(",\"rule\":\"")
        .append(one.name)
        .append("@")
        .append(one.version)
        .append("\",\"data\":")
        .append(as_text(cause.payload));
  } else if (form.payload == Payload::command) {
    bytes_ += ",\"not_after\":\"";
    append_rfc3339(bytes_, to_event(*to.expires_at));
    bytes_ += '"';
    if (!alert_id.empty()) bytes_.append(",\"alert_id\":\"").append(alert_id) += '"';
  }
  bytes_ += '}';
  to.payload.size = bytes_.size() - to.payload.at;
  outputs_.push_back(std::move(to));
}

// Appends what waits: one append() for all of it, unless it is more than a log takes at once; a cause's are never
// parted.
Result<> EngineImpl::flush() {
  while (appended_ < outputs_.size()) {
    auto& records = records_;
    records.clear();
    std::size_t bytes = 0;
    std::size_t end = appended_;
    while (end < outputs_.size()) {
      const bool same_cause = end > appended_ && outputs_[end].cause == outputs_[end - 1].cause;
      if (bytes >= append_bytes_max && !same_cause) break;
      const auto& from = outputs_[end++];
      record::Record to;
      to.cls = from.cls;
      to.qos = from.qos;
      to.retain = from.retain;
      to.topic = std::string_view(bytes_).substr(from.topic.at, from.topic.size);
      to.payload = as_bytes(std::string_view(bytes_).substr(from.payload.at, from.payload.size));
      to.origin = live_[from.pipeline]->origin;
      to.expires_at = from.expires_at;
      to.cause = from.cause;
      to.row = from.row;
      bytes += to.topic.size() + to.payload.size() + 64;
      records.push_back(to);
    }
    const auto first = TRY(deps_.log.append(records));
    outputs_end_ = first + records.size();
    const auto now = deps_.clock.wall();
    for (; appended_ < end; ++appended_) {
      const auto& done = outputs_[appended_];
      auto& one = *live_[done.pipeline];
      one.rows_out.fetch_add(1, std::memory_order_relaxed);
      one.rows_out_total->add();
      if (done.payload_kind == Payload::plain || done.cause < replay_end_) continue;
      decision_->observe(std::chrono::duration<double>(now - done.cause_appended).count());
    }
  }
  outputs_.clear();
  bytes_.clear();
  appended_ = 0;
  position_.store(next_.value, std::memory_order_release);
  return {};
}

// ---- what lives on ----

log::SavedState EngineImpl::state() const {
  log::SavedState to;
  append_varint(to.open(), live_.size());
  for (const auto& one : live_) {
    append_counted(to.open(), as_bytes(one->name));
    append_counted(to.open(), as_bytes(one->version));
    append_varint(to.open(), one->start.value);
    log::SavedState own;
    one->plan->save(own);
    append_varint(to.open(), own.size());
    to.append(std::move(own));
  }
  return to;
}

// Full windows are worth writing less often: their bytes wear the disk, and so many records are soon read again.
std::uint64_t EngineImpl::checkpoint_records() const {
  std::uint64_t rows = 0;
  for (const auto& one : live_) rows += one->plan->kept_rows();
  return std::max(deps_.options.checkpoint_records_min, rows < full_window_rows ? 0 : rows / 4);
}

Result<> EngineImpl::checkpoint() {
  // Results that are not on disk yet would be lost if the state claimed that they are: it waits for them.
  if (waiting_) {
    if (deps_.log.committed_end() < waiting_for_) return {};
    saved_ = waiting_->position;
    auto waited = *std::exchange(waiting_, {});
    TRY(log::save(deps_.files, deps_.saver, path_, state_format, waited.position, std::move(waited.state), deps_.log));
  }
  if (!outputs_.empty() || next_ - saved_ < checkpoint_records()) return {};
  waiting_.emplace(next_, state());
  waiting_for_ = std::max(next_, outputs_end_);
  if (deps_.log.committed_end() < waiting_for_) return {};
  return checkpoint();
}

std::vector<PipelineInfo> EngineImpl::pipelines() const {
  const std::scoped_lock lock(live_mutex_);
  std::vector<PipelineInfo> to;
  for (const auto& one : live_) {
    to.push_back({one->name, one->version, one->text, one->rows_in.load(), one->rows_out.load(), one->late.load(),
                  one->errors.load()});
  }
  return to;
}

}  // namespace

Result<std::unique_ptr<Engine>> Engine::open(Deps deps, std::string_view state_dir,
                                             std::vector<PipelineText> pipelines) {
  TRY(deps.files.make_dirs(state_dir));
  auto made = std::make_unique<EngineImpl>(std::move(deps), join_path(state_dir, "stream.checkpoint"));
  TRY(made->start(std::move(pipelines)));
  return made;
}

Result<> check(std::string_view sql) {
  TRY(Plan::make(sql));
  return {};
}

Result<std::vector<PipelineText>> read_pipelines(Files& files, std::string_view dir) {
  std::vector<PipelineText> to;
  for (const auto& entry : TRY(files.list(dir))) {
    if (entry.is_dir || !entry.name.ends_with(".sql")) continue;
    const auto bytes = TRY(read_file(files, join_path(dir, entry.name), sql_bytes_max));
    to.push_back({entry.name.substr(0, entry.name.size() - 4), std::string(as_text(bytes))});
  }
  return to;
}

}  // namespace skerry::stream
