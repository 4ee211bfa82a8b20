// The page: header and figures above, chart and devices on the left, alerts and commands on the right.
import { devicesChanged, fleet, link, loaded, loadError, status } from "../state.ts";
import { t } from "../words.ts";
import { Alerts } from "./alerts.tsx";
import { Chart } from "./chart.tsx";
import { Commands } from "./commands.tsx";
import { ConnectBox, ConnectPanel } from "./connect.tsx";
import { Devices } from "./devices.tsx";
import { Figures, Header } from "./header.tsx";
import * as format from "../model/format.ts";

export function Page() {
  void devicesChanged.value;
  const empty = loaded.value && fleet.size === 0;
  return (
    <>
      <a class="skip" href="#devices">{t("skip")}</a>
      <Header />
      <main class={link.value === "reconnecting" ? "page away" : "page"}>
        <Figures />
        {loadError.value !== null && link.value === "live" && <p class="notice" role="alert">{t("loadFailed", { why: loadError.value })}</p>}
        {empty ? (
          <ConnectPanel />
        ) : (
          <div class="columns">
            <div class="column">
              <Chart />
              <Devices />
            </div>
            <div class="column">
              <Alerts />
              <Commands />
            </div>
          </div>
        )}
      </main>
      <footer class="foot">
        {!empty && <ConnectBox />}
        <Version />
      </footer>
    </>
  );
}

function Version() {
  const s = status.value;
  if (!s) return null;
  const started = Date.parse(s.started_at);
  return <p class="version">{t("version", { version: s.version, time: format.clock(started, Date.parse(s.now)) })}</p>;
}
