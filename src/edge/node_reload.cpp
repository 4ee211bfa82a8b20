// A reload: what is live changes on the thread it belongs to, while clients stay connected.
#include <algorithm>
#include <future>

#include "base/logger.hpp"
#include "codec/json.hpp"
#include "edge/node.hpp"
#include "edge/parts.hpp"
#include "edge/settings.hpp"

namespace skerry::edge {
namespace {

void append_names(std::string& to, std::string_view key, const std::vector<std::string>& names) {
  to.append("\"").append(key).append("\":[");
  for (const auto& name : names) {
    if (to.back() != '[') to += ',';
    codec::append_json_string(to, name);
  }
  to += ']';
}

// Which were added, changed and removed, as the members of a JSON object.
std::string difference(const std::vector<stream::PipelineInfo>& before,
                       const std::vector<stream::PipelineInfo>& after) {
  const auto find = [](const auto& all, const auto& one) {
    return std::ranges::find(all, one.name, &stream::PipelineInfo::name);
  };
  std::vector<std::string> added;
  std::vector<std::string> changed;
  std::vector<std::string> removed;
  for (const auto& one : after) {
    const auto old = find(before, one);
    if (old == before.end()) {
      added.push_back(one.name);
    } else if (old->version != one.version) {
      changed.push_back(one.name);
    }
  }
  for (const auto& one : before) {
    if (find(after, one) == after.end()) removed.push_back(one.name);
  }
  std::string text = "{";
  append_names(text, "added", added);
  text += ',';
  append_names(text, "changed", changed);
  text += ',';
  append_names(text, "removed", removed);
  return text + "}";
}

std::string changes_json(const std::vector<config::Change>& changes) {
  std::string text = "[";
  for (const auto& change : changes) {
    if (text.size() > 1) text += ',';
    text += "{\"key\":";
    codec::append_json_string(text, change.key);
    text += ",\"from\":";
    codec::append_json_string(text, change.from);
    text += ",\"to\":";
    codec::append_json_string(text, change.to);
    text.append(",\"takes_effect\":\"").append(config::name(change.effect)).append("\"}");
  }
  return text + "]";
}

}  // namespace

// On the readers' thread, which is the engine's.
Result<> Node::replace_pipelines(const config::Config& config) {
  auto texts = TRY(find_pipelines(seams_.files, config, data_dir_, demo_.name));
  auto done = std::make_shared<std::promise<Result<>>>();
  auto waiting = done->get_future();
  readers_->call([this, done, texts = std::move(texts)] { done->set_value(engine_->replace(texts)); });
  if (waiting.wait_for(std::chrono::seconds{30}) != std::future_status::ready)
    return fail(Code::busy, "the pipelines' thread did not answer within 30 s; what it does later shows in their list");
  return waiting.get();
}

void Node::apply_live(const config::Config& config) {
  configure_logger(config);
  log_->set_window(log_options(config));
  seams_.mqtt_loop.post([this, options = mqtt_options(config)] { broker_->reconfigure(options); });
  seams_.http_loop.post([this, options = api_options(config)] { api_->reconfigure(options); });
}

// A change of settings is a thing that happened: it stands in the log.
Result<> Node::note_change(std::string_view source, std::string_view changes) {
  std::string payload = "{\"source\":";
  codec::append_json_string(payload, source);
  payload.append(",\"changes\":").append(changes).append("}");
  record::Record r;
  r.cls = record::Class::high;
  r.kind = record::Kind::config;
  r.topic = "$skerry/config";
  r.origin = "config";
  r.payload = as_bytes(payload);
  TRY(log_->append(r));
  return {};
}

void Node::refuse(const Error& why) {
  config_state_->refused(why, seams_.clock.wall());
  logger::error("edge", "the settings were not reloaded: nothing has changed", {{"why", why.text()}});
}

Result<std::string> Node::apply(const config::Config& config, std::string_view source) {
  const auto checked = check(config);
  const auto before = engine_->pipelines();
  if (const auto done = checked ? replace_pipelines(config) : checked; !done) {
    refuse(done.error());
    return std::unexpected(done.error());
  }
  const auto changed = config::changes(*config_state_->latest(), config);
  const auto changes = changes_json(changed);
  apply_live(config);
  config_state_->applied(config, seams_.clock.wall());
  if (!changed.empty()) {
    if (const auto noted = note_change(source, changes); !noted)
      logger::warn("edge", "the change of settings could not be put into the log", {{"why", noted.error().text()}});
  }
  for (const auto& change : changed) {
    logger::info(
        "edge", "a setting has changed",
        {{"key", change.key}, {"from", change.from}, {"to", change.to}, {"takes_effect", config::name(change.effect)}});
  }
  logger::info("edge", "settings reloaded", {{"source", source}, {"changed", changed.size()}});
  return "{\"changed\":" + changes + ",\"pipelines\":" + difference(before, engine_->pipelines()) +
         ",\"restart_needed\":" + config_state_->restart_needed() + "}";
}

}  // namespace skerry::edge
