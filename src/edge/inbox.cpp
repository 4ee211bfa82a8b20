// Items of the cloud into the rooms that they are for.
#include "edge/inbox.hpp"

namespace skerry::edge {

Result<sync::Inbox::Taking> CloudInbox::take(const sync::Item& item) {
  if (item.kind == sync::ItemKind::state) {
    auto adopted = TRY(twins_.adopt(item.body));
    return Taking{adopted.usable ? sync::Took::taken : sync::Took::refused, std::move(adopted.why), adopted.end};
  }
  using Outcome = act::Tracker::Adopted::Outcome;
  auto adopted = TRY(tracker_.adopt(item.body, wall_.now()));
  const auto took = adopted.outcome == Outcome::taken     ? sync::Took::taken
                    : adopted.outcome == Outcome::passed  ? sync::Took::passed
                    : adopted.outcome == Outcome::refused ? sync::Took::refused
                                                          : sync::Took::unknown;
  return Taking{took, std::move(adopted.why), adopted.end};
}

}  // namespace skerry::edge
