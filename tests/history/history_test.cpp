// The table of devices and the paging of readings, against what was put in.
#include "history/history.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "history/steps.hpp"
#include "history/table.hpp"
#include "sim/world.hpp"
#include "tests/history/memory_log.hpp"

namespace skerry::history {
namespace {

using test::MemoryLog;

class HistoryTest : public testing::Test {
 protected:
  HistoryTest() { open({}); }
  void open(const Options& options) { history = *History::open(log, system_files(), options, metrics); }
  void settle() {
    ASSERT_TRUE(log.commit());
    while (*history->step()) {
    }
  }

  sim::World world{1};
  MemoryLog log{world};
  metrics::Registry metrics;
  std::unique_ptr<History> history;
};

TEST_F(HistoryTest, KeepsTheNewestOfEachDevice) {
  static_cast<void>(log.put("sensors/b/data", R"({"temperature":1})"));
  static_cast<void>(log.put("sensors/a/data", R"({"timestamp":"2026-01-01T00:00:00Z","temperature": 20.50})"));
  world.run_for(std::chrono::seconds{1});
  static_cast<void>(log.put("devices/b/status", R"({"battery":80})"));
  static_cast<void>(log.put("sensors/b/data", R"({"temperature":2})"));
  static_cast<void>(log.put("other/b/data", "1"));
  settle();
  const auto page = history->devices(10, "");
  ASSERT_TRUE(page);
  ASSERT_EQ(page->items.size(), 2U);
  EXPECT_EQ(page->items[0].id, "a");
  EXPECT_EQ(page->items[0].last->payload, R"({"timestamp":"2026-01-01T00:00:00Z","temperature": 20.50})")
      << "byte for byte";
  EXPECT_EQ(format_rfc3339(page->items[0].last->timestamp), "2026-01-01T00:00:00.000Z");
  EXPECT_EQ(page->items[0].status, std::nullopt);
  const auto b = history->device("b");
  ASSERT_TRUE(b);
  EXPECT_EQ(b->last->payload, R"({"temperature":2})");
  EXPECT_EQ(b->status, R"({"battery":80})");
  EXPECT_EQ(b->readings, 2U);
  EXPECT_EQ(b->last_seen - b->first_seen, std::chrono::seconds{1});
  EXPECT_EQ(history->device("c").error().code, Code::not_found);
  EXPECT_EQ(history->counts().messages, 5U);
  EXPECT_EQ(history->counts().devices, 2U);
}

TEST(Steps, SumUpAtWholeMultiplesOfTheirWidth) {
  const auto at = [](std::int64_t ms) { return EventTime{std::chrono::milliseconds{ms}}; };
  Steps steps(at(-1'500), at(8'500), 10);
  for (const std::int64_t ms : {-1'500, -1'001, -1'000, 0, 999, 8'499}) steps.add(at(ms), static_cast<double>(ms));
  const auto series = steps.finish();
  EXPECT_EQ(series.step, std::chrono::milliseconds{1'000});
  ASSERT_EQ(series.steps.size(), 4U);
  EXPECT_EQ(series.steps[0].at, at(-2'000));
  EXPECT_EQ(series.steps[0].count, 2U);
  EXPECT_EQ(series.steps[0].min, -1'500);
  EXPECT_EQ(series.steps[0].max, -1'001);
  EXPECT_EQ(series.steps[2].mean, 499.5);
  EXPECT_EQ(series.steps[3].at, at(8'000));
}

TEST(TableOfDevices, WhatPeopleSayOutlivesACheckpointAndOldTablesAreRead) {
  Table table{Options{}};
  const std::string payload = R"({"name":"Pump","place":"","units":{}})";
  record::RecordView r;
  r.kind = record::Kind::config;
  r.topic = "$skerry/device/p1";
  r.payload = as_bytes(payload);
  EXPECT_TRUE(table.take(r));
  EXPECT_EQ(table.counts().devices, 0U) << "it has not spoken";
  Buffer bytes;
  table.encode(bytes);
  Table again{Options{}};
  ASSERT_TRUE(again.decode(bytes, table_version));
  ASSERT_NE(again.meta_of("p1"), nullptr);
  EXPECT_EQ(*again.meta_of("p1"), payload);
  Table old{Options{}};
  Buffer of_version_1;
  for (int i = 0; i < 3; ++i) append_varint(of_version_1, 0);
  ASSERT_TRUE(old.decode(of_version_1, 1));
  EXPECT_EQ(old.meta_of("p1"), nullptr);
}

TEST_F(HistoryTest, ShowsNothingThatIsNotCommitted) {
  static_cast<void>(log.put("sensors/a/data", "{}"));
  EXPECT_FALSE(*history->step());
  EXPECT_EQ(history->devices(10, "")->items.size(), 0U);
  EXPECT_EQ(history->readings({})->items.size(), 0U);
  settle();
  EXPECT_EQ(history->devices(10, "")->items.size(), 1U);
  EXPECT_EQ(history->readings({})->items.size(), 1U);
}

TEST_F(HistoryTest, PagesDevicesById) {
  for (int i = 0; i < 25; ++i) static_cast<void>(log.put("sensors/d" + std::to_string(100 + i) + "/data", "{}"));
  settle();
  std::vector<std::string> seen;
  std::string cursor;
  do {
    const auto page = history->devices(10, cursor);
    for (const auto& d : page->items) seen.push_back(d.id);
    cursor = page->next.value_or("");
  } while (!cursor.empty());
  EXPECT_EQ(seen.size(), 25U);
  EXPECT_TRUE(std::ranges::is_sorted(seen));
  EXPECT_EQ(history->devices(10, "nonsense").error().code, Code::invalid);
}

TEST_F(HistoryTest, BoundsTheTableAndCountsWhatHasNoRoom) {
  open({.devices_max = 2});
  for (int i = 0; i < 5; ++i) static_cast<void>(log.put("sensors/d" + std::to_string(i) + "/data", "{}"));
  settle();
  EXPECT_EQ(history->devices(10, "")->items.size(), 2U);
  EXPECT_EQ(metrics.counter("skerry_history_devices_refused_total", "").value(), 3U);
  EXPECT_EQ(history->readings({.device = "d4"})->items.size(), 1U);
}

TEST_F(HistoryTest, GivesPayloadsThatAreNoJsonAndLongOnes) {
  static_cast<void>(log.put("sensors/a/data", std::string("\x00\xff{", 3)));
  static_cast<void>(log.put("sensors/l/data", "{\"x\":\"" + std::string(100'000, 'x') + "\"}"));
  static_cast<void>(log.put("sensors/n/data", "[1]"));
  settle();
  const auto a = history->device("a");
  EXPECT_FALSE(a->last->is_object);
  EXPECT_EQ(a->last->payload, std::string("\x00\xff{", 3));
  EXPECT_TRUE(history->device("l")->last->is_object);
  EXPECT_EQ(history->device("l")->last->payload.size(), 100'008U);
  EXPECT_FALSE(history->device("n")->last->is_object);
}

TEST_F(HistoryTest, FlagsTimesAhead) {
  static_cast<void>(log.put("sensors/a/data", R"({"timestamp":"2030-01-01T00:00:00Z"})"));
  static_cast<void>(log.put("sensors/a/data", R"({"timestamp":0})"));
  settle();
  const auto page = history->readings({.device = "a"});
  ASSERT_EQ(page->items.size(), 2U);
  EXPECT_EQ(format_rfc3339(page->items[0].timestamp), "1970-01-01T00:00:00.000Z");
  EXPECT_FALSE(page->items[0].ahead);
  EXPECT_TRUE(page->items[1].ahead);
}

TEST_F(HistoryTest, BoundsAreFromInclusiveToExclusive) {
  for (int t = 0; t < 10; ++t)
    static_cast<void>(log.put("sensors/a/data", R"({"timestamp":)" + std::to_string(1000 + t) + "}"));
  settle();
  const auto at = [](int s) { return EventTime{std::chrono::seconds{s}}; };
  const auto page = history->readings({.device = "a", .from = at(1003), .to = at(1006)});
  ASSERT_EQ(page->items.size(), 3U);
  EXPECT_EQ(page->items.front().timestamp, at(1003));
  EXPECT_EQ(page->items.back().timestamp, at(1005));
  EXPECT_EQ(history->readings({.device = "a", .from = at(1006), .to = at(1003)})->items.size(), 0U);
}

TEST_F(HistoryTest, ReadsOnlyTheExtentsThatAPageNeeds) {
  for (int t = 0; t < 16 * 50; ++t)
    static_cast<void>(log.put("sensors/a/data", R"({"timestamp":)" + std::to_string(1000 + t) + "}"));
  settle();
  log.extents_read = 0;
  EXPECT_EQ(history->readings({.descending = true, .limit = 20})->items.size(), 20U);
  EXPECT_LE(log.extents_read, 3);
}

TEST_F(HistoryTest, RefusesCursorsItDidNotGive) {
  for (const auto* cursor : {"x", "a_", "a_1", "a_1_", "a_1_2x", "d_1_2", "a_99999999999999999999_1"}) {
    EXPECT_EQ(history->readings({.cursor = cursor}).error().code, Code::invalid) << cursor;
  }
}

TEST_F(HistoryTest, APageStopsAtItsBytesAndTheNextGoesOn) {
  open({.page_bytes_max = 2'000});
  for (int i = 0; i < 20; ++i)
    static_cast<void>(log.put("sensors/a/data", "{\"i\":" + std::to_string(i) + ",\"x\":\"" +
                                                    std::string(i == 7 ? 5'000 : 600, 'x') + "\"}"));
  settle();
  std::size_t rows = 0;
  std::string cursor;
  do {
    const auto page = history->readings({.cursor = cursor});
    EXPECT_GE(page->items.size(), 1U);
    EXPECT_LE(page->items.size(), 3U);
    rows += page->items.size();
    cursor = page->next.value_or("");
  } while (!cursor.empty());
  EXPECT_EQ(rows, 20U);
}

// Random readings, out of order and with equal times, appended also between pages: pages put together are the rows that
// were there at the start (and some of those appended since), each once, in order.
TEST_F(HistoryTest, PagesPutTogetherAreAllRowsOnce) {
  for (const auto seed : sim::seeds(60)) {
    SCOPED_TRACE(seed);
    sim::SeededChance chance(seed);
    sim::World w(seed);
    MemoryLog l(w, 1 + chance.below(40));
    auto h = *History::open(l, system_files(), {}, metrics);
    struct Sent {
      std::int64_t time;
      std::uint64_t position;
      std::string device;
      auto operator<=>(const Sent&) const = default;
    };
    std::vector<Sent> sent;
    const auto put = [&] {
      const auto t = 1'000'000 + static_cast<std::int64_t>(chance.below(200));
      const std::string to(1, static_cast<char>('a' + chance.below(3)));
      sent.push_back({t, l.put("sensors/" + to + "/data", "{\"timestamp\":" + std::to_string(t) + "}")->value, to});
    };
    const auto count = chance.below(400);
    for (std::uint64_t i = 0; i < count; ++i) put();
    static_cast<void>(l.commit());
    const auto device = chance.one_in(2) ? "a" : "";
    ReadingsQuery q{.device = device, .descending = chance.one_in(2), .limit = 1 + chance.below(30)};
    if (chance.one_in(2)) q.from = EventTime{std::chrono::seconds{1'000'000 + chance.below(100)}};
    if (chance.one_in(2)) q.to = EventTime{std::chrono::seconds{1'000'100 + chance.below(100)}};
    auto wanted = sent;
    std::erase_if(wanted, [&](const Sent& x) {
      const EventTime t{std::chrono::seconds{x.time}};
      return (!q.device.empty() && x.device != q.device) || (q.from && t < *q.from) || (q.to && t >= *q.to);
    });
    std::ranges::sort(wanted);
    if (q.descending) std::ranges::reverse(wanted);
    std::vector<Reading> rows;
    std::string cursor;
    do {
      q.cursor = cursor;
      auto page = h->readings(q);
      ASSERT_TRUE(page);
      ASSERT_LE(page->items.size(), q.limit);
      for (auto& r : page->items) rows.push_back(std::move(r));
      if (chance.one_in(3)) put();
      static_cast<void>(l.commit());
      cursor = page->next.value_or("");
    } while (!cursor.empty());
    const auto key = [](const Reading& r) { return std::pair{r.timestamp, r.position.value}; };
    for (std::size_t i = 1; i < rows.size(); ++i) {
      ASSERT_TRUE(q.descending ? key(rows[i]) < key(rows[i - 1]) : key(rows[i - 1]) < key(rows[i]));
    }
    std::size_t at = 0;
    for (const auto& r : rows) {
      if (r.position.value < count) {
        ASSERT_LT(at, wanted.size());
        ASSERT_EQ(r.position.value, wanted[at].position);
        ASSERT_EQ(r.device, wanted[at++].device);
      }
    }
    ASSERT_EQ(at, wanted.size());
  }
}

}  // namespace
}  // namespace skerry::history
