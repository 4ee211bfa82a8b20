// Outputs: a sink's rows into records of the log: topic, payload, ids, class, quality of service.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "record/classes.hpp"
#include "record/record.hpp"
#include "stream/json_out.hpp"
#include "stream/plan.hpp"

namespace skerry::stream {

enum class Payload : std::uint8_t { plain, alert, command };

// What the options of an INSERT's table say (docs/sql.md).
class SinkForm {
 public:
  static Result<SinkForm> make(const Sink& sink, const record::ClassRules& classes, std::int64_t ttl_ms_default);

  Payload payload = Payload::plain;
  std::uint8_t qos = 0;
  bool retain = false;
  std::optional<record::Class> cls;  // of the option 'class'
  std::int64_t ttl_ms = 0;
  std::string filter;                  // the topics it may write, as a filter
  std::optional<std::uint32_t> shape;  // its rows are stored as values (codec/row.hpp)

  // Appends the row's topic to `to`. False when a name in it is NULL or cannot stand in a topic.
  bool append_topic(std::string& to, const Batch& batch, std::size_t row) const;
  const RowJson& json() const { return json_; }
  bool has_time() const { return has_time_; }
  bool may_be_row() const {
    return payload == Payload::plain && !retain && !has_time_ && (!cls || *cls == record::Class::low);
  }

 private:
  SinkForm(const Scope& scope, TimeStyle style, bool skip_null) : json_(scope, style, skip_null) {}
  struct Piece {
    std::string text;
    int column = -1;
  };
  std::vector<Piece> topic_;
  RowJson json_;
  bool has_time_ = false;
};

// Where in a Batch of Outputs a text lies.
struct Span {
  std::size_t at = 0;
  std::size_t size = 0;
};

struct Output {
  std::size_t pipeline = 0;
  record::Position cause;
  Wall cause_appended{};
  Payload payload_kind = Payload::plain;
  record::Class cls = record::Class::medium;
  std::uint8_t qos = 0;
  bool retain = false;
  bool row = false;  // the payload is a shape's id and values
  Span topic;
  Span payload;
  std::optional<Wall> expires_at;
};

}  // namespace skerry::stream
