// Lists of devices, alerts, commands, analytics, gateways, and what does not add up.
#include "cloud/queries.hpp"

#include <charconv>

#include "api/print.hpp"
#include "cloud/print.hpp"
#include "codec/json.hpp"
#include "sync/sync.hpp"
#include "twin/twin.hpp"

namespace skerry::cloud {
namespace {

Wall wall_of(std::int64_t us) { return Wall{std::chrono::microseconds{us}}; }
EventTime event_of(std::int64_t ms) { return EventTime{std::chrono::milliseconds{ms}}; }

// The number below which, or above which, the next page begins.
Result<std::int64_t> number_of(std::string_view cursor, std::int64_t otherwise) {
  if (cursor.empty()) return otherwise;
  std::int64_t value = 0;
  const auto read = std::from_chars(cursor.data(), cursor.data() + cursor.size(), value);
  if (read.ec != std::errc{} || read.ptr != cursor.data() + cursor.size())
    return fail(Code::invalid, "is no cursor of this query; pass `next` of the page before", "cursor");
  return value;
}

constexpr std::int64_t newest = std::numeric_limits<std::int64_t>::max();

std::string sequence_of(const Statement& row) { return std::to_string(row.integer(0)); }

// `add` writes an item of the row that a statement stands on; `cursor_of` gives what stands for the row in `next`.
template <typename Add, typename CursorOf>
Result<std::string> list(Statement& rows, std::size_t limit, Add add, CursorOf cursor_of) {
  std::string to = R"({"items":[)";
  std::optional<std::string> next;
  std::string last;
  for (std::size_t taken = 0; TRY(rows.step()); ++taken) {
    if (taken == limit || to.size() > page_bytes_max) {
      next = last;
      break;
    }
    if (taken > 0) to += ',';
    TRY(add(to));
    last = cursor_of(rows);
  }
  api::append_next(to, next);
  return to;
}

template <typename Add>
Result<std::string> list(Statement& rows, std::size_t limit, Add add) {
  return list(rows, limit, std::move(add), sequence_of);
}

// A place in a list by name, and by gateway where several have that name.
struct Place {
  std::string name;
  std::int64_t gw = -1;
};

std::string cursor_of(std::int64_t gw, std::string_view name) { return std::to_string(gw) + "_" + std::string(name); }

Result<Place> place_of(std::string_view cursor) {
  if (cursor.empty()) return Place{};
  const auto at = std::min(cursor.find('_'), cursor.size());
  const auto gw = TRY(number_of(cursor.substr(0, at), 0));
  return Place{std::string(cursor.substr(std::min(at + 1, cursor.size()))), gw};
}

void append_device(std::string& to, const Statement& row) {
  api::ObjectText object(to);
  object.text("gateway_id", row.text(1))
      .text("device_id", row.text(0))
      .time("first_seen", wall_of(row.integer(2)))
      .time("last_seen", wall_of(row.integer(3)))
      .count("readings", row.count(4));
  if (row.is_null(5)) {
    object.raw("timestamp", "null").raw("data", "null");
  } else {
    const auto at = event_of(row.integer(5));
    object.text("timestamp", format_rfc3339(at));
    to += ',' + payload_members(row.blob(7), at, wall_of(row.integer(6)));
  }
  object.raw("status", row.is_null(8) ? std::string_view("null") : as_text(row.blob(8)));
  object.end();
}

constexpr std::string_view device_columns =
    "SELECT d.device, g.id, d.first_seen, d.last_seen, d.readings, d.timestamp, d.received_at, d.payload, d.status, "
    "d.gw "
    "FROM devices d JOIN gateways g USING (gw) ";

}  // namespace

Result<std::unique_ptr<Queries>> Queries::open(const std::string& where) {
  auto queries = std::make_unique<Queries>();
  queries->database_ = TRY(Database::open(where, Database::Mode::read));
  return queries;
}

Result<std::string> Queries::devices(const ListQuery& query) {
  const auto after = TRY(place_of(query.cursor));
  auto rows = TRY(database_->prepare(std::string(device_columns) +
                                     "WHERE (d.device, d.gw) > (?1, ?2) AND (?3 = '' OR g.id = ?3) ORDER BY d.device, "
                                     "d.gw LIMIT ?4"));
  rows.with(after.name, after.gw, query.gateway, query.limit + 1);
  return list(
      rows, query.limit,
      [&](std::string& to) -> Result<> {
        append_device(to, rows);
        return {};
      },
      [](const Statement& row) { return cursor_of(row.integer(9), row.text(0)); });
}

Result<std::string> Queries::device(std::string_view id, std::string_view gateway) {
  auto rows =
      TRY(database_->prepare(std::string(device_columns) +
                             "WHERE d.device = ?1 AND (?2 = '' OR g.id = ?2) ORDER BY d.last_seen DESC LIMIT 1"));
  rows.with(id, gateway);
  if (!TRY(rows.step())) return fail(Code::not_found, "no device of that id has said anything", std::string(id));
  std::string to;
  append_device(to, rows);
  return to;
}

Result<std::string> Queries::alerts(const ListQuery& query) {
  auto rows =
      TRY(database_->prepare("SELECT a.seq, g.id, a.received_at, a.offset, a.payload FROM alerts a JOIN gateways g "
                             "USING (gw) WHERE a.seq < ?1 AND "
                             "(?2 = '' OR g.id = ?2) AND (?3 = '' OR a.device = ?3) AND (?4 = '' OR a.type = ?4) ORDER "
                             "BY a.seq DESC LIMIT ?5"));
  rows.with(TRY(number_of(query.cursor, newest)), query.gateway, query.device, query.type, query.limit + 1);
  return list(rows, query.limit, [&](std::string& to) -> Result<> {
    to += alert_text(rows.text(1), wall_of(rows.integer(2)), rows.count(3), rows.text(4));
    return {};
  });
}

Result<std::string> Queries::alert(std::string_view id) {
  auto rows =
      TRY(database_->prepare("SELECT g.id, a.received_at, a.offset, a.payload FROM alerts a JOIN gateways g USING (gw) "
                             "WHERE a.id = ?1 ORDER BY "
                             "a.seq LIMIT 1"));
  rows.with(id);
  if (!TRY(rows.step())) return fail(Code::not_found, "there is no such alert", std::string(id));
  return alert_text(rows.text(0), wall_of(rows.integer(1)), rows.count(2), rows.text(3));
}

// What the gateway's own records say goes before what was known here while it had said nothing.
Result<std::string> Queries::command_item(const CommandRow& row) {
  std::vector<Reached> reached{{"issued", row.issued_at, ""}};
  auto order = TRY(database_->prepare("SELECT state, sent_at, ended_at, detail FROM orders WHERE id = ?1 AND gw = ?2"));
  order.with(row.id, row.gw);
  std::string more;
  if (TRY(order.step())) {
    const std::string state(order.text(0));
    const bool ended = state == "expired" || state == "failed" || state == "unknown";
    if (ended && !row.arrived) reached.push_back({state, wall_of(order.integer(2)), std::string(order.text(3))});
    std::string link;
    api::ObjectText object(link);
    object.text("state", row.arrived ? "taken" : state);
    if (!order.is_null(1)) object.time("sent_at", wall_of(order.integer(1)));
    object.end();
    more = ",\"link\":" + link;
  }
  auto rows = TRY(database_->prepare(
      "SELECT state, min(at), min(detail) FROM fates WHERE command = ?1 AND gw = ?2 GROUP BY position, state ORDER BY "
      "position"));
  rows.with(row.id, row.gw);
  while (TRY(rows.step()))
    reached.push_back({std::string(rows.text(0)), wall_of(rows.integer(1)), std::string(rows.text(2))});
  return command_text(row.gateway, row.payload, reached, more);
}

Result<std::string> Queries::commands(const ListQuery& query) {
  auto rows = TRY(database_->prepare(
      "SELECT c.seq, g.id, c.gw, c.id, c.payload, c.received_at, c.offset FROM commands c JOIN gateways g USING (gw) "
      "WHERE c.seq < ?1 AND (?2 = '' OR g.id = ?2) AND (?3 = '' OR c.device = ?3) AND (?4 = '' OR c.command = ?4) "
      "ORDER "
      "BY c.seq DESC LIMIT ?5"));
  rows.with(TRY(number_of(query.cursor, newest)), query.gateway, query.device, query.type, query.limit + 1);
  return list(rows, query.limit, [&](std::string& to) -> Result<> {
    to += TRY(command_item(
        {rows.text(1), rows.integer(2), rows.text(3), rows.text(4), wall_of(rows.integer(5)), rows.integer(6) >= 0}));
    return {};
  });
}

Result<std::string> Queries::command(std::string_view id) {
  auto rows = TRY(
      database_->prepare("SELECT g.id, c.gw, c.payload, c.received_at, c.offset FROM commands c JOIN gateways g USING "
                         "(gw) WHERE c.id = ?1 ORDER BY c.seq LIMIT 1"));
  rows.with(id);
  if (!TRY(rows.step())) return fail(Code::not_found, "there is no such command", std::string(id));
  return command_item(
      {rows.text(0), rows.integer(1), id, rows.text(2), wall_of(rows.integer(3)), rows.integer(4) >= 0});
}

Result<std::vector<std::string>> Queries::waiting_gateways() {
  auto rows = TRY(database_->prepare(
      "SELECT g.id FROM orders o JOIN gateways g USING (gw) WHERE o.open = 1 AND o.state = 'waiting' UNION SELECT g.id "
      "FROM twins t JOIN gateways g USING (gw) WHERE t.acked < t.changed AND t.sent < t.changed"));
  rows.with();
  std::vector<std::string> all;
  while (TRY(rows.step())) all.emplace_back(rows.text(0));
  return all;
}

namespace {

constexpr std::string_view twin_columns =
    "SELECT t.id, t.gw, g.id, t.state, t.changed, t.acked, t.sent, t.refused FROM twins t JOIN gateways g USING (gw) ";

// `link`: whether the gateway has what was desired here.
Result<> append_twin(std::string& to, const Statement& row) {
  const auto state = TRY(twin::decode(as_bytes(row.text(3))));
  const auto changed = row.integer(4);
  std::string link = ",\"link\":";
  api::ObjectText object(link);
  object.text("state", changed == 0                                        ? "none"
                       : row.integer(5) >= changed                         ? "taken"
                       : row.integer(6) >= changed && !row.text(7).empty() ? "refused"
                       : row.integer(6) >= changed                         ? "sent"
                                                                           : "waiting");
  if (!row.text(7).empty()) object.text("detail", row.text(7));
  object.end();
  to += twin::twin_json(row.text(0), row.text(2), state, link);
  return {};
}

}  // namespace

Result<std::string> Queries::twins(const ListQuery& query) {
  const auto after = TRY(place_of(query.cursor));
  auto rows = TRY(database_->prepare(std::string(twin_columns) +
                                     "WHERE (t.id, t.gw) > (?1, ?2) AND (?3 = '' OR g.id = ?3) AND (?4 = '' OR "
                                     "t.conflicts > 0) AND (?5 = '' OR t.id = ?5) ORDER BY t.id, t.gw LIMIT ?6"));
  rows.with(after.name, after.gw, query.gateway, query.type, query.device, query.limit + 1);
  return list(
      rows, query.limit, [&](std::string& to) { return append_twin(to, rows); },
      [](const Statement& row) { return cursor_of(row.integer(1), row.text(0)); });
}

Result<std::string> Queries::twin(std::string_view id, std::string_view gateway) {
  auto rows = TRY(database_->prepare(std::string(twin_columns) + "WHERE t.id = ?1 AND (?2 = '' OR g.id = ?2) LIMIT 2"));
  rows.with(id, gateway);
  if (!TRY(rows.step()))
    return fail(Code::not_found, "nothing is desired of it and it has reported nothing", std::string(id));
  std::string to;
  TRY(append_twin(to, rows));
  if (TRY(rows.step()))
    return fail(Code::exists, "is known behind several gateways; name one with ?gateway=", std::string(id));
  return to;
}

Result<std::string> Queries::analytics(const ListQuery& query) {
  auto rows =
      TRY(database_->prepare("SELECT a.seq, g.id, a.received_at, a.payload FROM analytics a JOIN gateways g USING (gw) "
                             "WHERE a.seq < ?1 AND (?2 = '' "
                             "OR g.id = ?2) AND (?3 = '' OR a.device = ?3) ORDER BY a.seq DESC LIMIT ?4"));
  rows.with(TRY(number_of(query.cursor, newest)), query.gateway, query.device, query.limit + 1);
  return list(rows, query.limit, [&](std::string& to) -> Result<> {
    api::ObjectText(to)
        .text("gateway_id", rows.text(1))
        .time("received_at", wall_of(rows.integer(2)))
        .raw("data", rows.text(3))
        .end();
    return {};
  });
}

namespace {

// What gaps and records set aside begin with: whose they are. Columns 1 to 3.
api::ObjectText& append_whose(api::ObjectText& object, const Statement& row) {
  return object.text("gateway_id", row.text(1))
      .text("epoch", std::to_string(row.count(2)))
      .text("class", record::name(static_cast<record::Class>(row.integer(3) & 3)));
}

}  // namespace

Result<std::string> Queries::gaps(const ListQuery& query) {
  auto rows =
      TRY(database_->prepare("SELECT p.first, g.id, p.epoch, p.class, p.past, p.reason, p.at FROM gaps p JOIN gateways "
                             "g USING (gw) WHERE ?1 = '' OR "
                             "g.id = ?1 ORDER BY p.at DESC, gw, p.class, p.first LIMIT ?2"));
  rows.with(query.gateway, page_items_max);
  return list(rows, page_items_max, [&](std::string& to) -> Result<> {
    api::ObjectText object(to);
    append_whose(object, rows)
        .count("from", rows.count(0))
        .count("to", rows.count(4))
        .text("reason", rows.text(5))
        .time("declared_at", wall_of(rows.integer(6)))
        .end();
    return {};
  });
}

Result<std::string> Queries::aside(const ListQuery& query) {
  auto rows =
      TRY(database_->prepare("SELECT a.offset, g.id, a.epoch, a.class, a.reason, a.topic, a.stored, a.at FROM aside a "
                             "JOIN gateways g USING (gw) "
                             "WHERE ?1 = '' OR g.id = ?1 ORDER BY a.at DESC, gw, a.class, a.offset LIMIT ?2"));
  rows.with(query.gateway, page_items_max);
  return list(rows, page_items_max, [&](std::string& to) -> Result<> {
    api::ObjectText object(to);
    append_whose(object, rows)
        .count("offset", rows.count(0))
        .text("reason", rows.text(4))
        .text("topic", rows.text(5))
        .text("record_base64", api::base64(as_text(rows.blob(6))))
        .time("at", wall_of(rows.integer(7)))
        .end();
    return {};
  });
}

namespace {

Result<std::string> streams_of(Database& database, std::int64_t gw, std::uint64_t epoch) {
  auto rows =
      TRY(database.prepare("SELECT class, base, applied, records, own, aside, gap_budget, gap_age, gap_damage, gap_ttl "
                           "FROM streams WHERE gw = ?1 "
                           "AND epoch = ?2 ORDER BY class"));
  rows.with(gw, epoch);
  std::string to = "{";
  while (TRY(rows.step())) {
    if (to.size() > 1) to += ',';
    to += '"' + std::string(record::name(static_cast<record::Class>(rows.integer(0) & 3))) + "\":";
    std::string applied = "[";
    Reader from(rows.blob(2));
    while (!from.rest().empty() && from.ok()) {
      if (applied.size() > 1) applied += ',';
      const auto first = from.varint();
      const auto past = from.varint();
      from.le<std::uint64_t>();
      applied += '[' + std::to_string(first) + ',' + std::to_string(past) + ']';
    }
    std::string gaps;
    api::ObjectText(gaps)
        .count("budget", rows.count(6))
        .count("age", rows.count(7))
        .count("damage", rows.count(8))
        .count("ttl", rows.count(9))
        .end();
    api::ObjectText(to)
        .count("base", rows.count(1))
        .raw("applied", applied + "]")
        .count("records", rows.count(3))
        .count("own", rows.count(4))
        .count("aside", rows.count(5))
        .raw("gaps", gaps)
        .end();
  }
  return to + "}";
}

Result<std::string> refusals_of(Database& database, std::string_view gateway) {
  auto rows =
      TRY(database.prepare("SELECT reason, times, at, why, epoch FROM refusals WHERE gateway = ?1 ORDER BY reason"));
  rows.with(gateway);
  std::string to = "[";
  while (TRY(rows.step())) {
    if (to.size() > 1) to += ',';
    api::ObjectText(to)
        .text("reason", rows.text(0))
        .count("times", rows.count(1))
        .time("last", wall_of(rows.integer(2)))
        .text("why", rows.text(3))
        .text("epoch", std::to_string(rows.count(4)))
        .end();
  }
  return to + "]";
}

}  // namespace

Result<std::string> Queries::gateways() {
  TRY(database_->begin(Database::Access::read));
  const auto done = [&]() -> Result<std::string> {
    auto rows = TRY(
        database_->prepare("SELECT gw, id, software, epoch, session, first_seen, last_seen FROM gateways ORDER BY id"));
    std::string to = R"({"items":[)";
    while (TRY(rows.step())) {
      if (to.back() != '[') to += ',';
      api::ObjectText(to)
          .text("gateway_id", rows.text(1))
          .text("software", rows.text(2))
          .text("epoch", std::to_string(rows.count(3)))
          .count("connections", rows.count(4))
          .time("first_seen", wall_of(rows.integer(5)))
          .time("last_connected", wall_of(rows.integer(6)))
          .raw("classes", TRY(streams_of(*database_, rows.integer(0), rows.count(3))))
          .raw("refusals", TRY(refusals_of(*database_, rows.text(1))))
          .end();
    }
    return to + R"(],"next":null})";
  }();
  database_->rollback();  // it has only read
  return done;
}

Result<std::string> Queries::counts() {
  auto rows = TRY(database_->prepare(
      "SELECT (SELECT count(*) FROM gateways), (SELECT count(*) FROM devices), (SELECT CAST(coalesce(sum(readings), 0) "
      "AS BIGINT) FROM "
      "devices), (SELECT coalesce(max(seq), 0) FROM alerts), (SELECT coalesce(max(seq), 0) FROM commands)"));
  TRY(rows.step());
  std::string to;
  api::ObjectText(to)
      .count("gateways", rows.count(0))
      .count("devices", rows.count(1))
      .count("readings", rows.count(2))
      .count("alerts", rows.count(3))
      .count("commands", rows.count(4))
      .end();
  return to;
}

}  // namespace skerry::cloud
