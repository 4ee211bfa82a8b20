// The log and its disk: how much, how fast, how long it will hold, what is missing. Shows what this gateway tells.
import * as format from "../model/format.ts";
import type { Status } from "../model/types.ts";
import { status } from "../state.ts";
import { spanText, t } from "../words.ts";
import { Figure } from "./overview.tsx";

export function DiskPage() {
  const s = status.value;
  if (!s) return <p class="empty">{t("loading")}</p>;
  const { log } = s;
  return (
    <div class="stack">
      <h1 class="page-title">{t("disk")}</h1>
      {!s.ready && <p class="notice" role="alert">{t("diskFailed", { why: typeof log.failed === "string" ? log.failed : t("notReady") })}</p>}
      <dl class="figures">
        <Figure name={t("diskState")} value={s.ready ? t("diskReady") : t("notReady")} note={t("positions")} />
        <Figure name={t("diskSize")} value={format.bytes(log.journal_bytes + log.block_bytes)} note={t("logParts", { journal: format.bytes(log.journal_bytes), blocks: format.bytes(log.block_bytes) })} />
        <Figure name={t("positions")} value={format.integer(log.committed_end - log.begin)} note={t("fromTo", { from: format.integer(log.begin), to: format.integer(log.committed_end) })} />
        <Figure name={`${t("commitLatency")} · ${t("median")}`} value={format.seconds(s.commit_seconds.p50)} note={t("lastMinute")} />
        <Figure name={`${t("commitLatency")} · ${t("p99")}`} value={format.seconds(s.commit_seconds.p99)} note={t("lastMinute")} />
      </dl>
      <Sizes s={s} />
    </div>
  );
}

function Sizes({ s }: { s: Status }) {
  const all = s.log.journal_bytes + s.log.block_bytes;
  return (
    <section class="card" aria-labelledby="sizes-title">
      <div class="bar"><h2 id="sizes-title">{t("diskSize")}</h2><span class="count num">{format.bytes(all)}</span></div>
      <div class="stacked" role="img" aria-label={t("logParts", { journal: format.bytes(s.log.journal_bytes), blocks: format.bytes(s.log.block_bytes) })}>
        <span class="part-a" style={{ flexGrow: s.log.journal_bytes }} />
        <span class="part-b" style={{ flexGrow: s.log.block_bytes }} />
      </div>
      <p class="inside label">{spanText(Date.parse(s.now) - Date.parse(s.started_at))}</p>
    </section>
  );
}
