// Store: the rows of one window's key, column by column, in order of time; shared by all aggregates of the window.
//
// A DECIMAL takes eight bytes until one comes that needs sixteen. Indices are absolute: they stay right when rows fall
// off the front, and move by one behind a row that is put in between.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "stream/column.hpp"

namespace skerry::stream {

// One value out of a store or a batch.
struct Value {
  bool null = true;
  std::int64_t i64 = 0;
  double f64 = 0;
  Int128 i128 = 0;
  std::string_view text;
};

Value value_at(const Column& column, std::size_t row);
void put_value(Column& column, std::size_t row, const Value& value, Arena& arena);
// -1, 0, 1; both there. NaN is above all.
int compare(Held held, const Value& a, const Value& b);
void save_value(Buffer& to, Held held, const Value& value);
Value load_value(Reader& from, Held held);

class StoredColumn {
 public:
  explicit StoredColumn(Held held) : held_(held) {}
  Held held() const { return held_; }
  void insert(std::size_t at, const Column& from, std::size_t row);
  void insert(std::size_t at, const Value& value);
  void drop_front(std::size_t count);
  Value get(std::size_t at) const;
  bool null(std::size_t at) const { return !null_.empty() && null_[at]; }
  // Of a DECIMAL or an integer that is not NULL.
  Int128 exact(std::size_t at) const { return wide_.empty() ? narrow_[at] : wide_[at]; }
  double approximate(std::size_t at) const { return f64_[at]; }

 private:
  void widen();
  Held held_;
  std::size_t size_ = 0;
  std::vector<std::uint8_t> null_;    // empty: none is
  std::vector<std::int64_t> narrow_;  // integers, times, and DECIMALs while they fit
  std::vector<Int128> wide_;
  std::vector<double> f64_;
  std::vector<std::string> text_;
};

class Store {
 public:
  Store() = default;
  explicit Store(const std::vector<Held>& columns) {
    for (const auto held : columns) columns_.emplace_back(held);
  }
  std::uint64_t begin() const { return base_ + dropped_; }
  std::uint64_t end() const { return base_ + time_.size(); }
  std::size_t size() const { return time_.size() - dropped_; }
  std::int64_t time(std::uint64_t at) const { return time_[at - base_]; }
  const StoredColumn& column(std::size_t i) const { return columns_[i]; }
  std::size_t place(std::uint64_t at) const { return static_cast<std::size_t>(at - base_); }  // within a StoredColumn
  // Behind all rows of its time or earlier.
  std::uint64_t position_for(std::int64_t time) const;
  void insert(std::uint64_t at, std::int64_t time, const std::vector<const Column*>& from, std::size_t row);
  void drop_until(std::uint64_t at);
  void clear() { drop_until(end()); }
  void save(Buffer& to) const;
  bool load(Reader& from);

 private:
  std::uint64_t base_ = 0;   // absolute index of the first held in memory
  std::size_t dropped_ = 0;  // of those, already gone
  std::vector<std::int64_t> time_;
  std::vector<StoredColumn> columns_;
};

}  // namespace skerry::stream
