// The log and its disk: how much, how fast, how long it will do, what is missing and why. Shows what this gateway tells.
import * as format from "../model/format.ts";
import type { LogStatus, Status } from "../model/types.ts";
import { status } from "../state.ts";
import { named, spanText, t } from "../words.ts";
import { Clock } from "./bits.tsx";
import { Figure } from "./overview.tsx";

export function DiskPage() {
  const s = status.value;
  if (!s) return <p class="empty">{t("loading")}</p>;
  const { log } = s;
  const used = log.used_bytes ?? log.journal_bytes + log.block_bytes;
  const hours = log.disk_hours_left;
  const wear = log.wear_bytes_per_day;
  return (
    <div class="stack disk">
      <h1 class="page-title">{t("disk")} <span class={`state ${s.ready ? "good" : "bad"}`}>{s.ready ? t("diskReady") : log.state === "full" ? t("diskFull") : t("notReady")}</span></h1>
      {!s.ready && <p class="notice" role="alert">{log.state === "full" ? t("diskFullText") : t("diskFailed", { why: log.trouble ?? t("notReady") })}</p>}
      <p class="lead">{hours == null ? t("holdsUnknown") : hours > HOURS_SHOWN_MAX ? t("holdsMore", { time: spanText(HOURS_SHOWN_MAX * 3_600_000) }) : t("holds", { time: hours >= 1 && hours < 72 ? t("unit.h", { n: Math.round(hours) }) : spanText(hours * 3_600_000) })}</p>
      <dl class="figures">
        <Figure name={t("diskSize")} value={format.bytes(used)} note={t("logParts", { journal: format.bytes(log.journal_bytes), blocks: format.bytes(log.block_bytes) })} />
        <Figure name={t("wear")} value={wear == null ? format.NOTHING : t("perDay", { size: format.bytes(wear) })} note={t("wearNote")} />
        <Figure name={`${t("commitLatency")} · ${t("median")}`} value={format.seconds(s.commit_seconds.p50)} note={t("lastMinute")} />
        <Figure name={`${t("commitLatency")} · ${t("p99")}`} value={format.seconds(s.commit_seconds.p99)} note={t("lastMinute")} />
        <Figure name={t("positions")} value={format.integer(log.committed_end - log.begin)} note={t("fromTo", { from: format.integer(log.begin), to: format.integer(log.committed_end) })} />
        {log.oldest && <Figure name={t("oldest")} value={spanText(Date.parse(s.now) - Date.parse(log.oldest))} note={format.stamp(Date.parse(log.oldest))} />}
      </dl>
      <Sizes s={s} used={used} />
      <Gaps log={log} />
      <Faults log={log} />
    </div>
  );
}

const HOURS_SHOWN_MAX = 24 * 365 * 10;

// What there is room for, and what of it is used; without a budget told, the two parts of the log.
function Sizes({ s, used }: { s: Status; used: number }) {
  const { log } = s;
  const other = Math.max(0, used - log.journal_bytes - log.block_bytes);
  const rest = log.budget_bytes ? Math.max(0, log.budget_bytes - used) : 0;
  const parts: [string, string, number][] = [["part-a", t("journal"), log.journal_bytes], ["part-b", t("blocks"), log.block_bytes]];
  if (other > 0) parts.push(["part-c", t("otherFiles"), other]);
  if (log.budget_bytes) parts.push(["part-free", t("roomLeft"), rest]);
  const said = parts.map(([, word, bytes]) => `${word} ${format.bytes(bytes)}`).join(", ");
  return (
    <section class="card" aria-labelledby="sizes-title">
      <div class="bar">
        <h2 id="sizes-title">{log.budget_bytes ? t("budget") : t("diskSize")}</h2>
        <span class="count num">{log.budget_bytes ? t("countOf", { n: format.bytes(used), all: format.bytes(log.budget_bytes) }) : format.bytes(used)}</span>
        {log.disk_free_bytes != null && <span class="label last">{t("diskFree", { size: format.bytes(log.disk_free_bytes) })}</span>}
      </div>
      <div class="stacked" role="img" aria-label={said}>
        {parts.map(([look, word, bytes]) => <span key={word} class={look} style={{ flexGrow: bytes }} />)}
      </div>
      <ul class="keys">
        {parts.map(([look, word, bytes]) => <li key={word}><i class={look} />{word} <span class="num label">{format.bytes(bytes)}</span></li>)}
      </ul>
    </section>
  );
}

function Gaps({ log }: { log: LogStatus }) {
  if (!log.gaps) return null;
  const total = log.gaps.reduce((sum, gap) => sum + gap.records, 0);
  return (
    <section class="card" aria-labelledby="gaps-title">
      <div class="bar"><h2 id="gaps-title">{t("gaps")}</h2>{total > 0 && <span class="count num">{t("recordsGone", { n: format.integer(total) })}</span>}</div>
      {log.gaps.length === 0 ? <p class="inside label">{t("noGaps")}</p> : (
        <div class="gap-lists">
          <table>
            <thead><tr><th scope="col">{t("classWord")}</th><th scope="col">{t("reason")}</th><th scope="col" class="right">{t("records")}</th></tr></thead>
            <tbody>
              {log.gaps.map((gap) => (
                <tr key={gap.class + gap.reason}><th scope="row">{named("class", gap.class)} <span class="label">{named("class", `${gap.class}.what`)}</span></th><td>{named("gap", gap.reason)}</td><td class="right num">{format.integer(gap.records)}</td></tr>
              ))}
            </tbody>
          </table>
          {(log.recent_gaps ?? []).length > 0 && (
            <ul class="doings">
              {(log.recent_gaps ?? []).map((gap) => (
                <li key={`${gap.class}${gap.from}`}>
                  <span class="label"><Clock at={Date.parse(gap.declared_at)} /></span> {named("class", gap.class)}: <span class="num">{format.integer(gap.to - gap.from)}</span> {t("records").toLowerCase()}, {named("gap", gap.reason)}
                </li>
              ))}
            </ul>
          )}
        </div>
      )}
    </section>
  );
}

function Faults({ log }: { log: LogStatus }) {
  if (log.read_errors === undefined) return null;
  const quiet = log.read_errors === 0 && !log.trouble;
  return (
    <section class="card" aria-labelledby="faults-title">
      <div class="bar"><h2 id="faults-title">{t("faults")}</h2></div>
      <div class="inside">
        {quiet ? <p class="label">{t("noFaults")}</p> : (
          <>
            {log.trouble && <p class="problem">{log.trouble}</p>}
            <p>{t("readErrors", { n: format.integer(log.read_errors) })}</p>
          </>
        )}
        {(log.epochs ?? 1) > 1 && <p class="label">{t("restored", { n: (log.epochs ?? 1) - 1 })}</p>}
      </div>
    </section>
  );
}
