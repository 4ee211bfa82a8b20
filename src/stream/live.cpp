// A pipeline's text into something that runs on topics.
#include "stream/live.hpp"

#include <algorithm>
#include <functional>

#include "base/crc32c.hpp"
#include "stream/lexer.hpp"

namespace skerry::stream {
namespace {

std::unexpected<Error> of_pipeline(const std::string& name, Error error) {
  error.where = "pipeline " + name + (error.where.empty() ? "" : ", " + error.where);
  return std::unexpected(std::move(error));
}

Result<std::string> topic_of(const TableNode& node) {
  const auto& table = node.table_ast;
  const auto option = [&](const char* name) {
    const auto found = table.options.find(name);
    return found == table.options.end() ? std::string{} : found->second;
  };
  const auto where = table.place.text();
  if (option("connector") != "mqtt")
    return fail(Code::unsupported, "the table " + table.name + " needs 'connector'='mqtt'", where);
  if (const auto format = option("format"); !format.empty() && format != "json") {
    return fail(Code::unsupported, "the format '" + format + "' is not supported: 'json' is", where);
  }
  const auto topic = option("topic");
  if (auto ok = record::check_filter(topic); !ok) {
    return fail(Code::invalid,
                "the table " + table.name + " needs a 'topic' such as 'sensors/+/data': " + ok.error().what, where);
  }
  static const std::vector<std::string> keys = {"device_id",  "topic",   "received_at", "timestamp",
                                                "event_time", "payload", "position",    "offset"};
  for (const auto& column : table.columns) {
    if (!column.metadata || std::ranges::find(keys, *column.metadata) != keys.end()) continue;
    const auto near = nearest(*column.metadata, keys);
    return fail(
        Code::not_found,
        "no metadata is called '" + *column.metadata + "'" + (near.empty() ? "" : "; did you mean '" + near + "'?"),
        column.place.text());
  }
  return topic;
}

Result<> check_name(const std::string& name) {
  const bool ok = !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
  if (!ok) return fail(Code::invalid, "a pipeline's name has letters, digits, - and _, at most 64: '" + name + "'");
  return {};
}

}  // namespace

std::string version_of(std::string_view sql) {
  // Tokens, not characters: a comment or an indent changes nothing.
  std::string normal;
  if (const auto tokens = lex(sql)) {
    for (const auto& token : *tokens) {
      normal += static_cast<char>('0' + static_cast<int>(token.is));
      normal += token.text + '\0';
    }
  } else {
    normal = sql;
  }
  const auto a = crc32c(as_bytes(normal));
  const auto b = crc32c(as_bytes(normal + "|"), 0x5bd1e995);
  static constexpr std::string_view digits = "0123456789abcdefghjkmnpqrstvwxyz";
  std::string to;
  for (auto bits = (static_cast<std::uint64_t>(a) << 32) | b; to.size() < 8; bits >>= 5) to += digits[bits & 31];
  return to;
}

Result<std::unique_ptr<Live>> make_live(const PipelineText& from, const Deps& deps) {
  TRY(check_name(from.name));
  auto to = std::make_unique<Live>();
  to->name = from.name;
  to->text = from.text;
  to->version = version_of(from.text);
  to->origin = "pipeline:" + from.name;
  auto plan = Plan::make(from.text, {deps.options.keys_max, deps.options.window_rows_max});
  if (!plan) return of_pipeline(from.name, std::move(plan).error());
  to->plan = std::move(*plan);
  if (to->plan->has_values())
    return of_pipeline(from.name,
                       Error{Code::unsupported, "VALUES has no place in a live pipeline: it reads no topic", {}});
  for (const auto* table : to->plan->tables()) {
    auto topic = topic_of(*table);
    if (!topic) return of_pipeline(from.name, std::move(topic).error());
    to->reads.push_back(std::move(*topic));
  }
  for (const auto& sink : to->plan->sinks()) {
    auto form = SinkForm::make(sink, deps.classes, deps.options.command_ttl.count());
    if (!form) return of_pipeline(from.name, std::move(form).error());
    to->sinks.push_back(std::move(*form));
  }
  const metrics::Labels labels{{"pipeline", from.name}};
  to->rows_in_total = &deps.metrics.counter("skerry_stream_rows_total", "Rows read and made by pipelines.",
                                            {{"pipeline", from.name}, {"direction", "in"}});
  to->rows_out_total = &deps.metrics.counter("skerry_stream_rows_total", "Rows read and made by pipelines.",
                                             {{"pipeline", from.name}, {"direction", "out"}});
  to->errors_total = &deps.metrics.counter("skerry_stream_errors_total",
                                           "Fields of the wrong type and results that could not be sent.", labels);
  to->dropped_total =
      &deps.metrics.counter("skerry_stream_state_dropped_total", "Keys and window rows given up for a limit.", labels);
  return to;
}

Result<> check_circles(const std::vector<std::unique_ptr<Live>>& all) {
  const auto feeds = [&](const Live& a, const Live& b) {
    for (const auto& sink : a.sinks) {
      for (const auto& read : b.reads) {
        if (record::filters_meet(sink.filter, read)) return true;
      }
    }
    return false;
  };
  std::vector<int> state(all.size(), 0);  // 1: on the way, 2: done
  std::function<Result<>(std::size_t)> visit = [&](std::size_t i) -> Result<> {
    state[i] = 1;
    for (std::size_t j = 0; j < all.size(); ++j) {
      if (state[j] == 2 || !feeds(*all[i], *all[j])) continue;
      if (state[j] == 1) {
        return fail(Code::invalid,
                    i == j ? "it reads topics it writes itself, which would never end"
                           : "it writes topics that pipeline " + all[j]->name + " reads, which feeds it again",
                    "pipeline " + all[i]->name);
      }
      TRY(visit(j));
    }
    state[i] = 2;
    return {};
  };
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (state[i] == 0) TRY(visit(i));
  }
  return {};
}

}  // namespace skerry::stream
