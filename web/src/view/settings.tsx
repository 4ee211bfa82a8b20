// Every setting with its value, where that came from, and what it is for. Read only: a site's file is the truth.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Problem, get, why } from "../api.ts";
import type { List, Setting } from "../model/types.ts";
import { refine, route } from "../route.ts";
import { status } from "../state.ts";
import { named, t } from "../words.ts";
import { Search, Toggle } from "./bits.tsx";

export function SettingsPage() {
  const list = useSignal<Setting[] | null>(null);
  const error = useSignal<string | null>(null);
  useEffect(() => {
    get<List<Setting>>("config").then((answer) => (list.value = answer.items), (e: unknown) => {
      error.value = e instanceof Problem && e.status === 404 ? t("settingsMissing") : t("loadFailed", { why: why(e) });
    });
  }, []);
  const { q = "", only = "" } = route.value.query;
  const text = q.trim().toLowerCase();
  const shown = (list.value ?? []).filter((s) => {
    if (only === "changed" && s.origin === "default") return false;
    return !text || `${s.key}\n${s.help}\n${s.value}`.toLowerCase().includes(text);
  });
  return (
    <section class="card whole settings" aria-labelledby="settings-title">
      <div class="bar">
        <h1 id="settings-title">{t("settings")}</h1>
        {list.value && <span class="count num">{shown.length === list.value.length ? shown.length : t("countOf", { n: shown.length, all: list.value.length })}</span>}
        <div class="filters">
          <Toggle on={only === "changed"} onClick={() => refine({ only: only === "changed" ? "" : "changed" })}>{t("onlyChanged")}</Toggle>
          <Search value={q} hint={t("filter")} onInput={(next) => refine({ q: next })} />
        </div>
      </div>
      <p class="hint">{t("settingsHint")}</p>
      {error.value !== null && <p class="notice" role="alert">{error.value}</p>}
      <div class="scroll" role="region" aria-labelledby="settings-title" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">{t("setting")}</th>
              <th scope="col">{t("value")}</th>
              <th scope="col">{t("origin")}</th>
              <th scope="col" class="wide">{t("standard")}</th>
            </tr>
          </thead>
          <tbody>{shown.map((setting) => <Line key={setting.key} setting={setting} />)}</tbody>
        </table>
        {list.value !== null && shown.length === 0 && <p class="empty">{q === "" ? t("noMatch", { text: t("onlyChanged") }) : t("noMatch", { text: q })}</p>}
      </div>
    </section>
  );
}

function Line({ setting }: { setting: Setting }) {
  const changed = setting.origin !== "default";
  const waits = status.value?.config?.restart_needed?.includes(setting.key) ?? false;
  const limits = setting.choices?.length ? setting.choices.join(" | ") : rangeText(setting);
  return (
    <tr class={changed ? "changed" : ""} data-setting={setting.key}>
      <th scope="row"><code>{setting.key}</code>{waits && <span class="state bad">{t("restartNeeded")}</span>}<p class="help-text">{setting.help}</p></th>
      <td class="num">{shownValue(setting.value)}{unitOf(setting) && <span class="unit"> {unitOf(setting)}</span>}</td>
      <td title={setting.where}><span class={changed ? "state good" : "label"}>{named("origin", setting.origin)}</span></td>
      <td class="wide num label">{shownValue(setting.default)}<p class="help-text">{setting.takes_effect === "live" ? t("effectLive") : setting.takes_effect === "restart" ? t("effectRestart") : setting.type}{limits && ` · ${limits}`}</p></td>
    </tr>
  );
}

function shownValue(value: string) {
  return value === "" ? <span class="label">{t("empty")}</span> : value;
}

function rangeText({ least, most }: Setting): string {
  return least == null || most == null ? "" : `${least} – ${most}`;
}

// What the value does not say itself.
function unitOf({ unit, type, value }: Setting): string {
  return value === "" || type === "duration" || type === "bytes" ? "" : (unit ?? "");
}
