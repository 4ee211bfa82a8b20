// Records: what is encoded comes back, and damaged bytes never do more than say so.
#include "record/record.hpp"

#include <gtest/gtest.h>

#include "record/classes.hpp"

namespace skerry::record {
namespace {

using std::chrono::microseconds;

Record full_record() {
  Record r;
  r.cls = Class::critical;
  r.kind = Kind::fate;
  r.qos = 2;
  r.retain = true;
  r.packet_id = 65'535;
  r.topic = "commands/t1";
  r.payload = as_bytes("{\"command\":\"throttle\"}");
  r.origin = "pipeline:high-temperature";
  r.expires_at = Wall{microseconds{1'780'000'000'000'001}};
  r.cause = Position{1ULL << 40};
  r.properties = as_bytes("\x26");
  return r;
}

void expect_equal(const Record& a, const Record& b) {
  EXPECT_EQ(a.cls, b.cls);
  EXPECT_EQ(a.kind, b.kind);
  EXPECT_EQ(a.qos, b.qos);
  EXPECT_EQ(a.retain, b.retain);
  EXPECT_EQ(a.packet_id, b.packet_id);
  EXPECT_EQ(a.topic, b.topic);
  EXPECT_EQ(as_text(a.payload), as_text(b.payload));
  EXPECT_EQ(a.origin, b.origin);
  EXPECT_EQ(a.expires_at, b.expires_at);
  EXPECT_EQ(a.cause, b.cause);
  EXPECT_EQ(as_text(a.properties), as_text(b.properties));
}

void expect_comes_back(const Record& record) {
  Buffer bytes;
  encode(bytes, record);
  Reader reader(bytes);
  const auto got = decode(reader);
  ASSERT_TRUE(got);
  EXPECT_TRUE(reader.rest().empty());
  expect_equal(*got, record);
}

TEST(Record, EveryFieldComesBack) { expect_comes_back(full_record()); }

TEST(Record, EverySetOfOptionalFieldsComesBack) {
  for (unsigned set = 0; set < 32; ++set) {
    auto r = full_record();
    if ((set & 1) != 0) r.packet_id = 0;
    if ((set & 2) != 0) r.origin = {};
    if ((set & 4) != 0) r.expires_at.reset();
    if ((set & 8) != 0) r.cause.reset();
    if ((set & 16) != 0) r.properties = {};
    expect_comes_back(r);
  }
}

TEST(Record, EveryClassKindAndQosComesBack) {
  for (unsigned cls = 0; cls < class_count; ++cls) {
    for (unsigned kind = 0; kind <= static_cast<unsigned>(Kind::gap); ++kind) {
      for (std::uint8_t qos = 0; qos <= 2; ++qos) {
        Record r;
        r.cls = static_cast<Class>(cls);
        r.kind = static_cast<Kind>(kind);
        r.qos = qos;
        r.retain = qos == 1;
        r.topic = "a";
        expect_comes_back(r);
      }
    }
  }
}

TEST(Record, ACauseOfZeroIsACause) {
  Record r;
  r.topic = "a";
  r.cause = Position{0};
  r.expires_at = Wall{microseconds{-5}};
  expect_comes_back(r);
}

TEST(Record, PayloadsMayHoldAnyBytes) {
  Buffer payload(70'000);
  for (std::size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<std::byte>(i * 7);
  Record r;
  r.topic = "a";
  r.payload = payload;
  expect_comes_back(r);
}

TEST(Record, GoldenBytes) {  // format 1, read for ever (docs/format/log.md)
  Record r;
  r.cls = Class::medium;
  r.qos = 1;
  r.topic = "a/b";
  r.payload = as_bytes("{}");
  r.origin = "c";
  r.cause = Position{300};
  Buffer bytes;
  encode(bytes, r);
  const unsigned char golden[] = {0x22, 0x0a, 3, 'a', '/', 'b', 2, '{', '}', 1, 'c', 0xac, 0x02};
  EXPECT_EQ(as_text(bytes), std::string_view(reinterpret_cast<const char*>(golden), sizeof golden));
}

TEST(Record, SeveralInARowAreTakenOneByOne) {
  Buffer bytes;
  encode(bytes, full_record());
  encode(bytes, full_record());
  Reader reader(bytes);
  ASSERT_TRUE(decode(reader));
  ASSERT_TRUE(decode(reader));
  EXPECT_TRUE(reader.rest().empty());
  EXPECT_FALSE(decode(reader));
}

TEST(Record, EveryCutIsNoticed) {
  Buffer bytes;
  encode(bytes, full_record());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    Reader reader(Bytes(bytes).first(size));
    const auto got = decode(reader);
    ASSERT_FALSE(got) << size;
    EXPECT_EQ(got.error().code, Code::damaged);
  }
}

TEST(Record, FlippedBitsNeverReadBeyondTheBytes) {
  Buffer bytes;
  encode(bytes, full_record());
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    auto damaged = bytes;
    damaged[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
    Reader reader(damaged);
    const auto got = decode(reader);
    if (!got) continue;
    EXPECT_LE(got->topic.size() + got->payload.size() + got->origin.size() + got->properties.size(), damaged.size());
    EXPECT_LE(got->qos, 2);
  }
}

TEST(Record, UnknownFieldsAreNotGuessed) {
  Buffer bytes;
  encode(bytes, Record{});
  bytes[1] = std::byte{0x40};
  Reader reader(bytes);
  EXPECT_EQ(decode(reader).error().code, Code::unsupported);
}

TEST(Classes, NamesAndBack) {
  for (const auto cls : {Class::critical, Class::high, Class::medium, Class::low})
    EXPECT_EQ(class_named(name(cls)), cls);
  EXPECT_FALSE(class_named("urgent"));
  EXPECT_FALSE(class_named(""));
  EXPECT_EQ(mask(Class::critical) | mask(Class::high) | mask(Class::medium) | mask(Class::low), all_classes);
}

TEST(Classes, DefaultsOfTheRequirements) {
  const ClassRules rules;
  EXPECT_EQ(rules.of("commands/t1"), Class::critical);
  EXPECT_EQ(rules.of("commands/t1/ack"), Class::critical);
  EXPECT_EQ(rules.of("alerts/t1"), Class::critical);
  EXPECT_EQ(rules.of("devices/t1/status"), Class::high);
  EXPECT_EQ(rules.of("devices/t1/other"), Class::medium);
  EXPECT_EQ(rules.of("sensors/t1/data"), Class::medium);
  EXPECT_EQ(rules.of("analytics/t1"), Class::low);
  EXPECT_EQ(rules.of("$diag/loop"), Class::low);
  EXPECT_EQ(rules.of("anything/else"), Class::medium);
  EXPECT_EQ(rules.of(""), Class::medium);
}

TEST(Classes, TheFirstRuleDecides) {
  const ClassRules rules(
      {{"sensors/pump/#", Class::critical}, {"sensors/#", Class::low}, {"sensors/pump/data", Class::high}});
  EXPECT_EQ(rules.of("sensors/pump/data"), Class::critical);
  EXPECT_EQ(rules.of("sensors/fan/data"), Class::low);
}

TEST(StableId, GoldenValues) {  // alerts and commands are named by these for ever
  EXPECT_EQ(stable_id("high-temperature", "1", Position{0}, 0), "a4wkk71zb70g2tp7m4fq3rs30e");
  EXPECT_EQ(stable_id("anomaly", "sha256:00", Position{18'446'744'073'709'551'615ULL}, 4'294'967'295U),
            "yqgjtaqv233yhcsmsjez5edpcw");
}

TEST(StableId, EveryPartCounts) {
  const auto id = stable_id("p", "1", Position{7}, 0);
  EXPECT_EQ(id, stable_id("p", "1", Position{7}, 0));
  EXPECT_NE(id, stable_id("q", "1", Position{7}, 0));
  EXPECT_NE(id, stable_id("p", "2", Position{7}, 0));
  EXPECT_NE(id, stable_id("p", "1", Position{8}, 0));
  EXPECT_NE(id, stable_id("p", "1", Position{7}, 1));
  EXPECT_NE(stable_id("ab", "c", Position{}, 0), stable_id("a", "bc", Position{}, 0));
  EXPECT_EQ(id.size(), 26U);
  EXPECT_EQ(id.find_first_not_of("0123456789abcdefghjkmnpqrstvwxyz"), std::string::npos);
}

TEST(Record, SkippingEndsWhereDecodingEnds) {
  Buffer bytes;
  encode(bytes, {.cls = Class::low, .topic = "a", .payload = as_bytes("x")});
  encode(bytes, {.cls = Class::critical,
                 .qos = 2,
                 .packet_id = 7,
                 .topic = "commands/d",
                 .payload = as_bytes("{}"),
                 .origin = "d",
                 .expires_at = Wall{std::chrono::seconds{5}},
                 .cause = Position{300},
                 .properties = as_bytes("p")});
  Reader reading(bytes);
  Reader skipping(bytes);
  for (const auto cls : {Class::low, Class::critical}) {
    EXPECT_EQ(class_at(skipping.rest()), cls);
    RecordView view;
    ASSERT_TRUE(decode_into(reading, view));
    EXPECT_EQ(skip(skipping), cls);
    EXPECT_EQ(view.cls, cls);
    EXPECT_EQ(reading.rest().size(), skipping.rest().size());
  }
  for (std::size_t cut = 1; cut < 8; ++cut) {
    Reader torn(Bytes(bytes).last(bytes.size() - 8).first(bytes.size() - 8 - cut));
    EXPECT_FALSE(skip(torn)) << cut;
  }
}

}  // namespace
}  // namespace skerry::record
