// Commands for gateways: asked for here, sent once to whom they are for, and what is known of them until they arrive.
#include "cloud/limits.hpp"
#include "cloud/print.hpp"
#include "cloud/statements.hpp"

namespace skerry::cloud {
namespace {

std::int64_t us_of(Wall time) { return time.time_since_epoch().count(); }

}  // namespace

Result<std::int64_t> SqlStore::gateway_of(const Order& order) {
  if (!order.gateway.empty()) {
    const auto row = TRY(gateway_row(order.gateway));
    if (row == 0) return fail(Code::not_found, "the cloud knows no such gateway", "gateway");
    return row;
  }
  auto& find = statements_->known_gateways.with(order.device);
  if (!TRY(find.step()))
    return fail(Code::not_found, "no gateway has told of this device yet; name one with ?gateway=", "device_id");
  const auto row = find.integer(0);
  if (TRY(find.step()))
    return fail(Code::exists, "is known behind several gateways; name one with ?gateway=", "device_id");
  return row;
}

Result<SqlStore::Ordered> SqlStore::put_order(const Order& order) {
  const auto gw = TRY(gateway_of(order));
  const auto name = TRY(gateway_name(gw));
  if (!order.request.empty()) {
    auto& find = statements_->find_request.with(order.request);
    if (TRY(find.step())) {
      if (find.integer(1) != gw || find.text(2) != order.device)
        return fail(Code::exists, "was used for another command already", "Idempotency-Key");
      return Ordered{std::string(find.text(0)), name};
    }
  }
  auto& open = statements_->count_open.with(gw);
  TRY(open.step());
  if (open.count(0) >= orders_open_max)
    return fail(Code::full, std::to_string(open.count(0)) + " commands wait for this gateway; try again later", name);
  const auto now = now_us();
  auto& put = statements_->put_order;
  if (order.request.empty()) {
    put.with(order.id, nullptr, gw, order.device, order.payload, now, us_of(order.not_after));
  } else {
    put.with(order.id, order.request, gw, order.device, order.payload, now, us_of(order.not_after));
  }
  TRY(put.run());
  TRY(statements_->issue_command.with(gw, order.id, order.device, order.command, order.alert_id, now, order.payload)
          .run());
  orders_.add();
  add_news("command", order.device,
           command_text(name, order.payload, {{"issued", Wall{std::chrono::microseconds{now}}, ""}}));
  return Ordered{order.id, name};
}

Result<std::vector<sync::Item>> SqlStore::take_items(const sync::Connected& to, std::size_t max) {
  const auto gw = TRY(gateway_row(to.gateway));
  const auto now = now_us();
  TRY(statements_->lose_orders
          .with(gw, to.epoch, now, "the gateway was set up anew after it was sent, and has not said that it was taken")
          .run());
  std::vector<sync::Item> items;
  auto& due = statements_->due_orders.with(gw, to.session, now, max);
  while (TRY(due.step()))
    items.push_back({sync::ItemKind::command, std::string(due.text(0)), std::string(due.text(1))});
  std::vector<sync::Item> sent;
  for (auto& item : items) {  // another replica's clock may have ended one meanwhile
    auto& send = statements_->send_order.with(item.id, to.epoch, to.session, now);
    if (!TRY(send.step())) continue;
    TRY(send.run());
    sent.push_back(std::move(item));
  }
  orders_sent_.add(sent.size());
  if (to.version >= sync::version_states && sent.size() < max) TRY(take_twins(to, gw, max - sent.size(), sent));
  return sent;
}

Result<> SqlStore::put_answer(const sync::Connected& from, const sync::ItemAnswer& answer) {
  TRY(database_->lease(from.gateway, true));
  const auto gw = TRY(gateway_row(from.gateway));
  if (answer.kind == sync::ItemKind::state) return answer_twin(from, gw, answer);
  const auto* const state = answer.took == sync::Took::taken     ? "taken"
                            : answer.took == sync::Took::passed  ? "expired"
                            : answer.took == sync::Took::refused ? "failed"
                                                                 : "unknown";
  auto detail = answer.why;
  if (answer.took == sync::Took::refused) detail = "the gateway cannot use it: " + detail;
  auto& end = statements_->answer_order.with(answer.id, gw, state, now_us(), detail);
  if (!TRY(end.step())) return {};  // it has arrived by the log meanwhile
  const std::string device(end.text(0));
  TRY(end.run());
  if (answer.took == sync::Took::taken) return {};  // what becomes of it the gateway's own records say
  return tell_order(gw, answer.id, device, state);
}

Result<bool> SqlStore::end_late_orders() {
  struct Late {
    std::string id;
    std::int64_t gw = 0;
    std::string device;
    std::string state;
  };
  std::vector<Late> all;
  const auto now = now_us();
  const auto grace = std::chrono::microseconds(answer_grace).count();
  auto& late = statements_->late_orders.with(now, now - grace, late_orders_max);
  while (TRY(late.step())) {
    gateway_names_[late.integer(1)] = late.text(3);
    all.push_back({std::string(late.text(0)), late.integer(1), std::string(late.text(2)), std::string(late.text(4))});
  }
  for (const auto& each : all) {
    const bool sent = each.state == "sent";  // it may be at the gateway: open, until the gateway says
    const auto* const state = sent ? "unknown" : "expired";
    const auto* const detail =
        sent ? "it was sent, and the gateway has not answered" : "not-after passed before the gateway could be reached";
    auto& end = statements_->end_order.with(each.id, state, sent ? 1 : 0, now, detail, each.state);
    if (!TRY(end.step())) continue;
    TRY(end.run());
    TRY(tell_order(each.gw, each.id, each.device, state));
  }
  return !all.empty();
}

Result<> SqlStore::tell_order(std::int64_t gw, std::string_view id, std::string_view device, std::string_view state) {
  std::string item;
  append_fate_news(item, TRY(gateway_name(gw)), id, device, state, clock_.wall());
  add_news("command", device, std::move(item));
  return {};
}

}  // namespace skerry::cloud
