// Merges the single-hop and the multi-hop mote log into one CSV of eight devices, sorted by time: demo/prepare calls it.
//
//   node demo/merge.mjs SINGLE.csv MULTI.csv > motes.csv
//
// In:  reading,mote_id,indoor,humidity,temperature,label   (reading counts from 1 in each mote)
// Out: device,time_ms,temperature,humidity,label           (°C, %RH; label 1 = an event was introduced)
// The logs have no clock times: a reading lies 5 s after the one before it, by number. Both begin at START_MS, though
// they were taken two months apart, so that eight motes run side by side.
import { readFileSync } from "node:fs";
import process from "node:process";

const START_MS = Date.UTC(2010, 6, 10, 9); // the day of the multi-hop log
const STEP_MS = 5_000;
const HEADER = "reading,mote_id,indoor,humidity,temperature,label";

function rowsOf(path, prefix) {
  const [header, ...lines] = readFileSync(path, "utf8").trim().split(/\r?\n/);
  if (header !== HEADER) throw new Error(`${path}: the header is ${header}; expected ${HEADER}`);
  return lines.map((line, i) => {
    const [reading, mote, indoor, humidity, temperature, label, ...more] = line.split(",");
    if (label === undefined || more.length > 0 || !(Number(reading) >= 1)) throw new Error(`${path}:${i + 2}: ${line}`);
    const device = `${prefix}${mote}-${indoor === "1" ? "indoor" : "outdoor"}`;
    return { device, time: START_MS + (Number(reading) - 1) * STEP_MS, rest: `${temperature},${humidity},${label}` };
  });
}

const [single, multi] = process.argv.slice(2);
if (!single || !multi) {
  process.stderr.write("usage: node demo/merge.mjs SINGLE.csv MULTI.csv\n");
  process.exit(2);
}
const rows = [...rowsOf(single, "s"), ...rowsOf(multi, "m")];
rows.sort((a, b) => a.time - b.time || (a.device < b.device ? -1 : a.device > b.device ? 1 : 0));
process.stdout.write("device,time_ms,temperature,humidity,label\n");
process.stdout.write(rows.map((row) => `${row.device},${row.time},${row.rest}\n`).join(""));
