// A gateway in strict mode: the page asks to log in, in both languages and themes; roles, the second factor, forged requests, the end.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHmac } from "node:crypto";
import process from "node:process";
import { after, before, test } from "node:test";
import { open, serious } from "./browser.mjs";
import { programTarget } from "./targets.mjs";

const WAIT = { timeout: 30_000 };
const binary = process.env.SKERRY_BIN;
const skip = binary ? false : "needs the program";
let target;

function account(...args) {
  return execFileSync(binary, ["account", ...args, "--data", target.data], { input: "correct horse\n" }).toString();
}

// RFC 6238, as an authenticator app does it.
function code(uri) {
  let bits = "";
  for (const letter of new URL(uri).searchParams.get("secret")) bits += "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0");
  const secret = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const mac = createHmac("sha1", secret).update(step).digest();
  return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

async function on(options, body) {
  const browser = await open(options);
  try {
    await browser.page.goto(target.url);
    await browser.page.locator("[data-login]").waitFor(WAIT);
    await body(browser.page);
  } finally {
    await browser.close();
  }
}

async function enter(page, name, password, totp) {
  await page.locator('input[name="name"]').fill(name);
  await page.locator('input[name="password"]').fill(password);
  if (totp) await page.locator('input[name="code"]').fill(totp);
  await page.locator('[data-login] button[type="submit"]').click();
}

const change = (page, headers = {}) => page.evaluate(async (more) => {
  const answer = await fetch("api/v1/commands", { method: "POST", headers: { "content-type": "application/json", ...more }, body: JSON.stringify({ device_id: "d", command: "c" }) });
  return [answer.status, (await answer.json()).reason];
}, headers);
const csrf = (page) => page.evaluate(async () => (await (await fetch("api/v1/me")).json()).csrf);

before(async () => {
  if (skip) return;
  target = await programTarget(binary, ["--demo", "none", "--set", "security.mode=strict"]);
  account("add", "ann", "--role", "operator", "--password-stdin");
  account("add", "vic", "--role", "viewer", "--password-stdin");
}, { timeout: 120_000 });
after(() => target?.close());

for (const [theme, locale, title] of [["light", "en-GB", "Log in"], ["dark", "zh-CN", "登录"]]) {
  test(`the login in ${theme} and ${locale}`, { skip }, () =>
    on({ dark: theme === "dark", locale }, async (page) => {
      assert.equal(await page.locator("#login-title").textContent(), title);
      assert.deepEqual(await serious(page), []);
      if (process.env.SKERRY_PICTURES) await page.screenshot({ path: `${process.env.SKERRY_PICTURES}/login-${theme}.png` });
      await enter(page, "ann", "wrong wrong");
      await page.locator('[role="alert"]').waitFor(WAIT);
      assert.equal(await page.locator("[data-account]").count(), 0);
    }));
}

test("an operator logs in, may change things with its token only, and logs out", { skip }, () =>
  on({}, async (page) => {
    await enter(page, "ann", "correct horse");
    await page.locator('[data-account="ann"]').waitFor(WAIT);
    await page.locator('[data-link="live"]').waitFor(WAIT);
    assert.deepEqual(await change(page), [403, "csrf"]);
    assert.deepEqual(await change(page, { "x-csrf-token": "AAAAAAAAAAAAAAAAAAAAAA" }), [403, "csrf"]);
    const token = await csrf(page);
    assert.equal((await change(page, { "x-csrf-token": token }))[0], 201);
    const reload = await page.evaluate(async (t) => (await fetch("api/v1/config/reload", { method: "POST", headers: { "x-csrf-token": t } })).status, token);
    assert.equal(reload, 403);
    const [cookie] = await page.context().cookies();
    assert.deepEqual([cookie.httpOnly, cookie.sameSite], [true, "Strict"]);
    await page.locator("[data-logout]").click();
    await page.locator("[data-login]").waitFor(WAIT);
    const status = await page.evaluate(async () => (await fetch("api/v1/status")).status);
    assert.equal(status, 401);
    const stolen = await fetch(`${target.url}api/v1/status`, { headers: { cookie: `${cookie.name}=${cookie.value}` } });
    assert.equal(stolen.status, 401, "the session is over at the gateway, not only in the browser");
  }));

test("a viewer changes nothing", { skip }, () =>
  on({}, async (page) => {
    await enter(page, "vic", "correct horse");
    await page.locator('[data-account="vic"]').waitFor(WAIT);
    assert.deepEqual(await change(page, { "x-csrf-token": await csrf(page) }), [403, "role_denied"]);
  }));

test("a second factor is asked for, a code is taken once, and an account that is removed is out", { skip }, () =>
  on({}, async (page) => {
    account("add", "tom", "--role", "admin", "--password-stdin");
    const uri = account("totp", "tom").trim();
    await enter(page, "tom", "correct horse");
    await page.locator('input[name="code"]').waitFor(WAIT);
    const now = code(uri);
    await enter(page, "tom", "correct horse", now);
    await page.locator('[data-account="tom"]').waitFor(WAIT);
    const again = await fetch(`${target.url}api/v1/login`, { method: "POST", body: JSON.stringify({ name: "tom", password: "correct horse", code: now }) });
    assert.equal(again.status, 401);
    account("remove", "tom");
    assert.equal(await page.evaluate(async () => (await fetch("api/v1/status")).status), 401);
    await page.locator("[data-login]").waitFor(WAIT);
  }));
