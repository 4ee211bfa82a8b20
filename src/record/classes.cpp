// The default classes: what is lost last comes first.
#include "record/classes.hpp"

namespace skerry::record {
namespace {

// True when `rule` takes in all that `filter` matches; may be false where that is hard to see.
bool covers(std::string_view rule, std::string_view filter) {
  if (!rule.ends_with("/#")) return rule == filter;
  return filter.starts_with(rule.substr(0, rule.size() - 1));  // a + of both at the same place matches the same
}

}  // namespace

ClassRules::ClassRules()
    : rules_{{"commands/#", Class::critical},   {"alerts/#", Class::critical},     {"actions/#", Class::critical},
             {"devices/+/status", Class::high}, {"devices/+/twin/#", Class::high}, {"sensors/#", Class::medium},
             {"analytics/#", Class::low},       {"$diag/#", Class::low},           {"logs/#", Class::low}} {}

Class ClassRules::of(std::string_view topic) const {
  for (const auto& rule : rules_) {
    if (matches(rule.filter, topic)) return rule.cls;
  }
  return Class::medium;
}

ClassMask ClassRules::of_filter(std::string_view filter) const {
  ClassMask classes = 0;
  for (const auto& rule : rules_) {
    if (!filters_meet(rule.filter, filter)) continue;
    classes = static_cast<ClassMask>(classes | mask(rule.cls));
    if (covers(rule.filter, filter)) return classes;
  }
  return static_cast<ClassMask>(classes | mask(Class::medium));
}

}  // namespace skerry::record
