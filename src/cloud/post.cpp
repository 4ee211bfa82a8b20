// Reading what was asked for, keeping it, answering with it.
#include "act/act.hpp"
#include "api/params.hpp"
#include "base/chance.hpp"
#include "cloud/orders.hpp"

namespace skerry::cloud {

Result<SqlStore::Order> Orders::read(const http::Request& request) {
  TRY(api::check_names(request, {"gateway"}));
  if (const auto type = api::media_type(request); !type.empty() && type != "application/json")
    return fail(Code::unsupported, "must be application/json", "Content-Type");
  SqlStore::Order order{.gateway = TRY(api::text_of(request, "gateway")),
                        .request = std::string(request.header("Idempotency-Key"))};
  if (order.request.size() > request_name_bytes_max || !record::is_utf8(order.request))
    return fail(Code::invalid, "must be UTF-8 of at most " + std::to_string(request_name_bytes_max) + " bytes",
                "Idempotency-Key");
  const auto wanted = TRY(act::parse_request(as_bytes(request.body)));
  auto command = TRY(act::make_command(wanted, wall_.now(), system_chance(), {}));
  if (command.payload.size() > sync::item_bytes_max) return fail(Code::invalid, "is too long for the link", "body");
  order.device = wanted.device_id;
  order.id = std::move(command.id);
  order.command = wanted.command;
  order.alert_id = wanted.alert_id;
  order.payload = std::move(command.payload);
  order.not_after = command.not_after;
  return order;
}

void Orders::post(const http::Request& request, http::Responder responder) {
  auto order = read(request);
  if (!order) return responder.respond(http::problem(order.error()));
  desk_.ask(
      {.put = [order = std::move(*order)](SqlStore& store) { return store.put_order(order); },
       .show = [](Queries& queries, const SqlStore::Ordered& put) -> Result<http::Response> {
         auto response = http::json(TRY(queries.command(put.id)), 201);
         response.headers.push_back({"Location", "/api/v1/commands/" + put.id});
         return response;
       },
       .unseen = [](const SqlStore::Ordered& put) { return http::json("{\"command_id\":\"" + put.id + "\"}", 201); }},
      std::move(responder));
}

}  // namespace skerry::cloud
