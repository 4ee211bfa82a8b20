// What is desired of a device and what it reported, as maps of fields that two sides may write, apart for days, and
// that come out the same however their states meet.
//
// Each side keeps its newest write of a field, with its hybrid time and the other side's time that it had seen. Joining
// two states takes the newer write of each side: commutative, associative, idempotent. Which of the two writes counts
// is no part of the state but follows from it: one that had seen the other; else (a conflict) what the field's rule
// says. The rule travels with the gateway's write, so both sides decide alike. A deleted field is a tombstone.
// Pure; no input is trusted. Sources: DESIGN.md, "State"; Kulkarni, Demirbas (2014); Shapiro et al., "Conflict-free
// replicated data types" (2011). Conflicts: docs/twin.md.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/hlc.hpp"
#include "base/result.hpp"

namespace skerry::twin {

enum class Side : std::uint8_t { edge, cloud };
std::string_view name(Side side);

// Which of two writes counts when neither had seen the other.
enum class Rule : std::uint8_t { timestamp_based, edge_wins, cloud_wins, max, min };
std::string_view name(Rule rule);
std::optional<Rule> rule_named(std::string_view name);

struct Write {
  std::string value;        // compact JSON; empty: deleted
  Hlc at;                   // 0: there is none
  Hlc seen;                 // the other side's `at` that its writer knew
  std::uint64_t order = 0;  // tells reports of one millisecond apart: their position
  Rule rule = Rule::timestamp_based;
  std::string by;  // who

  bool exists() const { return at.value != 0; }
  bool operator==(const Write&) const = default;
};

struct Field {
  Write edge;
  Write cloud;

  const Write& of(Side side) const { return side == Side::edge ? edge : cloud; }
  bool in_conflict() const;  // both wrote, neither had seen the other, and not the same value
  Side winner() const;       // of a field that somebody wrote
  const Write& write() const { return of(winner()); }
  bool operator==(const Field&) const = default;
};

// Two writes that did not know of each other. It stays listed when later writes have settled the field.
struct Conflict {
  std::string field;
  Field writes;
  Hlc reversed;  // when the other value was put in force; 0: it was not

  std::string id() const;  // the same on both sides
  Hlc at() const { return std::max(writes.edge.at, writes.cloud.at); }
  bool operator==(const Conflict&) const = default;
};

using Patch = std::map<std::string, std::string>;  // field -> compact JSON; empty: delete it

struct State {
  std::map<std::string, Field> desired;
  std::map<std::string, Write> reported;
  std::map<std::string, Conflict> conflicts;  // by id, the newest conflicts_max

  bool empty() const { return desired.empty() && reported.empty() && conflicts.empty(); }
  bool join(const State& other);  // takes what `other` knows; true when that changed something
  // Whether what joining `other` gives is no more than a twin may be. Who reads records asks first, on both sides, so
  // that nobody's reports or records make a state that cannot be kept or read any more.
  bool has_room_for(const State& other) const;
  bool note_conflicts();  // lists those that stand now; true when one is new
  // What `side` writes now, as a state of its own to be joined. `rule_of` names a field's rule.
  // Code::full: it would become too many or too much.
  struct Writing {
    Side side = Side::edge;
    Hlc now;  // the clock; the write is later than all that this state knows of its side
    std::string_view by;
  };
  template <typename RuleOf>
  Result<State> desire(const Patch& patch, const Writing& writing, RuleOf rule_of) const {
    State delta;
    for (const auto& [field, value] : patch) add_write(delta, field, value, writing, rule_of(field));
    TRY(check_size(delta, writing.side));
    return delta;
  }
  // The value that lost is written again, having seen both. Code::not_found; Code::exists: reversed already.
  Result<State> reverse(std::string_view conflict, const Writing& writing, Rule rule) const;
  Hlc newest() const;  // of all writes

  bool operator==(const State&) const = default;

 private:
  void add_write(State& delta, const std::string& field, const std::string& value, const Writing& writing,
                 Rule rule) const;
  Result<> check_size(const State& delta, Side side) const;
  std::uint64_t desired_bytes(Side side) const;
  void drop_old_conflicts();
};

// What a device reported, at the time and place of its record.
State report(const Patch& patch, Hlc at, std::uint64_t position, std::string_view by);
Hlc time_of(Wall appended_at);

// An RFC 7396 merge patch of one level: {"field": value, "other": null}. Code::invalid names the field.
Result<Patch> parse_patch(Bytes json);

// Stored form, of a whole state or of what has changed; the same state gives the same text. docs/twin.md
std::string encode(const State& state);
Result<State> decode(Bytes json);

// For people and devices.
std::string desired_json(const State& state);  // {"field": value, …} of what counts
std::string document(const State& state);      // members: desired, reported, delta, metadata, conflicts
std::uint64_t version(const State& state);     // grows with each change of what is desired

}  // namespace skerry::twin
