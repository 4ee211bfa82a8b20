// The page in Chromium, on a gateway: what it shows, that it moves, keys, languages, contrast, and coming back after a break.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { open, serious, watch } from "./browser.mjs";
import { targets } from "./targets.mjs";

const WAIT = { timeout: 20_000 };

// A chart without a line has its grid and labels: some 30 columns of pixels in the line's colour are a line.
const lineDrawn = () => {
  const canvas = document.querySelector(".plot canvas");
  const [r, g, b] = (getComputedStyle(document.querySelector(".readout .big")).color.match(/\d+/g) ?? []).map(Number);
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const columns = new Set();
  for (let i = 0; i < data.length; i += 4) {
    const near = Math.abs(data[i] - r) + Math.abs(data[i + 1] - g) + Math.abs(data[i + 2] - b) < 40;
    if (data[i + 3] > 100 && near) columns.add((i / 4) % canvas.width);
  }
  return columns.size > 30;
};

async function post(url, path, body) {
  const response = await fetch(new URL(`api/v1/${path}`, url), {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
  });
  assert.equal(response.status, 201, await response.clone().text());
  return response.json();
}

const changes = (page, selector, from) =>
  page.waitForFunction(([s, f]) => document.querySelector(s)?.textContent !== f, [selector, from], WAIT);

for (const [name, make] of targets()) {
  describe(`the page on the ${name}`, () => {
    let target;
    let browser;
    let page;
    let seen;
    const device = `web-test-${Date.now().toString(36)}`;

    before(async () => {
      target = await make();
      browser = await open();
      page = browser.page;
      seen = watch(page, target.url);
      await page.goto(target.url);
      await page.locator('[data-link="live"]').waitFor(WAIT);
    });
    after(async () => {
      await browser?.close();
      await target?.close();
    });

    test("devices appear, and their values move", async () => {
      await page.locator("tr[data-device]").first().waitFor(WAIT);
      const row = "tr[data-device] td.values";
      await changes(page, row, await page.locator(row).first().textContent());
      const total = ".figure:nth-child(2) dd.num";
      await changes(page, total, await page.locator(total).textContent());
      await page.waitForFunction(() => (document.querySelector(".spark polyline")?.getAttribute("points") ?? "").split(" ").length > 2, null, WAIT);
    });

    test("the chart draws history, then what comes", async () => {
      await page.locator('.plot:not([data-points="0"])').waitFor(WAIT);
      await page.waitForFunction(lineDrawn, null, WAIT);
      const points = Number(await page.locator(".plot").getAttribute("data-points"));
      await page.waitForFunction((n) => Number(document.querySelector(".plot").dataset.points) > n, points, WAIT);
      assert.match(await page.locator(".readout .big").textContent(), /^-?\d/);
    });

    test("a device of one's own appears, and its alert, grouped and counted", async () => {
      await post(target.url, "readings", { device_id: device, temperature: 21.5 });
      await page.locator(".filter").fill(device);
      await page.locator(`tr[data-device="${device}"]`).waitFor(WAIT);
      await post(target.url, "readings", { device_id: device, temperature: 85.25 });
      const group = page.locator(`[data-group="${device}/high_temperature"]`);
      await group.waitFor(WAIT);
      assert.match(await group.locator(".times").textContent(), /^1/);
      await post(target.url, "readings", { device_id: device, temperature: 86 });
      await group.locator(".times", { hasText: /^2/ }).waitFor(WAIT);
      await group.locator(".line").click();
      assert.equal(await group.locator(".line").getAttribute("aria-expanded"), "true");
      await group.locator(".single li", { hasText: "85.25" }).waitFor(WAIT);
      await page.locator(".filter").fill("");
    });

    test("a command appears with its state", async () => {
      const made = await post(target.url, "commands", { device_id: device, command: "blink", reason: "test", ttl_s: 30 });
      const line = page.locator(`[data-command="${made.command_id}"]`);
      await line.waitFor(WAIT);
      assert.match(await line.locator(".state").textContent(), /^\w+$/);
    });

    test("the keyboard chooses a device for the chart", async () => {
      await page.locator(".filter").focus();
      await page.keyboard.press("Tab"); // the table's own scrolling
      await page.keyboard.press("Tab");
      const at = await page.evaluate(() => document.activeElement?.closest("tr")?.dataset.device);
      await page.keyboard.press("Enter");
      await page.waitForFunction((id) => document.querySelector(".choice select")?.value === id, at, WAIT);
      assert.equal(await page.locator("tr.chosen").getAttribute("data-device"), at);
    });

    test("it speaks Chinese and English", async () => {
      await page.locator("[data-language-button]").click();
      assert.equal(await page.locator("#devices-title").textContent(), "设备");
      assert.equal(await page.locator("html").getAttribute("lang"), "zh-CN");
      await page.locator("[data-language-button]").click();
      assert.equal(await page.locator("#devices-title").textContent(), "Devices");
    });

    for (const scheme of ["light", "dark"]) {
      test(`axe finds nothing serious in the ${scheme} theme`, async () => {
        await page.emulateMedia({ colorScheme: scheme });
        await page.locator("details.connect summary").click();
        assert.deepEqual(await serious(page), []);
        await page.locator("details.connect summary").click();
      });
    }

    test("a phone's width has no sideways scrolling", async () => {
      await page.setViewportSize({ width: 360, height: 740 });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      await page.setViewportSize({ width: 1280, height: 800 });
      assert.ok(wide <= 360, `the page is ${wide} px wide`);
    });

    test("nothing was asked of anybody else, and the console is clean", () => {
      assert.deepEqual(seen.elsewhere, []);
      assert.deepEqual(seen.complaints, []);
    });

    test("it says when the gateway is away, and goes on when it is back", { skip: name === "given" && "a gateway that is not ours is not stopped" }, async () => {
      await target.stop();
      await page.locator('[data-link="reconnecting"]').waitFor(WAIT);
      assert.ok((await page.locator("tr[data-device]").count()) > 0, "what it said last is still shown");
      await target.start();
      await page.locator('[data-link="live"]').waitFor(WAIT);
      const total = ".figure:nth-child(2) dd.num";
      await changes(page, total, await page.locator(total).textContent());
      assert.deepEqual(seen.elsewhere, []);
    });
  });
}
