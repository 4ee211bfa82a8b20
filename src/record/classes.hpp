// Which class a topic belongs to: a list of filters, the first that matches decides.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "record/record.hpp"

namespace skerry::record {

class ClassRules {
 public:
  struct Rule {
    std::string filter;
    Class cls;
  };

  ClassRules();  // the defaults of docs/architecture.md
  explicit ClassRules(std::vector<Rule> rules) : rules_(std::move(rules)) {}

  Class of(std::string_view topic) const;  // medium when none matches
  // Every class that a topic which matches `filter` may be of.
  ClassMask of_filter(std::string_view filter) const;
  const std::vector<Rule>& rules() const { return rules_; }

 private:
  std::vector<Rule> rules_;
};

}  // namespace skerry::record
