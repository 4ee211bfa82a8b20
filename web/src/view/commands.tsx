// Commands, newest first: for whom, why, what became of each and when; and the form that sends one.
import { useSignal } from "@preact/signals";
import { send } from "../actions.ts";
import { why } from "../api.ts";
import * as format from "../model/format.ts";
import { commandLook, isFinal, issuedMs, tookMs } from "../model/orders.ts";
import type { Command } from "../model/types.ts";
import { href, refine, route } from "../route.ts";
import { devicesChanged, fleet, loadMoreCommands, moreCommands, now, orders, ordersChanged, status } from "../state.ts";
import { named, t, type Word } from "../words.ts";
import { DeviceName, Paste, Search } from "./bits.tsx";
import { commandsLine } from "./connect.tsx";

const SHOWN = 50;
const SHOWN_PAGE = 200;
const DEVICES_OFFERED = 500; // in the form's list; any other id can be typed
const STATES: readonly [string, Word][] = [
  ["", "allStates"], ["open", "openState"], ["done", "state.done"], ["failed", "state.failed"], ["expired", "state.expired"], ["unknown", "state.unknown"],
];

// On the overview.
export function Commands() {
  void ordersChanged.value;
  const list = orders.list();
  return (
    <section class="card commands" aria-labelledby="commands-title">
      <div class="bar">
        <h2 id="commands-title"><a href={href(["commands"])}>{t("commands")}</a></h2>
        <span class="count num">{format.integer(Math.max(status.value?.commands_total ?? 0, list.length))}</span>
      </div>
      <div class="scroll" role="region" aria-labelledby="commands-title" tabIndex={0}>
        {list.length === 0 ? <p class="empty">{t("noCommands")}</p> : (
          <ul class="orders">
            {list.slice(0, SHOWN).map((command) => <CommandLine key={command.command_id} command={command} />)}
          </ul>
        )}
      </div>
    </section>
  );
}

// Whole milliseconds: that is how finely steps are dated.
function durationText(ms: number): string {
  return ms < 1 ? "< 1 ms" : ms < 1_000 ? `${ms} ms` : format.seconds(ms / 1_000);
}

export function CommandLine({ command, withDevice = true }: { command: Command; withDevice?: boolean }) {
  const open = useSignal(false);
  const took = tookMs(command);
  const id = `steps-${command.command_id}`;
  return (
    <li data-command={command.command_id} data-state={command.state}>
      <button type="button" class="line" aria-expanded={open.value} aria-controls={id} onClick={() => (open.value = !open.value)}>
        <span class="arrow" aria-hidden="true" />
        <span class="what">
          {withDevice && <><span class="name"><DeviceName id={command.device_id} /></span>{" "}</>}
          <span class={withDevice ? "order" : "name"}>{format.words(command.command)}</span>
          {command.reason && <span class="label reason">{format.words(command.reason)}</span>}
        </span>
        <span class="facts">
          {took !== null && <span class="num label" title={t("took", { time: durationText(took), state: named("state", command.state) })}>{durationText(took)}</span>}
          <span class={`state ${commandLook(command.state)}`}>{named("state", command.state)}</span>
          <span class="when num">{format.clock(issuedMs(command), now.value)}</span>
        </span>
      </button>
      {open.value && <div class="single" id={id}><Fate command={command} /></div>}
    </li>
  );
}

// The steps it took, each with its time and how long after the one before.
export function Fate({ command }: { command: Command }) {
  void now.value; // what it waits for passes
  const last = command.states[command.states.length - 1];
  const notAfter = command.not_after ? Date.parse(command.not_after) : NaN;
  return (
    <>
      <ol class="fate">
        {command.states.map((step, i) => {
          const before = command.states[i - 1];
          return (
            <li key={step.state} class={commandLook(step.state)}>
              <span class="step">{named("state", step.state)}</span>
              <span class="num label">{format.clock(Date.parse(step.at), now.peek(), true)}{before && ` · +${durationText(Date.parse(step.at) - Date.parse(before.at))}`}</span>
              {step.detail && <span class="detail">{step.detail}</span>}
            </li>
          );
        })}
        {!isFinal(command.state) && <li class="waiting"><span class="step">{last?.state === "delivered" ? t("deliveredOnly") : t("noAnswer")}</span></li>}
      </ol>
      <dl class="pairs small">
        {command.params && <div><dt>{t("params")}</dt><dd><code>{JSON.stringify(command.params)}</code></dd></div>}
        {Number.isFinite(notAfter) && <div><dt>{t("ttl")}</dt><dd class="num">{t("notAfter", { time: format.clock(notAfter, now.peek()) })}</dd></div>}
        {command.alert_id && <div><dt>{t("because")}</dt><dd><a href={href(["alerts", command.alert_id])}>{t("alert")} {command.alert_id}</a></dd></div>}
        {command.compensates && <div><dt>{t("compensates")}</dt><dd>{command.compensates}</dd></div>}
      </dl>
    </>
  );
}

export function CommandsPage() {
  void ordersChanged.value;
  const { q = "", state = "", device = "" } = route.value.query;
  const list = orders.select({ text: q, state, device });
  const busy = useSignal(false);
  const more = async (): Promise<void> => {
    busy.value = true;
    await loadMoreCommands().catch(() => undefined); // the button stays: it can be tried again
    busy.value = false;
  };
  return (
    <div class="columns page-columns">
      <section class="card whole commands" aria-labelledby="commands-title">
        <div class="bar">
          <h1 id="commands-title">{t("commands")}</h1>
          <span class="count num">{t("countOf", { n: format.integer(list.length), all: format.integer(Math.max(status.value?.commands_total ?? 0, orders.list().length)) })}</span>
          {device !== "" && <button type="button" class="toggle" aria-pressed="true" onClick={() => refine({ device: "" })}>{device} ×</button>}
          <div class="filters">
            <select aria-label={t("stateWord")} value={state} onChange={(e) => refine({ state: e.currentTarget.value })}>
              {STATES.map(([value, word]) => <option key={value} value={value}>{t(word)}</option>)}
            </select>
            <Search value={q} hint={t("filter")} onInput={(text) => refine({ q: text })} />
          </div>
        </div>
        <div class="scroll" role="region" aria-labelledby="commands-title" tabIndex={0}>
          {list.length === 0 ? <p class="empty">{orders.list().length === 0 ? t("noCommands") : t("noCommandsHere")}</p> : (
            <ul class="orders">{list.slice(0, SHOWN_PAGE).map((command) => <CommandLine key={command.command_id} command={command} />)}</ul>
          )}
          {moreCommands.value !== null && <p class="empty"><button type="button" class="plain" disabled={busy.value} onClick={() => void more()}>{busy.value ? t("loading") : t("older")}</button></p>}
        </div>
      </section>
      <section class="card send" aria-labelledby="send-title">
        <div class="bar"><h2 id="send-title">{t("sendCommand")}</h2></div>
        <SendForm device={device} />
      </section>
    </div>
  );
}

// An object, nothing, or `false` when it is neither.
function readParams(text: string): object | undefined | false {
  if (text.trim() === "") return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : false;
  } catch {
    return false;
  }
}

export function SendForm({ device: given = "" }: { device?: string }) {
  void devicesChanged.value;
  const device = useSignal(given);
  const command = useSignal("");
  const reason = useSignal("");
  const params = useSignal("");
  const ttl = useSignal("30");
  const busy = useSignal(false);
  const error = useSignal<string | null>(null);
  const sent = useSignal<string | null>(null);
  const bad = readParams(params.value) === false;
  const onSubmit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const object = readParams(params.value);
    if (object === false) return;
    busy.value = true;
    error.value = null;
    try {
      const made = await send({
        device_id: device.value.trim(), command: command.value.trim(), ...(reason.value.trim() === "" ? {} : { reason: reason.value.trim() }),
        ...(ttl.value === "" ? {} : { ttl_s: Number(ttl.value) }), ...(object === undefined ? {} : { params: object }),
      });
      sent.value = made.command_id;
    } catch (e) {
      error.value = t("actionFailed", { why: why(e) });
    }
    busy.value = false;
  };
  void ordersChanged.value;
  const watched = sent.value === null ? null : orders.find(sent.value);
  return (
    <form class="form inside" onSubmit={(e) => void onSubmit(e)} data-send-form>
      {given === "" && (
        <label>
          {t("device")}
          <input required list="devices-known" maxLength={128} value={device.value} onInput={(e) => (device.value = e.currentTarget.value)} name="device" />
          <datalist id="devices-known">{fleet.list({}, DEVICES_OFFERED).shown.map((seen) => <option key={seen.id} value={seen.id}>{seen.meta?.name}</option>)}</datalist>
        </label>
      )}
      <label>{t("command")}<input required maxLength={128} value={command.value} placeholder="throttle" name="command" autocapitalize="none" onInput={(e) => (command.value = e.currentTarget.value)} /></label>
      <label>
        {t("params")}
        <textarea rows={2} value={params.value} placeholder={t("paramsHint")} name="params" spellcheck={false} aria-invalid={bad} onInput={(e) => (params.value = e.currentTarget.value)} />
        {bad && <span class="problem" role="alert">{t("paramsBad")}</span>}
      </label>
      <div class="two">
        <label>{t("ttl")}<span class="with-unit"><input type="number" min={1} max={86_400} step={1} value={ttl.value} name="ttl" title={t("ttlHint")} onInput={(e) => (ttl.value = e.currentTarget.value)} /> s</span></label>
        <label>{t("reason")}<input maxLength={1000} value={reason.value} placeholder={t("reasonHint")} name="reason" onInput={(e) => (reason.value = e.currentTarget.value)} /></label>
      </div>
      <div class="ends"><button type="submit" class="main" disabled={busy.value || bad}>{busy.value ? t("sending") : t("send")}</button></div>
      {error.value !== null && <p class="notice" role="alert">{error.value}</p>}
      {watched && (
        <div class="watched" data-watched={watched.state}>
          <h3>{t("fate")}: {format.words(watched.command)} <span class={`state ${commandLook(watched.state)}`} role="status">{named("state", watched.state)}</span></h3>
          <Fate command={watched} />
          {watched.state === "issued" && <Paste name={t("tryCommand")} text={commandsLine(watched.device_id)} />}
        </div>
      )}
    </form>
  );
}
