// What a visitor can try: lines to paste, each with what will be seen. Demo mode adds its buttons here.
import { t } from "../words.ts";
import { Paste } from "./bits.tsx";
import { commandsLine, publishLine } from "./connect.tsx";
import { DemoPanel } from "./demo.tsx";

export function TryPage() {
  return (
    <div class="stack">
      <h1 class="page-title">{t("tryIt")}</h1>
      <p class="label">{t("tryText")}</p>
      <DemoPanel />
      <section class="card try" aria-labelledby="try-alarm"><h2 id="try-alarm">{t("tryAlarm")}</h2><p>{t("tryAlarmText")}</p><Paste name="mosquitto_pub" text={publishLine('{"temperature":85.2}')} /></section>
      <section class="card try" aria-labelledby="try-command"><h2 id="try-command">{t("tryCommand")}</h2><p>{t("tryCommandText")}</p><Paste name="mosquitto_sub" text={commandsLine()} /></section>
      <section class="card try" aria-labelledby="try-kill"><h2 id="try-kill">{t("tryKill")}</h2><p>{t("tryKillText")}</p><Paste name="kill" text="kill -9 $(pidof skerry)" /></section>
    </div>
  );
}
