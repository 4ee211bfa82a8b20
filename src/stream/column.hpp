// Columns and batches: some rows, column by column, as operators hand them on. Buffers are kept and used again.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <type_traits>
#include <vector>

#include "stream/types.hpp"

namespace skerry::stream {

// Bytes of texts made while a micro-batch is worked on; all gone with reset().
class Arena {
 public:
  char* take(std::size_t size) {
    if (size > room_) grow(size);
    char* at = at_;
    at_ += size;
    room_ -= size;
    return at;
  }
  std::string_view keep(std::string_view text) {
    if (text.empty()) return {};
    char* to = take(text.size());
    std::char_traits<char>::copy(to, text.data(), text.size());
    return {to, text.size()};
  }
  void reset() {
    if (blocks_.size() > 1) blocks_.resize(1);
    at_ = blocks_.empty() ? nullptr : blocks_[0].get();
    room_ = blocks_.empty() ? 0 : first_bytes;
  }

 private:
  static constexpr std::size_t first_bytes = 64 * 1024;
  void grow(std::size_t size) {
    const auto bytes = blocks_.empty() && size <= first_bytes ? first_bytes : std::max(size, first_bytes);
    if (blocks_.empty() && size > first_bytes) blocks_.push_back(std::make_unique<char[]>(first_bytes));
    blocks_.push_back(std::make_unique<char[]>(bytes));
    at_ = blocks_.back().get();
    room_ = bytes;
  }
  std::vector<std::unique_ptr<char[]>> blocks_;
  char* at_ = nullptr;
  std::size_t room_ = 0;
};

struct Column {
  Held held = Held::i64;
  std::vector<std::uint8_t> null;  // 1: NULL; the value beside it means nothing
  std::vector<std::int64_t> i64;
  std::vector<double> f64;
  std::vector<Int128> i128;
  std::vector<std::string_view> text;
  std::vector<const Column*> kids;             // ROW: a NULL row has only NULL fields
  std::vector<std::unique_ptr<Column>> owned;  // kids that belong to this column

  template <typename T>
  auto& data() {
    if constexpr (std::is_same_v<T, std::int64_t>)
      return i64;
    else if constexpr (std::is_same_v<T, double>)
      return f64;
    else if constexpr (std::is_same_v<T, Int128>)
      return i128;
    else
      return text;
  }
  template <typename T>
  const auto& data() const {
    return const_cast<Column*>(this)->data<T>();
  }
  // Room for `rows` values of what it holds; the buffers never shrink.
  void grow(std::size_t rows) {
    if (null.size() < rows) null.resize(rows);
    const auto at_least = [rows](auto& v) {
      if (v.size() < rows) v.resize(rows);
    };
    switch (held) {
      case Held::i64: at_least(i64); break;
      case Held::f64: at_least(f64); break;
      case Held::i128: at_least(i128); break;
      case Held::text: at_least(text); break;
      case Held::row:
        for (auto& kid : owned) kid->grow(rows);
        break;
    }
  }
};

// Makes `column` hold values of `type`, with columns of its own for the fields of a ROW.
void shape(Column& column, const Type& type);
// to[at] = from[i], for all of a ROW.
void copy_value(Column& to, std::size_t at, const Column& from, std::size_t i);
void set_null(Column& to, std::size_t at);

// What goes with each row besides its columns.
struct RowMeta {
  std::uint32_t record = 0;    // of the micro-batch: the cause
  bool ahead = false;          // its time is ahead of the clock: evicts nothing
  std::int64_t watermark = 0;  // of its source before this row, ms; rows at or before it are late
  std::int64_t now = 0;        // when its cause was appended, ms
};

inline constexpr std::int64_t no_watermark = INT64_MIN;

struct Batch {
  std::size_t rows = 0;
  std::vector<const Column*> columns;
  const RowMeta* meta = nullptr;
  std::uint64_t serial = 0;  // another for each batch an expression sees; 0: none is told apart
};

}  // namespace skerry::stream
