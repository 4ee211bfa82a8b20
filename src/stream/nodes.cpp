// The operators that keep no rows: tables, WHERE, SELECT, UNION ALL, VALUES.
#include <algorithm>

#include "stream/node.hpp"

namespace skerry::stream {

void Node::activate() {
  if (active) return;
  active = true;
  for (auto* input : inputs) input->activate();
  on_active();
}

void Node::mark(std::size_t column) {
  if (used[column]) return;
  used[column] = true;
  on_used(column);
}

void Node::mark_inputs_of(const Expression& expression, Node& input) {
  std::vector<bool> columns(input.scope.size(), false);
  expression.mark_used(columns);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i]) input.mark(i);
  }
}

// ---- table ----

TableNode::TableNode(const ast::Table& of, Scope columns) : table_ast(of) {
  table = of.name;
  take_scope(std::move(columns));
  columns_.resize(scope.size());
  computed_.resize(scope.size());
  is_computed.assign(scope.size(), false);
}

Result<> TableNode::bind(const ast::Table& of) {
  for (std::size_t i = 0; i < of.columns.size(); ++i) {
    if (!of.columns[i].computed) {
      shape(columns_[i], scope[i].type);
      continue;
    }
    is_computed[i] = true;
    Scope physical = scope;
    for (std::size_t j = 0; j < of.columns.size(); ++j) {
      if (of.columns[j].computed) physical[j].name = "$computed";  // a computed column may not use another
    }
    computed_[i] = TRY(Binder(physical).bind(*of.columns[i].computed));
    scope[i].type = computed_[i]->type;
  }
  if (!of.watermark) return {};
  const auto& mark = *of.watermark;
  for (std::size_t i = 0; i < scope.size(); ++i) {
    if (same_name(scope[i].name, mark.column)) time_column = static_cast<std::int64_t>(i);
  }
  if (time_column < 0) return fail(Code::not_found, "no column is called " + mark.column, mark.place.text());
  auto& column = scope[static_cast<std::size_t>(time_column)];
  if (column.type.kind != Kind::timestamp && column.type.kind != Kind::timestamp_ltz) {
    return fail(
        Code::invalid,
        "a watermark needs a TIMESTAMP(3) or TIMESTAMP_LTZ(3) column, " + column.name + " is " + column.type.text(),
        mark.place.text());
  }
  if (column.type.precision > 3) {
    return fail(Code::invalid, "event time has a precision of 3 at most: " + column.name + " is " + column.type.text(),
                mark.place.text());
  }
  mark_ = TRY(Binder(scope).bind(*mark.expr));
  if (!mark_->type.is_time()) {
    return fail(Code::invalid, "expected a time, as in ts - INTERVAL '5' SECOND, found " + mark_->type.text(),
                mark.expr->place.text());
  }
  column.rowtime = true;
  return {};
}

void TableNode::on_used(std::size_t column) {
  if (computed_[column]) mark_inputs_of(*computed_[column], *this);
}

void TableNode::on_active() {
  if (mark_) mark_inputs_of(*mark_, *this), mark(static_cast<std::size_t>(time_column));
}

void TableNode::begin_batch() {
  rows_ = 0;
  meta_.clear();
}

std::size_t TableNode::add_row(const RowMeta& meta) {
  meta_.push_back(meta);
  if (rows_ == room_) {
    room_ = std::max<std::size_t>(64, rows_ * 2);
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (used[i] && !is_computed[i]) columns_[i].grow(room_);
    }
  }
  return rows_++;
}

void TableNode::run(Arena& arena) {
  out.rows = rows_;
  for (std::size_t i = 0; i < columns_.size(); ++i) out.columns[i] = &columns_[i];
  out.meta = meta_.data();
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (used[i] && computed_[i]) out.columns[i] = &computed_[i]->evaluate(out, arena);
  }
  if (!mark_) {
    for (auto& meta : meta_) meta.watermark = no_watermark;
    return;
  }
  const auto& marks = mark_->evaluate(out, arena);
  for (std::size_t row = 0; row < rows_; ++row) {
    meta_[row].watermark = watermark_;
    if (!marks.null[row] && !meta_[row].ahead) watermark_ = std::max(watermark_, marks.i64[row]);
  }
}

void TableNode::save(log::SavedState& to) const { append_le(to.open(), watermark_); }
bool TableNode::load(Reader& from) {
  watermark_ = from.le<std::int64_t>();
  return from.ok();
}

// ---- filter ----

FilterNode::FilterNode(Node& input, ExpressionPtr predicate) : predicate_(std::move(predicate)) {
  inputs = {&input};
  table = input.table;
  take_scope(input.scope);
  gathered_.resize(scope.size());
  for (std::size_t i = 0; i < scope.size(); ++i) shape(gathered_[i], scope[i].type);
}

void FilterNode::run(Arena& arena) {
  const auto& in = inputs[0]->out;
  out.rows = 0;
  if (in.rows == 0) return;  // then its columns need not be there
  const auto& keep = predicate_->evaluate(in, arena);
  selected_.clear();
  for (std::size_t row = 0; row < in.rows; ++row) {
    if (!keep.null[row] && keep.i64[row]) selected_.push_back(static_cast<std::uint32_t>(row));
  }
  out.rows = selected_.size();
  if (out.rows == in.rows) {  // most often all pass: nothing is copied
    out.columns = in.columns;
    out.meta = in.meta;
    return;
  }
  meta_.clear();
  for (const auto row : selected_) meta_.push_back(in.meta[row]);
  out.meta = meta_.data();
  for (std::size_t i = 0; i < scope.size(); ++i) {
    if (!used[i]) continue;
    gathered_[i].grow(out.rows);
    for (std::size_t k = 0; k < out.rows; ++k) copy_value(gathered_[i], k, *in.columns[i], selected_[k]);
    out.columns[i] = &gathered_[i];
  }
}

// ---- project ----

ProjectNode::ProjectNode(Node& input, Scope of, std::vector<ExpressionPtr> expressions)
    : expressions_(std::move(expressions)) {
  inputs = {&input};
  table = input.table;
  take_scope(std::move(of));
}

void ProjectNode::run(Arena& arena) {
  const auto& in = inputs[0]->out;
  out.rows = in.rows;
  out.meta = in.meta;
  if (in.rows == 0) return;
  for (std::size_t i = 0; i < expressions_.size(); ++i) {
    if (used[i]) out.columns[i] = &expressions_[i]->evaluate(in, arena);
  }
}

// ---- union ----

UnionNode::UnionNode(Scope of, std::vector<Node*> branches) {
  inputs = std::move(branches);
  for (const auto* branch : inputs) table += (table.empty() ? "" : "+") + branch->table;
  take_scope(std::move(of));
  merged_.resize(scope.size());
  for (std::size_t i = 0; i < scope.size(); ++i) shape(merged_[i], scope[i].type);
  watermarks_.assign(inputs.size(), no_watermark);
}

void UnionNode::run(Arena&) {
  std::vector<std::size_t> next(inputs.size(), 0);
  meta_.clear();
  std::size_t total = 0;
  for (const auto* branch : inputs) total += branch->out.rows;
  for (auto& column : merged_) column.grow(total);
  for (std::size_t row = 0; row < total; ++row) {
    std::size_t from = inputs.size();
    for (std::size_t b = 0; b < inputs.size(); ++b) {
      if (next[b] == inputs[b]->out.rows) continue;
      if (from == inputs.size() || inputs[b]->out.meta[next[b]].record < inputs[from]->out.meta[next[from]].record)
        from = b;
    }
    const auto& in = inputs[from]->out;
    const auto at = next[from]++;
    auto meta = in.meta[at];
    watermarks_[from] = std::max(watermarks_[from], meta.watermark);
    meta.watermark = *std::ranges::min_element(watermarks_);  // a union is as far as its slowest branch
    meta_.push_back(meta);
    for (std::size_t i = 0; i < scope.size(); ++i) {
      if (used[i]) copy_value(merged_[i], row, *in.columns[i], at);
    }
  }
  out.rows = total;
  out.meta = meta_.data();
  for (std::size_t i = 0; i < scope.size(); ++i) out.columns[i] = &merged_[i];
}

void UnionNode::save(log::SavedState& to) const {
  for (const auto mark : watermarks_) append_le(to.open(), mark);
}
bool UnionNode::load(Reader& from) {
  for (auto& mark : watermarks_) mark = from.le<std::int64_t>();
  return from.ok();
}

// ---- values ----

ValuesNode::ValuesNode(Scope of, std::vector<std::vector<ExpressionPtr>> rows) : rows_(std::move(rows)) {
  table = "VALUES";
  take_scope(std::move(of));
  columns_.resize(scope.size());
  for (std::size_t i = 0; i < scope.size(); ++i) shape(columns_[i], scope[i].type);
}

void ValuesNode::run(Arena& arena) {
  out.rows = 0;
  if (done) return;
  done = true;
  meta_.assign(rows_.size(), RowMeta{0, false, no_watermark, 0});
  const Batch one{1, {}, meta_.data()};
  for (auto& column : columns_) column.grow(rows_.size());
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    for (std::size_t i = 0; i < scope.size(); ++i) copy_value(columns_[i], row, rows_[row][i]->evaluate(one, arena), 0);
  }
  out.rows = rows_.size();
  out.meta = meta_.data();
  for (std::size_t i = 0; i < scope.size(); ++i) out.columns[i] = &columns_[i];
}

}  // namespace skerry::stream
