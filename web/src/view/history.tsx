// One field of one device over any time: zoom, pauses, alerts marked, live at its right edge. The gateway sums up what is longer than a screen.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { get, why } from "../api.ts";
import { isStale, numericFields } from "../model/fleet.ts";
import * as format from "../model/format.ts";
import { stepsOf, type Steps } from "../model/steps.ts";
import type { SeriesAnswer } from "../model/types.ts";
import { unitOf } from "../model/units.ts";
import { href, refine, route } from "../route.ts";
import { alertsChanged, fleet, now } from "../state.ts";
import { spanText, t } from "../words.ts";
import { Unit } from "./bits.tsx";
import { marksOf } from "./chart.tsx";
import { Plot, type Readout } from "./plot.ts";

const SPANS_MS = [5 * 60_000, 3_600_000, 6 * 3_600_000, 24 * 3_600_000, 7 * 86_400_000];
const SPAN_MS_MIN = 2_000;
const SPAN_MS_MAX = 366 * 86_400_000;
const REFRESH_MS_MIN = 1_000;
const REFRESH_COST = 5; // asked again after so many times what the last answer took

interface Range {
  from: number;
  to: number;
  live: boolean; // `to` follows the clock
}

// Out of the address: `span` alone is live; `from` and `to` are a time looked at.
function rangeOf(query: Record<string, string>, clock: number): Range {
  const from = Number(query["from"]);
  const to = Number(query["to"]);
  if (query["from"] && query["to"] && to > from) return { from, to, live: false };
  const span = Number(query["span"]) * 1_000 || (SPANS_MS[0] as number);
  return { from: clock - span, to: clock, live: true };
}

function show(from: number, to: number): void {
  const span = Math.min(SPAN_MS_MAX, Math.max(SPAN_MS_MIN, to - from));
  const middle = (from + to) / 2;
  const clock = now.peek();
  if (middle + span / 2 >= clock) refine({ from: "", to: "", span: String(Math.round(span / 1_000)) });
  else refine({ from: String(Math.round(middle - span / 2)), to: String(Math.round(middle + span / 2)), span: "" });
}

export function History({ id }: { id: string }) {
  const seen = fleet.devices.get(id);
  const { query } = route.value;
  const fields = seen ? numericFields(seen.data) : [];
  const field = query["field"] ?? seen?.field ?? fields[0] ?? null;
  const range = rangeOf(query, now.value);
  const span = range.to - range.from;
  return (
    <section class="card history" aria-labelledby="history-title">
      <div class="bar">
        <h2 id="history-title">{t("history")}</h2>
        <div class="spans" role="group" aria-label={t("field")}>
          {fields.slice(0, 6).map((name) => (
            <button key={name} type="button" aria-pressed={name === field} onClick={() => refine({ field: name })}>{format.words(name)}</button>
          ))}
        </div>
        {fields.length > 6 && (
          <select aria-label={t("field")} value={field ?? ""} onChange={(e) => refine({ field: e.currentTarget.value })}>
            {fields.map((name) => <option key={name} value={name}>{format.words(name)}</option>)}
          </select>
        )}
        <div class="spans last" role="group" aria-label={t("span")}>
          {SPANS_MS.map((ms) => (
            <button key={ms} type="button" aria-pressed={range.live && Math.abs(span - ms) < 1_000} onClick={() => refine({ from: "", to: "", span: String(ms / 1_000) })}>
              {spanText(ms)}
            </button>
          ))}
        </div>
      </div>
      {field === null ? <p class="empty">{t("noNumbers")}</p> : <Drawing id={id} field={field} range={range} />}
    </section>
  );
}

// What is drawn, asked for when the range changes and, live, again and again at the gateway's pace.
function useSteps(id: string, field: string, range: Range, width: () => number) {
  const steps = useSignal<Steps | null>(null);
  const error = useSignal<string | null>(null);
  const loading = useSignal(true);
  const span = range.to - range.from;
  const fixed = range.live ? "" : `${range.from}-${range.to}`;
  useEffect(() => {
    let gone = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    loading.value = true;
    const ask = async (): Promise<void> => {
      const began = performance.now();
      if (!document.hidden || steps.peek() === null) {
        const to = range.live ? now.peek() + 1_000 : range.to;
        const from = range.live ? now.peek() - span : range.from;
        try {
          const answer = await get<SeriesAnswer>("series", {
            device: id, field, from: new Date(from).toISOString(), to: new Date(to).toISOString(), points: Math.max(50, Math.round(width())),
          });
          if (gone) return;
          steps.value = stepsOf(answer);
          error.value = null;
        } catch (e) {
          if (gone) return;
          error.value = why(e);
        }
        loading.value = false;
      }
      if (range.live) timer = setTimeout(() => void ask(), Math.max(REFRESH_MS_MIN, REFRESH_COST * (performance.now() - began)));
    };
    void ask();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [id, field, range.live, Math.round(span), fixed]);
  return { steps, error, loading };
}

function Drawing({ id, field, range }: { id: string; field: string; range: Range }) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot | null>(null);
  const readout = useSignal<Readout | null>(null);
  const { steps, error, loading } = useSteps(id, field, range, () => host.current?.clientWidth ?? 800);
  const at = useRef(range);
  at.current = range;
  const out = (): void => {
    const { from, to } = at.current;
    show(from - (to - from) / 2, to + (to - from) / 2);
  };
  const closer = (): void => {
    const { from, to, live } = at.current;
    const quarter = (to - from) / 4;
    if (live) show(to - 2 * quarter, to);
    else show(from + quarter, to - quarter);
  };
  const move = (part: number): void => {
    const { from, to } = at.current;
    show(from + (to - from) * part, to + (to - from) * part);
  };

  useEffect(() => {
    if (!host.current) return undefined;
    const made = new Plot(host.current, { band: true, tell: (next) => (readout.value = next), zoom: (a, b) => show(a * 1_000, b * 1_000), unzoom: out });
    plot.current = made;
    return () => {
      made.destroy();
      plot.current = null;
    };
  }, []);

  void alertsChanged.value;
  const marks = marksOf(id, field).filter((m) => m.at * 1_000 >= range.from && m.at * 1_000 <= range.to);
  const gaps = steps.value ? pausesOf(id, steps.value, range) : [];
  useEffect(() => {
    plot.current?.draw({ columns: steps.value?.columns ?? [[], []], marks, gaps }, range.from / 1_000, range.to / 1_000);
  });
  const onKeyDown = (event: KeyboardEvent): void => {
    const act: Record<string, () => void> = { ArrowLeft: () => move(-0.25), ArrowRight: () => move(0.25), "+": closer, "=": closer, "-": out };
    const done = act[event.key];
    if (!done) return;
    event.preventDefault();
    done();
  };

  const r = readout.value;
  const unit = unitOf(fleet.devices.get(id)?.meta, field);
  const found = steps.value;
  const said = `${format.stamp(range.from)} – ${format.stamp(range.to)}`;
  return (
    <>
      <div class="readout num" aria-hidden="true">
        <span><span class="big">{r ? format.number(round(r.value)) : format.NOTHING}</span>{r && <Unit text={unit} />}</span>
        {r && r.hover && <span class="label">{format.clock(r.at * 1000, now.peek(), found !== null && found.stepMs < 2_000)}</span>}
        {r && <span class="label range">{t("min")} {format.number(r.min)} · {t("max")} {format.number(r.max)}</span>}
        {marks.length > 0 && <span class="label legend"><i class="ring" /> {marks.length} {t("alertMark")}</span>}
        {gaps.length > 0 && <span class="label legend"><i class="hole" /> {gaps.length} {t("gapMark")}</span>}
      </div>
      <div
        class="plot tall" ref={host} role="img" tabIndex={0} data-points={found?.count ?? 0} data-gaps={gaps.length} onKeyDown={onKeyDown}
        aria-label={`${t("chartOf", { device: id, field, span: said, value: r ? format.number(r.value) : format.NOTHING, alerts: marks.length, gaps: gaps.length })}. ${t("zoomHint")}`}
      />
      <div class="under foot-bar">
        <p role="status">
          {error.value !== null ? t("historyFailed", { why: error.value })
            : loading.value && found === null ? t("loadingHistory")
            : found !== null && found.count === 0 ? t("noReadings")
            : range.live ? found !== null && found.stepMs >= 2_000 ? t("band", { step: spanText(found.stepMs) }) : t("zoomHint") : said}
        </p>
        <div class="spans" role="group" aria-label={t("span")}>
          <button type="button" title={t("earlier")} aria-label={t("earlier")} onClick={() => move(-0.5)}>‹</button>
          <button type="button" title={t("zoomOut")} aria-label={t("zoomOut")} onClick={out}>−</button>
          <button type="button" title={t("zoomIn")} aria-label={t("zoomIn")} onClick={closer}>+</button>
          <button type="button" title={t("later")} aria-label={t("later")} disabled={range.live} onClick={() => move(0.5)}>›</button>
          {!range.live && <a class="live-again" href={href(["devices", id], { field })}>{t("toLive")}</a>}
        </div>
      </div>
    </>
  );
}

const round = (value: number): number => Number(value.toPrecision(6));

// A device's silence up to now is a pause too.
function pausesOf(id: string, steps: Steps, range: Range): Steps["gaps"] {
  const seen = fleet.devices.get(id);
  const last = steps.columns[0][steps.columns[0].length - 1];
  if (!range.live || !seen || last === undefined || !isStale(seen, range.to)) return steps.gaps;
  return [...steps.gaps, [last, range.to / 1_000]];
}
