// Rows of a window in memory, and how they are saved. Bytes: docs/format/stream.md.
#include "stream/store.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace skerry::stream {
namespace {

bool is_narrow(Int128 v) { return v >= INT64_MIN && v <= INT64_MAX; }
auto nth(auto& v, std::size_t at) { return v.begin() + static_cast<std::ptrdiff_t>(at); }

}  // namespace

Value value_at(const Column& column, std::size_t row) {
  Value v;
  v.null = column.null[row] != 0;
  if (v.null) return v;
  switch (column.held) {
    case Held::i64: v.i64 = column.i64[row]; break;
    case Held::f64: v.f64 = column.f64[row]; break;
    case Held::i128: v.i128 = column.i128[row]; break;
    default: v.text = column.text[row];
  }
  return v;
}

void put_value(Column& column, std::size_t row, const Value& value, Arena& arena) {
  column.null[row] = value.null;
  if (value.null) return;
  switch (column.held) {
    case Held::i64: column.i64[row] = value.i64; break;
    case Held::f64: column.f64[row] = value.f64; break;
    case Held::i128: column.i128[row] = value.i128; break;
    default: column.text[row] = arena.keep(value.text);
  }
}

int compare(Held held, const Value& a, const Value& b) {
  const auto order = [](const auto& x, const auto& y) { return x < y ? -1 : y < x ? 1 : 0; };
  switch (held) {
    case Held::i64: return order(a.i64, b.i64);
    case Held::f64:
      if (std::isnan(a.f64) || std::isnan(b.f64)) return std::isnan(a.f64) - std::isnan(b.f64);
      return order(a.f64, b.f64);
    case Held::i128: return order(a.i128, b.i128);
    default: return order(a.text, b.text);
  }
}

void save_value(Buffer& to, Held held, const Value& value) {
  append_byte(to, value.null ? 0 : 1);
  if (value.null) return;
  switch (held) {
    case Held::i64: append_varint(to, zigzag(value.i64)); break;
    case Held::f64: append_le(to, std::bit_cast<std::uint64_t>(value.f64)); break;
    case Held::i128:
      append_le(to, static_cast<std::uint64_t>(value.i128));
      append_le(to, static_cast<std::uint64_t>(static_cast<Uint128>(value.i128) >> 64));
      break;
    default: append_counted(to, as_bytes(value.text));
  }
}

Value load_value(Reader& from, Held held) {
  Value v;
  v.null = from.byte() == 0;
  if (v.null) return v;
  switch (held) {
    case Held::i64: v.i64 = unzigzag(from.varint()); break;
    case Held::f64: v.f64 = std::bit_cast<double>(from.le<std::uint64_t>()); break;
    case Held::i128: {
      const Uint128 low = from.le<std::uint64_t>();
      v.i128 = static_cast<Int128>(low | static_cast<Uint128>(from.le<std::uint64_t>()) << 64);
      break;
    }
    default: v.text = as_text(from.counted());
  }
  return v;
}

void StoredColumn::widen() {
  wide_.assign(narrow_.begin(), narrow_.end());
  narrow_ = {};
}

void StoredColumn::insert(std::size_t at, const Column& from, std::size_t row) {
  // Nearly every row goes to the end, is there, and is small.
  if (at == size_ && !from.null[row] && null_.empty()) {
    if (held_ == Held::f64) {
      f64_.push_back(from.f64[row]);
      ++size_;
      return;
    }
    if (held_ == Held::i64 || held_ == Held::i128) {
      const Int128 value = held_ == Held::i64 ? from.i64[row] : from.i128[row];
      if (wide_.empty() && is_narrow(value)) {
        narrow_.push_back(static_cast<std::int64_t>(value));
        ++size_;
        return;
      }
    }
  }
  insert(at, value_at(from, row));
}

void StoredColumn::insert(std::size_t at, const Value& v) {
  if (v.null && null_.empty()) null_.assign(size_, 0);
  if (v.null || !null_.empty()) null_.insert(nth(null_, at), v.null);
  switch (held_) {
    case Held::f64: f64_.insert(nth(f64_, at), v.f64); break;
    case Held::text:
    case Held::row: text_.emplace(nth(text_, at), v.text); break;
    default: {
      const Int128 value = held_ == Held::i64 ? v.i64 : v.i128;
      if (wide_.empty() && !is_narrow(value)) {
        widen();
        if (wide_.empty()) {  // the first row of all: the vector itself says which form it is
          wide_.push_back(value);
          break;
        }
      }
      if (!wide_.empty())
        wide_.insert(nth(wide_, at), value);
      else
        narrow_.insert(nth(narrow_, at), static_cast<std::int64_t>(value));
    }
  }
  ++size_;
}

void StoredColumn::drop_front(std::size_t count) {
  const auto drop = [count](auto& v) {
    if (!v.empty()) v.erase(v.begin(), nth(v, count));
  };
  drop(null_), drop(narrow_), drop(wide_), drop(f64_), drop(text_);
  size_ -= count;
  if (std::ranges::find(null_, 1) == null_.end()) null_.clear();
}

Value StoredColumn::get(std::size_t at) const {
  Value v;
  v.null = null(at);
  if (v.null) return v;
  switch (held_) {
    case Held::i64: v.i64 = static_cast<std::int64_t>(exact(at)); break;
    case Held::i128: v.i128 = exact(at); break;
    case Held::f64: v.f64 = f64_[at]; break;
    default: v.text = text_[at];
  }
  return v;
}

std::uint64_t Store::position_for(std::int64_t time) const {
  if (time_.size() == dropped_ || time_.back() <= time) return end();
  const auto at = std::upper_bound(time_.begin() + static_cast<std::ptrdiff_t>(dropped_), time_.end(), time);
  return base_ + static_cast<std::uint64_t>(at - time_.begin());
}

void Store::insert(std::uint64_t at, std::int64_t time, const std::vector<const Column*>& from, std::size_t row) {
  const auto where = place(at);
  time_.insert(nth(time_, where), time);
  for (std::size_t i = 0; i < columns_.size(); ++i) columns_[i].insert(where, *from[i], row);
}

void Store::drop_until(std::uint64_t at) {
  dropped_ = static_cast<std::size_t>(at - base_);
  // Moving the rest up is worth it when as much falls away as stays.
  if (dropped_ < 16 || dropped_ * 2 < time_.size()) return;
  time_.erase(time_.begin(), nth(time_, dropped_));
  for (auto& column : columns_) column.drop_front(dropped_);
  base_ += dropped_;
  dropped_ = 0;
}

void Store::save(Buffer& to) const {
  append_varint(to, size());
  std::int64_t before = 0;
  for (std::size_t i = dropped_; i < time_.size(); ++i) {
    append_varint(to, zigzag(time_[i] - before));
    before = time_[i];
  }
  for (const auto& column : columns_) {
    for (std::size_t i = dropped_; i < time_.size(); ++i) save_value(to, column.held(), column.get(i));
  }
}

bool Store::load(Reader& from) {
  const auto count = from.varint();
  if (count > from.rest().size()) return false;  // a time takes a byte at least
  std::int64_t time = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    time += unzigzag(from.varint());
    time_.push_back(time);
  }
  for (auto& column : columns_) {
    for (std::uint64_t i = 0; i < count && from.ok(); ++i) column.insert(i, load_value(from, column.held()));
  }
  return from.ok();
}

}  // namespace skerry::stream
