// Numbers, sizes, times and ages as text. Pure; the same in every language except for words, which are in words.ts.
import { partsOf } from "./time.ts";

const UNITS = ["B", "kB", "MB", "GB", "TB"];
export const NOTHING = "–";

// Three significant digits, so that a figure keeps its width: 4.18, 41.8, 418.
function three(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2);
}

export function bytes(count: number | null | undefined): string {
  if (count == null || !Number.isFinite(count)) return NOTHING;
  let value = count;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return unit === 0 ? `${Math.round(value)} B` : `${three(value)} ${UNITS[unit]}`;
}

export function seconds(value: number | null | undefined): string {
  if (value == null || !Number.isFinite(value)) return NOTHING;
  if (value < 0.0009995) return `${Math.round(value * 1e6)} µs`;
  if (value < 0.9995) return `${three(value * 1e3)} ms`;
  return `${three(value)} s`;
}

export function rate(perSecond: number | null | undefined): string {
  if (perSecond == null || !Number.isFinite(perSecond)) return NOTHING;
  return perSecond >= 99.95 ? integer(Math.round(perSecond)) : perSecond.toFixed(1);
}

// Digits in groups of three with a narrow space: read the same everywhere.
export function integer(count: number | null | undefined): string {
  if (count == null || !Number.isFinite(count)) return NOTHING;
  return Math.round(count).toString().replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

// A value as a device sent it, short enough for a cell.
export function value(of: unknown): string {
  if (of === null || of === undefined) return NOTHING;
  if (typeof of === "number") return number(of);
  if (typeof of === "boolean") return of ? "true" : "false";
  const text = typeof of === "string" ? of : JSON.stringify(of);
  return text.length > 24 ? `${text.slice(0, 23)}…` : text;
}

export function number(of: number): string {
  if (!Number.isFinite(of)) return NOTHING;
  const size = Math.abs(of);
  if (size !== 0 && (size >= 1e7 || size < 1e-3)) return of.toExponential(2);
  return String(Number(of.toPrecision(7)));
}

export function score(of: number | null | undefined): string {
  return of == null ? NOTHING : of.toFixed(2);
}

// 0.4 s, 12 s, 3 min, 5 h, 2 d: how long ago, in one unit.
export function age(ms: number): { count: string; unit: "s" | "min" | "h" | "d" } {
  const s = Math.max(0, ms) / 1000;
  if (s < 9.95) return { count: s.toFixed(1), unit: "s" };
  if (s < 99.5) return { count: String(Math.round(s)), unit: "s" };
  if (s < 99.5 * 60) return { count: String(Math.round(s / 60)), unit: "min" };
  if (s < 48 * 3600) return { count: String(Math.round(s / 3600)), unit: "h" };
  return { count: String(Math.round(s / 86_400)), unit: "d" };
}

function two(n: number): string {
  return String(n).padStart(2, "0");
}

// The site's wall clock: 09:41:07, with the date when it is another day than `now`.
export function clock(ms: number, now: number, withMs = false): string {
  if (!Number.isFinite(ms)) return NOTHING;
  const d = partsOf(ms);
  const n = partsOf(now);
  const time = `${two(d.hour)}:${two(d.minute)}:${two(d.second)}${withMs ? `.${String(d.ms).padStart(3, "0")}` : ""}`;
  return d.year === n.year && d.month === n.month && d.day === n.day ? time : `${date(ms)} ${time}`;
}

export function date(ms: number): string {
  const d = partsOf(ms);
  return `${d.year}-${two(d.month)}-${two(d.day)}`;
}

// Always with its date: for what is read days later.
export function stamp(ms: number): string {
  if (!Number.isFinite(ms)) return NOTHING;
  const d = partsOf(ms);
  return `${date(ms)} ${two(d.hour)}:${two(d.minute)}:${two(d.second)}`;
}

// How long: 850 ms, 12 s, 3 min 20 s, 5 h 10 min, 3 d 4 h.
export function span(ms: number): { count: string; unit: "ms" | "s" | "min" | "h" | "d" }[] {
  if (ms < 1_000) return [{ count: String(Math.max(0, Math.round(ms))), unit: "ms" }];
  const s = Math.round(ms / 1_000);
  if (s < 60) return [{ count: String(s), unit: "s" }];
  const steps: [number, "d" | "h" | "min" | "s"][] = [[86_400, "d"], [3_600, "h"], [60, "min"], [1, "s"]];
  const at = steps.findIndex(([size]) => s >= size);
  const [size, unit] = steps[at] as [number, "d" | "h" | "min" | "s"];
  const parts = [{ count: String(Math.floor(s / size)), unit }];
  const next = steps[at + 1];
  const rest = next ? Math.floor((s % size) / next[0]) : 0;
  if (next && rest > 0) parts.push({ count: String(rest), unit: next[1] });
  return parts;
}

// snake_case of types and commands, for people: high_temperature → high temperature.
export function words(name: string): string {
  return name.replace(/_/g, " ");
}
