// Speaks the gateway's API (DESIGN.md, "HTTP") over a made-up world: to work on the page, and to test it, without a gateway.
import { createReadStream, existsSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { World } from "./world.mjs";

const DIST = join(dirname(fileURLToPath(import.meta.url)), "../dist");
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml" };
// The policy that the gateway sends: the page must live with it.
const POLICY = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const BATCH_MS = 250;

function json(response, code, body, type = "application/json") {
  const text = JSON.stringify(body);
  response.writeHead(code, { "content-type": type, "content-length": Buffer.byteLength(text) }).end(text);
}

function problem(response, code, title, detail) {
  json(response, code, { type: "about:blank", title, status: code, detail }, "application/problem+json");
}

function page(items, query, fallback) {
  const from = Number(query.get("cursor") ?? 0);
  const limit = Math.min(10_000, Number(query.get("limit") ?? fallback));
  return { items: items.slice(from, from + limit), next: from + limit < items.length ? String(from + limit) : null };
}

function readings(world, query) {
  const device = query.get("device");
  const all = device ? (world.devices.get(device)?.readings ?? []) : [...world.devices.values()].flatMap((d) => d.readings);
  const from = query.has("from") ? Date.parse(query.get("from")) : -Infinity;
  const to = query.has("to") ? Date.parse(query.get("to")) : Infinity;
  const kept = all.filter((r) => Date.parse(r.timestamp) >= from && Date.parse(r.timestamp) < to);
  return query.get("order") === "desc" ? kept.reverse() : kept;
}

const ofDevice = (query) => (item) => !query.has("device") || item.device_id === query.get("device");

// /api/v1/devices/ID, its meta, /api/v1/alerts/ID: true when it was one of them.
function one(request, response, world, path) {
  const [, kind, name, more] = /^\/api\/v1\/(devices|alerts)\/([^/]+)(\/meta)?$/.exec(path) ?? [];
  if (!kind) return false;
  const id = decodeURIComponent(name);
  const found = kind === "devices" ? world.devices.get(id) : world.alerts.find((alert) => alert.alert_id === id);
  if (!found) problem(response, 404, "Not Found", `there is no ${id}`);
  else if (more && request.method === "PUT") body(request, response, (meta) => json(response, 200, { device_id: id, meta: (found.meta = meta) }));
  else json(response, 200, kind === "devices" ? world.device(found) : found);
  return true;
}

// A field in steps of one width.
function series(world, query) {
  const from = Date.parse(query.get("from"));
  const to = Date.parse(query.get("to"));
  const step = Math.max(1, Math.ceil((to - from) / Number(query.get("points") ?? 400)));
  const steps = new Map();
  for (const reading of readings(world, query)) {
    const y = reading.data[query.get("field")];
    if (typeof y !== "number") continue;
    const at = from + Math.floor((Date.parse(reading.timestamp) - from) / step) * step;
    const s = steps.get(at) ?? [at, 0, Infinity, -Infinity, 0];
    steps.set(at, [at, s[1] + 1, Math.min(s[2], y), Math.max(s[3], y), s[4] + y]);
  }
  const items = [...steps.values()].sort((a, b) => a[0] - b[0]).map(([at, n, min, max, sum]) => [at, n, min, max, sum / n]);
  return { device_id: query.get("device"), field: query.get("field"), from: query.get("from"), to: query.get("to"), step_ms: step, items };
}

const SETTINGS = [
  { key: "gateway.id", value: "gw-3f9a2c", origin: "file", default: "", type: "text", takes_effect: "restart", help: "name of this gateway; empty: drawn once and kept in the data folder" },
  { key: "site.time_zone", value: "Europe/Berlin", origin: "file", default: "", type: "text", takes_effect: "restart", help: "time zone of the site, as in the tz database; empty: this machine's" },
  { key: "listen.host", value: "127.0.0.1", origin: "default", default: "127.0.0.1", type: "text", takes_effect: "restart", help: "address that all doors listen on" },
  { key: "log.commit", value: "balanced", origin: "default", default: "balanced", type: "choice", choices: ["balanced", "fast"], takes_effect: "restart", help: "balanced: readings wait for company, for the flash's sake; fast: nothing waits" },
  { key: "log.window_max", value: "20ms", origin: "default", default: "20ms", type: "duration", takes_effect: "restart", help: "longest that a reading waits for company (balanced)" },
  { key: "http.port", value: "8090", origin: "flag", default: "8080", type: "integer", least: "0", most: "65535", takes_effect: "restart", help: "page, API, health, metrics; 0: the system chooses" },
  { key: "pipelines.shipped", value: "true", origin: "environment", default: "true", type: "boolean", takes_effect: "restart", help: "run the pipelines that come with Skerry" },
];

function file(response, path) {
  const name = normalize(path === "/" ? "/index.html" : path);
  const full = join(DIST, name);
  if (!full.startsWith(DIST) || !existsSync(full)) return problem(response, 404, "Not Found", `there is no ${path}`);
  response.writeHead(200, { "content-type": TYPES[extname(full)] ?? "application/octet-stream", "content-security-policy": POLICY });
  return createReadStream(full).pipe(response);
}

// Runs until close(); `port` 0 lets the system choose.
export async function serve({ port = 0, live = true, ...options } = {}) {
  const world = new World(options);
  const streams = new Set();
  const send = (type, data, id) => {
    const text = `event: ${type}\n${id === undefined ? "" : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;
    for (const stream of streams) stream.write(text);
  };
  world.changed = (type, item, id) => send(type, item, id);

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://mock");
    const query = url.searchParams;
    const status = () => world.status(server.address()?.port ?? port);
    switch (url.pathname) {
      case "/api/v1/me": return json(response, 200, { name: null, role: "admin", csrf: null, login_needed: false });
      case "/api/v1/status": return json(response, 200, status());
      case "/api/v1/devices": return json(response, 200, page([...world.devices.values()].map((d) => world.device(d)), query, 100));
      case "/api/v1/readings":
        if (request.method === "POST") return post(request, response, world, send);
        return json(response, 200, page(readings(world, query), query, 100));
      case "/api/v1/series": return json(response, 200, series(world, query));
      case "/api/v1/link": return json(response, 200, world.link());
      case "/api/v1/twins": return json(response, 200, { items: world.twins(query.get("device")), next: null });
      case "/api/v1/config": return json(response, 200, { items: SETTINGS, next: null });
      case "/api/v1/pipelines": return json(response, 200, { items: world.pipelines(), next: null });
      case "/api/v1/alerts/changes":
        return body(request, response, ({ alert_ids: ids, action, by, comment }) => json(response, 200, { items: ids.map((id) => world.change(id, action, by, comment)).filter(Boolean), next: null }));
      case "/api/v1/alerts": return json(response, 200, page([...world.alerts].reverse().filter(ofDevice(query)), query, 100));
      case "/api/v1/commands":
        if (request.method === "POST") return body(request, response, (order) => json(response, 201, world.order(order)));
        return json(response, 200, page([...world.commands].reverse().filter(ofDevice(query)), query, 100));
      case "/api/v1/events":
        response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
        response.write(`retry: 1000\nevent: status\ndata: ${JSON.stringify(status())}\n\n`);
        streams.add(response);
        return request.on("close", () => streams.delete(response));
      case "/api/v1/twins/s1-indoor/conflicts/c1/reverse":
        world.reversed = true;
        return json(response, 200, world.twins("s1-indoor")[0]);
      default:
        if (one(request, response, world, url.pathname)) return undefined;
        return url.pathname.startsWith("/api/") ? problem(response, 404, "Not Found", url.pathname) : file(response, url.pathname);
    }
  });

  let owed = 0;
  const beat = setInterval(() => {
    owed += live ? (world.rate * BATCH_MS) / 1000 : 0;
    const newest = [];
    for (const device of live ? world.devices.values() : []) {
      let last;
      if (device.guest) continue; // speaks for itself
      for (let i = 0; i < Math.floor(owed); i += 1) last = world.wander(device, Date.now() - (Math.floor(owed) - 1 - i) * (1000 / world.rate));
      if (last) newest.push(last);
    }
    owed -= Math.floor(owed);
    world.settle(Date.now());
    if (newest.length > 0) send("readings", newest);
  }, BATCH_MS);
  const tick = setInterval(() => send("status", world.status(server.address()?.port ?? port)), 1000);

  await new Promise((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  return {
    world,
    port: server.address().port,
    url: `http://127.0.0.1:${server.address().port}/`,
    close: () => {
      clearInterval(beat);
      clearInterval(tick);
      for (const stream of streams) stream.destroy();
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

// The body as JSON, or a 400.
function body(request, response, then) {
  let text = "";
  request.on("data", (chunk) => (text += chunk));
  request.on("end", () => {
    let value;
    try {
      value = JSON.parse(text);
    } catch {
      return problem(response, 400, "Bad Request", "the body is no JSON");
    }
    return then(value);
  });
}

function post(request, response, world, send) {
  body(request, response, (value) => {
    const items = [value].flat();
    const bad = items.findIndex((item) => typeof item?.device_id !== "string");
    if (bad >= 0) return problem(response, 400, "Bad Request", `item ${bad}: device_id is missing`);
    const taken = items.map(({ device_id: id, timestamp, ...data }) => world.publish(id, data, timestamp ? Date.parse(timestamp) : Date.now()));
    send("readings", taken);
    return json(response, 201, { accepted: taken.length, items: taken.map((r) => ({ device_id: r.device_id, offset: r.offset })) });
  });
}
