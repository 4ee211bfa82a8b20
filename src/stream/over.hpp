// Over: aggregates over a window that ends at each row, per key, answered at the row's arrival.
//
// RANGE: a row sees all rows of its key that have arrived with a time in [t - R, t], itself and its peers included,
// whatever order they came in. ROWS: the rows before it in order of arrival. A row at or before the watermark is late:
// counted, dropped. Rows leave when no row to come can see them; keys when the watermark has passed all they hold.
//
// A micro-batch is gone through row by row to find each row's key and what leaves its frame (steps), and then aggregate
// by aggregate.
#pragma once

#include <list>
#include <string_view>
#include <unordered_map>

#include "stream/aggregate.hpp"
#include "stream/node.hpp"

namespace skerry::stream {

struct OverFrame {
  bool rows = false;
  bool unbounded = true;
  std::int64_t preceding = 0;  // ms, or rows
};

struct OverLimits {
  std::size_t keys_max;
  std::size_t rows_max;
};

class OverNode final : public Node {
 public:
  struct Parts {
    std::vector<ExpressionPtr> keys;
    std::size_t time_column = 0;
    OverFrame frame;
    std::vector<ExpressionPtr> stored;  // what aggregates read, each once
    std::vector<Aggregate> aggregates;
    std::vector<Named> results;
  };
  OverNode(Node& input, Parts parts, OverLimits limits);
  void run(Arena& arena) override;
  void save(log::SavedState& to) const override;
  bool load(Reader& from) override;
  std::uint64_t take_late() override { return std::exchange(late_, 0); }
  std::uint64_t take_dropped() override { return std::exchange(dropped_, 0); }
  std::uint64_t kept_rows() const override;
  std::size_t keys() const { return by_key_.size(); }

 private:
  struct Key {
    std::string key;
    Store store;
    AggregateState state;
    std::uint64_t first = 0;  // the frame of the row at `head`: [first, end) of the store
    std::uint64_t end = 0;
    std::int64_t head = no_watermark;  // newest time that was not ahead of the clock
  };
  using Keys = std::list<Key>;  // least recently used first

  // Columns of rows out of a store, which grow as rows are added.
  struct Scratch {
    std::vector<Column> columns;
    std::vector<const Column*> pointers;
    std::uint32_t rows = 0;
    void shape_as(const std::vector<ExpressionPtr>& stored);
    std::uint32_t add();  // room for one more; its row
  };

  void on_used(std::size_t column) override;
  void on_active() override;
  std::string_view key_of(std::size_t row);
  Key& find(std::string_view key, Arena& arena);
  void forget_idle(std::int64_t watermark, Arena& arena);
  void take_row(Key& key, std::size_t row, std::size_t to, const RowMeta& meta, std::int64_t time, Arena& arena);
  void by_arrival(Key& key, std::size_t row, std::size_t to, std::int64_t time, Arena& arena);
  void at_end(Key& key, std::size_t row, std::size_t to, std::int64_t time, Arena& arena);
  void in_order(Key& key, std::size_t row, std::size_t to, std::int64_t time, Arena& arena);
  void between(Key& key, std::size_t row, std::size_t to, std::int64_t time, Arena& arena);
  void trim(Key& key, std::int64_t watermark, Arena& arena);
  void rebuild_queues(Key& key, Arena& arena);
  // Takes rows out of the frame up to `end`; the step's share of what leaves.
  void leave_until(Key& key, std::uint64_t end, Step& step, Arena& arena);
  void pick(const Key& key, std::uint64_t first, std::uint64_t end, std::size_t to, Arena& arena);
  enum class Which : std::uint8_t { all, extremes, not_extremes };
  // The rows [first, end) of the store into `state`; the last one's result into row `to`.
  void enter(const Key& key, AggregateState& state, std::uint64_t first, std::uint64_t end, std::uint32_t to,
             Which which, Arena& arena);
  void apply_all(const Moves& moves, Which which, Arena& arena);
  void flush(Arena& arena);

  Parts parts_;
  OverLimits limits_;
  bool keeps_rows_;
  std::vector<Held> held_;
  std::vector<std::uint32_t> all_stored_;  // columns of the store
  std::vector<std::uint32_t> leaving_;     // those that some aggregate takes away again
  std::vector<std::size_t> picked_;        // aggregates whose results lie in the store
  Keys keys_;
  std::unordered_map<std::string_view, Keys::iterator> by_key_;
  std::vector<const Column*> key_columns_;
  std::vector<const Column*> stored_columns_;
  std::vector<Column> results_;
  std::vector<Column> gathered_;
  std::vector<std::uint32_t> accepted_;
  std::vector<RowMeta> meta_;
  Buffer key_bytes_;
  std::vector<Step> steps_;  // settled, not yet applied
  Scratch gone_;             // what leaves in them
  Scratch entering_;         // rows that enter out of the store, for the slow ways
  std::uint64_t late_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace skerry::stream
