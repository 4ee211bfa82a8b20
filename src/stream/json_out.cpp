// Rows as JSON text.
#include "stream/json_out.hpp"

#include <charconv>
#include <cmath>

#include "base/time.hpp"
#include "codec/json.hpp"

namespace skerry::stream {

RowJson::RowJson(const Scope& scope, TimeStyle style, bool skip_null) : style_(style), skip_null_(skip_null) {
  for (const auto& one : scope) parts_.push_back(part_of(one.name, one.type));
}

RowJson::Part RowJson::part_of(const std::string& name, const Type& type) {
  Part to;
  codec::append_json_string(to.key, name);
  to.key += ':';
  to.type = type;
  for (const auto& field : type.fields) to.parts.push_back(part_of(field.name, field.type));
  return to;
}

void RowJson::append_fields(std::string& to, const Batch& batch, std::size_t row) const {
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    if (skip_null_ && batch.columns[i]->null[row]) continue;
    if (to.back() != '{') to += ',';
    to += parts_[i].key;
    append_value(to, parts_[i], *batch.columns[i], row);
  }
}

void RowJson::append_value(std::string& to, const Part& part, const Column& column, std::size_t row) const {
  if (column.null[row]) {
    to += "null";
    return;
  }
  switch (part.type.kind) {
    case Kind::boolean: to += column.i64[row] ? "true" : "false"; return;
    case Kind::real:
      if (std::isfinite(column.f64[row])) {
        char text[32];
        to.append(text, std::to_chars(text, text + sizeof text, static_cast<float>(column.f64[row])).ptr);
        return;
      }
      to += "null";
      return;
    case Kind::dbl:
      if (std::isfinite(column.f64[row]))
        append_double(to, column.f64[row]);
      else
        to += "null";  // JSON has no word for it
      return;
    case Kind::decimal: append_decimal(to, column.i128[row], part.type.scale); return;
    case Kind::string: codec::append_json_string(to, column.text[row]); return;
    case Kind::date:
    case Kind::timestamp:
    case Kind::timestamp_ltz:
      to += '"';
      if (style_ == TimeStyle::rfc3339 && part.type.kind != Kind::date) {
        append_rfc3339(to, EventTime{std::chrono::milliseconds{column.i64[row]}});
      } else {
        append_sql_time(to, part.type, column.i64[row]);
      }
      to += '"';
      return;
    case Kind::row:
      to += '{';
      for (std::size_t i = 0; i < part.parts.size(); ++i) {
        if (i > 0) to += ',';
        to += part.parts[i].key;
        append_value(to, part.parts[i], *column.kids[i], row);
      }
      to += '}';
      return;
    default: {
      char text[24];
      to.append(text, std::to_chars(text, text + sizeof text, column.i64[row]).ptr);
    }
  }
}

}  // namespace skerry::stream
