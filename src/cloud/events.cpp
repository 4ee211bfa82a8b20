// Hands what was committed to those who listen.
#include "cloud/events.hpp"

#include <algorithm>

#include "api/params.hpp"
#include "cloud/limits.hpp"

namespace skerry::cloud {
namespace {

// A line break in data would end the field; between JSON tokens a blank says the same.
std::string event_text(std::string_view event, std::string item) {
  std::ranges::replace_if(
      item, [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return "event: " + std::string(event) + "\ndata: " + item + "\n\n";
}

}  // namespace

Events::Events(Loop& loop, SqlStore& store) : loop_(loop), store_(store) {
  store_.on_news([this](std::vector<News> news) { tell(std::move(news)); });
}

void Events::tell(std::vector<News> news) {
  const std::scoped_lock lock(mutex_);
  for (auto& each : news) {
    if (each.event == "reading") {
      newest_.insert_or_assign(std::move(each.device), std::move(each.item));
    } else if (news_.size() < event_news_max) {
      news_.push_back(std::move(each));
    }
  }
}

Result<Events::Client> Events::client_of(const http::Request& request) const {
  TRY(api::check_names(request, {"device", "types", "last_event_id"}));
  Client client{.device = TRY(api::device_of(request))};
  const auto types = TRY(request.parameter("types")).value_or("readings,alerts,commands,status");
  std::string_view rest = types;
  while (true) {
    const auto type = rest.substr(0, rest.find(','));
    if (type == "readings") {
      client.readings = true;
    } else if (type == "alerts") {
      client.alerts = true;
    } else if (type == "commands") {
      client.commands = true;
    } else if (type != "status") {
      return fail(Code::invalid, "must be a list of readings, alerts, commands, status", "types");
    }
    if (type.size() == rest.size()) return client;
    rest.remove_prefix(type.size() + 1);
  }
}

void Events::subscribe(const http::Request& request, http::Responder responder) {
  auto client = client_of(request);
  if (!client) return responder.respond(http::problem(client.error()));
  if (clients_.size() >= event_clients_max)
    return responder.respond(http::problem(503, "too many event streams are open"));
  client->stream = responder.stream("text/event-stream; charset=utf-8", {});
  if (!client->stream) return;
  client->stream->send("retry: 2000\n\n");
  clients_.push_back(std::move(*client));
  store_.listening = true;
  if (!timer_) timer_ = loop_.after(event_period, [this] { tick(); });
}

void Events::tick() {
  std::vector<News> news;
  std::map<std::string, std::string> newest;
  {
    const std::scoped_lock lock(mutex_);
    news.swap(news_);
    newest.swap(newest_);
  }
  std::erase_if(clients_, [](const Client& c) { return !c.stream->open(); });
  std::string batch;
  std::size_t items = 0;
  for (const auto& [device, item] : newest) {
    if (++items > event_items_max) break;
    batch += (batch.empty() ? "[" : ",") + item;
  }
  for (auto& client : clients_) {
    for (const auto& each : news) {
      const bool wanted = each.event == "alert" ? client.alerts : client.commands;
      if (wanted && (client.device.empty() || client.device == each.device))
        client.stream->send(event_text(each.event, each.item));
    }
    if (!client.readings) continue;
    if (client.device.empty()) {
      if (!batch.empty()) client.stream->send(event_text("readings", batch + "]"));
    } else if (const auto found = newest.find(client.device); found != newest.end()) {
      client.stream->send(event_text("readings", "[" + found->second + "]"));
    }
  }
  if (clients_.empty()) {
    store_.listening = false;
    timer_.reset();
    return;
  }
  timer_ = loop_.after(event_period, [this] { tick(); });
}

}  // namespace skerry::cloud
