// Packed: some rows of a window in few bytes, exactly. Times and numbers column by column, by their differences; what
// follows from another column, as a cast or a rounding does, takes next to nothing. Bytes: docs/format/stream.md.
#pragma once

#include <memory>
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

// A column of rows as they are. A DECIMAL takes eight bytes until one comes that needs sixteen.
class StoredColumn {
 public:
  explicit StoredColumn(Held held) : held_(held) {}
  Held held() const { return held_; }
  std::size_t size() const { return size_; }
  void insert(std::size_t at, const Column& from, std::size_t row);
  void insert(std::size_t at, const Value& value);
  void drop_front(std::size_t count);
  void cut(std::size_t count);  // keeps the first of them
  void clear();
  Value get(std::size_t at) const;
  // to[row] = the value at `at`; a text lies in the arena then.
  void copy(std::size_t at, Column& to, std::size_t row, Arena& arena) const;

 private:
  friend class Packer;
  friend class Unpacker;
  void widen();
  bool null(std::size_t at) const { return !null_.empty() && null_[at]; }
  Held held_;
  std::size_t size_ = 0;
  std::vector<std::uint8_t> null_;    // empty: none is
  std::vector<std::int64_t> narrow_;  // integers, times, and DECIMALs while they fit
  std::vector<Int128> wide_;
  std::vector<double> f64_;
  std::vector<std::string> text_;
};

struct PlainRows {
  std::vector<std::int64_t> time;
  std::vector<StoredColumn> columns;
  std::size_t size() const { return time.size(); }
  void clear() {
    time.clear();
    for (auto& column : columns) column.clear();
  }
};

// Never changed once made, so that a checkpoint may share it.
struct Packed {
  std::shared_ptr<const std::byte[]> data;
  std::uint32_t size = 0;
  Bytes bytes() const { return {data.get(), size}; }
};

Packed pack_rows(const PlainRows& rows);
Packed packed_from(Bytes bytes);  // a copy
// Into `to`, whose columns say what is held. False when the bytes are no such rows.
bool unpack_rows(Bytes bytes, PlainRows& to);

}  // namespace skerry::stream
