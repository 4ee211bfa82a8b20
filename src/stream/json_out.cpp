// Rows as values, and as JSON text.
#include "stream/json_out.hpp"

#include "codec/json.hpp"

namespace skerry::stream {
namespace {

codec::FieldKind kind_of(const Type& type, TimeStyle style) {
  switch (type.kind) {
    case Kind::boolean: return codec::FieldKind::boolean;
    case Kind::real: return codec::FieldKind::real;
    case Kind::dbl: return codec::FieldKind::dbl;
    case Kind::decimal: return codec::FieldKind::decimal;
    case Kind::string: return codec::FieldKind::text;
    case Kind::date: return codec::FieldKind::date;
    case Kind::timestamp:
    case Kind::timestamp_ltz:
      return style == TimeStyle::rfc3339 ? codec::FieldKind::rfc3339 : codec::FieldKind::sql_time;
    case Kind::row: return codec::FieldKind::row;
    default: return codec::FieldKind::integer;
  }
}

codec::Shape::Field field_of(const std::string& name, const Type& type, TimeStyle style) {
  codec::Shape::Field to;
  codec::append_json_string(to.key, name);
  to.key += ':';
  to.kind = kind_of(type, style);
  if (to.kind == codec::FieldKind::decimal) to.digits = static_cast<std::uint8_t>(type.scale);
  if (to.kind == codec::FieldKind::sql_time) to.digits = static_cast<std::uint8_t>(type.precision);
  for (const auto& field : type.fields) to.fields.push_back(field_of(field.name, field.type, style));
  return to;
}

void put_nulls(codec::RowWriter& to, const codec::Shape::Field& field) {
  to.put_null();
  for (const auto& kid : field.fields) put_nulls(to, kid);
}

void put(codec::RowWriter& to, const codec::Shape::Field& field, const Column& column, std::size_t row) {
  if (column.null[row]) return put_nulls(to, field);
  switch (field.kind) {
    case codec::FieldKind::real: to.put_real(static_cast<float>(column.f64[row])); return;
    case codec::FieldKind::dbl: to.put_double(column.f64[row]); return;
    case codec::FieldKind::decimal: to.put_decimal(column.i128[row]); return;
    case codec::FieldKind::text: to.put_text(column.text[row]); return;
    case codec::FieldKind::row:
      to.put_row();
      for (std::size_t i = 0; i < field.fields.size(); ++i) put(to, field.fields[i], *column.kids[i], row);
      return;
    default: to.put_integer(column.i64[row]);
  }
}

}  // namespace

RowJson::RowJson(const Scope& scope, TimeStyle style, bool skip_null) {
  for (const auto& one : scope) shape_.fields.push_back(field_of(one.name, one.type, style));
  shape_.skip_null = skip_null;
  leaves_ = shape_.leaves();
}

void RowJson::append_row(std::string& to, const Batch& batch, std::size_t row) const {
  codec::RowWriter writer(to, leaves_);
  for (std::size_t i = 0; i < shape_.fields.size(); ++i) put(writer, shape_.fields[i], *batch.columns[i], row);
}

void RowJson::append_fields(std::string& to, const Batch& batch, std::size_t row) const {
  thread_local std::string values;
  values.clear();
  append_row(values, batch, row);
  INVARIANT(codec::append_row_fields(to, shape_, as_bytes(values)));
}

}  // namespace skerry::stream
