// The demo's timeline: bands where the gateway was away, steps that end before the second that is not over.
import assert from "node:assert/strict";
import { test } from "node:test";
import { areaPath, bandsOf, gappedPath, roundTop, secondsDrawn, stepPath, topOf, type DemoState, type Outage } from "../src/model/demo.ts";

const outage = (from: string, to: string | null): Outage => ({
  kind: "killed", from, to, seconds: 1, acknowledged_before: 0, acknowledged_meanwhile: 0, sent_meanwhile: 0,
});

function state(seconds: number, outages: Outage[] = []): DemoState {
  const counts = Array.from({ length: seconds }, () => 40);
  return {
    demo: "plant", seed: 1, speed: 60, devices: 20, sent: 0, acknowledged: 0, waiting: 0, stored: 0, commands: 0,
    gateway: { up: true, pid: 1, starts: 1, disk_full: false }, link: null,
    timeline: { from: "2026-01-01T00:00:00.000Z", step_s: 1, sent: counts, acknowledged: counts, stored: counts },
    outages, faults: [], alerts_without_fault: 0,
  };
}

test("a young demo is drawn over a minute, an old one over what is kept", () => {
  assert.equal(secondsDrawn(state(5)), 60);
  assert.equal(secondsDrawn(state(180)), 180);
});

test("an outage is a band from its beginning to its end, and wide enough to see", () => {
  const [band] = bandsOf(state(100, [outage("2026-01-01T00:00:50.000Z", "2026-01-01T00:01:00.000Z")]));
  assert.deepEqual(band, { kind: "killed", from: 0.5, to: 0.6 });
  const [short] = bandsOf(state(100, [outage("2026-01-01T00:00:50.000Z", "2026-01-01T00:00:50.100Z")]));
  assert.ok(short && short.to - short.from > 0.005);
});

test("one that goes on reaches to now, and one before the timeline is left out", () => {
  const [open] = bandsOf(state(120, [outage("2026-01-01T00:01:30.000Z", null)]));
  assert.deepEqual(open, { kind: "killed", from: 0.75, to: 1 });
  assert.deepEqual(bandsOf(state(120, [outage("2025-12-31T23:00:00.000Z", "2025-12-31T23:00:09.000Z")])), []);
});

test("the scale is round and the last second is left out", () => {
  assert.equal(topOf(state(3)), 80);
  assert.equal(stepPath([10, 40, 3], 10, 40, 100, 80), "M0.0 60.0H10.0L10.0 0.0H20.0");
  assert.equal(stepPath([400, 0], 10, 40, 100, 80), "M0.0 0.0H10.0");
  assert.equal(stepPath([], 10, 40, 100, 80), "");
});

test("what is not known is not drawn, and lanes stand on each other", () => {
  assert.equal(gappedPath([1, null, 2], 4, 2, 40, 20), "M0.0 10.0H10.0M20.0 0.0H30.0");
  assert.equal(areaPath([1, null], [1, 1], 2, 4, 20, 40), "M0.0 30.0V20.0H10.0V30.0Z");
});

test("scales are round", () => {
  assert.equal(roundTop([null, 3], 100), 100);
  assert.equal(roundTop([1_201], 100), 2_000);
  assert.equal(roundTop([0.2], 1), 1);
});
