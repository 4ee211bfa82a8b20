// The life of actions, read from the log and written to it.
#include "coap/actions.hpp"

#include <nlohmann/json.hpp>

#include "base/logger.hpp"
#include "log/checkpoint.hpp"

namespace skerry::coap {
namespace {

using record::Position;
using Json = nlohmann::ordered_json;

constexpr std::uint32_t checkpoint_version = 1;
constexpr std::uint64_t checkpoint_records = 1000;
constexpr std::string_view topic_filter = "actions/+/coap";
constexpr std::string_view own_topic = "$skerry/coap-action/";
constexpr std::string_view origin_name = "coap-action";
constexpr std::size_t payload_bytes_max = 64 * KiB;
constexpr std::size_t detail_bytes_max = 512;

struct Action {
  std::string device;
  std::string target;
  std::string path;
  Method method = Method::post;
  std::string body;
  Wall not_after;
};

Result<std::string> text_member(const Json& json, const char* key, bool needed) {
  const auto found = json.find(key);
  if (found == json.end() || found->is_null()) {
    if (needed) return fail(Code::invalid, "is missing", key);
    return std::string{};
  }
  if (!found->is_string()) return fail(Code::invalid, "must be text", key);
  return found->get<std::string>();
}

// What a pipeline wrote; the error becomes the result's detail.
Result<Action> parse(const log::RecordView& record, std::chrono::milliseconds not_after) {
  if (record.payload.size() > payload_bytes_max) return fail(Code::invalid, "longer than 64 KiB");
  const auto json = Json::parse(as_text(record.payload), nullptr, false);
  if (json.is_discarded() || !json.is_object()) return fail(Code::invalid, "is no JSON object");
  Action action;
  action.target = TRY(text_member(json, "target", true));
  action.path = TRY(text_member(json, "path", true));
  if (!action.path.starts_with('/')) return fail(Code::invalid, "must begin with '/'", "path");
  const auto method = TRY(text_member(json, "method", false));
  if (method == "PUT") {
    action.method = Method::put;
  } else if (!method.empty() && method != "POST") {
    return fail(Code::invalid, "is \"" + method + "\"; expected POST or PUT", "method");
  }
  if (const auto body = json.find("body"); body != json.end() && !body->is_null())
    action.body =
        body->is_string() ? body->get<std::string>() : body->dump(-1, ' ', false, Json::error_handler_t::replace);
  const auto until = TRY(text_member(json, "not_after", false));
  action.not_after = record.appended_at + not_after;
  if (!until.empty()) {
    const auto time = parse_time(until);
    if (!time) return fail(Code::invalid, "is no time (RFC 3339)", "not_after");
    action.not_after = Wall(*time);
  }
  return action;
}

class LogActions final : public Actions {
 public:
  LogActions(log::Log& log, Files& files, Clock& clock, const ActionOptions& options, metrics::Registry& metrics,
             Send send)
      : log_(log), files_(files), wall_(clock), options_(options), metrics_(metrics), send_(std::move(send)) {
    for (const auto cls : {record::Class::critical, record::Class::high, record::Class::medium, record::Class::low}) {
      if (cls == class_of("actions/x/coap") || cls == class_of("actions/x/coap/result")) mask_ |= record::mask(cls);
    }
  }

  Result<> load();
  std::string_view name() const override { return "coap-action"; }
  Result<bool> step() override;
  Result<> checkpoint() override;
  Position position() const override { return {position_.load(std::memory_order_acquire)}; }
  void ended(const std::string& id, const Outcome& outcome) override {
    const std::scoped_lock lock(mutex_);
    ended_.emplace_back(id, outcome);
  }
  std::size_t open_count() const override {
    const std::scoped_lock lock(mutex_);
    return open_.size();
  }

 private:
  enum class State : std::uint8_t { wanted, calling };
  struct Open {
    Position asked;
    State state = State::wanted;
    bool ours = false;  // its call was begun in this run
    Action action;
  };

  record::Class class_of(std::string_view topic) const { return options_.classes.of(topic); }
  Result<> take(const log::RecordView& record);
  Result<> begin(const std::string& id, Open& open);
  Result<> end(const std::string& id, const Open& open, std::string_view status, Status code, std::string_view detail);
  Result<> end_refused(const log::RecordView& record, const std::string& id, const Error& why);
  Result<> take_over();
  Result<> take_ended();

  log::Log& log_;
  Files& files_;
  SteadyWall wall_;
  const ActionOptions options_;
  metrics::Registry& metrics_;
  Send send_;
  record::ClassMask mask_ = 0;
  mutable std::mutex mutex_;  // of the next two; step() alone changes open_
  std::map<std::string, Open> open_;
  std::deque<std::pair<std::string, Outcome>> ended_;
  std::atomic<std::uint64_t> position_{0};
  Position replay_end_;
  bool taken_over_ = false;
  Position saved_;
};

Result<> LogActions::load() {
  for (const auto& [name, url] : options_.targets) {
    if (const auto ok = check_url(url); !ok) return fail(Code::invalid, ok.error().what, "coap.targets: " + name);
  }
  replay_end_ = log_.committed_end();
  position_ = log_.begin().value;
  if (options_.checkpoint_path.empty()) return {};
  const auto found = TRY(log::load(files_, options_.checkpoint_path, checkpoint_version, log_));
  if (!found) return {};
  Reader in(found->state);
  std::map<std::string, Open> open;
  for (auto left = in.varint(); left > 0 && in.ok(); --left) {
    std::string id(as_text(in.counted()));
    Open each;
    each.asked = {in.varint()};
    each.state = in.byte() == 0 ? State::wanted : State::calling;
    auto& a = each.action;
    a.method = static_cast<Method>(in.byte());
    for (auto* text : {&a.device, &a.target, &a.path, &a.body}) *text = as_text(in.counted());
    a.not_after = Wall{std::chrono::microseconds{in.le<std::int64_t>()}};
    open.emplace(std::move(id), std::move(each));
  }
  if (!in.ok()) {
    logger::warn("coap", "the actions' checkpoint is damaged: starting from the log", {});
    return {};
  }
  open_ = std::move(open);
  position_ = found->position.value;
  saved_ = found->position;
  return {};
}

// Committed records only: a call leaves after its record is on disk.
Result<bool> LogActions::step() {
  TRY(take_ended());
  const auto chunk = TRY(log_.read(position(), {.classes = mask_, .committed_only = true}));
  for (const auto& record : chunk.records()) {
    if (!taken_over_ && record.position >= replay_end_) TRY(take_over());
    TRY(take(record));
    position_ = record.position.value + 1;
  }
  if (chunk.next() > position()) position_ = chunk.next().value;
  if (!taken_over_ && position() >= replay_end_) TRY(take_over());
  return !chunk.empty();
}

Result<> LogActions::take(const log::RecordView& record) {
  if (record.kind == record::Kind::fate && record.topic.starts_with(own_topic)) {
    const std::string id(record.topic.substr(own_topic.size()));
    const auto found = open_.find(id);
    if (found == open_.end()) return {};
    if (as_text(record.payload) != "calling") {
      const std::scoped_lock lock(mutex_);
      open_.erase(found);
      return {};
    }
    auto& open = found->second;
    open.state = State::calling;
    if (!open.ours) return {};
    const auto target = options_.targets.find(open.action.target);
    INVARIANT(target != options_.targets.end());  // begin() looked
    send_(id, {target->second + open.action.path, open.action.method, Format::json, open.action.body});
    return {};
  }
  if (record.kind != record::Kind::message || !record::matches(topic_filter, record.topic)) return {};
  const auto id = record::stable_id(origin_name, "1", record.position, 0);
  if (open_.contains(id)) return {};
  auto action = parse(record, options_.not_after);
  if (!action && taken_over_) return end_refused(record, id, action.error());
  if (!action) action = Action{};  // without a target it fails when it is taken over, if it has not yet
  action->device = record::device_of(record.topic);
  Open open{record.position, State::wanted, false, std::move(*action)};
  if (!taken_over_) {
    const std::scoped_lock lock(mutex_);
    open_.emplace(id, std::move(open));
    return {};
  }
  return begin(id, open);
}

// The start of an action: what can't be called ends at once; else the log says `calling`, and when that is on disk
// step() reads it.
Result<> LogActions::begin(const std::string& id, Open& open) {
  if (wall_.now() > open.action.not_after) return end(id, open, "expired", 0, "not-after passed before it was called");
  if (!options_.targets.contains(open.action.target))
    return end(id, open, "failed", 0, "no target \"" + open.action.target + "\" is configured");
  if (open_.size() >= actions_open_max) return end(id, open, "failed", 0, "too many actions are under way");
  record::Record r;
  r.cls = class_of("actions/x/coap");
  r.kind = record::Kind::fate;
  const auto topic = std::string(own_topic) + id;
  r.topic = topic;
  r.payload = as_bytes("calling");
  r.origin = origin_name;
  r.cause = open.asked;
  TRY(log_.append(r, log::Urgency::now));
  open.ours = true;
  const std::scoped_lock lock(mutex_);
  open_.insert_or_assign(id, open);
  return {};
}

// What earlier runs left: a call under way then may have been taken or not, and is never made again.
Result<> LogActions::take_over() {
  std::vector<std::string> ids;
  for (const auto& [id, open] : open_) {
    if (!open.ours) ids.push_back(id);
  }
  for (const auto& id : ids) {
    auto& open = open_.at(id);
    if (open.state == State::calling) {
      TRY(end(id, open, "unknown", 0, "the gateway stopped while it was called"));
    } else {
      TRY(begin(id, open));
    }
    open_.at(id).ours = true;  // written; what comes of it is read from the log
  }
  taken_over_ = true;
  return {};
}

Result<> LogActions::take_ended() {
  while (true) {
    std::pair<std::string, Outcome> next;
    {
      const std::scoped_lock lock(mutex_);
      if (ended_.empty()) return {};
      next = ended_.front();
    }
    const auto& [id, outcome] = next;
    if (const auto found = open_.find(id); found != open_.end()) {
      const bool good = outcome.kind == Outcome::Kind::answered && outcome.status / 100 == 2;
      const bool unknown = outcome.kind == Outcome::Kind::unknown;
      TRY(end(id, found->second, good ? "done" : unknown ? "unknown" : "failed", outcome.status, outcome.detail));
    }
    const std::scoped_lock lock(mutex_);
    ended_.pop_front();
  }
}

Result<> LogActions::end_refused(const log::RecordView& record, const std::string& id, const Error& why) {
  Open open;
  open.asked = record.position;
  open.action.device = record::device_of(record.topic);
  return end(id, open, "failed", 0, why.text());
}

// Two records of one batch: the state, which only we write, and the message for everybody.
Result<> LogActions::end(const std::string& id, const Open& open, std::string_view status, Status code,
                         std::string_view detail) {
  const auto& a = open.action;
  Json json{{"action_id", id}, {"device_id", a.device}, {"target", a.target}, {"path", a.path}, {"status", status}};
  if (code != 0) {
    const auto low = std::to_string(code % 100);
    json["code"] = std::to_string(code / 100) + (low.size() < 2 ? ".0" : ".") + low;
  }
  if (!detail.empty()) json["detail"] = detail.substr(0, detail_bytes_max);
  json["timestamp"] = format_rfc3339(to_event(wall_.now()));
  const auto payload = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  const auto own = std::string(own_topic) + id;
  const auto topic = "actions/" + a.device + "/coap/result";
  std::array<record::Record, 2> both;
  for (auto& r : both) {
    r.cls = class_of("actions/x/coap");
    r.origin = origin_name;
    r.cause = open.asked;
  }
  both[0].kind = record::Kind::fate;
  both[0].topic = own;
  both[0].payload = as_bytes(status);
  both[1].topic = topic;
  both[1].qos = 1;
  both[1].payload = as_bytes(payload);
  TRY(log_.append(both, log::Urgency::now));
  metrics_
      .counter("skerry_coap_actions_total", "Actions that pipelines asked for, by how they ended.",
               {{"status", std::string(status)}})
      .add();
  return {};
}

Result<> LogActions::checkpoint() {
  if (options_.checkpoint_path.empty() || !taken_over_ || position() - saved_ < checkpoint_records) return {};
  Buffer state;
  const auto at = position();
  {
    const std::scoped_lock lock(mutex_);
    std::uint64_t count = 0;
    for (const auto& [id, open] : open_) count += open.asked < at ? 1 : 0;
    append_varint(state, count);
    for (const auto& [id, open] : open_) {
      if (open.asked >= at) continue;
      append_counted(state, as_bytes(id));
      append_varint(state, open.asked.value);
      append_byte(state, open.state == State::wanted ? 0 : 1);
      const auto& a = open.action;
      append_byte(state, static_cast<std::uint8_t>(a.method));
      for (const auto* text : {&a.device, &a.target, &a.path, &a.body}) append_counted(state, as_bytes(*text));
      append_le(state, a.not_after.time_since_epoch().count());
    }
  }
  TRY(log::save(files_, options_.saver, options_.checkpoint_path, checkpoint_version, at, std::move(state), log_));
  saved_ = at;
  return {};
}

}  // namespace

Result<std::unique_ptr<Actions>> Actions::open(log::Log& log, Files& files, Clock& clock, const ActionOptions& options,
                                               metrics::Registry& metrics, Send send) {
  auto actions = std::make_unique<LogActions>(log, files, clock, options, metrics, std::move(send));
  TRY(actions->load());
  return actions;
}

}  // namespace skerry::coap
