import { open } from "/work/wt/page/tests/web/browser.mjs";
const [url, outdir, ...pages] = process.argv.slice(2);
const combos = [["light","en-GB"],["dark","zh-CN"]];
for (const [theme, locale] of combos) {
  const { page, close } = await open({ dark: theme==="dark", locale, width: 1280, height: 800 });
  page.on("console", (m) => m.type() === "error" && console.log("console:", m.text()));
  page.on("pageerror", (e) => console.log("pageerror:", e.stack));
  for (const p of pages) {
    const name = p.replace(/[^\w]+/g, "-") || "overview";
    await page.goto(url + "#/" + p);
    await page.locator('[data-link="live"]').waitFor();
    await page.waitForTimeout(1800);
    await page.screenshot({ path: `${outdir}/${name}-${theme}.png` });
  }
  await close();
}
