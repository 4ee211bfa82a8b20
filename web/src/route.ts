// Where one is: the address behind `#` is the state, so that it can be kept, sent and gone back to.
import { signal } from "@preact/signals";
import { parse, write, type Route } from "./model/route.ts";

const read = (): Route => parse(typeof location === "undefined" ? "" : location.hash);

export const route = signal<Route>(read());

export function href(path: readonly string[], query: Record<string, string | undefined> = {}): string {
  return write({ path: [...path], query: given(query) });
}

export function go(path: readonly string[], query: Record<string, string | undefined> = {}): void {
  location.hash = href(path, query);
}

// Changes what is looked at on this page: no step of its own for the Back button.
export function refine(change: Record<string, string | undefined>): void {
  const next = { path: route.peek().path, query: given({ ...route.peek().query, ...change }) };
  history.replaceState(history.state, "", write(next));
  route.value = next;
}

function given(query: Record<string, string | undefined>): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(query)) if (value !== undefined && value !== "") kept[name] = value;
  return kept;
}

export function follow(): void {
  addEventListener("hashchange", () => (route.value = read()));
}
