// What the gateway says over /api/v1, as far as the page reads it. The contract is /api/v1/openapi.json.

export type Value = number | string | boolean | null | Value[] | { [field: string]: Value };
export type Fields = Record<string, Value>;

export interface Reading {
  device_id: string;
  timestamp: string; // event time, RFC 3339
  received_at: string;
  offset: number;
  data: Fields;
}

export interface Device {
  device_id: string;
  last_seen: string;
  timestamp: string | null;
  data: Fields | null;
  status: Fields | null;
  readings: number;
  first_seen: string;
  meta?: Meta | null;
}

// What people say of a device. Units by field; an empty one: none, whatever its name suggests.
export interface Meta {
  name?: string;
  place?: string;
  units?: Record<string, string>;
}

// What is desired of a device and what it reported.
export interface Twin {
  id: string;
  desired: Fields;
  reported: Fields;
  delta: Fields;
  conflicts: TwinConflict[];
}

export interface TwinConflict {
  conflict_id: string;
  field: string;
  edge: { value: Value; timestamp: string; by?: string };
  cloud: { value: Value; timestamp: string; by?: string };
  rule: string;
  winner: "edge" | "cloud";
  state: "resolved" | "reversed";
}

export interface AlertChange {
  action: "acknowledge" | "clear" | "comment";
  at: string;
  by?: string | null;
  comment?: string | null;
}

export type AlertState = "active" | "acknowledged" | "cleared";

export interface Alert {
  alert_id: string;
  device_id: string;
  alert_type: string;
  severity: string;
  timestamp: string;
  message?: string;
  rule?: string;
  data?: Fields;
  anomaly_score?: number;
  received_at?: string;
  offset?: number;
  state?: AlertState; // none: active
  changes?: AlertChange[];
}

export interface CommandStep {
  state: string;
  at: string;
  detail?: string | null;
}

export interface Command {
  command_id: string;
  device_id: string;
  command: string;
  reason?: string;
  timestamp: string;
  not_after?: string;
  alert_id?: string | null;
  params?: Fields;
  compensates?: string;
  state: string;
  states: CommandStep[];
}

export interface Quantiles {
  p50: number | null;
  p99: number | null;
  count?: number;
}

export interface Status {
  version: string;
  gateway_id: string;
  started_at: string;
  now: string;
  demo: string | boolean | null;
  ports: Record<string, number>;
  devices: number;
  messages_total: number;
  messages_per_second: number;
  alerts_total: number;
  commands_total: number;
  decision_seconds: Quantiles;
  commit_seconds: Quantiles;
  log: LogStatus;
  ready: boolean;
  uplink?: Uplink | null; // none: there is no cloud
  site?: { time_zone: string };
  config?: { restart_needed?: string[]; last_error?: string | null };
}

export interface LogStatus {
  begin: number;
  committed_end: number;
  journal_bytes: number;
  block_bytes: number;
  failed: boolean | string | null;
  state?: "ok" | "full" | "failed";
  trouble?: string | null; // one sentence
  read_errors?: number;
  used_bytes?: number;
  budget_bytes?: number;
  disk_free_bytes?: number;
  disk_hours_left?: number | null; // that the budget holds at the present rate
  wear_bytes_per_day?: number | null;
  oldest?: string | null;
  epochs?: number;
  gaps?: { class: string; reason: string; records: number }[];
  recent_gaps?: { class: string; reason: string; from: number; to: number; declared_at: string }[]; // newest first
}

export interface Uplink {
  way: string;
  up: boolean;
  backlog_records: number;
  trouble?: string;
}

export interface LinkWay {
  name: string;
  url: string;
  interface?: string;
  source?: string;
  priority: number;
  cost: number;
  state: "unused" | "trying" | "up" | "down";
  since: string | null;
  bytes_out: number;
  bytes_in: number;
  connects: number;
  trouble: string | null;
}

export interface LinkMove {
  at: string;
  from: string;
  to: string;
  reason: string;
}

export interface LinkQueue {
  waiting: number;
  oldest_seconds: number;
  backlog: number;
  sent: number;
  share: number;
  displaced: number;
  expired: number;
}

// GET /api/v1/link
export interface LinkState {
  up: boolean;
  way: string;
  congestion: "none" | "mild" | "severe";
  rate_bytes_per_second: number | null;
  path?: { rtt_seconds: number };
  queues: Record<"critical" | "high" | "medium" | "low", LinkQueue>;
  ways: LinkWay[];
  moves: LinkMove[];
}

export interface Pipeline {
  name: string;
  version: string;
  text: string;
  rows_in: number;
  rows_out: number;
  late: number;
  errors: number;
}

export interface Setting {
  key: string;
  value: string;
  origin: string;
  where?: string;
  default: string;
  type: string;
  help: string;
  unit?: string | null;
  least?: string | null; // written as the value is: 1s, 64KiB
  most?: string | null;
  choices?: string[] | null;
  takes_effect?: string;
}

// A field over time in steps of one width; only steps that hold readings.
export interface SeriesAnswer {
  device_id: string;
  field: string;
  from: string;
  to: string;
  step_ms: number;
  items: [at: number, count: number, min: number, max: number, mean: number][];
  newest?: string | null;
}

export interface List<T> {
  items: T[];
  next: string | null;
}
