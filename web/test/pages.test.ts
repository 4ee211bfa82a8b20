// Tests of what the pages share: addresses, words, units, the site's time, steps, alerts' states, orders of the list.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Fleet } from "../src/model/fleet.ts";
import * as format from "../src/model/format.ts";
import { groupState, Groups } from "../src/model/groups.ts";
import { Orders } from "../src/model/orders.ts";
import { parse, write } from "../src/model/route.ts";
import { tokens } from "../src/model/sql.ts";
import { stepsOf } from "../src/model/steps.ts";
import { isElsewhere, offsetMs, offsetText, setZone, zoneName } from "../src/model/time.ts";
import type { Alert, Command, Reading } from "../src/model/types.ts";
import { defaultUnit, unitOf } from "../src/model/units.ts";
import { language, spanText, tables, t } from "../src/words.ts";

const blanks = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1] as string).sort();

test("both languages have every word, with the same blanks, and nothing is left in the other's script", () => {
  const names = Object.keys(tables.en).sort();
  assert.deepEqual(Object.keys(tables.zh).sort(), names);
  for (const name of names as (keyof typeof tables.en)[]) {
    assert.notEqual(tables.en[name].trim(), "", name);
    assert.deepEqual(blanks(tables.zh[name]), blanks(tables.en[name]), name);
    if (name !== "language" && name !== "languageTitle") assert.doesNotMatch(tables.en[name], /[\u4e00-\u9fff]/, name);
  }
  const same = names.filter((name) => tables.zh[name as keyof typeof tables.en] === tables.en[name as keyof typeof tables.en]);
  assert.deepEqual(same, ["times"], "all else is translated");
});

test("an address and back, whatever a device is called", () => {
  for (const id of ["pump 1", "a%2Fb", "泵", "x?y=1&z#"]) {
    const route = { path: ["devices", id], query: { field: "temp & more", from: "1" } };
    assert.deepEqual(parse(write(route)), route);
  }
  assert.deepEqual(parse(""), { path: [], query: {} });
  assert.deepEqual(parse("#/devices/%E0%A4%A"), { path: ["devices", "%E0%A4%A"], query: {} }, "somebody typed it");
});

test("units: the field's name says some, the site's own word counts more, and an empty one is none", () => {
  assert.deepEqual(["temperature", "oil_temperature", "humidity", "speed_rpm", "power_kw", "pressure", "attempt", "seq"].map(defaultUnit),
    ["°C", "°C", "%", "1/min", "kW", "", "", ""]);
  assert.equal(unitOf({ units: { temperature: "K" } }, "temperature"), "K");
  assert.equal(unitOf({ units: { temperature: "" } }, "temperature"), "");
  assert.equal(unitOf(null, "humidity"), "%");
});

test("the site's clock, across its change to summer time", () => {
  assert.equal(setZone("Europe/Berlin"), true);
  const winter = Date.UTC(2026, 0, 31, 23, 30, 5);
  const summer = Date.UTC(2026, 5, 1, 12, 0, 0);
  assert.equal(format.clock(winter, summer), "2026-02-01 00:30:05");
  assert.equal(format.stamp(summer), "2026-06-01 14:00:00");
  assert.equal(offsetText(winter), "UTC+01:00");
  const change = Date.UTC(2026, 2, 29, 1, 0, 0);
  assert.deepEqual([offsetMs(change - 1), offsetMs(change)], [3_600_000, 7_200_000]);
  assert.equal(setZone("Atlantis/Nowhere"), false);
  assert.equal(zoneName(), "Europe/Berlin", "an unknown name changes nothing");
  setZone("Asia/Kathmandu");
  assert.equal(format.clock(winter, winter), "05:15:05");
  assert.equal(isElsewhere(winter), new Date(winter).getTimezoneOffset() !== -345);
  setZone("UTC");
  assert.equal(offsetText(winter), "UTC");
});

test("spans have at most two units", () => {
  language.value = "en";
  assert.deepEqual([850, 12_000, 200_000, 3_600_000, 147_600_000, 90_000_000].map(spanText), ["850 ms", "12 s", "3 min 20 s", "1 h", "1 d 17 h", "1 d 1 h"]);
  assert.equal(t("countOf", { n: 3, all: 5 }), "3 of 5");
});

test("steps: a hole is a hole in all three lines, and a slow device has none", () => {
  const answer = (items: [number, number, number, number, number][]) => ({ device_id: "d", field: "v", from: "", to: "", step_ms: 1_000, items });
  const steps = stepsOf(answer([...Array(10).keys()].map((i): [number, number, number, number, number] => [(i < 5 ? i : i + 60) * 1_000, 2, 1, 3, 2])));
  assert.equal(steps.count, 20);
  assert.deepEqual(steps.gaps, [[5, 65]]);
  assert.deepEqual(steps.columns.map((c) => c[5]), [35, null, null, null]);
  assert.equal(steps.columns[0][0], 0.5, "a step stands at its middle");
  const slow = stepsOf(answer([...Array(10).keys()].map((i): [number, number, number, number, number] => [i * 60_000, 1, 1, 1, 1])));
  assert.deepEqual(slow.gaps, []);
});

const at = (s: number): string => new Date(Date.UTC(2026, 0, 1) + s * 1_000).toISOString();
const alert = (n: number, over: Partial<Alert> = {}): Alert =>
  ({ alert_id: `a${n}`, device_id: "m1", alert_type: "hot", severity: "high", timestamp: at(n), offset: n, message: "Too hot", ...over });

test("an alert that was worked on takes the place of what it was, never the other way round", () => {
  const groups = new Groups();
  for (let n = 0; n < 3; n += 1) groups.add(alert(n));
  assert.equal(groups.open, 1);
  const change = { action: "acknowledge" as const, at: at(9), by: "Mia", comment: null };
  assert.equal(groups.add(alert(1, { state: "acknowledged", changes: [change] })), true);
  assert.equal(groups.add(alert(1)), false, "an older list");
  assert.equal(groups.find("a1")?.state, "acknowledged");
  assert.equal(groups.list()[0]?.count, 3);
  assert.equal(groupState(groups.list()[0]!), "active");
  assert.deepEqual(groups.select({ state: "acknowledged" }).map((g) => [g.count, g.last.alert_id]), [[1, "a1"]]);
  assert.equal(groups.select({ text: "TOO HOT" })[0]?.count, 3);
  assert.equal(groups.select({ severity: "low" }).length, 0);
  for (const n of [0, 2]) groups.add(alert(n, { state: "cleared", changes: [{ ...change, action: "clear" }] }));
  assert.equal(groupState(groups.list()[0]!), "acknowledged");
  assert.equal(groups.open, 0);
});

test("devices by age, value and place; found by what people call them", () => {
  const fleet = new Fleet();
  const reading = (id: string, offset: number, s: number, v: number): Reading => ({ device_id: id, offset, timestamp: at(s), received_at: at(s), data: { temperature: v } });
  fleet.addReading(reading("a", 1, 10, 3));
  fleet.addReading(reading("b", 2, 30, 1));
  fleet.addReading(reading("c", 3, 20, 2));
  fleet.setMeta("c", { name: "Pump", place: "Hall 2" });
  const ids = (wish: Parameters<Fleet["list"]>[0]): string => fleet.list(wish, 10).shown.map((d) => d.id).join("");
  assert.equal(ids({ by: "age" }), "bca");
  assert.equal(ids({ by: "age", descending: true }), "acb");
  assert.equal(ids({ by: "value" }), "bca");
  assert.equal(ids({ by: "place" }), "cab");
  assert.equal(ids({ text: "hall" }), "c");
  assert.equal(ids({ keep: (seen) => seen.id !== "a" }), "bc");
});

test("commands by device, state and text", () => {
  const orders = new Orders();
  const command = (id: string, device: string, state: string): Command => ({ command_id: id, device_id: device, command: "set_speed", timestamp: at(1), state, states: [{ state, at: at(1) }] });
  orders.add(command("1", "a", "done"));
  orders.add(command("2", "b", "issued"));
  assert.deepEqual(orders.select({ state: "open" }).map((c) => c.command_id), ["2"]);
  assert.deepEqual(orders.select({ device: "a" }).map((c) => c.command_id), ["1"]);
  assert.equal(orders.select({ text: "speed" }).length, 2);
  assert.equal(orders.find("2")?.device_id, "b");
});

test("SQL is coloured and stays what it was", () => {
  const sql = "SELECT 'it''s' AS x -- a note\nFROM t WHERE v > 80.5";
  const found = tokens(sql);
  assert.equal(found.map((token) => token.text).join(""), sql);
  assert.deepEqual(found.filter((token) => token.kind !== "").map((token) => [token.kind, token.text]), [
    ["word", "SELECT"], ["text", "'it''s'"], ["word", "AS"], ["note", "-- a note"], ["word", "FROM"], ["word", "WHERE"], ["number", "80.5"],
  ]);
});
