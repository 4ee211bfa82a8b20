// Alerts, grouped per device and type: a noisy device is one line with a count, not a flood. Pure.
import type { Alert } from "./types.ts";

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

  // False when it was there already: what comes twice (list and stream, a resumed stream) counts once.
  add(alert: Alert): boolean {
    if (this.seen.has(alert.alert_id)) return false;
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
