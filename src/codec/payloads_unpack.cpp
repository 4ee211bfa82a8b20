// Payloads out of their columns. Nothing in the bytes is believed: counts are bounded by bytes that are there.
#include "codec/limits.hpp"
#include "codec/payload_columns.hpp"
#include "codec/payloads.hpp"
#include "codec/template.hpp"

namespace skerry::codec {
namespace {

struct Column {
  std::uint8_t least = 0, most = 0;
  std::vector<std::int64_t> wholes;
  std::vector<std::uint8_t> digits;  // where they do not follow from the value
  std::vector<std::string_view> texts;
};

struct Shape {
  Template shape;
  RowLinks links;
  std::vector<std::uint32_t> topics;
  std::vector<Column> columns;
  std::size_t next = 0;
};

bool read_numbers(Reader from, const Shape& s, bool time, Column& to) {
  to.most = from.byte();
  to.least = from.byte();
  const bool regular = to.least != 0xff;
  if (to.most > number_digits_max || (regular && to.least > to.most) || (time && to.most != 0)) return false;
  const auto rows = s.links.before.size();
  if (!regular) {
    for (const auto b : from.take(rows)) to.digits.push_back(std::to_integer<std::uint8_t>(b));
    for (const auto d : to.digits)
      if (d > number_digits_max) return false;
  }
  const auto how = from.byte();
  if (how > 2 || !from.ok()) return false;
  to.wholes.resize(rows);
  for (std::size_t r = 0; r < rows; ++r) {
    const auto off = static_cast<std::uint64_t>(unzigzag(from.varint()));
    to.wholes[r] = static_cast<std::int64_t>(off + s.links.expected(static_cast<Foretold>(how), to.wholes, r));
  }
  return from.ok() && from.rest().empty();
}

bool read_texts(Reader from, const Shape& s, const std::vector<std::string_view>& topics, Column& to) {
  const auto rows = s.links.before.size();
  const auto codes = from.take(rows);
  if (!from.ok()) return false;
  to.texts.reserve(rows);
  for (std::size_t r = 0; r < rows; ++r) {
    const auto code = std::to_integer<unsigned>(codes[r]);
    const auto before = s.links.before[r];
    if (code > 3 || (code == 0 && before == no_row) || (code == 2 && r == 0)) return false;
    to.texts.push_back(code == 0   ? to.texts[before]
                       : code == 1 ? device_in(topics[s.topics[r]])
                       : code == 2 ? to.texts[r - 1]
                                   : as_text(from.counted()));
  }
  return from.ok() && from.rest().empty();
}

bool append_slot(Buffer& arena, const Column& c, const Slot& slot, std::size_t row) {
  if (is_text(slot.kind)) {
    append_bytes(arena, as_bytes(c.texts[row]));
    return true;
  }
  auto whole = c.wholes[row];
  if (slot.kind == SlotKind::time) return append_time(arena, whole, slot.style);
  auto digits = c.most;
  if (c.least == 0xff) {
    digits = c.digits[row];
  } else {
    while (digits > c.least && whole % 10 == 0) {
      whole /= 10;
      --digits;
    }
  }
  append_number(arena, whole, digits);
  return true;
}

bool append_payload(Buffer& arena, Shape& s) {
  const auto row = s.next++;
  for (std::size_t i = 0;; ++i) {
    append_bytes(arena, as_bytes(s.shape.literal(i)));
    if (i == s.shape.slots().size()) return true;
    if (!append_slot(arena, s.columns[i], s.shape.slots()[i], row)) return false;
  }
}

// Which shape each message has, and the rows of each shape; nullptr: none.
bool place_rows(Reader codes, const std::vector<std::uint32_t>& topics, std::vector<Shape>& shapes,
                std::vector<Shape*>& to) {
  std::unordered_map<std::uint64_t, std::uint32_t> rows;  // by topic and shape
  std::unordered_map<std::uint32_t, std::uint32_t> last;  // shape of a topic
  for (const auto topic : topics) {
    auto code = codes.varint();
    if (!codes.ok()) return false;
    if (code == 1) {
      to.push_back(nullptr);
      continue;
    }
    const auto had = last.find(topic);
    if (code == 0 && had == last.end()) return false;
    const auto number = code == 0 ? had->second : code - 2;
    if (number >= shapes.size()) return false;
    last[topic] = static_cast<std::uint32_t>(number);
    auto& s = shapes[number];
    const auto row = static_cast<std::uint32_t>(s.links.before.size());
    const auto [at, fresh] = rows.try_emplace((std::uint64_t{topic} << 32) | number, row);
    s.links.before.push_back(fresh ? no_row : at->second);
    at->second = row;
    s.topics.push_back(static_cast<std::uint32_t>(to.size()));
    to.push_back(&s);
  }
  return codes.rest().empty();
}

std::unexpected<Error> damaged() { return fail(Code::damaged, "columns of payloads that cannot be read"); }

}  // namespace

Result<std::vector<Message>> unpack_payloads(Reader& from, Buffer& arena, std::uint64_t bytes_max) {
  const auto count = from.varint();
  if (count > from.rest().size()) return damaged();
  std::vector<std::string_view> topics, origins;
  std::vector<std::uint32_t> topic_numbers, unused;
  if (!unpack_names(from, count, topics, topic_numbers) || !unpack_names(from, count, origins, unused))
    return damaged();
  const auto shape_count = from.varint();
  if (shape_count > count) return damaged();
  std::vector<Shape> shapes(shape_count);
  for (auto& s : shapes)
    if (!Template::parse(as_text(from.counted()), s.shape)) return damaged();
  std::vector<Shape*> of;
  of.reserve(count);
  if (!place_rows(Reader(from.counted()), topic_numbers, shapes, of)) return damaged();
  Reader raw(from.counted());
  for (auto& s : shapes) {
    s.columns.resize(s.shape.slots().size());
    for (std::size_t i = 0; i < s.columns.size(); ++i) {
      const auto kind = s.shape.slots()[i].kind;
      const Reader column(from.counted());
      if (!from.ok()) return damaged();
      if (is_text(kind) ? !read_texts(column, s, topics, s.columns[i])
                        : !read_numbers(column, s, kind == SlotKind::time, s.columns[i])) {
        return damaged();
      }
    }
  }
  std::vector<std::size_t> ends;
  ends.reserve(count);
  for (auto* s : of) {
    if (s == nullptr)
      append_bytes(arena, raw.counted());
    else if (!append_payload(arena, *s))
      return damaged();
    if (arena.size() > bytes_max) return fail(Code::full, "payloads that unpack to more than was allowed");
    ends.push_back(arena.size());
  }
  if (!raw.ok() || !raw.rest().empty() || !from.ok()) return damaged();
  std::vector<Message> messages;
  messages.reserve(count);
  std::size_t begin = 0;
  for (std::size_t i = 0; i < count; ++i) {
    messages.push_back({topics[i], origins[i], Bytes(arena).subspan(begin, ends[i] - begin)});
    begin = ends[i];
  }
  return messages;
}

}  // namespace skerry::codec
