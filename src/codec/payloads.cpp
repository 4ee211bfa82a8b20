// Packing payloads into columns by template.
#include "codec/payloads.hpp"

#include <simdjson.h>

#include <array>
#include <bit>
#include <memory>
#include <unordered_map>

#include "codec/json.hpp"
#include "codec/limits.hpp"
#include "codec/payload_columns.hpp"
#include "codec/template.hpp"

namespace skerry::codec {
namespace {

// Where the event time of payloads of one shape stands.
constexpr int time_nowhere = -1;    // there is none, or they are no JSON: when it was appended
constexpr int time_somewhere = -2;  // to be looked for each time

// Everything that follows holds for all payloads of a shape: their slots hold only what keeps JSON valid.
int find_time(std::string_view payload, const Template& shape) {
  constexpr std::string_view key = "\"timestamp\"";
  std::size_t found = 0;
  int slot = time_nowhere;
  for (std::size_t i = 0; i <= shape.slots().size(); ++i) {
    const std::string_view literal = shape.literal(i);
    if (literal.find('\\') != std::string_view::npos) return time_somewhere;
    for (auto at = literal.find(key); at != std::string_view::npos; at = literal.find(key, at + 1)) ++found;
    if (i == shape.slots().size()) break;
    if (shape.slots()[i].kind == SlotKind::bare) return time_somewhere;
    const bool quoted = shape.slots()[i].kind != SlotKind::number;
    if (quoted) {  // a string that may be a key
      const auto& behind = shape.literal(i + 1);
      if (behind.size() > 1 && behind[1] != ',' && behind[1] != '}' && behind[1] != ']') return time_somewhere;
    }
    auto before = literal;
    if (quoted) before.remove_suffix(1);
    if (before.ends_with(' ')) before.remove_suffix(1);
    if (before.ends_with("\"timestamp\":")) slot = static_cast<int>(i);
  }
  if (found == 0) return time_nowhere;
  if (found > 1 || slot < 0) return time_somewhere;
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  simdjson::dom::element field;
  const bool at_top = parser.parse(payload.data(), payload.size()).get(object) == simdjson::SUCCESS &&
                      object.at_key("timestamp").get(field) == simdjson::SUCCESS;
  return at_top ? slot : time_nowhere;
}

struct Shape {
  Template shape;
  int time = time_nowhere;
  std::uint32_t number = no_row;  // in this block
  RowLinks links;
  std::vector<SlotValue> values;  // row by row
  Buffer texts;                   // that they point into, by offset until finish()
  std::vector<std::uint32_t> topics;
};

struct TopicState {
  Shape* last = nullptr;  // shape of its last payload, and
  std::uint32_t row = no_row;
  std::vector<std::pair<Shape*, std::uint32_t>> others;  // its last rows of other shapes

  // Its last row of `shape`, which gets the new one `now`.
  std::uint32_t turn_to(Shape* shape, std::uint32_t now) {
    auto before = no_row;
    if (last == shape) {
      before = row;
    } else {
      const auto found = std::ranges::find(others, shape, &std::pair<Shape*, std::uint32_t>::first);
      if (found != others.end()) {
        before = found->second;
        *found = {last, row};
      } else if (last != nullptr) {
        others.emplace_back(last, row);
      }
    }
    last = shape;
    row = now;
    return before;
  }
};

EventTime time_in(const Shape& s, const SlotValue* values, Bytes payload, Wall appended_at) {
  if (s.time == time_nowhere) return to_event(appended_at);
  if (s.time == time_somewhere) return event_time(payload, appended_at);
  const auto& slot = s.shape.slots()[static_cast<std::size_t>(s.time)];
  const auto& value = values[s.time];
  if (slot.kind == SlotKind::time) return EventTime{std::chrono::milliseconds{time_ms(value.whole, slot.style)}};
  if (slot.kind == SlotKind::text) return parse_time(value.text).value_or(to_event(appended_at));
  if (value.digits == 0 && value.whole >= 100'000'000'000 && value.whole <= 253402300799999)
    return EventTime{std::chrono::milliseconds{value.whole}};
  return event_time(payload, appended_at);
}

void append_numbers(Buffer& to, const Shape& s, std::size_t slot) {
  const auto slots = s.shape.slots().size();
  const auto rows = s.links.before.size();
  const auto value = [&](std::size_t row) -> const SlotValue& { return s.values[row * slots + slot]; };
  std::uint8_t most = 0, least = number_digits_max;
  std::uint64_t size = 0;
  for (std::size_t r = 0; r < rows; ++r) {
    most = std::max(most, value(r).digits);
    least = std::min(least, value(r).digits);
    size |= static_cast<std::uint64_t>(value(r).whole < 0 ? -value(r).whole : value(r).whole);
  }
  // One scale for all, and digits that follow from the value: as many as are needed, but not fewer than `least`.
  std::uint64_t power = 1;
  for (auto i = least; i < most && power < 1'000'000'000'000'000'000U; ++i) power *= 10;
  bool regular = s.shape.slots()[slot].kind == SlotKind::time || most == least ||
                 (most - least <= significant_max && std::bit_width(size) + std::bit_width(power) < 63);
  std::vector<std::int64_t> wholes(rows);
  for (std::size_t r = 0; r < rows; ++r) {
    const auto& v = value(r);
    wholes[r] = v.whole;
    if (most == least) continue;
    if (v.digits != least && v.whole % 10 == 0) regular = false;
  }
  if (regular && most != least) {
    static constexpr auto tens = [] {
      std::array<std::int64_t, significant_max + 1> made{1};
      for (std::size_t i = 1; i < made.size(); ++i) made[i] = made[i - 1] * 10;
      return made;
    }();
    for (std::size_t r = 0; r < rows; ++r) wholes[r] *= tens[static_cast<std::size_t>(most - value(r).digits)];
  }
  append_byte(to, most);
  append_byte(to, regular ? least : std::uint8_t{0xff});
  if (!regular)
    for (std::size_t r = 0; r < rows; ++r) append_byte(to, value(r).digits);
  std::array<std::uint64_t, 3> cost{};
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::uint8_t how = 0; how < 3; ++how) {
      const auto off = static_cast<std::uint64_t>(wholes[r]) - s.links.expected(static_cast<Foretold>(how), wholes, r);
      cost[how] += static_cast<std::uint64_t>(std::bit_width(zigzag(static_cast<std::int64_t>(off))));
    }
  }
  const auto how = static_cast<std::uint8_t>(std::ranges::min_element(cost) - cost.begin());
  append_byte(to, how);
  for (std::size_t r = 0; r < rows; ++r) {
    const auto off = static_cast<std::uint64_t>(wholes[r]) - s.links.expected(static_cast<Foretold>(how), wholes, r);
    append_varint(to, zigzag(static_cast<std::int64_t>(off)));
  }
}

// A string: 0 as the topic had it last, 1 the topic's device, 2 as in the row before, 3 written out.
void append_texts(Buffer& to, const Shape& s, std::size_t slot, const NameColumn& topics) {
  const auto slots = s.shape.slots().size();
  const auto text = [&](std::size_t row) {
    const auto& v = s.values[row * slots + slot];
    return as_text(Bytes(s.texts).subspan(static_cast<std::size_t>(v.whole), v.text.size()));
  };
  Buffer written;
  for (std::size_t r = 0; r < s.links.before.size(); ++r) {
    const auto before = s.links.before[r];
    const auto t = text(r);
    if (before != no_row && text(before) == t) {
      append_byte(to, 0);
    } else if (t == device_in(topics.name(s.topics[r]))) {
      append_byte(to, 1);
    } else if (r > 0 && text(r - 1) == t) {
      append_byte(to, 2);
    } else {
      append_byte(to, 3);
      append_counted(written, as_bytes(t));
    }
  }
  append_bytes(to, written);
}

}  // namespace

struct PayloadPacker::Impl {
  NameColumn topics, origins;
  std::unordered_map<std::string, std::unique_ptr<Shape>> shapes;
  std::vector<Shape*> used;        // in this block, by number
  std::vector<TopicState> states;  // by the topic's number in this block
  std::size_t count = 0;
  Buffer codes;  // 0: the shape that the topic had last; 1: none; else number + 2
  Buffer raw;    // payloads without a shape
  std::string text;
  std::vector<SlotValue> values = std::vector<SlotValue>(template_slots_max + 1);
  Shape* recent = nullptr;

  Shape* shape_of(std::string_view payload, Shape* guess) {
    for (auto* s : {guess, recent})
      if (s != nullptr && s->shape.match(payload, values.data())) return s;
    if (payload.size() > template_bytes_max || !Template::learn(payload, text, values)) return nullptr;
    const auto slots = values.size();
    values.resize(template_slots_max + 1);
    auto found = shapes.find(text);
    if (found == shapes.end()) {
      auto made = std::make_unique<Shape>();
      if (!Template::parse(text, made->shape) || made->shape.slots().size() != slots) return nullptr;
      made->time = find_time(payload, made->shape);
      found = shapes.emplace(text, std::move(made)).first;
    }
    return found->second.get();
  }

  void keep(Shape& s, std::uint32_t topic, TopicState& state) {
    if (s.number == no_row) {
      s.number = static_cast<std::uint32_t>(used.size());
      used.push_back(&s);
    }
    const auto row = static_cast<std::uint32_t>(s.links.before.size());
    s.links.before.push_back(state.turn_to(&s, row));
    s.topics.push_back(topic);
    for (std::size_t i = 0; i < s.shape.slots().size(); ++i) {
      auto v = values[i];
      if (s.shape.slots()[i].kind == SlotKind::time) v.digits = 0;
      if (is_text(s.shape.slots()[i].kind)) {
        v.whole = static_cast<std::int64_t>(s.texts.size());
        append_bytes(s.texts, as_bytes(v.text));
      }
      s.values.push_back(v);
    }
  }
};

PayloadPacker::PayloadPacker() : impl_(std::make_unique<Impl>()) {}
PayloadPacker::~PayloadPacker() = default;

EventTime PayloadPacker::add(const Message& m, Wall appended_at) {
  auto& self = *impl_;
  ++self.count;
  self.origins.add(m.origin);
  const auto topic = self.topics.add(m.topic);
  if (topic == self.states.size()) self.states.emplace_back();
  auto& state = self.states[topic];
  const auto payload = as_text(m.payload);
  auto* const shape = m.is_row ? nullptr : self.shape_of(payload, state.last);
  if (shape == nullptr) {
    append_varint(self.codes, 1);
    append_counted(self.raw, m.payload);
    return m.is_row ? to_event(appended_at) : event_time(m.payload, appended_at);
  }
  const auto time = time_in(*shape, self.values.data(), m.payload, appended_at);
  const bool again = state.last == shape;
  self.keep(*shape, topic, state);
  append_varint(self.codes, again ? 0 : shape->number + 2ULL);
  self.recent = shape;
  return time;
}

void PayloadPacker::finish(Buffer& to) {
  auto& self = *impl_;
  append_varint(to, self.count);
  self.topics.finish(to);
  self.origins.finish(to);
  append_varint(to, self.used.size());
  for (const auto* s : self.used) append_counted(to, as_bytes(s->shape.text()));
  append_counted(to, self.codes);
  append_counted(to, self.raw);
  Buffer column;
  for (auto* s : self.used) {
    for (std::size_t i = 0; i < s->shape.slots().size(); ++i) {
      column.clear();
      if (is_text(s->shape.slots()[i].kind))
        append_texts(column, *s, i, self.topics);
      else
        append_numbers(column, *s, i);
      append_counted(to, column);
    }
    s->number = no_row;
    s->links.before.clear();
    s->values.clear();
    s->texts.clear();
    s->topics.clear();
  }
  self.used.clear();
  self.states.clear();
  self.topics.clear();
  self.origins.clear();
  self.codes.clear();
  self.raw.clear();
  self.count = 0;
  if (self.shapes.size() > shapes_kept_max) {
    self.shapes.clear();
    self.recent = nullptr;
  }
}

}  // namespace skerry::codec
