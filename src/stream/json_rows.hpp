// JSON objects into rows of tables: fields by column name. What is missing or of the wrong type is NULL.
//
// Several tables may want the same payload: it is parsed once.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/time.hpp"
#include "stream/node.hpp"

namespace skerry::stream {

class JsonRows {
 public:
  // A payload's circumstances, for metadata columns.
  struct Context {
    std::string_view topic;
    std::string_view device;
    Bytes payload;
    std::int64_t received_at = 0;  // ms
    std::int64_t position = 0;
  };
  JsonRows();
  ~JsonRows();
  JsonRows(JsonRows&&) noexcept;

  // Fields are looked up by name; with `topics`, metadata columns come from the Context and device_id from the topic.
  void attach(TableNode& table, bool topics);
  // Adds one row to each table. False, and no row, when the payload is no JSON object. `wrong` counts fields of another
  // type than the column's. Texts are kept in the arena.
  bool add(const Context& context, RowMeta meta, Arena& arena, std::uint64_t& wrong);
  // The event time of the payload given last: its field `timestamp`, else when it was received.
  std::int64_t event_time() const { return event_time_; }

 private:
  struct Inside;
  std::unique_ptr<Inside> inside_;
  std::int64_t event_time_ = 0;
};

// A text as a CSV file has it into a column. False when it is not of the type; empty is NULL.
bool put_text(Column& column, std::size_t row, const Type& type, std::string_view text, Arena& arena);

}  // namespace skerry::stream
