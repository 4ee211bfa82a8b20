// Twins of a gateway: what is desired of its devices and of itself, and what they reported.
//
// A device reports on `devices/{id}/twin/reported` (a merge patch) and is told what is desired of it on
// `devices/{id}/twin/desired`, retained, whenever that changes. People and the cloud write what is desired. Each write
// of ours is a record of kind config, topic `$skerry/twin/{id}`, with what it changed (state.hpp), in one append with
// the message to the device; a report is its own record. The state is the join of all those records, so that order and
// repetition do not matter, and the cloud joins the same ones. What must stay is pinned.
//
// Order of calls: open(), then step() until false and again after commits, checkpoint() now and then. Any thread may
// call anything. Only what is committed is shown; what was just written is known to the next write.
// Topics, payloads, rules: docs/twin.md.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/metrics.hpp"
#include "log/checkpoint.hpp"
#include "log/follower.hpp"
#include "log/log.hpp"
#include "record/classes.hpp"
#include "twin/limits.hpp"
#include "twin/state.hpp"

namespace skerry::twin {

inline constexpr std::string_view record_topic = "$skerry/twin/";  // + id
std::string desired_topic(std::string_view id);                    // devices/{id}/twin/desired
std::string reported_topic(std::string_view id);                   // devices/{id}/twin/reported
// Whose report a topic carries, and whose state a record tells; empty: it is another.
std::string_view reporting_device(std::string_view topic);
std::string_view twin_of(const record::Record& record);
// What a record of either kind says, as a state to be joined. Code::invalid, Code::damaged: it says nothing.
Result<State> said(const record::RecordView& record);

// The rule of each field, by `id/field` filters (`+/setpoint`); the first that matches decides.
struct Rules {
  std::vector<std::pair<std::string, Rule>> filters;
  Rule otherwise = Rule::timestamp_based;

  // Code::invalid names the filter or the rule.
  static Result<Rules> of(const std::vector<std::pair<std::string, std::string>>& pairs, std::string_view otherwise);
  Rule of(std::string_view id, std::string_view field) const;
};

struct Options {
  std::string gateway;  // its id: a twin of that id is the gateway's own
  Rules rules;
  std::string checkpoint_path;  // empty: none is kept
  log::Saver* saver = nullptr;
  record::ClassRules classes;  // of the topics
  std::size_t twins_max = twin::twins_max;
  std::uint64_t checkpoint_changes = twin::checkpoint_changes;
  std::uint64_t checkpoint_records = twin::checkpoint_records;
};

class Twins : public log::Follower {
 public:
  static Result<std::unique_ptr<Twins>> open(log::Log& log, Files& files, Clock& clock, const Options& options,
                                             metrics::Registry& metrics);

  struct Written {
    record::Position end;  // answer the caller when log.committed_end() >= end
    std::string item;      // as twin(id) will give it then
  };
  // Code::full: too many fields or twins, or too much; Code::invalid: the id.
  virtual Result<Written> desire(std::string_view id, const Patch& patch, std::string_view by) = 0;
  // Puts the value in force that lost. Code::not_found, Code::exists.
  virtual Result<Written> reverse(std::string_view id, std::string_view conflict, std::string_view by) = 0;

  // A state that the cloud has: joined, and kept in a record if it was news. `end`: when it is on disk.
  struct Adopted {
    bool usable = true;
    std::string why;
    record::Position end;
  };
  // Code::busy: what was here before is still being read.
  virtual Result<Adopted> adopt(std::string_view body) = 0;

  virtual Result<std::string> twin(std::string_view id) = 0;  // JSON; Code::not_found
  struct Page {
    std::vector<std::string> items;
    std::optional<std::string> next;
  };
  // By id, after `cursor`. `in_conflict`: only those with a conflict that was not reversed.
  virtual Page twins(std::string_view cursor, std::size_t limit, bool in_conflict) = 0;
};

// The body of an ITEM of kind state: {"id":…,"state":…}.
std::string item_body(std::string_view id, const State& state);
Result<std::pair<std::string, State>> read_item(std::string_view body);
// The message that tells a device what is desired of it.
std::string desired_message(std::string_view id, const State& state);
// A twin as the APIs show it.
std::string twin_json(std::string_view id, std::string_view gateway, const State& state, std::string_view more = {});

}  // namespace skerry::twin
