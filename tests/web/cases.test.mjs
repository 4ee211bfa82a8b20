// Cases that only the mock can bring about: thousands of devices, a failed disk, no device yet, odd payloads, a hostile name.
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { open, watch } from "./browser.mjs";
import { mockTarget } from "./targets.mjs";

const WAIT = { timeout: 20_000 };

async function on(options, body) {
  const target = await mockTarget(options);
  const browser = await open();
  try {
    const seen = watch(browser.page, target.url);
    await browser.page.goto(target.url);
    await browser.page.locator('[data-link="live"]').waitFor(WAIT);
    await body(browser.page, target);
    assert.deepEqual(seen.complaints, []);
  } finally {
    await browser.close();
    await target.close();
  }
}

const skip = process.env.SKERRY_URL ? "needs the mock" : false;

test("five thousand devices: few rows, none frozen, the filter finds each", { skip }, () =>
  on({ devices: 5_000, rate: 1, historyMs: 5_000, alertEvery: 2_000 }, async (page) => {
    await page.waitForFunction(() => document.querySelector(".devices .count")?.textContent.replace(/\D/g, "") === "5000", null, WAIT);
    assert.ok((await page.locator("tr[data-device]").count()) <= 100);
    // The longest time between two frames while 5,000 readings a second come in.
    const longest = await page.evaluate(() => new Promise((resolve) => {
      let last = performance.now();
      let most = 0;
      const end = last + 4_000;
      const step = (at) => {
        most = Math.max(most, at - last);
        last = at;
        if (at < end) requestAnimationFrame(step);
        else resolve(most);
      };
      requestAnimationFrame(step);
    }));
    assert.ok(longest < 1_000, `a frame took ${Math.round(longest)} ms`);
    await page.locator(".filter").fill("mote-4321");
    await page.locator('tr[data-device="mote-4321"]').waitFor(WAIT);
    assert.equal(await page.locator("tr[data-device]").count(), 1);
  }));

test("a gateway that cannot acknowledge says so", { skip }, () =>
  on({}, async (page, target) => {
    target.world().failed = true;
    await page.locator('[data-link="notReady"]').waitFor(WAIT);
    target.world().failed = false;
    await page.locator('[data-link="live"]').waitFor(WAIT);
  }));

test("without devices it says how to connect one, with the real port, and the first one ends that", { skip }, () =>
  on({ devices: 0 }, async (page, target) => {
    const lines = page.locator(".connect code");
    await lines.first().waitFor(WAIT);
    assert.match(await lines.nth(0).textContent(), /^mosquitto_pub -h 127\.0\.0\.1 -p 1883 .*sensors\/my-device\/data/);
    assert.match(await lines.nth(1).textContent(), new RegExp(`^curl ${target.url}api/v1/readings`));
    await fetch(new URL("api/v1/readings", target.url), { method: "POST", body: JSON.stringify({ device_id: "mine", temperature: 20 }) });
    await page.locator('tr[data-device="mine"]').waitFor(WAIT);
  }));

test("names and values are text, never markup; fields may be anything", { skip }, () =>
  on({ devices: 1 }, async (page, target) => {
    const name = '<img src=x onerror="document.title=1">';
    const data = { device_id: name, temperature: "85°", nested: { a: [1, 2] }, on: true, nothing: null, big: 1e300, long: "x".repeat(4_000) };
    await fetch(new URL("api/v1/readings", target.url), { method: "POST", body: JSON.stringify(data) });
    await page.locator(".filter").fill("<img");
    const row = page.locator("tr[data-device]").first();
    await row.locator("button", { hasText: name }).waitFor(WAIT);
    await row.locator("button").click();
    assert.equal(await page.locator("tr[data-device] img").count(), 0);
  }));

test("a device that falls silent is grey, and its age counts", { skip }, () =>
  on({ devices: 0, live: false }, async (page, target) => {
    const at = Date.now() - 3_600_000;
    target.world().publish("old", { temperature: 20 }, at);
    target.world().publish("new", { temperature: 20 });
    await page.reload();
    await page.locator('tr.stale[data-device="old"]').waitFor(WAIT);
    assert.match(await page.locator('tr[data-device="old"] td').last().textContent(), /60 min/);
    assert.equal(await page.locator('tr.stale[data-device="new"]').count(), 0);
    const age = 'tr[data-device="new"] td:last-child';
    const before = await page.locator(age).textContent();
    await page.waitForFunction(([s, b]) => document.querySelector(s)?.textContent !== b, [age, before], WAIT);
  }));
