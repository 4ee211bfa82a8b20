// The live chart of one device's field: history, then what comes; readings that raised an alert are marked.
import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { naturally, numericFields, titleOf } from "../model/fleet.ts";
import * as format from "../model/format.ts";
import { severityLook } from "../model/groups.ts";
import { numeric } from "../model/series.ts";
import { alertsChanged, choose, chosen, chosenField, devicesChanged, feed, fleet, groups, now, readingsChanged } from "../state.ts";
import { unitOf } from "../model/units.ts";
import { href } from "../route.ts";
import { spanText, t } from "../words.ts";
import { Unit } from "./bits.tsx";
import { Plot, type Mark, type Readout } from "./plot.ts";

const SPANS = [1, 5, 15, 60]; // minutes
const OPTIONS_MAX = 500; // devices in the list of choices; the table finds the others

export function Chart() {
  const span = useSignal(feed.spanMs / 60_000);
  return (
    <section class="card chart" aria-labelledby="chart-title">
      <div class="bar">
        <h2 id="chart-title" class="unseen">{t("chart")}</h2>
        <DeviceChoice />
        <FieldChoice />
        {chosen.value !== null && <a class="more" href={href(["devices", chosen.value], { field: chosenField.value ?? "" })}>{t("history")} ›</a>}
        <div class="spans" role="group" aria-label={t("span")}>
          {SPANS.map((minutes) => (
            <button
              key={minutes} type="button" aria-pressed={span.value === minutes}
              onClick={() => {
                span.value = minutes;
                feed.choose(chosen.value, chosenField.value, minutes * 60_000);
              }}
            >
              {spanText(minutes * 60_000)}
            </button>
          ))}
        </div>
      </div>
      <Drawing minutes={span.value} />
    </section>
  );
}

function DeviceChoice() {
  void devicesChanged.value;
  const ids = fleet.list({}, OPTIONS_MAX).shown.map((d) => d.id);
  const at = chosen.value;
  if (at !== null && !ids.includes(at)) ids.push(at);
  return (
    <label class="choice">
      <span class="unseen">{t("device")}</span>
      <select value={at ?? ""} onChange={(e) => choose(e.currentTarget.value)}>
        {ids.sort(naturally).map((id) => <option key={id} value={id}>{titleOf(fleet.devices.get(id) ?? { id, meta: null })}</option>)}
      </select>
    </label>
  );
}

function FieldChoice() {
  const names = useComputed(() => {
    void readingsChanged.value;
    const device = chosen.value === null ? undefined : fleet.devices.get(chosen.value);
    return device ? numericFields(device.data).join("\n") : "";
  });
  const fields = names.value === "" ? [] : names.value.split("\n");
  const at = chosenField.value;
  if (at !== null && !fields.includes(at)) fields.push(at);
  return (
    <label class="choice">
      <span class="unseen">{t("field")}</span>
      <select value={at ?? ""} onChange={(e) => chosen.value !== null && choose(chosen.value, e.currentTarget.value)}>
        {fields.map((name) => <option key={name} value={name}>{format.words(name)}</option>)}
      </select>
    </label>
  );
}

export function marksOf(device: string, field: string): Mark[] {
  const marks = new Map<number, Mark>(); // a reading that raised two alerts has one ring
  for (const alert of groups.ofDevice(device)) {
    const at = Date.parse(alert.timestamp) / 1000;
    if (!marks.has(at)) marks.set(at, { at, y: numeric(alert.data?.[field]), look: severityLook(alert.severity) });
  }
  return [...marks.values()];
}

function Drawing({ minutes }: { minutes: number }) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot | null>(null);
  const readout = useSignal<Readout | null>(null);
  const marked = useSignal(0);
  const pauses = useSignal(0);

  useEffect(() => {
    if (!host.current) return undefined;
    const made = new Plot(host.current, { tell: (next) => (readout.value = next) });
    plot.current = made;
    return () => {
      made.destroy();
      plot.current = null;
    };
  }, []);

  // At most once a frame: signals that change together cost one drawing.
  const frame = useRef(0);
  const version = useComputed(() => [feed.changed.value, now.value, alertsChanged.value, minutes]);
  void version.value;
  useEffect(() => {
    if (frame.current !== 0) return;
    frame.current = requestAnimationFrame(() => {
      frame.current = 0;
      const series = feed.series;
      const edge = feed.edgeMs(now.peek());
      const marks = series ? marksOf(series.device, series.field) : [];
      const from = feed.fromMs(edge) / 1000;
      marked.value = marks.filter((m) => m.at >= from).length;
      const gaps = series ? series.gaps() : [];
      pauses.value = gaps.filter(([, to]) => to >= from).length;
      plot.current?.draw({ columns: series ? series.columns() : [[], []], marks, gaps }, from, edge / 1000);
    });
  });

  const device = chosen.value;
  const field = chosenField.value;
  const r = readout.value;
  const meta = device === null ? null : fleet.devices.get(device)?.meta;
  return (
    <>
      <div class="readout num" aria-hidden="true">
        <span><span class="big">{r ? format.number(r.value) : format.NOTHING}</span>{r && <Unit text={unitOf(meta, field ?? "")} />}</span>
        {r && <span class="label">{r.hover ? format.clock(r.at * 1000, now.peek(), true) : ""}</span>}
        {r && <span class="label range">{t("min")} {format.number(r.min)} · {t("max")} {format.number(r.max)}</span>}
        {marked.value > 0 && <span class="label legend"><i class="ring" /> {marked.value} {t("alertMark")}</span>}
      </div>
      <div
        class="plot" ref={host} role="img" data-points={feed.series?.size ?? 0}
        aria-label={t("chartOf", {
          device: device ?? "", field: field ?? "", span: spanText(minutes * 60_000), value: r ? format.number(r.value) : format.NOTHING,
          alerts: marked.value, gaps: pauses.value,
        })}
      />
      <p class="under" role="status">
        {feed.error.value !== null ? t("historyFailed", { why: feed.error.value })
          : feed.loading.value ? t("loadingHistory")
          : device !== null && field === null ? t("noNumbers") : ""}
      </p>
    </>
  );
}
