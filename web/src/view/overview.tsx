// The overview: figures above, chart and devices on the left, alerts and commands on the right.
import * as format from "../model/format.ts";
import type { Quantiles } from "../model/types.ts";
import { devicesChanged, fleet, loaded, status } from "../state.ts";
import { t } from "../words.ts";
import { Alerts } from "./alerts.tsx";
import { Chart } from "./chart.tsx";
import { Commands } from "./commands.tsx";
import { ConnectBox, ConnectPanel } from "./connect.tsx";
import { Devices } from "./devices.tsx";

export function Overview() {
  void devicesChanged.value;
  const empty = loaded.value && fleet.size === 0;
  return (
    <>
      <h1 class="unseen">{t("overview")}</h1>
      <Figures />
      {empty ? <ConnectPanel /> : (
        <>
          <div class="columns">
            <div class="column">
              <Chart />
              <Devices />
            </div>
            <div class="column">
              <Alerts />
              <Commands />
            </div>
          </div>
          <ConnectBox />
        </>
      )}
    </>
  );
}

export function Figures() {
  const s = status.value;
  return (
    <dl class="figures six" aria-label={t("figures")}>
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

export function Figure({ name, value, note, title }: { name: string; value: string; note: string; title?: string }) {
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
export function pair(q: Quantiles | undefined): string {
  if (!q || !q.p99) return format.NOTHING;
  return `${format.seconds(q.p50)} · ${format.seconds(q.p99)}`;
}
