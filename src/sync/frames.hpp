// Frames of the sync protocol: their bytes, and what they say. docs/protocol.md has the grammar.
#pragma once

#include <variant>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "sync/sync.hpp"

namespace skerry::sync {

struct Hello {
  std::uint32_t version_least = version_min;
  std::uint32_t version_most = version_max;
  std::uint64_t window = window_bytes_down;  // bytes of ACK that the cloud may have on the way
  std::string gateway;
  std::string software;
  std::uint64_t epoch = 0;
  record::ClassMask classes = record::all_classes;  // that are sent
  PerClass<std::uint64_t> bases{};                  // first offset of this epoch
  PerClass<std::uint64_t> ends{};                   // one past the newest committed
};

struct Welcome {
  std::uint32_t version = version_max;
  std::uint64_t window = window_bytes;  // bytes of BATCH and GAP that the edge may have on the way
  PerClass<Intervals> applied;          // fingerprints are not sent
};

// For each stretch of WELCOME what the gateway has at its end: the fingerprint of its record there or, when that is
// gone, what it remembers of it.
inline constexpr std::uint64_t unknown_fingerprint = 0;       // nothing
inline constexpr std::uint64_t acknowledged_fingerprint = 1;  // that the cloud acknowledged it
struct Proof {
  PerClass<std::vector<std::uint64_t>> fingerprints;
};

struct Ready {};

struct BatchFrame {
  Lane lane = Lane::live;
  Class cls = Class::critical;
  std::uint64_t from = 0;
  std::uint64_t count = 0;
  std::uint64_t fingerprint = 0;  // of the record at from + count - 1, opaque to the cloud; more than 1
  Bytes block;                    // a view into the frame
};

struct GapFrame {
  Lane lane = Lane::live;
  Class cls = Class::critical;
  std::uint64_t from = 0;
  std::uint64_t count = 0;
  Reason reason = Reason::damage;
  std::uint64_t fingerprint = 0;  // drawn, and remembered until it is acknowledged; more than 1
};

struct Ack {
  record::ClassMask classes = 0;
  PerClass<Intervals> applied;  // of `classes`
};

struct Credit {
  std::uint64_t bytes = 0;
};

struct Ping {
  std::uint64_t nonce = 0;
};

struct Pong {
  std::uint64_t nonce = 0;
};

struct Refuse {
  Refusal reason = Refusal::malformed;
  std::uint64_t retry_s = 0;
  std::string why;
};

// ITEM and ANSWER are Item and ItemAnswer of sync.hpp: version 2.
using Frame =
    std::variant<Hello, Welcome, Proof, Ready, BatchFrame, GapFrame, Ack, Credit, Ping, Pong, Refuse, Item, ItemAnswer>;

Buffer encode(const Frame& frame);
// Code::invalid: `what` says which field of which frame is wrong. Any bytes are safe.
Result<Frame> decode(Bytes bytes);
// These use up credit of the side that gets them.
bool uses_credit(const Frame& frame);

}  // namespace skerry::sync
