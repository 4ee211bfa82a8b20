// Who this is, whether it answers, and its figures.
import * as format from "../model/format.ts";
import type { Quantiles } from "../model/types.ts";
import { link, ready, status } from "../state.ts";
import { language, speak, t } from "../words.ts";

export function Header() {
  const s = status.value;
  return (
    <header class="head">
      <h1 class="brand">
        <Mark />
        Skerry
      </h1>
      <p class="gateway">
        {s ? <strong>{s.gateway_id}</strong> : <span>{t("tagline")}</span>}
        {s && typeof s.demo === "string" && s.demo !== "" && <span class="tag">{t("demo", { name: s.demo })}</span>}
      </p>
      <Connection />
      <button
        type="button" class="quiet" lang={language.value === "en" ? "zh-CN" : "en"} title={t("languageTitle")}
        onClick={() => speak(language.value === "en" ? "zh" : "en")}
      >
        {t("language")}
      </button>
    </header>
  );
}

function Connection() {
  const at = link.value;
  const look = at === "live" ? (ready.value ? "good" : "bad") : at === "connecting" ? "open" : "bad";
  const word = at === "live" && !ready.value ? "notReady" : at;
  const title = word === "live" ? t("liveTitle") : word === "notReady" ? t("notReadyTitle") : word === "reconnecting" ? t("reconnectingTitle") : undefined;
  return (
    <p class={`connection ${look}`} role="status" title={title} data-link={word}>
      <span class="dot" aria-hidden="true" />
      {t(word)}
    </p>
  );
}

function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <path class="rock" d="M5 20 10.8 8.5l3.8 4.5L18.4 6.5 27 20z" />
      <path class="sea" d="M3.5 24c2.1 0 2.1 1.6 4.2 1.6s2.1-1.6 4.2-1.6 2.1 1.6 4.2 1.6 2.1-1.6 4.2-1.6 2.1 1.6 4.2 1.6 2.1-1.6 4.2-1.6" />
    </svg>
  );
}

export function Figures() {
  const s = status.value;
  return (
    <dl class="figures" aria-label={t("figures")}>
      <Figure name={t("rate")} value={format.rate(s?.messages_per_second)} note={deviceCount(s?.devices)} />
      <Figure name={t("total")} value={format.integer(s?.messages_total)} note={t("sinceFirst")} />
      <Figure name={t("decision")} title={t("decisionTitle")} value={pair(s?.decision_seconds)} note={t("p50p99")} />
      <Figure name={t("commit")} title={t("commitTitle")} value={pair(s?.commit_seconds)} note={t("p50p99")} />
      <Figure
        name={t("log")} title={t("logTitle")} value={s?.log ? format.bytes(s.log.journal_bytes + s.log.block_bytes) : format.NOTHING}
        note={t("logParts", { journal: format.bytes(s?.log?.journal_bytes), blocks: format.bytes(s?.log?.block_bytes) })}
      />
      <Figure name={t("alertsTotal")} value={`${format.integer(s?.alerts_total)} · ${format.integer(s?.commands_total)}`} note={t("sinceFirst")} />
    </dl>
  );
}

function Figure({ name, value, note, title }: { name: string; value: string; note: string; title?: string }) {
  return (
    <div class="figure" title={title}>
      <dt>{name}</dt>
      <dd class="num">{value}</dd>
      <dd class="note">{note}</dd>
    </div>
  );
}

function deviceCount(n: number | undefined): string {
  if (n === undefined) return t("perSecond");
  return n === 1 ? t("deviceCount") : t("devicesCount", { n: format.integer(n) });
}

// Before the first decision there is nothing to tell.
function pair(q: Quantiles | undefined): string {
  if (!q || !q.p99) return format.NOTHING;
  return `${format.seconds(q.p50)} · ${format.seconds(q.p99)}`;
}
