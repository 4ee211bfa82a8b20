// Bytes and CPU time per reading: our coder beside msgpack + zlib 6 (the requirements' way) and JSON + zstd 3, same
// batches.
//
// usage: bench_codec BATCH FILE.csv…   One JSON object a file on standard output; fails where anything does not come
// back.
#include <zlib.h>
#include <zstd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "base/files.hpp"
#include "cli/readings_csv.hpp"
#include "codec/json.hpp"

namespace {

using namespace skerry;
using codec::Reading;
using Batch = std::span<const Reading>;

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

struct Figures {
  std::size_t bytes = 0;
  double encode_s = 1e9;
  double decode_s = 1e9;
};

[[noreturn]] void wrong(const char* what) {
  std::fprintf(stderr, "bench_codec: %s\n", what);
  std::exit(1);
}

Figures ours(Batch readings, std::size_t batch) {
  Figures f;
  for (int round = 0; round < 3; ++round) {
    codec::ReadingsEncoder encoder;
    codec::ReadingsDecoder decoder;
    std::vector<Buffer> coded;
    auto begun = cpu_seconds();
    for (std::size_t at = 0; at < readings.size(); at += batch) {
      if (!encoder.encode(coded.emplace_back(), readings.subspan(at, std::min(batch, readings.size() - at))))
        wrong("not encoded");
    }
    f.encode_s = std::min(f.encode_s, cpu_seconds() - begun);
    f.bytes = 0;
    double spent = 0;
    std::size_t at = 0;
    std::vector<Reading> got;
    for (const auto& bytes : coded) {
      got.clear();
      begun = cpu_seconds();
      if (!decoder.decode(bytes, got)) wrong("not decoded");
      spent += cpu_seconds() - begun;
      f.bytes += bytes.size();
      for (const auto& r : got) {
        const auto& was = readings[at++];
        if (r.device != was.device || r.sensor != was.sensor || r.time_ms != was.time_ms ||
            std::memcmp(&r.value, &was.value, sizeof r.value) != 0) {
          wrong("a reading came back changed");
        }
      }
    }
    if (at != readings.size()) wrong("readings are missing");
    f.decode_s = std::min(f.decode_s, spent);
  }
  return f;
}

void append_msgpack_text(std::string& to, std::string_view text) {
  if (text.size() < 32) {
    to += static_cast<char>(0xa0 | text.size());
  } else {
    to += '\xd9';
    to += static_cast<char>(text.size());
  }
  to += text;
}

template <typename T>
void append_be(std::string& to, char tag, T value) {
  std::byte bytes[sizeof value];
  store_be(bytes, value);
  to += tag;
  to.append(reinterpret_cast<const char*>(bytes), sizeof bytes);
}

void append_msgpack(std::string& to, const Reading& r) {
  to += '\x84';
  append_msgpack_text(to, "device_id");
  append_msgpack_text(to, r.device);
  append_msgpack_text(to, "sensor");
  append_msgpack_text(to, r.sensor);
  append_msgpack_text(to, "timestamp");
  append_be(to, '\xcf', static_cast<std::uint64_t>(r.time_ms));
  append_msgpack_text(to, "value");
  append_be(to, '\xcb', std::bit_cast<std::uint64_t>(r.value));
}

void append_json(std::string& to, const Reading& r) {
  to += "{\"device_id\":";
  codec::append_json_string(to, r.device);
  to += ",\"sensor\":";
  codec::append_json_string(to, r.sensor);
  to += ",\"timestamp\":" + std::to_string(r.time_ms) + ",\"value\":";
  codec::append_json_number(to, r.value);
  to += "}\n";
}

// Batches of rows packed by a general compressor; making the rows counts.
template <typename Append, typename Pack>
Figures rows(Batch readings, std::size_t batch, Append append, Pack pack) {
  Figures f;
  std::string raw, packed;
  const auto begun = cpu_seconds();
  for (std::size_t at = 0; at < readings.size(); at += batch) {
    raw.clear();
    for (const auto& r : readings.subspan(at, std::min(batch, readings.size() - at))) append(raw, r);
    f.bytes += pack(packed, raw);
  }
  f.encode_s = cpu_seconds() - begun;
  return f;
}

std::size_t by_zlib(std::string& packed, const std::string& raw) {
  auto size = compressBound(raw.size());
  packed.resize(size);
  if (compress2(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(raw.data()), raw.size(),
                6) != Z_OK)
    wrong("zlib failed");
  return size;
}

std::size_t by_zstd(std::string& packed, const std::string& raw) {
  static ZSTD_CCtx* const context = ZSTD_createCCtx();
  packed.resize(ZSTD_compressBound(raw.size()));
  const auto size = ZSTD_compressCCtx(context, packed.data(), packed.size(), raw.data(), raw.size(), 3);
  if (ZSTD_isError(size) != 0) wrong("zstd failed");
  return size;
}

void print(const char* name, const Figures& f, std::size_t readings, const char* after) {
  const auto n = static_cast<double>(readings);
  std::printf("\"%s\":{\"bytes_per_reading\":%.4f,\"encode_per_s\":%.0f", name, static_cast<double>(f.bytes) / n,
              n / f.encode_s);
  if (f.decode_s < 1e9) std::printf(",\"decode_per_s\":%.0f", n / f.decode_s);
  std::printf("}%s", after);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: bench_codec BATCH FILE.csv…\n");
    return 2;
  }
  const auto batch = static_cast<std::size_t>(std::strtoul(argv[1], nullptr, 10));
  for (int i = 2; i < argc; ++i) {
    const auto text = read_file(system_files(), argv[i]);
    if (!text || batch == 0) wrong("cannot be read");
    const auto csv = cli::parse_readings(as_text(*text), argv[i]);
    if (!csv) wrong(csv.error().text().c_str());
    const auto& readings = csv->readings;
    std::printf("{\"file\":\"%s\",\"batch\":%zu,\"readings\":%zu,", argv[i], batch, readings.size());
    print("skerry", ours(readings, batch), readings.size(), ",");
    print("msgpack_zlib6", rows(readings, batch, append_msgpack, by_zlib), readings.size(), ",");
    print("json_zstd3", rows(readings, batch, append_json, by_zstd), readings.size(), "}\n");
  }
  return 0;
}
