// Reading recorded readings: one text in memory, rows point into it.
#include "cli/demo_data.hpp"

#include <zlib.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>

#include "base/time.hpp"

namespace skerry::cli {
namespace {

constexpr std::uint64_t text_bytes_max = 1 * GiB;

std::string_view take_line(std::string_view& rest) {
  const auto end = rest.find('\n');
  auto line = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

std::string_view take_field(std::string_view& line) {
  const auto comma = line.find(',');
  const auto field = line.substr(0, comma);
  line = comma == std::string_view::npos ? std::string_view{} : line.substr(comma + 1);
  return field;
}

template <typename Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  return value;
}

// As JSON writes numbers (RFC 8259 section 6): no leading zero, digits on both sides of the point.
bool is_json_number(std::string_view text) {
  const auto digits = [&text] {
    std::size_t n = 0;
    while (n < text.size() && text[n] >= '0' && text[n] <= '9') ++n;
    text.remove_prefix(n);
    return n;
  };
  if (text.starts_with('-')) text.remove_prefix(1);
  const bool zero = text.starts_with('0');
  const auto whole = digits();
  if (whole == 0 || (zero && whole > 1)) return false;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (digits() == 0) return false;
  }
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
    if (digits() == 0) return false;
  }
  return text.empty();
}

void append_quoted(std::string& to, std::string_view text) {
  to += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') to += '\\';
    to += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  to += '"';
}

}  // namespace

Result<std::string> gunzip(Bytes bytes, std::uint64_t bytes_max) {
  z_stream stream{};
  if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) return fail(Code::io, "cannot begin to decompress");
  std::string out;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  int rc = Z_OK;
  while (rc == Z_OK && out.size() < bytes_max) {
    const auto at = out.size();
    out.resize(at + 256 * KiB);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + at);
    stream.avail_out = 256 * KiB;
    rc = inflate(&stream, Z_NO_FLUSH);
    out.resize(out.size() - stream.avail_out);
    if (rc == Z_STREAM_END && stream.avail_in > 0) rc = inflateReset(&stream);  // members may follow each other
  }
  inflateEnd(&stream);
  if (out.size() >= bytes_max)
    return fail(Code::full, "is longer than " + std::to_string(bytes_max) + " bytes when decompressed");
  if (rc != Z_STREAM_END) return fail(Code::damaged, "is no whole gzip file");
  return out;
}

Result<DemoData> DemoData::parse(Bytes bytes, std::string_view name) {
  DemoData data;
  const bool gz = bytes.size() > 2 && bytes[0] == std::byte{0x1f} && bytes[1] == std::byte{0x8b};
  if (gz) {
    auto text = gunzip(bytes, text_bytes_max);
    if (!text) return fail(text.error().code, text.error().what, std::string(name));
    data.text_ = std::move(*text);
  } else {
    data.text_ = as_text(bytes);
  }
  std::string_view rest(data.text_);
  auto header = take_line(rest);
  if (take_field(header) != "device" || take_field(header) != "time_ms" || header.empty()) {
    return fail(Code::invalid, "the header must be device,time_ms,<fields>", std::string(name) + ":1");
  }
  while (!header.empty()) data.fields_.emplace_back(take_field(header));
  std::map<std::string_view, std::uint32_t> known;
  for (std::size_t line_number = 2; !rest.empty(); ++line_number) {
    auto line = take_line(rest);
    if (line.empty()) continue;
    const auto device = take_field(line);
    const auto time = number<double>(take_field(line));
    if (device.empty() || !time || !std::isfinite(*time)) {
      return fail(Code::invalid, "expected device,time_ms,<fields>",
                  std::string(name) + ":" + std::to_string(line_number));
    }
    const auto [at, fresh] = known.try_emplace(device, static_cast<std::uint32_t>(known.size()));
    if (fresh) data.devices_.emplace_back(device);
    data.rows_.push_back(
        {at->second, static_cast<std::int64_t>(*time), static_cast<std::uint32_t>(line.data() - data.text_.data())});
  }
  if (data.rows_.empty()) return fail(Code::invalid, "has no readings", std::string(name));
  std::ranges::stable_sort(data.rows_, {}, &Row::time_ms);
  return data;
}

void DemoData::append_payload(std::string& to, const Row& row, std::int64_t stamp_ms) const {
  std::string_view rest = std::string_view(text_).substr(row.line);
  auto line = take_line(rest);
  to += "{\"timestamp\":\"";
  append_rfc3339(to, EventTime{std::chrono::milliseconds{stamp_ms}});
  to += '"';
  for (const auto& field : fields_) {
    const auto value = take_field(line);
    if (value.empty()) continue;
    to += ',';
    append_quoted(to, field);
    to += ':';
    if (is_json_number(value)) {
      to += value;
    } else {
      append_quoted(to, value);
    }
  }
  to += '}';
}

}  // namespace skerry::cli
