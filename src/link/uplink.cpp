// The gateway's side of the link: carrying frames, pacing them, remembering.
#include <algorithm>
#include <atomic>
#include <mutex>

#include "base/logger.hpp"
#include "codec/json.hpp"
#include "link/link.hpp"
#include "link/live_delay.hpp"
#include "link/pace.hpp"
#include "link/ways.hpp"
#include "sync/log_source.hpp"

namespace skerry::link {
namespace {

class UplinkImpl final : public Uplink, private Ways::Owner {
 public:
  UplinkImpl(const Deps& deps, UplinkOptions options, sync::State state)
      : deps_(deps),
        options_(std::move(options)),
        state_(std::move(state)),
        source_(deps.log, options_.local, options_.local_before),
        devices_(options_.devices_max),
        live_delay_(deps.loop.clock(), deps.metrics, devices_),
        sender_(source_, sender_options(), state_.memory, &live_delay_),
        ways_({deps.loop, deps.files, deps.chance, deps.metrics}, options_, *this),
        up_(deps.metrics.gauge("skerry_link_up", "1 when a canary came back from the cloud, whatever TCP says.")),
        canary_seconds_(deps.metrics.gauge("skerry_link_canary_seconds", "Round trip of the last canary.")),
        backlog_(
            deps.metrics.gauge("skerry_sync_backlog_records", "Committed here and not acknowledged by the cloud.")),
        records_(deps.metrics.counter("skerry_sync_records_sent_total", "Records sent, repetitions included.")),
        gaps_(deps.metrics.counter("skerry_sync_gap_records_total", "Records that were declared gone.")),
        bytes_(deps.metrics.counter("skerry_sync_sent_bytes_total", "Bytes of sync's frames sent.")),
        malformed_(deps.metrics.counter("skerry_sync_malformed_total", "Frames of the cloud that were none.")) {
    hold();
  }
  ~UplinkImpl() override { *alive_ = false; }
  UplinkImpl(const UplinkImpl&) = delete;
  UplinkImpl& operator=(const UplinkImpl&) = delete;

  void start() override {
    on_commit_ = deps_.log.on_commit([this, alive = alive_] { news(); });
    turn();
  }
  void stop() override {
    stopped_ = true;
    on_commit_.reset();
    turn_.reset();
    ways_.stop();
    save();
  }
  void retry() override {
    deps_.loop.post([this, alive = alive_] {
      if (*alive) ways_.retry();
    });
  }
  UplinkStatus status() const override {
    // Of now: who has just been told that a record is on disk must not hear that nothing waits.
    const auto ends = deps_.log.stats().committed_ends;
    const std::scoped_lock lock(mutex_);
    auto status = status_;
    status.backlog = 0;
    for (std::size_t c = 0; c < record::class_count; ++c) {
      if ((options_.classes & (1U << c)) == 0) continue;
      for (const auto& part : acked_[c].missing(acked_[c].base(), ends[c].value)) status.backlog += part.to - part.from;
    }
    return status;
  }

  const Devices& devices() const override { return devices_; }

 private:
  sync::SenderOptions sender_options() const {
    return {.gateway = options_.gateway,
            .software = options_.software,
            .epoch = state_.epoch,
            .classes = options_.classes,
            .bases = state_.bases,
            .salt = deps_.chance.next(),
            .linger = options_.linger,
            .inbox = options_.inbox,
            .canary_every = std::min<std::chrono::milliseconds>(sync::canary_every, options_.network_timeout / 3),
            .network_timeout = options_.network_timeout,
            .queues = options_.queues};
  }
  Mono now() { return deps_.loop.clock().mono(); }
  void news();  // any thread
  void on_open() override;
  void on_message(Bytes message) override;
  void on_gone(std::optional<Trouble> why) override;
  void on_read() override { pump(); }
  void on_drained() override {
    clogged_ = false;
    pump();
  }
  void on_move(const Move& move) override;
  void trouble(Trouble trouble);
  void pump();
  void cycle();
  void count_queues(const UplinkStatus& status);
  void give(sync::Out& out);
  void turn();
  void save();
  void hold();
  void tell();

  Deps deps_;
  UplinkOptions options_;
  sync::State state_;
  sync::LogSource source_;
  Devices devices_;
  LiveDelay live_delay_;
  sync::Sender sender_;
  Ways ways_;
  Pace pace_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::shared_ptr<void> on_commit_;
  std::atomic<bool> posted_{false};
  std::unique_ptr<Timer> turn_;
  Mono save_at_{};
  std::uint64_t saved_count_ = 0;
  std::unique_ptr<Timer> again_;
  bool paced_ = false;    // the kernel says what the way takes
  bool clogged_ = false;  // and has enough to send for now
  std::uint64_t unsent_asked_ = 0;
  Mono cycle_at_{};
  Mono count_at_{};
  bool stopped_ = false;
  bool told_up_ = false;

  mutable std::mutex mutex_;
  UplinkStatus status_;
  sync::PerClass<sync::Intervals> acked_;  // as of status_
  std::optional<Trouble> trouble_;
  sync::SentCounts counted_;
  metrics::Gauge& up_;
  metrics::Gauge& canary_seconds_;
  metrics::Gauge& backlog_;
  metrics::Counter& records_;
  metrics::Counter& gaps_;
  metrics::Counter& bytes_;
  metrics::Counter& malformed_;
  sync::PerClass<sync::QueueStatus> queues_counted_{};
};

void UplinkImpl::news() {
  if (posted_.exchange(true)) return;
  deps_.loop.post([this, alive = alive_] {
    if (!*alive) return;
    posted_ = false;
    pump();
  });
}

// Told once for each that is new, counted each time.
void UplinkImpl::trouble(Trouble trouble) {
  deps_.metrics
      .counter("skerry_link_failures_total", "Connections to the cloud that failed or ended, by kind.",
               {{"kind", trouble.kind}})
      .add();
  if (!trouble_ || trouble_->text != trouble.text)
    logger::warn("link", "the link to the cloud is down", {{"kind", trouble.kind}, {"why", trouble.text}});
  trouble_ = std::move(trouble);
}

// The conversation begins, on whichever way.
void UplinkImpl::on_open() {
  clogged_ = false;
  paced_ = ways_.wire()->path_info().has_value();
  unsent_asked_ = 0;
  sync::Out said;
  sender_.on_open(now(), said);
  give(said);
}

void UplinkImpl::on_message(Bytes message) {
  sync::Out said;
  sender_.on_frame(message, now(), said);
  give(said);
}

void UplinkImpl::on_gone(std::optional<Trouble> why) {
  if (std::exchange(told_up_, false)) trouble_.reset();  // it is news again
  if (why) trouble(std::move(*why));
  sender_.on_closed();
  again_.reset();
  pace_.link_gone();
  tell();
}

// It is told to the cloud, as what else happens here.
void UplinkImpl::on_move(const Move& move) {
  std::string payload = "{\"from\":";
  codec::append_json_string(payload, move.from);
  codec::append_json_string(payload.append(",\"to\":"), move.to);
  codec::append_json_string(payload.append(",\"reason\":"), move.reason);
  payload += '}';
  record::Record r;
  r.cls = record::Class::high;
  r.kind = record::Kind::config;
  r.topic = "$skerry/link";
  r.origin = "link";
  r.payload = as_bytes(payload);
  if (const auto noted = deps_.log.append(r); !noted)
    logger::warn("link", "the move could not be put into the log", {{"why", noted.error().text()}});
}

void UplinkImpl::pump() {
  sync::Out out;
  auto* const wire = ways_.wire();
  if (wire == nullptr) {
    sender_.pump({}, now(), out);  // only looks at the time
    return;
  }
  if (now() >= cycle_at_) cycle();
  sync::Room room{.unsent = wire->unsent()};
  std::chrono::nanoseconds wait{0};
  if (paced_) {
    const auto path = wire->path_info().value_or(PathInfo{});
    wait = pace_.wait(path);
    room.frame_bytes = pace_.frame_bytes();
    room.turn_bytes = clogged_ || wait.count() > 0
                          ? 0
                          : std::min(pace_.window_bytes(path) - path.outstanding, sync::unsent_bytes_max);
  }
  sender_.pump(room, now(), out);
  if (out.more && wait.count() > 0) again_ = deps_.loop.after(wait, [this] { pump(); });
  give(out);
}

// What the way takes is asked once a cycle.
void UplinkImpl::cycle() {
  cycle_at_ = now() + options_.queues.cycle;
  if (!paced_) return;
  const auto status = sender_.queue_status(now());
  const bool busy = std::ranges::any_of(status, [](const auto& q) { return q.waiting + q.backlog > 0; });
  pace_.on_cycle(ways_.wire()->path_info(), sender_.acknowledged_bytes(), busy, now());
  const auto unsent = pace_.unsent_bytes();
  if (unsent_asked_ != 0 && unsent < unsent_asked_ * 5 / 4 && unsent > unsent_asked_ * 4 / 5) return;
  unsent_asked_ = unsent;
  ways_.wire()->keep_unsent_below(unsent);
}

// What a gap's fingerprint is must be on disk before the cloud has it: nobody could compute it again.
void UplinkImpl::give(sync::Out& out) {
  if (out.save) save();
  if (!out.frames.empty()) {
    ways_.wire()->send(out.frames);
    clogged_ = unsent_asked_ != 0;
  }
  if (out.again) again_ = deps_.loop.after(*out.again - now(), [this] { pump(); });
  if (!out.close) return;
  const auto& refused = sender_.refused();  // by the cloud, which all ways lead to
  std::optional<std::chrono::milliseconds> pause;
  if (refused) {
    pause = std::chrono::milliseconds{std::min<std::uint64_t>(refused->retry_s, 600) * 1'000};
    if (sync::is_final(refused->reason)) pause = refused_retry;
  }
  ways_.give_up({refused ? "refused" : "closed", out.why}, pause);
}

void UplinkImpl::turn() {
  pump();
  ways_.turn();
  if (sender_.phase() == sync::Phase::sending && sender_.link_up()) {
    ways_.proven();
    if (!told_up_) {
      told_up_ = true;
      trouble_.reset();
      logger::info(
          "link", "the link to the cloud is up",
          {{"way", ways_.chosen().name}, {"url", ways_.chosen().url.address.text()}, {"backlog", sender_.backlog()}});
    }
  }
  if (now() >= save_at_) save();
  tell();
  turn_ = deps_.loop.after(turn_every, [this] { turn(); });
}

void UplinkImpl::save() {
  save_at_ = now() + save_every;
  std::uint64_t count = sender_.counts().records + sender_.counts().gaps;
  for (std::size_t c = 0; c < record::class_count; ++c) count += sender_.acked(static_cast<record::Class>(c)).count();
  if (count == saved_count_) return;
  state_.memory = sender_.memory();
  if (const auto saved = sync::save_state(deps_.files, options_.state_path, state_); !saved) {
    logger::error("link", "what the cloud acknowledged could not be saved", {{"why", saved.error().text()}});
    return;
  }
  saved_count_ = count;
  hold();
}

// What the cloud lacks goes last when the disk's budget is used up.
void UplinkImpl::hold() {
  for (std::size_t c = 0; c < record::class_count; ++c) {
    const auto cls = static_cast<record::Class>(c);
    deps_.log.hold(cls, record::Offset{sender_.acked(cls).prefix_end()});
  }
}

void UplinkImpl::tell() {
  const auto& counts = sender_.counts();
  records_.add(counts.records - counted_.records);
  gaps_.add(counts.gaps - counted_.gaps);
  bytes_.add(counts.bytes - counted_.bytes);
  malformed_.add(counts.malformed - counted_.malformed);
  if (counts.refusals > counted_.refusals && sender_.refused()) {
    deps_.metrics
        .counter("skerry_sync_refusals_total", "Times that the cloud refused this gateway.",
                 {{"reason", std::string(sync::name(sender_.refused()->reason))}})
        .add(counts.refusals - counted_.refusals);
  }
  counted_ = counts;
  UplinkStatus status{.url = text_of(ways_.chosen().url),
                      .way = ways_.chosen().name,
                      .ways = ways_.status(),
                      .moves = ways_.moves(),
                      .phase = sender_.phase(),
                      .up = sender_.link_up(),
                      .epoch = state_.epoch,
                      .backlog = sender_.backlog(),
                      .refused = sender_.refused(),
                      .live_delay = live_delay_.worst(),
                      .trouble = trouble_};
  for (std::size_t c = 0; c < record::class_count; ++c)
    status.acknowledged[c] = sender_.acked(static_cast<record::Class>(c)).prefix_end();
  status.shares = {.options = options_.queues.classes,
                   .queues = sender_.queue_status(now()),
                   .congestion = sender_.queues().congestion(),
                   .fill = sender_.queues().fill(),
                   .bandwidth = options_.queues.bandwidth,
                   .budget = sender_.queues().budget(),
                   .rate = pace_.rate(),
                   .frame_bytes = pace_.frame_bytes(),
                   .unacknowledged = sender_.unacknowledged_bytes(),
                   .path = ways_.wire() != nullptr ? ways_.wire()->path_info() : std::nullopt};
  if (now() >= count_at_) count_queues(status);
  up_.set(status.up ? 1 : 0);
  backlog_.set(static_cast<double>(status.backlog));
  if (const auto rtt = sender_.canary_rtt()) canary_seconds_.set(std::chrono::duration<double>(*rtt).count());
  const std::scoped_lock lock(mutex_);
  status_ = std::move(status);
  acked_ = sender_.memory().acked;
}

void UplinkImpl::count_queues(const UplinkStatus& status) {
  count_at_ = now() + std::chrono::seconds{1};
  auto& m = deps_.metrics;
  m.gauge("skerry_link_rate_bytes_per_second", "That the way to the cloud was found to take; 0: not known.")
      .set(static_cast<double>(status.shares.rate));
  m.gauge("skerry_link_fill_ratio", "Mean of the last fill ratios of the queues.").set(status.shares.fill);
  m.gauge("skerry_link_congestion", "0 none, 1 mild, 2 severe.").set(static_cast<double>(status.shares.congestion));
  for (std::size_t c = 0; c < record::class_count; ++c) {
    const auto& now = status.shares.queues[c];
    auto& before = queues_counted_[c];
    const metrics::Labels labels{{"class", std::string(record::name(static_cast<record::Class>(c)))}};
    m.gauge("skerry_link_queue_messages", "Committed and not yet given to the link, of the live lane.", labels)
        .set(static_cast<double>(now.waiting));
    m.gauge("skerry_link_queue_oldest_seconds", "How long the oldest of them waits.", labels)
        .set(std::chrono::duration<double>(now.oldest).count());
    const auto add = [&](std::string_view name, std::string_view help, std::uint64_t sync::QueueStatus::*what) {
      m.counter(name, help, labels).add(now.*what - before.*what);
    };
    add("skerry_link_queue_sent_total", "Messages given to the link, of both lanes.", &sync::QueueStatus::sent);
    add("skerry_link_queue_sent_bytes_total", "Bytes of their frames.", &sync::QueueStatus::sent_bytes);
    add("skerry_link_queue_displaced_total", "Messages that left their queue because it was full.",
        &sync::QueueStatus::displaced);
    add("skerry_link_queue_expired_total", "Messages that left their queue because they were too old.",
        &sync::QueueStatus::expired);
    add("skerry_link_queue_dropped_total", "Of both, those that were declared gone instead of being sent later.",
        &sync::QueueStatus::dropped);
    before = now;
  }
}

}  // namespace

Result<std::unique_ptr<Uplink>> Uplink::open(const Deps& deps, const UplinkOptions& options) {
  auto state = TRY(sync::load_state(deps.files, options.state_path, deps.log.epoch()));
  return std::make_unique<UplinkImpl>(deps, options, std::move(state));
}

}  // namespace skerry::link
