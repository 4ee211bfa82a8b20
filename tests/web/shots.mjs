// Pictures of every page of a running gateway: node tests/web/shots.mjs URL FOLDER [WORD…]
// FOLDER/PAGE-THEME-LANGUAGE.png, both themes, both languages, and a phone's. WORDs leave out what has none of them in its name.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { open } from "./browser.mjs";

const [url, folder, ...words] = process.argv.slice(2);
if (!url || !folder) {
  process.stderr.write("usage: node tests/web/shots.mjs URL FOLDER [WORD…]\n");
  process.exit(2);
}
const first = async (path, key) => {
  const list = await (await fetch(new URL(`api/v1/${path}?limit=1`, url))).json();
  return list.items[0] ? encodeURIComponent(list.items[0][key]) : null;
};
const device = await first("devices", "device_id");
const alert = await first("alerts", "alert_id");
const PAGES = [
  ["overview", ""], ["devices", "devices"], ["device", device && `devices/${device}`], ["alerts", "alerts"], ["alert", alert && `alerts/${alert}`],
  ["commands", "commands"], ["rules", "rules"], ["disk", "disk"], ["link", "link"], ["settings", "settings"], ["try", "try"],
].filter(([, hash]) => hash !== null);
mkdirSync(folder, { recursive: true });
for (const [look, size] of [["", { width: 1280, height: 800 }], ["-phone", { width: 390, height: 844, mobile: true }]]) {
  for (const [theme, language] of [["light", "en"], ["dark", "en"], ["light", "zh"], ["dark", "zh"]]) {
    const wanted = PAGES.map(([name, hash]) => [`${name}-${theme}-${language}${look}`, hash]).filter(([name]) => words.every((word) => name.includes(word)));
    if (wanted.length === 0) continue;
    const { page, close } = await open({ ...size, dark: theme === "dark", locale: language === "zh" ? "zh-CN" : "en-GB" });
    page.on("console", (message) => message.type() === "error" && process.stderr.write(`console: ${message.text()}\n`));
    page.on("pageerror", (error) => process.stderr.write(`page: ${error.stack}\n`));
    for (const [name, hash] of wanted) {
      await page.goto(`${url}#/${hash}`);
      await page.locator('[data-link="live"]').waitFor();
      // A picture of something that moves: the site's clock has gone on by some seconds.
      for (let i = 0; i < 3; i += 1) {
        const shown = await page.locator(".clock .time").textContent();
        await page.waitForFunction((before) => document.querySelector(".clock .time")?.textContent !== before, shown);
      }
      await page.screenshot({ path: join(folder, `${name}.png`) });
      process.stdout.write(`${join(folder, `${name}.png`)}\n`);
    }
    await close();
  }
}
