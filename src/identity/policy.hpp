// Policy: who may publish, subscribe and ask for what. A readable YAML file; docs/identity.md. Unchanging; any thread.
//
// A right is given by a rule that allows it and taken by a rule that denies it; what no rule allows is denied. In
// filters {id} and {type} stand for the caller's own; a caller whose id has `/ + #` gets nothing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace skerry::identity {

struct Subject {
  std::string id;
  std::string type;
  std::string level;            // basic, restricted, minimal, or another clearance
  std::string role = "device";  // device, gateway, operator
};

enum class Action : std::uint8_t { publish, subscribe, read, write };  // read and write: of the API, by path
std::string_view name(Action action);
Result<Action> action_named(std::string_view name);

struct Decision {
  bool allowed = false;
  std::string rule;  // that decided; empty: none allows it
};

class Policy {
 public:
  // Errors name the rule and the line.
  static Result<Policy> parse(std::string_view yaml);
  static const Policy& standard();          // the default
  static std::string_view standard_text();  // as a file to begin with

  // A topic to publish to, a filter to subscribe with (all that it can match must be allowed), a path to ask for.
  Decision decide(const Subject& subject, Action action, std::string_view target) const;

  struct Case {
    Subject subject;
    Action action = Action::publish;
    std::string target;
    bool allowed = false;
    int line = 0;
  };
  const std::vector<Case>& cases() const { return cases_; }  // of the file's `tests`

 private:
  struct Rule {
    std::string name;
    std::vector<std::string> ids;  // patterns with *; empty: any. The others alike
    std::vector<std::string> types;
    std::vector<std::string> levels;
    std::vector<std::string> roles;
    std::vector<std::string> allow[4];  // by action
    std::vector<std::string> deny[4];
  };
  static bool is_for(const Rule& rule, const Subject& subject);
  std::vector<Rule> rules_;
  std::vector<Case> cases_;
  friend class PolicyReader;
};

// Whether every topic that `inner` matches is matched by `outer`, too.
bool covers(std::string_view outer, std::string_view inner);

}  // namespace skerry::identity
