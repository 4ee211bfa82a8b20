// uPlot, dressed in the page's colours: one line with its band, marks for alerts, pauses shaded, a readout of what the cursor is at.
import { effect } from "@preact/signals";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { severityLook } from "../model/groups.ts";
import type { Gap } from "../model/series.ts";
import { offsetMs, partsOf } from "../model/time.ts";
import { dark } from "../theme.ts";

type Column = (number | null)[];

// Seconds, values, and where steps are drawn the least and the most of each.
export interface Picture {
  columns: [number[], Column] | [number[], Column, Column, Column];
  marks: Mark[];
  gaps: Gap[];
}

export interface Mark {
  at: number; // s
  y: number | null; // none: the field was not in the reading; the mark stands at the bottom
  look: ReturnType<typeof severityLook>;
}

export interface Readout {
  value: number;
  at: number; // s
  hover: boolean; // else the newest
  min: number;
  max: number;
}

const MARK_RADIUS = 4;
const MARK_DOT = 1.75; // of those that would hide each other as rings
const HEIGHT_MIN = 120;
const DRAG_MIN = 6; // px; less is a click
const RIGHT = 8; // beside the plot
const LABEL_WIDTH = 50;

interface Colours {
  ink: string;
  line: string;
  grid: string;
  area: string;
  band: string;
  gap: string;
  high: string;
  medium: string;
  low: string;
  font: string;
}

function colours(): Colours {
  const style = getComputedStyle(document.documentElement);
  const read = (name: string): string => style.getPropertyValue(name).trim();
  return {
    ink: read("--muted"), line: read("--accent"), grid: read("--line"), area: read("--accent-wash"),
    band: read("--band"), gap: read("--gap-wash"),
    high: read("--high"), medium: read("--medium"), low: read("--muted"), font: `11px ${getComputedStyle(document.body).fontFamily}`,
  };
}

function two(n: number): string {
  return String(n).padStart(2, "0");
}

// Of the site's clock. Steps under a minute need seconds; at midnight the day is told.
function timeLabels(u: uPlot, splits: number[], _: number, __: number, step: number): string[] {
  const room = u.over.clientWidth + RIGHT - LABEL_WIDTH / 2; // one cut in half at the edge is worse than none
  return splits.map((s) => {
    if (u.valToPos(s, "x") > room) return "";
    const d = partsOf(s * 1000);
    if (step >= 86_400 || (step >= 60 && d.hour === 0 && d.minute === 0)) return `${two(d.month)}-${two(d.day)}`;
    const short = `${two(d.hour)}:${two(d.minute)}`;
    return step < 60 ? `${short}:${two(d.second)}` : short;
  });
}

// A line without movement gets room around it; else a tenth above and below.
function valueRange(_: uPlot, low: number | null, high: number | null): [number, number] {
  if (low === null || high === null) return [0, 1];
  const room = high > low ? (high - low) * 0.1 : Math.max(Math.abs(high) * 0.05, 0.5);
  return [low - room, high + room];
}

// The cursor marks the line, not its band.
function pointOf(u: uPlot, i: number): HTMLElement {
  const point = document.createElement("div");
  if (i !== 1) point.style.display = "none";
  void u;
  return point;
}

export interface Wish {
  tell: (readout: Readout | null) => void;
  band?: boolean;
  zoom?: (from: number, to: number) => void; // dragged across, s
  unzoom?: () => void;
}

export class Plot {
  private plot: uPlot | null = null;
  private picture: Picture = { columns: [[], []], marks: [], gaps: [] };
  private range: [number, number] = [0, 1];
  private readonly sizes: ResizeObserver;
  private readonly undress: () => void;
  private c = colours();

  constructor(private readonly host: HTMLElement, private readonly wish: Wish) {
    this.sizes = new ResizeObserver(() => this.plot?.setSize(this.size()));
    this.sizes.observe(host);
    this.undress = effect(() => {
      void dark.value;
      this.make();
    });
  }

  destroy(): void {
    this.sizes.disconnect();
    this.undress();
    this.plot?.destroy();
  }

  draw(picture: Picture, from: number, to: number): void {
    this.picture = picture;
    this.range = [from, to];
    const plot = this.plot;
    if (!plot) return;
    plot.batch(() => {
      plot.setData(this.data(), false);
      plot.setScale("x", { min: from, max: to });
    });
    this.read();
  }

  // As many columns as there are series.
  private data(): uPlot.AlignedData {
    const { columns } = this.picture;
    if (!this.wish.band) return [columns[0], columns[1]];
    return columns.length === 4 ? columns : [columns[0], columns[1], columns[1], columns[1]];
  }

  private size(): { width: number; height: number } {
    return { width: Math.max(200, this.host.clientWidth), height: Math.max(HEIGHT_MIN, this.host.clientHeight) };
  }

  private make(): void {
    this.plot?.destroy();
    this.c = colours();
    const c = this.c;
    const axis = { stroke: c.ink, font: c.font, grid: { stroke: c.grid, width: 1 }, ticks: { show: false } };
    const { wish } = this;
    const edge: uPlot.Series = { stroke: "transparent", width: 0, points: { show: false }, spanGaps: false };
    this.plot = new uPlot({
      ...this.size(),
      legend: { show: false },
      padding: [8, RIGHT, 0, 0],
      tzDate: (s) => new Date(s * 1000 + offsetMs(s * 1000) + new Date(s * 1000).getTimezoneOffset() * 60_000),
      cursor: {
        y: false, drag: { x: wish.zoom !== undefined, y: false, setScale: false }, points: { size: 7, fill: c.line, show: (u, i) => pointOf(u, i) },
        bind: { dblclick: () => () => (wish.unzoom?.(), null) },
      },
      scales: { x: { time: true, range: () => this.range }, y: { range: valueRange } },
      axes: [
        { ...axis, values: timeLabels, space: 70, size: 24, gap: 4 },
        { ...axis, size: 46, gap: 4, space: 34 },
      ],
      series: [
        {}, { stroke: c.line, width: 1.5, ...(wish.band ? {} : { fill: c.area }), points: { show: false }, spanGaps: false }, ...(wish.band ? [edge, edge] : []),
      ],
      ...(wish.band ? { bands: [{ series: [3, 2] as [number, number], fill: c.band }] } : {}),
      hooks: { drawClear: [(u) => this.drawGaps(u)], draw: [(u) => this.drawMarks(u)], setCursor: [() => this.read()], setSelect: [(u) => this.selected(u)] },
    }, this.data(), this.host);
    this.plot.setScale("x", { min: this.range[0], max: this.range[1] });
  }

  private selected(u: uPlot): void {
    const { left, width } = u.select;
    if (width < DRAG_MIN) return;
    const from = u.posToVal(left, "x");
    const to = u.posToVal(left + width, "x");
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.wish.zoom?.(from, to);
  }

  // Where the device said nothing: shaded, so that a missing line is not taken for a steady value.
  private drawGaps(u: uPlot): void {
    const { ctx } = u;
    const { left, top, width, height } = u.bbox;
    ctx.save();
    ctx.fillStyle = this.c.gap;
    for (const [from, to] of this.picture.gaps) {
      if (to < this.range[0] || from > this.range[1]) continue;
      const a = Math.max(left, u.valToPos(from, "x", true));
      const b = Math.min(left + width, u.valToPos(to, "x", true));
      if (b > a) ctx.fillRect(a, top, b - a, height);
    }
    ctx.restore();
  }

  private drawMarks(u: uPlot): void {
    const { ctx } = u;
    const { left, top, width, height } = u.bbox;
    const ratio = devicePixelRatio;
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, top, width, height);
    ctx.clip();
    ctx.lineWidth = 1.75 * ratio;
    const rings: [number, number][] = [];
    for (const mark of this.picture.marks) {
      if (mark.at < this.range[0] || mark.at > this.range[1]) continue;
      const x = u.valToPos(mark.at, "x", true);
      const y = mark.y === null ? top + height - MARK_RADIUS * ratio : u.valToPos(mark.y, "y", true);
      const apart = 2.5 * MARK_RADIUS * ratio;
      const ring = !rings.some(([a, b]) => Math.hypot(a - x, b - y) < apart);
      if (ring) rings.push([x, y]);
      ctx.strokeStyle = ctx.fillStyle = this.c[mark.look];
      ctx.beginPath();
      ctx.arc(x, y, (ring ? MARK_RADIUS : MARK_DOT) * ratio, 0, 2 * Math.PI);
      if (ring) ctx.stroke();
      else ctx.fill();
    }
    ctx.restore();
  }

  // What the cursor is at; without one, the newest value.
  private read(): void {
    const [xs, ys, lows, highs] = this.picture.columns;
    const hovered = this.plot?.cursor.idx;
    const hover = hovered !== null && hovered !== undefined && ys[hovered] != null;
    let index = hover ? (hovered as number) : ys.length - 1;
    while (index >= 0 && ys[index] == null) index -= 1;
    const value = ys[index];
    if (value === null || value === undefined) return this.wish.tell(null);
    let min = Infinity;
    let max = -Infinity;
    for (let i = xs.length - 1; i >= 0 && (xs[i] as number) >= this.range[0]; i -= 1) {
      const y = ys[i];
      if (y == null) continue;
      min = Math.min(min, lows?.[i] ?? y);
      max = Math.max(max, highs?.[i] ?? y);
    }
    if (min > max) min = max = value;
    this.wish.tell({ value, at: xs[index] as number, hover, min, max });
  }
}
