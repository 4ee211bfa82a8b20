// Reading recorded readings: one text in memory, rows point into it.
#include "demo/recording.hpp"

#include <zlib.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>

#include "demo/source.hpp"

namespace skerry::demo {
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

Result<Recording> Recording::parse(Bytes bytes, std::string_view name) {
  Recording data;
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

void Recording::append_fields(std::string& to, const Row& row) const {
  std::string_view rest = std::string_view(text_).substr(row.line);
  auto line = take_line(rest);
  for (const auto& field : fields_) {
    const auto value = take_field(line);
    if (value.empty()) continue;
    if (!to.empty()) to += ',';
    append_quoted(to, field);
    to += ':';
    if (is_json_number(value)) {
      to += value;
    } else {
      append_quoted(to, value);
    }
  }
}

namespace {

// A recording as a source: its devices play it again and again, and do nothing when told.
class Replay final : public Source {
 public:
  Replay(std::string name, Recording data, bool once) : name_(std::move(name)), data_(std::move(data)), once_(once) {}

  const std::string& name() const override { return name_; }
  double usual_speed() const override { return 60; }
  const std::vector<std::string>& devices() const override { return data_.devices(); }
  std::int64_t begin_ms() const override { return data_.first_ms(); }
  const std::deque<Fault>& faults() const override { return none_; }
  Obeyed obey(std::uint32_t, std::string_view) override { return {}; }
  std::optional<Step> next(std::string& fields) override {
    if (next_ == data_.rows().size()) {
      if (once_) return {};
      begin_round();
    }
    const auto& row = data_.rows()[next_++];
    fields.clear();
    data_.append_fields(fields, row);
    return Step{row.device, row.time_ms + later_ms_};
  }

 private:
  // The first reading follows the last after the mean distance of one device's readings.
  void begin_round() {
    const auto rows = static_cast<std::int64_t>(data_.rows().size());
    later_ms_ += data_.span_ms() + data_.span_ms() * static_cast<std::int64_t>(devices().size()) / rows + 1;
    next_ = 0;
  }

  std::string name_;
  Recording data_;
  bool once_;
  std::size_t next_ = 0;
  std::int64_t later_ms_ = 0;
  std::deque<Fault> none_;
};

}  // namespace

Result<std::unique_ptr<Source>> make_recording(Bytes bytes, std::string_view name, bool once) {
  const auto slash = name.find_last_of('/');
  const auto short_name = slash == std::string_view::npos ? name : name.substr(slash + 1);
  return std::make_unique<Replay>(std::string(short_name), TRY(Recording::parse(bytes, name)), once);
}

}  // namespace skerry::demo
