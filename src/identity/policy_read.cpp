// Reading a policy file: YAML, with errors that name the line.
#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "identity/policy.hpp"
#include "record/record.hpp"

namespace skerry::identity {
namespace {

constexpr std::size_t text_bytes_max = 1024 * 1024;
constexpr std::size_t rules_max = 1000;

std::string line_of(const YAML::Node& node) { return "line " + std::to_string(node.Mark().line + 1); }

Result<std::vector<std::string>> texts(const YAML::Node& node, std::string_view what) {
  std::vector<std::string> all;
  if (!node) return all;
  if (node.IsScalar()) return std::vector{node.Scalar()};
  if (!node.IsSequence())
    return fail(Code::invalid, std::string(what) + " is a text or a list of texts", line_of(node));
  for (const auto& each : node) {
    if (!each.IsScalar()) return fail(Code::invalid, std::string(what) + " is a list of texts", line_of(each));
    all.push_back(each.Scalar());
  }
  return all;
}

Result<> check_keys(const YAML::Node& node, std::initializer_list<std::string_view> known) {
  if (!node.IsMap()) return fail(Code::invalid, "is no mapping", line_of(node));
  for (const auto& each : node) {
    if (!each.first.IsScalar() || std::ranges::find(known, each.first.Scalar()) == known.end())
      return fail(Code::invalid,
                  "\"" + (each.first.IsScalar() ? each.first.Scalar() : std::string("?")) + "\" is not known here",
                  line_of(each.first));
  }
  return {};
}

}  // namespace

class PolicyReader {
 public:
  static Result<Policy> read(const YAML::Node& root) {
    Policy policy;
    TRY(check_keys(root, {"rules", "tests", "version"}));
    const auto rules = root["rules"];
    if (!rules || !rules.IsSequence()) return fail(Code::invalid, "a policy has a list of rules", line_of(root));
    for (const auto& each : rules) policy.rules_.push_back(TRY(read_rule(each)));
    if (policy.rules_.size() > rules_max) return fail(Code::full, "has more than 1000 rules");
    if (const auto tests = root["tests"]) {
      if (!tests.IsSequence()) return fail(Code::invalid, "tests is a list", line_of(tests));
      for (const auto& each : tests) policy.cases_.push_back(TRY(read_case(each)));
    }
    return policy;
  }

 private:
  static Result<Policy::Rule> read_rule(const YAML::Node& node) {
    TRY(check_keys(node, {"name", "for", "publish", "subscribe", "read", "write", "deny"}));
    Policy::Rule rule;
    rule.name = node["name"] && node["name"].IsScalar() ? node["name"].Scalar() : line_of(node);
    if (const auto who = node["for"]) {
      TRY(check_keys(who, {"id", "type", "level", "role"}));
      rule.ids = TRY(texts(who["id"], "id"));
      rule.types = TRY(texts(who["type"], "type"));
      rule.levels = TRY(texts(who["level"], "level"));
      rule.roles = TRY(texts(who["role"], "role"));
    }
    TRY(read_rights(node, rule.allow));
    if (const auto deny = node["deny"]) {
      TRY(check_keys(deny, {"publish", "subscribe", "read", "write"}));
      TRY(read_rights(deny, rule.deny));
    }
    return rule;
  }

  static Result<> read_rights(const YAML::Node& node, std::vector<std::string> (&rights)[4]) {
    for (int i = 0; i < 4; ++i) {
      const auto action = static_cast<Action>(i);
      const auto list = node[std::string(name(action))];
      rights[i] = TRY(texts(list, name(action)));
      if (action != Action::publish && action != Action::subscribe) continue;
      for (const auto& filter : rights[i]) {
        if (const auto good = record::check_filter(filter); !good)
          return fail(Code::invalid, "\"" + filter + "\" is no topic filter: " + good.error().what, line_of(list));
      }
    }
    return {};
  }

  static Result<Policy::Case> read_case(const YAML::Node& node) {
    TRY(check_keys(node, {"id", "type", "level", "role", "publish", "subscribe", "read", "write", "allowed"}));
    const auto text = [&node](const char* key, const char* fallback) {
      const auto value = node[key];
      return value && value.IsScalar() ? value.Scalar() : std::string(fallback);
    };
    Policy::Case made;
    made.subject = {text("id", "device"), text("type", ""), text("level", "basic"), text("role", "device")};
    made.line = node.Mark().line + 1;
    int actions = 0;
    for (int i = 0; i < 4; ++i) {
      const std::string key(name(static_cast<Action>(i)));
      if (!node[key]) continue;
      made.action = static_cast<Action>(i);
      made.target = text(key.c_str(), "");
      ++actions;
    }
    const auto allowed = text("allowed", "");
    if (actions != 1 || made.target.empty() || (allowed != "true" && allowed != "false"))
      return fail(Code::invalid, "a test names one of publish, subscribe, read, write, and allowed: true or false",
                  line_of(node));
    made.allowed = allowed == "true";
    return made;
  }
};

Result<Policy> Policy::parse(std::string_view yaml) {
  if (yaml.size() > text_bytes_max) return fail(Code::full, "is longer than 1 MiB");
  // An alias that is used many times is small as text and huge as a tree.
  if (yaml.find('&') != std::string_view::npos && yaml.find('*') != std::string_view::npos) {
    for (std::size_t at = 0; (at = yaml.find('*', at)) != std::string_view::npos; ++at) {
      const char before = at == 0 ? ' ' : yaml[at - 1];
      const char after = at + 1 < yaml.size() ? yaml[at + 1] : ' ';
      const bool bare = before == ' ' || before == '[' || before == ',' || before == '\n' || before == ':';
      if (bare && (std::isalnum(static_cast<unsigned char>(after)) != 0))
        return fail(Code::unsupported, "YAML aliases are not taken in a policy");
    }
  }
  try {
    return PolicyReader::read(YAML::Load(std::string(yaml)));
  } catch (const YAML::Exception& e) {
    return fail(Code::invalid, e.msg, "line " + std::to_string(e.mark.line + 1));
  }
}

}  // namespace skerry::identity
