// What the page shows: the models, signals that say when they changed, and the queue that feeds them once a frame.
import { batch, computed, signal } from "@preact/signals";
import { address, get, pages, why } from "./api.ts";
import { Feed } from "./feed.ts";
import { Live, type Link } from "./live.ts";
import { Fleet } from "./model/fleet.ts";
import { Groups } from "./model/groups.ts";
import { Orders } from "./model/orders.ts";
import { setZone } from "./model/time.ts";
import type { Alert, Command, Device, List, Reading, Status } from "./model/types.ts";

export const fleet = new Fleet();
export const groups = new Groups();
export const orders = new Orders();

export const status = signal<Status | null>(null);
export const link = signal<Link>("connecting");
export const loaded = signal(false);
export const loadError = signal<string | null>(null);
export const now = signal(Date.now()); // the gateway's clock
export const devicesChanged = signal(0); // a device came
export const readingsChanged = signal(0);
export const alertsChanged = signal(0);
export const ordersChanged = signal(0);
export const moreAlerts = signal<string | null>(null); // cursors of what is not loaded
export const moreCommands = signal<string | null>(null);
export const chosen = signal<string | null>(null);
export const chosenField = signal<string | null>(null);

export const feed = new Feed();

export const ready = computed(() => status.value === null || (status.value.ready && !status.value.log?.failed));

type Event = { type: string; data: unknown };
const QUEUE_MAX = 20_000;
const ALERTS_AT_START = 500;
const COMMANDS_AT_START = 100;
const MORE = 500;
const DEVICES_PER_PAGE = 1_000;
const TRACES_AT_START = 24;
const TRACE_READINGS = 240; // of a device with a dozen a second, 20 seconds

let queue: Event[] = [];
let scheduled = false;
let skewMs = 0; // gateway's clock minus ours
let traced = new Set<string>();

function reset(): void {
  fleet.clear();
  groups.clear();
  orders.clear();
  traced = new Set();
  moreAlerts.value = moreCommands.value = null;
  chosen.value = null;
  chosenField.value = null;
  feed.choose(null, null);
}

function takeStatus(next: Status): void {
  const before = status.value;
  // Another gateway, or the same one with empty disks: nothing of what is shown is true any more.
  if (before && (before.gateway_id !== next.gateway_id || next.messages_total < before.messages_total)) {
    reset();
    void loadLists();
  }
  if (next.site) setZone(next.site.time_zone);
  status.value = next;
  const at = Date.parse(next.now);
  if (Number.isFinite(at)) skewMs = at - Date.now();
}

function take(event: Event): void {
  switch (event.type) {
    case "readings": {
      const count = fleet.size;
      for (const reading of event.data as Reading[]) {
        if (!reading.data || typeof reading.data !== "object") reading.data = {};
        fleet.addReading(reading);
        feed.add(reading);
      }
      if (fleet.size !== count) devicesChanged.value += 1;
      readingsChanged.value += 1;
      break;
    }
    case "alert":
      if (groups.add(event.data as Alert)) alertsChanged.value += 1;
      break;
    case "command":
      if (orders.add(event.data as Command)) ordersChanged.value += 1;
      break;
    case "status":
      takeStatus(event.data as Status);
      break;
  }
}

function flush(): void {
  scheduled = false;
  const events = queue;
  queue = [];
  batch(() => {
    for (const event of events) take(event);
    now.value = Date.now() + skewMs;
  });
  chooseFirst();
}

// A hidden tab has no frames; a timer keeps its queue short.
function schedule(): void {
  if (scheduled) return;
  scheduled = true;
  if (document.hidden) setTimeout(flush, 1_000);
  else requestAnimationFrame(flush);
}

function enqueue(type: string, data: unknown): void {
  if (queue.length >= QUEUE_MAX) queue.shift();
  queue.push({ type, data });
  schedule();
}

function chooseFirst(): void {
  if (chosen.value !== null || fleet.size === 0) return;
  const first = fleet.list({}, 1).shown[0];
  if (first) choose(first.id);
}

export function choose(id: string, field?: string): void {
  batch(() => {
    chosen.value = id;
    const device = fleet.devices.get(id);
    if (field !== undefined) chosenField.value = field;
    else if (!device || chosenField.value === null || !(chosenField.value in device.data)) chosenField.value = device?.field ?? null;
  });
  feed.choose(id, chosenField.value);
}

async function loadLists(): Promise<void> {
  try {
    await pages<Device>("devices", { limit: DEVICES_PER_PAGE }, 50, (items) => {
      batch(() => {
        for (const device of items) fleet.addDevice(device);
        devicesChanged.value += 1;
      });
    });
    const [alerts, commands] = await Promise.all([
      get<List<Alert>>("alerts", { limit: ALERTS_AT_START }), get<List<Command>>("commands", { limit: COMMANDS_AT_START }),
    ]);
    batch(() => {
      for (const alert of alerts.items) groups.add(alert);
      for (const command of commands.items) orders.add(command);
      moreAlerts.value ??= alerts.next;
      moreCommands.value ??= commands.next;
      alertsChanged.value += 1;
      ordersChanged.value += 1;
      loadError.value = null;
      loaded.value = true;
    });
    chooseFirst();
    feed.again();
    void loadTraces();
  } catch (error) {
    loadError.value = why(error);
    setTimeout(() => link.value === "live" && void loadLists(), 3_000);
  }
}

export async function loadMoreAlerts(): Promise<void> {
  const cursor = moreAlerts.value;
  if (cursor === null) return;
  const list = await get<List<Alert>>("alerts", { limit: MORE, cursor });
  batch(() => {
    for (const alert of list.items) groups.add(alert);
    moreAlerts.value = list.next;
    alertsChanged.value += 1;
  });
}

export async function loadMoreCommands(): Promise<void> {
  const cursor = moreCommands.value;
  if (cursor === null) return;
  const list = await get<List<Command>>("commands", { limit: MORE, cursor });
  batch(() => {
    for (const command of list.items) orders.add(command);
    moreCommands.value = list.next;
    ordersChanged.value += 1;
  });
}

// What one device has, which may be older than what was loaded of all.
export async function loadOf(device: string): Promise<void> {
  const [alerts, commands] = await Promise.all([
    get<List<Alert>>("alerts", { limit: 100, device }), get<List<Command>>("commands", { limit: 100, device }),
  ]);
  batch(() => {
    for (const alert of alerts.items) groups.add(alert);
    for (const command of commands.items) orders.add(command);
    alertsChanged.value += 1;
    ordersChanged.value += 1;
  });
}

// The first devices' sparklines begin with what is on disk, a few at a time.
async function loadTraces(): Promise<void> {
  const wanted = fleet.list({}, TRACES_AT_START).shown.map((d) => d.id).filter((id) => !traced.has(id));
  const worker = async (): Promise<void> => {
    for (let id = wanted.shift(); id !== undefined; id = wanted.shift()) {
      traced.add(id);
      try {
        const list = await get<List<Reading>>("readings", { device: id, limit: TRACE_READINGS, order: "desc" });
        fleet.seedTrace(id, list.items.filter((r) => r.data && typeof r.data === "object").reverse());
        readingsChanged.value += 1;
      } catch {
        return; // the stream will draw them
      }
    }
  };
  await Promise.all([worker(), worker(), worker()]);
}

export function start(): void {
  new Live(address("events"), {
    opened: () => void loadLists(),
    event: enqueue,
    link: (state) => {
      link.value = state;
    },
  });
  setInterval(() => {
    if (!document.hidden) now.value = Date.now() + skewMs;
  }, 500);
  setInterval(() => void feed.fill(), 2_000);
}
