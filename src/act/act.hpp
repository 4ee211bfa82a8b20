// Alerts and commands: what was raised, what was asked of devices, and what became of it.
//
// A Tracker reads the log and keeps the newest alerts and commands. It turns what the broker says about deliveries,
// what devices answer on `commands/{device}/ack`, and time into the fate of each command, and appends every change as a
// record of kind fate. So are the steps that people take with an alert. The fates in the log are the truth: after a
// crash they are read back first, then what came in meanwhile is judged, so that no change is written twice and none is
// missed.
//
// Order of calls: open(), then step() until false, again after each commit (it reads committed records only), on_tick()
// about ten times a second, checkpoint() now and then. step(), on_tick() and checkpoint() on one thread; everything
// else on any. Only committed facts are shown: what a query gives is on disk.
//
// Topics, kinds and payloads: docs/commands.md. Source: DESIGN.md, promises 4 and 6; issue 4, part 6.
#pragma once

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "act/care.hpp"
#include "act/lifecycle.hpp"
#include "act/limits.hpp"
#include "base/chance.hpp"
#include "base/files.hpp"
#include "base/metrics.hpp"
#include "base/result.hpp"
#include "log/checkpoint.hpp"
#include "log/follower.hpp"
#include "log/log.hpp"
#include "record/classes.hpp"

namespace skerry::act {

struct Options {
  std::size_t alerts_kept = act::alerts_kept;
  std::size_t commands_kept = act::commands_kept;
  std::size_t commands_open_max = act::commands_open_max;
  std::chrono::milliseconds ttl_default = act::ttl_default;  // of a command that does not say; also of a compensation
  std::chrono::milliseconds ttl_max = act::ttl_max;
  std::chrono::milliseconds grace = act::grace;
  record::ClassMask classes = record::mask(record::Class::critical);  // read; see classes_of()
  std::string checkpoint_path;  // empty: none is written, all is read from the log at start
  log::Saver* saver = nullptr;  // writes it; nothing: the stepping thread itself
  std::uint64_t checkpoint_changes = act::checkpoint_changes;  // written after so many changes …
  std::uint64_t checkpoint_records = act::checkpoint_records;  // … or so many records read
};

// The classes that alerts, commands and what becomes of them lie in, when a site has rules of its own.
record::ClassMask classes_of(const record::ClassRules& rules);

// ---- commands that a person or a program asks for ----

struct CommandRequest {
  std::string device_id;
  std::string command;
  std::string reason;
  std::optional<std::chrono::milliseconds> ttl;  // or not_after; neither: Options::ttl_default
  std::optional<EventTime> not_after;
  std::string params;        // JSON text of an object; empty: none
  std::string compensation;  // JSON text {"command":…,"params":…}; empty: none
  std::string alert_id;      // the alert it answers; empty: none
};

// Reads {device_id, command, reason?, ttl_s? | not_after?, params?, compensation?, alert_id?}. Code::invalid with the
// field's name as `where`; a field it does not know is an error too.
Result<CommandRequest> parse_request(Bytes json);

struct Command {
  std::string id;
  std::string topic;    // commands/{device}
  std::string payload;  // JSON, as DESIGN.md has it
  Wall not_after;

  // What is appended: critical, QoS 2, expires at not-after. A view into this object.
  record::Record record(std::string_view origin) const;
};

// Checks every field (Code::invalid, `where` names it) and draws an id.
Result<Command> make_command(const CommandRequest& request, Wall now, Chance& chance, const Options& options = {});

// ---- what queries give ----

struct Query {
  std::string_view device;                 // empty: all
  std::string_view type;                   // alerts: alert_type; commands: the command's name; empty: all
  std::size_t limit = page_items_default;  // 1 to page_items_max, cut to it
  std::string_view cursor;                 // Page::next of the page before; empty: the newest
  std::optional<AlertState> state{};       // alerts only; nothing: all
};

struct Page {
  std::vector<std::string> items;   // JSON objects, newest first
  std::optional<std::string> next;  // nothing: there are no older ones
};

// An alert that was raised or worked on, or a command that was issued or whose state changed: for the event stream.
struct Change {
  enum class What : std::uint8_t { alert, command };
  What what = What::alert;
  record::Position id;  // of the alert's, command's or fate's record: the event's id
  std::string device;
  std::string item;  // JSON as the queries give it, with the states reached by then
};

struct Counts {
  std::uint64_t alerts = 0;    // ever, over restarts
  std::uint64_t commands = 0;  // ever, over restarts
  std::uint64_t open = 0;      // issued, sent or accepted and not finished
};

inline constexpr std::string_view adopted_origin = "cloud";  // of the records of Tracker::adopt()

class Tracker : public log::Follower {
 public:
  // The checkpoint, when there is one, and the log after it. `log`, `files` and `metrics` outlive it.
  static Result<std::unique_ptr<Tracker>> open(log::Log& log, Files& files, const Options& options,
                                               metrics::Registry& metrics);

  // Time, as SteadyWall has it: commands expire, or their fate becomes unknown. Effects show in a later step() when
  // records that were appended before `now` are still to be read. Code::busy, Code::io as append().
  virtual Result<> on_tick(Wall now) = 0;

  struct Issued {
    std::string id;
    record::Position position;  // answer the caller when log.committed_end() > position
    std::string item;           // as command(id) will give it then
  };
  // Appends with Urgency::now. After the commit the queries show it at once. Code::full: too many are open.
  virtual Result<Issued> issue(const Command& command, std::string_view origin) = 0;

  // A command that was asked for elsewhere, at the cloud: its id, device and not-after stand in the payload. Taken once
  // however often it comes, and never after its not-after: an id from there is remembered until then.
  struct Adopted {
    enum class Outcome : std::uint8_t {
      taken,    // it is in the log, from now on or since an earlier time
      passed,   // its not-after has passed, and it never was taken
      refused,  // it is no command
      unknown,  // its not-after has passed, and whether it was taken is not remembered
    };
    Outcome outcome = Outcome::taken;
    std::string why;
    record::Position end;  // this is on disk when log.committed_end() >= end
  };
  // `now`: as SteadyWall has it, from the newest record on. Code::busy: what was here before is still being read;
  // Code::full: too many are open. Ask again.
  virtual Result<Adopted> adopt(std::string_view payload, Wall now) = 0;

  struct Worked {
    record::Position end;            // answer the caller when log.committed_end() >= end
    std::vector<std::string> items;  // as alert(id) will give them then
  };
  // Acknowledges, clears or comments alerts: all of them or, with an error, none. What an alert is already is no error
  // and writes nothing. Any thread, but it may read old blocks: not one that must not wait. Code::not_found: no alert
  // has that id; Code::exists: it is cleared, or has alert_changes_max changes already; `where` is the id.
  virtual Result<Worked> work(const AlertWork& work, Wall now, std::string_view origin) = 0;

  // Code::invalid: a cursor that no page gave.
  virtual Result<Page> alerts(const Query& query) const = 0;
  virtual Result<Page> commands(const Query& query) const = 0;
  // Code::not_found.
  virtual Result<std::string> alert(std::string_view id) const = 0;
  virtual Result<std::string> command(std::string_view id) const = 0;

  // Changes with id >= from in order, at most `max`, of the newest changes_kept; go on from `next`. Nothing new appears
  // later before `next`. Without `from`: no items, only where to go on from to hear what comes.
  struct Changes {
    std::vector<Change> items;
    record::Position next;
  };
  virtual Changes changes(std::optional<record::Position> from, std::size_t max) const = 0;

  virtual Counts counts() const = 0;
};

}  // namespace skerry::act
