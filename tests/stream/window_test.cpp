// Windows: rows packed and unpacked come back exactly, and frames are what counting them out gives, late rows and
// checkpoints between included.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "stream/packed.hpp"
#include "stream/plan.hpp"
#include "stream/store.hpp"

namespace skerry::stream {
namespace {

using Random = std::mt19937_64;

std::string text_of(Held held, const Value& v) {
  if (v.null) return "null";
  switch (held) {
    case Held::i64: return std::to_string(v.i64);
    case Held::f64: return std::to_string(std::bit_cast<std::uint64_t>(v.f64));
    case Held::i128: {
      std::string to;
      append_decimal(to, v.i128, 0);
      return to;
    }
    default: return std::string(v.text);
  }
}

Value some_value(Held held, int way, Random& random, std::string& text) {
  Value v;
  const auto bits = random();
  v.null = way == 3 && bits % 5 == 0;
  switch (held) {
    case Held::i64:
      v.i64 = way == 0   ? 7
              : way == 1 ? static_cast<std::int64_t>(bits % 1000) * 60'000
                         : static_cast<std::int64_t>(bits);
      break;
    case Held::f64:
      v.f64 = way == 0   ? 21.5
              : way == 1 ? static_cast<double>(static_cast<std::int64_t>(bits % 2000) - 1000) / 100
              : way == 2 ? std::bit_cast<double>(bits)
                         : static_cast<double>(bits % 100) * 1e9;
      if (way == 3 && bits % 7 == 0) v.f64 = bits % 2 ? -0.0 : NAN;
      break;
    case Held::i128:
      v.i128 = way == 2 ? static_cast<Int128>(bits) * static_cast<std::int64_t>(random())
                        : static_cast<Int128>(bits % 5000) * 100'000'000;
      break;
    default: text = std::string(bits % 9, static_cast<char>('a' + bits % 26)); v.text = text;
  }
  return v;
}

TEST(Packed, RowsComeBackExactly) {
  Random random(1);
  for (int round = 0; round < 300; ++round) {
    PlainRows rows;
    const std::vector<Held> held = {Held::i64, Held::f64, Held::i128, Held::text, Held::i64, Held::f64, Held::i128};
    for (const auto one : held) rows.columns.emplace_back(one);
    const auto count = round < 4 ? static_cast<std::size_t>(round) : random() % 400;
    std::int64_t time = 1'767'225'600'000;
    std::vector<int> ways;
    for (std::size_t i = 0; i < held.size(); ++i) ways.push_back(static_cast<int>(random() % 4));
    for (std::size_t row = 0; row < count; ++row) {
      rows.time.push_back(time += static_cast<std::int64_t>(random() % (round % 2 ? 5 : 100'000)));
      std::string text;
      for (std::size_t i = 0; i < held.size(); ++i) {
        auto v = some_value(held[i], ways[i], random, text);
        if (i == 4) v = {false, time + 3, 0, 0, {}};  // follows from the time
        if (i == 6 && ways[1] == 1)
          v = {false, 0, 0, static_cast<Int128>(std::llround(rows.columns[1].get(row).f64 * 100)) * 100'000'000, {}};
        rows.columns[i].insert(row, v);
      }
    }
    const auto packed = pack_rows(rows);
    PlainRows again;
    for (const auto one : held) again.columns.emplace_back(one);
    ASSERT_TRUE(unpack_rows(packed.bytes(), again)) << round;
    ASSERT_EQ(again.time, rows.time) << round;
    for (std::size_t i = 0; i < held.size(); ++i) {
      for (std::size_t row = 0; row < count; ++row) {
        ASSERT_EQ(text_of(held[i], again.columns[i].get(row)), text_of(held[i], rows.columns[i].get(row)))
            << "round " << round << " column " << i << " row " << row;
      }
    }
    for (std::uint32_t size = 0; size < packed.size; size += 1 + packed.size / 50) {
      unpack_rows(packed.bytes().first(size), again);  // no crash, whatever it says
    }
  }
}

TEST(Packed, ReadingsTakeThreeBytesARow) {
  Random random(2);
  PlainRows rows;
  for (const auto one : {Held::f64, Held::i128, Held::i128, Held::f64, Held::i64}) rows.columns.emplace_back(one);
  std::int64_t time = 1'767'225'600'000;
  for (std::size_t row = 0; row < 256; ++row) {
    rows.time.push_back(time += 3 + static_cast<std::int64_t>(random() % 3));
    const auto t = static_cast<std::int64_t>(random() % 100);
    rows.columns[0].insert(row, Value{false, 0, static_cast<double>(2050 + t) / 100, 0, {}});
    rows.columns[1].insert(row, Value{false, 0, 0, 0, {}});  // the cell
    rows.columns[2].insert(row, Value{false, 0, 0, (2050 + static_cast<Int128>(t)) * 100'000'000, {}});
    rows.columns[3].insert(row, Value{false, 0, static_cast<double>(460 + random() % 40) / 10, 0, {}});
    rows.columns[4].insert(row, Value{false, time, 0, 0, {}});
  }
  EXPECT_LT(pack_rows(rows).size, 256 * 3U);
}

// ---- frames ----

struct Reading {
  int key;
  std::int64_t time;
  double x;
  bool null;
};

constexpr std::int64_t minute = 60'000;

class Windows : public testing::TestWithParam<bool> {
 protected:
  // RANGE of 5 minutes, or ROWS of 300.
  std::string sql() const {
    return std::string(
               R"(CREATE TABLE s (k STRING, x DOUBLE, ts TIMESTAMP_LTZ(3), WATERMARK FOR ts AS ts - INTERVAL '60' SECOND);
      CREATE TEMPORARY VIEW v AS SELECT k, ts, x, CAST(x * 100 AS DECIMAL(12, 0)) AS d FROM s;
      SELECT k, ts, COUNT(*) OVER w, COUNT(x) OVER w, SUM(d) OVER w, SUM(d * d) OVER w, MIN(x) OVER w, MAX(x) OVER w,
        MAX(k) OVER w, FIRST_VALUE(d) OVER w, LAST_VALUE(x) OVER w, AVG(x) OVER w, STDDEV_POP(x) OVER w, MIN(d) OVER w
      FROM v WINDOW w AS (PARTITION BY k ORDER BY ts )") +
           (GetParam() ? "ROWS BETWEEN 299 PRECEDING AND CURRENT ROW);"
                       : "RANGE BETWEEN INTERVAL '5' MINUTE PRECEDING AND CURRENT ROW);");
  }
};

// What an own row of a result should say, from all that arrived before it.
struct Expected {
  std::vector<Reading> frame;
  Int128 sum = 0, squares = 0;
  double total = 0, least = INFINITY, most = -INFINITY;
  std::int64_t there = 0;

  Expected(const std::vector<Reading>& seen, const Reading& own, bool rows) {
    for (const auto& r : seen) {
      if (r.key == own.key && (rows || (r.time <= own.time && r.time >= own.time - 5 * minute))) frame.push_back(r);
    }
    if (rows && frame.size() > 300) frame.erase(frame.begin(), frame.end() - 300);
    if (!rows) std::ranges::stable_sort(frame, {}, &Reading::time);
    for (const auto& r : frame) {
      if (r.null) continue;
      const auto d = static_cast<Int128>(std::llround(r.x * 100));
      ++there, sum += d, squares += d * d, total += r.x;
      least = std::min(least, r.x), most = std::max(most, r.x);
    }
  }
  double deviation() const {
    const double mean = total / static_cast<double>(there);
    double spread = 0;
    for (const auto& r : frame) spread += r.null ? 0 : (r.x - mean) * (r.x - mean);
    return std::sqrt(spread / static_cast<double>(there));
  }
};

void expect_row(const Batch& out, std::size_t row, const Reading& own, const Expected& e) {
  const auto at = [&](std::size_t column) -> const Column& { return *out.columns[column]; };
  ASSERT_EQ(at(2).i64[row], static_cast<std::int64_t>(e.frame.size()));
  ASSERT_EQ(at(3).i64[row], e.there);
  ASSERT_EQ(at(4).null[row] != 0, e.there == 0);
  ASSERT_EQ(at(9).null[row] != 0, e.frame.front().null);
  if (!e.frame.front().null) {
    ASSERT_TRUE(at(9).i128[row] == std::llround(e.frame.front().x * 100));
  }
  ASSERT_EQ(at(10).null[row] != 0, own.null);
  if (!own.null) {
    ASSERT_EQ(at(10).f64[row], own.x);
  }
  ASSERT_EQ(at(8).text[row], "key" + std::to_string(own.key));
  if (e.there == 0) return;
  ASSERT_TRUE(at(4).i128[row] == e.sum);
  ASSERT_TRUE(at(5).i128[row] == e.squares);
  ASSERT_EQ(at(6).f64[row], e.least);
  ASSERT_EQ(at(7).f64[row], e.most);
  ASSERT_NEAR(at(11).f64[row], e.total / static_cast<double>(e.there), 1e-9);
  ASSERT_NEAR(at(12).f64[row], e.deviation(), 1e-9);
  ASSERT_TRUE(at(13).i128[row] == std::llround(e.least * 100));
}

// Forty readings of three keys; some late, some ahead of the clock, some NULL.
std::vector<Reading> feed(TableNode& table, Random& random, std::int64_t& clock, Arena& arena) {
  table.begin_batch();
  std::vector<Reading> now;
  for (std::uint32_t i = 0; i < 40; ++i) {
    clock += static_cast<std::int64_t>(random() % 900);
    Reading one{static_cast<int>(random() % 3), clock, static_cast<double>(random() % 5000) / 100, random() % 11 == 0};
    RowMeta meta;
    meta.record = i;
    meta.ahead = random() % 50 == 0;
    if (meta.ahead)
      one.time += minute + static_cast<std::int64_t>(random() % minute);
    else if (random() % 8 == 0)
      one.time -= static_cast<std::int64_t>(random() % 40'000);
    now.push_back(one);
    const auto row = table.add_row(meta);
    table.column(0).null[row] = table.column(2).null[row] = 0;
    table.column(0).text[row] = arena.keep("key" + std::to_string(one.key));
    table.column(1).null[row] = one.null;
    table.column(1).f64[row] = one.x;
    table.column(2).i64[row] = one.time;
  }
  return now;
}

TEST_P(Windows, AreWhatCountingOutGives) {
  auto plan = Plan::make(sql());
  ASSERT_TRUE(plan.has_value()) << plan.error().text();
  Random random(3);
  std::vector<Reading> seen;  // in order of arrival
  Arena arena;
  std::int64_t clock = 1'767'225'600'000;
  for (int batch = 0; batch < 160; ++batch) {
    const auto now = feed(*(*plan)->tables()[0], random, clock, arena);
    (*plan)->run(arena);
    const auto& out = (*plan)->sinks()[0].rows->out;
    ASSERT_EQ(out.rows, now.size());  // none was later than the watermark allows
    for (std::size_t row = 0; row < out.rows; ++row) {
      seen.push_back(now[row]);
      if (random() % 4 != 0) continue;
      expect_row(out, row, now[row], Expected(seen, now[row], GetParam()));
      ASSERT_FALSE(HasFatalFailure()) << "batch " << batch << " row " << row;
    }
    arena.reset();
    if (batch % 13 != 12) continue;
    log::SavedState state;  // goes on from what was saved
    (*plan)->save(state);
    Buffer bytes;
    ASSERT_TRUE(state.each([&](Bytes piece) { return append_bytes(bytes, piece), Result<>{}; }));
    EXPECT_EQ(bytes.size(), state.size());
    plan = Plan::make(sql());
    Reader reader(bytes);
    ASSERT_TRUE((*plan)->load(reader));
    EXPECT_TRUE(reader.rest().empty());
  }
}

INSTANTIATE_TEST_SUITE_P(Frames, Windows, testing::Bool(),
                         [](const auto& info) { return info.param ? "Rows" : "Range"; });

// Format 1 of docs/format/stream.md: a store of single values, without parts.
TEST(WindowState, OfAnOlderProgramIsRead) {
  const std::string sql = R"(CREATE TABLE s (k STRING, d DECIMAL(12, 0), ts TIMESTAMP_LTZ(3), WATERMARK FOR ts AS ts);
    SELECT COUNT(*) OVER w, SUM(d) OVER w FROM s
    WINDOW w AS (PARTITION BY k ORDER BY ts RANGE BETWEEN INTERVAL '5' MINUTE PRECEDING AND CURRENT ROW);)";
  constexpr std::int64_t start = 1'767'225'600'000;
  constexpr std::uint64_t rows = 600;  // a second apart: the first 299 have left the frame
  Buffer over;
  append_varint(over, 1);
  append_counted(over, as_bytes("a"));
  append_le(over, start + static_cast<std::int64_t>(rows - 1) * 1000);
  append_varint(over, rows);
  for (std::uint64_t i = 0; i < rows; ++i) append_varint(over, zigzag(i == 0 ? start : 1000));
  for (std::uint64_t i = 0; i < rows; ++i) save_value(over, Held::i128, Value{false, 0, 0, static_cast<Int128>(i), {}});
  append_varint(over, 299);
  append_varint(over, rows);
  for (const std::uint64_t word : {301ULL, 301ULL, (299ULL + 599) * 301 / 2, 0ULL, 0ULL}) append_le(over, word);

  auto plan = Plan::make(sql);
  ASSERT_TRUE(plan.has_value()) << plan.error().text();
  log::SavedState fresh;
  (*plan)->save(fresh);
  Buffer bytes, old;
  ASSERT_TRUE(fresh.each([&](Bytes piece) { return append_bytes(bytes, piece), Result<>{}; }));
  for (Reader from(bytes); !from.rest().empty();) {
    const auto node = from.counted();
    append_counted(old, node.size() == 2 ? Bytes(over) : node);  // the window's, which holds no key yet
  }
  Reader reader(old);
  ASSERT_TRUE((*plan)->load(reader));

  Arena arena;
  auto& table = *(*plan)->tables()[0];
  table.begin_batch();
  const auto row = table.add_row({});
  for (std::size_t c = 0; c < 3; ++c) table.column(c).null[row] = 0;
  table.column(0).text[row] = "a";
  table.column(1).i128[row] = 1'000'000;
  table.column(2).i64[row] = start + static_cast<std::int64_t>(rows) * 1000;
  (*plan)->run(arena);
  const auto& out = (*plan)->sinks()[0].rows->out;
  ASSERT_EQ(out.rows, 1U);
  EXPECT_EQ(out.columns[0]->i64[0], 301);
  EXPECT_TRUE(out.columns[1]->i128[0] == (300 + 599) * 300 / 2 + 1'000'000);
}

}  // namespace
}  // namespace skerry::stream
