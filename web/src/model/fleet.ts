// The devices the page knows: last values, age, a short trace for the sparkline. Pure; who looks is told by revisions.
import { numeric } from "./series.ts";
import type { Device, Fields, Reading, Value } from "./types.ts";

export const TRACE_MAX = 80;
export const DEVICES_MAX = 50_000;
const STREAM_MS_MIN = 240; // the stream brings a device at most four times a second
const STALE_MS_MIN = 10_000;
const STALE_INTERVALS = 8; // silent for that many of its usual intervals

export interface Seen {
  id: string;
  receivedMs: number;
  eventMs: number | null;
  offset: number;
  data: Fields;
  status: Fields | null;
  intervalMs: number | null; // between readings, smoothed
  field: string | null; // whose trace it is
  trace: number[]; // oldest first, at most TRACE_MAX
  traceOffset: number; // where the stream's part of the trace begins
  revision: number;
}

const FIRST = ["temperature", "value"]; // what a sparkline shows when a device has it; else its first number
const PLACE = ["timestamp", "device_id", "seq", "msg_id", "label"];

export function fieldsOf(data: Fields): [string, Value][] {
  return Object.entries(data).filter(([name]) => !PLACE.includes(name));
}

export function numericFields(data: Fields): string[] {
  const names = fieldsOf(data).filter(([, v]) => numeric(v) !== null).map(([name]) => name);
  return names.sort((a, b) => rank(a) - rank(b));
}

function rank(name: string): number {
  const at = FIRST.indexOf(name);
  return at < 0 ? FIRST.length : at;
}

// m2 before m10.
const collator = new Intl.Collator("en", { numeric: true });
export const naturally = (a: string, b: string): number => collator.compare(a, b);

export class Fleet {
  readonly devices = new Map<string, Seen>();
  private order: string[] | null = null;

  get size(): number {
    return this.devices.size;
  }

  // From the list of devices; never older than what the stream has said already.
  addDevice(device: Device): void {
    const seen = this.at(device.device_id);
    if (!seen) return;
    const received = Date.parse(device.last_seen);
    seen.status = device.status ?? seen.status;
    if (!(received >= seen.receivedMs)) return;
    seen.receivedMs = received;
    seen.eventMs = device.timestamp ? Date.parse(device.timestamp) : null;
    if (device.data) this.take(seen, device.data);
    const lived = received - Date.parse(device.first_seen);
    if (seen.intervalMs === null && device.readings > 2 && lived > 0) seen.intervalMs = lived / device.readings;
    seen.revision += 1;
  }

  // A reading of the stream. False when it is older than what is shown.
  addReading(reading: Reading): boolean {
    const seen = this.at(reading.device_id);
    if (!seen || reading.offset <= seen.offset) return false;
    const received = Date.parse(reading.received_at);
    if (seen.offset >= 0 && received > seen.receivedMs) {
      const interval = received - seen.receivedMs;
      seen.intervalMs = seen.intervalMs === null ? interval : 0.8 * seen.intervalMs + 0.2 * interval;
    }
    seen.offset = reading.offset;
    seen.receivedMs = Math.max(received, seen.receivedMs);
    seen.eventMs = Date.parse(reading.timestamp);
    this.take(seen, reading.data);
    const y = seen.field === null ? null : numeric(reading.data[seen.field]);
    if (y !== null) {
      seen.traceOffset = Math.min(seen.traceOffset, reading.offset);
      seen.trace.push(y);
      if (seen.trace.length > TRACE_MAX) seen.trace.shift();
    }
    seen.revision += 1;
    return true;
  }

  // History for the sparkline, oldest first; goes before what the stream has brought since, and is as dense as that.
  seedTrace(id: string, readings: readonly Reading[]): void {
    const seen = this.devices.get(id);
    if (!seen || seen.field === null) return;
    const older: number[] = [];
    let next = -Infinity;
    for (const reading of readings) {
      const y = numeric(reading.data[seen.field]);
      const at = Date.parse(reading.received_at);
      if (y === null || at < next || reading.offset >= seen.traceOffset) continue;
      older.push(y);
      next = at + STREAM_MS_MIN;
    }
    seen.trace = [...older, ...seen.trace].slice(-TRACE_MAX);
    seen.revision += 1;
  }

  // In natural order of names; with a filter, those whose name contains it.
  list(filter: string, limit: number): { shown: Seen[]; matching: number } {
    this.order ??= [...this.devices.keys()].sort(naturally);
    const wanted = filter.trim().toLowerCase();
    const shown: Seen[] = [];
    let matching = 0;
    for (const id of this.order) {
      if (wanted && !id.toLowerCase().includes(wanted)) continue;
      matching += 1;
      if (shown.length < limit) shown.push(this.devices.get(id) as Seen);
    }
    return { shown, matching };
  }

  clear(): void {
    this.devices.clear();
    this.order = null;
  }

  private at(id: string): Seen | null {
    const known = this.devices.get(id);
    if (known) return known;
    if (this.devices.size >= DEVICES_MAX) return null;
    const seen: Seen = {
      id, receivedMs: -Infinity, eventMs: null, offset: -1, data: {}, status: null, intervalMs: null, field: null, trace: [], traceOffset: Infinity,
      revision: 0,
    };
    this.devices.set(id, seen);
    this.order = null;
    return seen;
  }

  private take(seen: Seen, data: Fields): void {
    seen.data = data;
    seen.field ??= numericFields(data)[0] ?? null;
  }
}

export function staleAfterMs(seen: Seen): number {
  return Math.max(STALE_MS_MIN, STALE_INTERVALS * (seen.intervalMs ?? 0));
}

export function isStale(seen: Seen, now: number): boolean {
  return now - seen.receivedMs > staleAfterMs(seen);
}
