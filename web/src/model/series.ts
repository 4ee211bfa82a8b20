// One device's field over time: points by position in the log, merged from history and the live stream. Pure.
import type { Reading } from "./types.ts";

export const POINTS_MAX = 20_000;

export interface Point {
  offset: number; // names the reading: the same one from list and stream is one point
  at: number; // event time, ms
  y: number | null;
}

export function numeric(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

// Pauses in seconds: from the last point before each to the first one after it.
export type Gap = [from: number, to: number];

export class Series {
  private points: Point[] = []; // by (at, offset)
  private readonly offsets = new Set<number>();
  private sorted = true;

  constructor(readonly device: string, readonly field: string) {}

  add(reading: Reading): boolean {
    if (reading.device_id !== this.device || this.offsets.has(reading.offset)) return false;
    const at = Date.parse(reading.timestamp);
    if (!Number.isFinite(at)) return false;
    const point = { offset: reading.offset, at, y: numeric(reading.data[this.field]) };
    const last = this.points[this.points.length - 1];
    if (last && (last.at > at || (last.at === at && last.offset > point.offset))) this.sorted = false;
    this.offsets.add(point.offset);
    this.points.push(point);
    return true;
  }

  get size(): number {
    return this.points.length;
  }

  get oldest(): number | null {
    this.sort();
    return this.points[0]?.at ?? null;
  }

  get newest(): number | null {
    this.sort();
    return this.points[this.points.length - 1]?.at ?? null;
  }

  // Lets go of what lies before `from`, and of the oldest beyond POINTS_MAX.
  trim(from: number): void {
    this.sort();
    let cut = Math.max(0, this.points.length - POINTS_MAX);
    while (cut < this.points.length && (this.points[cut] as Point).at < from) cut += 1;
    for (const point of this.points.splice(0, cut)) this.offsets.delete(point.offset);
  }

  // Seconds and values for the plot. A pause much longer than usual is drawn as one: a dead device has no line.
  columns(): [number[], (number | null)[]] {
    this.sort();
    const xs: number[] = [];
    const ys: (number | null)[] = [];
    const pause = this.pauseMs();
    let before: Point | undefined;
    for (const point of this.points) {
      if (before && point.at - before.at > pause) {
        xs.push((before.at + point.at) / 2000);
        ys.push(null);
      }
      xs.push(point.at / 1000);
      ys.push(point.y);
      before = point;
    }
    return [xs, ys];
  }

  // What columns() leaves open.
  gaps(): Gap[] {
    this.sort();
    const found: Gap[] = [];
    const pause = this.pauseMs();
    for (let i = 1; i < this.points.length; i += 1) {
      const before = (this.points[i - 1] as Point).at;
      const after = (this.points[i] as Point).at;
      if (after - before > pause) found.push([before / 1000, after / 1000]);
    }
    return found;
  }

  private pauseMs(): number {
    return usualPauseMs(this.points.map((point) => point.at));
  }

  private sort(): void {
    if (this.sorted) return;
    this.points.sort((a, b) => a.at - b.at || a.offset - b.offset);
    this.sorted = true;
  }
}

// Longer than this without a point is a pause, not the usual interval. `at` ascends, ms.
export function usualPauseMs(at: readonly number[]): number {
  if (at.length < 5) return Infinity;
  const steps: number[] = [];
  for (let i = 1; i < at.length; i += 1) steps.push((at[i] as number) - (at[i - 1] as number));
  steps.sort((a, b) => a - b);
  return Math.max(5_000, 20 * (steps[steps.length >> 1] as number));
}

// An SVG polyline over width × height; values run from left to right, the newest at the right edge.
export function sparkPath(values: readonly number[], width: number, height: number, capacity: number): string {
  if (values.length < 2) return "";
  let low = Infinity;
  let high = -Infinity;
  for (const v of values) {
    low = Math.min(low, v);
    high = Math.max(high, v);
  }
  const span = high - low || 1;
  const step = width / (capacity - 1);
  const left = width - step * (values.length - 1);
  return values
    .map((v, i) => `${(left + i * step).toFixed(1)},${(high === low ? height / 2 : height - 1 - ((v - low) / span) * (height - 2)).toFixed(1)}`)
    .join(" ");
}
