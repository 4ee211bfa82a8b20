// Hostile batches give an error or readings within the limits; any readings made of the input come back bit for bit.
#include <bit>

#include "codec/limits.hpp"
#include "codec/readings.hpp"

namespace {

using namespace skerry;

void decode_hostile(Bytes input) {
  codec::ReadingsDecoder decoder;
  std::vector<codec::Reading> got;
  static_cast<void>(decoder.decode(input, got));
  // Behind a head that fits, so that the fuzzer gets as far as the coder; and once more, after the first.
  for (const auto head : {std::byte{0x14}, std::byte{0x15}, std::byte{0x16}}) {
    Buffer batch{head, std::byte{0}, std::byte{0}};
    append_bytes(batch, input);
    got.clear();
    // A few bytes may stand for very many equal readings: the length is bounded for the fuzzer's sake.
    if (input.size() < 2048) static_cast<void>(decoder.decode(batch, got));
    INVARIANT(got.size() <= codec::batch_readings_max);
    std::size_t bytes = 0;
    for (const auto& r : got) bytes += r.device.size() + r.sensor.size();
    static_cast<void>(bytes);
  }
}

void pass(Bytes input) {
  codec::ReadingsEncoder encoder(1);
  codec::ReadingsDecoder decoder;
  Reader reader(input);
  while (reader.ok() && !reader.rest().empty()) {
    std::vector<codec::Reading> readings;
    for (auto left = reader.byte() % 32U; left > 0 && reader.ok(); --left) {
      const auto shape = reader.byte();
      const auto device = as_text(reader.take(shape & 3U));
      const auto sensor = as_text(reader.take((shape >> 2) & 1U));
      const auto time = (shape & 8U) != 0 ? reader.le<std::int64_t>() : std::int64_t{reader.byte()} * 1000;
      const auto value = (shape & 16U) != 0   ? std::bit_cast<double>(reader.le<std::uint64_t>())
                         : (shape & 32U) != 0 ? static_cast<double>(std::bit_cast<float>(reader.le<std::uint32_t>()))
                                              : static_cast<double>(reader.le<std::int16_t>()) / 100;
      readings.push_back({device, sensor, time, value});
    }
    Buffer coded;
    INVARIANT(encoder.encode(coded, readings).has_value());
    std::vector<codec::Reading> got;
    INVARIANT(decoder.decode(coded, got).has_value());
    INVARIANT(got.size() == readings.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      INVARIANT(got[i].device == readings[i].device && got[i].sensor == readings[i].sensor);
      INVARIANT(got[i].time_ms == readings[i].time_ms);
      INVARIANT(std::bit_cast<std::uint64_t>(got[i].value) == std::bit_cast<std::uint64_t>(readings[i].value));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes input = std::as_bytes(std::span(data, size));
  decode_hostile(input);
  pass(input);
  return 0;
}
