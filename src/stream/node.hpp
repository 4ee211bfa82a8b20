// Nodes: the operators of a plan. A micro-batch goes through them once, inputs first; results go out at arrival.
//
// Only columns that somebody below asked for (mark) are computed. One thread at a time. A node's `out` is valid until
// its next run() or the end of the micro-batch.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "log/checkpoint.hpp"
#include "stream/column.hpp"
#include "stream/expression.hpp"

namespace skerry::stream {

class Node {
 public:
  virtual ~Node() = default;
  // Somebody reads this node: from here on it runs.
  void activate();
  void mark(std::size_t column);
  virtual void run(Arena& arena) = 0;
  // State that must live on; nothing for most.
  virtual void save(log::SavedState&) const {}
  virtual bool load(Reader&) { return true; }
  virtual std::uint64_t take_late() { return 0; }        // rows dropped as late since the last call
  virtual std::uint64_t kept_rows() const { return 0; }  // in windows
  virtual std::uint64_t take_dropped() { return 0; }     // keys and rows given up for a limit since the last call

  Scope scope;
  std::vector<bool> used;
  std::vector<Node*> inputs;
  Batch out;
  bool active = false;
  std::string table;  // where its rows come from, for the metric of late ones

 protected:
  void take_scope(Scope of) {
    scope = std::move(of);
    used.assign(scope.size(), false);
    out.columns.assign(scope.size(), nullptr);
  }
  void mark_inputs_of(const Expression& expression, Node& input);
  virtual void on_active() {}
  virtual void on_used(std::size_t) {}
};

// A table that is read. Whoever decodes fills its columns and meta; run() adds computed columns and watermarks.
class TableNode final : public Node {
 public:
  TableNode(const ast::Table& table, Scope scope);
  Result<> bind(const ast::Table& table);
  // Empties the batch, then: one call a row for place(), with all columns of that row filled by the caller.
  void begin_batch();
  Column& column(std::size_t i) { return columns_[i]; }
  std::size_t rows() const { return rows_; }
  RowMeta& at_last() { return meta_.back(); }
  std::size_t add_row(const RowMeta& meta);
  void run(Arena& arena) override;
  void save(log::SavedState& to) const override;
  bool load(Reader& from) override;
  std::int64_t watermark() const { return watermark_; }

  const ast::Table& table_ast;
  std::int64_t time_column = -1;  // the watermark's
  std::vector<bool> is_computed;

 private:
  void on_used(std::size_t column) override;
  void on_active() override;
  std::vector<Column> columns_;
  std::vector<ExpressionPtr> computed_;
  ExpressionPtr mark_;
  std::int64_t watermark_ = no_watermark;
  std::vector<RowMeta> meta_;
  std::size_t rows_ = 0;
  std::size_t room_ = 0;  // of the columns
};

class FilterNode final : public Node {
 public:
  FilterNode(Node& input, ExpressionPtr predicate);
  void run(Arena& arena) override;

 private:
  void on_used(std::size_t column) override { inputs[0]->mark(column); }
  void on_active() override { mark_inputs_of(*predicate_, *inputs[0]); }
  ExpressionPtr predicate_;
  std::vector<Column> gathered_;
  std::vector<std::uint32_t> selected_;
  std::vector<RowMeta> meta_;
};

class ProjectNode final : public Node {
 public:
  ProjectNode(Node& input, Scope scope, std::vector<ExpressionPtr> expressions);
  void run(Arena& arena) override;

 private:
  void on_used(std::size_t column) override { mark_inputs_of(*expressions_[column], *inputs[0]); }
  std::vector<ExpressionPtr> expressions_;
};

// UNION ALL: rows in the order of their causes, then of the branches, so that it does not matter how the stream was
// cut.
class UnionNode final : public Node {
 public:
  UnionNode(Scope scope, std::vector<Node*> branches);
  void run(Arena& arena) override;
  void save(log::SavedState& to) const override;
  bool load(Reader& from) override;

 private:
  void on_used(std::size_t column) override {
    for (auto* branch : inputs) branch->mark(column);
  }
  std::vector<Column> merged_;
  std::vector<RowMeta> meta_;
  std::vector<std::int64_t> watermarks_;
};

// VALUES, and SELECT without FROM: its rows come once.
class ValuesNode final : public Node {
 public:
  ValuesNode(Scope scope, std::vector<std::vector<ExpressionPtr>> rows);
  void run(Arena& arena) override;
  bool done = false;

 private:
  std::vector<std::vector<ExpressionPtr>> rows_;
  std::vector<Column> columns_;
  std::vector<RowMeta> meta_;
};

}  // namespace skerry::stream
