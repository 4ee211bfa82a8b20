// Planner: statements into nodes. Views become shared nodes: a window that three statements read is kept once.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "stream/over.hpp"
#include "stream/plan.hpp"

namespace skerry::stream {

class Planner {
 public:
  Planner(Plan& plan, const PlanLimits& limits) : plan_(plan), limits_(limits) {}
  Result<> run();

 private:
  // A window with what it takes from the named ones.
  struct Resolved {
    std::vector<const ast::Expr*> partition;
    const ast::Expr* order = nullptr;
    const ast::Frame* frame = nullptr;
    std::string text;
    ast::Place place;
  };
  struct OverCalls {
    Resolved window;
    std::vector<const ast::Expr*> calls;
  };
  using Computed = std::map<std::string, int>;  // canonical text of what a node below has computed -> column

  template <typename N, typename... Args>
  N& add(Args&&... args) {
    auto made = std::make_unique<N>(std::forward<Args>(args)...);
    auto& node = *made;
    plan_.nodes_.push_back(std::move(made));
    return node;
  }

  Result<> statement(const ast::Statement& one);
  Result<> insert(const ast::Statement& one);
  Result<> create_view(const ast::Statement& one);
  Result<Node*> query(const ast::Query& of);
  Result<Node*> unite(const ast::Query& of, std::vector<Node*> branches);
  Result<Node*> select(const ast::Select& of);
  Result<Node*> values(const ast::Select& of);
  Result<Node*> from(const ast::From& of);
  Result<Node*> table(const std::string& name, ast::Place place);
  Result<Node*> project(const ast::Select& of, Node& input, std::size_t star_columns, const Computed& computed);
  Result<std::vector<OverCalls>> over_calls(const ast::Select& of);
  Result<Resolved> resolve(const ast::Select& of, const ast::Window& window);
  Result<Node*> over(Node& input, const OverCalls& calls, Computed& computed);
  Result<OverFrame> frame_of(const Resolved& window, const std::vector<const ast::Expr*>& calls);
  Result<Node*> group(const ast::Select& of, Node& input, Computed& computed);

  Plan& plan_;
  PlanLimits limits_;
  std::map<std::string, const ast::Table*> tables_;
  std::map<std::string, TableNode*> table_nodes_;
  std::map<std::string, Node*> views_;
  int depth_ = 0;
};

// Shared by OVER and GROUP BY: what aggregates read, each column once.
class AggregateBuilder {
 public:
  explicit AggregateBuilder(const Scope& scope) : binder_(scope) {}
  Result<> add(const ast::Expr& call);
  std::vector<ExpressionPtr> stored;
  std::vector<Aggregate> aggregates;
  std::vector<Named> results;

 private:
  Result<int> store(const ast::Expr& arg);
  Result<Input> input_of(const ast::Expr& arg);
  Binder binder_;
  std::map<std::string, int> by_text_;
};

ast::Expr column_expr(const std::string& name, ast::Place place);
std::unexpected<Error> located(Error error, ast::Place place);

}  // namespace skerry::stream
