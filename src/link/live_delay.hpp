// LiveDelay: how long live records took until the cloud had applied them: a histogram by class, and the worst of the
// last second. Passes on what was sent to another watcher. The uplink's thread.
#pragma once

#include <algorithm>
#include <optional>

#include "base/clock.hpp"
#include "base/metrics.hpp"
#include "sync/sender.hpp"

namespace skerry::link {

class LiveDelay final : public sync::Watcher {
 public:
  LiveDelay(Clock& clock, metrics::Registry& metrics, sync::Watcher& next) : clock_(clock), next_(next) {
    for (std::size_t c = 0; c < record::class_count; ++c) {
      const metrics::Labels labels{{"class", std::string(record::name(static_cast<record::Class>(c)))}};
      took_[c] = &metrics.histogram("skerry_link_live_seconds",
                                    "From a live record's commit (or the link's coming up) until the cloud had applied "
                                    "it, the first of each frame.",
                                    labels);
    }
  }
  void on_sent(record::Class cls, std::span<const record::RecordView> records,
               std::chrono::nanoseconds waited) override {
    next_.on_sent(cls, records, waited);
  }
  void on_applied(record::Class cls, std::chrono::nanoseconds took) override {
    took_[static_cast<std::size_t>(cls)]->observe(std::chrono::duration<double>(took).count());
    roll();
    now_ = std::max(now_.value_or(took), took);
  }
  // Of what was acknowledged in this second and the one before it; nothing where nothing was.
  std::optional<std::chrono::nanoseconds> worst() {
    roll();
    return now_ && before_ ? std::max(*now_, *before_) : now_ ? now_ : before_;
  }

 private:
  void roll() {
    const auto second = std::chrono::floor<std::chrono::seconds>(clock_.mono().time_since_epoch()).count();
    if (second == second_) return;
    before_ = second == second_ + 1 ? now_ : std::nullopt;
    now_.reset();
    second_ = second;
  }

  Clock& clock_;
  sync::Watcher& next_;
  sync::PerClass<metrics::Histogram*> took_{};
  std::int64_t second_ = 0;
  std::optional<std::chrono::nanoseconds> now_;
  std::optional<std::chrono::nanoseconds> before_;
};

}  // namespace skerry::link
