// Every page in Chromium: what one does there, by mouse and by key, in both themes; on the mock and on the program.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { open, serious, watch } from "./browser.mjs";
import { targets } from "./targets.mjs";

const WAIT = { timeout: 20_000 };
const PAGES = ["", "devices", "devices/DEVICE", "alerts", "alerts/ALERT", "commands", "rules", "disk", "link", "settings", "try"];

async function post(url, path, body) {
  const response = await fetch(new URL(`api/v1/${path}`, url), {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
  });
  assert.equal(response.ok, true, await response.clone().text());
  return response.json();
}

// A device as one has it in the field: takes its command by QoS 2 and answers it. Resolves with the command.
function deviceThatAnswers(port, id) {
  const args = ["-h", "127.0.0.1", "-p", String(port)];
  const device = spawn("mosquitto_sub", [...args, "-i", id, "-c", "-q", "2", "-t", `commands/${id}`], { stdio: ["ignore", "pipe", "inherit"] });
  const answer = (command, status) =>
    spawnSync("mosquitto_pub", [...args, "-q", "1", "-t", `commands/${id}/ack`, "-m", JSON.stringify({ command_id: command.command_id, status, detail: "as asked" })]);
  const taken = new Promise((resolve) => {
    device.stdout.once("data", (line) => {
      const command = JSON.parse(String(line));
      answer(command, "accepted");
      answer(command, "done");
      resolve(command);
    });
  });
  return { taken, end: () => device.kill() };
}

for (const [name, make] of targets()) {
  describe(`every page on the ${name}`, () => {
    const device = `press-${Date.now().toString(36)}`;
    let target;
    let browser;
    let page;
    let seen;
    let alertId;
    const at = async (hash) => {
      await page.goto(`${target.url}#/${hash}`);
      await page.locator('[data-link="live"]').waitFor(WAIT);
    };

    before(async () => {
      target = await make();
      browser = await open();
      page = browser.page;
      seen = watch(page, target.url);
      const from = Date.now() - 200_000;
      // A pause of two minutes in the middle.
      const readings = [...Array(40).keys()].map((i) => ({
        device_id: device, timestamp: new Date(from + i * 1_000 + (i >= 20 ? 120_000 : 0)).toISOString(), temperature: 20 + i / 10, speed_rpm: 900 + i,
      }));
      await post(target.url, "readings", readings);
      await post(target.url, "readings", { device_id: device, temperature: 85.25, speed_rpm: 950 });
      await at(`devices/${device}`);
      const line = page.locator("[data-alert]").first();
      await line.waitFor(WAIT);
      alertId = await line.getAttribute("data-alert");
    });
    after(async () => {
      await browser?.close();
      await target?.close();
    });

    test("a device: values with their units, history with its pause and its alert", async () => {
      await at(`devices/${device}`);
      assert.equal(await page.locator('.tile[data-field="temperature"] .unit').textContent(), "\u2009°C");
      assert.equal(await page.locator('.tile[data-field="speed_rpm"] .unit').textContent(), "\u20091/min");
      await page.locator('.plot[data-points="41"]').waitFor(WAIT);
      await page.locator('.plot:not([data-gaps="0"])').waitFor(WAIT);
      await page.locator(".history .legend", { hasText: /^\s*1 with an alert/ }).waitFor(WAIT);
    });

    test("dragging across the chart zooms, the address says where, and Back to live goes back", async () => {
      await at(`devices/${device}`);
      await page.locator('.plot[data-points="41"]').waitFor(WAIT);
      const box = await page.locator(".plot .u-over").boundingBox();
      await page.mouse.move(box.x + box.width * 0.2, box.y + 40);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width * 0.6, box.y + 40, { steps: 4 });
      await page.mouse.up();
      await page.waitForFunction(() => /from=\d+&to=\d+/.test(location.hash), null, WAIT);
      const address = page.url();
      await page.goto("about:blank");
      await page.goto(address); // the address is the state
      await page.locator(".live-again").waitFor(WAIT);
      await page.locator(".live-again").click();
      await page.locator(".live-again").waitFor({ ...WAIT, state: "detached" });
    });

    test("it gets a name, a place and a unit, and keeps them", async () => {
      await at(`devices/${device}`);
      await page.locator("[data-edit]").click();
      await page.locator("dialog[open] input").nth(0).fill("Press 4");
      await page.locator("dialog[open] input").nth(1).fill("Hall 2");
      await page.locator("dialog[open] fieldset input").first().fill("K");
      await page.locator("dialog[open] button[type=submit]").click();
      await page.locator("h1", { hasText: "Press 4" }).waitFor(WAIT);
      await page.reload();
      await page.locator("h1", { hasText: "Press 4" }).waitFor(WAIT);
      assert.equal(await page.locator('.tile[data-field="temperature"] .unit').textContent(), "\u2009K");
      await at("devices?q=hall+2");
      await page.locator(`tr[data-device="${device}"]`).waitFor(WAIT);
      assert.equal(await page.locator("tr[data-device]").count(), 1, "found by its place");
    });

    test("an alert is acknowledged by key, with who and why, and shown so to the next who comes", async () => {
      await at(`alerts/${alertId}`);
      await page.locator("[data-alert-page] .form input").first().fill("Mia");
      await page.locator("[data-comment]").fill("bearing is hot");
      await page.locator("[data-alert-page] .main").focus();
      await page.keyboard.press("Enter");
      await page.locator('[data-alert-page][data-state="acknowledged"]').waitFor(WAIT);
      await page.reload();
      await page.locator(".doings li", { hasText: "bearing is hot" }).waitFor(WAIT);
      assert.match(await page.locator(".doings li").first().textContent(), /Mia/);
      await at(`alerts?state=acknowledged&device=${device}`);
      await page.locator(`[data-group="${device}/high_temperature"][data-state="acknowledged"] .line`).click();
      await page.locator(`[data-alert="${alertId}"] [data-do="clear"]`).click();
      await page.locator(`[data-alert="${alertId}"]`).waitFor({ ...WAIT, state: "detached" }); // no longer acknowledged
      const kept = await (await fetch(new URL(`api/v1/alerts/${alertId}`, target.url))).json();
      assert.deepEqual(kept.changes.map((c) => [c.action, c.by]), [["acknowledge", "Mia"], ["clear", "Mia"]]);
    });

    test("a command is sent, reaches the device, and its fate is watched to the end", async () => {
      const status = await (await fetch(new URL("api/v1/status", target.url))).json();
      const client = name === "mock" ? null : deviceThatAnswers(status.ports.mqtt, device);
      try {
        await at(`devices/${device}`);
        await page.locator("[data-send]").click();
        const form = page.locator("[data-send-form]");
        await form.locator("[name=command]").fill("set_speed");
        await form.locator("[name=params]").fill("{nonsense");
        assert.equal(await form.locator("[type=submit]").isDisabled(), true, "what is no JSON is not sent");
        await form.locator("[name=params]").fill('{"rpm":900}');
        await form.locator("[type=submit]").click();
        await page.locator("[data-watched]").waitFor(WAIT);
        if (client) assert.deepEqual((await client.taken).params, { rpm: 900 });
        await page.locator('[data-watched="done"], [data-watched="unknown"]').waitFor(WAIT);
        if (client) assert.equal(await page.locator("[data-watched]").getAttribute("data-watched"), "done");
        await page.locator(`.orders [data-command]`).first().waitFor(WAIT);
      } finally {
        client?.end();
      }
    });

    test("the keyboard: / searches, Esc leaves, ? lists the keys, g and a letter goes", async () => {
      await at("devices");
      await page.locator("#content").focus();
      await page.keyboard.press("/");
      assert.equal(await page.evaluate(() => document.activeElement?.matches("[data-search]")), true);
      await page.keyboard.type("nobody-has-this-name");
      await page.locator(".devices .empty").waitFor(WAIT);
      assert.match(page.url(), /q=nobody-has-this-name/);
      await page.keyboard.press("Escape");
      assert.equal(await page.evaluate(() => document.activeElement?.matches("[data-search]")), false);
      await page.keyboard.press("?");
      await page.locator("dialog.help[open]").waitFor(WAIT);
      await page.keyboard.press("Escape");
      await page.locator("dialog.help[open]").waitFor({ ...WAIT, state: "detached" });
      await page.keyboard.press("g");
      await page.keyboard.press("s");
      await page.locator("#settings-title").waitFor(WAIT);
    });

    test("the list of devices is sorted by its columns, and says how", async () => {
      await at("devices");
      const head = page.locator("th", { has: page.locator(".sort") }).last();
      await head.locator(".sort").click();
      assert.equal(await head.getAttribute("aria-sort"), "ascending");
      await head.locator(".sort").click();
      assert.equal(await head.getAttribute("aria-sort"), "descending");
      assert.match(page.url(), /sort=-age/);
    });

    test("rules show their SQL and counters; settings their values and origins", async () => {
      await at("rules");
      await page.locator('[data-pipeline="threshold"] .sql .word').first().waitFor(WAIT);
      await at("settings?q=http.port");
      const row = page.locator('[data-setting="http.port"]');
      await row.waitFor(WAIT);
      assert.match(await row.textContent(), /flag/);
      assert.match(await row.textContent(), /0 – 65535/);
    });

    test("times are the site's, and the page says which zone", async () => {
      const { site, now } = await (await fetch(new URL("api/v1/status", target.url))).json();
      await at("");
      const clock = page.locator(".clock");
      assert.equal(await clock.getAttribute("data-zone"), site.time_zone);
      const there = new Intl.DateTimeFormat("en-GB", { timeZone: site.time_zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
      const shown = await clock.locator(".time").textContent();
      assert.ok([0, 60_000].some((later) => shown.startsWith(there.format(Date.parse(now) + later))), `${shown} at ${now}`);
    });

    test("a chosen theme outlasts a reload", async () => {
      await at("settings");
      const before = await page.locator("html").getAttribute("data-theme");
      await page.locator("[data-theme-button]").click();
      await page.locator("[data-theme-button]").click();
      assert.equal(await page.locator("html").getAttribute("data-theme"), "dark");
      await page.reload();
      await page.locator('[data-link="live"]').waitFor(WAIT);
      assert.equal(await page.locator("html").getAttribute("data-theme"), "dark");
      await page.locator("[data-theme-button]").click();
      assert.equal(await page.locator("html").getAttribute("data-theme"), before);
    });

    for (const scheme of ["light", "dark"]) {
      for (const where of PAGES) {
        test(`axe finds nothing serious on #/${where} in the ${scheme} theme`, async () => {
          await page.emulateMedia({ colorScheme: scheme });
          await at(where.replace("DEVICE", device).replace("ALERT", alertId));
          await page.locator("h1").first().waitFor({ ...WAIT, state: "attached" });
          assert.deepEqual(await serious(page), []);
        });
      }
    }

    test("no page scrolls sideways on a phone", async () => {
      await page.setViewportSize({ width: 360, height: 740 });
      for (const where of PAGES) {
        await at(where.replace("DEVICE", device).replace("ALERT", alertId));
        const wide = await page.evaluate(() => Math.max(document.documentElement.scrollWidth, document.querySelector("#content").scrollWidth));
        assert.ok(wide <= 360, `#/${where} is ${wide} px wide`);
      }
      await page.setViewportSize({ width: 1280, height: 800 });
    });

    test("nothing was asked of anybody else, and the console is clean", () => {
      assert.deepEqual(seen.elsewhere, []);
      assert.deepEqual(seen.complaints, []);
    });
  });
}
