// Asks the gateway's HTTP API. Addresses are relative to the page, which may lie behind another server's path.
import type { List } from "./model/types.ts";

const TIMEOUT_MS = 15_000;
type Query = Record<string, string | number | undefined>;

export function address(path: string, query: Query = {}): string {
  const url = new URL(`api/v1/${path}`, document.baseURI.replace(/#.*$/, ""));
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value));
  return url.href;
}

// What the gateway answered instead of a 2xx.
export class Problem extends Error {
  constructor(readonly status: number, message: string, readonly reason = "") {
    super(message);
  }
}

// What a login adds to requests, and who hears that one is needed; account.ts fills it.
export const guard: { csrf: string | null; refused: () => void } = { csrf: null, refused: () => undefined };

async function ask<T>(method: string, url: string, body?: unknown): Promise<T> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (method !== "GET" && guard.csrf !== null) headers["x-csrf-token"] = guard.csrf;
  const response = await fetch(url, {
    method, headers, signal: AbortSignal.timeout(TIMEOUT_MS), ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) {
    const problem = (await response.json().catch(() => null)) as { title?: string; detail?: string; reason?: string } | null;
    if (response.status === 401) guard.refused();
    throw new Problem(response.status, problem?.detail ?? problem?.title ?? `HTTP ${response.status}`, problem?.reason);
  }
  if (response.status === 204) return undefined as T;
  return (await response.json()) as T;
}

export function get<T>(path: string, query: Query = {}): Promise<T> {
  return ask("GET", address(path, query));
}

// Answered when it is on disk.
export function post<T>(path: string, body: unknown): Promise<T> {
  return ask("POST", address(path), body);
}

export function put<T>(path: string, body: unknown): Promise<T> {
  return ask("PUT", address(path), body);
}

export function why(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

// Page after page until there is no next one, `pages` are read, or `each` has enough.
export async function pages<T>(path: string, query: Query, most: number, each: (items: T[]) => boolean | void): Promise<void> {
  let cursor: string | undefined;
  for (let page = 0; page < most; page += 1) {
    const list = await get<List<T>>(path, { ...query, cursor });
    if (each(list.items) === false || !list.next) return;
    cursor = list.next;
  }
}
