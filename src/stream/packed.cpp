// Sequences of integers in as many bits as their differences need.
#include "stream/packed.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "stream/limits.hpp"

namespace skerry::stream {
namespace {

// How a sequence is written.
enum class Form : std::uint8_t { as_time = 0, as_column = 1, plain = 2, deltas = 3 };
// What a column's values are.
enum class Values : std::uint8_t { integers = 0, decimals = 1, doubles = 2, wide = 3, text = 4 };

constexpr int exponent_max = 12;
constexpr double powers[exponent_max + 1] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12};
constexpr double whole_max = 2251799813685248.0;  // 2^51
constexpr std::size_t slack_bytes = 8;            // so that eight bytes can be read at any bit

using Words = std::vector<std::uint64_t>;

// To the nearest integer, half to even; |x| below 2^51. std::nearbyint is a call without SSE 4.1.
double nearest_whole(double x) {
  constexpr double magic = 6755399441055744.0;
  return (x + magic) - magic;
}

bool is_decimal(double v, int exponent) {
  const double scaled = v * powers[exponent];
  if (!(std::abs(scaled) < whole_max)) return false;
  return std::bit_cast<std::uint64_t>(nearest_whole(scaled) / powers[exponent]) == std::bit_cast<std::uint64_t>(v);
}

unsigned width_of(std::uint64_t range) { return static_cast<unsigned>(std::bit_width(range)); }
std::size_t bytes_for(std::size_t count, unsigned width) { return (count * width + 7) / 8; }

void append_bits(Buffer& to, const Words& values, std::size_t from, unsigned width) {
  const auto at = to.size();
  to.resize(at + bytes_for(values.size() - from, width));
  if (width == 0) return;
  auto* out = to.data() + at;
  std::uint64_t held = 0;
  unsigned bits = 0;
  for (std::size_t i = from; i < values.size(); ++i) {
    held |= values[i] << bits;
    if (bits + width >= 64) {
      store_le(out, held);
      out += 8;
      const unsigned used = 64 - bits;
      held = used < width ? values[i] >> used : 0;
      bits = width - used;
    } else {
      bits += width;
    }
  }
  for (; bits > 0; bits -= std::min(bits, 8U), held >>= 8) *out++ = static_cast<std::byte>(held);
}

// `count` values of `width` bits; eight bytes behind them may be read.
void read_bits(const std::byte* from, std::size_t count, unsigned width, std::uint64_t* to) {
  const std::uint64_t mask = width == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << width) - 1;
  std::size_t bit = 0;
  for (std::size_t i = 0; i < count; ++i, bit += width) {
    const auto shift = bit & 7;
    auto value = load_le<std::uint64_t>(from + bit / 8) >> shift;
    if (shift + width > 64) value |= std::uint64_t{std::to_integer<std::uint8_t>(from[bit / 8 + 8])} << (64 - shift);
    to[i] = value & mask;
  }
}

}  // namespace

class Packer {
 public:
  explicit Packer(const PlainRows& rows) : rows_(rows) {}

  Packed pack() {
    to_.clear();
    append_varint(to_, rows_.size());
    sequence(rows_.time, nullptr);
    for (const auto& column : rows_.columns) add(column);
    Packed packed;
    packed.size = static_cast<std::uint32_t>(to_.size() + slack_bytes);
    auto data = std::make_shared_for_overwrite<std::byte[]>(packed.size);
    std::copy(to_.begin(), to_.end(), data.get());
    std::fill_n(data.get() + to_.size(), slack_bytes, std::byte{0});
    packed.data = std::move(data);
    return packed;
  }

 private:
  void add(const StoredColumn& column) {
    const bool nulls = std::ranges::find(column.null_, 1) != column.null_.end();
    append_byte(to_, nulls ? 1 : 0);
    if (nulls) {
      Words bits(column.null_.begin(), column.null_.end());
      append_bits(to_, bits, 0, 1);
    }
    switch (column.held_) {
      case Held::f64: return doubles(column, nulls);
      case Held::text:
      case Held::row:
        append_byte(to_, static_cast<std::uint8_t>(Values::text));
        ys_.emplace_back();
        for (const auto& text : column.text_) append_counted(to_, as_bytes(text));
        return;
      default: break;
    }
    if (!column.wide_.empty()) {
      append_byte(to_, static_cast<std::uint8_t>(Values::wide));
      ys_.emplace_back();
      for (const auto v : column.wide_) {
        append_le(to_, static_cast<std::uint64_t>(v));
        append_le(to_, static_cast<std::uint64_t>(static_cast<Uint128>(v) >> 64));
      }
      return;
    }
    append_byte(to_, static_cast<std::uint8_t>(Values::integers));
    whole_ = column.narrow_;
    if (nulls) fill_gaps(column, whole_);
    sequence(whole_, &rows_.time);
  }

  // Under a NULL stands what stood before it, which costs nothing.
  template <typename T>
  static void fill_gaps(const StoredColumn& column, std::vector<T>& values) {
    const auto first = static_cast<std::size_t>(std::ranges::find(column.null_, 0) - column.null_.begin());
    T last = first == values.size() ? T{} : values[first];
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (column.null_[i])
        values[i] = last;
      else
        last = values[i];
    }
  }

  void doubles(const StoredColumn& column, bool nulls) {
    f64_ = column.f64_;
    if (nulls) fill_gaps(column, f64_);
    int exponent = 0;
    bool all = true;
    for (std::size_t i = 0; i < f64_.size() && all; ++i) {
      while (all && !is_decimal(f64_[i], exponent)) all = ++exponent <= exponent_max;
    }
    // One that fitted fewer decimals may be too large for more.
    all = all && std::ranges::all_of(f64_, [&](double v) { return is_decimal(v, exponent); });
    if (!all) {
      append_byte(to_, static_cast<std::uint8_t>(Values::doubles));
      ys_.emplace_back();
      for (const auto v : f64_) append_le(to_, std::bit_cast<std::uint64_t>(v));
      return;
    }
    append_byte(to_, static_cast<std::uint8_t>(Values::decimals));
    append_byte(to_, static_cast<std::uint8_t>(exponent));
    whole_.clear();
    for (const auto v : f64_) whole_.push_back(static_cast<std::int64_t>(nearest_whole(v * powers[exponent])));
    sequence(whole_, &rows_.time);
  }

  // v = base + unit * y, y from 0 on.
  void sequence(const std::vector<std::int64_t>& v, const std::vector<std::int64_t>* time) {
    auto& y = ys_.emplace_back();
    if (time != nullptr && v == *time) {
      append_byte(to_, static_cast<std::uint8_t>(Form::as_time));
      return;
    }
    const auto base = v.empty() ? 0 : *std::ranges::min_element(v);
    std::uint64_t unit = 0;
    y.reserve(v.size());
    for (const auto one : v) {
      const auto above = static_cast<std::uint64_t>(one) - static_cast<std::uint64_t>(base);
      y.push_back(above);
      if (unit != 1 && (unit == 0 || above % unit != 0)) unit = std::gcd(unit, above);
    }
    if (unit == 0) unit = 1;
    if (unit != 1) {
      for (auto& one : y) one /= unit;
    }
    const auto same = std::find(ys_.begin(), ys_.end() - 1, y);
    if (time != nullptr && !y.empty() && same != ys_.end() - 1) {
      append_byte(to_, static_cast<std::uint8_t>(Form::as_column));
      append_varint(to_, static_cast<std::uint64_t>(same - ys_.begin()));
      append_varint(to_, zigzag(base));
      append_varint(to_, unit);
      return;
    }
    const auto range = y.empty() ? 0 : *std::ranges::max_element(y);
    std::int64_t least = INT64_MAX;
    std::int64_t most = INT64_MIN;
    for (std::size_t i = 1; i < y.size(); ++i) {
      const auto step = static_cast<std::int64_t>(y[i] - y[i - 1]);
      least = std::min(least, step);
      most = std::max(most, step);
    }
    const auto spread = y.size() < 2 ? 0 : static_cast<std::uint64_t>(most) - static_cast<std::uint64_t>(least);
    const bool deltas = y.size() > 1 && range <= INT64_MAX && width_of(spread) < width_of(range);
    append_byte(to_, static_cast<std::uint8_t>(deltas ? Form::deltas : Form::plain));
    append_varint(to_, zigzag(base));
    append_varint(to_, unit);
    const auto width = deltas ? width_of(spread) : width_of(range);
    append_byte(to_, static_cast<std::uint8_t>(width));
    if (!deltas) return append_bits(to_, y, 0, width);
    append_varint(to_, y[0]);
    append_varint(to_, zigzag(least));
    steps_.assign(y.size(), 0);
    for (std::size_t i = 1; i < y.size(); ++i) steps_[i] = y[i] - y[i - 1] - static_cast<std::uint64_t>(least);
    append_bits(to_, steps_, 1, width);
  }

  const PlainRows& rows_;
  Buffer to_;
  std::vector<Words> ys_;  // of each column, the time's first; empty where it has no sequence of its own
  std::vector<std::int64_t> whole_;
  std::vector<double> f64_;
  Words steps_;
};

class Unpacker {
 public:
  Unpacker(Bytes bytes, PlainRows& to) : from_(bytes), to_(to) {}

  bool unpack() {
    const auto rows = from_.varint();
    if (rows > packed_rows_max) return false;
    rows_ = static_cast<std::size_t>(rows);
    to_.clear();
    ys_.resize(to_.columns.size() + 1);
    to_.time.resize(rows_);
    if (!sequence(to_.time, false)) return false;
    for (auto& column : to_.columns) {
      if (!take(column)) return false;
    }
    return from_.ok() && from_.rest().size() == slack_bytes;
  }

 private:
  bool take(StoredColumn& column) {
    column.size_ = rows_;
    if (from_.byte() != 0) {
      const auto bits = from_.take(bytes_for(rows_, 1));
      if (!from_.ok()) return false;
      column.null_.resize(rows_);
      for (std::size_t i = 0; i < rows_; ++i)
        column.null_[i] = (std::to_integer<unsigned>(bits[i / 8]) >> (i % 8)) & 1U;
    }
    const auto values = static_cast<Values>(from_.byte());
    const bool is_double = column.held_ == Held::f64;
    const bool is_text = column.held_ == Held::text || column.held_ == Held::row;
    switch (values) {
      case Values::integers:
        if (is_double || is_text) return false;
        column.narrow_.resize(rows_);
        return sequence(column.narrow_, true);
      case Values::decimals: return is_double && decimals(column.f64_);
      case Values::doubles: {
        ++nth_;
        const auto bytes = from_.take(rows_ * 8);
        if (!is_double || !from_.ok()) return false;
        column.f64_.resize(rows_);
        std::memcpy(column.f64_.data(), bytes.data(), bytes.size());
        return true;
      }
      case Values::wide:
        ++nth_;
        if (is_double || is_text) return false;
        for (std::size_t i = 0; i < rows_ && from_.ok(); ++i) {
          const auto low = from_.le<std::uint64_t>();
          column.wide_.push_back(static_cast<Int128>(low | static_cast<Uint128>(from_.le<std::uint64_t>()) << 64));
        }
        return from_.ok();
      case Values::text:
        ++nth_;
        if (!is_text) return false;
        for (std::size_t i = 0; i < rows_ && from_.ok(); ++i) column.text_.emplace_back(as_text(from_.counted()));
        return from_.ok();
    }
    return false;
  }

  bool decimals(std::vector<double>& to) {
    const auto exponent = from_.byte();
    if (exponent > exponent_max) return false;
    whole_.resize(rows_);
    if (!sequence(whole_, true)) return false;
    to.resize(rows_);
    for (std::size_t i = 0; i < rows_; ++i) to[i] = static_cast<double>(whole_[i]) / powers[exponent];
    return true;
  }

  bool sequence(std::vector<std::int64_t>& to, bool has_time) {
    auto& y = ys_[nth_++];
    const auto form = static_cast<Form>(from_.byte());
    if (form == Form::as_time) {
      if (!has_time) return false;
      to = to_.time;
      return true;
    }
    const Words* source = &y;
    if (form == Form::as_column) {
      const auto index = from_.varint();
      if (index + 1 >= nth_) return false;
      source = &ys_[static_cast<std::size_t>(index)];
      if (source->size() != rows_) return false;
    }
    const auto base = static_cast<std::uint64_t>(unzigzag(from_.varint()));
    const auto unit = from_.varint();
    if (form != Form::as_column && !own(form, y)) return false;
    for (std::size_t i = 0; i < rows_; ++i) to[i] = static_cast<std::int64_t>(base + unit * (*source)[i]);
    return from_.ok();
  }

  bool own(Form form, Words& y) {
    const unsigned width = from_.byte();
    if (width > 64 || (form != Form::plain && form != Form::deltas)) return false;
    const std::uint64_t first = form == Form::deltas ? from_.varint() : 0;
    const auto least = form == Form::deltas ? static_cast<std::uint64_t>(unzigzag(from_.varint())) : 0;
    const std::size_t skip = form == Form::deltas ? 1 : 0;
    if (rows_ < skip) return false;
    const auto bits = from_.take(bytes_for(rows_ - skip, width));
    if (!from_.ok() || from_.rest().size() < slack_bytes) return false;
    y.resize(rows_);
    if (rows_ > skip) read_bits(bits.data(), rows_ - skip, width, y.data() + skip);
    if (skip == 0) return true;
    y[0] = first;
    for (std::size_t i = 1; i < rows_; ++i) y[i] += y[i - 1] + least;
    return true;
  }

  Reader from_;
  PlainRows& to_;
  std::size_t rows_ = 0;
  std::size_t nth_ = 0;
  std::vector<Words> ys_;
  std::vector<std::int64_t> whole_;
};

Packed pack_rows(const PlainRows& rows) { return Packer(rows).pack(); }

Packed packed_from(Bytes bytes) {
  auto data = std::make_shared_for_overwrite<std::byte[]>(bytes.size());
  std::ranges::copy(bytes, data.get());
  return {std::move(data), static_cast<std::uint32_t>(bytes.size())};
}

bool unpack_rows(Bytes bytes, PlainRows& to) { return Unpacker(bytes, to).unpack(); }

}  // namespace skerry::stream
