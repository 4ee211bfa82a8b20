// CloudInbox: what the cloud has for this gateway, taken once: commands become commands of the gateway's own, states
// are joined with those of its twins.
#pragma once

#include "act/act.hpp"
#include "base/clock.hpp"
#include "log/log.hpp"
#include "sync/sender.hpp"
#include "twin/twin.hpp"

namespace skerry::edge {

class CloudInbox final : public sync::Inbox {
 public:
  // `floor`: of the newest record. Time never goes back behind it: an id that may be forgotten is over for good.
  CloudInbox(act::Tracker& tracker, twin::Twins& twins, const log::Log& log, Clock& clock, Wall floor)
      : tracker_(tracker), twins_(twins), log_(log), wall_(clock, floor) {}

  Result<Taking> take(const sync::Item& item) override;
  record::Position committed_end() override { return log_.committed_end(); }

 private:
  act::Tracker& tracker_;
  twin::Twins& twins_;
  const log::Log& log_;
  SteadyWall wall_;
};

}  // namespace skerry::edge
