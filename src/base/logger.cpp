// Events to standard error through spdlog, which keeps lines of several threads apart.
#include "base/logger.hpp"

#include <spdlog/sinks/ansicolor_sink.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <nlohmann/json.hpp>

#include "base/clock.hpp"

namespace skerry::logger {
namespace {

std::atomic<Level> lowest{Level::info};
std::atomic<Format> format_now{Format::text};

spdlog::logger& sink() {
  static const auto instance = [] {
    auto made = std::make_shared<spdlog::logger>("skerry", std::make_shared<spdlog::sinks::ansicolor_stderr_sink_mt>());
    made->set_level(spdlog::level::trace);
    made->set_pattern("%v");
    return made;
  }();
  return *instance;
}

std::string_view name(Level level) {
  switch (level) {
    case Level::debug: return "debug";
    case Level::info: return "info";
    case Level::warn: return "warn";
    default: return "error";
  }
}

std::string as_json(Level level, std::string_view room, std::string_view event, Fields fields) {
  nlohmann::ordered_json line;
  line["time"] = format_rfc3339(to_event(system_clock().wall()));
  line["level"] = name(level);
  line["room"] = room;
  line["event"] = event;
  for (const auto& field : fields) {
    auto& value = line[std::string(field.key)];
    if (field.is_number) value = nlohmann::ordered_json::parse(field.value, nullptr, false);
    if (!field.is_number || value.is_discarded()) value = field.value;  // JSON has no nan and no inf
  }
  return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// Control characters of a value must not forge lines or colours in an operator's terminal.
void append_clean(std::string& to, std::string_view value) {
  for (const char c : value) to += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
}

std::string as_text(Level level, std::string_view room, std::string_view event, Fields fields) {
  std::string line;
  append_rfc3339(line, to_event(system_clock().wall()));
  line += ' ';
  std::string level_name(name(level));
  level_name.resize(5, ' ');
  line += level_name;
  line += " [";
  line += room;
  line += "] ";
  append_clean(line, event);
  for (const auto& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    const bool quote = field.value.empty() || field.value.find(' ') != std::string::npos;
    if (quote) line += '"';
    append_clean(line, field.value);
    if (quote) line += '"';
  }
  return line;
}

}  // namespace

void configure(Level level, Format format) {
  lowest = level;
  format_now = format;
}

void write(Level level, std::string_view room, std::string_view event, Fields fields) {
  if (level < lowest.load(std::memory_order_relaxed)) return;
  const auto line = format_now.load(std::memory_order_relaxed) == Format::json ? as_json(level, room, event, fields)
                                                                               : as_text(level, room, event, fields);
  sink().log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
  sink().flush();
}

}  // namespace skerry::logger
