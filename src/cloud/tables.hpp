// The tables of the cloud side, version 3. What each holds: docs/cloud.md.
#pragma once

namespace skerry::cloud {

inline constexpr int tables_version = 3;

inline constexpr const char* tables = R"(
CREATE TABLE IF NOT EXISTS gateways (
  gw INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, software TEXT NOT NULL, epoch INTEGER NOT NULL,
  session INTEGER NOT NULL, bases BLOB NOT NULL, first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS fenced (
  gw INTEGER NOT NULL, epoch INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (gw, epoch)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS streams (
  gw INTEGER NOT NULL, epoch INTEGER NOT NULL, class INTEGER NOT NULL, base INTEGER NOT NULL, applied BLOB NOT NULL,
  records INTEGER NOT NULL, own INTEGER NOT NULL, aside INTEGER NOT NULL, gap_budget INTEGER NOT NULL,
  gap_age INTEGER NOT NULL, gap_damage INTEGER NOT NULL, gap_ttl INTEGER NOT NULL,
  PRIMARY KEY (gw, epoch, class)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gaps (
  gw INTEGER NOT NULL, epoch INTEGER NOT NULL, class INTEGER NOT NULL, first INTEGER NOT NULL, past INTEGER NOT NULL,
  reason TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (gw, epoch, class, first)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS aside (
  gw INTEGER NOT NULL, epoch INTEGER NOT NULL, class INTEGER NOT NULL, offset INTEGER NOT NULL, reason TEXT NOT NULL,
  topic TEXT NOT NULL, stored BLOB NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (gw, epoch, class, offset)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS refusals (
  gateway TEXT NOT NULL, reason TEXT NOT NULL, epoch INTEGER NOT NULL, why TEXT NOT NULL, times INTEGER NOT NULL,
  at INTEGER NOT NULL, PRIMARY KEY (gateway, reason)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS devices (
  device TEXT NOT NULL, gw INTEGER NOT NULL, first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL,
  readings INTEGER NOT NULL, timestamp INTEGER, received_at INTEGER, epoch INTEGER, class INTEGER, offset INTEGER,
  payload BLOB, status BLOB, PRIMARY KEY (device, gw)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS loose (
  seq INTEGER PRIMARY KEY, gw INTEGER NOT NULL, epoch INTEGER NOT NULL, class INTEGER NOT NULL, lane INTEGER NOT NULL,
  batch INTEGER NOT NULL, offsets INTEGER NOT NULL, first INTEGER NOT NULL, past INTEGER NOT NULL,
  readings INTEGER NOT NULL, earliest INTEGER NOT NULL, latest INTEGER NOT NULL, block BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS loose_of_gateway ON loose (gw, earliest, latest);
CREATE TABLE IF NOT EXISTS shelf (
  seq INTEGER PRIMARY KEY, gw INTEGER NOT NULL, epoch INTEGER NOT NULL, first_device TEXT NOT NULL,
  last_device TEXT NOT NULL, readings INTEGER NOT NULL, earliest INTEGER NOT NULL, latest INTEGER NOT NULL,
  block BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS shelf_by_device ON shelf (first_device, last_device, earliest, latest, gw, seq);
CREATE TABLE IF NOT EXISTS alerts (
  seq INTEGER PRIMARY KEY, gw INTEGER NOT NULL, id TEXT NOT NULL, device TEXT NOT NULL, type TEXT NOT NULL,
  received_at INTEGER NOT NULL, epoch INTEGER NOT NULL, class INTEGER NOT NULL, offset INTEGER NOT NULL,
  payload TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS alerts_by_id ON alerts (id);
CREATE TABLE IF NOT EXISTS commands (
  seq INTEGER PRIMARY KEY, gw INTEGER NOT NULL, id TEXT NOT NULL, device TEXT NOT NULL, command TEXT NOT NULL,
  alert TEXT NOT NULL, received_at INTEGER NOT NULL, payload TEXT NOT NULL, epoch INTEGER NOT NULL,
  class INTEGER NOT NULL, offset INTEGER NOT NULL, UNIQUE (id, gw));
CREATE TABLE IF NOT EXISTS orders (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, request TEXT UNIQUE, gw INTEGER NOT NULL, device TEXT NOT NULL,
  payload TEXT NOT NULL, issued_at INTEGER NOT NULL, not_after INTEGER NOT NULL, state TEXT NOT NULL,
  open INTEGER NOT NULL, epoch INTEGER NOT NULL, session INTEGER NOT NULL, sent_at INTEGER, ended_at INTEGER,
  detail TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS orders_open ON orders (gw, seq) WHERE open = 1;
CREATE TABLE IF NOT EXISTS fates (
  gw INTEGER NOT NULL, command TEXT NOT NULL, state TEXT NOT NULL, at INTEGER NOT NULL, detail TEXT NOT NULL,
  position INTEGER NOT NULL, epoch INTEGER NOT NULL, class INTEGER NOT NULL, offset INTEGER NOT NULL,
  PRIMARY KEY (command, gw, epoch, offset)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS twins (
  gw INTEGER NOT NULL, id TEXT NOT NULL, state TEXT NOT NULL, changed INTEGER NOT NULL, acked INTEGER NOT NULL,
  epoch INTEGER NOT NULL, session INTEGER NOT NULL, sent INTEGER NOT NULL, conflicts INTEGER NOT NULL,
  refused TEXT NOT NULL, PRIMARY KEY (id, gw)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS twins_by_epoch ON twins (gw, epoch);
CREATE INDEX IF NOT EXISTS twins_due ON twins (gw, id) WHERE acked < changed;
CREATE TABLE IF NOT EXISTS analytics (
  seq INTEGER PRIMARY KEY, gw INTEGER NOT NULL, device TEXT NOT NULL, received_at INTEGER NOT NULL, payload TEXT NOT NULL,
  epoch INTEGER NOT NULL, class INTEGER NOT NULL, offset INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS analytics_by_device ON analytics (device, seq);
CREATE TABLE IF NOT EXISTS messages (
  gw INTEGER NOT NULL, epoch INTEGER NOT NULL, class INTEGER NOT NULL, offset INTEGER NOT NULL, kind INTEGER NOT NULL,
  topic TEXT NOT NULL, received_at INTEGER NOT NULL, payload BLOB NOT NULL,
  PRIMARY KEY (gw, epoch, class, offset)) WITHOUT ROWID;
)";

}  // namespace skerry::cloud
