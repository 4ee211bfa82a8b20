// Deciding by rules.
#include "identity/policy.hpp"

#include <algorithm>

#include "record/record.hpp"

namespace skerry::identity {
namespace {

constexpr std::string_view names[] = {"publish", "subscribe", "read", "write"};

// `*` stands for any characters. Iterative: a stranger's id must not cost more than its length times the pattern's.
bool fits(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t from = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      from = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++from;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool any_fits(const std::vector<std::string>& patterns, std::string_view text) {
  return patterns.empty() || std::ranges::any_of(patterns, [text](const auto& p) { return fits(p, text); });
}

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
}

// Empty when it cannot be: a name that would be more than one level, or a wildcard, must not widen a right.
std::string filled(std::string_view pattern, const Subject& subject) {
  std::string text(pattern);
  for (const auto& [mark, value] : {std::pair<std::string_view, std::string_view>{"{id}", subject.id},
                                    std::pair<std::string_view, std::string_view>{"{type}", subject.type}}) {
    if (text.find(mark) == std::string::npos) continue;
    if (!record::check_device_id(value)) return {};
    replace_all(text, mark, value);
  }
  return text;
}

std::string_view take_level(std::string_view& text, bool& more) {
  const auto slash = text.find('/');
  const auto level = text.substr(0, slash);
  more = slash != std::string_view::npos;
  text = more ? text.substr(slash + 1) : std::string_view{};
  return level;
}

bool meets(std::string_view pattern, Action action, std::string_view target) {
  if (pattern.empty()) return false;
  if (action == Action::publish) return record::matches(pattern, target);
  if (action == Action::subscribe) return covers(pattern, target);
  return fits(pattern, target);
}

}  // namespace

std::string_view name(Action action) { return names[static_cast<int>(action)]; }

Result<Action> action_named(std::string_view text) {
  for (int i = 0; i < 4; ++i) {
    if (names[i] == text) return static_cast<Action>(i);
  }
  return fail(Code::invalid, "is no action; expected publish, subscribe, read or write", std::string(text));
}

bool covers(std::string_view outer, std::string_view inner) {
  // $-topics are not met by a wildcard at the first level (MQTT 5.0 section 4.7.2).
  if (inner.starts_with('$') && (outer.starts_with('+') || outer.starts_with('#'))) return false;
  bool outer_more = true;
  bool inner_more = true;
  while (true) {
    if (!outer_more) return !inner_more;
    const auto wide = take_level(outer, outer_more);
    if (wide == "#") return true;
    if (!inner_more) return false;
    const auto narrow = take_level(inner, inner_more);
    if (narrow == "#") return false;
    if (wide != "+" && wide != narrow) return false;
  }
}

bool Policy::is_for(const Rule& rule, const Subject& subject) {
  return any_fits(rule.ids, subject.id) && any_fits(rule.types, subject.type) && any_fits(rule.levels, subject.level) &&
         any_fits(rule.roles, subject.role);
}

Decision Policy::decide(const Subject& subject, Action action, std::string_view target) const {
  const auto at = static_cast<std::size_t>(action);
  Decision decision;
  for (const auto& rule : rules_) {
    if (!is_for(rule, subject)) continue;
    for (const auto& pattern : rule.deny[at]) {
      const auto own = filled(pattern, subject);
      // A filter that could match something denied is denied as a whole.
      const bool met =
          meets(own, action, target) || (action == Action::subscribe && !own.empty() && covers(target, own));
      if (met) return {false, rule.name};
    }
    if (decision.allowed) continue;
    for (const auto& pattern : rule.allow[at]) {
      if (meets(filled(pattern, subject), action, target)) decision = {true, rule.name};
    }
  }
  return decision;
}

const Policy& Policy::standard() {
  static const Policy policy = [] {
    auto parsed = parse(standard_text());
    INVARIANT(parsed.has_value());
    return std::move(*parsed);
  }();
  return policy;
}

std::string_view Policy::standard_text() {
  return R"(# Who may do what. A right is given by a rule that allows it and taken by one that denies it; the rest is denied.
# {id} and {type} are the caller's own. Try it: skerry policy test FILE; it is read again when it changes.
rules:
  - name: own
    for: {role: [device], level: ["*"]}
    publish: ["devices/{id}/status"]

  - name: restricted
    for: {role: [device], level: [restricted]}
    publish: ["sensors/{id}/#", "devices/{id}/#", "commands/{id}/ack"]
    subscribe: ["commands/{id}"]
    write: ["/api/v1/readings"]

  - name: full
    for: {role: [device], level: [basic, standard, elevated]}
    publish: ["sensors/{id}/#", "devices/{id}/#", "commands/{id}/ack"]
    subscribe: ["commands/{id}/#", "alerts/{id}", "sensors/{id}/#", "devices/{id}/#", "analytics/{id}"]
    read: ["/api/v1/devices/{id}", "/api/v1/readings"]
    write: ["/api/v1/readings"]

  - name: gateways
    for: {role: [gateway]}
    publish: ["#"]
    subscribe: ["#"]
    read: ["*"]
    write: ["/api/v1/readings"]

  - name: operators
    for: {role: [operator]}
    publish: ["#"]
    subscribe: ["#"]
    read: ["*"]
    write: ["*"]

tests:
  - {id: press-1, publish: sensors/press-1/data, allowed: true}
  - {id: press-1, publish: sensors/press-2/data, allowed: false}
  - {id: press-1, subscribe: "commands/#", allowed: false}
  - {id: press-1, level: minimal, publish: sensors/press-1/data, allowed: false}
)";
}

}  // namespace skerry::identity
