// Alerts as they fire, one line per device and type; opened, the single ones with their reading.
import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { fieldsOf } from "../model/fleet.ts";
import * as format from "../model/format.ts";
import { ALERTS_PER_GROUP_MAX, severityLook, type Group } from "../model/groups.ts";
import type { Alert } from "../model/types.ts";
import { alertsChanged, choose, fleet, groups, now, status } from "../state.ts";
import { named, t } from "../words.ts";

const GROUPS_SHOWN = 60;
const ALERTS_SHOWN = 10;

export function Alerts() {
  void alertsChanged.value;
  const held = useRef<Map<string, number> | null>(null);
  const list = inOrder(groups.list(), held.current);
  // Lines that one points at or has the focus in stay where they are; counts and times go on.
  const hold = (): void => {
    held.current ??= new Map(list.map((group, place) => [group.key, place]));
  };
  const letGo = (event: { currentTarget: HTMLElement }): void => {
    if (!event.currentTarget.matches(":hover, :focus-within")) held.current = null;
  };
  const total = Math.max(status.value?.alerts_total ?? 0, groups.total);
  return (
    <section class="card alerts" aria-labelledby="alerts-title">
      <div class="bar">
        <h2 id="alerts-title">{t("alerts")}</h2>
        <span class="count num">
          {groups.total < total ? t("alertsShown", { shown: format.integer(groups.total), all: format.integer(total) }) : format.integer(total)}
        </span>
      </div>
      <div class="scroll" role="region" aria-labelledby="alerts-title" tabIndex={0}>
        {list.length === 0 ? <p class="empty">{t("noAlerts")}</p> : (
          <ul class="groups" onPointerEnter={hold} onFocusIn={hold} onPointerLeave={letGo} onFocusOut={letGo}>
            {list.slice(0, GROUPS_SHOWN).map((group) => <GroupLine key={group.key} group={group} />)}
          </ul>
        )}
      </div>
    </section>
  );
}

// Groups that came since the order was held stand above.
function inOrder(list: Group[], held: Map<string, number> | null): Group[] {
  return held ? list.sort((a, b) => (held.get(a.key) ?? -1) - (held.get(b.key) ?? -1)) : list;
}

function GroupLine({ group }: { group: Group }) {
  const open = useSignal(false);
  const shown = useSignal(ALERTS_SHOWN);
  const look = severityLook(group.last.severity);
  const id = `group-${group.key.replace(/[^\w-]/g, "_")}`;
  return (
    <li class={`group ${look}`} data-group={`${group.device}/${group.type}`}>
      <button type="button" class="line" aria-expanded={open.value} aria-controls={id} onClick={() => (open.value = !open.value)}>
        <span class="arrow" aria-hidden="true" />
        <span class="what">
          <span class="name">{group.device}</span>
          <span class="kind">{named("type", group.type)}</span>
        </span>
        <span class="facts">
          <Severity alert={group.last} />
          <span class="times num" key={group.count}>{format.integer(group.count)}{t("times")}</span>
          <span class="when num">{format.clock(group.lastMs, now.value)}</span>
        </span>
      </button>
      {open.value && (
        <div class="single" id={id}>
          <ol>
            {group.alerts.slice(0, shown.value).map((alert) => <Single key={alert.alert_id} alert={alert} />)}
          </ol>
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

// With the score, where the rule gives one.
function Severity({ alert }: { alert: Alert }) {
  const score = alert.anomaly_score ?? null;
  return (
    <span class={`severity ${severityLook(alert.severity)}`}>
      {named("severity", alert.severity)}
      {score !== null && <span class="num" title={`${t("score")} ${score}`}> <span class="unseen">{t("score")}</span>{format.score(score)}</span>}
    </span>
  );
}

function Single({ alert }: { alert: Alert }) {
  const field = fleet.devices.get(alert.device_id)?.field ?? undefined;
  return (
    <li>
      <p class="top">
        <button type="button" class="name num" onClick={() => choose(alert.device_id, field)}>{format.clock(Date.parse(alert.timestamp), now.value, true)}</button>
        <Severity alert={alert} />
      </p>
      {alert.message && <p class="message">{alert.message}</p>}
      {alert.data && (
        <p class="values">
          <span class="label">{t("reading")}</span>{" "}
          {fieldsOf(alert.data).map(([name, value]) => (
            <span class="pair" key={name}><span class="label">{format.words(name)}</span> <span class="num">{format.value(value)}</span></span>
          ))}
          {alert.rule && <span class="label rule">{alert.rule}</span>}
        </p>
      )}
    </li>
  );
}
