// SQL of the store.
#include "cloud/statements.hpp"

namespace skerry::cloud {
namespace {

// `rows` devices in one statement: most of what a device costs a server is the statement.
std::string put_devices_sql(int rows) {
  std::string sql = "INSERT INTO devices VALUES ";
  for (int row = 0, value = 0; row < rows; ++row) {
    sql += row == 0 ? "(" : ", (";
    for (int column = 0; column < 12; ++column) sql += (column == 0 ? "?" : ", ?") + std::to_string(++value);
    sql += ')';
  }
  sql +=
      " ON CONFLICT (device, gw) DO UPDATE SET last_seen = greatest(devices.last_seen, excluded.last_seen), first_seen "
      "= "
      "least(devices.first_seen, excluded.first_seen), readings = devices.readings + excluded.readings, status = "
      "coalesce(excluded.status, devices.status)";
  for (const std::string column : {"timestamp", "epoch", "class", "offset", "payload", "received_at"})
    sql += ", " + column +
           " = CASE WHEN excluded.received_at >= coalesce(devices.received_at, excluded.received_at) THEN excluded." +
           column + " ELSE devices." + column + " END";
  return sql;
}

}  // namespace

Result<> SqlStore::Statements::prepare(Database& database) {
  const auto of = [&database](Statement& statement, std::string_view sql) -> Result<> {
    statement = TRY(database.prepare(sql));
    return {};
  };
  TRY(of(find_gateway, "SELECT gw, epoch, session, bases FROM gateways WHERE id = ?1"));
  TRY(of(find_name, "SELECT id FROM gateways WHERE gw = ?1"));
  TRY(of(
      put_gateway,
      "INSERT INTO gateways (id, software, epoch, session, bases, first_seen, last_seen) VALUES (?1, ?2, ?3, ?4, ?5, "
      "?6, ?6) ON CONFLICT (id) DO UPDATE SET software = ?2, epoch = ?3, session = ?4, bases = ?5, last_seen = ?6"));
  TRY(of(find_fenced, "SELECT 1 FROM fenced WHERE gw = ?1 AND epoch = ?2"));
  TRY(of(put_fenced, "INSERT INTO fenced VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING"));
  TRY(of(
      find_stream,
      "SELECT base, applied, records, own, aside, gap_budget, gap_age, gap_damage, gap_ttl FROM streams WHERE gw = ?1 "
      "AND epoch = ?2 AND class = ?3"));
  TRY(of(put_stream,
         "INSERT INTO streams VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT (gw, epoch, "
         "class) DO "
         "UPDATE SET base = ?4, applied = ?5, records = ?6, own = ?7, aside = ?8, gap_budget = ?9, gap_age = ?10, "
         "gap_damage = "
         "?11, gap_ttl = ?12"));
  TRY(of(put_gap, "INSERT INTO gaps VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"));
  TRY(of(put_aside, "INSERT INTO aside VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"));
  TRY(of(put_refusal,
         "INSERT INTO refusals VALUES (?1, ?2, ?3, ?4, 1, ?5) ON CONFLICT (gateway, reason) DO UPDATE SET epoch = ?3, "
         "why = "
         "?4, times = refusals.times + 1, at = ?5"));
  TRY(of(put_device, put_devices_sql(1)));
  TRY(of(put_devices, put_devices_sql(devices_per_statement)));
  TRY(of(put_loose,
         "INSERT INTO loose (gw, epoch, class, lane, batch, offsets, first, past, readings, earliest, latest, block) "
         "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"));
  TRY(of(
      put_alert,
      "INSERT INTO alerts (gw, id, device, type, received_at, epoch, class, offset, payload) VALUES (?1, ?2, ?3, ?4, "
      "?5, ?6, ?7, ?8, ?9)"));
  TRY(of(
      put_command,
      "INSERT INTO commands (gw, id, device, command, alert, received_at, payload, epoch, class, offset) VALUES (?1, "
      "?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (id, gw) DO UPDATE SET epoch = ?8, class = ?9, offset = ?10 "
      "WHERE commands.offset < 0 RETURNING seq"));
  TRY(of(find_command, "SELECT device FROM commands WHERE id = ?1 AND gw = ?2"));
  TRY(of(put_fate, "INSERT INTO fates VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"));
  TRY(of(put_analytics,
         "INSERT INTO analytics (gw, device, received_at, payload, epoch, class, offset) VALUES (?1, ?2, ?3, ?4, ?5, "
         "?6, ?7)"));
  TRY(of(put_message, "INSERT INTO messages VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"));
  TRY(prepare_shelves(database));
  TRY(prepare_twins(database));
  return prepare_orders(database);
}

Result<> SqlStore::Statements::prepare_shelves(Database& database) {
  const auto of = [&database](Statement& statement, std::string_view sql) -> Result<> {
    statement = TRY(database.prepare(sql));
    return {};
  };
  TRY(of(crowded,
         "SELECT gw, epoch FROM loose GROUP BY gw, epoch HAVING count(*) > ?1 ORDER BY count(*) DESC LIMIT 1"));
  TRY(of(
      oldest_loose,
      "SELECT seq, class, batch, offsets, first, past, readings, block FROM loose WHERE gw = ?1 AND epoch = ?2 ORDER "
      "BY seq LIMIT ?3"));
  TRY(of(
      put_shelf,
      "INSERT INTO shelf (gw, epoch, first_device, last_device, readings, earliest, latest, block) VALUES (?1, ?2, ?3, "
      "?4, ?5, ?6, ?7, ?8)"));
  TRY(of(drop_loose, "DELETE FROM loose WHERE gw = ?1 AND epoch = ?2 AND seq <= ?3"));
  return {};
}

Result<> SqlStore::Statements::prepare_twins(Database& database) {
  const auto of = [&database](Statement& statement, std::string_view sql) -> Result<> {
    statement = TRY(database.prepare(sql));
    return {};
  };
  TRY(of(find_twin, "SELECT state, changed FROM twins WHERE gw = ?1 AND id = ?2"));
  TRY(of(
      put_twin,
      "INSERT INTO twins VALUES (?1, ?2, ?3, ?4, 0, ?5, 0, 0, ?6, '') ON CONFLICT (id, gw) DO UPDATE SET state = ?3, "
      "changed = ?4, conflicts = ?6"));
  TRY(of(twin_gateways, "SELECT gw FROM twins WHERE id = ?1 ORDER BY gw LIMIT 2"));
  TRY(of(renew_twins,
         "UPDATE twins SET acked = -1, epoch = ?2, session = 0 WHERE gw = ?1 AND (epoch < ?2 OR epoch > ?2)"));
  TRY(of(due_twins,
         "SELECT id, changed, state FROM twins WHERE gw = ?1 AND acked < changed AND (session < ?2 OR sent < changed) "
         "ORDER BY id LIMIT ?3"));
  TRY(of(send_twin, "UPDATE twins SET sent = ?3, session = ?4 WHERE gw = ?1 AND id = ?2"));
  TRY(of(answer_twin,
         "UPDATE twins SET acked = greatest(acked, ?3), refused = ?5 WHERE gw = ?1 AND id = ?2 AND epoch = ?4"));
  return {};
}

Result<> SqlStore::Statements::prepare_orders(Database& database) {
  const auto of = [&database](Statement& statement, std::string_view sql) -> Result<> {
    statement = TRY(database.prepare(sql));
    return {};
  };
  TRY(of(put_order,
         "INSERT INTO orders (id, request, gw, device, payload, issued_at, not_after, state, open, epoch, session, "
         "detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'waiting', 1, 0, 0, '')"));
  TRY(of(
      issue_command,
      "INSERT INTO commands (gw, id, device, command, alert, received_at, payload, epoch, class, offset) VALUES (?1, "
      "?2, ?3, ?4, ?5, ?6, ?7, 0, 0, -1)"));
  TRY(of(find_request, "SELECT id, gw, device FROM orders WHERE request = ?1"));
  TRY(of(count_open, "SELECT count(*) FROM orders WHERE gw = ?1 AND open = 1"));
  TRY(of(known_gateways, "SELECT gw FROM devices WHERE device = ?1 ORDER BY gw LIMIT 2"));
  TRY(of(lose_orders,
         "UPDATE orders SET open = 0, state = 'unknown', ended_at = ?3, detail = ?4 WHERE gw = ?1 AND open = 1 AND "
         "session > 0 AND epoch <> ?2"));
  TRY(of(due_orders,
         "SELECT id, payload FROM orders WHERE gw = ?1 AND open = 1 AND session < ?2 AND (state <> 'waiting' OR "
         "not_after > ?3) ORDER BY seq LIMIT ?4"));
  TRY(of(send_order,
         "UPDATE orders SET state = CASE state WHEN 'waiting' THEN 'sent' ELSE state END, epoch = ?2, session = ?3, "
         "sent_at = coalesce(sent_at, ?4) WHERE id = ?1 AND open = 1 RETURNING seq"));
  TRY(of(answer_order,
         "UPDATE orders SET state = ?3, open = 0, ended_at = ?4, detail = ?5 WHERE id = ?1 AND gw = ?2 AND open = 1 "
         "RETURNING device"));
  TRY(of(
      late_orders,
      "SELECT o.id, o.gw, o.device, g.id, o.state FROM orders o JOIN gateways g USING (gw) WHERE o.open = 1 AND "
      "((o.state = 'waiting' AND o.not_after <= ?1) OR (o.state = 'sent' AND o.not_after <= ?2)) ORDER BY o.seq LIMIT "
      "?3"));
  TRY(of(end_order,
         "UPDATE orders SET state = ?2, open = ?3, ended_at = ?4, detail = ?5 WHERE id = ?1 AND open = 1 AND "
         "state = ?6 RETURNING seq"));
  TRY(of(arrive_order,
         "UPDATE orders SET state = 'taken', open = 0, ended_at = coalesce(ended_at, ?3) WHERE id = ?1 AND gw = ?2 AND "
         "state <> 'taken'"));
  return {};
}

}  // namespace skerry::cloud
