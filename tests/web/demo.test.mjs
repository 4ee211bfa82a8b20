// The demo's buttons on the real program: the gateway is killed and comes back, its disk is full and is released; nothing
// acknowledged is lost, and the page draws it. Without SKERRY_BIN there is no program, and nothing is run.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { open } from "./browser.mjs";
import { programTarget } from "./targets.mjs";

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const WAIT = { timeout: 60_000 };
const binary = process.env.SKERRY_BIN;

describe("the demo's buttons", { skip: binary === undefined || process.env.SKERRY_URL !== undefined }, () => {
  let target;
  let browser;
  let page;

  before(async () => {
    target = await programTarget(binary, ["--demo", "plant", "--speed", "120"]);
    browser = await open();
    page = browser.page;
    await page.goto(`${target.url}#/try`);
    await page.locator('[data-demo="up"]').waitFor(WAIT);
  });
  after(async () => {
    await browser?.close();
    await target?.close();
  });

  test("a killed gateway comes back, and nothing acknowledged is lost", async () => {
    await page.locator('[data-act="kill"]').click();
    await page.locator('[data-outage="killed"][data-lost="0"]').waitFor(WAIT);
    await page.locator('[data-demo="up"]').waitFor(WAIT);
    assert.equal(await page.locator('[data-band="killed"]').count(), 1);
    assert.match(await page.locator('[data-outage="killed"]').textContent(), /0 lost/);
  });

  test("a full disk acknowledges nothing, says so, and goes on when it is released", async () => {
    await page.locator('[data-act="fill"]').click();
    await page.locator('[data-demo="full"]').waitFor(WAIT);
    await page.locator('[data-link="notReady"]').waitFor(WAIT);
    await page.locator('[data-act="release"]').click();
    await page.locator('[data-outage="disk_full"][data-lost="0"]').waitFor(WAIT);
    await page.locator('[data-link="live"]').waitFor(WAIT);
    assert.equal(await page.locator('[data-band="disk_full"]').count(), 1);
  });

  test("a link that is cut is drawn with its backlog, and what waited comes to the cloud", async () => {
    await page.locator('[data-act="cut"]').click();
    await page.locator('[data-cloud="cut"]').waitFor(WAIT);
    await page.locator('[data-act="mend"]').click();
    await page.locator('[data-outage="link_cut"][data-drained="true"]').waitFor(WAIT);
    await page.locator('[data-cloud="up"]').waitFor(WAIT);
    assert.equal(await page.locator('[data-band="link_cut"]').count(), 1);
  });

  test("faults that were put in stand beside what found them", async () => {
    await page.locator('[data-fault="overheating"] a[href*="alerts"]').first().waitFor(WAIT);
  });

  for (const dark of [false, true]) {
    test(`no serious finding of axe, ${dark ? "dark" : "light"}`, async () => {
      await page.emulateMedia({ colorScheme: dark ? "dark" : "light" });
      await page.evaluate(axeSource);
      const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
      assert.deepEqual(violations.filter((v) => ["serious", "critical"].includes(v.impact)).map((v) => `${v.id}: ${v.nodes.map((n) => n.target)}`), []);
    });
  }

  test("it speaks Chinese", async () => {
    await page.locator("[data-language-button]").click();
    assert.equal(await page.locator("#break-title").textContent(), "弄坏它");
    await page.locator("[data-language-button]").click();
  });
});
