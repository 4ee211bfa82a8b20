// The devices the page knows: last values, age, a short trace for the sparkline. Pure; who looks is told by revisions.
import { numeric } from "./series.ts";
import type { Device, Fields, Meta, Reading, Value } from "./types.ts";

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
  meta: Meta | null;
  readings: number; // of the list, and those the stream brought since
  firstMs: number;
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

export type Order = "age" | "place" | "readings" | "value";

// What a list of devices should hold, and how.
export interface Wish {
  text?: string;
  by?: Order | null; // none: by name
  descending?: boolean;
  keep?: ((seen: Seen) => boolean) | null;
}

// The value in the device's own line of the list: what its trace shows.
export function mainValue(seen: Seen): number | null {
  return seen.field === null ? null : numeric(seen.data[seen.field]);
}

const RANKS: Record<Order, (a: Seen, b: Seen) => number> = {
  age: (a, b) => b.receivedMs - a.receivedMs || 0,
  place: (a, b) => {
    const [one, other] = [a.meta?.place || "\uffff", b.meta?.place || "\uffff"];
    return one === other ? 0 : naturally(one, other);
  },
  readings: (a, b) => a.readings - b.readings,
  value: (a, b) => (mainValue(a) ?? -Infinity) - (mainValue(b) ?? -Infinity) || 0,
};

function contains(seen: Seen, wanted: string): boolean {
  if (seen.id.toLowerCase().includes(wanted)) return true;
  return seen.meta !== null && `${seen.meta.name ?? ""}\n${seen.meta.place ?? ""}`.toLowerCase().includes(wanted);
}

// What people call it.
export function titleOf(seen: { id: string; meta: Meta | null }): string {
  return seen.meta?.name || seen.id;
}

export class Fleet {
  readonly devices = new Map<string, Seen>();
  private order: string[] = []; // in natural order
  private fresh: string[] = []; // came since, and are not in it yet

  get size(): number {
    return this.devices.size;
  }

  // From the list of devices; never older than what the stream has said already.
  addDevice(device: Device): void {
    const seen = this.at(device.device_id);
    if (!seen) return;
    const received = Date.parse(device.last_seen);
    seen.status = device.status ?? seen.status;
    if (device.meta !== undefined) seen.meta = device.meta;
    seen.readings = Math.max(seen.readings, device.readings);
    seen.firstMs = Date.parse(device.first_seen);
    seen.revision += 1;
    if (!(received >= seen.receivedMs)) return;
    seen.receivedMs = received;
    seen.eventMs = device.timestamp ? Date.parse(device.timestamp) : null;
    if (device.data) this.take(seen, device.data);
    const lived = received - Date.parse(device.first_seen);
    if (seen.intervalMs === null && device.readings > 2 && lived > 0) seen.intervalMs = lived / device.readings;
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
    seen.readings += 1;
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

  // By name in natural order, or as `wish` says; those whose id, name or place contains the text.
  list(wish: Wish, limit: number): { shown: Seen[]; matching: number } {
    this.sort();
    const wanted = (wish.text ?? "").trim().toLowerCase();
    const found: Seen[] = [];
    for (const id of this.order) {
      const seen = this.devices.get(id) as Seen;
      if (wanted && !contains(seen, wanted)) continue;
      if (wish.keep && !wish.keep(seen)) continue;
      found.push(seen);
    }
    const rank = wish.by ? RANKS[wish.by] : null;
    if (rank) found.sort(rank); // stable: of the same rank, by name
    if (wish.descending) found.reverse();
    return { shown: found.length > limit ? found.slice(0, limit) : found, matching: found.length };
  }

  setMeta(id: string, meta: Meta | null): void {
    const seen = this.devices.get(id);
    if (!seen) return;
    seen.meta = meta;
    seen.revision += 1;
  }

  clear(): void {
    this.devices.clear();
    this.order = [];
    this.fresh = [];
  }

  private at(id: string): Seen | null {
    const known = this.devices.get(id);
    if (known) return known;
    if (this.devices.size >= DEVICES_MAX) return null;
    const seen: Seen = {
      id, receivedMs: -Infinity, eventMs: null, offset: -1, data: {}, status: null, meta: null, readings: 0, firstMs: NaN, intervalMs: null,
      field: null, trace: [], traceOffset: Infinity, revision: 0,
    };
    this.devices.set(id, seen);
    this.fresh.push(id);
    return seen;
  }

  // Merged, not sorted anew: ten thousand devices come in ten pages.
  private sort(): void {
    if (this.fresh.length === 0) return;
    const [old, fresh] = [this.order, this.fresh.sort(naturally)];
    const all: string[] = [];
    let i = 0;
    for (const id of fresh) {
      while (i < old.length && naturally(old[i] as string, id) < 0) all.push(old[i++] as string);
      all.push(id);
    }
    while (i < old.length) all.push(old[i++] as string);
    this.order = all;
    this.fresh = [];
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
