// The devices: last values, how long ago, a short trace. All of them, however many: only the rows one looks at exist.
import { useSignal } from "@preact/signals";
import { memo } from "preact/compat";
import { useRef } from "preact/hooks";
import { isStale, titleOf, TRACE_MAX, type Order, type Seen } from "../model/fleet.ts";
import * as format from "../model/format.ts";
import { go, href, refine, route } from "../route.ts";
import { alertsChanged, choose, chosen, devicesChanged, fleet, groups, loaded, now, readingsChanged } from "../state.ts";
import { named, t, type Word } from "../words.ts";
import { Age, Search, Spark, Toggle, Values } from "./bits.tsx";
import { Rows } from "./rows.tsx";

const ALL = 1_000_000;
const ROW = 38;
const ROW_OVERVIEW = 33;
const SORT_MS = 1_000; // an order by what changes is made anew this often: rows do not dance
const COLUMNS: readonly { word: Word; by: Order | "name" | null; class?: string }[] = [
  { word: "device", by: "name" }, { word: "place", by: "place", class: "wide" }, { word: "values", by: "value" }, { word: "trend", by: null, class: "wide" },
  { word: "alerts", by: null, class: "wide right" }, { word: "readings", by: "readings", class: "wide right" }, { word: "age", by: "age", class: "right" },
];

// What is listed, made anew when devices came, the wish changed, or a second went by.
function useList(text: string, by: Order | null, descending: boolean, only: string): Seen[] {
  const kept = useRef<{ key: string; until: number; list: Seen[] }>({ key: "", until: 0, list: [] });
  const key = [text, by, descending, only, devicesChanged.value].join("\n");
  if (kept.current.key !== key || performance.now() > kept.current.until) {
    const time = now.peek();
    const open = only === "alerts" ? groups.openByDevice() : null;
    const keep = only === "silent" ? (seen: Seen) => isStale(seen, time) : open ? (seen: Seen) => open.has(seen.id) : null;
    kept.current = { key, until: performance.now() + SORT_MS, list: fleet.list({ text, by, descending, keep }, ALL).shown };
  }
  return kept.current.list;
}

export function DevicesPage() {
  const { q = "", sort = "", only = "" } = route.value.query;
  void readingsChanged.value;
  void alertsChanged.value;
  const descending = sort.startsWith("-");
  const field = sort.replace("-", "");
  const by = ["age", "place", "readings", "value"].includes(field) ? (field as Order) : null;
  const list = useList(q, by, descending, only);
  const open = groups.openByDevice();
  const time = now.value;
  return (
    <section class="card whole devices" aria-labelledby="devices-title">
      <div class="bar">
        <h1 id="devices-title">{t("devices")}</h1>
        <span class="count num">{list.length === fleet.size ? format.integer(list.length) : t("countOf", { n: format.integer(list.length), all: format.integer(fleet.size) })}</span>
        <div class="filters">
          <Toggle on={only === "silent"} onClick={() => refine({ only: only === "silent" ? "" : "silent" })}>{t("onlySilent")}</Toggle>
          <Toggle on={only === "alerts"} onClick={() => refine({ only: only === "alerts" ? "" : "alerts" })}>{t("onlyAlerting")}</Toggle>
          <Search value={q} hint={t("filterHint")} onInput={(text) => refine({ q: text })} />
        </div>
      </div>
      <Rows
        items={list} height={ROW} columns={COLUMNS.length} labelledBy="devices-title"
        head={<Head by={by ?? (field === "name" || field === "" ? "name" : null)} descending={descending} />}
        row={(seen, i) => <Row key={seen.id} seen={seen} revision={seen.revision} index={i} stale={isStale(seen, time)} open={open.get(seen.id) ?? 0} />}
        empty={loaded.value && <p class="empty">{q !== "" ? t("noMatch", { text: q }) : t("noDevices")}</p>}
      />
    </section>
  );
}

function Head({ by, descending }: { by: Order | "name" | null; descending: boolean }) {
  const sort = (column: Order | "name"): void => {
    const again = by === column;
    refine({ sort: `${again && !descending ? "-" : ""}${column}` });
  };
  return (
    <tr>
      {COLUMNS.map((column) => (
        <th
          key={column.word} scope="col" class={column.class}
          aria-sort={column.by !== null && column.by === by ? (descending ? "descending" : "ascending") : undefined}
        >
          {column.by === null ? t(column.word) : (
            <button type="button" class="sort" title={t("sortBy", { what: t(column.word) })} onClick={() => sort(column.by as Order | "name")}>
              {t(column.word)}<span class="arrows" aria-hidden="true">{column.by === by ? (descending ? "▾" : "▴") : ""}</span>
            </button>
          )}
        </th>
      ))}
    </tr>
  );
}

interface RowProps {
  seen: Seen;
  revision: number; // a row is drawn anew only when its device spoke or fell silent
  index: number;
  stale: boolean;
  open: number;
}

const Row = memo(function Row({ seen, index, stale, open }: RowProps) {
  return (
    <tr class={stale ? "stale" : ""} data-device={seen.id} aria-rowindex={index + 2} onClick={() => go(["devices", seen.id])}>
      <th scope="row">
        <Title seen={seen} stale={stale} />
      </th>
      <td class="wide label">{seen.meta?.place}</td>
      <td class="values"><Values data={seen.data} meta={seen.meta} most={5} /></td>
      <td class="wide"><Spark trace={seen.trace} width={120} height={26} capacity={TRACE_MAX} /></td>
      <td class="wide right num">{open > 0 && <span class="severity high">{format.integer(open)}</span>}</td>
      <td class="wide right num label">{format.integer(seen.readings)}</td>
      <td class="right num"><Age since={seen.receivedMs} /></td>
    </tr>
  );
}, (a, b) => a.seen === b.seen && a.revision === b.revision && a.stale === b.stale && a.open === b.open && a.index === b.index);

function Title({ seen, stale }: { seen: Seen; stale: boolean }) {
  const said = seen.status?.["status"] ?? seen.status?.["state"];
  const title = titleOf(seen);
  return (
    <>
      <a class="name" href={href(["devices", seen.id])} onClick={(e) => e.stopPropagation()}>{title}</a>
      {title !== seen.id && <span class="said">{seen.id}</span>}
      {stale && <span class="tag" title={t("staleTitle")}>{t("stale")}</span>}
      {typeof said === "string" && <span class="said">{format.value(said)}</span>}
    </>
  );
}

// On the overview: what the chart can show. A click draws the device; its name leads to all about it.
export function Devices() {
  const filter = useSignal("");
  void readingsChanged.value;
  const list = useList(filter.value, null, false, "");
  const time = now.value;
  return (
    <section class="card devices" aria-labelledby="devices-title">
      <div class="bar">
        <h2 id="devices-title"><a href={href(["devices"])}>{t("devices")}</a></h2>
        <span class="count num">{format.integer(list.length)}</span>
        <Search value={filter.value} hint={t("filterHint")} onInput={(text) => (filter.value = text)} />
      </div>
      <Rows
        items={list} height={ROW_OVERVIEW} columns={4} labelledBy="devices-title" class="short"
        head={<tr><th scope="col">{t("device")}</th><th scope="col">{t("values")}</th><th scope="col" class="wide">{t("trend")}</th><th scope="col" class="right">{t("age")}</th></tr>}
        row={(seen, i) => <ShortRow key={seen.id} seen={seen} revision={seen.revision} index={i} stale={isStale(seen, time)} chosen={chosen.value === seen.id} />}
        empty={loaded.value && filter.value !== "" && <p class="empty">{t("noMatch", { text: filter.value })}</p>}
      />
    </section>
  );
}

interface ShortProps extends Omit<RowProps, "open"> {
  chosen: boolean;
}

const ShortRow = memo(function ShortRow({ seen, index, stale, chosen: isChosen }: ShortProps) {
  const said = seen.status?.["status"] ?? seen.status?.["state"];
  return (
    <tr class={`${isChosen ? "chosen" : ""} ${stale ? "stale" : ""}`} data-device={seen.id} aria-rowindex={index + 2} onClick={() => choose(seen.id)}>
      <th scope="row">
        <button type="button" class="name" aria-pressed={isChosen}>{titleOf(seen)}</button>
        {stale && <span class="tag" title={t("staleTitle")}>{t("stale")}</span>}
        {typeof said === "string" && <span class="said">{named("state", format.value(said))}</span>}
      </th>
      <td class="values"><Values data={seen.data} meta={seen.meta} most={4} /></td>
      <td class="wide"><Spark trace={seen.trace} width={92} height={24} capacity={TRACE_MAX} /></td>
      <td class="right num">
        <Age since={seen.receivedMs} />
        <a class="more" href={href(["devices", seen.id])} aria-label={t("details", { device: seen.id })} title={t("details", { device: seen.id })} onClick={(e) => e.stopPropagation()}>›</a>
      </td>
    </tr>
  );
});
