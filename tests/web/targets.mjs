// What the page is tried on: the gateway given by SKERRY_URL; the mock; and the real program where SKERRY_BIN names it.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { serve } from "../../web/mock/server.mjs";

const START_MS = 30_000;

// A target: name, url, stop() (the gateway goes away), start() (it is back at the same address), close().
export async function mockTarget(options = {}) {
  let mock = await serve(options);
  const { port, url } = mock;
  return {
    name: "mock",
    url,
    world: () => mock.world,
    stop: () => mock.close(),
    start: async () => {
      mock = await serve({ ...options, port });
    },
    close: () => mock.close(),
  };
}

function until(what, test) {
  return new Promise((resolve, reject) => {
    const end = setTimeout(() => {
      clearInterval(look);
      reject(new Error(`${what} did not happen in ${START_MS / 1000} s`));
    }, START_MS);
    const look = setInterval(() => {
      const got = test();
      if (got === undefined) return;
      clearTimeout(end);
      clearInterval(look);
      if (got instanceof Error) reject(got);
      else resolve(got);
    }, 50);
  });
}

// `skerry up` with a data folder of its own and ports that the system chooses.
export async function programTarget(binary, more = []) {
  const data = mkdtempSync(join(tmpdir(), "skerry-page-"));
  const ports = join(data, "ports.json");
  let child;
  let said = "";
  const launch = async (http) => {
    rmSync(ports, { force: true });
    child = spawn(binary, ["up", "--data", data, "--set", `http.port=${http}`, "--set", "mqtt.port=0", "--set", "coap.port=0", ...more], { stdio: ["ignore", "pipe", "pipe"] });
    const mine = child;
    for (const stream of [mine.stdout, mine.stderr]) stream.on("data", (text) => (said = (said + text).slice(-4_000)));
    return until("ports.json", () => {
      if (mine.exitCode !== null) return new Error(`skerry up ended with ${mine.exitCode}:\n${said}`);
      try {
        return existsSync(ports) ? JSON.parse(readFileSync(ports, "utf8")) : undefined;
      } catch {
        return undefined; // half written
      }
    });
  };
  const stop = () => new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once("exit", resolve);
    child.kill("SIGINT");
  });
  const { http } = await launch(0);
  return {
    name: "program",
    data,
    url: `http://127.0.0.1:${http}/`,
    stop,
    start: () => launch(http),
    close: async () => {
      await stop();
      rmSync(data, { recursive: true, force: true });
    },
  };
}

// Those that this run has; each is made by a call.
export function targets() {
  const given = process.env.SKERRY_URL;
  if (given) return [["given", async () => ({ name: "given", url: given, close: async () => undefined })]];
  const all = [["mock", () => mockTarget({ seed: 7 })]];
  if (process.env.SKERRY_BIN) all.push(["program", () => programTarget(process.env.SKERRY_BIN)]);
  return all;
}
