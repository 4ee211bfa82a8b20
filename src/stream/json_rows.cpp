// Decoding of payloads with simdjson, and of CSV fields.
#include "stream/json_rows.hpp"

#include <simdjson.h>
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>

#include "codec/json.hpp"
#include "stream/lexer.hpp"

namespace skerry::stream {
namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

bool in_range(Kind kind, std::int64_t v) {
  switch (kind) {
    case Kind::tinyint: return v >= INT8_MIN && v <= INT8_MAX;
    case Kind::smallint: return v >= INT16_MIN && v <= INT16_MAX;
    case Kind::integer: return v >= INT32_MIN && v <= INT32_MAX;
    default: return true;
  }
}

std::optional<std::int64_t> json_time(element value) {
  std::string_view text;
  double number = 0;
  std::optional<EventTime> time;
  if (value.get(text) == simdjson::SUCCESS)
    time = parse_time(text);
  else if (value.is_number() && value.get(number) == simdjson::SUCCESS)
    time = time_of_number(number);
  if (!time) return {};
  return time->time_since_epoch().count();
}

bool put_integer(Column& column, std::size_t row, const Type& type, element value) {
  std::int64_t whole = 0;
  double number = 0;
  if (value.is_int64() && value.get(whole) == simdjson::SUCCESS) {
    // as it is
  } else if (value.is_double() && value.get(number) == simdjson::SUCCESS && number == std::trunc(number) &&
             std::abs(number) < 9e15) {
    whole = static_cast<std::int64_t>(number);  // 20.0 is a whole number, too
  } else {
    return false;
  }
  column.i64[row] = whole;
  return in_range(type.kind, whole);
}

bool put_decimal(Column& column, std::size_t row, const Type& type, element value) {
  std::int64_t whole = 0;
  double number = 0;
  if (value.is_int64() && value.get(whole) == simdjson::SUCCESS)
    return rescale(whole, 0, type.scale, type.precision, column.i128[row]);
  return value.is_number() && value.get(number) == simdjson::SUCCESS &&
         decimal_of_double(number, type.precision, type.scale, column.i128[row]);
}

bool put_json(Column& column, std::size_t row, const Type& type, element value, Arena& arena);

bool put_row(Column& column, std::size_t row, const Type& type, element value, Arena& arena) {
  simdjson::dom::object object;
  if (value.get(object) != simdjson::SUCCESS) return false;
  bool all = true;
  for (const auto field : object) {
    for (std::size_t i = 0; i < type.fields.size(); ++i) {
      auto& kid = *column.owned[i];
      if (type.fields[i].name != field.key || !kid.null[row] || field.value.is_null()) continue;
      const bool put = put_json(kid, row, type.fields[i].type, field.value, arena);
      if (!put) set_null(kid, row);
      all = all && put;
    }
  }
  column.null[row] = 0;
  return all;
}

// False when the value is of another type; the column's value then means nothing.
bool put_json(Column& column, std::size_t row, const Type& type, element value, Arena& arena) {
  column.null[row] = 0;
  switch (type.kind) {
    case Kind::boolean: {
      bool truth = false;
      if (value.get(truth) != simdjson::SUCCESS) return false;
      column.i64[row] = truth;
      return true;
    }
    case Kind::real:
    case Kind::dbl:
      if (!value.is_number() || value.get(column.f64[row]) != simdjson::SUCCESS) return false;
      if (type.kind == Kind::real) column.f64[row] = static_cast<double>(static_cast<float>(column.f64[row]));
      return true;
    case Kind::decimal: return put_decimal(column, row, type, value);
    case Kind::string: {
      std::string_view text;
      column.text[row] = value.get(text) == simdjson::SUCCESS ? arena.keep(text) : arena.keep(simdjson::minify(value));
      return true;
    }
    case Kind::date:
    case Kind::timestamp:
    case Kind::timestamp_ltz: {
      const auto time = json_time(value);
      if (!time) return false;
      column.i64[row] = type.kind == Kind::date
                            ? std::chrono::floor<std::chrono::days>(EventTime{std::chrono::milliseconds{*time}})
                                  .time_since_epoch()
                                  .count()
                            : *time;
      return true;
    }
    case Kind::row: return put_row(column, row, type, value, arena);
    default: return put_integer(column, row, type, value);
  }
}

enum class From : std::uint8_t { field, device, topic, received_at, event_time, payload, position, none };

From metadata_of(const std::string& key) {
  if (key == "device_id") return From::device;
  if (key == "topic") return From::topic;
  if (key == "received_at" || key == "timestamp") return From::received_at;
  if (key == "event_time") return From::event_time;
  if (key == "payload") return From::payload;
  if (key == "position" || key == "offset") return From::position;
  return From::none;
}

}  // namespace

struct JsonRows::Inside {
  struct Target {
    TableNode* table;
    std::size_t column;
    const Type* type;
    From from = From::field;
    bool event_time = false;  // falls back to the payload's
    std::size_t row = 0;
  };
  struct Wanted {
    std::string name;
    std::vector<std::size_t> targets;
  };
  simdjson::dom::parser parser;
  std::vector<TableNode*> tables;
  std::vector<Target> targets;
  std::vector<Wanted> wanted;

  void put_context(Target& to, const Context& context, std::int64_t event_time, Arena& arena) const;
};

JsonRows::JsonRows() : inside_(std::make_unique<Inside>()) {}
JsonRows::~JsonRows() = default;
JsonRows::JsonRows(JsonRows&&) noexcept = default;

void JsonRows::attach(TableNode& table, bool topics) {
  inside_->tables.push_back(&table);
  for (std::size_t i = 0; i < table.scope.size(); ++i) {
    if (table.is_computed[i] || !table.used[i]) continue;
    const auto& name = table.scope[i].name;
    const auto& ddl = table.table_ast.columns[i];
    Inside::Target target{&table, i, &table.scope[i].type};
    if (topics && ddl.metadata)
      target.from = metadata_of(*ddl.metadata);
    else if (topics && name == "device_id" && target.type->kind == Kind::string)
      target.from = From::device;
    const bool is_time = target.type->kind == Kind::timestamp || target.type->kind == Kind::timestamp_ltz;
    target.event_time =
        topics && target.from == From::field && is_time && (table.scope[i].rowtime || name == "timestamp");
    const auto index = inside_->targets.size();
    inside_->targets.push_back(target);
    if (target.from != From::field) continue;
    auto same = std::ranges::find_if(inside_->wanted, [&](const auto& w) { return w.name == name; });
    if (same == inside_->wanted.end()) same = inside_->wanted.insert(same, {name, {}});
    same->targets.push_back(index);
  }
}

void JsonRows::Inside::put_context(Target& to, const Context& context, std::int64_t event_time, Arena& arena) const {
  auto& column = to.table->column(to.column);
  const auto text = [&](std::string_view t) {
    if (column.held != Held::text || (to.from == From::device && t.empty())) return;
    column.null[to.row] = 0;
    column.text[to.row] = arena.keep(t);
  };
  const auto number = [&](std::int64_t n) {
    if (column.held != Held::i64) return;
    column.null[to.row] = 0;
    column.i64[to.row] = n;
  };
  switch (to.from) {
    case From::device: text(context.device); break;
    case From::topic: text(context.topic); break;
    case From::payload: text(as_text(context.payload)); break;
    case From::received_at: number(context.received_at); break;
    case From::event_time: number(event_time); break;
    case From::position: number(context.position); break;
    default:
      if (to.event_time && column.null[to.row]) number(event_time);
  }
}

bool JsonRows::add(const Context& context, RowMeta meta, Arena& arena, std::uint64_t& wrong) {
  simdjson::dom::object object;
  if (inside_->parser.parse(reinterpret_cast<const char*>(context.payload.data()), context.payload.size())
          .get(object) != simdjson::SUCCESS) {
    return false;
  }
  std::optional<std::int64_t> time;
  bool timed = false;
  for (const auto field : object) {
    if (!timed && field.key == "timestamp") {
      time = json_time(field.value);
      timed = true;
    }
  }
  event_time_ = time.value_or(context.received_at);
  meta.ahead = event_time_ > context.received_at + codec::ahead_ms_max.count();
  for (auto* table : inside_->tables) table->add_row(meta);
  for (auto& target : inside_->targets) {
    target.row = target.table->rows() - 1;
    set_null(target.table->column(target.column), target.row);
  }
  for (const auto field : object) {
    for (const auto& wanted : inside_->wanted) {
      if (wanted.name != field.key) continue;
      for (const auto index : wanted.targets) {
        auto& target = inside_->targets[index];
        auto& column = target.table->column(target.column);
        if (!column.null[target.row] || field.value.is_null()) continue;  // the first of two of a name counts
        if (put_json(column, target.row, *target.type, field.value, arena)) continue;
        ++wrong;
        if (target.type->kind != Kind::row) set_null(column, target.row);
      }
      break;
    }
  }
  for (auto& target : inside_->targets) inside_->put_context(target, context, event_time_, arena);
  return true;
}

bool put_text(Column& column, std::size_t row, const Type& type, std::string_view text, Arena& arena) {
  set_null(column, row);
  if (text.empty()) return true;
  const auto* const end = text.data() + text.size();
  const auto whole = [&](auto& to) {
    const auto done = std::from_chars(text.data(), end, to);
    return done.ec == std::errc{} && done.ptr == end;
  };
  bool ok = false;
  switch (type.held()) {
    case Held::f64: ok = whole(column.f64[row]); break;
    case Held::i128: ok = decimal_of_text(text, type.precision, type.scale, column.i128[row]); break;
    case Held::text:
      column.text[row] = arena.keep(text);
      ok = true;
      break;
    case Held::row: return false;
    case Held::i64:
      if (type.kind == Kind::boolean) {
        const auto word = to_upper(text);
        ok = word == "TRUE" || word == "FALSE" || word == "1" || word == "0";
        column.i64[row] = word == "TRUE" || word == "1";
      } else if (type.is_time()) {
        double number = 0;
        const auto time = whole(number) ? time_of_number(number) : parse_time(text);
        ok = time.has_value();
        if (ok)
          column.i64[row] = type.kind == Kind::date
                                ? std::chrono::floor<std::chrono::days>(*time).time_since_epoch().count()
                                : time->time_since_epoch().count();
      } else {
        ok = whole(column.i64[row]) && in_range(type.kind, column.i64[row]);
      }
  }
  column.null[row] = !ok;
  return ok;
}

}  // namespace skerry::stream
