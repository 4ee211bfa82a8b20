// Payloads in columns come back byte for byte, with the event time that event_time() finds; shapes make them small.
#include <gtest/gtest.h>

#include <deque>

#include "codec/block.hpp"
#include "codec/json.hpp"
#include "codec/payloads.hpp"
#include "sim/world.hpp"

namespace skerry::codec {
namespace {

const Wall appended{std::chrono::microseconds{1'767'225'600'123'456}};

struct Sent {
  std::string topic, origin, payload;
};

// Packs and unpacks blocks of `size`; the bytes packed, zstd included.
std::size_t pass(const std::vector<Sent>& sent, std::size_t size) {
  PayloadPacker packer;
  std::size_t bytes = 0;
  for (std::size_t at = 0; at < sent.size(); at += size) {
    const auto end = std::min(at + size, sent.size());
    for (auto i = at; i < end; ++i) {
      const auto payload = as_bytes(sent[i].payload);
      EXPECT_EQ(packer.add({sent[i].topic, sent[i].origin, payload}, appended), event_time(payload, appended))
          << sent[i].payload;
    }
    Buffer columns, packed, arena;
    packer.finish(columns);
    EXPECT_TRUE(pack_block(packed, columns));
    bytes += packed.size();
    Reader reader(columns);
    const auto got = unpack_payloads(reader, arena, 64 * MiB);
    EXPECT_TRUE(got) << got.error().text();
    if (!got || got->size() != end - at) {
      ADD_FAILURE() << "block at " << at;
      return bytes;
    }
    EXPECT_TRUE(reader.rest().empty());
    for (auto i = at; i < end; ++i) {
      EXPECT_EQ((*got)[i - at].topic, sent[i].topic);
      EXPECT_EQ((*got)[i - at].origin, sent[i].origin);
      EXPECT_EQ(as_text((*got)[i - at].payload), sent[i].payload) << i;
    }
  }
  return bytes;
}

// Text around the borders of what slots hold.
using namespace std::string_literals;
const std::vector<std::string> odd_payloads{"",
                                            "{}",
                                            "null",
                                            "on",
                                            "21.5",
                                            "-0",
                                            "-0.0",
                                            "0",
                                            "007",
                                            "1e5",
                                            "+1",
                                            "1.",
                                            ".5",
                                            "1-2",
                                            "-",
                                            "--1",
                                            "1.2.3",
                                            "123456789012345678",
                                            "1234567890123456789",
                                            "0.000000000000000000000001",
                                            "0.0000000000000000000000001",
                                            "0.012345678901234567",
                                            "-99999999999999999.9",
                                            R"({"v":1.10})",
                                            R"({"v":1.1})",
                                            R"({"v":1})",
                                            R"({"v":-1.25e-3})",
                                            R"({"timestamp":"2026-01-31T23:59:59.123Z","v":1})",
                                            R"({"timestamp":"2026-01-31T23:59:60Z"})",
                                            R"({"timestamp":"2026-02-30T00:00:00Z"})",
                                            R"({"timestamp":"2026-01-31 23:59:59"})",
                                            R"({"timestamp":"2026-01-31T23:59:59.123456+00:00"})",
                                            R"({"timestamp":"2026-01-31T23:59:59.12Z"})",
                                            R"({"timestamp":"2026-01-31T23:59:59+02:00"})",
                                            R"({"timestamp":"0000-01-01T00:00:00Z"})",
                                            R"({"timestamp":"9999-12-31T23:59:59.999999Z"})",
                                            R"({"timestamp":"1969-12-31T23:59:59.999999Z"})",
                                            R"({"timestamp":1163438041250})",
                                            R"({"timestamp":1163438041})",
                                            R"({"timestamp":1163438041.251})",
                                            R"({"timestamp":99999999999})",
                                            R"({"timestamp":-5})",
                                            R"({"timestamp":253402300800000})",
                                            R"({"timestamp":null})",
                                            R"({"timestamp":1,"timestamp":2000})",
                                            R"({"a":{"timestamp":1000}})",
                                            R"({"note":"timestamp","v":1})",
                                            R"({"a":"x" ,"timestamp" : 1163438041})",
                                            R"({"timestamp":1163438041)",
                                            R"(["timestamp":1163438041])",
                                            R"({"a" :"b","timestamp":5})",
                                            R"({"time\u0073tamp":1163438041})",
                                            "{\"a\"\n:\"timestamp\",\"x\" :7}",
                                            "{\"x\"  :1,\"k\"  :\"v\"}",
                                            R"({"s":"a\"b\\c"})",
                                            "\"unfinished",
                                            "\"x\\",
                                            "\"\\\"",
                                            R"({"u":"é"})",
                                            "\x01\x02\x03\x04"s,
                                            "a\x01 1"s,
                                            "\"\x02\""s,
                                            "\0\0"s,
                                            "\xff\xfe 12"s,
                                            R"({"id":"d1","t":20})",
                                            "[1,2,3,-4.50]",
                                            "temp=21.5,hum=40",
                                            std::string(20'000, '1'),
                                            std::string(20'000, 'x')};

TEST(Payloads, AnyBytesComeBack) {
  sim::SeededChance chance(1);
  std::vector<Sent> sent;
  for (int i = 0; i < 4000; ++i)
    sent.push_back({"sensors/d" + std::to_string(chance.below(4)) + "/data", chance.below(2) == 0 ? "" : "c1",
                    odd_payloads[chance.below(odd_payloads.size())]});
  for (const std::size_t size : {1U, 5U, 400U, 4000U}) pass(sent, size);
}

// One scale for a column of 1 and of 1e-24 would not fit 64 bits.
TEST(Payloads, NumbersOfVeryDifferentScaleComeBack) {
  std::vector<Sent> sent;
  for (const std::string digits : {"1", "000000000000000001", "0000000000000000001", "000000000000000000000001"})
    for (const std::string whole : {"1", "0", "-7"})
      for (int i = 0; i < 20; ++i) {
        sent.push_back({"a/b", "", R"({"v":)" + whole + "}"});
        sent.push_back({"a/b", "", R"({"v":0.)" + digits + "}"});
      }
  for (const std::size_t size : {2U, 40U, 480U}) pass(sent, size);
}

// A byte changed in payloads that have shapes: still what was sent.
TEST(Payloads, NearlyTheSameShapeComesBack) {
  sim::SeededChance chance(2);
  std::vector<Sent> sent;
  for (int i = 0; i < 6000; ++i) {
    auto payload = odd_payloads[chance.below(odd_payloads.size() - 2)];
    for (auto changes = chance.below(3); changes > 0 && !payload.empty(); --changes) {
      auto& c = payload[chance.below(payload.size())];
      c = chance.below(2) == 0 ? static_cast<char>(chance.next()) : "0123456789-.eE\":,{} "[chance.below(20)];
    }
    sent.push_back({"a/b", "", payload});
  }
  pass(sent, 300);
}

TEST(Payloads, ReadingsTakeAFewBytes) {
  sim::SeededChance chance(3);
  std::vector<Sent> sent;
  std::size_t plain = 0;
  for (int i = 0; i < 2000; ++i) {
    const auto device = "mote-" + std::to_string(i % 20);
    std::string payload = R"({"device_id":")" + device + R"(","timestamp":")";
    append_rfc3339(payload, EventTime{std::chrono::milliseconds{1'767'225'600'000 + i * 50}});
    payload +=
        R"(","temperature":)" + std::to_string(20 + chance.below(2)) + "." + std::to_string(1 + chance.below(9)) + "}";
    plain += payload.size();
    sent.push_back({"sensors/" + device + "/data", device, payload});
  }
  EXPECT_LT(pass(sent, 500), plain / 20);
}

TEST(Payloads, DamageIsBounded) {
  sim::SeededChance chance(4);
  PayloadPacker packer;
  for (const auto& payload : odd_payloads)
    if (payload.size() < 100) packer.add({"sensors/d/data", "c", as_bytes(payload)}, appended);
  Buffer columns;
  packer.finish(columns);
  for (int i = 0; i < 20'000; ++i) {
    auto hurt = columns;
    for (auto changes = 1 + chance.below(3); changes > 0; --changes)
      hurt[chance.below(hurt.size())] = static_cast<std::byte>(chance.next());
    if (chance.below(4) == 0) hurt.resize(chance.below(hurt.size()));
    Buffer arena;
    Reader reader(hurt);
    const auto got = unpack_payloads(reader, arena, 1 * MiB);
    if (!got) {
      EXPECT_TRUE(got.error().code == Code::damaged || got.error().code == Code::full);
    }
  }
}

}  // namespace
}  // namespace skerry::codec
