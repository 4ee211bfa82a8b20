// Rows of a window in memory, and how they are saved. Bytes: docs/format/stream.md.
#include "stream/store.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "stream/limits.hpp"

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

void StoredColumn::cut(std::size_t count) {
  const auto keep = [count](auto& v) {
    if (!v.empty()) v.erase(nth(v, count), v.end());
  };
  keep(null_), keep(narrow_), keep(wide_), keep(f64_), keep(text_);
  size_ = count;
}

void StoredColumn::clear() {
  null_.clear(), narrow_.clear(), wide_.clear(), f64_.clear(), text_.clear();
  size_ = 0;
}

void StoredColumn::copy(std::size_t at, Column& to, std::size_t row, Arena& arena) const {
  to.null[row] = null(at);
  if (to.null[row]) return;
  switch (held_) {
    case Held::i64: to.i64[row] = wide_.empty() ? narrow_[at] : static_cast<std::int64_t>(wide_[at]); break;
    case Held::i128: to.i128[row] = wide_.empty() ? narrow_[at] : wide_[at]; break;
    case Held::f64: to.f64[row] = f64_[at]; break;
    default: to.text[row] = arena.keep(text_[at]);
  }
}

Value StoredColumn::get(std::size_t at) const {
  Value v;
  v.null = null(at);
  if (v.null) return v;
  switch (held_) {
    case Held::i64: v.i64 = wide_.empty() ? narrow_[at] : static_cast<std::int64_t>(wide_[at]); break;
    case Held::i128: v.i128 = wide_.empty() ? narrow_[at] : wide_[at]; break;
    case Held::f64: v.f64 = f64_[at]; break;
    default: v.text = text_[at];
  }
  return v;
}

std::size_t Store::part_index(std::uint64_t at) const {
  const auto behind = std::ranges::upper_bound(nth(parts_, parts_at_), parts_.end(), at, {}, &Part::first);
  return static_cast<std::size_t>(behind - parts_.begin()) - 1;
}

const PlainRows& Store::part_of(std::uint64_t at) const {
  if (at >= open_at_ && at < open_end_) return open_;
  const auto& part = parts_[part_index(at)];
  INVARIANT(unpack_rows(part.rows.bytes(), open_));  // we packed it, or load() has looked
  open_at_ = part.first;
  open_end_ = part.first + open_.size();
  return open_;
}

// Of a part all leave together, so that it need not be opened to see the first.
std::int64_t Store::oldest_time() const {
  return parts_at_ < parts_.size() ? parts_[parts_at_].last_time : tail_.time[begin_ - tail_at_];
}

std::uint64_t Store::oldest_end() const {
  if (parts_at_ == parts_.size()) return begin_ + 1;
  return parts_at_ + 1 < parts_.size() ? parts_[parts_at_ + 1].first : tail_at_;
}

void Store::copy(std::uint64_t at, const std::vector<std::uint32_t>& which, std::vector<Column>& columns,
                 std::size_t to, Arena& arena) const {
  const bool in_tail = at >= tail_at_;
  const auto& rows = in_tail ? tail_ : part_of(at);
  const auto place = static_cast<std::size_t>(at - (in_tail ? tail_at_ : open_at_));
  for (const auto i : which) rows.columns[i].copy(place, columns[i], to, arena);
}

void Store::copy(std::uint64_t at, std::size_t from, Column& column, std::size_t to, Arena& arena) const {
  const bool in_tail = at >= tail_at_;
  const auto& rows = in_tail ? tail_ : part_of(at);
  rows.columns[from].copy(static_cast<std::size_t>(at - (in_tail ? tail_at_ : open_at_)), column, to, arena);
}

std::uint64_t Store::position_for(std::int64_t time) const {
  if (tail_.time.empty() ? parts_at_ == parts_.size() || parts_.back().last_time <= time : tail_.time.back() <= time)
    return end();
  if (!tail_.time.empty() && (tail_.time.front() <= time || parts_at_ == parts_.size())) {
    return tail_at_ + static_cast<std::uint64_t>(std::ranges::upper_bound(tail_.time, time) - tail_.time.begin());
  }
  // In the first part that ends later than `time`, or at the tail's begin.
  const auto part = std::ranges::upper_bound(nth(parts_, parts_at_), parts_.end(), time, {}, &Part::last_time);
  if (part == parts_.end()) return tail_at_;
  const auto& rows = part_of(part->first);
  const auto at =
      part->first + static_cast<std::uint64_t>(std::ranges::upper_bound(rows.time, time) - rows.time.begin());
  return std::max(at, begin_);
}

void Store::push(std::int64_t time, const std::vector<const Column*>& from, std::size_t row) {
  const auto where = tail_.size();
  tail_.time.push_back(time);
  for (std::size_t i = 0; i < tail_.columns.size(); ++i) tail_.columns[i].insert(where, *from[i], row);
  if (where + 1 >= packed_rows) pack_tail();
}

// A row that comes late: the part it belongs to is opened and closed again.
void Store::insert(std::uint64_t at, std::int64_t time, const std::vector<const Column*>& from, std::size_t row) {
  if (at == end()) return push(time, from, row);
  const auto put = [&](PlainRows& rows, std::size_t where) {
    rows.time.insert(nth(rows.time, where), time);
    for (std::size_t i = 0; i < rows.columns.size(); ++i) rows.columns[i].insert(where, value_at(*from[i], row));
  };
  if (at >= tail_at_) {
    put(tail_, static_cast<std::size_t>(at - tail_at_));
    if (tail_.size() >= packed_rows) pack_tail();
    return;
  }
  const auto index = part_index(at);
  static_cast<void>(part_of(at));
  put(open_, static_cast<std::size_t>(at - open_at_));
  auto& part = parts_[index];
  for (std::size_t i = index + 1; i < parts_.size(); ++i) ++parts_[i].first;
  ++tail_at_;
  part.last_time = open_.time.back();
  if (open_.size() < packed_rows_max) {
    part.rows = pack_rows(open_);
  } else {  // in two
    PlainRows rest = open_;
    const auto half = open_.size() / 2;
    rest.time.erase(rest.time.begin(), nth(rest.time, half));
    for (auto& column : rest.columns) column.drop_front(half);
    Part second{part.first + half, part.last_time, pack_rows(rest)};
    open_.time.resize(half);
    for (auto& column : open_.columns) column.cut(half);
    part.last_time = open_.time.back();
    part.rows = pack_rows(open_);
    parts_.insert(nth(parts_, index + 1), std::move(second));
  }
  open_at_ = open_end_ = none;
}

void Store::pack_tail() {
  const auto gone = begin_ > tail_at_ ? static_cast<std::size_t>(begin_ - tail_at_) : 0;
  if (gone * 4 >= tail_.size()) {  // it is worth moving the rest up
    tail_.time.erase(tail_.time.begin(), nth(tail_.time, gone));
    for (auto& column : tail_.columns) column.drop_front(gone);
    tail_at_ += gone;
    return;
  }
  parts_.push_back({tail_at_, tail_.time.back(), pack_rows(tail_)});
  tail_at_ += tail_.size();
  tail_.clear();
}

void Store::drop_until(std::uint64_t at) {
  begin_ = std::max(begin_, at);
  while (parts_at_ < parts_.size()) {
    const auto part_end = parts_at_ + 1 < parts_.size() ? parts_[parts_at_ + 1].first : tail_at_;
    if (part_end > begin_) break;
    parts_[parts_at_].rows = {};
    ++parts_at_;
  }
  if (parts_at_ >= 16 && parts_at_ * 2 >= parts_.size()) {
    parts_.erase(parts_.begin(), nth(parts_, parts_at_));
    parts_at_ = 0;
  }
  if (parts_at_ < parts_.size() || begin_ <= tail_at_) return;
  // Moving the rest up is worth it when as much falls away as stays.
  const auto gone = static_cast<std::size_t>(begin_ - tail_at_);
  if (gone < 16 || gone * 2 < tail_.size()) return;
  tail_.time.erase(tail_.time.begin(), nth(tail_.time, gone));
  for (auto& column : tail_.columns) column.drop_front(gone);
  tail_at_ += gone;
}

void Store::save(log::SavedState& to) const {
  append_varint(to.open(), parts_.size() - parts_at_);
  for (auto i = parts_at_; i < parts_.size(); ++i) {
    const auto& rows = parts_[i].rows;
    append_varint(to.open(), rows.size);
    to.share(rows.data, rows.size);
  }
  append_counted(to.open(), pack_rows(tail_).bytes());
}

bool Store::load(Reader& from) {
  const auto count = from.varint();
  if (count > from.rest().size()) return false;
  for (std::uint64_t i = 0; i <= count; ++i) {
    const auto bytes = from.counted();
    auto& into = i < count ? open_ : tail_;
    if (!from.ok() || !unpack_rows(bytes, into) || (i < count && into.size() == 0)) return false;
    if (i == count) break;
    parts_.push_back({tail_at_, open_.time.back(), packed_from(bytes)});
    tail_at_ += open_.size();
  }
  open_at_ = open_end_ = none;
  return true;
}

bool Store::load_v1(Reader& from) {
  const auto count = from.varint();
  if (count > from.rest().size()) return false;  // a time takes a byte at least
  PlainRows all = tail_;
  std::int64_t time = 0;
  for (std::uint64_t i = 0; i < count; ++i) all.time.push_back(time += unzigzag(from.varint()));
  for (auto& column : all.columns) {
    for (std::uint64_t i = 0; i < count && from.ok(); ++i) column.insert(i, load_value(from, column.held()));
  }
  if (!from.ok()) return false;
  for (std::size_t at = 0; at < all.time.size();) {
    const auto until = std::min(all.time.size(), at + packed_rows);
    tail_.time.assign(nth(all.time, at), nth(all.time, until));
    for (std::size_t i = 0; i < tail_.columns.size(); ++i) {
      tail_.columns[i].clear();
      for (auto row = at; row < until; ++row) tail_.columns[i].insert(row - at, all.columns[i].get(row));
    }
    if (until - at == packed_rows) pack_tail();
    at = until;
  }
  return true;
}

}  // namespace skerry::stream
