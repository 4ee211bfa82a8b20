// One page of readings out of rows that come in any order: the first so many by (time, position), bounded in memory.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "history/history.hpp"

namespace skerry::history {

// A row's place in the order of answers.
struct RowKey {
  std::int64_t time_ms = 0;
  std::uint64_t position = 0;
  auto operator<=>(const RowKey&) const = default;
};

std::string cursor_of(const RowKey& key, bool descending);
Result<RowKey> key_of_cursor(std::string_view cursor, bool descending);

class PageBuilder {
 public:
  struct Limits {
    std::size_t items_max;
    std::size_t bytes_max;
  };
  PageBuilder(const Limits& limits, bool descending, std::optional<RowKey> after)
      : limits_(limits), descending_(descending), after_(after) {}

  // Would a row with this key still be taken?
  bool wants(const RowKey& key) const;
  // Could a row with a time from `earliest` to `latest` still be taken?
  bool wants_any(std::int64_t earliest, std::int64_t latest) const;
  void add(const RowKey& key, Reading reading);
  ReadingsPage finish() &&;

 private:
  struct Row {
    RowKey key;
    Reading reading;
  };
  bool before(const RowKey& a, const RowKey& b) const { return descending_ ? b < a : a < b; }
  void drop_last();

  Limits limits_;
  bool descending_;
  std::optional<RowKey> after_;
  std::optional<RowKey> bound_;  // the first row that is known to be on a later page
  std::vector<Row> heap_;        // the row that comes last is on top
  std::size_t bytes_ = 0;
};

}  // namespace skerry::history
