// The address behind `#`: `#/devices/pump-1?field=temperature` and back. Pure.

export interface Route {
  path: string[]; // decoded; empty: the overview
  query: Record<string, string>;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // somebody typed it
  }
}

export function parse(hash: string): Route {
  const text = hash.replace(/^#?\/?/, "");
  const mark = text.indexOf("?");
  const path = (mark < 0 ? text : text.slice(0, mark)).split("/").filter((part) => part !== "").map(decoded);
  return { path, query: mark < 0 ? {} : Object.fromEntries(new URLSearchParams(text.slice(mark + 1))) };
}

export function write({ path, query }: Route): string {
  const search = new URLSearchParams(query).toString();
  return `#/${path.map(encodeURIComponent).join("/")}${search === "" ? "" : `?${search}`}`;
}
