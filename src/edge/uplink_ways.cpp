// The ways to the cloud: what the settings say of them, and how they do, as JSON.
#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "edge/uplink.hpp"

namespace skerry::edge {
namespace {

template <typename Number>
bool read_number(std::string_view text, Number& to) {
  const auto read = std::from_chars(text.data(), text.data() + text.size(), to);
  return read.ec == std::errc{} && read.ptr == text.data() + text.size();
}

std::string_view next_word(std::string_view& text) {
  const auto from = std::min(text.find_first_not_of(" \t"), text.size());
  const auto to = std::min(text.find_first_of(" \t", from), text.size());
  const auto word = text.substr(from, to - from);
  text.remove_prefix(to);
  return word;
}

// `wss://host:8091 interface=wwan0 priority=2`: an address, where it is not that of cloud.url, then what is not as
// usual.
Result<> read_way(std::string_view text, link::WayOptions& way) {
  for (auto word = next_word(text); !word.empty(); word = next_word(text)) {
    if (word.find("://") != std::string_view::npos) {
      way.url = TRY(link::parse_url(word));
      continue;
    }
    const auto equals = std::min(word.find('='), word.size());
    const auto what = word.substr(0, equals);
    const auto value = word.substr(std::min(equals + 1, word.size()));
    bool good = !value.empty();
    if (what == "priority") {
      good = read_number(value, way.priority) && way.priority >= 0;
    } else if (what == "cost") {
      good = read_number(value, way.cost) && way.cost >= 0;
    } else if (what == "interface") {
      good = good && value.size() < 16;  // IFNAMSIZ
      way.via.interface = value;
    } else if (what == "source") {
      way.via.source = value;
    } else if (what == "server_name") {
      way.server_name = value;
    } else {
      good = false;
    }
    if (!good)
      return fail(Code::invalid, "holds \"" + std::string(word) +
                                     "\"; expected an address (wss://host:8091), interface=NAME, source=ADDRESS, "
                                     "priority=NUMBER, cost=NUMBER, server_name=NAME");
  }
  return {};
}

Error at(Error error, const std::string& where) {
  error.where = where;
  return error;
}

}  // namespace

Result<std::vector<link::WayOptions>> uplink_ways(const config::Config& config) {
  const auto& address = config.text("cloud.url");
  const auto url = link::parse_url(address);
  if (!url) return std::unexpected(at(url.error(), "cloud.url=" + address));
  std::vector<link::WayOptions> all{
      {.name = "main", .url = *url, .server_name = config.text("cloud.server_name"), .priority = 1}};
  for (const auto& [name, text] : config.map("link.ways")) {
    const auto where = config.where("link.ways") + ": link.ways: " + name;
    if (all.size() == link::ways_max)
      return fail(Code::invalid, "is one too many: there may be " + std::to_string(link::ways_max), where);
    link::WayOptions further{.name = name, .url = *url, .server_name = all.front().server_name, .priority = 2};
    auto& way = name == "main" ? all.front() : all.emplace_back(std::move(further));
    if (const auto read = read_way(text, way); !read) return std::unexpected(at(read.error(), where));
  }
  return all;
}

std::string uplink_ways_json(const link::UplinkStatus& status) {
  using Json = nlohmann::ordered_json;
  const auto time = [](Wall at) { return format_rfc3339(to_event(at)); };
  Json ways = Json::array();
  for (const auto& each : status.ways) {
    const auto& o = each.options;
    Json way{{"name", o.name}, {"url", link::text_of(o.url)}, {"priority", o.priority}, {"cost", o.cost}};
    if (!o.via.interface.empty()) way["interface"] = o.via.interface;
    if (!o.via.source.empty()) way["source"] = o.via.source;
    way["state"] = link::name(each.state);
    way["since"] = each.since ? Json(time(*each.since)) : Json();
    way["bytes_out"] = each.bytes_out;
    way["bytes_in"] = each.bytes_in;
    way["connects"] = each.connects;
    way["trouble"] = each.trouble ? Json(each.trouble->text) : Json();
    ways.push_back(std::move(way));
  }
  Json moves = Json::array();
  for (const auto& each : status.moves)
    moves.push_back({{"at", time(each.at)}, {"from", each.from}, {"to", each.to}, {"reason", each.reason}});
  return Json{{"ways", std::move(ways)}, {"moves", std::move(moves)}}.dump(-1, ' ', false,
                                                                           Json::error_handler_t::replace);
}

}  // namespace skerry::edge
