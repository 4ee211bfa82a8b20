// The rules that run: their SQL, and what went through them.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { get, why } from "../api.ts";
import * as format from "../model/format.ts";
import { tokens } from "../model/sql.ts";
import type { List, Pipeline } from "../model/types.ts";
import { t } from "../words.ts";

const REFRESH_MS = 2_000;

interface Seen {
  pipeline: Pipeline;
  perMinute: number | null; // rows out
}

export function PipelinesPage() {
  const list = useSignal<Seen[] | null>(null);
  const error = useSignal<string | null>(null);
  const before = useRef(new Map<string, { at: number; out: number }>());
  useEffect(() => {
    let gone = false;
    const ask = async (): Promise<void> => {
      if (document.hidden && list.peek() !== null) return;
      try {
        const answer = await get<List<Pipeline>>("pipelines");
        if (gone) return;
        const at = performance.now();
        list.value = answer.items.map((pipeline) => {
          const key = `${pipeline.name}\n${pipeline.version}`;
          const first = before.current.get(key);
          if (!first) before.current.set(key, { at, out: pipeline.rows_out });
          return { pipeline, perMinute: first && at > first.at ? ((pipeline.rows_out - first.out) / (at - first.at)) * 60_000 : null };
        });
        error.value = null;
      } catch (e) {
        if (!gone) error.value = why(e);
      }
    };
    void ask();
    const timer = setInterval(() => void ask(), REFRESH_MS);
    return () => {
      gone = true;
      clearInterval(timer);
    };
  }, []);
  return (
    <div class="stack">
      <h1 class="page-title">{t("pipelines")} {list.value && <span class="count num">{list.value.length}</span>}</h1>
      <p class="label">{t("pipelineHint")}</p>
      {error.value !== null && <p class="notice" role="alert">{t("loadFailed", { why: error.value })}</p>}
      {list.value?.length === 0 && <p class="empty">{t("noPipelines")}</p>}
      {list.value?.map(({ pipeline, perMinute }) => (
        <section key={pipeline.name} class="card pipeline" aria-label={pipeline.name} data-pipeline={pipeline.name}>
          <div class="bar">
            <h2>{pipeline.name}</h2>
            <span class="tag num">{pipeline.version.length > 12 ? pipeline.version.slice(0, 12) : pipeline.version}</span>
            <dl class="counters">
              <Count name={t("rowsIn")} value={pipeline.rows_in} />
              <Count name={t("rowsOut")} value={pipeline.rows_out} more={perMinute === null ? undefined : t("perMinute", { n: format.rate(perMinute) })} />
              <Count name={t("late")} value={pipeline.late} />
              <Count name={t("errors")} value={pipeline.errors} bad={pipeline.errors > 0} />
            </dl>
          </div>
          <pre class="sql" tabIndex={0} aria-label={`SQL: ${pipeline.name}`}>
            <code>{tokens(pipeline.text.trim()).map(({ kind, text }, i) => (kind === "" ? text : <span key={i} class={kind}>{text}</span>))}</code>
          </pre>
        </section>
      ))}
    </div>
  );
}

function Count({ name, value, more, bad = false }: { name: string; value: number; more?: string; bad?: boolean }) {
  return <div class={bad ? "bad" : ""}><dt>{name}</dt><dd class="num">{format.integer(value)}{more && <span class="label"> · {more}</span>}</dd></div>;
}
