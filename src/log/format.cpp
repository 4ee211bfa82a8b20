// Bytes of the journal's headers, and names of files.
#include "log/format.hpp"

#include <charconv>

#include "base/crc32c.hpp"

namespace skerry::log {
namespace {

constexpr std::uint32_t segment_magic = 0x314a4b53;   // "SKJ1"
constexpr std::uint32_t batch_magic = 0x41424b53;     // "SKBA"
constexpr std::uint32_t identity_magic = 0x44494b53;  // "SKID"
constexpr std::size_t identity_bytes = 24;

std::int64_t micros(Wall time) { return time.time_since_epoch().count(); }
Wall wall_of(std::int64_t value) { return Wall{std::chrono::microseconds{value}}; }

Mark load_mark(const std::byte* number, const std::byte* position, const std::byte* offsets) {
  Mark mark{load_le<std::uint64_t>(number), {load_le<std::uint64_t>(position)}, {}};
  for (std::size_t c = 0; c < record::class_count; ++c) mark.offsets[c] = load_le<std::uint64_t>(offsets + c * 8);
  return mark;
}

void store_mark(std::byte* number, std::byte* position, std::byte* offsets, const Mark& mark) {
  store_le<std::uint64_t>(number, mark.number);
  store_le<std::uint64_t>(position, mark.position.value);
  for (std::size_t c = 0; c < record::class_count; ++c) store_le<std::uint64_t>(offsets + c * 8, mark.offsets[c]);
}

// Takes 16 hexadecimal digits and `after` off the front.
std::optional<std::uint64_t> take_hex(std::string_view& text, char after) {
  if (text.size() < 17 || text[16] != after) return {};
  const auto value = parse_hex16(text.substr(0, 16));
  text.remove_prefix(17);
  return value;
}

std::optional<std::string_view> without_suffix(std::string_view name, std::string_view suffix) {
  if (!name.ends_with(suffix)) return {};
  return name.substr(0, name.size() - suffix.size());
}

// Event times may lie before 1970: shifted, so that names sort as times do.
constexpr std::uint64_t sign_bit = std::uint64_t{1} << 63;
std::uint64_t biased(EventTime time) { return static_cast<std::uint64_t>(time.time_since_epoch().count()) ^ sign_bit; }
EventTime unbiased(std::uint64_t value) {
  return EventTime{std::chrono::milliseconds{static_cast<std::int64_t>(value ^ sign_bit)}};
}

}  // namespace

Mark BatchHeader::after() const {
  Mark mark{first.number + 1, first.position + count(), first.offsets};
  for (std::size_t c = 0; c < record::class_count; ++c) mark.offsets[c] += counts[c];
  return mark;
}

std::uint64_t Hole::records() const {
  std::uint64_t count = 0;
  for (std::size_t c = 0; c < record::class_count; ++c) count += to.offsets[c] - from.offsets[c];
  return count;
}

void encode_segment_page(std::span<std::byte> page, const SegmentHeader& header) {
  INVARIANT(page.size() == page_bytes);
  std::memset(page.data(), 0, page.size());
  auto* const at = page.data();
  store_le<std::uint32_t>(at, segment_magic);
  store_le<std::uint16_t>(at + 8, format_version);
  store_le<std::uint32_t>(at + 12, segment_header_bytes);
  store_le<std::uint64_t>(at + 16, header.epoch);
  store_le<std::uint64_t>(at + 24, header.salt);
  store_mark(at + 32, at + 40, at + 48, header.first);
  store_le<std::int64_t>(at + 80, micros(header.made_at));
  store_le<std::uint64_t>(at + 88, header.file_bytes);
  store_le<std::uint32_t>(at + 4, crc32c(Bytes(page).subspan(8, segment_header_bytes - 8)));
  std::memcpy(at + segment_header_copy_at, at, segment_header_bytes);
}

Result<SegmentHeader> decode_segment_page(Bytes page) {
  for (const auto where : {std::uint64_t{0}, segment_header_copy_at}) {
    if (page.size() < where + segment_header_bytes) break;
    const auto* const at = page.data() + where;
    if (load_le<std::uint32_t>(at) != segment_magic) continue;
    if (load_le<std::uint32_t>(at + 4) != crc32c(page.subspan(where + 8, segment_header_bytes - 8))) continue;
    const auto version = load_le<std::uint16_t>(at + 8);
    if (version > format_version) {
      return fail(Code::unsupported, "a journal of format " + std::to_string(version) +
                                         "; this program knows formats up to " + std::to_string(format_version) +
                                         ": use the newer program");
    }
    return SegmentHeader{.epoch = load_le<std::uint64_t>(at + 16),
                         .salt = load_le<std::uint64_t>(at + 24),
                         .first = load_mark(at + 32, at + 40, at + 48),
                         .made_at = wall_of(load_le<std::int64_t>(at + 80)),
                         .file_bytes = load_le<std::uint64_t>(at + 88)};
  }
  return fail(Code::damaged, "a journal segment without a whole header");
}

bool looks_like_batch(const std::byte* at) { return load_le<std::uint32_t>(at) == batch_magic; }

std::uint32_t salted_crc(Bytes bytes, std::uint64_t salt) {
  return crc32c(bytes, static_cast<std::uint32_t>(salt ^ (salt >> 32)));
}

void encode_batch_header(std::span<std::byte> to, const BatchHeader& header, std::uint64_t epoch, std::uint64_t salt) {
  INVARIANT(to.size() >= batch_header_bytes);
  auto* const at = to.data();
  std::memset(at, 0, batch_header_bytes);
  store_le<std::uint32_t>(at, batch_magic);
  store_le<std::uint32_t>(at + 8, header.body_crc);
  store_le<std::uint16_t>(at + 12, batch_header_bytes);
  store_le<std::uint8_t>(at + 14, format_version);
  store_mark(at + 16, at + 24, at + 32, header.first);
  store_le<std::int64_t>(at + 64, micros(header.base));
  for (std::size_t c = 0; c < record::class_count; ++c) store_le<std::uint32_t>(at + 72 + c * 4, header.counts[c]);
  store_le<std::uint32_t>(at + 88, header.body_bytes);
  store_le<std::uint64_t>(at + 96, epoch);
  store_le<std::uint32_t>(at + 4, salted_crc(Bytes(to).subspan(8, batch_header_bytes - 8), salt));
}

std::optional<BatchHeader> decode_batch_header(Bytes from, std::uint64_t epoch, std::uint64_t salt) {
  if (from.size() < batch_header_bytes) return {};
  const auto* const at = from.data();
  if (load_le<std::uint32_t>(at) != batch_magic) return {};
  if (load_le<std::uint32_t>(at + 4) != salted_crc(from.subspan(8, batch_header_bytes - 8), salt)) return {};
  if (load_le<std::uint64_t>(at + 96) != epoch || load_le<std::uint8_t>(at + 14) != format_version) return {};
  BatchHeader header{.first = load_mark(at + 16, at + 24, at + 32),
                     .base = wall_of(load_le<std::int64_t>(at + 64)),
                     .counts = {},
                     .body_bytes = load_le<std::uint32_t>(at + 88),
                     .body_crc = load_le<std::uint32_t>(at + 8)};
  for (std::size_t c = 0; c < record::class_count; ++c) header.counts[c] = load_le<std::uint32_t>(at + 72 + c * 4);
  if (header.body_bytes > batch_bytes_max || header.count() * record_bytes_min > header.body_bytes) return {};
  return header;
}

std::string hex16(std::uint64_t value) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text(16, '0');
  for (int i = 15; i >= 0; --i, value >>= 4) text[static_cast<std::size_t>(i)] = digits[value & 15];
  return text;
}

std::optional<std::uint64_t> parse_hex16(std::string_view text) {
  std::uint64_t value = 0;
  if (text.size() != 16) return {};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  return value;
}

std::string segment_name(const Mark& first) { return hex16(first.number) + "-" + hex16(first.position.value) + ".seg"; }
std::string free_name(std::uint64_t id) { return "free-" + hex16(id) + ".seg"; }

std::optional<SegmentName> parse_segment_name(std::string_view name) {
  auto stem = without_suffix(name, ".seg");
  if (!stem) return {};
  const auto number = take_hex(*stem, '-');
  const auto position = parse_hex16(*stem);
  if (!number || !position) return {};
  return SegmentName{*number, {*position}};
}

std::optional<std::uint64_t> parse_free_name(std::string_view name) {
  const auto stem = without_suffix(name, ".seg");
  if (!stem || !stem->starts_with("free-")) return {};
  return parse_hex16(stem->substr(5));
}

std::string block_name(const BlockName& name) {
  return hex16(name.first.value) + "-" + hex16(name.end.value) + "-" + hex16(biased(name.earliest)) + "-" +
         hex16(biased(name.latest)) + "." + std::string(record::name(name.cls)) + ".blk";
}

std::optional<BlockName> parse_block_name(std::string_view name) {
  auto rest = without_suffix(name, ".blk");
  if (!rest) return {};
  const auto first = take_hex(*rest, '-');
  const auto end = take_hex(*rest, '-');
  const auto earliest = take_hex(*rest, '-');
  const auto latest = take_hex(*rest, '.');
  const auto cls = record::class_named(*rest);
  if (!first || !end || !earliest || !latest || !cls || *first >= *end) return {};
  return BlockName{{*first}, {*end}, unbiased(*earliest), unbiased(*latest), *cls};
}

Buffer encode_identity(const Identity& identity) {
  Buffer bytes(identity_bytes);
  store_le<std::uint32_t>(bytes.data(), identity_magic);
  store_le<std::uint16_t>(bytes.data() + 8, format_version);
  store_le<std::uint64_t>(bytes.data() + 16, identity.epoch);
  store_le<std::uint32_t>(bytes.data() + 4, crc32c(Bytes(bytes).subspan(8)));
  return bytes;
}

Result<Identity> decode_identity(Bytes bytes) {
  if (bytes.size() != identity_bytes || load_le<std::uint32_t>(bytes.data()) != identity_magic ||
      load_le<std::uint32_t>(bytes.data() + 4) != crc32c(bytes.subspan(8))) {
    return fail(Code::damaged, "bytes that do not say which log this is");
  }
  const auto version = load_le<std::uint16_t>(bytes.data() + 8);
  if (version > format_version) {
    return fail(Code::unsupported, "a log of format " + std::to_string(version) + ": use the newer program");
  }
  return Identity{load_le<std::uint64_t>(bytes.data() + 16)};
}

}  // namespace skerry::log
