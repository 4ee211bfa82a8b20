// How types combine: Flink's rules (LogicalTypeMerging: decimal precision and its loss, common types).
#include "stream/types.hpp"

#include <algorithm>

#include "stream/limits.hpp"

namespace skerry::stream {
namespace {

// When digits run out, decimals go first, but not below six (or below as many as there are).
Type adjusted(int precision, int scale) {
  if (precision <= decimal_digits_max) return decimal_type(precision, scale);
  const int whole = precision - scale;
  return decimal_type(decimal_digits_max, std::max(decimal_digits_max - whole, std::min(scale, 6)));
}

}  // namespace

Held Type::held() const {
  switch (kind) {
    case Kind::real:
    case Kind::dbl: return Held::f64;
    case Kind::decimal: return Held::i128;
    case Kind::string: return Held::text;
    case Kind::row: return Held::row;
    default: return Held::i64;
  }
}

std::string Type::text() const {
  switch (kind) {
    case Kind::null: return "NULL";
    case Kind::boolean: return "BOOLEAN";
    case Kind::tinyint: return "TINYINT";
    case Kind::smallint: return "SMALLINT";
    case Kind::integer: return "INT";
    case Kind::bigint: return "BIGINT";
    case Kind::real: return "FLOAT";
    case Kind::dbl: return "DOUBLE";
    case Kind::decimal: return "DECIMAL(" + std::to_string(precision) + ", " + std::to_string(scale) + ")";
    case Kind::string: return "STRING";
    case Kind::date: return "DATE";
    case Kind::timestamp: return "TIMESTAMP(" + std::to_string(precision) + ")";
    case Kind::timestamp_ltz: return "TIMESTAMP_LTZ(" + std::to_string(precision) + ")";
    case Kind::interval: return "INTERVAL SECOND";
    case Kind::interval_months: return "INTERVAL MONTH";
    case Kind::row: {
      std::string to = "ROW<";
      for (const auto& field : fields) to += (to.size() > 4 ? ", " : "") + field.name + " " + field.type.text();
      return to + ">";
    }
  }
  return "?";
}

Type as_decimal(const Type& type) {
  switch (type.kind) {
    case Kind::tinyint: return decimal_type(3, 0);
    case Kind::smallint: return decimal_type(5, 0);
    case Kind::integer: return decimal_type(10, 0);
    case Kind::bigint: return decimal_type(19, 0);
    default: return type;
  }
}

std::optional<Type> common_type(const Type& a, const Type& b) {
  if (a.kind == Kind::null) return b;
  if (b.kind == Kind::null) return a;
  if (a.is_numeric() && b.is_numeric()) {
    if (a.is_approximate() || b.is_approximate()) {
      return type_of(a.kind == Kind::real && b.kind == Kind::real ? Kind::real : Kind::dbl);
    }
    if (a.kind != Kind::decimal && b.kind != Kind::decimal) return a.kind > b.kind ? a : b;
    const auto x = as_decimal(a);
    const auto y = as_decimal(b);
    const int scale = std::max(x.scale, y.scale);
    const int whole = std::max(x.precision - x.scale, y.precision - y.scale);
    if (whole + scale <= decimal_digits_max) return decimal_type(whole + scale, scale);
    return decimal_type(decimal_digits_max, std::max(0, decimal_digits_max - whole));
  }
  if (a.is_time() && b.is_time()) {
    auto wider = a.kind > b.kind ? a : b;
    wider.precision = std::max(a.precision, b.precision);
    return wider;
  }
  if (a.kind != b.kind) return {};
  if (a.kind != Kind::row) return a;
  if (a.fields.size() != b.fields.size()) return {};
  Type row = a;
  for (std::size_t i = 0; i < row.fields.size(); ++i) {
    auto one = common_type(a.fields[i].type, b.fields[i].type);
    if (!one) return {};
    row.fields[i].type = *one;
  }
  return row;
}

std::optional<Type> arithmetic_type(char op, const Type& a, const Type& b) {
  const bool sum = op == '+' || op == '-';
  const auto is_interval = [](const Type& t) { return t.kind == Kind::interval || t.kind == Kind::interval_months; };
  if (a.kind == Kind::null && b.kind == Kind::null) return type_of(Kind::integer);
  if (a.kind == Kind::null) return b.is_numeric() ? std::optional(b) : std::nullopt;
  if (b.kind == Kind::null) return a.is_numeric() ? std::optional(a) : std::nullopt;
  if (a.is_time() && is_interval(b)) return sum ? std::optional(a) : std::nullopt;
  if (is_interval(a) && b.is_time()) return op == '+' ? std::optional(b) : std::nullopt;
  if (is_interval(a) && a.kind == b.kind) return sum ? std::optional(a) : std::nullopt;
  if (is_interval(a) && b.is_integer()) return op == '*' || op == '/' ? std::optional(a) : std::nullopt;
  if (a.is_integer() && is_interval(b)) return op == '*' ? std::optional(b) : std::nullopt;
  if (!a.is_numeric() || !b.is_numeric()) return {};
  if (a.is_approximate() || b.is_approximate() || (a.kind != Kind::decimal && b.kind != Kind::decimal)) {
    return common_type(a, b);
  }
  const auto x = as_decimal(a);
  const auto y = as_decimal(b);
  const int whole_x = x.precision - x.scale;
  const int whole_y = y.precision - y.scale;
  switch (op) {
    case '*': return adjusted(x.precision + y.precision + 1, x.scale + y.scale);
    case '/': {
      const int scale = std::max(6, x.scale + y.precision + 1);
      return adjusted(whole_x + y.scale + scale, scale);
    }
    case '%': {
      const int scale = std::max(x.scale, y.scale);
      return adjusted(std::min(whole_x, whole_y) + scale, scale);
    }
    default: {
      const int scale = std::max(x.scale, y.scale);
      return adjusted(std::max(whole_x, whole_y) + scale + 1, scale);
    }
  }
}

}  // namespace skerry::stream
