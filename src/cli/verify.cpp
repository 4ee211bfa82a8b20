// `skerry verify` and `skerry sync`: a gateway against its cloud, and a new name for a gateway that is refused.
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/cli.hpp"
#include "cli/http_client.hpp"
#include "cloud/cloud.hpp"
#include "cloud/queries.hpp"
#include "codec/json.hpp"
#include "log/log.hpp"
#include "log/tools.hpp"
#include "sync/log_source.hpp"

namespace skerry::cli {
namespace {

using Json = nlohmann::json;

struct Report {
  std::uint64_t compared = 0;  // records that are on both sides
  std::uint64_t waiting = 0;   // at the gateway and not acknowledged yet
  std::uint64_t gaps = 0;      // declared gone
  std::vector<std::string> problems;

  void tell(std::string what) {
    if (problems.size() < 100) problems.push_back(std::move(what));
  }
};

// A hash of topic and payload, 0: it was there; and, where fields stay local, hashes of all that it may have left as,
// whatever white space it has.
struct Content {
  std::uint64_t exact = 0;
  std::vector<std::uint64_t> as_sent{};
};
// Of one class: what each side has at an offset.
using Contents = std::map<std::uint64_t, Content>;
struct Side {
  sync::PerClass<Contents> contents;
  std::vector<std::pair<std::size_t, std::pair<std::uint64_t, std::uint64_t>>> gaps;
};

std::uint64_t content(std::string_view topic_json, std::string_view payload_json) {
  const auto hash = std::hash<std::string_view>{};
  return (hash(topic_json) * 31 + hash(payload_json)) | 1U;
}

bool same(const Content& edge, const Content& cloud) {
  if (cloud.exact == 0 || edge.exact == cloud.exact) return true;
  return std::ranges::any_of(cloud.as_sent, [&edge](auto hash) { return std::ranges::count(edge.as_sent, hash) > 0; });
}

std::uint64_t plain_content(std::string_view topic_json, std::string_view payload_json) {
  const auto json = Json::parse(payload_json, nullptr, false);
  return content(topic_json, json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

// A line of the dump holds a payload that is no JSON as a string: it may be either.
std::vector<std::uint64_t> as_sent(const std::vector<sync::LocalFields>& rules, std::string_view topic_json,
                                   std::string_view origin_json, std::string_view payload_json) {
  std::vector<std::uint64_t> all;
  const auto topic = Json::parse(topic_json, nullptr, false);
  const auto origin = Json::parse(origin_json, nullptr, false);
  if (!topic.is_string()) return all;
  record::Record record{.topic = topic.get_ref<const std::string&>(), .payload = as_bytes(payload_json)};
  if (origin.is_string()) record.origin = origin.get_ref<const std::string&>();
  for (const auto& each : rules) {
    if (const auto left = each.strip(record)) all.push_back(plain_content(topic_json, as_text(left->payload)));
    if (!payload_json.starts_with('"')) continue;
    auto bytes = record;
    bytes.payload = as_bytes(std::string_view("?"));
    if (each.strip(bytes)) all.push_back(plain_content(topic_json, R"("")"));
  }
  return all;
}

std::string line_of(const std::string& path) {
  const auto bytes = read_file(system_files(), path, 256);
  if (!bytes) return {};
  std::string text(as_text(*bytes));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

// What follows `key` in a line of `skerry log dump`, to the next comma outside of it.
std::string_view field(std::string_view line, std::string_view key) {
  const auto at = line.find(key);
  if (at == std::string_view::npos) return {};
  const auto rest = line.substr(at + key.size());
  return rest.substr(0, rest.find(','));
}

// As JSON; nothing when there is none.
std::string_view origin_of(std::string_view head) {
  const auto at = head.find(R"(,"origin":)");
  if (at == std::string_view::npos) return {};
  auto rest = head.substr(at + 10);
  std::size_t end = 1;
  while (end < rest.size() && rest[end] != '"') end += rest[end] == '\\' ? 2 : 1;
  return rest.substr(0, end + 1);
}

// A topic holds no quote that is not escaped, so the first ,"payload": is the field.
Result<Side> read_edge(const std::string& dir, const std::vector<sync::LocalFields>& local) {
  Side side;
  const auto take = [&side, &local](std::string_view line) {
    const auto cls = record::class_named(field(line, R"("class":")").substr(0, field(line, R"("class":")").find('"')));
    const auto payload_at = line.find(R"(,"payload":)");
    const auto topic_at = line.find(R"("topic":)");
    if (!cls || payload_at == std::string_view::npos || topic_at == std::string_view::npos) return;
    const auto offset = std::strtoull(std::string(field(line, R"("offset":)")).c_str(), nullptr, 10);
    if (line.find(R"("kind":"session")") < topic_at) return;  // its own: it stays there
    auto topic = line.substr(topic_at + 8);
    topic = topic.substr(0, topic.find(R"(","qos":)") + 1);
    auto payload = line.substr(payload_at + 11);
    while (payload.ends_with('\n')) payload.remove_suffix(1);
    payload.remove_suffix(1);
    auto& kept = side.contents[static_cast<std::size_t>(*cls)][offset];
    kept = {content(topic, payload)};
    if (!local.empty()) kept.as_sent = as_sent(local, topic, origin_of(line.substr(0, payload_at)), payload);
  };
  TRY(log::dump(system_files(), join_path(dir, "log"), {}, take));
  return side;
}

Result<Side> read_cloud(cloud::Queries& queries, const cloud::Queries::Gateway& gateway, bool local, Report& report) {
  Side side;
  std::string topic;
  std::string payload;
  TRY(queries.walk(gateway, [&](const cloud::Queries::Kept& kept) {
    const auto c = static_cast<std::size_t>(kept.cls);
    if (kept.gap) {
      side.gaps.push_back({c, {kept.offset, kept.past}});
      report.gaps += kept.past - kept.offset;
      return;
    }
    Content hash;
    if (kept.exact) {
      topic.clear();
      payload.clear();
      codec::append_json_string(topic, kept.topic);
      codec::append_json_payload(payload, kept.payload);
      hash.exact = content(topic, payload);
      if (local) hash.as_sent = {plain_content(topic, payload)};
    }
    if (!side.contents[c].emplace(kept.offset, hash).second)
      report.tell(std::string(record::name(kept.cls)) + " " + std::to_string(kept.offset) + " is in the cloud twice");
  }));
  return side;
}

void compare(const Side& edge, const Side& cloud, const cloud::Queries::Gateway& gateway, Report& report) {
  for (std::size_t c = 0; c < record::class_count; ++c) {
    const auto& stream = gateway.streams[c];
    const std::string cls(record::name(static_cast<record::Class>(c)));
    const auto in_gap = [&](std::uint64_t offset) {
      return std::ranges::any_of(cloud.gaps, [&](const auto& gap) {
        return gap.first == c && gap.second.first <= offset && offset < gap.second.second;
      });
    };
    for (const auto& [offset, hash] : edge.contents[c]) {
      if (offset < stream.base) continue;
      const auto found = cloud.contents[c].find(offset);
      if (found != cloud.contents[c].end()) {
        ++report.compared;
        if (!same(hash, found->second))
          report.tell(cls + " " + std::to_string(offset) + " is another record in the cloud");
      } else if (!stream.applied.contains(offset)) {
        ++report.waiting;
      } else if (!in_gap(offset)) {
        report.tell(cls + " " + std::to_string(offset) + " is acknowledged and not in the cloud");
      }
    }
    if (edge.contents[c].empty()) continue;
    const auto first = edge.contents[c].begin()->first;
    for (const auto& [offset, hash] : cloud.contents[c]) {
      if (offset > first && !edge.contents[c].contains(offset))
        report.tell(cls + " " + std::to_string(offset) + " is in the cloud and not at the gateway");
    }
  }
}

// The cloud first: what the gateway takes meanwhile only waits.
Result<Report> verify_folders(const VerifyOptions& options) {
  Report report;
  auto id = options.gateway;
  if (id.empty()) id = line_of(join_path(options.edge, "gateway-id"));
  const auto queries = TRY(cloud::Queries::open(cloud::database_of(options.cloud)));
  for (auto& line : TRY(queries->check())) report.tell(std::move(line));
  const auto gateway = TRY(queries->gateway(id));
  const auto rules = join_path(join_path(options.edge, "state"), sync::local_fields_name);
  const auto local = TRY(sync::load_local_fields(system_files(), rules));
  const auto cloud = TRY(read_cloud(*queries, gateway, !local.empty(), report));
  compare(TRY(read_edge(options.edge, local)), cloud, gateway, report);
  return report;
}

Result<Json> get(const std::string& url, const std::string& target) {
  auto client = TRY(HttpClient::connect({.url = url}));
  auto json = Json::parse(TRY(client->body("GET", target)), nullptr, false);
  if (json.is_discarded()) return fail(Code::invalid, "answers with something that is no JSON", url + target);
  return json;
}

Result<std::map<std::string, std::uint64_t>> readings_of(const std::string& url, const std::string& more) {
  std::map<std::string, std::uint64_t> all;
  std::string cursor;
  do {
    const auto page =
        TRY(get(url, "/api/v1/devices?limit=1000" + more + (cursor.empty() ? "" : "&cursor=" + encoded(cursor))));
    for (const auto& item : page.value("items", Json::array()))
      all[item.value("device_id", "")] = item.value("readings", 0ULL);
    cursor = page.contains("next") && page["next"].is_string() ? page["next"].get<std::string>() : "";
  } while (!cursor.empty());
  return all;
}

// Of running programs: the cloud's own check, marks against acknowledgements, and readings of each device.
Result<Report> verify_urls(const VerifyOptions& options) {
  Report report;
  const auto status = TRY(get(options.edge, "/api/v1/status"));
  const auto id = status.value("gateway_id", "");
  const auto edge = TRY(readings_of(options.edge, ""));
  const auto& uplink = status.contains("uplink") ? status["uplink"] : Json();
  if (!uplink.is_object()) return fail(Code::invalid, "this gateway has no cloud.url", options.edge);
  report.waiting = uplink.value("backlog_records", 0ULL);
  if (uplink.contains("refused")) report.tell("the cloud refuses this gateway: " + uplink["refused"].value("why", ""));
  const auto problems = TRY(get(options.cloud, "/api/v1/verify"));
  for (const auto& line : problems.value("problems", Json::array())) report.tell(line.get<std::string>());
  const auto cloud = TRY(readings_of(options.cloud, "&gateway=" + encoded(id)));
  for (const auto& [device, readings] : edge) {
    const auto found = cloud.find(device);
    const auto there = found == cloud.end() ? 0 : found->second;
    report.compared += std::min(readings, there);
    if (there < readings && report.waiting == 0)
      report.tell("device " + device + ": " + std::to_string(readings) + " readings at the gateway, " +
                  std::to_string(there) + " in the cloud");
  }
  return report;
}

bool is_url(const std::string& text) { return text.starts_with("http://") || text.starts_with("https://"); }

}  // namespace

int verify(const VerifyOptions& options) {
  if (is_url(options.edge) != is_url(options.cloud))
    return failed({Code::invalid, "give both as folders (every record is compared) or both as http://host:port",
                   "--edge, --cloud"});
  const auto report = is_url(options.edge) ? verify_urls(options) : verify_folders(options);
  if (!report) return failed(report.error());
  const auto n = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  if (options.json) {
    std::printf("%s\n", Json{{"compared", report->compared},
                             {"waiting", report->waiting},
                             {"gaps", report->gaps},
                             {"problems", report->problems}}
                            .dump()
                            .c_str());
  } else {
    for (const auto& line : report->problems) std::printf("%s\n", line.c_str());
    std::printf("%llu compared, %llu wait at the gateway, %llu declared gone, %zu problems\n", n(report->compared),
                n(report->waiting), n(report->gaps), report->problems.size());
  }
  return report->problems.empty() ? 0 : 1;
}

int sync_new_epoch(const SyncOptions& options) {
  metrics::Registry metrics;
  auto log = log::Log::open(system_files(), system_clock(), join_path(options.data_dir, "log"), {}, metrics);
  if (!log) return failed(log.error());
  const auto path = join_path(join_path(options.data_dir, "state"), sync::state_name);
  const auto state = sync::begin_epoch(system_files(), path, (*log)->epoch(), system_chance());
  if (!state) return failed(state.error());
  std::printf("epoch %llu; it begins at", static_cast<unsigned long long>(state->epoch));
  for (std::size_t c = 0; c < record::class_count; ++c)
    std::printf(" %s %llu", std::string(record::name(static_cast<record::Class>(c))).c_str(),
                static_cast<unsigned long long>(state->bases[c]));
  std::puts("");
  return 0;
}

}  // namespace skerry::cli
