// Taking fields out of what is sent, without touching the bytes of what stays in it.
#include "sync/local_fields.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "codec/json.hpp"
#include "sync/limits.hpp"

namespace skerry::sync {
namespace {

using Names = std::vector<std::string_view>;

// Without them nobody knows what a record is or when it was.
constexpr std::array needed{
    std::string_view("device_id"),  std::string_view("timestamp"),  std::string_view("alert_id"),
    std::string_view("alert_type"), std::string_view("command_id"), std::string_view("command"),
    std::string_view("not_after"),  std::string_view("severity"),   std::string_view("state"),
    std::string_view("conflicts"),  std::string_view("desired"),    std::string_view("reported")};

// Copies valid JSON without white space between tokens, and without members of some names.
class Copier {
 public:
  Copier(std::string_view in, const Names& names, std::string& out) : in_(in), names_(names), out_(out) {}

  bool copy() {
    value(true);
    return dropped_;
  }

 private:
  void space() {
    while (at_ < in_.size() && (in_[at_] == ' ' || in_[at_] == '\t' || in_[at_] == '\n' || in_[at_] == '\r')) ++at_;
  }
  std::string_view token() {
    const auto from = at_;
    if (in_[at_] == '"') {
      for (++at_; in_[at_] != '"'; ++at_) {
        if (in_[at_] == '\\') ++at_;
      }
      ++at_;
    } else {
      at_ = std::min(in_.find_first_of(",]} \t\r\n", at_), in_.size());
    }
    return in_.substr(from, at_ - from);
  }
  void put(std::string_view text, bool keep) {
    if (keep) out_ += text;
  }
  bool is_local(std::string_view quoted) const {
    if (quoted.find('\\') == std::string_view::npos)
      return std::ranges::find(names_, quoted.substr(1, quoted.size() - 2)) != names_.end();
    const auto name = nlohmann::json::parse(quoted, nullptr, false);
    return !name.is_string() || std::ranges::find(names_, name.get_ref<const std::string&>()) != names_.end();
  }
  void value(bool keep) {
    space();
    if (in_[at_] == '{') {
      list('}', keep, [this, keep](bool& first) {
        const auto key = token();
        const bool local = is_local(key);
        dropped_ = dropped_ || local;
        if (!local) put(first ? "" : ",", keep);
        if (!local) first = false;
        put(key, keep && !local);
        space();
        ++at_;  // the colon
        put(":", keep && !local);
        value(keep && !local);
      });
    } else if (in_[at_] == '[') {
      list(']', keep, [this, keep](bool& first) {
        put(first ? "" : ",", keep);
        first = false;
        value(keep);
      });
    } else {
      put(token(), keep);
    }
    space();
  }
  template <typename Each>
  void list(char end, bool keep, Each each) {
    put(in_.substr(at_++, 1), keep);
    space();
    bool first = true;
    while (in_[at_] != end) {
      each(first);
      if (in_[at_] == ',') ++at_;
      space();
    }
    put(in_.substr(at_++, 1), keep);
  }

  std::string_view in_;
  const Names& names_;
  std::string& out_;
  std::size_t at_ = 0;
  bool dropped_ = false;
};

bool is_made(const record::Record& record) {
  const auto& topic = record.topic;
  const bool twin = topic.starts_with("devices/") && topic.find("/twin/") != std::string_view::npos;
  return twin || record.origin.starts_with("pipeline:") || topic.starts_with("alerts/") ||
         topic.starts_with("commands/") || topic.starts_with("analytics/") || topic.starts_with("$");
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> all;
  while (!text.empty()) {
    const auto one = text.substr(0, text.find(' '));
    if (!one.empty()) all.emplace_back(one);
    text.remove_prefix(std::min(text.size(), one.size() + 1));
  }
  return all;
}

nlohmann::json json_of(const LocalFields& fields) {
  auto all = nlohmann::json::array();
  for (const auto& rule : fields.rules()) {
    std::string names;
    for (const auto& each : rule.fields) names += (names.empty() ? "" : " ") + each;
    all.push_back({rule.filter, names});
  }
  return all;
}

}  // namespace

Result<LocalFields> LocalFields::of(const std::vector<std::pair<std::string, std::string>>& filters_to_fields) {
  LocalFields all;
  for (const auto& [filter, names] : filters_to_fields) {
    if (const auto ok = record::check_filter(filter); !ok) return fail(Code::invalid, ok.error().what, filter);
    Rule rule{filter, split(names)};
    if (rule.fields.empty()) return fail(Code::invalid, "names no field; several are told apart by spaces", filter);
    for (const auto& each : rule.fields) {
      if (!record::is_utf8(each)) return fail(Code::invalid, "names a field that is not UTF-8", filter);
      if (std::ranges::find(needed, each) != needed.end())
        return fail(Code::invalid, each + " cannot stay: without it the cloud does not know what a record is", filter);
    }
    all.rules_.push_back(std::move(rule));
  }
  return all;
}

std::optional<LocalFields::Stripped> LocalFields::strip(const record::Record& record) const {
  if (rules_.empty() || record.kind == record::Kind::session) return {};
  Names names;
  bool matched = false;
  const bool made = is_made(record);
  for (const auto& rule : rules_) {
    const bool own = record::matches(rule.filter, record.topic);
    matched = matched || own;
    if (own || made) names.insert(names.end(), rule.fields.begin(), rule.fields.end());
  }
  if (names.empty()) return {};
  INVARIANT(!record.row);  // the log gives JSON
  Stripped stripped{{}, matched ? Bytes{} : record.properties};
  if (!codec::is_json(record.payload)) {
    if (!matched || record.payload.empty()) return {};
    return stripped;
  }
  std::string out;
  out.reserve(record.payload.size());
  const bool dropped = Copier(as_text(record.payload), names, out).copy();
  if (!dropped && (!matched || record.properties.empty())) return {};
  const auto bytes = dropped ? as_bytes(out) : record.payload;
  stripped.payload.assign(bytes.begin(), bytes.end());
  return stripped;
}

void LocalFields::strip(record::RecordView& record, std::deque<Buffer>& kept) const {
  auto stripped = strip(record);
  if (!stripped) return;
  kept.push_back(std::move(stripped->payload));
  record.payload = kept.back();
  record.properties = stripped->properties;
}

Result<std::vector<LocalFields>> load_local_fields(Files& files, const std::string& path) {
  std::vector<LocalFields> all;
  if (!TRY(files.exists(path))) return all;
  const auto bytes = TRY(read_file(files, path, local_fields_bytes_max));
  const auto json = nlohmann::json::parse(as_text(bytes), nullptr, false);
  const auto damaged = [&path] { return fail(Code::damaged, "holds no rules of local fields", path); };
  if (!json.is_array()) return damaged();
  for (const auto& set : json) {
    std::vector<std::pair<std::string, std::string>> pairs;
    if (!set.is_array()) return damaged();
    for (const auto& rule : set) {
      if (!rule.is_array() || rule.size() != 2 || !rule[0].is_string() || !rule[1].is_string()) return damaged();
      pairs.emplace_back(rule[0].get<std::string>(), rule[1].get<std::string>());
    }
    all.push_back(TRY(LocalFields::of(pairs)));
  }
  return all;
}

Result<LocalFields> note_local_fields(Files& files, const std::string& path, const LocalFields& now) {
  auto all = TRY(load_local_fields(files, path));
  auto before = all.empty() ? LocalFields() : all.back();
  if (before == now) return before;
  all.push_back(now);
  auto json = nlohmann::json::array();
  for (const auto& each : all) json.push_back(json_of(each));
  TRY(replace_file(files, path, as_bytes(json.dump() + "\n")));
  return before;
}

}  // namespace skerry::sync
