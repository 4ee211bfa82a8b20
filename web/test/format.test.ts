// Tests of numbers, sizes, times and words as text.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as format from "../src/model/format.ts";
import { language, named, t } from "../src/words.ts";

test("durations keep three digits and choose their unit", () => {
  assert.deepEqual([0.0000854, 0.00112, 0.0134, 0.999, 1.5, null].map(format.seconds), ["85 µs", "1.12 ms", "13.4 ms", "999 ms", "1.50 s", "–"]);
});

test("sizes are decimal", () => {
  assert.deepEqual([0, 999, 1_000, 16_777_216, 1.5e12, undefined].map(format.bytes), ["0 B", "999 B", "1.00 kB", "16.8 MB", "1.50 TB", "–"]);
});

test("rates and counts", () => {
  assert.deepEqual([0, 3.14159, 99.94, 12_345.6, null].map(format.rate), ["0.0", "3.1", "99.9", "12\u202f346", "–"]);
  assert.equal(format.integer(1_234_567), "1\u202f234\u202f567");
  assert.equal(format.integer(12), "12");
});

test("values as devices send them", () => {
  assert.deepEqual([21.5, 1e9 + 0.123, 0.00001, -4, true, null, "a word", { a: 1 }].map(format.value),
    ["21.5", "1.00e+9", "1.00e-5", "-4", "true", "–", "a word", '{"a":1}']);
  assert.equal(format.value("x".repeat(50)).length, 24);
});

test("ages have one unit", () => {
  assert.deepEqual([-5, 400, 12_300, 99_600, 3 * 3_600_000, 72 * 3_600_000].map(format.age),
    [["0.0", "s"], ["0.4", "s"], ["12", "s"], ["2", "min"], ["3", "h"], ["3", "d"]].map(([count, unit]) => ({ count, unit })));
});

test("times show their date only on another day", () => {
  const at = new Date(2026, 0, 31, 9, 4, 7, 30).getTime();
  assert.equal(format.clock(at, at), "09:04:07");
  assert.equal(format.clock(at, at, true), "09:04:07.030");
  assert.equal(format.clock(at, at + 86_400_000), "2026-01-31 09:04:07");
  assert.equal(format.clock(NaN, at), "–");
});

test("words in both languages, blanks filled, unknown names as they are", () => {
  language.value = "en";
  assert.equal(t("unit.min", { n: 5 }), "5 min");
  assert.equal(named("state", "delivered"), "delivered");
  assert.equal(named("type", "door_open"), "door open");
  language.value = "zh";
  assert.equal(t("unit.min", { n: 5 }), "5 分钟");
  assert.equal(named("severity", "high"), "高");
});
