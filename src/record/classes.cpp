// The default classes: what is lost last comes first.
#include "record/classes.hpp"

namespace skerry::record {

ClassRules::ClassRules()
    : rules_{{"commands/#", Class::critical},   {"alerts/#", Class::critical}, {"actions/#", Class::critical},
             {"devices/+/status", Class::high}, {"sensors/#", Class::medium},  {"analytics/#", Class::low},
             {"$diag/#", Class::low},           {"logs/#", Class::low}} {}

Class ClassRules::of(std::string_view topic) const {
  for (const auto& rule : rules_) {
    if (matches(rule.filter, topic)) return rule.cls;
  }
  return Class::medium;
}

}  // namespace skerry::record
