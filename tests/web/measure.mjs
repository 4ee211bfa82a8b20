// What the page costs, in Chromium on a real gateway (SKERRY_BIN) with 10,000 devices at 1,000 readings a second: bytes, first paint
// from a cold gateway, how long an interaction takes. script/bench page runs it.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { loadavg } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { open } from "./browser.mjs";
import { programTarget } from "./targets.mjs";

const DIST = join(dirname(fileURLToPath(import.meta.url)), "../../web/dist");
const WAIT = { timeout: 60_000 };
const { values } = parseArgs({
  options: { devices: { type: "string", default: "10000" }, rate: { type: "string", default: "1000" }, starts: { type: "string", default: "5" }, rounds: { type: "string", default: "6" } },
});
const devices = Number(values.devices);
const rate = Number(values.rate);

function packedBytes(folder) {
  return readdirSync(folder).map((name) => join(folder, name)).reduce(
    (sum, path) => sum + (statSync(path).isDirectory() ? packedBytes(path) : gzipSync(readFileSync(path), { level: 9 }).length), 0);
}

const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)];
const sorted = (list) => [...list].sort((a, b) => a - b);
const name = (i) => `device-${String(i).padStart(5, "0")}`;
const reading = (i) => JSON.stringify({ device_id: name(i), temperature: Number((20 + 5 * Math.sin(i + Date.now() / 9_000)).toFixed(2)), humidity: 40 + (i % 20) });

async function post(url, from, count) {
  const body = [...Array(count).keys()].map((k) => reading((from + k) % devices)).join("\n");
  const response = await fetch(new URL("api/v1/readings", url), { method: "POST", headers: { "content-type": "application/x-ndjson" }, body });
  if (response.status !== 201) throw new Error(`readings: ${response.status} ${await response.text()}`);
}

async function firstPaint(target) {
  await target.stop();
  const { http } = await target.start();
  const browser = await open();
  try {
    await browser.page.goto(`http://127.0.0.1:${http}/`);
    await browser.page.locator("tr[data-device]").first().waitFor(WAIT);
    return await browser.page.evaluate(() => ({
      paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? NaN, rows: performance.now(),
    }));
  } finally {
    await browser.close();
  }
}

// Each step is one interaction; the browser itself tells how long each took from the event to the next picture.
async function interactions(page, url) {
  await page.goto(`${url}#/devices`);
  await page.waitForFunction((n) => document.querySelector(".devices .count")?.textContent.replace(/\D/g, "") === String(n), devices, WAIT);
  await page.evaluate(() => {
    globalThis.took = new Map();
    globalThis.note = (entry) => entry.interactionId > 0 && took.set(entry.interactionId, Math.max(took.get(entry.interactionId) ?? 0, entry.duration));
    globalThis.observer = new PerformanceObserver((list) => list.getEntries().forEach(note));
    observer.observe({ type: "event", durationThreshold: 16 });
  });
  let done = 0;
  const step = async (act) => {
    await act();
    done += 1;
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  };
  for (let round = 0; round < Number(values.rounds); round += 1) {
    await step(() => page.locator("[data-search]").click());
    for (const key of `device-0${round}`) await step(() => page.keyboard.press(key));
    for (let i = 0; i < 9; i += 1) await step(() => page.keyboard.press("Backspace"));
    for (const column of [0, 2, 3, 3]) await step(() => page.locator("th .sort").nth(column).click());
    await step(() => page.locator(".toggle").first().click());
    await step(() => page.locator(".toggle").first().click());
    await step(() => page.locator("tr[data-device] .name").nth(round).click());
    await page.locator("[data-device-page]").waitFor(WAIT);
    await step(() => page.locator('.menu a[href="#/alerts"]').click());
    await step(() => page.locator('.menu a[href="#/"]').click());
    await step(() => page.locator('.menu a[href="#/devices"]').click());
  }
  await page.evaluate(() => observer.takeRecords().forEach(note));
  const told = sorted(await page.evaluate(() => [...took.values()]));
  // What took less than a frame is not told; it counts as one.
  return sorted([...told, ...Array(Math.max(0, done - told.length)).fill(16)]);
}

// The longest time between two pictures while the whole list is scrolled through.
function scrolling(page) {
  return page.evaluate(async () => {
    const box = document.querySelector(".devices .scroll");
    let last = performance.now();
    const frames = [];
    for (let i = 1; i <= 120; i += 1) {
      box.scrollTop = (box.scrollHeight * i) / 120;
      const now = await new Promise(requestAnimationFrame);
      frames.push(now - last);
      last = now;
    }
    return frames;
  });
}

const binary = process.env.SKERRY_BIN;
if (!binary) {
  process.stderr.write("SKERRY_BIN names no program\n");
  process.exit(2);
}
const target = await programTarget(binary, ["--demo", "none"]);
let sender;
try {
  for (let i = 0; i < devices; i += 5_000) await post(target.url, i, Math.min(5_000, devices - i));
  const starts = [];
  for (let i = 0; i < Number(values.starts); i += 1) starts.push(await firstPaint(target));
  let next = 0;
  sender = setInterval(() => {
    void post(target.url, next, rate / 10).catch(() => undefined); // the end of the run
    next = (next + rate / 10) % devices;
  }, 100);
  const browser = await open();
  const took = await interactions(browser.page, target.url);
  const frames = sorted(await scrolling(browser.page));
  await browser.close();
  const paints = sorted(starts.map((s) => s.paint));
  const rows = sorted(starts.map((s) => s.rows));
  const ms = (x) => `${Math.round(x)} ms`;
  const lines = [
    ["page, packed", `${(packedBytes(DIST) / 1_000).toFixed(1)} kB`, "≤ 120 kB"],
    [`first paint from a cold gateway (${starts.length} starts)`, `${ms(quantile(paints, 0.5))} (${ms(paints[0])}–${ms(paints[paints.length - 1])})`, "≤ 1 s"],
    [`first device drawn, ${devices} in the gateway`, `${ms(quantile(rows, 0.5))} (${ms(rows[0])}–${ms(rows[rows.length - 1])})`, ""],
    [`interaction, ${devices} devices, ${rate} readings/s (${took.length})`, `p50 ${ms(quantile(took, 0.5))}, p95 ${ms(quantile(took, 0.95))}, max ${ms(took[took.length - 1])}`, "p95 ≤ 100 ms"],
    ["between two pictures, scrolling through all", `p50 ${ms(quantile(frames, 0.5))}, p95 ${ms(quantile(frames, 0.95))}, max ${ms(frames[frames.length - 1])}`, ""],
  ];
  process.stdout.write(`page: load ${loadavg()[0].toFixed(1)}, headless Chromium, program ${binary}\n`);
  for (const [what, value, aim] of lines) process.stdout.write(`${what.padEnd(58)}${value.padEnd(34)}${aim}\n`);
} finally {
  clearInterval(sender);
  await target.close();
}
