// Feeds event streams from the log and from act; one timer while somebody listens, nothing otherwise.
#include "api/events.hpp"

#include <algorithm>
#include <charconv>

#include "api/limits.hpp"
#include "api/params.hpp"
#include "api/print.hpp"
#include "codec/json.hpp"

namespace skerry::api {
namespace {

// A line break in data would end the field. Between JSON tokens, the only place it can stand, a blank says the same.
void append_data(std::string& to, std::string_view json) {
  to += "data: ";
  const auto from = to.size();
  to += json;
  std::replace_if(
      to.begin() + static_cast<std::ptrdiff_t>(from), to.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  to += "\n\n";
}

bool is_reading(const record::RecordView& r) {
  if (r.kind != record::Kind::message || !r.topic.starts_with("sensors/") || !r.topic.ends_with("/data")) return false;
  return r.topic.size() == 8 + record::device_of(r.topic).size() + 5;
}

std::string reading_text(const record::RecordView& r) {
  history::Reading reading{.device = std::string(record::device_of(r.topic)),
                           .timestamp = codec::event_time(r.payload, r.appended_at),
                           .received_at = r.appended_at,
                           .offset = r.offset,
                           .position = r.position,
                           .payload = std::string(as_text(r.payload))};
  reading.ahead = codec::is_ahead(reading.timestamp, r.appended_at);
  const auto first = reading.payload.find_first_not_of(" \t\r\n");
  reading.is_object = first != std::string::npos && reading.payload[first] == '{' && codec::is_json(r.payload);
  std::string text;
  append_reading(text, reading);
  return text;
}

}  // namespace

Events::Events(Deps& deps, std::function<std::string()> status)
    : deps_(deps),
      status_(std::move(status)),
      open_(deps.metrics.gauge("skerry_api_event_clients", "open event streams")),
      skipped_(deps.metrics.counter("skerry_api_event_positions_skipped_total",
                                    "positions of the log that live readings skipped to keep up")) {}

Result<Events::Wish> Events::wish_of(const http::Request& request) {
  TRY(check_names(request, {"device", "types", "last_event_id"}));
  Wish wish;
  wish.device = TRY(device_of(request));
  const auto types = TRY(request.parameter("types")).value_or("readings,alerts,commands,status");
  std::string_view rest = types;
  while (true) {
    const auto comma = rest.find(',');
    const auto type = rest.substr(0, comma);
    if (type == "readings")
      wish.types |= want_readings;
    else if (type == "alerts")
      wish.types |= want_alerts;
    else if (type == "commands")
      wish.types |= want_commands;
    else if (type == "status")
      wish.types |= want_status;
    else
      return fail(Code::invalid, "must be a list of readings, alerts, commands, status", "types");
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  // EventSource sends the header; a first connection that continues another can say it in the query.
  std::string last(request.header("last-event-id"));
  if (last.empty()) last = TRY(text_of(request, "last_event_id"));
  if (last.empty()) return wish;
  log::Position after;
  const auto* const end = last.data() + last.size();
  const auto read = std::from_chars(last.data(), end, after.value);
  if (read.ec != std::errc{} || read.ptr != end)
    return fail(Code::invalid, "is no id that this stream gave", "Last-Event-ID");
  wish.after = after;
  return wish;
}

void Events::subscribe(const http::Request& request, http::Responder responder) {
  auto wish = wish_of(request);
  if (!wish) return responder.respond(http::problem(wish.error()));
  if (clients_.size() >= event_clients_max)
    return responder.respond(http::problem(503, "too many event streams are open"));
  Client client{.types = wish->types, .device = std::move(wish->device), .visitor = request.visitor};
  // An id of another gateway's, or of a log that was replaced, would wait for ever.
  const bool resumes = wish->after && *wish->after < deps_.log.committed_end();
  client.next = resumes ? *wish->after + 1 : deps_.act.changes({}, 0).next;
  client.stream = responder.stream("text/event-stream; charset=utf-8", {});
  if (!client.stream) return;
  client.stream->send("retry: 2000\n\n");
  if ((client.types & want_status) != 0) {
    std::string text = "event: status\n";
    append_data(text, status_());
    client.stream->send(text);
  }
  clients_.push_back(std::move(client));
  open_.set(static_cast<double>(clients_.size()));
  if (!timer_) timer_ = deps_.loop.after(event_period, [this] { tick(); });
  if (!reading_ && any(want_readings)) {
    reading_ = true;
    readings_next_ = deps_.log.committed_end();
  }
}

bool Events::any(Type type) const {
  return std::ranges::any_of(clients_, [type](const Client& c) { return (c.types & type) != 0; });
}

void Events::sweep() {
  if (ticks_ % event_periods_per_status == 0) {
    for (auto& client : clients_) {
      if (client.visitor && !client.visitor->may_stay()) client.stream->close();
    }
  }
  std::erase_if(clients_, [](const Client& c) { return !c.stream->open(); });
  open_.set(static_cast<double>(clients_.size()));
}

void Events::tick() {
  sweep();
  timer_.reset();
  ++ticks_;
  if (!any(want_readings)) {
    reading_ = false;
    pending_.clear();
    order_.clear();
  }
  if (clients_.empty()) return;
  send_changes();
  if (reading_ && ticks_ % event_periods_per_batch == 0) send_readings();
  if (ticks_ % event_periods_per_status == 0) send_status();
  timer_ = deps_.loop.after(event_period, [this] { tick(); });
}

void Events::send_changes() {
  std::map<log::Position, act::Tracker::Changes> asked;  // most clients are at the same place
  for (auto& client : clients_) {
    if ((client.types & (want_alerts | want_commands)) == 0) continue;
    auto found = asked.find(client.next);
    if (found == asked.end())
      found = asked.emplace(client.next, deps_.act.changes(client.next, event_changes_max)).first;
    for (const auto& change : found->second.items) {
      const bool alert = change.what == act::Change::What::alert;
      if ((client.types & (alert ? want_alerts : want_commands)) == 0) continue;
      if (!client.device.empty() && client.device != change.device) continue;
      std::string text = "id: " + std::to_string(change.id.value) + (alert ? "\nevent: alert\n" : "\nevent: command\n");
      append_data(text, change.item);
      if (!client.stream->send(text)) break;
    }
    client.next = found->second.next;
  }
}

// Newest of each device since the last batch. A reader that is too slow for all of it goes on from the end.
Events::Fresh Events::read_fresh() {
  Fresh fresh;
  std::uint64_t bytes = 0;
  while (bytes < event_tick_bytes_max) {
    auto chunk =
        deps_.log.read(readings_next_, {.classes = deps_.classes.of_filter("sensors/+/data"), .committed_only = true});
    if (chunk && chunk->empty()) readings_next_ = std::max(readings_next_, chunk->next());
    if (!chunk || chunk->empty()) return fresh;
    readings_next_ = chunk->next();
    for (const auto& r : chunk->records()) {
      bytes += r.payload.size() + r.topic.size();
      if (is_reading(r)) fresh.newest.insert_or_assign(std::string(record::device_of(r.topic)), r);
    }
    fresh.owners.push_back(std::move(*chunk));
  }
  const auto end = deps_.log.committed_end();
  if (end > readings_next_) skipped_.add(end - readings_next_);
  readings_next_ = std::max(end, readings_next_);
  return fresh;
}

// Those that have waited longest, so many as one event may hold: with 10,000 devices each still has its turn.
std::string Events::take_batch() {
  std::string batch;
  std::size_t items = 0;
  while (!order_.empty() && items < event_batch_items_max && batch.size() < event_batch_bytes_max) {
    const auto found = pending_.find(order_.front());
    INVARIANT(found != pending_.end());
    batch += batch.empty() ? "[" : ",";
    batch += found->second;
    pending_.erase(found);
    order_.pop_front();
    ++items;
  }
  if (!batch.empty()) batch += ']';
  return batch;
}

std::string Events::batch_of_device(const Fresh& fresh, std::string_view device) const {
  const auto found = fresh.newest.find(device);
  return found == fresh.newest.end() ? std::string() : "[" + reading_text(found->second) + "]";
}

void Events::send_readings() {
  const auto fresh = read_fresh();
  const bool all =
      std::ranges::any_of(clients_, [](const Client& c) { return (c.types & want_readings) != 0 && c.device.empty(); });
  if (all) {
    for (const auto& [device, r] : fresh.newest) {
      const auto [at, added] = pending_.insert_or_assign(device, reading_text(r));
      if (added) order_.push_back(device);
    }
  } else {
    pending_.clear();
    order_.clear();
  }
  const auto event = [](const std::string& batch) {
    std::string text;
    if (batch.empty()) return text;
    text = "event: readings\n";
    append_data(text, batch);
    return text;
  };
  const auto shared = event(take_batch());
  for (auto& client : clients_) {
    if ((client.types & want_readings) == 0) continue;
    const auto text = client.device.empty() ? shared : event(batch_of_device(fresh, client.device));
    if (!text.empty()) client.stream->send(text);
  }
}

void Events::send_status() {
  if (!any(want_status)) return;
  std::string text = "event: status\n";
  append_data(text, status_());
  for (auto& client : clients_) {
    if ((client.types & want_status) != 0) client.stream->send(text);
  }
}

}  // namespace skerry::api
