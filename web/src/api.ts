// Asks the gateway's HTTP API. Addresses are relative to the page, which may lie behind another server's path.
import type { List } from "./model/types.ts";

const TIMEOUT_MS = 15_000;

export function address(path: string, query: Record<string, string | number | undefined> = {}): string {
  const url = new URL(`api/v1/${path}`, document.baseURI);
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value));
  return url.href;
}

export async function get<T>(path: string, query: Record<string, string | number | undefined> = {}): Promise<T> {
  const response = await fetch(address(path, query), { signal: AbortSignal.timeout(TIMEOUT_MS), headers: { accept: "application/json" } });
  if (!response.ok) {
    const problem = (await response.json().catch(() => null)) as { title?: string; detail?: string } | null;
    throw new Error(problem?.detail ?? problem?.title ?? `HTTP ${response.status}`);
  }
  return (await response.json()) as T;
}

// Page after page until there is no next one, `pages` are read, or `each` has enough.
export async function pages<T>(
  path: string, query: Record<string, string | number | undefined>, most: number, each: (items: T[]) => boolean | void,
): Promise<void> {
  let cursor: string | undefined;
  for (let page = 0; page < most; page += 1) {
    const list = await get<List<T>>(path, { ...query, cursor });
    if (each(list.items) === false || !list.next) return;
    cursor = list.next;
  }
}
