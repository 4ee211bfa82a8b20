// All about one device: its values, their history, its alerts and commands, what people call it.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Problem, get, why } from "../api.ts";
import { describe } from "../actions.ts";
import { fieldsOf, isStale, titleOf, type Seen } from "../model/fleet.ts";
import * as format from "../model/format.ts";
import { stateOf } from "../model/groups.ts";
import { numeric } from "../model/series.ts";
import type { Device, Meta } from "../model/types.ts";
import { defaultUnit, unitOf } from "../model/units.ts";
import { href, refine, route } from "../route.ts";
import { alertsChanged, devicesChanged, fleet, groups, link, loadOf, now, orders, ordersChanged, readingsChanged } from "../state.ts";
import { ageText, spanText, t } from "../words.ts";
import { AlertLine } from "./alerts.tsx";
import { Age, Dialog, Paste, Unit } from "./bits.tsx";
import { CommandLine, SendForm } from "./commands.tsx";
import { publishLine } from "./connect.tsx";
import { History } from "./history.tsx";
import { TwinCard } from "./twin.tsx";

const ALERTS_SHOWN = 30;
const COMMANDS_SHOWN = 20;

export function DevicePage({ id }: { id: string }) {
  void devicesChanged.value;
  void readingsChanged.value;
  const missing = useSignal(false);
  const error = useSignal<string | null>(null);
  useEffect(() => {
    let gone = false;
    const ask = async (): Promise<void> => {
      try {
        const device = await get<Device>(`devices/${encodeURIComponent(id)}`);
        if (gone) return;
        fleet.addDevice(device);
        devicesChanged.value += 1;
        await loadOf(id);
        missing.value = false;
        error.value = null;
      } catch (e) {
        if (gone) return;
        missing.value = e instanceof Problem && e.status === 404;
        error.value = missing.value ? null : why(e);
      }
    };
    void ask();
    return () => {
      gone = true;
    };
  }, [id, link.value]);
  const seen = fleet.devices.get(id);
  if (!seen) {
    return (
      <section class="card connect">
        <h1>{id}</h1>
        <p class="empty">{missing.value ? t("unknownDevice") : (error.value ?? t("loading"))}</p>
        {missing.value && <div class="lines"><Paste name={t("connectMqtt")} text={publishLine('{"temperature":21.5}', id)} /></div>}
      </section>
    );
  }
  const stale = isStale(seen, now.value);
  return (
    <div class={stale ? "device stale" : "device"} data-device-page={id}>
      <Title seen={seen} stale={stale} />
      <Tiles seen={seen} stale={stale} />
      <div class="columns free">
        <div class="column">
          <History id={id} />
          <TwinCard id={id} />
          <About seen={seen} />
        </div>
        <div class="column">
          <AlertsOf id={id} />
          <CommandsOf id={id} />
        </div>
      </div>
    </div>
  );
}

function Title({ seen, stale }: { seen: Seen; stale: boolean }) {
  void devicesChanged.value;
  const editing = useSignal(false);
  const title = titleOf(seen);
  const said = seen.status?.["status"] ?? seen.status?.["state"];
  return (
    <div class="title">
      <p class="crumb"><a href={href(["devices"])}>{t("devices")}</a> ›</p>
      <h1>{title}</h1>
      {title !== seen.id && <span class="label id">{seen.id}</span>}
      {seen.meta?.place && <span class="place" title={t("place")}>{seen.meta.place}</span>}
      {typeof said === "string" && !stale && <span class="state good">{format.value(said)}</span>}
      {stale && <span class="state bad" title={t("staleTitle")}>{t("silentFor", { time: ageText(now.value - seen.receivedMs) })}</span>}
      <button type="button" class="plain" onClick={() => (editing.value = true)} data-edit>{t("edit")}</button>
      {editing.value && <EditDialog seen={seen} onClose={() => (editing.value = false)} />}
    </div>
  );
}

function Tiles({ seen, stale }: { seen: Seen; stale: boolean }) {
  void readingsChanged.value; // `seen` itself is the same object
  const drawn = route.value.query["field"] ?? seen.field;
  return (
    <dl class="tiles" aria-label={t("values")}>
      {fieldsOf(seen.data).map(([name, value]) => {
        const number = numeric(value) !== null;
        return (
          <div key={name} class={`tile${name === drawn ? " chosen" : ""}`} data-field={name}>
            <dt>{number ? <button type="button" class="sort" onClick={() => refine({ field: name })}>{format.words(name)}</button> : format.words(name)}</dt>
            <dd class={stale ? "num old" : "num"}>{format.value(value)}{number && <Unit text={unitOf(seen.meta, name)} />}</dd>
          </div>
        );
      })}
      <div class="tile quiet-tile">
        <dt>{t("age")}</dt>
        <dd class={stale ? "num old" : "num"}><Age since={seen.receivedMs} /></dd>
      </div>
    </dl>
  );
}

function About({ seen }: { seen: Seen }) {
  void readingsChanged.value;
  return (
    <section class="card about" aria-labelledby="about-title">
      <div class="bar"><h2 id="about-title">{t("lastStatus")}</h2></div>
      <dl class="pairs">
        {seen.status === null ? <div><dd class="label">{t("noStatus")}</dd></div> : Object.entries(seen.status).map(([name, value]) => (
          <div key={name}><dt>{format.words(name)}</dt><dd class="num">{typeof value === "string" ? value : JSON.stringify(value)}</dd></div>
        ))}
        <div><dt>{t("lastSeen")}</dt><dd class="num">{format.stamp(seen.receivedMs)}</dd></div>
        {Number.isFinite(seen.firstMs) && <div><dt>{t("firstSeen")}</dt><dd class="num">{format.stamp(seen.firstMs)}</dd></div>}
        <div>
          <dt>{t("readings")}</dt>
          <dd class="num">{format.integer(seen.readings)}{seen.intervalMs !== null && <span class="label"> · {t("usually", { time: spanText(seen.intervalMs) })}</span>}</dd>
        </div>
      </dl>
    </section>
  );
}

function AlertsOf({ id }: { id: string }) {
  void alertsChanged.value;
  const alerts = groups.ofDevice(id).sort((a, b) => Date.parse(b.timestamp) - Date.parse(a.timestamp));
  const open = alerts.filter((alert) => stateOf(alert) === "active").length;
  return (
    <section class="card alerts part" aria-labelledby="alerts-title">
      <div class="bar">
        <h2 id="alerts-title"><a href={href(["alerts"], { device: id })}>{t("alerts")}</a></h2>
        <span class="count num">{open > 0 ? t("countOf", { n: open, all: alerts.length }) : format.integer(alerts.length)}</span>
      </div>
      <div class="scroll" role="region" aria-labelledby="alerts-title" tabIndex={0}>
        {alerts.length === 0 ? <p class="empty">{t("noAlertsDevice")}</p> : (
          <ul class="singles">{alerts.slice(0, ALERTS_SHOWN).map((alert) => <AlertLine key={alert.alert_id} alert={alert} />)}</ul>
        )}
      </div>
    </section>
  );
}

function CommandsOf({ id }: { id: string }) {
  void ordersChanged.value;
  const sending = useSignal(false);
  const list = orders.select({ device: id });
  return (
    <section class="card commands part" aria-labelledby="commands-title">
      <div class="bar">
        <h2 id="commands-title"><a href={href(["commands"], { device: id })}>{t("commands")}</a></h2>
        <span class="count num">{format.integer(list.length)}</span>
        <button type="button" class="plain last" aria-expanded={sending.value} onClick={() => (sending.value = !sending.value)} data-send>{t("sendCommand")}</button>
      </div>
      {sending.value && <SendForm device={id} />}
      <div class="scroll" role="region" aria-labelledby="commands-title" tabIndex={0}>
        {list.length === 0 ? <p class="empty">{t("noCommandsDevice")}</p> : (
          <ul class="orders">{list.slice(0, COMMANDS_SHOWN).map((command) => <CommandLine key={command.command_id} command={command} withDevice={false} />)}</ul>
        )}
      </div>
    </section>
  );
}

function EditDialog({ seen, onClose }: { seen: Seen; onClose: () => void }) {
  const numbers = fieldsOf(seen.data).filter(([, value]) => numeric(value) !== null).map(([name]) => name);
  const name = useSignal(seen.meta?.name ?? "");
  const place = useSignal(seen.meta?.place ?? "");
  const units = useSignal<Record<string, string>>(Object.fromEntries(numbers.map((field) => [field, unitOf(seen.meta, field)])));
  const busy = useSignal(false);
  const error = useSignal<string | null>(null);
  const save = async (event: Event): Promise<void> => {
    event.preventDefault();
    busy.value = true;
    // What the field's name says by itself need not be written down.
    const own = { ...seen.meta?.units };
    for (const [field, unit] of Object.entries(units.value)) {
      if (unit.trim() === defaultUnit(field)) delete own[field];
      else own[field] = unit.trim();
    }
    const meta: Meta = { name: name.value.trim(), place: place.value.trim(), units: own };
    try {
      await describe(seen.id, meta);
      onClose();
    } catch (e) {
      error.value = t("actionFailed", { why: why(e) });
      busy.value = false;
    }
  };
  return (
    <Dialog title={`${t("editDevice")}: ${seen.id}`} onClose={onClose}>
      <form class="form" onSubmit={(e) => void save(e)}>
        <label>{t("name")}<input maxLength={128} value={name.value} placeholder={t("nameHint")} onInput={(e) => (name.value = e.currentTarget.value)} /></label>
        <label>{t("place")}<input maxLength={128} value={place.value} placeholder={t("placeHint")} onInput={(e) => (place.value = e.currentTarget.value)} /></label>
        {numbers.length > 0 && (
          <fieldset>
            <legend>{t("unitsOf")}</legend>
            {numbers.map((field) => (
              <label key={field}>
                {format.words(field)}
                <input
                  maxLength={16} value={units.value[field]} placeholder={defaultUnit(field)}
                  onInput={(e) => (units.value = { ...units.value, [field]: e.currentTarget.value })}
                />
              </label>
            ))}
          </fieldset>
        )}
        {error.value !== null && <p class="notice" role="alert">{error.value}</p>}
        <div class="ends">
          <button type="button" class="plain" onClick={onClose}>{t("cancel")}</button>
          <button type="submit" class="main" disabled={busy.value}>{busy.value ? t("saving") : t("save")}</button>
        </div>
      </form>
    </Dialog>
  );
}

