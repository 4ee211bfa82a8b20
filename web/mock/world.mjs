// The mock's world: devices whose values wander, alerts where they jump, commands and what becomes of them. Seeded.

const STATES = ["issued", "delivered", "accepted", "done"];

// mulberry32: small, and the same everywhere.
export function chance(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const NAMES = ["s1-indoor", "s2-indoor", "s3-outdoor", "s4-outdoor", "m1-outdoor", "m2-outdoor", "m3-indoor", "m4-indoor"];

export class World {
  constructor({ devices = 8, seed = 1, rate = 5, historyMs = 10 * 60_000, alertEvery = 60, zone = "Europe/Berlin" } = {}) {
    this.zone = zone;
    this.random = chance(seed);
    this.rate = rate; // readings a second and device
    this.alertEvery = alertEvery; // readings of one device between alerts, about
    this.startedMs = Date.now();
    this.offset = 0;
    this.devices = new Map();
    this.alerts = [];
    this.commands = [];
    this.due = []; // steps of commands: [at ms, command, state]
    this.messages = 0;
    for (let i = 0; i < devices; i += 1) this.join(NAMES[i] ?? `mote-${i + 1}`, 22 + 12 * this.random());
    const step = 1000 / rate;
    const keep = Math.max(1, Math.min(historyMs / step, 400_000 / Math.max(1, devices)));
    for (let n = Math.floor(keep); n > 0; n -= 1) for (const d of this.devices.values()) this.wander(d, Date.now() - n * step);
    this.settle(Date.now());
  }

  join(id, base) {
    this.devices.set(id, { id, base, at: this.random() * 100, temperature: base, humidity: 45, readings: [], first: Date.now(), count: 0 });
    return this.devices.get(id);
  }

  // What a client sent.
  publish(id, data, at = Date.now()) {
    return this.take(this.devices.get(id) ?? Object.assign(this.join(id, 20), { guest: true }), data, at);
  }

  take(device, data, at) {
    const reading = {
      device_id: device.id, timestamp: new Date(at).toISOString(), received_at: new Date(at + 2).toISOString(), offset: this.offset++, data,
    };
    device.readings.push(reading);
    if (device.readings.length > 40_000) device.readings.splice(0, 10_000);
    device.count += 1;
    device.first = Math.min(device.first, at);
    this.messages += 1;
    if (data.temperature > 80) this.alert(reading, "high_temperature", "high", undefined, "Temperature above 80");
    return reading;
  }

  wander(d, at) {
    d.at += 0.01;
    d.temperature += 0.06 * (this.random() - 0.5) + 0.004 * (d.base + 2 * Math.sin(d.at) - d.temperature);
    d.humidity += 0.2 * (this.random() - 0.5) + 0.01 * (48 - d.humidity);
    const jump = this.random() < 1 / this.alertEvery;
    const temperature = Number((d.temperature + (jump ? 1 + 4 * this.random() : 0)).toFixed(2));
    const reading = this.take(d, { timestamp: new Date(at).toISOString(), temperature, humidity: Number(d.humidity.toFixed(2)), label: jump ? 1 : 0 }, at);
    if (jump) {
      const score = 0.8 + 0.2 * this.random();
      const alert = this.alert(reading, "anomaly_detection", score > 0.9 ? "high" : "medium", score, `Anomaly score ${score.toFixed(3)}`);
      if (score > 0.9) this.command(alert, at);
    }
    return reading;
  }

  alert(reading, type, severity, score, message) {
    const alert = {
      alert_id: `a${String(reading.offset).padStart(8, "0")}`, device_id: reading.device_id, alert_type: type, severity, timestamp: reading.timestamp,
      message, rule: type === "anomaly_detection" ? "anomaly@1" : "threshold@1", data: reading.data, received_at: reading.received_at, offset: this.offset++,
      state: "active", changes: [], ...(score === undefined ? {} : { anomaly_score: score }),
    };
    this.alerts.push(alert);
    this.changed?.("alert", alert, alert.offset);
    return alert;
  }

  // What somebody did about an alert.
  change(id, action, by, comment) {
    const at = this.alerts.findIndex((alert) => alert.alert_id === id);
    if (at < 0) return null;
    const alert = { ...this.alerts[at], changes: [...this.alerts[at].changes, { action, at: new Date().toISOString(), by: by ?? null, comment: comment ?? null }] };
    if (action !== "comment") alert.state = action === "clear" ? "cleared" : "acknowledged";
    this.alerts[at] = alert;
    this.changed?.("alert", alert, this.offset++);
    return alert;
  }

  pipelines() {
    const one = (name, text) => ({ name, version: "1", text, rows_in: this.messages, rows_out: this.alerts.length, late: 0, errors: 0 });
    return [one("threshold", "INSERT INTO alerts\nSELECT device_id, 'high_temperature' AS alert_type, 'high' AS severity\nFROM sensors\nWHERE temperature > 80; -- degrees")];
  }

  // One device has a twin, with a conflict.
  twins(id) {
    if (id !== NAMES[0]) return [];
    const side = (value, by) => ({ value, by, timestamp: new Date(this.startedMs).toISOString() });
    const conflict = { conflict_id: "c1", field: "interval", edge: side(5, "api"), cloud: side(10, "cloud"), rule: "timestamp_based", winner: "cloud", state: this.reversed ? "reversed" : "resolved" };
    const interval = this.reversed ? 5 : 10;
    return [{ id, desired: { interval, mode: "eco" }, reported: { interval: 10, mode: "eco", firmware: "1.4.2" }, delta: this.reversed ? { interval } : {}, conflicts: [conflict] }];
  }

  command(alert, at) {
    return this.order({
      device_id: alert.device_id, command: alert.data.temperature > 85 ? "shutdown" : "throttle", reason: "emergency_response",
      timestamp: alert.timestamp, alert_id: alert.alert_id,
    }, at);
  }

  // What somebody, or a rule, orders.
  order(given, at = Date.now()) {
    const command = {
      command_id: `c${String(this.offset).padStart(8, "0")}`, timestamp: new Date(at).toISOString(), not_after: new Date(at + 30_000).toISOString(),
      alert_id: null, ...given, state: "issued", states: [{ state: "issued", at: new Date(at + 3).toISOString(), detail: null }],
    };
    this.commands.push(command);
    this.changed?.("command", command, this.offset++);
    const lost = this.random() < 0.08;
    let then = at + 3;
    for (const state of lost ? ["unknown"] : STATES.slice(1)) {
      then += 2 + 400 * this.random() ** 4;
      this.due.push([then, command, state]);
    }
    return command;
  }

  settle(now) {
    const due = this.due.filter(([at]) => at <= now).sort((a, b) => a[0] - b[0]);
    this.due = this.due.filter(([at]) => at > now);
    for (const [at, command, state] of due) {
      command.state = state;
      command.states = [...command.states, { state, at: new Date(at).toISOString(), detail: state === "unknown" ? "the device's session was lost" : null }];
      this.changed?.("command", command, this.offset++);
    }
  }

  status(port) {
    const bytes = this.messages * 61;
    return {
      version: "0.1.0", gateway_id: "gw-3f9a2c", started_at: new Date(this.startedMs).toISOString(), now: new Date().toISOString(), demo: null,
      ports: { mqtt: 1883, http: port }, devices: this.devices.size, messages_total: this.messages,
      messages_per_second: this.devices.size * this.rate * (0.98 + 0.04 * this.random()), alerts_total: this.alerts.length, commands_total: this.commands.length,
      decision_seconds: { p50: 0.0011 + 0.0002 * this.random(), p99: 0.0042 + 0.001 * this.random(), count: this.alerts.length },
      commit_seconds: { p50: 0.00021, p99: 0.0013 + 0.0003 * this.random() },
      site: { time_zone: this.zone }, uplink: { url: "wss://cloud.example:8091", way: "lte", up: true, phase: "sending", backlog_records: 1_204 },
      log: { begin: 0, committed_end: this.offset, journal_bytes: 16 * 1048576, block_bytes: bytes, failed: this.failed ?? false,
        state: this.failed ? "failed" : "ok", trouble: this.failed ? "the disk refused a sync" : null, read_errors: 0, epochs: 1, used_bytes: 16 * 1048576 + bytes + 65_536,
        budget_bytes: 4e9, disk_free_bytes: 21e9, disk_hours_left: 41.2, wear_bytes_per_day: 3.4e9, oldest: new Date(this.startedMs - 36e5).toISOString(),
        gaps: [{ class: "low", reason: "age", records: 1234 }], recent_gaps: [{ class: "low", reason: "age", from: 0, to: 1234, declared_at: new Date(this.startedMs).toISOString() }] }, ready: !(this.failed ?? false),
    };
  }

  // A gateway whose cable was pulled: it goes on by LTE.
  link() {
    const at = (ms) => new Date(this.startedMs + ms).toISOString();
    const queue = (share, sent) => ({ size: 500, share, ttl_seconds: 30, late: "backlog", waiting: 3, oldest_seconds: 0.12, backlog: 0, sent, sent_bytes: sent * 40, share_now: share, displaced: 0, expired: 0, dropped: 0 });
    const way = (name, more) => ({ name, url: "wss://cloud.example:8091", cost: 0, trouble: null, ...more });
    return {
      up: true, way: "lte", congestion: "none", fill: 0.1, bandwidth_bytes_per_second: null, budget_bytes_per_second: null, rate_bytes_per_second: 241_000, frame_bytes: 2_410, unacknowledged_bytes: 812,
      path: { rtt_seconds: 0.064, rtt_min_seconds: 0.051, unsent_bytes: 0, segments_in_flight: 2, segments_resent: 1 },
      queues: { critical: queue(0.3, 41), high: queue(0.4, 388), medium: queue(0.2, 80_211), low: queue(0.1, 0) },
      ways: [
        way("main", { interface: "eth0", priority: 1, state: "down", since: at(-60_000), bytes_out: 48_211_034, bytes_in: 1_920_341, connects: 3, trouble: "main: no canary came back in time" }),
        way("lte", { interface: "wwan0", priority: 2, cost: 3, state: "up", since: at(-30_000), bytes_out: 1_204_812, bytes_in: 60_114, connects: 1 }),
        way("satellite", { url: "wss://relay.example:8091", priority: 3, cost: 40, state: "unused", since: null, bytes_out: 0, bytes_in: 0, connects: 0 }),
      ],
      moves: [{ at: at(-30_000), from: "main", to: "lte", reason: "main: no canary came back in time" }],
    };
  }

  device(d) {
    const last = d.readings[d.readings.length - 1];
    return {
      device_id: d.id, last_seen: last?.received_at ?? new Date(d.first).toISOString(), timestamp: last?.timestamp ?? null, data: last?.data ?? null,
      status: d.id.startsWith("m") ? { status: "online" } : null, readings: d.count, first_seen: new Date(d.first).toISOString(), meta: d.meta ?? null,
    };
  }
}
