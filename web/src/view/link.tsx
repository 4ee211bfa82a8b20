// The link to the cloud: which way is used and why, how the ways do, and what waits in each queue. Asked once a second.
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { get, why } from "../api.ts";
import * as format from "../model/format.ts";
import type { LinkMove, LinkState, LinkWay } from "../model/types.ts";
import { status } from "../state.ts";
import { named, spanText, t, type Word } from "../words.ts";
import { Clock } from "./bits.tsx";
import { Figure } from "./overview.tsx";

const EVERY_MS = 1_000;
const CLASSES = ["critical", "high", "medium", "low"] as const;

const state = signal<LinkState | null>(null);
const trouble = signal<string | null>(null);

async function look(): Promise<void> {
  if (!status.value?.uplink) return;
  try {
    state.value = await get<LinkState>("link");
    trouble.value = null;
  } catch (error) {
    trouble.value = why(error);
  }
}

export function LinkPage() {
  useEffect(() => {
    void look();
    const timer = setInterval(() => void look(), EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  const uplink = status.value?.uplink;
  const s = state.value;
  if (!uplink) return <p class="empty">{status.value ? t("linkNone") : t("loading")}</p>;
  if (!s) return <p class="empty">{trouble.value ?? t("loading")}</p>;
  return (
    <div class="stack">
      <h1 class="page-title">
        {t("linkTitle")} <span class={`state ${s.up ? "good" : "bad"}`} role="status">{s.up ? t("linkUp", { way: s.way }) : t("linkDown")}</span>
      </h1>
      {!s.up && <p class="notice" role="alert">{t("linkDownText")} {uplink.trouble ?? ""}</p>}
      <dl class="figures four">
        <Figure name={t("linkBacklog")} value={format.integer(uplink.backlog_records)} note={t("linkBacklogNote")} />
        <Figure name={t("linkRate")} value={s.rate_bytes_per_second === null ? format.NOTHING : t("linkPerSecond", { size: format.bytes(s.rate_bytes_per_second) })} note={t("linkRateNote")} />
        <Figure name={t("linkRtt")} value={format.seconds(s.path?.rtt_seconds)} note={t("linkRttNote")} />
        <Figure name={t("linkCongestion")} value={t(`congestion.${s.congestion}` as Word)} note={t("linkCongestionNote")} />
      </dl>
      <Ways ways={s.ways} />
      <Moves moves={s.moves} />
      <Queues s={s} />
    </div>
  );
}

function Ways({ ways }: { ways: LinkWay[] }) {
  return (
    <section class="card" aria-labelledby="ways-title">
      <div class="bar"><h2 id="ways-title">{t("linkWays")}</h2><span class="label last">{t("linkWaysText")}</span></div>
      <div class="scroll" tabIndex={0} role="region" aria-labelledby="ways-title">
        <table>
          <thead>
            <tr>
              <th scope="col">{t("linkWay")}</th><th scope="col">{t("linkState")}</th><th scope="col">{t("linkAddress")}</th>
              <th scope="col" class="right">{t("linkPriority")}</th><th scope="col" class="right">{t("linkCost")}</th>
              <th scope="col" class="right">{t("linkSent")}</th><th scope="col" class="right">{t("linkReceived")}</th>
            </tr>
          </thead>
          <tbody>
            {ways.map((way) => (
              <tr key={way.name} data-way={way.name} data-state={way.state}>
                <th scope="row">{way.name}</th>
                <td>
                  <span class={`state ${way.state === "up" ? "good" : way.state === "down" ? "bad" : ""}`}>{t(`way.${way.state}` as Word)}</span>
                  {way.since !== null && <> <span class="label"><Clock at={Date.parse(way.since)} /></span></>}
                  {way.trouble !== null && <div class="label wrap">{way.trouble}</div>}
                </td>
                <td class="num">{way.url.replace(/^wss?:\/\//, "")}{way.interface !== undefined && <span class="label"> {way.interface}</span>}{way.source !== undefined && <span class="label"> {way.source}</span>}</td>
                <td class="num right">{way.priority}</td>
                <td class="num right">{format.number(way.cost)}</td>
                <td class="num right">{format.bytes(way.bytes_out)}</td>
                <td class="num right">{format.bytes(way.bytes_in)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Moves({ moves }: { moves: LinkMove[] }) {
  if (moves.length === 0) return null;
  return (
    <section class="card" aria-labelledby="moves-title">
      <div class="bar"><h2 id="moves-title">{t("linkMoves")}</h2><span class="count num">{format.integer(moves.length)}</span></div>
      <ul class="doings inside">
        {[...moves].reverse().map((move) => (
          <li key={move.at}><span class="label"><Clock at={Date.parse(move.at)} /></span> <strong>{move.from} → {move.to}</strong> {move.reason}</li>
        ))}
      </ul>
    </section>
  );
}

function Queues({ s }: { s: LinkState }) {
  return (
    <section class="card" aria-labelledby="queues-title">
      <div class="bar"><h2 id="queues-title">{t("linkQueues")}</h2><span class="label last">{t("linkQueuesText")}</span></div>
      <div class="scroll" tabIndex={0} role="region" aria-labelledby="queues-title">
        <table>
          <thead>
            <tr>
              <th scope="col">{t("linkClass")}</th><th scope="col" class="right">{t("linkWaiting")}</th><th scope="col" class="right">{t("linkOldest")}</th><th scope="col" class="right">{t("linkBacklog")}</th>
              <th scope="col" class="right">{t("linkSent")}</th><th scope="col" class="right">{t("linkShare")}</th><th scope="col" class="right">{t("linkLate")}</th>
            </tr>
          </thead>
          <tbody>
            {CLASSES.map((name) => {
              const queue = s.queues[name];
              return (
                <tr key={name}>
                  <th scope="row">{named("class", name)}</th>
                  <td class="num right">{format.integer(queue.waiting)}</td>
                  <td class="num right">{queue.waiting > 0 ? spanText(queue.oldest_seconds * 1_000) : format.NOTHING}</td>
                  <td class="num right">{format.integer(queue.backlog)}</td>
                  <td class="num right">{format.integer(queue.sent)}</td>
                  <td class="num right">{Math.round(queue.share * 100)} %</td>
                  <td class="num right">{format.integer(queue.displaced + queue.expired)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </section>
  );
}
