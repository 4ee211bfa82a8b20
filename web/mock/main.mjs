// Starts the mock gateway with the built page: npm run mock -- [--port 8080] [--devices 8] [--rate 5] [--alert-every 60]
import process from "node:process";
import { parseArgs } from "node:util";
import { serve } from "./server.mjs";

const { values } = parseArgs({
  options: { port: { type: "string", default: "8080" }, devices: { type: "string", default: "8" }, rate: { type: "string", default: "5" }, "alert-every": { type: "string", default: "60" } },
});
const mock = await serve({ port: Number(values.port), devices: Number(values.devices), rate: Number(values.rate), alertEvery: Number(values["alert-every"]) });
process.stdout.write(`${mock.url}\n`);
process.once("SIGINT", () => void mock.close());
process.once("SIGTERM", () => void mock.close());
