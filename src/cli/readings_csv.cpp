// CSV of readings in and out, and files of coded batches.
#include "cli/readings_csv.hpp"

#include <bit>
#include <charconv>
#include <chrono>
#include <cmath>
#include <deque>
#include <optional>

#include "base/clock.hpp"

namespace skerry::cli {
namespace {

constexpr std::string_view header = "device,sensor,time_ms,value";
constexpr std::string_view magic = "SKR1";
constexpr std::uint64_t no_value = 0x7ff8000000000e37;  // an empty cell, as a NaN that no arithmetic makes

template <typename Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return {};
  return value;
}

// The shortest digits that read back as the same double; an exponent only where zeros would be many.
void append_number(std::string& to, double value, NumberStyle style) {
  if (std::bit_cast<std::uint64_t>(value) == no_value) return;
  char text[40];
  if (!std::isfinite(value)) {
    to += std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
    return;
  }
  const auto size = std::fabs(value);
  const bool plain = value == 0 || (size >= 1e-4 && size < 1e16);
  const auto end = plain ? std::to_chars(text, text + sizeof text, value, std::chars_format::fixed).ptr
                         : std::to_chars(text, text + sizeof text, value, std::chars_format::scientific).ptr;
  const std::string_view done(text, static_cast<std::size_t>(end - text));
  to += done;
  if (plain && style == NumberStyle::with_point && done.find('.') == std::string_view::npos) to += ".0";
}

void append_name(std::string& to, std::string_view name) {
  if (name.find_first_of(",\"\r\n") == std::string_view::npos) {
    to += name;
    return;
  }
  to += '"';
  for (const char c : name) {
    if (c == '"') to += '"';
    to += c;
  }
  to += '"';
}

// One row at a time; RFC 4180.
class Rows {
 public:
  Rows(std::string_view text, ReadingsCsv& owner) : rest_(text), owner_(owner) {}

  bool next(std::array<std::string_view, 4>& fields, std::size_t& count) {
    if (rest_.empty()) return false;
    line_ += lines_;
    lines_ = 1;
    count = 0;
    for (bool more = true; more;) {
      const auto field = take(more);
      if (count < fields.size()) fields[count] = field;
      ++count;
    }
    return true;
  }
  std::size_t line() const { return line_; }

 private:
  std::string_view take(bool& more) {
    if (rest_.starts_with('"')) return take_quoted(more);
    const auto end = rest_.find_first_of(",\n");
    auto field = rest_.substr(0, end);
    more = end != std::string_view::npos && rest_[end] == ',';
    rest_ = end == std::string_view::npos ? std::string_view{} : rest_.substr(end + 1);
    if (!more && field.ends_with('\r')) field.remove_suffix(1);
    return field;
  }
  std::string_view take_quoted(bool& more) {
    std::string field;
    std::size_t i = 1;
    for (; i < rest_.size(); ++i) {
      if (rest_[i] == '\n') ++lines_;
      if (rest_[i] != '"') {
        field += rest_[i];
      } else if (i + 1 < rest_.size() && rest_[i + 1] == '"') {
        field += rest_[i++];
      } else {
        break;
      }
    }
    rest_ = rest_.substr(std::min(i + 1, rest_.size()));
    if (rest_.starts_with('\r')) rest_.remove_prefix(1);
    more = rest_.starts_with(',');
    if (!rest_.empty()) rest_.remove_prefix(1);
    // Equal names follow each other: one copy serves them.
    if (owner_.unquoted.empty() || owner_.unquoted.back() != field) owner_.unquoted.push_back(std::move(field));
    return owner_.unquoted.back();
  }

  std::string_view rest_;
  ReadingsCsv& owner_;
  std::size_t line_ = 0;
  std::size_t lines_ = 1;
};

double now_seconds() { return std::chrono::duration<double>(system_clock().mono().time_since_epoch()).count(); }

}  // namespace

Result<ReadingsCsv> parse_readings(std::string_view text, std::string_view name) {
  ReadingsCsv got;
  Rows rows(text, got);
  std::array<std::string_view, 4> fields;
  std::size_t count = 0;
  bool as_shortest = true, as_with_point = true;
  std::string again;
  const auto wrong = [&](std::string what) {
    return fail(Code::invalid, std::move(what), std::string(name) + ":" + std::to_string(rows.line()));
  };
  while (rows.next(fields, count)) {
    if (count == 1 && fields[0].empty()) continue;
    if (count != 4) return wrong("a row has 4 fields, " + std::string(header) + ", not " + std::to_string(count));
    if (rows.line() == 1 && fields[2] == "time_ms") continue;
    const auto time = number<std::int64_t>(fields[2]);
    if (!time) return wrong("`" + std::string(fields[2]) + "` is no whole number of milliseconds");
    auto value = fields[3].empty() ? std::bit_cast<double>(no_value) : number<double>(fields[3]);
    if (!value) return wrong("`" + std::string(fields[3]) + "` is no number");
    for (const auto style : {NumberStyle::shortest, NumberStyle::with_point}) {
      auto& still = style == NumberStyle::shortest ? as_shortest : as_with_point;
      if (!still) continue;
      again.clear();
      append_number(again, *value, style);
      still = again == fields[3];
    }
    got.readings.push_back({fields[0], fields[1], *time, *value});
  }
  got.style = !as_shortest && as_with_point ? NumberStyle::with_point : NumberStyle::shortest;
  return got;
}

void append_header(std::string& to) {
  to += header;
  to += '\n';
}

void append_reading(std::string& to, const codec::Reading& r, NumberStyle style) {
  append_name(to, r.device);
  to += ',';
  append_name(to, r.sensor);
  to += ',';
  to += std::to_string(r.time_ms);
  to += ',';
  append_number(to, r.value, style);
  to += '\n';
}

Result<Buffer> encode_file(const ReadingsCsv& csv, std::size_t batch, double& seconds) {
  Buffer file, coded;
  append_bytes(file, as_bytes(magic));
  append_byte(file, static_cast<std::uint8_t>(csv.style));
  codec::ReadingsEncoder encoder;
  const std::span readings(csv.readings);
  const auto begun = now_seconds();
  for (std::size_t at = 0; at < readings.size(); at += batch) {
    coded.clear();
    TRY(encoder.encode(coded, readings.subspan(at, std::min(batch, readings.size() - at))));
    append_counted(file, coded);
  }
  seconds = now_seconds() - begun;
  return file;
}

Result<DecodedFile> decode_file(Bytes file, std::string_view name) {
  const auto where = [&](std::uint64_t batch) { return std::string(name) + ": batch " + std::to_string(batch); };
  Reader reader(file);
  if (as_text(reader.take(magic.size())) != magic)
    return fail(Code::damaged, "no file of coded readings", std::string(name));
  const auto style = reader.byte();
  if (style > 1) return fail(Code::unsupported, "a file of coded readings in a newer format", std::string(name));
  DecodedFile got;
  append_header(got.csv);
  codec::ReadingsDecoder decoder;
  std::vector<codec::Reading> readings;
  while (reader.ok() && !reader.rest().empty()) {
    const auto batch = reader.counted();
    if (!reader.ok()) return fail(Code::damaged, "the file ends inside a batch", where(got.batches));
    readings.clear();
    const auto begun = now_seconds();
    const auto done = decoder.decode(batch, readings);
    got.seconds += now_seconds() - begun;
    if (!done) return fail(done.error().code, done.error().what, where(got.batches));
    for (const auto& r : readings) append_reading(got.csv, r, static_cast<NumberStyle>(style));
    got.readings += readings.size();
    ++got.batches;
  }
  return got;
}

}  // namespace skerry::cli
