// Store: the rows of one window's key in order of time; shared by all aggregates of the window.
//
// The newest rows are kept as they are, older ones packed, some hundred together; the packed ones that a reader looks
// at are unpacked one part at a time. Indices are absolute: they stay right when rows fall off the front, and move by
// one behind a row that is put in between.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "log/checkpoint.hpp"
#include "stream/column.hpp"
#include "stream/packed.hpp"

namespace skerry::stream {

Value value_at(const Column& column, std::size_t row);
void put_value(Column& column, std::size_t row, const Value& value, Arena& arena);
// -1, 0, 1; both there. NaN is above all.
int compare(Held held, const Value& a, const Value& b);
void save_value(Buffer& to, Held held, const Value& value);
Value load_value(Reader& from, Held held);

class Store {
 public:
  Store() = default;
  explicit Store(const std::vector<Held>& columns) {
    for (const auto held : columns) {
      tail_.columns.emplace_back(held);
      open_.columns.emplace_back(held);
    }
  }
  std::uint64_t begin() const { return begin_; }
  std::uint64_t end() const { return tail_at_ + tail_.size(); }
  std::size_t size() const { return static_cast<std::size_t>(end() - begin_); }
  std::int64_t time(std::uint64_t at) const {
    return at >= tail_at_ ? tail_.time[at - tail_at_] : part_of(at).time[at - open_at_];
  }
  std::int64_t newest_time() const { return tail_.time.empty() ? parts_.back().last_time : tail_.time.back(); }
  // Of the row at begin(), and one past the last that leaves memory with it.
  std::int64_t oldest_time() const;
  std::uint64_t oldest_end() const;
  // The values of row `at` into row `to` of columns that hold the same; `which` of them.
  void copy(std::uint64_t at, const std::vector<std::uint32_t>& which, std::vector<Column>& columns, std::size_t to,
            Arena& arena) const;
  void copy(std::uint64_t at, std::size_t from, Column& column, std::size_t to, Arena& arena) const;
  // Behind all rows of its time or earlier.
  std::uint64_t position_for(std::int64_t time) const;
  void push(std::int64_t time, const std::vector<const Column*>& from, std::size_t row);
  void insert(std::uint64_t at, std::int64_t time, const std::vector<const Column*>& from, std::size_t row);
  void drop_until(std::uint64_t at);
  std::uint64_t first_kept() const { return parts_at_ < parts_.size() ? parts_[parts_at_].first : tail_at_; }
  // Rows from first_kept() on.
  void save(log::SavedState& to) const;
  bool load(Reader& from);
  bool load_v1(Reader& from);  // checkpoints of format 1

 private:
  struct Part {
    std::uint64_t first = 0;
    std::int64_t last_time = 0;
    Packed rows;
  };
  static constexpr std::uint64_t none = UINT64_MAX;

  const PlainRows& part_of(std::uint64_t at) const;
  std::size_t part_index(std::uint64_t at) const;
  void pack_tail();

  std::vector<Part> parts_;
  std::size_t parts_at_ = 0;   // of those, already gone
  std::uint64_t begin_ = 0;    // rows before it are given up
  std::uint64_t tail_at_ = 0;  // absolute index of the tail's first row
  PlainRows tail_;
  mutable PlainRows open_;  // the part looked at last
  mutable std::uint64_t open_at_ = none;
  mutable std::uint64_t open_end_ = none;
};

}  // namespace skerry::stream
