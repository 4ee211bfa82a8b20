// The frame of every page: the menu, who this gateway is, whether it answers, the site's time, theme and language.
import { useEffect, useRef } from "preact/hooks";
import { logout, me } from "../account.ts";
import { isElsewhere, offsetText, zoneName } from "../model/time.ts";
import * as format from "../model/format.ts";
import { helpOpen } from "../keys.ts";
import { href, route } from "../route.ts";
import { link, loadError, now, ready, status } from "../state.ts";
import { nextTheme, theme } from "../theme.ts";
import { language, speak, t, type Word } from "../words.ts";
import { Icon, Mark } from "./bits.tsx";
import { viewAt, views } from "./views.ts";

export function Shell() {
  const main = useRef<HTMLElement>(null);
  const { path } = route.value;
  const at = path.join("/");
  // A new page begins at its top, and a reader of the screen hears of it.
  const first = useRef(true);
  useEffect(() => {
    if (!first.current) main.current?.focus({ preventScroll: true });
    first.current = false;
    main.current?.scrollTo(0, 0);
    document.querySelector(".menu [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
  }, [at]);
  return (
    <>
      <button type="button" class="skip" onClick={() => main.current?.focus()}>{t("skip")}</button>
      <Side />
      <main ref={main} id="content" tabIndex={-1} class={link.value === "reconnecting" ? "page away" : "page"}>
        {loadError.value !== null && link.value === "live" && <p class="notice" role="alert">{t("loadFailed", { why: loadError.value })}</p>}
        <Content key={at} />
      </main>
      <Help />
    </>
  );
}

function Content() {
  const { path } = route.value;
  const view = viewAt(path);
  if (!view) return <p class="empty">{t("notFound")}</p>;
  const One = view.one;
  return path[1] !== undefined && One ? <One id={path[1]} /> : <view.view />;
}

function Side() {
  const s = status.value;
  return (
    <header class="side">
      <div class="who">
        <a class="brand" href={href([])} aria-label={`Skerry: ${t("overview")}`}><Mark /> Skerry</a>
        {s && <p class="gateway" title={s.gateway_id}>{s.gateway_id}</p>}
        {s && typeof s.demo === "string" && s.demo !== "" && <span class="tag">{t("demo", { name: s.demo })}</span>}
        <Connection />
      </div>
      <nav aria-label={t("pages")}>
        <ul class="menu">
          {views.filter((view) => !view.shown || view.shown()).map((view) => <MenuLine key={view.word} word={view.word} />)}
        </ul>
      </nav>
      <div class="tools">
        <SiteTime />
        <div class="buttons">
          <button type="button" class="quiet" title={t(`theme.${theme.value}` as Word)} aria-label={t(`theme.${theme.value}` as Word)} onClick={nextTheme} data-theme-button>
            <Icon d={THEME_ICONS[theme.value]} />
          </button>
          <button
            type="button" class="quiet" lang={language.value === "en" ? "zh-CN" : "en"} title={t("languageTitle")} data-language-button
            onClick={() => speak(language.value === "en" ? "zh" : "en")}
          >
            {t("language")}
          </button>
          <button type="button" class="quiet" title={t("helpTitle")} aria-label={t("helpTitle")} onClick={() => (helpOpen.value = true)}>?</button>
        </div>
        {me.value?.name && (
          <p class="account" data-account={me.value.name}>
            <span title={t(`role.${me.value.role ?? "viewer"}` as Word)}>{me.value.name}</span>{" "}
            <button type="button" class="link" onClick={() => void logout()} data-logout>{t("logout")}</button>
          </p>
        )}
        {s && <p class="version">{t("version", { version: s.version, time: format.clock(Date.parse(s.started_at), Date.parse(s.now)) })}</p>}
      </div>
    </header>
  );
}

export const THEME_ICONS = {
  system: "M3 4h14v9H3zM7 17h6M10 13v4",
  light: "M10 6.500a3.500 3.500 0 1 1 0 7 3.500 3.500 0 0 1 0-7zM10 2v2M10 16v2M2 10h2M16 10h2M4.300 4.300l1.400 1.400M14.300 14.300l1.400 1.400M4.300 15.700l1.400-1.400M14.300 5.700l1.400-1.400",
  dark: "M16 12.500A6.500 6.500 0 0 1 7.500 4a6.500 6.500 0 1 0 8.500 8.500z",
};

function MenuLine({ word }: { word: Word }) {
  const view = views.find((v) => v.word === word);
  if (!view) return null;
  const here = viewAt(route.value.path) === view;
  const badge = view.badge?.() ?? 0;
  return (
    <li>
      <a href={href(view.path)} aria-current={here ? "page" : undefined} title={`${t(word)} (g ${view.key})`}>
        <Icon d={view.icon} />
        <span class="word">{t(word)}</span>
        {badge > 0 && <span class="badge num" aria-label={`${badge} ${t("openAlerts")}`}>{badge > 99 ? "99+" : badge}</span>}
      </a>
    </li>
  );
}

function Connection() {
  const at = link.value;
  const look = at === "live" ? (ready.value ? "good" : "bad") : at === "connecting" ? "open" : "bad";
  const word = at === "live" && !ready.value ? "notReady" : at;
  const title = word === "live" ? t("liveTitle") : word === "notReady" ? t("notReadyTitle") : word === "reconnecting" ? t("reconnectingTitle") : undefined;
  return (
    <p class={`connection ${look}`} role="status" title={title} data-link={word}>
      <span class="dot" aria-hidden="true" />
      {t(word)}
    </p>
  );
}

function SiteTime() {
  if (!status.value) return null;
  const at = now.value;
  const zone = zoneName();
  const offset = offsetText(at);
  return (
    <p class={`clock${isElsewhere(at) ? " elsewhere" : ""}`} title={t("siteTimeTitle", { zone, offset })} data-zone={zone}>
      <span class="unseen">{t("siteTime")}</span>
      <span class="num time">{format.clock(at, at)}</span>
      <span class="zone">{zone.replace(/_/g, " ")} <span class="num">{zone === offset ? "" : offset}</span></span>
    </p>
  );
}

function Help() {
  const dialog = useRef<HTMLDialogElement>(null);
  const open = helpOpen.value;
  useEffect(() => {
    if (open) dialog.current?.showModal();
    else dialog.current?.close();
  }, [open]);
  return (
    <dialog ref={dialog} class="help" aria-labelledby="help-title" onClose={() => (helpOpen.value = false)}>
      <h2 id="help-title">{t("helpTitle")}</h2>
      <dl>
        <div><dt><kbd>/</kbd></dt><dd>{t("keySearch")}</dd></div>
        <div><dt><kbd>?</kbd></dt><dd>{t("keyHelp")}</dd></div>
        <div><dt><kbd>Esc</kbd></dt><dd>{t("keyEscape")}</dd></div>
        <div><dt><kbd>Tab</kbd></dt><dd>{t("keyTab")}</dd></div>
        <div><dt><kbd>g</kbd></dt><dd>{t("keyGo")}</dd></div>
        {views.filter((view) => !view.shown || view.shown()).map((view) => (
          <div key={view.key} class="deeper"><dt><kbd>g</kbd> <kbd>{view.key}</kbd></dt><dd>{t(view.word)}</dd></div>
        ))}
      </dl>
      <form method="dialog"><button type="submit" class="plain">{t("close")}</button></form>
    </dialog>
  );
}
