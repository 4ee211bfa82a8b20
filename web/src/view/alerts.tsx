// Alerts, one line per device and type; opened, the single ones with their reading, and what people did about them.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { actOn, setWho, who } from "../actions.ts";
import { get, why } from "../api.ts";
import * as format from "../model/format.ts";
import { ALERTS_PER_GROUP_MAX, groupState, severityLook, stateOf, type Group } from "../model/groups.ts";
import type { Alert, AlertChange } from "../model/types.ts";
import { href, refine, route } from "../route.ts";
import { alertsChanged, fleet, groups, loadMoreAlerts, moreAlerts, now, orders, ordersChanged, status } from "../state.ts";
import { named, t, type Word } from "../words.ts";
import { AlertStateTag, Clock, DeviceName, Search, Severity, Values } from "./bits.tsx";
import { CommandLine } from "./commands.tsx";

const GROUPS_SHOWN = 60;
const ALERTS_SHOWN = 10;
const CONTEXT_MS = 150_000; // around an alert on the chart

// On the overview.
export function Alerts() {
  void alertsChanged.value;
  const list = groups.list();
  const total = Math.max(status.value?.alerts_total ?? 0, groups.total);
  return (
    <section class="card alerts" aria-labelledby="alerts-title">
      <div class="bar">
        <h2 id="alerts-title"><a href={href(["alerts"])}>{t("alerts")}</a></h2>
        <span class="count num">{groups.total < total ? t("countOf", { n: format.integer(groups.total), all: format.integer(total) }) : format.integer(total)}</span>
      </div>
      <div class="scroll" role="region" aria-labelledby="alerts-title" tabIndex={0}>
        {list.length === 0 ? <p class="empty">{t("noAlerts")}</p> : <GroupList list={list} most={GROUPS_SHOWN} />}
      </div>
    </section>
  );
}

// Lines that one points at or has the focus in stay where they are; counts and times go on.
function GroupList({ list, most, wide = false }: { list: Group[]; most: number; wide?: boolean }) {
  const held = useRef<Map<string, number> | null>(null);
  const shown = inOrder(list, held.current);
  const hold = (): void => {
    held.current ??= new Map(shown.map((group, place) => [group.key, place]));
  };
  const letGo = (event: { currentTarget: HTMLElement }): void => {
    if (!event.currentTarget.matches(":hover, :focus-within")) held.current = null;
  };
  return (
    <ul class="groups" onPointerEnter={hold} onFocusIn={hold} onPointerLeave={letGo} onFocusOut={letGo}>
      {shown.slice(0, most).map((group) => <GroupLine key={group.key} group={group} wide={wide} />)}
    </ul>
  );
}

// Groups that came since the order was held stand above.
function inOrder(list: Group[], held: Map<string, number> | null): Group[] {
  return held ? list.sort((a, b) => (held.get(a.key) ?? -1) - (held.get(b.key) ?? -1)) : list;
}

function GroupLine({ group, wide }: { group: Group; wide: boolean }) {
  const open = useSignal(false);
  const shown = useSignal(ALERTS_SHOWN);
  const state = groupState(group);
  const id = `group-${group.key.replace(/[^\w-]/g, "_")}`;
  return (
    <li class={`group ${severityLook(group.last.severity)} ${state}`} data-group={`${group.device}/${group.type}`} data-state={state}>
      <button type="button" class="line" aria-expanded={open.value} aria-controls={id} onClick={() => (open.value = !open.value)}>
        <span class="arrow" aria-hidden="true" />
        <span class="what">
          <span class="name"><DeviceName id={group.device} /></span>
          <span class="kind">{named("type", group.type)}</span>
          {wide && <span class="label saying">{group.last.message}</span>}
        </span>
        <span class="facts">
          {state !== "active" && <span class={`state ${state}`}>{named("alertState", state)}</span>}
          <Severity alert={group.last} />
          <span class="times num" key={group.count}>{format.integer(group.count)}{t("times")}</span>
          <span class="when num">{format.clock(group.lastMs, now.value)}</span>
        </span>
      </button>
      {open.value && (
        <div class="single" id={id}>
          <GroupActions alerts={group.alerts} />
          <ul class="singles">
            {group.alerts.slice(0, shown.value).map((alert) => <AlertLine key={alert.alert_id} alert={alert} />)}
          </ul>
          {group.alerts.length > shown.value && (
            <button type="button" class="quiet" onClick={() => (shown.value += ALERTS_SHOWN * 2)}>{t("older")}</button>
          )}
          {group.count > ALERTS_PER_GROUP_MAX && shown.value >= ALERTS_PER_GROUP_MAX && (
            <p class="empty">{t("onlyNewest", { n: ALERTS_PER_GROUP_MAX, all: format.integer(group.count) })}</p>
          )}
        </div>
      )}
    </li>
  );
}

// Does one thing, and says when it failed.
function useAction() {
  const busy = useSignal(false);
  const error = useSignal<string | null>(null);
  const run = async (work: () => Promise<void>): Promise<boolean> => {
    busy.value = true;
    error.value = null;
    try {
      await work();
      return true;
    } catch (e) {
      error.value = t("actionFailed", { why: why(e) });
      return false;
    } finally {
      busy.value = false;
    }
  };
  return { busy, error, run };
}

function GroupActions({ alerts }: { alerts: Alert[] }) {
  const { busy, error, run } = useAction();
  const active = alerts.filter((alert) => stateOf(alert) === "active");
  const open = alerts.filter((alert) => stateOf(alert) !== "cleared");
  if (open.length === 0) return null;
  return (
    <p class="actions">
      {active.length > 0 && (
        <button type="button" class="plain" disabled={busy.value} data-acknowledge-all onClick={() => void run(() => actOn(active, "acknowledge"))}>{t("acknowledgeAll", { n: active.length })}</button>
      )}
      <button type="button" class="plain" disabled={busy.value} data-clear-all onClick={() => void run(() => actOn(open, "clear"))}>{t("clearAll", { n: open.length })}</button>
      {error.value !== null && <span class="problem" role="alert">{error.value}</span>}
    </p>
  );
}

// One alert: when, how bad, why; with what can be done about it at hand.
export function AlertLine({ alert }: { alert: Alert }) {
  const { busy, error, run } = useAction();
  const state = stateOf(alert);
  const meta = fleet.devices.get(alert.device_id)?.meta;
  return (
    <li data-alert={alert.alert_id} data-state={state} class={state}>
      <p class="top">
        <a class="name num" href={href(["alerts", alert.alert_id])}><Clock at={Date.parse(alert.timestamp)} withMs /></a>
        <Severity alert={alert} />
        {state !== "active" && <AlertStateTag alert={alert} />}
        <span class="actions">
          {state === "active" && <button type="button" class="link" disabled={busy.value} data-do="acknowledge" onClick={() => void run(() => actOn([alert], "acknowledge"))}>{t("acknowledge")}</button>}
          {state !== "cleared" && <button type="button" class="link" disabled={busy.value} data-do="clear" onClick={() => void run(() => actOn([alert], "clear"))}>{t("clear")}</button>}
        </span>
      </p>
      {alert.message && <p class="message">{alert.message}</p>}
      {alert.data && <p class="values"><Values data={alert.data} meta={meta} />{alert.rule && <span class="label rule">{alert.rule}</span>}</p>}
      {(alert.changes ?? []).filter((change) => change.comment).map((change) => <p class="note-of" key={change.at + change.action}>“{change.comment}” <span class="label">{t("by", { who: change.by ?? t("somebody") })}</span></p>)}
      {error.value !== null && <p class="problem" role="alert">{error.value}</p>}
    </li>
  );
}

const STATES: readonly [string, Word][] = [["", "allStates"], ["active", "alertState.active"], ["acknowledged", "alertState.acknowledged"], ["cleared", "alertState.cleared"]];
const SEVERITIES: readonly [string, Word][] = [["", "allSeverities"], ["high", "severity.high"], ["medium", "severity.medium"], ["low", "severity.low"]];

export function AlertsPage() {
  void alertsChanged.value;
  const { q = "", state = "", severity = "", device = "" } = route.value.query;
  const list = groups.select({ text: q, state, severity, device });
  const total = Math.max(status.value?.alerts_total ?? 0, groups.total);
  const { busy, error, run } = useAction();
  return (
    <section class="card whole alerts" aria-labelledby="alerts-title">
      <div class="bar">
        <h1 id="alerts-title">{t("alerts")}</h1>
        <span class="count num">{t("countOf", { n: format.integer(list.reduce((sum, g) => sum + g.count, 0)), all: format.integer(total) })}</span>
        {device !== "" && <button type="button" class="toggle" aria-pressed="true" onClick={() => refine({ device: "" })}>{device} ×</button>}
        <div class="filters">
          <div class="spans" role="group" aria-label={t("stateWord")}>
            {STATES.map(([value, word]) => <button key={value} type="button" aria-pressed={state === value} data-filter={value} onClick={() => refine({ state: value })}>{t(word)}</button>)}
          </div>
          <select aria-label={t("severityWord")} value={severity} onChange={(e) => refine({ severity: e.currentTarget.value })}>
            {SEVERITIES.map(([value, word]) => <option key={value} value={value}>{t(word)}</option>)}
          </select>
          <Search value={q} hint={t("filter")} onInput={(text) => refine({ q: text })} />
        </div>
      </div>
      <WhoBar />
      <div class="scroll" role="region" aria-labelledby="alerts-title" tabIndex={0}>
        {list.length === 0 ? <p class="empty">{groups.total === 0 ? t("noAlerts") : t("noAlertsHere")}</p> : <GroupList list={list} most={500} wide />}
        {moreAlerts.value !== null && (
          <p class="empty"><button type="button" class="plain" disabled={busy.value} onClick={() => void run(loadMoreAlerts)}>{busy.value ? t("loading") : t("older")}</button></p>
        )}
        {error.value !== null && <p class="notice" role="alert">{error.value}</p>}
      </div>
    </section>
  );
}

function WhoBar() {
  return (
    <p class="whobar">
      <label>{t("yourName")} <input value={who.value} maxLength={128} placeholder={t("yourNameHint")} autocomplete="name" data-who onInput={(e) => setWho(e.currentTarget.value)} /></label>
    </p>
  );
}

// #/alerts/ID: what was read, which rule judged it, what followed, what people did.
export function AlertPage({ id }: { id: string }) {
  void alertsChanged.value;
  void ordersChanged.value;
  const problem = useSignal<string | null>(null);
  const loaded = useSignal<Alert | null>(null);
  useEffect(() => {
    get<Alert>(`alerts/${encodeURIComponent(id)}`).then((alert) => (loaded.value = alert), (e: unknown) => (problem.value = why(e)));
  }, [id]);
  const known = groups.find(id);
  const alert = known && (known.changes?.length ?? 0) >= (loaded.value?.changes?.length ?? 0) ? known : loaded.value;
  if (!alert) return <section class="card connect"><h1>{t("alert")}</h1><p class="empty">{problem.value === null ? t("loading") : t("unknownAlert")}</p></section>;
  const at = Date.parse(alert.timestamp);
  const meta = fleet.devices.get(alert.device_id)?.meta;
  const orderedBy = orders.select({ alert: alert.alert_id });
  return (
    <section class="card alert-page" aria-labelledby="alert-title" data-alert-page={id} data-state={stateOf(alert)}>
      <div class="title inside">
        <p class="crumb"><a href={href(["alerts"])}>{t("alerts")}</a> ›</p>
        <h1 id="alert-title"><a href={href(["devices", alert.device_id])}><DeviceName id={alert.device_id} /></a> <span class="kind">{named("type", alert.alert_type)}</span></h1>
        <Severity alert={alert} />
        <AlertStateTag alert={alert} />
      </div>
      {alert.message && <p class="lead">{alert.message}</p>}
      <dl class="pairs">
        <div><dt>{t("eventTime")}</dt><dd class="num">{format.stamp(at)}</dd></div>
        {alert.received_at && <div><dt>{t("receivedAt")}</dt><dd class="num">{format.stamp(Date.parse(alert.received_at))}</dd></div>}
        {alert.rule && <div><dt>{t("rule")}</dt><dd><a href={href(["rules"])}>{alert.rule}</a></dd></div>}
        {alert.data && <div class="wide-pair"><dt>{t("reading")}</dt><dd><Values data={alert.data} meta={meta} /></dd></div>}
      </dl>
      <p class="inside"><a href={href(["devices", alert.device_id], { from: String(at - CONTEXT_MS), to: String(at + CONTEXT_MS) })}>{t("onChart")} ›</a></p>
      <h2 class="inside">{t("whatHappened")}</h2>
      <Done alert={alert} />
      <ActForm alert={alert} onDone={(next) => (loaded.value = next)} />
      <h2 class="inside">{t("commandsOfAlert")}</h2>
      {orderedBy.length === 0 ? <p class="empty">{t("noCommandsOfAlert")}</p> : <ul class="orders">{orderedBy.map((c) => <CommandLine key={c.command_id} command={c} withDevice={false} />)}</ul>}
    </section>
  );
}

function Done({ alert }: { alert: Alert }) {
  const changes = alert.changes ?? [];
  if (changes.length === 0) return <p class="empty">{t("nothingDone")}</p>;
  return (
    <ol class="doings">
      {changes.map((change) => (
        <li key={change.at + change.action}>
          <span class="num label">{format.stamp(Date.parse(change.at))}</span> <strong>{named("action", change.action)}</strong>{" "}
          <span class="label">{t("by", { who: change.by ?? t("somebody") })}</span>
          {change.comment && <p class="note-of">“{change.comment}”</p>}
        </li>
      ))}
    </ol>
  );
}

function ActForm({ alert, onDone }: { alert: Alert; onDone: (alert: Alert) => void }) {
  const comment = useSignal("");
  const { busy, error, run } = useAction();
  const state = stateOf(alert);
  const act = async (action: AlertChange["action"]): Promise<void> => {
    const worked = await run(() => actOn([alert], action, comment.value.trim()));
    if (!worked) return;
    comment.value = "";
    onDone(await get<Alert>(`alerts/${encodeURIComponent(alert.alert_id)}`));
  };
  return (
    <form class="form inside" onSubmit={(e) => e.preventDefault()}>
      <label>{t("yourName")}<input value={who.value} maxLength={128} placeholder={t("yourNameHint")} autocomplete="name" onInput={(e) => setWho(e.currentTarget.value)} /></label>
      <label>{t("comment")}<input value={comment.value} maxLength={1000} placeholder={t("commentHint")} onInput={(e) => (comment.value = e.currentTarget.value)} data-comment /></label>
      <div class="ends">
        <button type="button" class="plain" disabled={busy.value || comment.value.trim() === ""} onClick={() => void act("comment")}>{t("comment")}</button>
        <button type="button" class="plain" disabled={busy.value || state === "cleared"} onClick={() => void act("clear")}>{t("clear")}</button>
        <button type="button" class="main" disabled={busy.value || state !== "active"} onClick={() => void act("acknowledge")}>{t("acknowledge")}</button>
      </div>
      {error.value !== null && <p class="notice" role="alert">{error.value}</p>}
    </form>
  );
}
