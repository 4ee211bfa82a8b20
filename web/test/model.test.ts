// Tests of the page's models: fleet, alert groups, commands, series.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Fleet, isStale, naturally, numericFields, TRACE_MAX } from "../src/model/fleet.ts";
import { ALERTS_PER_GROUP_MAX, GROUPS_MAX, Groups, severityLook } from "../src/model/groups.ts";
import { commandLook, Orders, tookMs } from "../src/model/orders.ts";
import { POINTS_MAX, Series, sparkPath } from "../src/model/series.ts";
import type { Alert, Command, Device, Reading } from "../src/model/types.ts";

const T0 = Date.parse("2026-01-31T09:00:00.000Z");
const iso = (ms: number): string => new Date(T0 + ms).toISOString();

function reading(id: string, offset: number, atMs: number, data: Reading["data"]): Reading {
  return { device_id: id, offset, timestamp: iso(atMs), received_at: iso(atMs + 2), data };
}

function alert(n: number, over: Partial<Alert> = {}): Alert {
  return { alert_id: `a${n}`, device_id: "m1", alert_type: "anomaly_detection", severity: "medium", timestamp: iso(n * 1000), offset: n, ...over };
}

function command(id: string, states: string[], atMs = 0): Command {
  return {
    command_id: id, device_id: "m1", command: "throttle", timestamp: iso(atMs), state: states[states.length - 1] ?? "issued",
    states: states.map((state, i) => ({ state, at: iso(atMs + i * 5) })),
  };
}

test("a reading of the stream shows its device's newest values", () => {
  const fleet = new Fleet();
  assert.equal(fleet.addReading(reading("m1", 7, 0, { temperature: 20, humidity: 40 })), true);
  assert.equal(fleet.addReading(reading("m1", 6, 9_000, { temperature: 99 })), false, "an older one changes nothing");
  assert.deepEqual(fleet.devices.get("m1")?.data, { temperature: 20, humidity: 40 });
});

test("the list of devices does not overwrite what the stream said later", () => {
  const fleet = new Fleet();
  fleet.addReading(reading("m1", 9, 60_000, { temperature: 22 }));
  const device: Device = { device_id: "m1", last_seen: iso(1_000), timestamp: iso(1_000), data: { temperature: 1 }, status: { status: "online" }, readings: 5, first_seen: iso(0) };
  fleet.addDevice(device);
  assert.equal(fleet.devices.get("m1")?.data["temperature"], 22);
  assert.deepEqual(fleet.devices.get("m1")?.status, { status: "online" });
});

test("a device is silent after many of its own intervals, not of a fixed time", () => {
  const fleet = new Fleet();
  for (let i = 0; i < 30; i += 1) {
    fleet.addReading(reading("quick", 2 * i, i * 100, { v: i }));
    fleet.addReading(reading("slow", 2 * i + 1, i * 60_000, { v: i }));
  }
  const quick = fleet.devices.get("quick");
  const slow = fleet.devices.get("slow");
  assert.ok(quick && slow);
  assert.equal(isStale(quick, quick.receivedMs + 9_000), false);
  assert.equal(isStale(quick, quick.receivedMs + 11_000), true);
  assert.equal(isStale(slow, slow.receivedMs + 120_000), false);
  assert.equal(isStale(slow, slow.receivedMs + 600_000), true);
});

test("a trace keeps the newest values, and history goes before them", () => {
  const fleet = new Fleet();
  for (let i = 0; i < TRACE_MAX + 5; i += 1) fleet.addReading(reading("m1", i, i, { temperature: i }));
  assert.equal(fleet.devices.get("m1")?.trace.length, TRACE_MAX);
  assert.equal(fleet.devices.get("m1")?.trace[0], 5);
  fleet.addReading(reading("m2", 1_000, 2_000, { temperature: 3 }));
  const history = [0, 100, 300, 2_000].map((at, i) => reading("m2", at === 2_000 ? 1_000 : i, at, { temperature: i }));
  fleet.seedTrace("m2", history);
  assert.deepEqual(fleet.devices.get("m2")?.trace, [0, 2, 3], "as dense as the stream, and nothing twice");
});

test("devices come in natural order, filtered and bounded", () => {
  const fleet = new Fleet();
  for (const id of ["m10", "m2", "pump-1", "m1"]) fleet.addReading(reading(id, 1, 0, { v: 1 }));
  assert.deepEqual(fleet.list({}, 10).shown.map((d) => d.id), ["m1", "m2", "m10", "pump-1"]);
  assert.deepEqual(fleet.list({ text: "M1" }, 10).shown.map((d) => d.id), ["m1", "m10"]);
  const { shown, matching } = fleet.list({}, 2);
  assert.equal(shown.length, 2);
  assert.equal(matching, 4);
  assert.ok(naturally("m2", "m10") < 0);
});

test("temperature is the first field to draw; bookkeeping fields are none", () => {
  assert.deepEqual(numericFields({ seq: 4, humidity: 40, temperature: 20, place: "roof", timestamp: 1, label: 0 }), ["temperature", "humidity"]);
});

test("alerts are grouped by device and type, each counted once", () => {
  const groups = new Groups();
  assert.equal(groups.add(alert(1, { anomaly_score: 0.82 })), true);
  assert.equal(groups.add(alert(3, { severity: "high", anomaly_score: 0.97 })), true);
  assert.equal(groups.add(alert(2)), true);
  assert.equal(groups.add(alert(3)), false, "the same id again: list and stream may both bring it");
  groups.add(alert(4, { device_id: "m2" }));
  groups.add(alert(5, { alert_type: "high_temperature" }));
  const list = groups.list();
  assert.deepEqual(list.map((g) => [g.device, g.type, g.count]), [["m1", "high_temperature", 1], ["m2", "anomaly_detection", 1], ["m1", "anomaly_detection", 3]]);
  const last = list[2];
  assert.equal(last?.last.anomaly_score, 0.97);
  assert.equal(last?.worst, "high");
  assert.deepEqual(last?.alerts.map((a) => a.alert_id), ["a3", "a2", "a1"]);
  assert.equal(groups.total, 5);
});

test("groups and the alerts in them are bounded; the count is not", () => {
  const groups = new Groups();
  for (let i = 0; i < ALERTS_PER_GROUP_MAX + 50; i += 1) groups.add(alert(i));
  assert.equal(groups.list()[0]?.count, ALERTS_PER_GROUP_MAX + 50);
  assert.equal(groups.list()[0]?.alerts.length, ALERTS_PER_GROUP_MAX);
  for (let i = 0; i < GROUPS_MAX + 10; i += 1) groups.add(alert(1_000 + i, { device_id: `d${i}` }));
  assert.equal(groups.list().length, GROUPS_MAX);
  assert.ok(!groups.list().some((g) => g.device === "m1"), "the one silent for longest went");
});

test("severities have three looks", () => {
  assert.deepEqual(["critical", "high", "medium", "low", "odd"].map(severityLook), ["high", "high", "medium", "low", "low"]);
});

test("a command's later state replaces the earlier one, never the other way round", () => {
  const orders = new Orders();
  orders.add(command("c1", ["issued"]));
  orders.add(command("c2", ["issued"], 1_000));
  orders.add(command("c1", ["issued", "delivered", "done"]));
  assert.equal(orders.add(command("c1", ["issued", "delivered"])), false);
  assert.deepEqual(orders.list().map((c) => [c.command_id, c.state]), [["c2", "issued"], ["c1", "done"]]);
  assert.equal(tookMs(orders.list()[1] as Command), 10);
  assert.equal(tookMs(orders.list()[0] as Command), null);
  assert.deepEqual(["done", "unknown", "expired", "issued"].map(commandLook), ["good", "bad", "bad", "open"]);
});

test("a series takes each reading once and keeps the order of event time", () => {
  const series = new Series("m1", "temperature");
  assert.equal(series.add(reading("m1", 2, 2_000, { temperature: 2 })), true);
  assert.equal(series.add(reading("m1", 1, 1_000, { temperature: 1 })), true);
  assert.equal(series.add(reading("m1", 2, 2_000, { temperature: 2 })), false);
  assert.equal(series.add(reading("m2", 3, 3_000, { temperature: 9 })), false);
  assert.equal(series.add(reading("m1", 4, 4_000, { temperature: "warm" })), true);
  assert.deepEqual(series.columns(), [[1, 2, 4].map((s) => T0 / 1000 + s), [1, 2, null]]);
});

test("a long pause is a hole in the line", () => {
  const series = new Series("m1", "v");
  for (let i = 0; i < 10; i += 1) series.add(reading("m1", i, i * 100, { v: i }));
  series.add(reading("m1", 10, 60_000, { v: 10 }));
  const [xs, ys] = series.columns();
  assert.equal(xs.length, 12);
  assert.equal(ys[10], null);
});

test("a series lets go of what is too old, and of too many", () => {
  const series = new Series("m1", "v");
  for (let i = 0; i < 100; i += 1) series.add(reading("m1", i, i * 1_000, { v: i }));
  series.trim(T0 + 40_000);
  assert.equal(series.size, 60);
  assert.equal(series.add(reading("m1", 3, 3_000, { v: 3 })), true, "what was let go may come back");
  for (let i = 100; i < POINTS_MAX + 200; i += 1) series.add(reading("m1", i, i * 1_000, { v: i }));
  series.trim(-Infinity);
  assert.equal(series.size, POINTS_MAX);
});

test("a series knows its first and last moment", () => {
  const series = new Series("m1", "v");
  assert.equal(series.oldest, null);
  series.add(reading("m1", 2, 2_000, { v: 2 }));
  series.add(reading("m1", 1, 1_000, { v: 1 }));
  assert.deepEqual([series.oldest, series.newest], [T0 + 1_000, T0 + 2_000]);
});

test("a sparkline ends at the right edge and fits its height", () => {
  assert.equal(sparkPath([5], 100, 20, 11), "");
  assert.equal(sparkPath([0, 10], 100, 20, 11), "90.0,19.0 100.0,1.0");
  assert.equal(sparkPath([3, 3], 100, 20, 11), "90.0,10.0 100.0,10.0");
});
