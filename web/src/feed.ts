// The chart's points: history of the chosen device and field, then the stream, and what the stream left out.
//
// The stream brings the newest reading of a device at most four times a second. Every two seconds the feed asks the
// gateway for the readings in between, so that the chart has each of them.
import { signal } from "@preact/signals";
import { pages } from "./api.ts";
import { Series } from "./model/series.ts";
import type { Reading } from "./model/types.ts";

const PAGE = 5_000;
const PAGES_MAX = 4; // = POINTS_MAX
const SPAN_MS_MIN = 30_000;
const OVERLAP_MS = 2_000; // asked for again, for readings that came a little late

export class Feed {
  series: Series | null = null;
  readonly changed = signal(0);
  readonly loading = signal(false);
  readonly error = signal<string | null>(null);
  spanMs = 5 * 60_000;
  private filledMs = -Infinity; // history is complete up to here
  private loadedSpanMs = 0;
  private dirty = false;
  private busy = false;
  private lagMs = 0; // received minus event time of the newest reading
  private turn = 0; // a later choice makes earlier answers void

  choose(device: string | null, field: string | null, spanMs = this.spanMs): void {
    const same = this.series !== null && this.series.device === device && this.series.field === field;
    const enough = spanMs <= this.loadedSpanMs;
    this.spanMs = spanMs;
    if (same && enough) {
      this.changed.value += 1;
      return;
    }
    this.turn += 1;
    this.series = device !== null && field !== null ? new Series(device, field) : null;
    this.error.value = null;
    this.loading.value = false;
    this.changed.value += 1;
    if (this.series) void this.load(this.series, this.turn);
  }

  // After a pause of the link: what was missed is loaded.
  again(): void {
    if (!this.series) return;
    this.dirty = true;
    void (this.error.value === null ? this.fill() : this.load(this.series, this.turn));
  }

  add(reading: Reading): void {
    if (!this.series?.add(reading)) return;
    this.lagMs = Date.parse(reading.received_at) - Date.parse(reading.timestamp);
    this.dirty = true;
    this.changed.value += 1;
  }

  // The chart's right edge: follows the clock, so that a device that fell silent is seen to be; replayed data with
  // times of long ago have an edge of their own.
  edgeMs(now: number): number {
    const newest = this.series?.newest ?? now;
    return Math.max(newest, now - this.lagMs);
  }

  // The left edge: the span's, or the first reading where there are none before it, so that a new device fills the chart.
  fromMs(edge: number): number {
    const from = edge - this.spanMs;
    const oldest = this.loading.value ? null : (this.series?.oldest ?? null);
    return oldest !== null && oldest > from ? Math.min(oldest, edge - SPAN_MS_MIN) : from;
  }

  async fill(): Promise<void> {
    const { series, turn } = this;
    if (!series || !this.dirty || this.busy || this.loading.value || document.hidden) return;
    this.busy = true;
    this.dirty = false;
    try {
      const until = series.newest;
      const from = Number.isFinite(this.filledMs) ? new Date(this.filledMs - OVERLAP_MS).toISOString() : undefined;
      await pages<Reading>("readings", { device: series.device, from, limit: PAGE }, PAGES_MAX, (items) => {
        if (turn !== this.turn) return false;
        for (const reading of items) if (reading.data) series.add(reading);
        return true;
      });
      if (turn !== this.turn) return;
      this.filledMs = until ?? this.filledMs;
      series.trim((series.newest ?? 0) - Math.max(this.loadedSpanMs, this.spanMs) - 10_000);
      this.changed.value += 1;
    } catch {
      this.dirty = true; // with the next turn
    } finally {
      this.busy = false;
    }
  }

  private async load(series: Series, turn: number): Promise<void> {
    this.loading.value = true;
    const span = this.spanMs;
    let newest: number | null = null;
    try {
      await pages<Reading>("readings", { device: series.device, limit: PAGE, order: "desc" }, PAGES_MAX, (items) => {
        const first = items[0];
        if (turn !== this.turn || !first) return false;
        if (newest === null) {
          newest = Date.parse(first.timestamp);
          this.lagMs = Date.parse(first.received_at) - newest;
        }
        for (const reading of items) if (reading.data) series.add(reading);
        this.changed.value += 1;
        return Date.parse((items[items.length - 1] as Reading).timestamp) > newest - span;
      });
      if (turn !== this.turn) return;
      this.filledMs = newest ?? -Infinity;
      this.loadedSpanMs = span;
      this.error.value = null;
      series.trim((series.newest ?? 0) - span - 10_000);
    } catch (error) {
      if (turn === this.turn) this.error.value = error instanceof Error ? error.message : String(error);
    } finally {
      if (turn === this.turn) {
        this.loading.value = false;
        this.changed.value += 1;
      }
    }
  }
}
