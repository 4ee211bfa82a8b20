// The table of MQTT 5 properties, and reading them against it.
#include "mqtt/properties.hpp"

#include "mqtt/limits.hpp"
#include "mqtt/wire.hpp"
#include "record/record.hpp"

namespace skerry::mqtt {
namespace {

enum class Form : std::uint8_t { none, byte, two, four, varint, text, binary, pair };

struct Rule {
  Form form = Form::none;
  std::uint16_t where = 0;
};

constexpr std::uint16_t set(std::initializer_list<In> places) {
  std::uint16_t bits = 0;
  for (const auto place : places) bits = static_cast<std::uint16_t>(bits | static_cast<std::uint16_t>(place));
  return bits;
}

// MQTT 5.0 table 2-4.
constexpr std::array<Rule, 0x2b> make_rules() {
  std::array<Rule, 0x2b> rules{};
  const auto rule = [&](Property p, Form form, std::initializer_list<In> places) {
    rules[static_cast<unsigned>(p)] = {form, set(places)};
  };
  using enum In;
  rule(Property::payload_format, Form::byte, {publish, will});
  rule(Property::message_expiry, Form::four, {publish, will});
  rule(Property::content_type, Form::text, {publish, will});
  rule(Property::response_topic, Form::text, {publish, will});
  rule(Property::correlation_data, Form::binary, {publish, will});
  rule(Property::subscription_id, Form::varint, {publish, subscribe});
  rule(Property::session_expiry, Form::four, {connect, connack, disconnect});
  rule(Property::assigned_client_id, Form::text, {connack});
  rule(Property::server_keep_alive, Form::two, {connack});
  rule(Property::authentication_method, Form::text, {connect, connack, auth});
  rule(Property::authentication_data, Form::binary, {connect, connack, auth});
  rule(Property::request_problem_information, Form::byte, {connect});
  rule(Property::will_delay, Form::four, {will});
  rule(Property::request_response_information, Form::byte, {connect});
  rule(Property::response_information, Form::text, {connack});
  rule(Property::server_reference, Form::text, {connack, disconnect});
  rule(Property::reason_string, Form::text, {connack, ack, suback, disconnect, auth});
  rule(Property::receive_maximum, Form::two, {connect, connack});
  rule(Property::topic_alias_maximum, Form::two, {connect, connack});
  rule(Property::topic_alias, Form::two, {publish});
  rule(Property::maximum_qos, Form::byte, {connack});
  rule(Property::retain_available, Form::byte, {connack});
  rule(Property::user_property, Form::pair,
       {connect, connack, publish, ack, subscribe, suback, unsubscribe, disconnect, auth, will});
  rule(Property::maximum_packet_size, Form::four, {connect, connack});
  rule(Property::wildcard_available, Form::byte, {connack});
  rule(Property::subscription_id_available, Form::byte, {connack});
  rule(Property::shared_available, Form::byte, {connack});
  return rules;
}
constexpr auto rules = make_rules();

constexpr std::uint64_t bit(Property p) { return 1ULL << static_cast<unsigned>(p); }
constexpr std::uint64_t zero_forbidden = bit(Property::receive_maximum) | bit(Property::maximum_packet_size) |
                                         bit(Property::subscription_id) | bit(Property::topic_alias);

std::unexpected<Refusal> refuse(Reason reason, const char* label, const char* what) {
  return std::unexpected(Refusal{reason, label, what});
}

struct Value {
  std::uint32_t number = 0;
  Bytes bytes;
};

// One value of the given form. False: it is not there, or not UTF-8.
bool take_value(Reader& in, Form form, Value& value) {
  switch (form) {
    case Form::byte: value.number = in.byte(); break;
    case Form::two: value.number = in.be<std::uint16_t>(); break;
    case Form::four: value.number = in.be<std::uint32_t>(); break;
    case Form::varint: return take_length(in, value.number);
    case Form::binary: value.bytes = take_binary(in); break;
    case Form::text: {
      const auto text = take_text(in);
      if (!text) return false;
      value.bytes = as_bytes(*text);
      break;
    }
    case Form::pair: return take_text(in).has_value() && take_text(in).has_value();
    case Form::none: return false;
  }
  return in.ok();
}

}  // namespace

std::expected<Properties, Refusal> Properties::read(Bytes raw, In where) {
  Properties got;
  Reader in(raw);
  while (!in.rest().empty()) {
    const auto id = in.byte();  // all ids so far fit one byte of the varint
    if (id >= rules.size() || rules[id].form == Form::none) {
      return refuse(Reason::malformed_packet, "property", "an unknown property");
    }
    const auto& rule = rules[id];
    const auto property = static_cast<Property>(id);
    if ((rule.where & static_cast<std::uint16_t>(where)) == 0) {
      return refuse(Reason::protocol_error, "property", "a property that this packet must not have");
    }
    Value value;
    if (!take_value(in, rule.form, value)) {
      return refuse(Reason::malformed_packet, "property", "a property's value is cut off or not UTF-8");
    }
    if (property == Property::user_property) continue;
    if ((zero_forbidden & bit(property)) != 0 && value.number == 0) {
      if (property == Property::topic_alias) return refuse(Reason::topic_alias_invalid, "topic_alias", "topic alias 0");
      return refuse(Reason::protocol_error, "property", "a property must not be 0");
    }
    if (property == Property::response_topic &&
        (value.bytes.empty() || as_text(value.bytes).find_first_of("+#") != std::string_view::npos)) {
      return refuse(Reason::protocol_error, "property", "the response topic is empty or has a wildcard");
    }
    if (rule.form == Form::byte && value.number > 1) {
      return refuse(Reason::protocol_error, "property", "a property must be 0 or 1");
    }
    if (property == Property::subscription_id && where == In::publish) {
      got.subscription_ids_.push_back(value.number);
      got.present_ |= bit(property);
      continue;
    }
    if (got.has(property)) return refuse(Reason::protocol_error, "property", "a property stands twice");
    got.present_ |= bit(property);
    got.numbers_[id] = value.number;
    got.bytes_[id] = value.bytes;
  }
  return got;
}

void append_forwarded(Buffer& to, Bytes raw) {
  Reader in(raw);
  while (!in.rest().empty()) {
    const auto begin = in.rest();
    const auto id = in.byte();
    Value value;
    if (id >= rules.size() || !take_value(in, rules[id].form, value)) return;
    const auto property = static_cast<Property>(id);
    if (property == Property::topic_alias || property == Property::message_expiry) continue;
    if (property == Property::subscription_id || property == Property::will_delay) continue;
    append_bytes(to, begin.first(begin.size() - in.rest().size()));
  }
}

void put_number(Buffer& to, Property p, std::uint32_t value) {
  append_byte(to, static_cast<std::uint8_t>(p));
  switch (rules[static_cast<unsigned>(p)].form) {
    case Form::byte: append_byte(to, static_cast<std::uint8_t>(value)); break;
    case Form::two: append_be(to, static_cast<std::uint16_t>(value)); break;
    case Form::four: append_be(to, value); break;
    case Form::varint: put_length(to, value); break;
    default: INVARIANT(!"a number for a property that has none");
  }
}

void put_bytes(Buffer& to, Property p, Bytes value) {
  append_byte(to, static_cast<std::uint8_t>(p));
  put_binary(to, value);
}

void put_length(Buffer& to, std::size_t value) {
  INVARIANT(value <= limits::remaining_length_max);
  append_varint(to, value);  // the same code as MQTT's, within this range
}

std::size_t length_bytes(std::size_t value) { return value < 128 ? 1 : value < 16'384 ? 2 : value < 2'097'152 ? 3 : 4; }

}  // namespace skerry::mqtt
