// Plan: one pipeline's text made ready to run. Refuses what it cannot run, naming line, column and what was expected.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "stream/ast.hpp"
#include "stream/node.hpp"

namespace skerry::stream {

struct PlanLimits {
  std::size_t keys_max = 0;  // 0: the defaults of limits.hpp
  std::size_t window_rows_max = 0;
};

// Where a statement's rows go.
struct Sink {
  Node* rows = nullptr;               // exactly the target's columns, in their order and type
  const ast::Table* table = nullptr;  // of INSERT INTO; nothing for a SELECT by itself
  ast::Place place;
};

class Plan {
 public:
  static Result<std::unique_ptr<Plan>> make(std::string_view sql, const PlanLimits& limits = {});
  ~Plan();

  // Tables that are read. Fill their batches (begin_batch, add_row), then run(), then take the sinks' rows.
  const std::vector<TableNode*>& tables() const { return tables_; }
  const std::vector<Sink>& sinks() const { return sinks_; }
  bool has_values() const;
  void run(Arena& arena);

  void save(log::SavedState& to) const;
  std::uint64_t kept_rows() const;  // in all windows
  bool load(Reader& from);
  const std::vector<std::unique_ptr<Node>>& nodes() const { return nodes_; }
  const std::map<std::string, std::string>& settings() const { return settings_; }

 private:
  friend class Planner;
  Plan() = default;
  ast::Script script_;
  std::vector<std::unique_ptr<Node>> nodes_;  // inputs stand before those that read them
  std::vector<TableNode*> tables_;
  std::vector<Sink> sinks_;
  std::map<std::string, std::string> settings_;
  std::uint64_t serial_ = 0;
};

}  // namespace skerry::stream
