// What a value is measured in: what the site says of a device, else what the field's name says. Pure.
import type { Meta } from "./types.ts";

// Only those that nearly everybody means; a wrong unit is worse than none.
const BY_WORD: readonly [string, string][] = [
  ["temperature", "°C"], ["temp", "°C"], ["dewpoint", "°C"], ["humidity", "%"], ["moisture", "%"], ["battery", "%"], ["voltage", "V"], ["current", "A"],
  ["frequency", "Hz"], ["vibration", "mm/s"], ["rpm", "1/min"], ["rssi", "dBm"], ["co2", "ppm"], ["illuminance", "lx"], ["lux", "lx"],
];

// A name may carry its unit itself: `power_w`, `speed_kmh`, `uptime_s`.
const BY_END: Readonly<Record<string, string>> = {
  c: "°C", f: "°F", k: "K", pct: "%", percent: "%", w: "W", kw: "kW", kwh: "kWh", v: "V", mv: "mV", a: "A", ma: "mA", hz: "Hz", bar: "bar", kpa: "kPa",
  hpa: "hPa", pa: "Pa", kmh: "km/h", ms: "ms", s: "s", min: "min", m: "m", mm: "mm", cm: "cm", l: "l", kg: "kg", g: "g", ppm: "ppm", lx: "lx", db: "dB",
  dbm: "dBm", rpm: "1/min", lpm: "l/min", mps: "m/s",
};

export function defaultUnit(field: string): string {
  const parts = field.toLowerCase().split(/[_.\-\s]+/);
  const end = parts.length > 1 ? BY_END[parts[parts.length - 1] as string] : undefined;
  if (end !== undefined) return end;
  for (const [word, unit] of BY_WORD) if (parts.some((part) => part === word || (word.length > 4 && part.endsWith(word)))) return unit;
  return "";
}

// An empty text in the site's own units says: none.
export function unitOf(meta: Meta | null | undefined, field: string): string {
  return meta?.units?.[field] ?? defaultUnit(field);
}
