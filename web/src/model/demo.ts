// What a demo has seen, as GET /api/v1/demo tells it, and what the page draws of it. Pure.

export interface Outage {
  kind: "killed" | "disk_full" | "link_cut";
  from: string;
  to: string | null;
  seconds: number;
  acknowledged_before: number;
  acknowledged_meanwhile: number;
  sent_meanwhile: number;
  checked?: number; // once what was acknowledged has been read back
  found?: number;
  lost?: number;
  twice?: number;
  drain?: Drain; // of a link that was cut, once it is mended
}

export interface Drain {
  records: number;
  up_after_s: number | null;
  all_after_s: number | null;
  live_delay_s_max: number;
}

export interface Fault {
  device_id: string;
  kind: string;
  from: string;
  to: string;
  found: { alert_type: string; alert_id: string; at: string; after_s: number; alerts: number } | null;
  command: string | null;
}

export interface DemoState {
  demo: string;
  seed: number;
  speed: number;
  devices: number;
  sent: number;
  acknowledged: number;
  waiting: number;
  stored: number;
  commands: number;
  gateway: { up: boolean; pid: number; starts: number; disk_full: boolean };
  link: { cut: boolean; up: boolean; live: number; backlog: number } | null;
  timeline: {
    from: string; step_s: number; sent: number[]; acknowledged: number[]; stored: number[];
    live?: (number | null)[]; backlog?: (number | null)[]; live_delay_s?: (number | null)[];
  };
  outages: Outage[];
  faults: Fault[];
  alerts_without_fault: number;
}

export interface Band {
  kind: Outage["kind"];
  from: number; // share of the timeline's width, 0 to 1
  to: number;
}

const BAND_MIN = 0.006; // an outage of half a second is to be seen too
const AT_LEAST = 60; // seconds drawn, so that a young demo's line does not jump about

export function secondsDrawn(state: DemoState): number {
  return Math.max(AT_LEAST, state.timeline.sent.length);
}

// Outages as parts of what is drawn; those before it are left out.
export function bandsOf(state: DemoState): Band[] {
  const begin = Date.parse(state.timeline.from);
  const spanMs = secondsDrawn(state) * state.timeline.step_s * 1000;
  const end = begin + state.timeline.sent.length * state.timeline.step_s * 1000;
  const bands: Band[] = [];
  for (const outage of state.outages) {
    const from = (Date.parse(outage.from) - begin) / spanMs;
    const to = ((outage.to === null ? end : Date.parse(outage.to)) - begin) / spanMs;
    if (to <= 0) continue;
    bands.push({ kind: outage.kind, from: Math.max(0, from), to: Math.min(1, Math.max(to, from + BAND_MIN)) });
  }
  return bands;
}

// Twice what devices make in a second, rounded up so that the scale stands still for a while. What flows in after an outage
// may be far more in one second: it reaches the top, and the rest stays readable.
export function topOf(state: DemoState): number {
  const most = 2 * Math.max(1, ...state.timeline.sent);
  const size = 10 ** Math.floor(Math.log10(most));
  return Math.ceil(most / size) * size;
}

// A line of steps, one a second, without the last second, which is not over yet.
export function stepPath(values: readonly number[], seconds: number, top: number, width: number, height: number): string {
  const wide = width / seconds;
  let path = "";
  values.slice(0, -1).forEach((value, i) => {
    const y = (height - (Math.min(value, top) / top) * height).toFixed(1);
    path += `${i === 0 ? "M" : "L"}${(i * wide).toFixed(1)} ${y}H${((i + 1) * wide).toFixed(1)}`;
  });
  return path;
}

// The scale of what the cloud lacks and of how long live data take: round, and never so fine that a calm link looks wild.
export function roundTop(values: readonly (number | null)[], least: number): number {
  const most = Math.max(least, ...values.map((value) => value ?? 0));
  const size = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 5, 10].map((step) => step * size).find((top) => top >= most) ?? most;
}

// An area of steps over a lower edge, one a second; what is not known breaks it.
export function areaPath(values: readonly (number | null)[], under: readonly (number | null)[] | null, seconds: number, top: number, width: number, height: number): string {
  const wide = width / seconds;
  const y = (value: number): string => (height - (Math.min(value, top) / top) * height).toFixed(1);
  let path = "";
  values.forEach((value, i) => {
    if (value === null) return;
    const floor = under?.[i] ?? 0;
    path += `M${(i * wide).toFixed(1)} ${y(floor)}V${y(floor + value)}H${((i + 1) * wide).toFixed(1)}V${y(floor)}Z`;
  });
  return path;
}

// A line of steps with gaps where nothing is known.
export function gappedPath(values: readonly (number | null)[], seconds: number, top: number, width: number, height: number): string {
  const wide = width / seconds;
  let path = "";
  let drawn = false;
  values.forEach((value, i) => {
    if (value === null) {
      drawn = false;
      return;
    }
    const y = (height - (Math.min(value, top) / top) * height).toFixed(1);
    path += `${drawn ? "L" : "M"}${(i * wide).toFixed(1)} ${y}H${((i + 1) * wide).toFixed(1)}`;
    drawn = true;
  });
  return path;
}
