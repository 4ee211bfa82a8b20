// Options of a table into what its records look like.
#include "stream/outputs.hpp"

#include <algorithm>
#include <charconv>

#include "codec/json.hpp"
#include "stream/lexer.hpp"

namespace skerry::stream {
namespace {

const std::vector<std::string>& known_options() {
  static const std::vector<std::string> names = {"connector", "topic",  "format", "payload",
                                                 "qos",       "retain", "class",  "ttl"};
  return names;
}

Result<std::int64_t> duration_ms(const std::string& text, const std::string& where) {
  double number = 0;
  const auto done = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string_view unit(done.ptr, static_cast<std::size_t>(text.data() + text.size() - done.ptr));
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  const double ms = unit == "ms"                   ? 1
                    : unit == "s"                  ? 1000
                    : unit == "min" || unit == "m" ? 60'000
                    : unit == "h"                  ? 3'600'000
                                                   : 0;
  if (done.ec != std::errc{} || ms == 0 || number < 0 || number * ms > 1e12) {
    return fail(Code::invalid, "'ttl' needs a duration such as '30 s', found '" + text + "'", where);
  }
  return static_cast<std::int64_t>(number * ms);
}

}  // namespace

Result<SinkForm> SinkForm::make(const Sink& sink, const record::ClassRules& classes, std::int64_t ttl_ms_default) {
  if (!sink.table)
    return fail(Code::invalid, "a SELECT by itself goes nowhere in a live pipeline: expected INSERT INTO",
                sink.place.text());
  const auto where = sink.table->place.text();
  const auto& options = sink.table->options;
  const auto option = [&](const char* name) {
    const auto found = options.find(name);
    return found == options.end() ? std::string{} : found->second;
  };
  if (option("connector") != "mqtt")
    return fail(Code::unsupported, "the table " + sink.table->name + " needs 'connector'='mqtt'", where);
  const auto topic = option("topic");
  if (topic.empty())
    return fail(Code::invalid, "the table " + sink.table->name + " needs a 'topic' such as 'alerts/{device_id}'",
                where);
  for (const auto& [name, value] : options) {
    if (std::ranges::find(known_options(), name) == known_options().end() && !name.starts_with("json.")) {
      const auto near = nearest(name, known_options());
      return fail(Code::invalid,
                  "no option is called '" + name + "'" + (near.empty() ? "" : "; did you mean '" + near + "'?"), where);
    }
  }
  const auto payload = option("payload");
  if (!payload.empty() && payload != "plain" && payload != "alert" && payload != "command") {
    return fail(Code::invalid, "'payload' is 'plain', 'alert' or 'command', found '" + payload + "'", where);
  }
  const bool own = payload == "alert" || payload == "command";
  SinkForm to(sink.rows->scope, TimeStyle::rfc3339, own);
  to.payload = payload == "alert" ? Payload::alert : payload == "command" ? Payload::command : Payload::plain;
  to.qos = to.payload == Payload::alert ? 1 : to.payload == Payload::command ? 2 : 0;
  if (const auto qos = option("qos"); !qos.empty()) {
    if (qos != "0" && qos != "1" && qos != "2")
      return fail(Code::invalid, "'qos' is 0, 1 or 2, found '" + qos + "'", where);
    to.qos = static_cast<std::uint8_t>(qos[0] - '0');
  }
  to.retain = option("retain") == "true";
  to.ttl_ms = to.payload == Payload::command ? ttl_ms_default : 0;
  if (const auto ttl = option("ttl"); !ttl.empty()) to.ttl_ms = TRY(duration_ms(ttl, where));
  if (const auto name = option("class"); !name.empty()) {
    to.cls = record::class_named(name);
    if (!to.cls) return fail(Code::invalid, "'class' is critical, high, medium or low, found '" + name + "'", where);
  }
  for (const auto& one : sink.rows->scope) to.has_time_ |= one.name == "timestamp";

  std::string_view rest = topic;
  while (!rest.empty()) {
    const auto open = rest.find('{');
    to.topic_.push_back({std::string(rest.substr(0, open)), -1});
    to.filter += to.topic_.back().text;
    if (open == std::string_view::npos) break;
    const auto close = rest.find('}', open);
    if (close == std::string_view::npos) return fail(Code::invalid, "expected '}' in the topic '" + topic + "'", where);
    const auto name = rest.substr(open + 1, close - open - 1);
    const auto column = std::ranges::find_if(sink.rows->scope, [&](const Named& n) { return n.name == name; });
    if (column == sink.rows->scope.end() || column->type.kind != Kind::string) {
      return fail(Code::not_found,
                  "the topic names {" + std::string(name) + "}, which is no STRING column of " + sink.table->name,
                  where);
    }
    to.topic_.push_back({{}, static_cast<int>(column - sink.rows->scope.begin())});
    to.filter += "+";
    rest.remove_prefix(close + 1);
  }
  if (auto ok = record::check_filter(to.filter); !ok)
    return fail(Code::invalid, "the topic '" + topic + "': " + ok.error().what, where);
  (void)classes;
  return to;
}

bool SinkForm::append_topic(std::string& to, const Batch& batch, std::size_t row) const {
  for (const auto& piece : topic_) {
    if (piece.column < 0) {
      to += piece.text;
      continue;
    }
    const auto& column = *batch.columns[static_cast<std::size_t>(piece.column)];
    if (column.null[row] || !record::check_device_id(column.text[row])) return false;
    to += column.text[row];
  }
  return true;
}

}  // namespace skerry::stream
