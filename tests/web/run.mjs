// Runs the page's tests with node's runner and closes with `N passed, N failed`. SKERRY_URL: on that gateway; else on the
// mock, and on the program where SKERRY_BIN names it. Builds the page first when it is not built.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "../..");
if (!process.env.SKERRY_URL) {
  const built = spawnSync(join(root, "script/web"), { stdio: "inherit" });
  if (built.status !== 0 || !existsSync(join(root, "web/dist/index.html"))) {
    process.stderr.write("tests/web: the page could not be built (script/web)\n");
    process.exit(1);
  }
}
// One file after the other: browsers that fight over two cores measure each other.
const files = readdirSync(here).filter((name) => name.endsWith(".test.mjs")).sort().map((name) => join(here, name));
const counts = { pass: 0, fail: 0, skipped: 0, cancelled: 0 };
let bad = 0;
for (const file of files) {
  const child = spawn(process.execPath, ["--test", "--test-reporter=spec", file], { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.on("data", (chunk) => {
    text += chunk;
    process.stdout.write(chunk);
  });
  const code = await new Promise((resolve) => child.once("close", resolve));
  for (const key of Object.keys(counts)) counts[key] += Number(new RegExp(`^\\S+ ${key} (\\d+)$`, "m").exec(text)?.[1] ?? 0);
  if (code !== 0) bad += 1;
}
const failed = Math.max(counts.fail + counts.cancelled, bad);
process.stdout.write(`${counts.pass} passed, ${failed} failed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ""}\n`);
process.exit(failed > 0 ? 1 : 0);
