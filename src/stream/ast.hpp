// What a pipeline's text says, as a tree: made by the parser, read by the planner, knowing no names or types yet.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "stream/types.hpp"

namespace skerry::stream::ast {

struct Place {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
  std::string text() const { return "line " + std::to_string(line) + ", column " + std::to_string(column); }
};

struct Expr;
struct Query;
using ExprPtr = std::unique_ptr<Expr>;
using QueryPtr = std::unique_ptr<Query>;

struct Frame {
  bool given = false;
  bool rows = false;  // else RANGE
  ExprPtr preceding;  // nothing: UNBOUNDED PRECEDING
  bool current_row_only = false;
};

struct Window {
  Place place;
  std::string base;  // OVER w, or (w ...)
  std::vector<ExprPtr> partition;
  ExprPtr order;
  Frame frame;
};

struct Expr {
  enum class Is : std::uint8_t { literal, column, star, call, cast };
  Is is = Is::literal;
  Place place;
  Type type;                       // literal, cast
  std::string name;                // call: upper case, or the operator itself; literal: its text
  std::vector<std::string> parts;  // column: a.b.c as written, without quotes
  std::vector<ExprPtr> args;       // CASE: operand or none first (see has_operand), then when, then, ..., else
  std::int64_t value = 0;          // literal: BOOLEAN, intervals, times
  bool distinct = false;           // COUNT(DISTINCT x)
  bool try_cast = false;
  bool has_operand = false;  // CASE x WHEN
  std::unique_ptr<Window> over;
};

// The same for two expressions that say the same, whatever their spacing and case.
std::string canonical(const Expr& expr);
std::string canonical(const Window& window);

struct Item {
  ExprPtr expr;
  std::string alias;  // empty: none given
};

// TUMBLE, HOP, CUMULATE
struct WindowTable {
  std::string function;
  std::string time_column;
  std::vector<ExprPtr> intervals;
};

struct From {
  Place place;
  std::string table;  // or
  QueryPtr query;
  std::optional<WindowTable> window;
  std::string alias;
};

struct Select {
  Place place;
  std::vector<Item> items;
  std::optional<From> from;
  ExprPtr where;
  std::vector<ExprPtr> group_by;
  ExprPtr having;
  std::vector<std::pair<std::string, std::unique_ptr<Window>>> windows;
  std::vector<std::vector<ExprPtr>> values;  // VALUES (...), (...)
};

struct Query {
  std::vector<Select> parts;  // UNION ALL
};

struct Column {
  Place place;
  std::string name;
  Type type;
  ExprPtr computed;                     // x AS expr
  std::optional<std::string> metadata;  // METADATA [FROM 'key']
};

struct Watermark {
  Place place;
  std::string column;
  ExprPtr expr;
};

struct Table {
  Place place;
  std::string name;
  std::vector<Column> columns;
  std::optional<Watermark> watermark;
  std::map<std::string, std::string> options;
};

struct Statement {
  enum class Is : std::uint8_t { table, view, insert, select, set };
  Is is = Is::select;
  Place place;
  Table table;
  std::string name;                  // view, insert's table, set's key
  std::string value;                 // set
  std::vector<std::string> columns;  // of a view or an insert; may be empty
  bool if_not_exists = false;
  QueryPtr query;
};

using Script = std::vector<Statement>;

}  // namespace skerry::stream::ast
