// The devices: last values, how long ago, a short trace. A bounded number of rows; the filter finds the others.
import { useComputed, useSignal } from "@preact/signals";
import { memo } from "preact/compat";
import { fieldsOf, isStale, TRACE_MAX, type Seen } from "../model/fleet.ts";
import * as format from "../model/format.ts";
import { sparkPath } from "../model/series.ts";
import { alertsChanged, choose, chosen, devicesChanged, fleet, loaded, now, readingsChanged } from "../state.ts";
import { t, type Word } from "../words.ts";

const ROWS_MAX = 100;
const VALUES_MAX = 4;
const SPARK = { width: 120, height: 26 };

export function Devices() {
  const filter = useSignal("");
  void devicesChanged.value;
  void readingsChanged.value;
  void alertsChanged.value;
  const { shown, matching } = fleet.list(filter.value, ROWS_MAX);
  const time = now.value;
  return (
    <section class="card devices" id="devices" aria-labelledby="devices-title" tabIndex={-1}>
      <div class="bar">
        <h2 id="devices-title">{t("devices")}</h2>
        <span class="count num">{format.integer(matching)}</span>
        <input
          class="filter" type="search" aria-label={t("filter")} placeholder={t("filterHint")} value={filter.value}
          onInput={(e) => (filter.value = e.currentTarget.value)}
        />
      </div>
      <div class="scroll" role="region" aria-labelledby="devices-title" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">{t("device")}</th>
              <th scope="col">{t("values")}</th>
              <th scope="col" class="wide">{t("trend")}</th>
              <th scope="col" class="right">{t("age")}</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((seen) => (
              <Row key={seen.id} seen={seen} revision={seen.revision} chosen={chosen.value === seen.id} stale={isStale(seen, time)} />
            ))}
          </tbody>
        </table>
        {loaded.value && matching === 0 && filter.value !== "" && <p class="empty">{t("noMatch", { text: filter.value })}</p>}
        {matching > shown.length && <p class="empty">{t("shownOf", { shown: shown.length, all: format.integer(matching) })}</p>}
      </div>
    </section>
  );
}

interface RowProps {
  seen: Seen;
  revision: number; // a row is drawn anew only when its device spoke, was chosen or fell silent
  chosen: boolean;
  stale: boolean;
}

const Row = memo(function Row({ seen, chosen: isChosen, stale }: RowProps) {
  const fields = fieldsOf(seen.data);
  const said = seen.status?.["status"] ?? seen.status?.["state"];
  return (
    <tr class={`${isChosen ? "chosen" : ""} ${stale ? "stale" : ""}`} data-device={seen.id} onClick={() => choose(seen.id)}>
      <th scope="row">
        <button type="button" class="name" aria-pressed={isChosen}>{seen.id}</button>
        {stale && <span class="tag" title={t("staleTitle")}>{t("stale")}</span>}
        {typeof said === "string" && <span class="said">{format.value(said)}</span>}
      </th>
      <td class="values">
        {fields.slice(0, VALUES_MAX).map(([name, value]) => (
          <span class="pair" key={name}>
            <span class="label">{format.words(name)}</span> <span class="num">{format.value(value)}</span>
          </span>
        ))}
        {fields.length > VALUES_MAX && <span class="label">+{fields.length - VALUES_MAX}</span>}
      </td>
      <td class="wide">
        <Spark trace={seen.trace} />
      </td>
      <td class="right num">
        <Age since={seen.receivedMs} />
      </td>
    </tr>
  );
});

function Spark({ trace }: { trace: number[] }) {
  return (
    <svg class="spark" viewBox={`0 0 ${SPARK.width} ${SPARK.height}`} width={SPARK.width} height={SPARK.height} aria-hidden="true">
      <polyline points={sparkPath(trace, SPARK.width, SPARK.height, TRACE_MAX)} />
    </svg>
  );
}

// Counts by itself: the text changes, the row does not.
function Age({ since }: { since: number }) {
  const text = useComputed(() => {
    if (!Number.isFinite(since)) return format.NOTHING;
    const { count, unit } = format.age(now.value - since);
    return t(`unit.${unit}` as Word, { n: count });
  });
  return <>{text.value}</>;
}
