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
}

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
  log: { begin: number; committed_end: number; journal_bytes: number; block_bytes: number; failed: boolean | string | null };
  ready: boolean;
}

export interface List<T> {
  items: T[];
  next: string | null;
}
