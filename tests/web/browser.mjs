// Debian's Chromium, driven by playwright-core, with nothing of its own going out to the network.
import { mkdtempSync, rmSync } from "node:fs";
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
