// Debian's Chromium, driven by playwright-core, with nothing of its own going out to the network.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { chromium } from "playwright-core";

const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
  "--disable-sync", "--disable-dev-shm-usage",
];

// A page of a browser with a profile of its own; close() ends the browser and removes the profile.
export async function open({ width = 1280, height = 800, dark = false, locale = "en-GB", mobile = false } = {}) {
  const profile = mkdtempSync(join(tmpdir(), "skerry-web-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.SKERRY_CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: FLAGS,
    viewport: { width, height },
    deviceScaleFactor: mobile ? 2 : 1,
    colorScheme: dark ? "dark" : "light",
    locale,
  });
  const page = context.pages()[0] ?? (await context.newPage());
  return {
    page,
    close: async () => {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

// What axe finds that keeps people out, with where and why.
export async function serious(page) {
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return violations.filter((v) => ["serious", "critical"].includes(v.impact)).map((v) => `${v.id}: ${v.nodes.map((n) => `${n.target} ${n.any[0]?.message ?? ""}`).join("; ")}`);
}

// What a page must never do, gathered while a test runs.
export function watch(page, url) {
  const complaints = [];
  const elsewhere = [];
  const origin = new URL(url).origin;
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => {
    const to = request.url();
    if (!to.startsWith("data:") && new URL(to).origin !== origin) elsewhere.push(to);
  });
  return { complaints, elsewhere };
}
