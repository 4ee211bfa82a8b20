// Batches of readings: which of the ways is smallest, and what ties each batch to those before it.
#include "codec/readings.hpp"

#include <zstd.h>
#include <memory>

#include "base/crc32c.hpp"
#include "codec/readings_stream.hpp"

namespace skerry::codec {
namespace {

// First byte of a batch: version in the upper half, then fresh, then method.
constexpr unsigned version = 1;
constexpr unsigned fresh_flag = 4;
enum class Method : std::uint8_t { coded = 0, zstd = 1, stored = 2 };
constexpr std::size_t zstd_worth = 5;             // bytes a reading; below it the coder has won
constexpr std::size_t rows_bytes_max = 64 * MiB;  // of a batch that is not coded

using Rows = std::vector<ReadingsStream::Row>;

struct Link {
  std::uint64_t epoch = 0;
  std::uint64_t sequence = 0;
  std::uint32_t chain = 0;  // of all batches since the last fresh one

  std::uint16_t check() const {
    std::byte bytes[16];
    store_le(bytes, epoch);
    store_le(bytes + 8, sequence);
    const auto sum = crc32c(bytes, chain);
    return static_cast<std::uint16_t>(sum ^ (sum >> 16));
  }
  void passed(Bytes batch) {
    chain = crc32c(batch, chain);
    ++sequence;
  }
};

void append_head(Buffer& to, const Link& link, bool fresh, Method method) {
  append_byte(to, static_cast<std::uint8_t>(version << 4 | (fresh ? fresh_flag : 0) | static_cast<unsigned>(method)));
  if (fresh) {
    append_varint(to, link.epoch);
    append_varint(to, link.sequence);
  } else {
    append_le(to, link.check());
  }
}

void append_rows(Buffer& to, std::span<const Reading> readings) {
  append_varint(to, readings.size());
  for (const auto& r : readings) append_counted(to, as_bytes(r.device));
  for (const auto& r : readings) append_counted(to, as_bytes(r.sensor));
  for (const auto& r : readings) append_le(to, r.time_ms);
  for (const auto& r : readings) append_le(to, std::bit_cast<std::uint64_t>(r.value));
}

bool read_rows(Bytes raw, std::vector<Reading>& to) {
  Reader reader(raw);
  const auto count = reader.varint();
  if (count > batch_readings_max || count * 18 > raw.size()) return false;
  const auto begin = to.size();
  to.resize(begin + count);
  const auto added = std::span(to).subspan(begin);
  for (auto& r : added) r.device = as_text(reader.counted());
  for (auto& r : added) r.sensor = as_text(reader.counted());
  for (auto& r : added) r.time_ms = reader.le<std::int64_t>();
  for (auto& r : added) r.value = std::bit_cast<double>(reader.le<std::uint64_t>());
  if (reader.ok() && reader.rest().empty()) return true;
  to.resize(begin);
  return false;
}

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

// The rows by zstd, or as they are where that is no larger.
Method pack_rows(Buffer& to, std::span<const Reading> readings) {
  Buffer raw;
  append_rows(raw, readings);
  thread_local std::unique_ptr<ZSTD_CCtx, FreeContext> context(ZSTD_createCCtx());
  const auto at = to.size();
  to.resize(at + ZSTD_compressBound(raw.size()));
  const auto size = context
                        ? ZSTD_compressCCtx(context.get(), to.data() + at, to.size() - at, raw.data(), raw.size(), 3)
                        : raw.size();
  if (ZSTD_isError(size) != 0 || size >= raw.size()) {
    to.resize(at);
    append_bytes(to, raw);
    return Method::stored;
  }
  to.resize(at + size);
  return Method::zstd;
}

bool codable(std::span<const Reading> readings) {
  for (const auto& r : readings)
    if (r.device.size() > name_bytes_max || r.sensor.size() > name_bytes_max) return false;
  return true;
}

// Numbers the names of a batch; most readings name the device of the one before, and the sensor that came next before.
class Numbering {
 public:
  bool number(ReadingsStream& stream, std::span<const Reading> readings, Rows& rows) {
    rows.clear();
    rows.reserve(readings.size());
    for (const auto& r : readings) {
      if (device_ >= stream.devices.size() || stream.devices[device_] != r.device)
        device_ = find(stream.devices, r.device);
      auto& guess = sensor_ < next_.size() ? next_[sensor_] : none_;
      if (guess < stream.sensors.size() && stream.sensors[guess] == r.sensor) {
        sensor_ = guess;
      } else {
        const auto sensor = find(stream.sensors, r.sensor);
        if (sensor_ >= next_.size()) next_.resize(sensor_ + 1U, ReadingsStream::none);
        next_[sensor_] = sensor;
        sensor_ = sensor;
      }
      rows.push_back({device_, sensor_, r.time_ms, r.value});
    }
    return stream.devices.bytes() + stream.sensors.bytes() <= stream_names_bytes_max;
  }

 private:
  static std::uint32_t find(Names& names, std::string_view name) {
    const auto number = names.find(name);
    return number != Names::none ? number : names.add(name);
  }
  std::uint32_t device_ = 0;
  std::uint32_t sensor_ = 0;
  std::uint32_t none_ = ReadingsStream::none;
  std::vector<std::uint32_t> next_;
};

struct Coding {
  std::unique_ptr<ReadingsStream> stream = std::make_unique<ReadingsStream>();
  Numbering numbering;
  Rows rows;

  // Appends the coded batch; false when a limit was met: the stream is of no more use.
  bool encode(Buffer& to, std::span<const Reading> readings) {
    if (!numbering.number(*stream, readings, rows)) return false;
    RangeEncoder io(to);
    if (!stream->code(io, rows)) return false;
    io.finish();
    return true;
  }
};

}  // namespace

struct ReadingsEncoder::Impl {
  Link link;
  Coding coding;
  bool fresh = true;
  std::uint64_t since_fresh = 0;  // batches

  // Trials cost time: batch 4, 16, 64 … after a fresh one.
  bool try_fresh() const {
    return since_fresh >= 4 && std::has_single_bit(since_fresh) && std::countr_zero(since_fresh) % 2 == 0;
  }
};

ReadingsEncoder::ReadingsEncoder(std::uint64_t epoch) : impl_(std::make_unique<Impl>()) { impl_->link.epoch = epoch; }
ReadingsEncoder::~ReadingsEncoder() = default;
ReadingsEncoder::ReadingsEncoder(ReadingsEncoder&&) noexcept = default;
ReadingsEncoder& ReadingsEncoder::operator=(ReadingsEncoder&&) noexcept = default;

void ReadingsEncoder::begin(std::uint64_t epoch) {
  *impl_ = Impl();
  impl_->link.epoch = epoch;
}

std::uint64_t ReadingsEncoder::sequence() const { return impl_->link.sequence; }

Result<> ReadingsEncoder::encode(Buffer& to, std::span<const Reading> readings) {
  if (readings.size() > batch_readings_max)
    return fail(Code::full, "a batch holds at most " + std::to_string(batch_readings_max) + " readings");
  auto& self = *impl_;
  const auto at = to.size();
  bool coded = codable(readings);
  if (coded) {
    append_head(to, self.link, self.fresh, Method::coded);
    coded = self.coding.encode(to, readings);
  }
  if (!self.fresh && (!coded || self.try_fresh())) {  // from what is known, or from nothing?
    Coding coding;
    Buffer other;
    append_head(other, self.link, true, Method::coded);
    if (codable(readings) && coding.encode(other, readings) && (!coded || other.size() < to.size() - at)) {
      coded = true;
      to.resize(at);
      append_bytes(to, other);
      self.coding = std::move(coding);
      self.fresh = true;
    }
  }
  // Only what the coder can do little with: text-like names, or bits without any order.
  if (!coded || (to.size() - at > readings.size() * zstd_worth && (self.fresh || self.try_fresh()))) {
    Buffer other;
    append_head(other, self.link, true, Method::zstd);
    const auto method = pack_rows(other, readings);
    if (!coded || other.size() < to.size() - at) {
      other[0] = static_cast<std::byte>(version << 4 | fresh_flag | static_cast<unsigned>(method));
      to.resize(at);
      append_bytes(to, other);
      self.coding = Coding();
      self.fresh = true;
      self.link.chain = 0;
      self.link.passed({});
      self.since_fresh = 1;
      return {};
    }
  }
  if (self.fresh) {
    self.link.chain = 0;
    self.since_fresh = 0;
  }
  self.link.passed(Bytes(to).subspan(at));
  self.fresh = false;
  ++self.since_fresh;
  return {};
}

struct ReadingsDecoder::Impl {
  Link link;
  std::unique_ptr<ReadingsStream> stream;  // none: only a fresh batch can be read
  Rows rows;
  Buffer raw;  // that the newest readings point into
};

ReadingsDecoder::ReadingsDecoder() : impl_(std::make_unique<Impl>()) {}
ReadingsDecoder::~ReadingsDecoder() = default;
ReadingsDecoder::ReadingsDecoder(ReadingsDecoder&&) noexcept = default;
ReadingsDecoder& ReadingsDecoder::operator=(ReadingsDecoder&&) noexcept = default;

std::uint64_t ReadingsDecoder::epoch() const { return impl_->link.epoch; }
std::uint64_t ReadingsDecoder::sequence() const { return impl_->link.sequence; }

Result<> ReadingsDecoder::decode(Bytes batch, std::vector<Reading>& to) {
  auto& self = *impl_;
  const auto damaged = [&](std::string what) {
    self.stream.reset();
    return fail(Code::damaged, std::move(what));
  };
  Reader reader(batch);
  const auto head = reader.byte();
  if (!reader.ok() || head >> 4 == 0) return damaged("bytes that are no batch of readings");
  if (head >> 4 > version || (head & 3U) > static_cast<unsigned>(Method::stored) || (head & 8U) != 0) {
    self.stream.reset();
    return fail(Code::unsupported, "a batch of readings in a newer format");
  }
  const auto method = static_cast<Method>(head & 3U);
  if ((head & fresh_flag) != 0) {
    self.stream = std::make_unique<ReadingsStream>();
    self.link.epoch = reader.varint();
    self.link.sequence = reader.varint();
    self.link.chain = 0;
  } else if (!self.stream) {
    return damaged("a batch that needs those before it, which are not here");
  } else if (method != Method::coded || reader.le<std::uint16_t>() != self.link.check()) {
    return damaged("a batch that does not follow the one before it");
  }
  if (!reader.ok()) return damaged("a batch that ends in its head");
  if (method == Method::coded) {
    self.rows.clear();
    RangeDecoder io(reader.rest());
    if (!self.stream->code(io, self.rows)) return damaged("a batch that cannot be read");
    to.reserve(to.size() + self.rows.size());
    for (const auto& r : self.rows)
      to.push_back({self.stream->devices[r.device], self.stream->sensors[r.sensor], r.time_ms, r.value});
    self.link.passed(batch);
    return {};
  }
  self.stream.reset();
  if (method == Method::stored) {
    self.raw.assign(reader.rest().begin(), reader.rest().end());
  } else {
    const auto size = ZSTD_getFrameContentSize(reader.rest().data(), reader.rest().size());
    if (size > rows_bytes_max) return damaged("a batch that unpacks to too much");
    self.raw.resize(size);
    const auto got = ZSTD_decompress(self.raw.data(), size, reader.rest().data(), reader.rest().size());
    if (ZSTD_isError(got) != 0 || got != size) return damaged("a batch that does not unpack");
  }
  if (!read_rows(self.raw, to)) return damaged("a batch that cannot be read");
  self.link.passed({});
  return {};
}

}  // namespace skerry::codec
