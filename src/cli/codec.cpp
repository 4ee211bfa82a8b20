// `skerry codec`: a CSV of readings into few bytes, and back.
#include <cstdio>

#include "cli/cli.hpp"
#include "cli/readings_csv.hpp"
#include "demo/recording.hpp"

namespace skerry::cli {
namespace {

constexpr std::uint64_t text_bytes_max = 8 * GiB;

// The file, unpacked where it is gzip; `-` is standard input.
Result<std::string> read_input(const std::string& path) {
  Buffer bytes;
  if (path == "-") {
    std::byte part[64 * 1024];
    while (const auto got = std::fread(part, 1, sizeof part, stdin)) append_bytes(bytes, Bytes(part, got));
    if (std::ferror(stdin) != 0) return fail(Code::io, "cannot be read", "standard input");
  } else {
    bytes = TRY(read_file(system_files(), path));
  }
  if (bytes.size() > 1 && bytes[0] == std::byte{0x1f} && bytes[1] == std::byte{0x8b}) {
    auto text = demo::gunzip(bytes, text_bytes_max);
    if (!text) return fail(text.error().code, text.error().what, path);
    return text;
  }
  return std::string(as_text(bytes));
}

Result<> write_output(const std::string& path, Bytes bytes) {
  std::FILE* const file = path == "-" ? stdout : std::fopen(path.c_str(), "wb");
  if (file == nullptr) return fail(Code::io, "cannot be written", path);
  const bool written = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  const bool closed = path == "-" ? std::fflush(file) == 0 : std::fclose(file) == 0;
  if (!written || !closed) return fail(Code::io, "not all could be written", path);
  return {};
}

void report(const CodecOptions& options, const char* what, std::uint64_t readings, std::uint64_t batches,
            std::uint64_t bytes, double seconds) {
  const auto n = static_cast<double>(readings > 0 ? readings : 1);
  const auto rate = static_cast<double>(readings) / (seconds > 0 ? seconds : 1e-9);
  std::FILE* const to = options.output == "-" ? stderr : stdout;
  if (options.json) {
    std::fprintf(
        to, "{\"readings\":%llu,\"batches\":%llu,\"bytes\":%llu,\"bytes_per_reading\":%.4f,\"readings_per_s\":%.0f}\n",
        static_cast<unsigned long long>(readings), static_cast<unsigned long long>(batches),
        static_cast<unsigned long long>(bytes), static_cast<double>(bytes) / n, rate);
    return;
  }
  std::fprintf(to, "%s %llu readings in %llu batches, %llu bytes: %.4f bytes/reading, %.2f M readings/s\n", what,
               static_cast<unsigned long long>(readings), static_cast<unsigned long long>(batches),
               static_cast<unsigned long long>(bytes), static_cast<double>(bytes) / n, rate / 1e6);
}

}  // namespace

int codec_encode(const CodecOptions& options) {
  const auto text = read_input(options.input);
  if (!text) return failed(text.error());
  const auto csv = parse_readings(*text, options.input);
  if (!csv) return failed(csv.error());
  double seconds = 0;
  const auto file = encode_file(*csv, options.batch, seconds);
  if (!file) return failed(file.error());
  if (const auto done = write_output(options.output, *file); !done) return failed(done.error());
  report(options, "encoded", csv->readings.size(), (csv->readings.size() + options.batch - 1) / options.batch,
         file->size(), seconds);
  return 0;
}

int codec_decode(const CodecOptions& options) {
  const auto file = read_input(options.input);
  if (!file) return failed(file.error());
  const auto got = decode_file(as_bytes(*file), options.input);
  if (!got) return failed(got.error());
  if (const auto done = write_output(options.output, as_bytes(got->csv)); !done) return failed(done.error());
  report(options, "decoded", got->readings, got->batches, file->size(), got->seconds);
  return 0;
}

}  // namespace skerry::cli
