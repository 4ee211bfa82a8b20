// What act keeps in memory: the newest alerts, the newest commands with their states, and the order they changed in.
//
// No lock, no I/O: the tracker has those. All of it can be made again from the log.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "act/act.hpp"
#include "act/messages.hpp"
#include "record/forgotten.hpp"

namespace skerry::act {

using record::Position;

// A step that somebody took with an alert, and the record that says so.
struct AlertChange {
  AlertAction action = AlertAction::comment;
  Wall at;
  std::string by;
  std::string comment;
  Position position;
};

struct AlertEntry {
  Position position;
  record::Offset offset;
  Wall received_at;
  std::string id;
  std::string device;
  std::string type;
  std::string payload;  // with alert_id and device_id, also where the sender left them out
  AlertState state = AlertState::active;
  std::vector<AlertChange> changes{};  // positions ascend

  // With the changes whose records lie before `end`.
  std::string item(Position end) const;
  // False: it is known, or changes nothing (see next()).
  bool change(AlertChange change);
};

// A state that a command has reached, and the record that says so: the command's own for `issued`, else a fate.
struct Reached {
  State state = State::issued;
  Wall at;
  std::string detail;
  Position position;
};

struct CommandEntry {
  Position position;
  std::string id;
  std::string device;
  std::string command;
  std::string alert_id;
  std::string payload;  // as AlertEntry
  std::string compensation;
  Wall deadline;         // not-after, or where the sender gave none, when we stop waiting
  bool adopted = false;  // it came from elsewhere and may come again: its id is known until the deadline
  bool expires = false;  // the broker knows not-after and will not send it later
  State state = State::issued;
  std::vector<Reached> reached;  // first `issued`; positions ascend

  // With the states whose records lie before `end`.
  std::string item(Position end) const;
  bool has(State s) const;
};

// From records of kind message as they stand in the log; an id that the sender left out follows from the position.
Read<AlertEntry> alert_entry(const log::RecordView& record, AlertFields* fields = nullptr);
Read<CommandEntry> command_entry(const log::RecordView& record, const Options& options);

inline constexpr std::string_view care_topic = "$skerry/alert/";  // + alert_id: a step somebody took with it

bool is_alert_topic(std::string_view topic);                    // alerts/{device}
bool is_command_topic(std::string_view topic);                  // commands/{device}
std::string_view acknowledging_device(std::string_view topic);  // of commands/{device}/ack; else empty

class Index {
 public:
  explicit Index(const Options& options) : options_(options) {}

  // False: that id is taken by another record, or this very record is known.
  bool add(AlertEntry alert);
  bool add(CommandEntry command);
  // False as AlertEntry::change().
  bool change(Position alert, AlertChange change);
  // The command's state is now reached.state; true when it was not before.
  bool reach(CommandEntry& command, Reached reached);
  void set_sent(CommandEntry& command);

  CommandEntry* command_at(Position position);
  const CommandEntry* command_named(std::string_view id) const;
  CommandEntry* command_named(std::string_view id);
  const AlertEntry* alert_named(std::string_view id) const;

  const std::map<Position, AlertEntry>& alerts() const { return alerts_; }
  const std::map<Position, CommandEntry>& commands() const { return commands_; }
  const std::map<Position, Position>& changes() const { return changes_; }  // event id -> its alert or command
  // Everything from there on is in memory.
  Position alerts_floor() const { return alerts_floor_; }
  Position commands_floor() const { return commands_floor_; }

  // Alerts and finished commands of the device leave; what is open stays until it is finished.
  // So does what may come again.
  void forget(std::string_view device, Position at, Wall now);
  Wall time() const { return time_; }  // has come at least to there: what it forgot is over by then
  const record::Forgotten& forgotten() const { return forgotten_; }

  // Waiting commands whose deadline lies at or before `by`, oldest first.
  std::vector<Position> overdue(Wall by) const;
  std::size_t waiting() const { return deadlines_.size(); }
  std::size_t open() const { return open_; }

  std::uint64_t alerts_ever = 0;
  std::uint64_t commands_ever = 0;
  std::uint64_t commands_forgotten = 0;  // left memory while they were still open

  // Format: docs/commands.md, "Checkpoint".
  void encode(Buffer& to) const;
  static Result<Index> decode(Bytes from, const Options& options, std::uint32_t version);

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
  };
  using Names = std::unordered_map<std::string, Position, Hash, std::equal_to<>>;

  void note(Position event, Position subject);
  static std::size_t bytes_of(const AlertEntry& alert);
  void count(const CommandEntry& command, int by);
  void trim_alerts();
  void trim_commands();

  Options options_;
  std::map<Position, AlertEntry> alerts_;
  Names alert_names_;
  std::size_t alert_bytes_ = 0;
  Position alerts_floor_;
  std::map<Position, CommandEntry> commands_;
  Names command_names_;
  std::size_t command_bytes_ = 0;
  Position commands_floor_;
  Wall time_{};
  std::set<std::pair<Wall, Position>> deadlines_;  // of those in `issued` and `sent`
  std::size_t open_ = 0;
  std::map<Position, Position> changes_;
  record::Forgotten forgotten_;
};

}  // namespace skerry::act
