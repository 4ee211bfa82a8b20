// What one can do from the page: work on alerts, send a command, say what a device is called. Each is done when it is on disk.
import { batch, signal } from "@preact/signals";
import { post, put } from "./api.ts";
import type { Alert, AlertChange, Command, List, Meta, Twin } from "./model/types.ts";
import { alertsChanged, devicesChanged, fleet, groups, orders, ordersChanged } from "./state.ts";

const KEY = "skerry.name";
const ALERTS_PER_REQUEST = 500;

function keptName(): string {
  try {
    return localStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

// Who works here, as they call themselves: written into the log with what they do.
export const who = signal(typeof localStorage === "undefined" ? "" : keptName());

export function setWho(name: string): void {
  who.value = name;
  try {
    localStorage.setItem(KEY, name);
  } catch {
    // it lasts as long as the page
  }
}

export async function actOn(alerts: readonly Alert[], action: AlertChange["action"], comment = ""): Promise<void> {
  const by = who.value.trim();
  for (let at = 0; at < alerts.length; at += ALERTS_PER_REQUEST) {
    const ids = alerts.slice(at, at + ALERTS_PER_REQUEST).map((alert) => alert.alert_id);
    const list = await post<List<Alert>>("alerts/changes", {
      action, alert_ids: ids, ...(by === "" ? {} : { by }), ...(comment === "" ? {} : { comment }),
    });
    batch(() => {
      for (const alert of list.items) groups.add(alert);
      alertsChanged.value += 1;
    });
  }
}

export interface Order {
  device_id: string;
  command: string;
  reason?: string;
  ttl_s?: number;
  params?: unknown;
}

export async function send(order: Order): Promise<Command> {
  const command = await post<Command>("commands", order);
  if (orders.add(command)) ordersChanged.value += 1;
  return command;
}

export async function describe(device: string, meta: Meta): Promise<void> {
  const answer = await put<{ meta: Meta | null }>(`devices/${encodeURIComponent(device)}/meta`, meta);
  fleet.setMeta(device, answer.meta);
  devicesChanged.value += 1;
}

// Puts the value in force that lost, on both sides.
export function reverse(twin: string, conflict: string): Promise<Twin> {
  return post<Twin>(`twins/${encodeURIComponent(twin)}/conflicts/${encodeURIComponent(conflict)}/reverse`, {});
}
