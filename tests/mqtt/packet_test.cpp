// The packet codec: what it reads back, what it refuses, and framing over any cut of the input.
#include "mqtt/packet.hpp"

#include <gtest/gtest.h>

#include "sim/world.hpp"

namespace skerry::mqtt {
namespace {

Buffer bytes_of(std::initializer_list<int> values) {
  Buffer b;
  for (const int v : values) append_byte(b, static_cast<std::uint8_t>(v));
  return b;
}

Decoded<std::optional<Frame>> frame_of(const Buffer& b, std::uint32_t max = 1'000'000) {
  std::size_t needed = 0;
  return next_frame(b, max, needed);
}

TEST(Packet, PublishComesBackAsItWas) {
  Publish p;
  p.topic = "sensors/d1/data";
  const std::string payload(300, 'x');
  p.payload = as_bytes(payload);
  p.qos = 2;
  p.packet_id = 0xabcd;
  p.retain = true;
  p.dup = true;
  Buffer properties;
  put_number(properties, Property::message_expiry, 77);
  put_text(properties, Property::content_type, "json");
  for (const auto version : {Version::v311, Version::v5}) {
    p.properties = version == Version::v5 ? Bytes(properties) : Bytes{};
    Buffer b;
    encode(b, version, p);
    EXPECT_EQ(b.size(), encoded_bytes(version, p));
    const auto frame = frame_of(b);
    ASSERT_TRUE(frame && *frame);
    const auto got = decode_publish(**frame, version);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->topic, p.topic);
    EXPECT_EQ(as_text(got->payload), payload);
    EXPECT_EQ(got->qos, 2);
    EXPECT_EQ(got->packet_id, 0xabcd);
    EXPECT_TRUE(got->retain && got->dup);
    EXPECT_EQ(as_text(got->properties), as_text(p.properties));
  }
}

TEST(Packet, ConnectComesBackAsItWas) {
  Connect p;
  p.version = Version::v5;
  p.client_id = "d1";
  p.keep_alive_s = 60;
  p.clean_start = false;
  p.user = "u";
  p.password = as_bytes("p");
  Buffer will_properties;
  put_number(will_properties, Property::will_delay, 5);
  p.will = Will{"w/d1", as_bytes("gone"), 1, true, will_properties};
  Buffer properties;
  put_number(properties, Property::session_expiry, 100);
  p.properties = properties;
  Buffer b;
  encode(b, p);
  const auto frame = frame_of(b);
  ASSERT_TRUE(frame && *frame);
  const auto got = decode_connect(**frame);
  ASSERT_TRUE(got) << got.error().what;
  EXPECT_EQ(got->client_id, "d1");
  EXPECT_EQ(got->keep_alive_s, 60);
  EXPECT_FALSE(got->clean_start);
  EXPECT_EQ(*got->user, "u");
  ASSERT_TRUE(got->will);
  EXPECT_EQ(got->will->topic, "w/d1");
  EXPECT_EQ(got->will->qos, 1);
  EXPECT_TRUE(got->will->retain);
}

TEST(Packet, LengthsOfOneToFourBytes) {
  for (const std::size_t size : {0UL, 127UL, 128UL, 16'383UL, 16'384UL, 2'097'151UL, 2'097'152UL}) {
    Buffer b = bytes_of({0x30});
    put_length(b, size);
    EXPECT_EQ(b.size(), 1 + length_bytes(size));
    std::size_t needed = 0;
    ASSERT_TRUE(next_frame(b, 300'000'000, needed));
    EXPECT_EQ(needed, b.size() + size);
  }
}

TEST(Packet, RefusesWithTheReasonTheStandardAsksFor) {
  struct Case {
    std::initializer_list<int> bytes;
    Reason reason;
  };
  const Case frames[] = {
      {{0x00, 0x00}, Reason::malformed_packet},         // type 0
      {{0x82 & 0xf0, 0x00}, Reason::malformed_packet},  // SUBSCRIBE with flags 0
      {{0x41, 0x02, 0, 1}, Reason::malformed_packet},   // PUBACK with flags 1
      {{0x30, 0xff, 0xff, 0xff, 0xff, 0x7f}, Reason::malformed_packet},
      {{0x30, 0x80, 0x80, 0x80, 0x01}, Reason::packet_too_large},  // known before it has come
  };
  for (const auto& c : frames) {
    const auto frame = frame_of(bytes_of(c.bytes), 10'000);
    ASSERT_FALSE(frame);
    EXPECT_EQ(frame.error().reason, c.reason);
  }
  const auto publish = [](std::initializer_list<int> body, std::uint8_t flags) {
    static Buffer kept;
    kept = bytes_of(body);
    return decode_publish(Frame{Type::publish, flags, kept, kept.size()}, Version::v5);
  };
  EXPECT_EQ(publish({0, 1, 'a', 0, 1, 0}, 6).error().reason, Reason::malformed_packet);  // QoS 3
  EXPECT_EQ(publish({0, 1, 'a', 0, 0, 0}, 2).error().reason, Reason::protocol_error);    // packet id 0
  EXPECT_EQ(publish({0, 9, 'a'}, 0).error().reason, Reason::malformed_packet);           // topic cut off
  EXPECT_EQ(publish({0, 1, 'a', 0x80}, 0).error().reason, Reason::malformed_packet);     // property length cut off
}

TEST(Packet, Properties) {
  const auto read = [](std::initializer_list<int> raw, In where) {
    static Buffer kept;
    kept = bytes_of(raw);
    return Properties::read(kept, where);
  };
  EXPECT_TRUE(read({0x02, 0, 0, 0, 9, 0x26, 0, 1, 'k', 0, 1, 'v', 0x26, 0, 1, 'k', 0, 1, 'w'}, In::publish));
  EXPECT_EQ(read({0x02, 0, 0, 0, 9, 0x02, 0, 0, 0, 9}, In::publish).error().reason, Reason::protocol_error);  // twice
  EXPECT_EQ(read({0x11, 0, 0, 0, 9}, In::publish).error().reason, Reason::protocol_error);  // not in PUBLISH
  EXPECT_EQ(read({0x7f, 0}, In::publish).error().reason, Reason::malformed_packet);         // unknown
  EXPECT_EQ(read({0x21, 0, 0}, In::connect).error().reason, Reason::protocol_error);        // Receive Maximum 0
  EXPECT_EQ(read({0x23, 0, 0}, In::publish).error().reason, Reason::topic_alias_invalid);
  EXPECT_EQ(read({0x01, 2}, In::publish).error().reason, Reason::protocol_error);
  EXPECT_EQ(read({0x03, 0, 2, 0xc3, 0x28}, In::publish).error().reason, Reason::malformed_packet);  // not UTF-8
  const auto raw = bytes_of({0x23, 0, 1, 0x03, 0, 1, 't', 0x02, 0, 0, 0, 9, 0x26, 0, 1, 'k', 0, 1, 'v'});
  Buffer forwarded;
  append_forwarded(forwarded, raw);
  EXPECT_EQ(as_text(forwarded), as_text(bytes_of({0x03, 0, 1, 't', 0x26, 0, 1, 'k', 0, 1, 'v'})));
}

TEST(Packet, AnyCutOfTheInputGivesTheSameFrames) {
  Buffer all;
  for (int i = 0; i < 20; ++i) {
    const std::string payload(static_cast<std::size_t>(i * 37), 'p');
    Publish p;
    p.topic = "t/x";
    p.payload = as_bytes(payload);
    encode(all, Version::v311, p);
    encode_empty(all, Type::pingreq);
  }
  for (const auto seed : sim::seeds(50)) {
    sim::SeededChance chance(seed);
    Buffer in;
    std::size_t frames = 0;
    for (std::size_t at = 0; at < all.size();) {
      const auto piece = std::min<std::size_t>(1 + chance.below(90), all.size() - at);
      append_bytes(in, Bytes(all).subspan(at, piece));
      at += piece;
      std::size_t needed = 0;
      for (auto frame = next_frame(in, 100'000, needed); frame && *frame; frame = next_frame(in, 100'000, needed)) {
        ++frames;
        in.erase(in.begin(), in.begin() + static_cast<std::ptrdiff_t>((*frame)->bytes));
      }
    }
    EXPECT_EQ(frames, 40U);
    EXPECT_TRUE(in.empty());
  }
}

}  // namespace
}  // namespace skerry::mqtt
