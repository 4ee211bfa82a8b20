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
      case "/api/v1/status": return json(response, 200, status());
      case "/api/v1/devices": return json(response, 200, page([...world.devices.values()].map((d) => world.device(d)), query, 100));
      case "/api/v1/readings":
        if (request.method === "POST") return post(request, response, world, send);
        return json(response, 200, page(readings(world, query), query, 100));
      case "/api/v1/alerts": return json(response, 200, page([...world.alerts].reverse(), query, 100));
      case "/api/v1/commands":
        if (request.method === "POST") return body(request, response, (order) => json(response, 201, world.order(order)));
        return json(response, 200, page([...world.commands].reverse(), query, 100));
      case "/api/v1/events":
        response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
        response.write(`retry: 1000\nevent: status\ndata: ${JSON.stringify(status())}\n\n`);
        streams.add(response);
        return request.on("close", () => streams.delete(response));
      default: return url.pathname.startsWith("/api/") ? problem(response, 404, "Not Found", url.pathname) : file(response, url.pathname);
    }
  });

  let owed = 0;
  const beat = setInterval(() => {
    owed += live ? (world.rate * BATCH_MS) / 1000 : 0;
    const newest = [];
    for (const device of live ? world.devices.values() : []) {
      let last;
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
