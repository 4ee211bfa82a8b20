// Times as the site has them: every clock of the page is the site's, wherever one looks from. Pure but for the zone.
const QUARTER_MS = 900_000; // zones change their offset on quarter hours of UTC
const CACHE_MAX = 4_096;

export interface Parts {
  year: number;
  month: number; // 1 to 12
  day: number;
  hour: number;
  minute: number;
  second: number;
  ms: number;
}

const own = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

let zone = own();
let fields = formatter(zone);
const offsets = new Map<number, number>();

function formatter(name: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat("en-GB", {
    timeZone: name, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
  });
}

// False, and nothing changes, when the browser does not know the name.
export function setZone(name: string): boolean {
  if (name === zone) return true;
  try {
    fields = formatter(name);
  } catch {
    return false;
  }
  zone = name;
  offsets.clear();
  return true;
}

export function zoneName(): string {
  return zone;
}

// Is it another clock than that of who looks?
export function isElsewhere(now: number): boolean {
  return offsetMs(now) !== -new Date(now).getTimezoneOffset() * 60_000;
}

// The site's wall clock minus UTC.
export function offsetMs(at: number): number {
  const quarter = Math.floor(at / QUARTER_MS);
  const known = offsets.get(quarter);
  if (known !== undefined) return known;
  const part: Record<string, number> = {};
  for (const { type, value } of fields.formatToParts(quarter * QUARTER_MS)) part[type] = Number(value);
  const wall = Date.UTC(part["year"] ?? 0, (part["month"] ?? 1) - 1, part["day"], part["hour"], part["minute"], part["second"]);
  const offset = wall - quarter * QUARTER_MS;
  if (offsets.size >= CACHE_MAX) offsets.clear();
  offsets.set(quarter, offset);
  return offset;
}

export function partsOf(at: number): Parts {
  const d = new Date(at + offsetMs(at));
  return {
    year: d.getUTCFullYear(), month: d.getUTCMonth() + 1, day: d.getUTCDate(), hour: d.getUTCHours(), minute: d.getUTCMinutes(),
    second: d.getUTCSeconds(), ms: d.getUTCMilliseconds(),
  };
}

// `UTC+02:00`, or `UTC`.
export function offsetText(at: number): string {
  const minutes = Math.round(offsetMs(at) / 60_000);
  if (minutes === 0) return "UTC";
  const size = Math.abs(minutes);
  return `UTC${minutes < 0 ? "−" : "+"}${String(Math.floor(size / 60)).padStart(2, "0")}:${String(size % 60).padStart(2, "0")}`;
}
