// Small pieces that several pages draw: icons, ages, states, values, paste lines, dialogs.
import { useComputed, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { fieldsOf } from "../model/fleet.ts";
import * as format from "../model/format.ts";
import { severityLook, stateOf } from "../model/groups.ts";
import { sparkPath } from "../model/series.ts";
import type { Alert, Fields, Meta } from "../model/types.ts";
import { unitOf } from "../model/units.ts";
import { fleet, now } from "../state.ts";
import { ageText, named, t } from "../words.ts";

const COPIED_MS = 1_500;

export function Icon({ d }: { d: string }) {
  return <svg class="icon" viewBox="0 0 20 20" aria-hidden="true"><path d={d} /></svg>;
}

export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <path class="rock" d="M5 20 10.8 8.5l3.8 4.5L18.4 6.5 27 20z" />
      <path class="sea" d="M3.5 24c2.1 0 2.1 1.6 4.2 1.6s2.1-1.6 4.2-1.6 2.1 1.6 4.2 1.6 2.1-1.6 4.2-1.6 2.1 1.6 4.2 1.6 2.1-1.6 4.2-1.6" />
    </svg>
  );
}

// Counts by itself: the text changes, what it stands in does not.
export function Age({ since }: { since: number }) {
  const text = useComputed(() => ageText(now.value - since));
  return <>{text.value}</>;
}

export function Clock({ at, withMs = false }: { at: number; withMs?: boolean }) {
  return <time class="num" dateTime={Number.isFinite(at) ? new Date(at).toISOString() : undefined} title={format.stamp(at)}>{format.clock(at, now.peek(), withMs)}</time>;
}

// With the score, where the rule gives one.
export function Severity({ alert }: { alert: Alert }) {
  const score = alert.anomaly_score ?? null;
  return (
    <span class={`severity ${severityLook(alert.severity)}`}>
      {named("severity", alert.severity)}
      {score !== null && <span class="num" title={`${t("score")} ${score}`}> <span class="unseen">{t("score")}</span>{format.score(score)}</span>}
    </span>
  );
}

export function AlertStateTag({ alert }: { alert: Alert }) {
  const state = stateOf(alert);
  return <span class={`state ${state}`}>{named("alertState", state)}</span>;
}

// A reading's fields with their units.
export function Values({ data, meta, most = 100 }: { data: Fields; meta?: Meta | null; most?: number }) {
  const fields = fieldsOf(data);
  return (
    <>
      {fields.slice(0, most).map(([name, value]) => (
        <span class="pair" key={name}>
          <span class="label">{format.words(name)}</span> <span class="num">{format.value(value)}</span>
          {typeof value === "number" && <Unit text={unitOf(meta, name)} />}
        </span>
      ))}
      {fields.length > most && <span class="label">+{fields.length - most}</span>}
    </>
  );
}

export function Unit({ text }: { text: string }) {
  return text === "" ? null : <span class="unit">{text === "%" ? "\u2009%" : `\u2009${text}`}</span>;
}

export function Spark({ trace, width, height, capacity }: { trace: number[]; width: number; height: number; capacity: number }) {
  return (
    <svg class="spark" viewBox={`0 0 ${width} ${height}`} width={width} height={height} aria-hidden="true">
      <polyline points={sparkPath(trace, width, height, capacity)} />
    </svg>
  );
}

// What people call it, and its id where that is another.
export function DeviceName({ id }: { id: string }) {
  const name = fleet.devices.get(id)?.meta?.name;
  return name ? <>{name} <span class="label id">{id}</span></> : <>{id}</>;
}

export function Paste({ name, text }: { name: string; text: string }) {
  const copied = useSignal(false);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      return; // not over plain HTTP from elsewhere: the text can be selected
    }
    copied.value = true;
    setTimeout(() => (copied.value = false), COPIED_MS);
  };
  return (
    <div class="paste">
      <p class="label">{name}</p>
      <div class="code">
        <code tabIndex={0} role="textbox" aria-readonly="true" aria-label={name}>{text}</code>
        <button type="button" class="quiet" onClick={() => void copy()} aria-label={`${t("copy")}: ${name}`}>{copied.value ? t("copied") : t("copy")}</button>
      </div>
    </div>
  );
}

// A search field that `/` goes to and Esc empties.
export function Search({ value, onInput, hint }: { value: string; onInput: (text: string) => void; hint: string }) {
  return (
    <span class="search">
      <input
        class="filter" type="search" data-search aria-label={t("filter")} aria-keyshortcuts="/" placeholder={hint} value={value}
        onInput={(e) => onInput(e.currentTarget.value)}
      />
      {value === "" && <kbd aria-hidden="true">/</kbd>}
    </span>
  );
}

export function Toggle({ on, onClick, children }: { on: boolean; onClick: () => void; children: ComponentChildren }) {
  return <button type="button" class="toggle" aria-pressed={on} onClick={onClick}>{children}</button>;
}

// Open as long as it is drawn; Esc and the browser's own ways of closing tell `onClose`.
export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    return () => shown?.close();
  }, []);
  return (
    <dialog ref={dialog} class="sheet" aria-labelledby="dialog-title" onClose={onClose}>
      <h2 id="dialog-title">{title}</h2>
      {children}
    </dialog>
  );
}
