// A field's past in steps of one width, as the gateway sums it up: for spans that hold more readings than a screen has pixels. Pure.
import type { Gap } from "./series.ts";
import type { SeriesAnswer } from "./types.ts";

export interface Steps {
  columns: [number[], (number | null)[], (number | null)[], (number | null)[]]; // s, mean, min, max
  gaps: Gap[];
  count: number; // readings
  stepMs: number;
}

const EMPTY_STEPS = 3; // so many without a reading are a pause, where the device speaks in nearly each

// A step stands at its own middle. Where the device speaks more seldom than once a step, its own pace says what a pause is.
export function stepsOf(answer: SeriesAnswer): Steps {
  const { items, step_ms: stepMs } = answer;
  const columns: Steps["columns"] = [[], [], [], []];
  const gaps: Gap[] = [];
  const apart = items.slice(1).map((item, i) => item[0] - (items[i] as SeriesAnswer["items"][number])[0]).sort((a, b) => a - b);
  const usual = apart.length >= 4 ? (apart[apart.length >> 1] as number) : Infinity;
  const pause = Math.max(EMPTY_STEPS * stepMs, usual > stepMs ? 8 * usual : 0);
  let count = 0;
  let before: number | null = null;
  for (const [at, n, min, max, mean] of items) {
    const x = (at + stepMs / 2) / 1000;
    if (before !== null && at - before > pause) {
      gaps.push([(before + stepMs) / 1000, at / 1000]);
      columns[0].push((before + stepMs + at) / 2000);
      columns[1].push(null);
      columns[2].push(null);
      columns[3].push(null);
    }
    columns[0].push(x);
    columns[1].push(mean);
    columns[2].push(min);
    columns[3].push(max);
    count += n;
    before = at;
  }
  return { columns, gaps, count, stepMs };
}
