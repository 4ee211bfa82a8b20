// What gateways tell of twins is joined with what is known; what is desired here waits for them. And who asks for it.
#include "cloud/twins.hpp"

#include "api/params.hpp"
#include "api/twins.hpp"
#include "base/logger.hpp"
#include "cloud/limits.hpp"
#include "cloud/statements.hpp"
#include "sync/limits.hpp"
#include "twin/twin.hpp"

namespace skerry::cloud {
namespace {

// What the gateway is sent of a twin: the device itself says again what it reported.
std::string item_of(std::string_view id, twin::State state) {
  state.reported.clear();
  return twin::item_body(id, state);
}

}  // namespace

// ---- in the store ----

Result<SqlStore::Twin> SqlStore::find_twin(std::int64_t gw, std::string_view id) {
  Twin twin;
  auto& find = statements_->find_twin.with(gw, id);
  if (!TRY(find.step())) return twin;
  twin.known = true;
  twin.state = TRY(twin::decode(as_bytes(find.text(0))));
  twin.changed = find.integer(1);
  return twin;
}

Result<> SqlStore::keep_twin(std::int64_t gw, std::string_view id, const Twin& twin, std::uint64_t epoch) {
  const auto open =
      std::ranges::count_if(twin.state.conflicts, [](const auto& each) { return each.second.reversed.value == 0; });
  return statements_->put_twin.with(gw, id, twin::encode(twin.state), twin.changed, epoch, open).run();
}

Result<bool> SqlStore::put_twin(const Place& place, const sync::Entry& entry) {
  const auto id = twin::twin_of(entry.record);
  const auto delta = twin::said(entry.record);
  const bool report = entry.record.kind == record::Kind::message;
  if (!delta || !record::check_device_id(id)) {
    if (report) return true;  // the gateway takes no notice of it either; the message itself is kept
    TRY(set_aside(place, entry, "the state of a twin that cannot be read"));
    return false;
  }
  auto twin = TRY(find_twin(place.gw, id));
  if (!twin.state.has_room_for(*delta)) {  // the gateway does not join it either
    if (report) return true;
    TRY(set_aside(place, entry, "a twin would become more than it may be"));
    return false;
  }
  if (!twin.state.join(*delta)) return true;
  if (twin.state.note_conflicts()) {
    ++twin.changed;  // the gateway may not have seen it
    twin_conflicts_.add();
  }
  TRY(keep_twin(place.gw, id, twin, place.name.epoch));
  return true;
}

Result<std::int64_t> SqlStore::gateway_of_twin(const TwinWrite& write) {
  if (write.gateway.empty()) {
    if (const auto own = TRY(gateway_row(write.id)); own != 0) return own;  // a gateway's own twin
    auto& find = statements_->twin_gateways.with(write.id);
    if (TRY(find.step())) {
      const auto row = find.integer(0);
      if (TRY(find.step()))
        return fail(Code::exists, "is known behind several gateways; name one with ?gateway=", "id");
      return row;
    }
  }
  return gateway_of({.gateway = write.gateway, .device = write.id});
}

Result<SqlStore::Ordered> SqlStore::write_twin(const TwinWrite& write) {
  const auto gw = TRY(gateway_of_twin(write));
  const auto name = TRY(gateway_name(gw));
  TRY(database_->lease(name, true));
  auto twin = TRY(find_twin(gw, write.id));
  const twin::State::Writing writing{twin::Side::cloud, twin::time_of(clock_.wall()), write.by};
  const auto rule_of = [](std::string_view) { return twin::Rule::timestamp_based; };  // the gateway's counts
  const auto delta = write.conflict.empty() ? TRY(twin.state.desire(write.patch, writing, rule_of))
                                            : TRY(twin.state.reverse(write.conflict, writing, {}));
  twin.state.join(delta);
  if (item_of(write.id, twin.state).size() > sync::item_bytes_max)
    return fail(Code::full, "is too much for the link, with what the twin holds already", "desired");
  ++twin.changed;
  TRY(keep_twin(gw, write.id, twin, 0));
  twin_writes_.add();
  return Ordered{write.id, name};
}

// All that is not known to be at the gateway, under its present epoch: set up anew, it gets everything again.
Result<> SqlStore::take_twins(const sync::Connected& to, std::int64_t gw, std::size_t max,
                              std::vector<sync::Item>& items) {
  TRY(statements_->renew_twins.with(gw, to.epoch).run());
  auto& due = statements_->due_twins.with(gw, to.session, max);
  struct Due {
    std::string id;
    std::int64_t changed;
    std::string state;
  };
  std::vector<Due> all;
  while (TRY(due.step())) all.push_back({std::string(due.text(0)), due.integer(1), std::string(due.text(2))});
  for (const auto& each : all) {
    TRY(statements_->send_twin.with(gw, each.id, each.changed, to.session).run());
    auto body = item_of(each.id, TRY(twin::decode(as_bytes(each.state))));
    if (body.size() > sync::item_bytes_max) {  // what gateways write may come to that, with long names of who wrote it
      const auto why = std::to_string(body.size()) + " bytes are too much for the link";
      TRY(statements_->answer_twin.with(gw, each.id, -1, to.epoch, why).run());
      logger::warn("cloud", "a twin cannot be sent to its gateway", {{"twin", each.id}, {"why", why}});
      continue;
    }
    items.push_back({sync::ItemKind::state, std::to_string(each.changed) + "@" + each.id, std::move(body)});
  }
  return {};
}

Result<> SqlStore::answer_twin(const sync::Connected& from, std::int64_t gw, const sync::ItemAnswer& answer) {
  const auto at = answer.id.find('@');
  if (at == std::string::npos) return {};
  const auto changed = static_cast<std::int64_t>(std::strtoll(answer.id.c_str(), nullptr, 10));
  const bool taken = answer.took == sync::Took::taken;
  return statements_->answer_twin
      .with(gw, std::string_view(answer.id).substr(at + 1), taken ? changed : -1, from.epoch,
            taken ? std::string_view{} : std::string_view(answer.why))
      .run();
}

// ---- over HTTP ----

void TwinWrites::write(SqlStore::TwinWrite write, http::Responder responder) {
  desk_.ask(
      {.put = [write = std::move(write)](SqlStore& store) { return store.write_twin(write); },
       .show = [](Queries& queries, const SqlStore::Ordered& put) -> Result<http::Response> {
         return http::json(TRY(queries.twin(put.id, put.gateway)));
       },
       .unseen =
           [](const SqlStore::Ordered&) { return http::problem(503, "it is kept; too many queries wait to show it"); },
       .refuse =
           [](const Error& error) {
             return error.code == Code::full ? http::problem(422, error.text()) : http::problem(error);
           }},
      std::move(responder));
}

void TwinWrites::patch(const http::Request& request, http::Responder responder) {
  const auto read = [&]() -> Result<SqlStore::TwinWrite> {
    const std::string id(request.segment("id"));
    if (const auto ok = record::check_device_id(id); !ok) return fail(Code::invalid, ok.error().what, "id");
    auto change = TRY(api::twin_change(request));
    if (change.reported) return fail(Code::denied, "what a device reports it tells its gateway", "reported");
    return SqlStore::TwinWrite{
        .gateway = TRY(api::text_of(request, "gateway")), .id = id, .patch = std::move(change.patch), .by = "cloud"};
  };
  auto wanted = read();
  if (!wanted)
    return responder.respond(wanted.error().code == Code::unsupported ? http::problem(415, wanted.error().text())
                                                                      : http::problem(wanted.error()));
  write(std::move(*wanted), std::move(responder));
}

void TwinWrites::reverse(const http::Request& request, http::Responder responder) {
  const auto names = api::check_names(request, {"gateway"});
  const auto gateway = api::text_of(request, "gateway");
  if (!names || !gateway) return responder.respond(http::problem(names ? gateway.error() : names.error()));
  write({.gateway = *gateway,
         .id = std::string(request.segment("id")),
         .by = "cloud",
         .conflict = std::string(request.segment("conflict"))},
        std::move(responder));
}

}  // namespace skerry::cloud
