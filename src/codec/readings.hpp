// Readings in few bytes: a stream of batches, each coded with all that the batches before it have taught.
//
// Lossless: device and sensor names (any bytes), times (any 64-bit number of milliseconds) and values (all 64 bits of a
// double, NaN payloads included) come back as they were, in order. Bytes: docs/format/readings.md.
//
// A stream belongs to an epoch, and its batches are numbered from 0. The decoder takes them in that order only: each
// batch proves by a check of the batches before it that both sides know the same. After any break (lost batch, error,
// reconnection) the encoder begin()s a new epoch, whose first batch needs nothing before it.
// Decoding hostile bytes is safe: it gives an error or some readings, within the limits of limits.hpp.
// Pure; one thread at a time. Memory: about 0.6 KiB a series, 6 KiB a sensor name (at most 1,024 of these).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace skerry::codec {

struct Reading {
  std::string_view device;
  std::string_view sensor;
  std::int64_t time_ms = 0;
  double value = 0;
};

class ReadingsEncoder {
 public:
  explicit ReadingsEncoder(std::uint64_t epoch = 0);
  ~ReadingsEncoder();
  ReadingsEncoder(ReadingsEncoder&&) noexcept;
  ReadingsEncoder& operator=(ReadingsEncoder&&) noexcept;

  // Forgets everything: the next batch is the first of `epoch`.
  void begin(std::uint64_t epoch);
  // Appends one batch. It starts afresh by itself where that is smaller or the stream knows too many names; or packs
  // by zstd where that is smaller. Code::full: more than batch_readings_max, or a name longer than name_bytes_max.
  Result<> encode(Buffer& to, std::span<const Reading> readings);
  // Of the next batch.
  std::uint64_t sequence() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class ReadingsDecoder {
 public:
  ReadingsDecoder();
  ~ReadingsDecoder();
  ReadingsDecoder(ReadingsDecoder&&) noexcept;
  ReadingsDecoder& operator=(ReadingsDecoder&&) noexcept;

  // Appends the readings of one batch that is exactly `batch` long. Names are views into the decoder, valid until the
  // next call. Code::damaged: no batch of this stream, or not the next one: nothing was appended, and only a first
  // batch of an epoch is taken from then on. Code::unsupported: a newer program wrote it.
  Result<> decode(Bytes batch, std::vector<Reading>& to);
  std::uint64_t epoch() const;
  // Of the next batch.
  std::uint64_t sequence() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace skerry::codec
