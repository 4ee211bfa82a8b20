// What is desired of a device, what it reported, and what the gateway and the cloud had each wanted of it.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { reverse } from "../actions.ts";
import { get, why } from "../api.ts";
import * as format from "../model/format.ts";
import type { List, Twin, TwinConflict, Value } from "../model/types.ts";
import { t } from "../words.ts";

const ASK_EVERY_MS = 5_000;

function text(value: Value | undefined): string {
  if (value === undefined || value === null) return "–";
  return typeof value === "string" ? value : JSON.stringify(value);
}

// Nothing where nobody desires anything of it and it reported nothing.
export function TwinCard({ id }: { id: string }) {
  const twin = useSignal<Twin | null>(null);
  const error = useSignal<string | null>(null);
  useEffect(() => {
    let gone = false;
    const ask = async (): Promise<void> => {
      try {
        const list = await get<List<Twin>>("twins", { device: id });
        if (!gone) twin.value = list.items[0] ?? null;
      } catch {
        // shown as it was; the page says by itself when the gateway is away
      }
    };
    twin.value = null;
    void ask();
    const timer = setInterval(() => void ask(), ASK_EVERY_MS);
    return () => {
      gone = true;
      clearInterval(timer);
    };
  }, [id]);
  const known = twin.value;
  if (known === null) return null;
  const putBack = async (conflict: TwinConflict): Promise<void> => {
    try {
      twin.value = await reverse(id, conflict.conflict_id);
      error.value = null;
    } catch (e) {
      error.value = t("actionFailed", { why: why(e) });
    }
  };
  const names = [...new Set([...Object.keys(known.desired), ...Object.keys(known.reported)])].sort();
  const open = Object.keys(known.delta).length;
  return (
    <section class="card twin" aria-labelledby="twin-title" data-twin={id}>
      <div class="bar">
        <h2 id="twin-title">{t("twin")}</h2>
        <span class={open > 0 ? "state bad" : "state good"}>{open > 0 ? t("twinOpen", { n: open }) : t("twinSame")}</span>
      </div>
      <table class="twin-fields">
        <thead><tr><th scope="col">{t("field")}</th><th scope="col">{t("desired")}</th><th scope="col">{t("reported")}</th></tr></thead>
        <tbody>
          {names.map((name) => (
            <tr key={name} class={name in known.delta ? "differs" : undefined} data-field={name}>
              <th scope="row">{format.words(name)}</th><td class="num">{text(known.desired[name])}</td><td class="num">{text(known.reported[name])}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {known.conflicts.length > 0 && <h3>{t("twinConflicts")}</h3>}
      {known.conflicts.map((each) => (
        <div key={each.conflict_id} class="twin-conflict" data-conflict={each.field}>
          <b>{format.words(each.field)}</b>
          <span><span class="label">{t("atGateway")}</span> <span class={each.winner === "edge" ? "num" : "num lost"}>{text(each.edge.value)}</span></span>
          <span><span class="label">{t("atCloud")}</span> <span class={each.winner === "cloud" ? "num" : "num lost"}>{text(each.cloud.value)}</span></span>
          <span class="label">{each.rule}</span>
          {each.state === "reversed" ? <span class="label">{t("twinReversed")}</span> : (
            <button type="button" class="plain last" onClick={() => void putBack(each)}>{t("twinReverse")}</button>
          )}
        </div>
      ))}
      {error.value !== null && <p class="notice" role="alert">{error.value}</p>}
    </section>
  );
}
