// Alerts, grouped per device and type: a noisy device is one line with a count, not a flood. Pure.
import type { Alert, AlertState } from "./types.ts";

export const GROUPS_MAX = 500; // the oldest are let go; the gateway keeps them all
export const ALERTS_PER_GROUP_MAX = 200; // the chart marks them, so more than anybody reads

export interface Group {
  key: string;
  device: string;
  type: string;
  count: number; // of those the page was told of
  last: Alert;
  lastMs: number;
  worst: string; // severity
  alerts: Alert[]; // newest first, at most ALERTS_PER_GROUP_MAX
}

export function stateOf(alert: Alert): AlertState {
  return alert.state ?? "active";
}

// The group's: as long as one of its alerts is active, so is it.
export function groupState(group: Group): AlertState {
  let found: AlertState = "cleared";
  for (const alert of group.alerts) {
    const state = stateOf(alert);
    if (state === "active") return "active";
    if (state === "acknowledged") found = "acknowledged";
  }
  return found;
}

export interface AlertWish {
  text?: string; // in the device, the type or the message
  state?: string;
  severity?: string; // a look: high, medium, low
  device?: string;
}

function wanted(alert: Alert, wish: AlertWish): boolean {
  if (wish.device && alert.device_id !== wish.device) return false;
  if (wish.severity && severityLook(alert.severity) !== wish.severity) return false;
  if (!wish.state) return true;
  return wish.state === "open" ? stateOf(alert) !== "cleared" : stateOf(alert) === wish.state;
}

const ORDER = ["low", "info", "medium", "warning", "high", "critical"];

export function severityRank(severity: string): number {
  return ORDER.indexOf(severity.toLowerCase());
}

// The three looks an alert can have.
export function severityLook(severity: string): "high" | "medium" | "low" {
  const rank = severityRank(severity);
  return rank >= 4 ? "high" : rank >= 2 ? "medium" : "low";
}

// Where a thing stands in the log tells which is newer; without it, its time does.
function newer(a: Alert, b: Alert): boolean {
  if (a.offset !== undefined && b.offset !== undefined) return a.offset > b.offset;
  return Date.parse(a.timestamp) >= Date.parse(b.timestamp);
}

export class Groups {
  private readonly groups = new Map<string, Group>();
  private readonly seen = new Set<string>();

  // False when nothing is new: what comes twice (list and stream, a resumed stream) counts once. The same alert with more
  // done to it takes its place.
  add(alert: Alert): boolean {
    if (this.seen.has(alert.alert_id)) return this.replace(alert);
    this.seen.add(alert.alert_id);
    const key = `${alert.device_id}\n${alert.alert_type}`;
    const at = Date.parse(alert.timestamp);
    const group = this.groups.get(key);
    if (!group) {
      this.groups.set(key, {
        key, device: alert.device_id, type: alert.alert_type, count: 1, last: alert, lastMs: at, worst: alert.severity, alerts: [alert],
      });
      this.trim();
      return true;
    }
    group.count += 1;
    if (severityRank(alert.severity) > severityRank(group.worst)) group.worst = alert.severity;
    const place = group.alerts.findIndex((other) => newer(alert, other));
    if (place >= 0) group.alerts.splice(place, 0, alert);
    else group.alerts.push(alert);
    if (group.alerts.length > ALERTS_PER_GROUP_MAX) group.alerts.pop();
    if (newer(alert, group.last)) {
      group.last = alert;
      group.lastMs = at;
    }
    return true;
  }

  private replace(alert: Alert): boolean {
    const group = this.groups.get(`${alert.device_id}\n${alert.alert_type}`);
    const at = group ? group.alerts.findIndex((other) => other.alert_id === alert.alert_id) : -1;
    if (!group || at < 0) return false;
    if ((alert.changes?.length ?? 0) <= ((group.alerts[at] as Alert).changes?.length ?? 0)) return false;
    group.alerts[at] = alert;
    if (group.last.alert_id === alert.alert_id) group.last = alert;
    return true;
  }

  find(id: string): Alert | null {
    for (const group of this.groups.values()) for (const alert of group.alerts) if (alert.alert_id === id) return alert;
    return null;
  }

  // As list(), each group with only those of its alerts that are wanted; groups without any are left out.
  select(wish: AlertWish): Group[] {
    const text = (wish.text ?? "").trim().toLowerCase();
    const found: Group[] = [];
    for (const group of this.list()) {
      const whole = !text || `${group.device}\n${group.type}\n${group.type.replace(/_/g, " ")}`.toLowerCase().includes(text);
      const alerts = group.alerts.filter((a) => wanted(a, wish) && (whole || (a.message ?? "").toLowerCase().includes(text)));
      const last = alerts[0];
      if (!last) continue;
      const all = alerts.length === group.alerts.length;
      found.push({ ...group, alerts, last, lastMs: Date.parse(last.timestamp), count: all ? group.count : alerts.length });
    }
    return found;
  }

  // Groups in which something waits for somebody: what the badge counts.
  get open(): number {
    let sum = 0;
    for (const group of this.groups.values()) if (groupState(group) === "active") sum += 1;
    return sum;
  }

  // Devices with an alert that is not cleared, and how many.
  openByDevice(): Map<string, number> {
    const found = new Map<string, number>();
    for (const group of this.groups.values()) {
      let open = 0;
      for (const alert of group.alerts) if (stateOf(alert) === "active") open += 1;
      if (open > 0) found.set(group.device, (found.get(group.device) ?? 0) + open);
    }
    return found;
  }

  // The one with the newest alert first.
  list(): Group[] {
    return [...this.groups.values()].sort((a, b) => (newer(a.last, b.last) ? -1 : 1));
  }

  ofDevice(device: string): Alert[] {
    return [...this.groups.values()].filter((g) => g.device === device).flatMap((g) => g.alerts);
  }

  get total(): number {
    let sum = 0;
    for (const group of this.groups.values()) sum += group.count;
    return sum;
  }

  clear(): void {
    this.groups.clear();
    this.seen.clear();
  }

  private trim(): void {
    if (this.groups.size > GROUPS_MAX) {
      const oldest = this.list().pop();
      if (oldest) this.groups.delete(oldest.key);
    }
    if (this.seen.size > 100_000) {
      // Ids of alerts that nobody can see any more; a Set keeps the order of insertion.
      for (const id of [...this.seen].slice(0, 50_000)) this.seen.delete(id);
    }
  }
}
