// Statements and queries into nodes.
#include "stream/planner.hpp"

#include <algorithm>

#include "stream/lexer.hpp"
#include "stream/limits.hpp"
#include "stream/parser.hpp"

namespace skerry::stream {

std::unexpected<Error> located(Error error, ast::Place place) {
  if (error.where.empty()) error.where = place.text();
  return std::unexpected(std::move(error));
}

ast::Expr column_expr(const std::string& name, ast::Place place) {
  ast::Expr to;
  to.is = ast::Expr::Is::column;
  to.place = place;
  to.parts = {name};
  return to;
}

namespace {

std::string name_of(const ast::Item& item, std::size_t index) {
  if (!item.alias.empty()) return item.alias;
  if (item.expr->is == ast::Expr::Is::column) return item.expr->parts.back();
  return "EXPR$" + std::to_string(index);
}

template <typename F>
void walk(const ast::Expr& expr, const F& visit) {
  if (!visit(expr)) return;
  for (const auto& arg : expr.args) walk(*arg, visit);
}

}  // namespace

Result<> Planner::run() {
  for (const auto& one : plan_.script_) {
    TRY(statement(one));
    if (plan_.nodes_.size() > operators_max) {
      return fail(Code::full, "a pipeline may have " + std::to_string(operators_max) + " operators", one.place.text());
    }
  }
  if (plan_.sinks_.empty()) {
    return fail(Code::invalid, "this text makes no rows: expected INSERT INTO or SELECT in it", "line 1, column 1");
  }
  for (const auto& sink : plan_.sinks_) {
    sink.rows->activate();
    for (std::size_t i = 0; i < sink.rows->scope.size(); ++i) sink.rows->mark(i);
  }
  for (auto& [name, node] : table_nodes_) {
    if (node->active) plan_.tables_.push_back(node);
  }
  // What it writes it must not read, or it would run in a circle for ever.
  for (const auto& sink : plan_.sinks_) {
    for (const auto* read : plan_.tables_) {
      if (sink.table == &read->table_ast) {
        return fail(Code::invalid, "the pipeline reads " + sink.table->name + " and writes it too", sink.place.text());
      }
    }
  }
  return {};
}

Result<> Planner::statement(const ast::Statement& one) {
  switch (one.is) {
    case ast::Statement::Is::table: {
      if (tables_.contains(one.table.name) || views_.contains(one.table.name)) {
        if (one.if_not_exists) return {};
        return fail(Code::exists, one.table.name + " is there already", one.table.place.text());
      }
      std::map<std::string, int> seen;
      for (const auto& column : one.table.columns) {
        if (seen[column.name]++)
          return fail(Code::invalid, "the column " + column.name + " stands twice", column.place.text());
      }
      tables_[one.table.name] = &one.table;
      TRY(table(one.table.name, one.table.place));
      return {};
    }
    case ast::Statement::Is::view: return create_view(one);
    case ast::Statement::Is::set: plan_.settings_[one.name] = one.value; return {};
    case ast::Statement::Is::insert: return insert(one);
    case ast::Statement::Is::select: plan_.sinks_.push_back({TRY(query(*one.query)), nullptr, one.place}); return {};
  }
  return {};
}

Result<> Planner::create_view(const ast::Statement& one) {
  if (tables_.contains(one.name) || views_.contains(one.name)) {
    if (one.if_not_exists) return {};
    return fail(Code::exists, one.name + " is there already", one.place.text());
  }
  auto* node = TRY(query(*one.query));
  if (!one.columns.empty()) {
    if (one.columns.size() != node->scope.size()) {
      return fail(Code::invalid,
                  "the view names " + std::to_string(one.columns.size()) + " columns, its query has " +
                      std::to_string(node->scope.size()),
                  one.place.text());
    }
    Scope scope = node->scope;
    std::vector<ExpressionPtr> all;
    for (std::size_t i = 0; i < scope.size(); ++i) {
      all.push_back(make_column(static_cast<int>(i), scope[i].type));
      scope[i].name = one.columns[i];
    }
    node = &add<ProjectNode>(*node, std::move(scope), std::move(all));
  }
  views_[one.name] = node;
  return {};
}

Result<> Planner::insert(const ast::Statement& one) {
  const auto found = tables_.find(one.name);
  if (found == tables_.end()) {
    std::vector<std::string> names;
    for (const auto& [name, table] : tables_) names.push_back(name);
    const auto near = nearest(one.name, names);
    return fail(Code::not_found,
                "no table is called " + one.name + (near.empty() ? "" : "; did you mean " + near + "?"),
                one.place.text());
  }
  const auto& target = *found->second;
  std::vector<const ast::Column*> columns;  // what the target takes: neither computed nor read-only
  for (const auto& column : target.columns) {
    if (!column.computed && !column.metadata) columns.push_back(&column);
  }
  auto* node = TRY(query(*one.query));
  const auto wanted = one.columns.empty() ? columns.size() : one.columns.size();
  if (node->scope.size() != wanted) {
    return fail(Code::invalid,
                target.name + " takes " + std::to_string(wanted) + " columns, the query has " +
                    std::to_string(node->scope.size()),
                one.place.text());
  }
  Scope scope;
  std::vector<ExpressionPtr> casts;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    scope.push_back(Named{target.name, columns[i]->name, columns[i]->type, false});
    std::size_t from = i;
    if (!one.columns.empty()) {
      from = static_cast<std::size_t>(std::ranges::find(one.columns, columns[i]->name) - one.columns.begin());
    }
    if (from >= node->scope.size()) {
      casts.push_back(make_null(columns[i]->type));
      continue;
    }
    const auto& source = node->scope[from];
    auto cast = make_cast(make_column(static_cast<int>(from), source.type), columns[i]->type);
    const bool alike = common_type(source.type, columns[i]->type).has_value();
    if (!cast || !alike) {
      return fail(Code::invalid,
                  "column " + columns[i]->name + " of " + target.name + " is " + columns[i]->type.text() +
                      ", the query gives " + source.type.text(),
                  one.place.text());
    }
    casts.push_back(std::move(*cast));
  }
  for (const auto& name : one.columns) {
    if (std::ranges::none_of(columns, [&](const auto* c) { return c->name == name; })) {
      return fail(Code::not_found, target.name + " has no column " + name, one.place.text());
    }
  }
  plan_.sinks_.push_back({&add<ProjectNode>(*node, std::move(scope), std::move(casts)), &target, one.place});
  return {};
}

Result<Node*> Planner::table(const std::string& name, ast::Place place) {
  if (const auto view = views_.find(name); view != views_.end()) return view->second;
  if (const auto made = table_nodes_.find(name); made != table_nodes_.end()) return made->second;
  const auto found = tables_.find(name);
  if (found == tables_.end()) {
    std::vector<std::string> names;
    for (const auto& [one, node] : views_) names.push_back(one);
    for (const auto& [one, ddl] : tables_) names.push_back(one);
    const auto near = nearest(name, names);
    return fail(Code::not_found,
                "no table or view is called " + name + (near.empty() ? "" : "; did you mean " + near + "?"),
                place.text());
  }
  Scope scope;
  for (const auto& column : found->second->columns) scope.push_back(Named{name, column.name, column.type, false});
  auto& node = add<TableNode>(*found->second, std::move(scope));
  TRY(node.bind(*found->second));
  table_nodes_[name] = &node;
  return &node;
}

Result<Node*> Planner::query(const ast::Query& of) {
  std::vector<Node*> branches;
  for (const auto& part : of.parts) branches.push_back(TRY(part.values.empty() ? select(part) : values(part)));
  return branches.size() == 1 ? Result<Node*>(branches[0]) : unite(of, std::move(branches));
}

Result<Node*> Planner::unite(const ast::Query& of, std::vector<Node*> branches) {
  Scope scope = branches[0]->scope;
  for (std::size_t b = 1; b < branches.size(); ++b) {
    const auto place = of.parts[b].place.text();
    if (branches[b]->scope.size() != scope.size()) {
      return fail(Code::invalid,
                  "UNION ALL: one side has " + std::to_string(scope.size()) + " columns, the other " +
                      std::to_string(branches[b]->scope.size()),
                  place);
    }
    for (std::size_t i = 0; i < scope.size(); ++i) {
      auto both = common_type(scope[i].type, branches[b]->scope[i].type);
      if (!both) {
        return fail(Code::invalid,
                    "UNION ALL: column " + scope[i].name + " is " + scope[i].type.text() + " on one side, " +
                        branches[b]->scope[i].type.text() + " on the other",
                    place);
      }
      scope[i].type = std::move(*both);
      scope[i].rowtime = scope[i].rowtime && branches[b]->scope[i].rowtime;
    }
  }
  for (auto& one : scope) one.qualifier.clear();
  std::vector<Node*> alike;
  for (auto* branch : branches) {
    std::vector<ExpressionPtr> casts;
    for (std::size_t i = 0; i < scope.size(); ++i) {
      casts.push_back(TRY(make_cast(make_column(static_cast<int>(i), branch->scope[i].type), scope[i].type)));
    }
    alike.push_back(&add<ProjectNode>(*branch, scope, std::move(casts)));
  }
  return &add<UnionNode>(scope, std::move(alike));
}

Result<Node*> Planner::values(const ast::Select& of) {
  const Scope nothing;
  Scope scope;
  std::vector<std::vector<ExpressionPtr>> rows;
  for (const auto& row : of.values) {
    auto& made = rows.emplace_back();
    for (const auto& one : row) made.push_back(TRY(Binder(nothing).bind(*one)));
    if (made.size() != rows[0].size())
      return fail(Code::invalid, "the rows of VALUES differ in length", row[0]->place.text());
    for (std::size_t i = 0; i < made.size(); ++i) {
      if (rows.size() == 1) scope.push_back(Named{"", "EXPR$" + std::to_string(i), made[i]->type, false});
      auto both = common_type(scope[i].type, made[i]->type);
      if (!both) return fail(Code::invalid, "the rows of VALUES have no common type", row[i]->place.text());
      scope[i].type = std::move(*both);
    }
  }
  for (auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (scope[i].type.kind == Kind::null) scope[i].type = type_of(Kind::string);
      row[i] = TRY(make_cast(std::move(row[i]), scope[i].type));
    }
  }
  return &add<ValuesNode>(std::move(scope), std::move(rows));
}

Result<Node*> Planner::from(const ast::From& of) {
  Node* node = of.query ? TRY(query(*of.query)) : TRY(table(of.table, of.place));
  if (of.window)
    return fail(Code::unsupported, of.window->function + " is not supported by this engine yet", of.place.text());
  const auto& alias = of.alias.empty() ? of.table : of.alias;
  if (std::ranges::all_of(node->scope, [&](const Named& n) { return n.qualifier == alias; })) return node;
  Scope scope = node->scope;
  std::vector<ExpressionPtr> all;
  for (std::size_t i = 0; i < scope.size(); ++i) {
    all.push_back(make_column(static_cast<int>(i), scope[i].type));
    scope[i].qualifier = alias;
  }
  return &add<ProjectNode>(*node, std::move(scope), std::move(all));
}

Result<Node*> Planner::select(const ast::Select& of) {
  if (++depth_ > nesting_max) return fail(Code::full, "too many queries within each other", of.place.text());
  Node* node = nullptr;
  if (of.from) {
    node = TRY(from(*of.from));
  } else {
    std::vector<std::vector<ExpressionPtr>> row(1);
    node = &add<ValuesNode>(Scope{}, std::move(row));
  }
  const auto star_columns = node->scope.size();
  if (of.where) {
    auto predicate = TRY(Binder(node->scope).bind(*of.where));
    if (predicate->type.kind != Kind::boolean) {
      return fail(Code::invalid, "WHERE needs a condition, found " + predicate->type.text(), of.where->place.text());
    }
    node = &add<FilterNode>(*node, std::move(predicate));
  }
  Computed computed;
  bool grouped = !of.group_by.empty();
  for (const auto& item : of.items) {
    walk(*item.expr, [&](const ast::Expr& e) {
      grouped |= e.is == ast::Expr::Is::call && !e.over && is_aggregate(e.name);
      return !e.over;
    });
  }
  if (grouped) {
    node = TRY(group(of, *node, computed));
  } else if (of.having) {
    return fail(Code::invalid, "HAVING needs GROUP BY; for single rows write WHERE", of.having->place.text());
  }
  const auto windows = TRY(over_calls(of));
  for (const auto& calls : windows) node = TRY(over(*node, calls, computed));
  auto* made = TRY(project(of, *node, grouped ? 0 : star_columns, computed));
  --depth_;
  return made;
}

Result<Node*> Planner::project(const ast::Select& of, Node& input, std::size_t star_columns, const Computed& computed) {
  Scope visible = input.scope;
  Binder binder(visible, [&](const ast::Expr& e) {
    if (computed.empty()) return -1;
    const auto found = computed.find(canonical(e));
    return found == computed.end() ? -1 : found->second;
  });
  Scope scope;
  std::vector<ExpressionPtr> all;
  std::size_t index = 0;
  for (const auto& item : of.items) {
    if (item.expr->is == ast::Expr::Is::star) {
      const auto before = all.size();
      for (std::size_t i = 0; i < star_columns; ++i) {
        if (!item.expr->parts.empty() && visible[i].qualifier != item.expr->parts[0]) continue;
        scope.push_back(Named{"", visible[i].name, visible[i].type, visible[i].rowtime});
        all.push_back(make_column(static_cast<int>(i), visible[i].type));
      }
      if (all.size() == before)
        return fail(Code::invalid, "there is nothing '*' could stand for", item.expr->place.text());
      continue;
    }
    auto made = TRY(binder.bind(*item.expr));
    const bool rowtime = made->column() >= 0 && visible[static_cast<std::size_t>(made->column())].rowtime;
    scope.push_back(Named{"", name_of(item, index++), made->type, rowtime});
    all.push_back(std::move(made));
    if (all.size() > columns_max) return fail(Code::full, "too many columns", item.expr->place.text());
  }
  return &add<ProjectNode>(input, std::move(scope), std::move(all));
}

Result<Node*> Planner::group(const ast::Select& of, Node&, Computed&) {
  return fail(Code::unsupported, "GROUP BY is not supported by this engine yet: use OVER windows", of.place.text());
}

// ---- OVER ----

Result<Planner::Resolved> Planner::resolve(const ast::Select& of, const ast::Window& window) {
  Resolved to;
  to.place = window.place;
  const ast::Window* at = &window;
  for (std::size_t steps = 0; at; ++steps) {
    if (steps > of.windows.size())
      return fail(Code::invalid, "the windows name each other in a circle", window.place.text());
    if (to.partition.empty())
      for (const auto& key : at->partition) to.partition.push_back(key.get());
    if (!to.order) to.order = at->order.get();
    if (!to.frame && at->frame.given) to.frame = &at->frame;
    if (at->base.empty()) break;
    const auto base = std::ranges::find_if(of.windows, [&](const auto& w) { return w.first == at->base; });
    if (base == of.windows.end()) {
      std::vector<std::string> names;
      for (const auto& [name, one] : of.windows) names.push_back(name);
      const auto near = nearest(at->base, names);
      return fail(Code::not_found,
                  "no window is called " + at->base + (near.empty() ? "" : "; did you mean " + near + "?"),
                  at->place.text());
    }
    at = base->second.get();
  }
  for (const auto* key : to.partition) to.text += canonical(*key) + ",";
  if (to.order) to.text += " ORDER " + canonical(*to.order);
  if (to.frame) {
    to.text += to.frame->rows ? " ROWS " : " RANGE ";
    if (to.frame->current_row_only) to.text += "CURRENT";
    if (to.frame->preceding) to.text += canonical(*to.frame->preceding);
  }
  return to;
}

Result<std::vector<Planner::OverCalls>> Planner::over_calls(const ast::Select& of) {
  std::vector<OverCalls> to;
  std::vector<const ast::Expr*> found;
  for (const auto& item : of.items) {
    walk(*item.expr, [&](const ast::Expr& e) {
      if (e.over) found.push_back(&e);
      return !e.over;
    });
  }
  for (const auto* call : found) {
    auto window = TRY(resolve(of, *call->over));
    // LAG and ROW_NUMBER know no frame, so they have a window of their own.
    const bool frameless = call->name == "LAG" || call->name == "ROW_NUMBER";
    if (frameless) window.text += " " + call->name;
    auto same = std::ranges::find_if(to, [&](const OverCalls& c) { return c.window.text == window.text; });
    if (same == to.end()) same = to.insert(to.end(), OverCalls{std::move(window), {}});
    same->calls.push_back(call);
  }
  return to;
}

Result<OverFrame> Planner::frame_of(const Resolved& window, const std::vector<const ast::Expr*>& calls) {
  OverFrame to;
  if (calls[0]->name == "ROW_NUMBER") return to;
  if (calls[0]->name == "LAG") return OverFrame{true, false, 0};  // how far is seen when its offset is known
  if (!window.frame) return to;
  to.rows = window.frame->rows;
  if (window.frame->current_row_only) return OverFrame{to.rows, false, 0};
  if (!window.frame->preceding) return to;
  const auto& length = *window.frame->preceding;
  to.unbounded = false;
  to.preceding = length.value;
  if (length.is != ast::Expr::Is::literal || length.value < 0) {
    return fail(Code::invalid, "expected a length written out, as in INTERVAL '5' MINUTE or 10", length.place.text());
  }
  if (to.rows && (!length.type.is_integer() || length.value >= static_cast<std::int64_t>(window_rows_max))) {
    return fail(Code::invalid, "ROWS needs a number of rows below " + std::to_string(window_rows_max),
                length.place.text());
  }
  if (!to.rows && length.type.kind != Kind::interval) {
    return fail(Code::invalid, "RANGE over event time needs an interval of days to seconds, as in INTERVAL '5' MINUTE",
                length.place.text());
  }
  return to;
}

Result<Node*> Planner::over(Node& input, const OverCalls& calls, Computed& computed) {
  const auto& window = calls.window;
  if (!window.order)
    return fail(Code::invalid, "expected ORDER BY and the event time column in this window", window.place.text());
  Binder binder(input.scope);
  OverNode::Parts parts;
  for (const auto* key : window.partition) {
    parts.keys.push_back(TRY(binder.bind(*key)));
    if (parts.keys.back()->type.held() == Held::row)
      return fail(Code::unsupported, "PARTITION BY a ROW", key->place.text());
  }
  const auto order = TRY(binder.bind(*window.order));
  if (order->column() < 0 || !input.scope[static_cast<std::size_t>(order->column())].rowtime) {
    return fail(Code::invalid, "a window is ordered by event time: a column with a WATERMARK, not cast or computed",
                window.order->place.text());
  }
  parts.time_column = static_cast<std::size_t>(order->column());
  parts.frame = TRY(frame_of(window, calls.calls));
  AggregateBuilder builder(input.scope);
  for (const auto* call : calls.calls) {
    const auto text = canonical(*call);
    if (computed.contains(text)) continue;
    computed[text] = static_cast<int>(input.scope.size() + builder.aggregates.size());
    TRY(builder.add(*call));
    if (builder.aggregates.back().function == Function::lag) {
      parts.frame.preceding = std::max(parts.frame.preceding, builder.aggregates.back().offset);
    }
  }
  parts.stored = std::move(builder.stored);
  parts.aggregates = std::move(builder.aggregates);
  parts.results = std::move(builder.results);
  const OverLimits limits{limits_.keys_max ? limits_.keys_max : keys_max,
                          limits_.window_rows_max ? limits_.window_rows_max : window_rows_max};
  return &add<OverNode>(input, std::move(parts), limits);
}

// ---- plan ----

Plan::~Plan() = default;

Result<std::unique_ptr<Plan>> Plan::make(std::string_view sql, const PlanLimits& limits) {
  std::unique_ptr<Plan> plan(new Plan);
  plan->script_ = TRY(parse(sql));
  TRY(Planner(*plan, limits).run());
  return plan;
}

void Plan::run(Arena& arena) {
  for (auto& node : nodes_) {
    if (!node->active) continue;
    node->out.serial = ++serial_;  // a table computes its own columns while it runs
    node->run(arena);
  }
}

bool Plan::has_values() const {
  return std::ranges::any_of(nodes_,
                             [](const auto& n) { return n->active && dynamic_cast<const ValuesNode*>(n.get()); });
}

void Plan::save(log::SavedState& to) const {
  for (const auto& node : nodes_) {
    log::SavedState own;
    if (node->active) node->save(own);
    append_varint(to.open(), own.size());
    to.append(std::move(own));
  }
}

std::uint64_t Plan::kept_rows() const {
  std::uint64_t rows = 0;
  for (const auto& node : nodes_) rows += node->kept_rows();
  return rows;
}

bool Plan::load(Reader& from) {
  for (auto& node : nodes_) {
    Reader own(from.counted());
    if (!from.ok() || (node->active && (!node->load(own) || !own.rest().empty()))) return false;
  }
  return true;
}

}  // namespace skerry::stream
