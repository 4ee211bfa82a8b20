// Runs every conversation in tests/mqtt/wire/ and the ones fuzzing found.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/mqtt/conversation.hpp"

namespace skerry::mqtt {
namespace {

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::istringstream in{std::string(text)};
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

std::string value_of(const std::vector<std::string>& words, std::string_view key, std::string otherwise = {}) {
  for (const auto& word : words) {
    if (word.starts_with(std::string(key) + "=")) return word.substr(key.size() + 1);
  }
  return otherwise;
}
bool has(const std::vector<std::string>& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}
std::uint32_t number(const std::string& text) { return static_cast<std::uint32_t>(std::stoul(text)); }

std::string hex(unsigned value) {
  std::ostringstream out;
  out << std::hex << "0x" << (value < 16 ? "0" : "") << value;
  return out.str();
}

std::string properties_text(Bytes raw, In where) {
  std::string text;
  const auto p = Properties::read(raw, where);
  if (!p) return " bad-properties";
  if (p->has(Property::message_expiry)) text += " expiry=" + std::to_string(p->number(Property::message_expiry));
  for (const auto id : p->subscription_ids()) text += " sub=" + std::to_string(id);
  if (p->has(Property::content_type)) text += " type=" + std::string(p->text(Property::content_type));
  if (p->has(Property::assigned_client_id)) text += " assigned";
  if (p->has(Property::session_expiry)) text += " expiry=" + std::to_string(p->number(Property::session_expiry));
  if (p->has(Property::server_keep_alive)) text += " keep=" + std::to_string(p->number(Property::server_keep_alive));
  return text;
}

}  // namespace

std::string packet_text(const Frame& frame, Version version) {
  const auto ack = [&](const char* noun) {
    const auto p = decode_ack(frame, version);
    if (!p) return std::string("unreadable ") + noun;
    return noun + (" " + std::to_string(p->packet_id)) +
           (p->reason != Reason::success ? " " + hex(static_cast<unsigned>(p->reason)) : "");
  };
  const auto codes = [&](const char* noun) {
    const auto p = decode_codes(frame, version);
    if (!p) return std::string("unreadable ") + noun;
    auto text = noun + (" " + std::to_string(p->packet_id));
    for (const auto code : p->codes) text += " " + hex(code);
    return text;
  };
  switch (frame.type) {
    case Type::connack: {
      const auto p = decode_connack(frame, version);
      if (!p) return "unreadable connack";
      return "connack " + (p->code == 0 ? "ok" : hex(p->code)) + (p->session_present ? " present" : "") +
             properties_text(p->properties, In::connack);
    }
    case Type::publish: {
      const auto p = decode_publish(frame, version);
      if (!p) return "unreadable publish";
      auto text = "publish " + std::string(p->topic) + " " +
                  (p->payload.empty()       ? "-"
                   : p->payload.size() > 64 ? std::to_string(p->payload.size()) + "-bytes"
                                            : std::string(as_text(p->payload)));
      if (p->qos != 0) text += " qos=" + std::to_string(p->qos) + " id=" + std::to_string(p->packet_id);
      if (p->retain) text += " retain";
      if (p->dup) text += " dup";
      return text + properties_text(p->properties, In::publish);
    }
    case Type::puback: return ack("puback");
    case Type::pubrec: return ack("pubrec");
    case Type::pubrel: return ack("pubrel");
    case Type::pubcomp: return ack("pubcomp");
    case Type::suback: return codes("suback");
    case Type::unsuback: return codes("unsuback");
    case Type::pingresp: return "pingresp";
    case Type::disconnect: {
      const auto p = decode_disconnect(frame, version);
      return p ? "disconnect " + hex(static_cast<unsigned>(p->reason)) : "unreadable disconnect";
    }
    default: return "packet " + std::to_string(static_cast<unsigned>(frame.type));
  }
}

Rig& Conversation::rig() {
  if (!rig_) rig_ = std::make_unique<Rig>(1, options_);
  return *rig_;
}

void Conversation::option(const std::string& assignment) {
  const auto at = assignment.find('=');
  const auto name = assignment.substr(0, at);
  const auto value = number(assignment.substr(at + 1));
  if (name == "packet_bytes_max") options_.packet_bytes_max = value;
  if (name == "receive_maximum") options_.receive_maximum = static_cast<std::uint16_t>(value);
  if (name == "subscriptions_per_session_max") options_.subscriptions_per_session_max = value;
  if (name == "keep_alive_s_max") options_.keep_alive_s_max = static_cast<std::uint16_t>(value);
  if (name == "inflight_max") options_.inflight_max = static_cast<std::uint16_t>(value);
}

Conversation::Side& Conversation::side(const std::string& name) {
  auto& made = sides_[name];
  if (made && !made->closed) return *made;
  if (made && !made->in.empty()) return *made;
  made = std::make_unique<Side>();
  rig().clients.connect({"127.0.0.1", rig().port}, [this, s = made.get()](Result<std::unique_ptr<Connection>> c) {
    INVARIANT(c.has_value());
    s->connection = std::move(*c);
    rig().clients.start(*s->connection, *s);
  });
  rig().run();
  return *made;
}

namespace {

Buffer connect_packet(const std::vector<std::string>& w, Version version) {
  Connect p;
  p.version = version;
  const auto client = value_of(w, "id");
  p.client_id = client;
  p.clean_start = has(w, "clean");
  p.keep_alive_s = static_cast<std::uint16_t>(number(value_of(w, "keep", "0")));
  Buffer properties;
  if (const auto v = value_of(w, "expiry"); !v.empty()) put_number(properties, Property::session_expiry, number(v));
  if (const auto v = value_of(w, "receive"); !v.empty()) put_number(properties, Property::receive_maximum, number(v));
  if (const auto v = value_of(w, "max"); !v.empty()) put_number(properties, Property::maximum_packet_size, number(v));
  p.properties = properties;
  const auto will = value_of(w, "will");
  Buffer will_properties;
  if (const auto v = value_of(w, "delay"); !v.empty()) put_number(will_properties, Property::will_delay, number(v));
  if (!will.empty()) {
    const auto first = will.find(':');
    const auto second = will.find(':', first + 1);
    const auto payload = std::string_view(will).substr(first + 1, second - first - 1);
    p.will = Will{std::string_view(will).substr(0, first), as_bytes(payload),
                  static_cast<std::uint8_t>(number(will.substr(second + 1))), has(w, "wretain"), will_properties};
  }
  Buffer bytes;
  encode(bytes, p);
  return bytes;
}

Buffer publish_packet(const std::vector<std::string>& w, Version version) {
  Publish p;
  const auto topic = w[1] == "-" ? std::string{} : w[1];
  std::string payload = w.size() > 2 && w[2] != "-" ? w[2] : "";
  if (const auto size = value_of(w, "bytes"); !size.empty()) payload = std::string(number(size), 'x');
  p.topic = topic;
  p.payload = as_bytes(payload);
  p.qos = static_cast<std::uint8_t>(number(value_of(w, "qos", "0")));
  p.packet_id = static_cast<std::uint16_t>(number(value_of(w, "id", "0")));
  p.retain = has(w, "retain");
  p.dup = has(w, "dup");
  Buffer properties;
  if (const auto v = value_of(w, "expiry"); !v.empty()) put_number(properties, Property::message_expiry, number(v));
  if (const auto v = value_of(w, "alias"); !v.empty()) put_number(properties, Property::topic_alias, number(v));
  if (const auto v = value_of(w, "type"); !v.empty()) put_text(properties, Property::content_type, v);
  p.properties = properties;
  Buffer bytes;
  encode(bytes, version, p);
  return bytes;
}

Buffer subscribe_packet(const std::vector<std::string>& w, Version version) {
  std::vector<std::string> filters;
  for (std::size_t i = 1; i < w.size(); ++i) {
    if (w[i].find('=') == std::string::npos && w[i] != "nolocal" && w[i] != "rap") filters.push_back(w[i]);
  }
  const auto id = static_cast<std::uint16_t>(number(value_of(w, "id", "0")));
  Buffer bytes;
  if (w[0] == "unsubscribe") {
    Unsubscribe p;
    p.packet_id = id;
    for (const auto& f : filters) p.filters.push_back(f);
    encode(bytes, version, p);
    return bytes;
  }
  Subscribe p;
  p.packet_id = id;
  p.id = number(value_of(w, "sub", "0"));
  for (const auto& f : filters) {
    p.filters.push_back({f, static_cast<std::uint8_t>(number(value_of(w, "qos", "0"))), has(w, "nolocal"),
                         has(w, "rap"), static_cast<std::uint8_t>(number(value_of(w, "rh", "0")))});
  }
  encode(bytes, version, p);
  return bytes;
}

}  // namespace

std::string Conversation::packet_out(Side& s, const std::vector<std::string>& w) {
  static const std::map<std::string, Type> acks{
      {"puback", Type::puback}, {"pubrec", Type::pubrec}, {"pubrel", Type::pubrel}, {"pubcomp", Type::pubcomp}};
  Buffer bytes;
  const auto& verb = w[0];
  if (verb == "connect") {
    s.version = has(w, "v5") ? Version::v5 : Version::v311;
    bytes = connect_packet(w, s.version);
  } else if (verb == "publish") {
    bytes = publish_packet(w, s.version);
  } else if (verb == "subscribe" || verb == "unsubscribe") {
    bytes = subscribe_packet(w, s.version);
  } else if (const auto ack = acks.find(verb); ack != acks.end()) {
    encode_ack(bytes, s.version, ack->second, static_cast<std::uint16_t>(number(w.at(1))));
  } else if (verb == "ping") {
    encode_empty(bytes, Type::pingreq);
  } else if (verb == "disconnect") {
    encode_disconnect(bytes, s.version, static_cast<Reason>(w.size() > 1 ? std::stoul(w[1], nullptr, 16) : 0));
  } else if (verb == "hex") {
    if (has(w, "v5")) s.version = Version::v5;
    for (std::size_t i = 1 + (has(w, "v5") ? 1 : 0); i < w.size(); ++i) {
      append_byte(bytes, static_cast<std::uint8_t>(std::stoul(w[i], nullptr, 16)));
    }
  } else if (verb == "cut") {
    s.connection.reset();
    s.closed = true;
    rig().run();
    return {};
  } else {
    return "an unknown packet: " + verb;
  }
  if (!s.connection) return "not connected";
  s.connection->send(bytes);
  rig().run();
  return {};
}

std::string Conversation::packet_in(Side& s, const std::string& expected) {
  std::size_t needed = 0;
  const auto frame = next_frame(s.in, limits::remaining_length_max, needed);
  if (!frame) return "the broker sent what is no packet";
  if (!*frame) {
    const std::string got = !s.in.empty() ? "a part of a packet" : s.closed ? "closed" : "nothing";
    return got == expected ? "" : "expected `" + expected + "`, got `" + got + "`";
  }
  const auto got = packet_text(**frame, s.version);
  s.in.erase(s.in.begin(), s.in.begin() + static_cast<std::ptrdiff_t>((*frame)->bytes));
  return got == expected ? "" : "expected `" + expected + "`, got `" + got + "`";
}

std::string Conversation::line(std::string_view text) {
  const auto w = words_of(text);
  if (w.empty() || w[0].starts_with("#")) return {};
  if (w[0] == "option") return option(w[1]), std::string{};
  if (w[0] == "commit") return rig().commit(), rig().run(), std::string{};
  if (w[0] == "wait") return rig().run(std::chrono::seconds{std::stoi(w[1])}), std::string{};
  if (w[0] == "crash" || w[0] == "restart") {
    if (w[0] == "restart") {
      rig().broker->shut();
      rig().commit();
      INVARIANT(rig().broker->checkpoint().has_value());
    }
    rig().crash(false);
    rig().run();
    return {};
  }
  if (w.size() < 3) return "a line that is nothing";
  if (w[1] == ">") return packet_out(side(w[0]), {w.begin() + 2, w.end()});
  std::string expected;
  for (std::size_t i = 2; i < w.size(); ++i) expected += (i == 2 ? "" : " ") + w[i];
  return packet_in(*sides_.at(w[0]), expected);
}

std::string Conversation::run(std::string_view text) {
  std::istringstream in{std::string(text)};
  int number_of_line = 0;
  for (std::string each; std::getline(in, each);) {
    ++number_of_line;
    const auto wrong = line(each);
    if (!wrong.empty()) return "line " + std::to_string(number_of_line) + " (" + each + "): " + wrong;
  }
  for (auto& [name, s] : sides_) {
    if (!s->in.empty()) {
      const auto wrong = packet_in(*s, "nothing");
      return "after the last line, " + name + ": " + wrong;
    }
  }
  for (auto& [name, s] : sides_) s->connection.reset();
  return {};
}

class Wire : public testing::TestWithParam<std::string> {};

TEST_P(Wire, Conversation) {
  std::ifstream file(std::string(SKERRY_SOURCE_DIR) + "/tests/mqtt/" + GetParam());
  std::stringstream text;
  text << file.rdbuf();
  ASSERT_FALSE(text.str().empty());
  Conversation conversation;
  EXPECT_EQ(conversation.run(text.str()), "");
}

std::vector<std::string> files() {
  std::vector<std::string> names;
  for (const char* dir : {"wire", "fuzz"}) {
    for (const auto& entry :
         std::filesystem::directory_iterator(std::string(SKERRY_SOURCE_DIR) + "/tests/mqtt/" + dir)) {
      if (entry.path().extension() == ".wire")
        names.push_back(std::string(dir) + "/" + entry.path().filename().string());
    }
  }
  std::ranges::sort(names);
  return names;
}

INSTANTIATE_TEST_SUITE_P(All, Wire, testing::ValuesIn(files()), [](const auto& parameter) {
  auto name = parameter.param.substr(0, parameter.param.size() - 5);
  for (auto& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
});

}  // namespace skerry::mqtt
