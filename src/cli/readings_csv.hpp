// Readings as CSV (`device,sensor,time_ms,value`), and the file of coded batches that `skerry codec` makes of them.
//
// Text of numbers comes back as it was where the whole file writes them one way: 3 or 3.0. An empty value is kept.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "codec/readings.hpp"

namespace skerry::cli {

// How a file writes whole numbers; in doubt the values are the same and the text is the shortest.
enum class NumberStyle : std::uint8_t { shortest = 0, with_point = 1 };

struct ReadingsCsv {
  std::vector<codec::Reading> readings;  // names point into the text
  std::deque<std::string> unquoted;      // or here, where they were quoted
  NumberStyle style = NumberStyle::shortest;
};

// Errors name the line. A header line is optional.
Result<ReadingsCsv> parse_readings(std::string_view text, std::string_view name);
void append_header(std::string& to);
void append_reading(std::string& to, const codec::Reading& reading, NumberStyle style);

// The file: magic "SKR1", the style, then each batch behind its length. docs/format/readings.md
Result<Buffer> encode_file(const ReadingsCsv& csv, std::size_t batch, double& seconds);
struct DecodedFile {
  std::string csv;
  std::uint64_t readings = 0;
  std::uint64_t batches = 0;
  double seconds = 0;  // of decoding, without the text
};
Result<DecodedFile> decode_file(Bytes file, std::string_view name);

}  // namespace skerry::cli
