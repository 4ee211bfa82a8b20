// Demo mode: kill the gateway, fill its disk, cut its link, and see what became of what was acknowledged; faults put in against those found.
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { get, post, Problem, why } from "../api.ts";
import { areaPath, bandsOf, gappedPath, roundTop, secondsDrawn, stepPath, topOf, type DemoState, type Drain, type Fault, type Outage } from "../model/demo.ts";
import * as format from "../model/format.ts";
import { href } from "../route.ts";
import { status } from "../state.ts";
import { named, t, type Word } from "../words.ts";
import { Clock } from "./bits.tsx";
import { Figure } from "./overview.tsx";

const EVERY_MS = 1_000;
const WIDTH = 900;
const HEIGHT = 150;
const LOWER = 60;

const state = signal<DemoState | null>(null);
const away = signal(false); // the last question had no answer
const none = signal(false); // this gateway runs under no demo that can break it
const refused = signal<string | null>(null);

async function look(): Promise<void> {
  if (!status.value?.demo) {
    none.value = true;
    return;
  }
  try {
    state.value = await get<DemoState>("demo");
    away.value = none.value = false;
  } catch (error) {
    if (error instanceof Problem && error.status === 404) none.value = true;
    else away.value = true;
  }
}

async function act(what: "kill" | "fill" | "release" | "cut" | "mend"): Promise<void> {
  refused.value = null;
  try {
    await post(`demo/${what}`, {});
  } catch (error) {
    refused.value = why(error);
  }
  await look();
}

export function DemoPanel() {
  useEffect(() => {
    void look();
    const timer = setInterval(() => void look(), EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  const s = state.value;
  if (none.value || !s) return null;
  const down = away.value || !s.gateway.up;
  return (
    <>
      <section class="card demo" aria-labelledby="break-title" data-demo={down ? "away" : s.gateway.disk_full ? "full" : "up"}>
        <div class="bar">
          <h2 id="break-title">{t("breakIt")}</h2>
          <span class={`state ${down || s.gateway.disk_full ? "bad" : "good"}`} role="status">
            {down ? t("demoDown") : s.gateway.disk_full ? t("demoFull") : t("demoUp", { pid: s.gateway.pid, n: s.gateway.starts })}
          </span>
          <span class="last buttons">
            <button type="button" class="plain danger" disabled={down} onClick={() => void act("kill")} data-act="kill">{t("demoKill")}</button>
            {s.gateway.disk_full
              ? <button type="button" class="plain" disabled={down} onClick={() => void act("release")} data-act="release">{t("demoRelease")}</button>
              : <button type="button" class="plain danger" disabled={down} onClick={() => void act("fill")} data-act="fill">{t("demoFill")}</button>}
            {s.link && (s.link.cut
              ? <button type="button" class="plain" disabled={down} onClick={() => void act("mend")} data-act="mend">{t("demoMend")}</button>
              : <button type="button" class="plain danger" disabled={down} onClick={() => void act("cut")} data-act="cut">{t("demoCut")}</button>)}
          </span>
        </div>
        <p class="inside label">{t("breakText")}</p>
        {refused.value !== null && <p class="notice" role="alert">{refused.value}</p>}
        <dl class="figures four">
          <Figure name={t("demoSent")} value={format.integer(s.sent)} note={t("demoSentNote", { n: s.devices })} />
          <Figure name={t("demoAcknowledged")} value={format.integer(s.acknowledged)} note={t("demoAcknowledgedNote")} />
          <Figure name={t("demoWaiting")} value={format.integer(s.waiting)} note={t("demoWaitingNote")} />
          <Figure name={t("demoStored")} value={format.integer(s.stored)} note={t("demoStoredNote")} />
        </dl>
        <Timeline s={s} />
        {s.link && <LinkTimeline s={s} />}
        <Outages outages={s.outages} />
      </section>
      {s.faults.length > 0 && <Faults faults={s.faults} other={s.alerts_without_fault} />}
    </>
  );
}

function Timeline({ s }: { s: DemoState }) {
  const seconds = secondsDrawn(s);
  const top = topOf(s);
  const begin = Date.parse(s.timeline.from);
  const line = (values: number[]): string => stepPath(values, seconds, top, WIDTH, HEIGHT);
  const sent = line(s.timeline.sent);
  const drawn = (WIDTH / seconds) * Math.max(0, s.timeline.sent.length - 1);
  return (
    <figure class="inside">
      <div class="timeline">
        <span class="scale num label" aria-hidden="true">{format.integer(top)}/s</span>
        <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={t("demoTimeline", { n: s.timeline.sent.length, outages: bandsOf(s).length })}>
          {bandsOf(s).map((band) => (
            <rect key={band.from} class={`band ${band.kind}`} x={band.from * WIDTH} y="0" width={(band.to - band.from) * WIDTH} height={HEIGHT} data-band={band.kind} />
          ))}
          {sent !== "" && <path class="sent" d={`${sent}L${drawn.toFixed(1)} ${HEIGHT}H0Z`} />}
          <path class="stored" d={line(s.timeline.stored)} />
          <path class="acknowledged" d={line(s.timeline.acknowledged)} />
        </svg>
      </div>
      <figcaption>
        <ul class="keys">
          {(["sent", "acknowledged", "stored", "killed", "disk_full", ...(s.link ? ["link_cut"] : [])]).map((key) => <li key={key}><i class={key} />{t(`demoKey.${key}` as Word)}</li>)}
        </ul>
        <span class="label"><Clock at={begin} /> – <Clock at={begin + s.timeline.sent.length * 1000 * s.timeline.step_s} /></span>
      </figcaption>
    </figure>
  );
}

// What the cloud lacks, by lane, and below it how long live data take: a backlog that drains must not delay them.
function LinkTimeline({ s }: { s: DemoState }) {
  const { live = [], backlog = [], live_delay_s: delay = [] } = s.timeline;
  const seconds = secondsDrawn(s);
  const lacking = live.map((value, i) => (value ?? 0) + (backlog[i] ?? 0));
  const records = roundTop(lacking, 100);
  const worst = roundTop(delay, 1);
  const bands = (height: number) => bandsOf(s).filter((band) => band.kind === "link_cut").map((band) => (
    <rect key={band.from} class="band link_cut" x={band.from * WIDTH} y="0" width={(band.to - band.from) * WIDTH} height={height} />
  ));
  return (
    <figure class="inside" data-cloud={s.link?.cut ? "cut" : s.link?.up ? "up" : "away"}>
      <div class="timeline lower">
        <span class="scale label" aria-hidden="true">{t("demoLacking", { n: format.integer(records) })}</span>
        <svg viewBox={`0 0 ${WIDTH} ${LOWER}`} preserveAspectRatio="none" role="img" aria-label={t("demoLackingLabel", { live: format.integer(s.link?.live), backlog: format.integer(s.link?.backlog) })}>
          {bands(LOWER)}
          <path class="lane backlog" d={areaPath(backlog, null, seconds, records, WIDTH, LOWER)} />
          <path class="lane live" d={areaPath(live, backlog, seconds, records, WIDTH, LOWER)} />
        </svg>
      </div>
      <div class="timeline lower">
        <span class="scale label" aria-hidden="true">{t("demoDelay", { time: format.seconds(worst) })}</span>
        <svg viewBox={`0 0 ${WIDTH} ${LOWER}`} preserveAspectRatio="none" role="img" aria-label={t("demoDelayLabel", { time: format.seconds(delay[delay.length - 1]) })}>
          {bands(LOWER)}
          <path class="delay" d={gappedPath(delay, seconds, worst, WIDTH, LOWER)} />
        </svg>
      </div>
      <figcaption>
        <ul class="keys">
          {(["live", "backlog", "delay"] as const).map((key) => <li key={key}><i class={key} />{t(`demoKey.${key}` as Word)}</li>)}
        </ul>
        <span class={`state ${s.link?.up ? "good" : "bad"}`}>{t(s.link?.cut ? "demoLinkCut" : s.link?.up ? "demoLinkUp" : "demoLinkAway")}</span>
      </figcaption>
    </figure>
  );
}

function Drained({ drain }: { drain: Drain }) {
  if (drain.all_after_s === null) return <p class="label">{t("drainGoesOn", { n: format.integer(drain.records) })}</p>;
  return (
    <p>
      <span class="state good">{t("drainAll", { n: format.integer(drain.records) })}</span>{" "}
      {t("drainTook", { up: format.seconds(drain.up_after_s), all: format.seconds(drain.all_after_s), live: format.seconds(drain.live_delay_s_max) })}
    </p>
  );
}

function Outages({ outages }: { outages: Outage[] }) {
  if (outages.length === 0) return <p class="inside label">{t("noOutage")}</p>;
  return (
    <ul class="outages">
      {[...outages].reverse().map((outage) => (
        <li key={outage.from} data-outage={outage.kind} data-lost={outage.lost} data-drained={outage.drain ? outage.drain.all_after_s !== null : undefined}>
          <p><strong>{t(`outage.${outage.kind}` as Word)}</strong> <span class="label"><Clock at={Date.parse(outage.from)} /></span></p>
          <p>
            {t(outage.to === null ? "outageGoesOn" : "outageTook", { time: format.seconds(outage.seconds) })}{" "}
            {t("outageBefore", { n: format.integer(outage.acknowledged_before) })}{" "}
            {t("outageMeanwhile", { sent: format.integer(outage.sent_meanwhile), acknowledged: format.integer(outage.acknowledged_meanwhile) })}
          </p>
          {outage.drain && <Drained drain={outage.drain} />}
          {outage.kind === "link_cut" ? null : outage.checked === undefined ? (outage.to !== null && <p class="label">{t("outageChecking")}</p>) : (
            <p>
              <span class={`state ${outage.lost === 0 ? "good" : "bad"}`}>{t("outageLost", { n: format.integer(outage.lost) })}</span>{" "}
              {t("outageFound", { found: format.integer(outage.found), checked: format.integer(outage.checked) })}
              {(outage.twice ?? 0) > 0 && ` ${t("outageTwice", { n: format.integer(outage.twice) })}`}
            </p>
          )}
        </li>
      ))}
    </ul>
  );
}

function Faults({ faults, other }: { faults: Fault[]; other: number }) {
  return (
    <section class="card" aria-labelledby="demo-faults-title">
      <div class="bar">
        <h2 id="demo-faults-title">{t("demoFaults")}</h2>
        <span class="count num">{t("countOf", { n: faults.filter((f) => f.found).length, all: faults.length })}</span>
        <span class="label last">{t("demoOther", { n: format.integer(other) })}</span>
      </div>
      <div class="scroll demo-faults" tabIndex={0} role="region" aria-labelledby="demo-faults-title">
        <table>
          <thead><tr><th scope="col">{t("device")}</th><th scope="col">{t("demoFault")}</th><th scope="col">{t("demoSince")}</th><th scope="col">{t("demoFoundBy")}</th><th scope="col">{t("command")}</th></tr></thead>
          <tbody>
            {[...faults].reverse().map((fault) => (
              <tr key={fault.device_id + fault.from} data-fault={fault.kind}>
                <th scope="row"><a href={href(["devices", fault.device_id])}>{fault.device_id}</a></th>
                <td>{fault.kind.replace(/_/g, " ")}</td>
                <td><Clock at={Date.parse(fault.from)} /></td>
                <td>
                  {fault.found
                    ? <><a href={href(["alerts", fault.found.alert_id])}>{named("type", fault.found.alert_type)}</a> <span class="label num">{t("demoAfter", { time: format.seconds(Math.max(0, fault.found.after_s)) })}</span></>
                    : <span class="label">{t("demoNotFound")}</span>}
                </td>
                <td>{fault.command ?? format.NOTHING}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
