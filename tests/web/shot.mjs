// Takes a picture of a running page: node tests/web/shot.mjs URL OUT.png [dark] [zh] [open] [full] [WxH]
import process from "node:process";
import { open } from "./browser.mjs";

const [url, out, ...words] = process.argv.slice(2);
if (!url || !out) {
  process.stderr.write("usage: node tests/web/shot.mjs URL OUT.png [dark] [zh] [open] [full] [WxH]\n");
  process.exit(2);
}
const size = words.map((w) => /^(\d+)x(\d+)$/.exec(w)).find(Boolean);
const { page, close } = await open({
  dark: words.includes("dark"), locale: words.includes("zh") ? "zh-CN" : "en-GB", width: Number(size?.[1] ?? 1280), height: Number(size?.[2] ?? 800),
  mobile: Number(size?.[1] ?? 1280) < 600,
});
try {
  page.on("console", (message) => message.type() === "error" && process.stderr.write(`console: ${message.text()}\n`));
  page.on("pageerror", (error) => process.stderr.write(`page: ${error.stack}\n`));
  await page.goto(url);
  await page.locator('[data-link="live"]').waitFor();
  // Moving: a second status, a chart with points, or the lines to paste.
  await page.locator('.plot:not([data-points="0"]), .connect h2').first().waitFor();
  const total = await page.locator(".figure dd.num").nth(1).textContent();
  await page.waitForFunction((before) => document.querySelectorAll(".figure dd.num")[1]?.textContent !== before, total, { timeout: 3_000 }).catch(() => undefined);
  if (words.includes("open")) await page.locator(".groups .line").first().click({ timeout: 2_000 }).catch(() => undefined);
  await page.screenshot({ path: out, fullPage: words.includes("full") });
} finally {
  await close();
}
