// LocalFields: fields that never leave the gateway. What is sent to a cloud goes through here, and nowhere else.
//
// A rule names fields of the messages whose topic its filter matches. Such a field is taken out with all that it holds,
// at any depth of the JSON. What is made from messages (alerts, commands, analytics, whatever else a pipeline writes,
// states of twins, Skerry's own records) loses the fields of all rules. A message of a matching topic that is no JSON
// is sent without its payload, for nobody can tell what is in it; MQTT 5 properties of a matching topic are not sent.
// Not covered: a field that a pipeline writes under another name or into a text. docs/cloud.md
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/files.hpp"
#include "base/result.hpp"
#include "record/record.hpp"

namespace skerry::sync {

class LocalFields {
 public:
  struct Rule {
    std::string filter;
    std::vector<std::string> fields;
    bool operator==(const Rule&) const = default;
  };

  LocalFields() = default;  // everything may leave
  // Code::invalid names the filter or the field: those that say what a record is cannot stay (device_id, timestamp, …).
  static Result<LocalFields> of(const std::vector<std::pair<std::string, std::string>>& filters_to_fields);

  bool empty() const { return rules_.empty(); }
  const std::vector<Rule>& rules() const { return rules_; }
  bool operator==(const LocalFields&) const = default;

  // The payload and the properties as they may leave; nothing: as they are.
  struct Stripped {
    Buffer payload;
    Bytes properties;
  };
  std::optional<Stripped> strip(const record::Record& record) const;
  // `record` as it may leave; what it then views is added to `kept`, whose elements stay where they are.
  void strip(record::RecordView& record, std::deque<Buffer>& kept) const;

 private:
  std::vector<Rule> rules_;
};

inline constexpr std::string_view local_fields_name = "local-fields";  // in DATA/state

// The rules of each run that had others than the one before, oldest first: what was sent earlier is proven by them.
Result<std::vector<LocalFields>> load_local_fields(Files& files, const std::string& path);
// Adds `now` when it is not what came last, durably. Gives what was in force before this start.
Result<LocalFields> note_local_fields(Files& files, const std::string& path, const LocalFields& now);

}  // namespace skerry::sync
