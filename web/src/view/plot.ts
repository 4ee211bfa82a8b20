// uPlot, dressed in the page's colours: one line, marks for alerts, a readout of what the cursor is at.
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { severityLook } from "../model/groups.ts";

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
const RIGHT = 8; // beside the plot
const LABEL_WIDTH = 50;

interface Colours {
  ink: string;
  line: string;
  grid: string;
  area: string;
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
    high: read("--high"), medium: read("--medium"), low: read("--muted"), font: `11px ${getComputedStyle(document.body).fontFamily}`,
  };
}

function two(n: number): string {
  return String(n).padStart(2, "0");
}

// Steps under a minute need seconds; others do not.
function timeLabels(u: uPlot, splits: number[], _: number, __: number, step: number): string[] {
  const room = u.over.clientWidth + RIGHT - LABEL_WIDTH / 2; // one cut in half at the edge is worse than none
  return splits.map((s) => {
    if (u.valToPos(s, "x") > room) return "";
    const d = new Date(s * 1000);
    const short = `${two(d.getHours())}:${two(d.getMinutes())}`;
    return step < 60 ? `${short}:${two(d.getSeconds())}` : short;
  });
}

// A line without movement gets room around it; else a tenth above and below.
function valueRange(_: uPlot, low: number | null, high: number | null): [number, number] {
  if (low === null || high === null) return [0, 1];
  const room = high > low ? (high - low) * 0.1 : Math.max(Math.abs(high) * 0.05, 0.5);
  return [low - room, high + room];
}

export class Plot {
  private plot: uPlot | null = null;
  private marks: Mark[] = [];
  private range: [number, number] = [0, 1];
  private data: [number[], (number | null)[]] = [[], []];
  private readonly sizes: ResizeObserver;
  private readonly dark = matchMedia("(prefers-color-scheme: dark)");
  private readonly redress = (): void => this.make();
  private c = colours();

  constructor(private readonly host: HTMLElement, private readonly tell: (readout: Readout | null) => void) {
    this.make();
    this.sizes = new ResizeObserver(() => this.plot?.setSize(this.size()));
    this.sizes.observe(host);
    this.dark.addEventListener("change", this.redress);
  }

  destroy(): void {
    this.sizes.disconnect();
    this.dark.removeEventListener("change", this.redress);
    this.plot?.destroy();
  }

  draw(data: [number[], (number | null)[]], marks: Mark[], from: number, to: number): void {
    this.data = data;
    this.marks = marks;
    this.range = [from, to];
    const plot = this.plot;
    if (!plot) return;
    plot.batch(() => {
      plot.setData(data, false);
      plot.setScale("x", { min: from, max: to });
    });
    this.read();
  }

  private size(): { width: number; height: number } {
    return { width: Math.max(200, this.host.clientWidth), height: Math.max(HEIGHT_MIN, this.host.clientHeight) };
  }

  private make(): void {
    this.plot?.destroy();
    this.c = colours();
    const c = this.c;
    const axis = { stroke: c.ink, font: c.font, grid: { stroke: c.grid, width: 1 }, ticks: { show: false } };
    this.plot = new uPlot({
      ...this.size(),
      legend: { show: false },
      padding: [8, RIGHT, 0, 0],
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 7, fill: c.line } },
      scales: { x: { time: true, range: () => this.range }, y: { range: valueRange } },
      axes: [
        { ...axis, values: timeLabels, space: 70, size: 24, gap: 4 },
        { ...axis, size: 46, gap: 4, space: 34 },
      ],
      series: [{}, { stroke: c.line, width: 1.5, fill: c.area, points: { show: false }, spanGaps: false }],
      hooks: { draw: [(u) => this.drawMarks(u)], setCursor: [() => this.read()] },
    }, this.data, this.host);
    this.plot.setScale("x", { min: this.range[0], max: this.range[1] });
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
    for (const mark of this.marks) {
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
    const [xs, ys] = this.data;
    const hovered = this.plot?.cursor.idx;
    const hover = hovered !== null && hovered !== undefined && ys[hovered] != null;
    let index = hover ? (hovered as number) : ys.length - 1;
    while (index >= 0 && ys[index] == null) index -= 1;
    const value = ys[index];
    if (value === null || value === undefined) return this.tell(null);
    let min = Infinity;
    let max = -Infinity;
    for (let i = xs.length - 1; i >= 0 && (xs[i] as number) >= this.range[0]; i -= 1) {
      const y = ys[i];
      if (y == null) continue;
      min = Math.min(min, y);
      max = Math.max(max, y);
    }
    if (min > max) min = max = value;
    this.tell({ value, at: xs[index] as number, hover, min, max });
  }
}
