// How to connect a device: lines to paste, with the ports that are really open.
import { status } from "../state.ts";
import { t } from "../words.ts";
import { Paste } from "./bits.tsx";

export function ConnectPanel() {
  return (
    <section class="card connect" aria-labelledby="connect-title">
      <h2 id="connect-title">{t("connectFirst")}</h2>
      <Lines />
    </section>
  );
}

export function ConnectBox() {
  return (
    <details class="card connect">
      <summary>{t("connect")}</summary>
      <Lines />
    </details>
  );
}

const host = (): string => location.hostname || "127.0.0.1";
const mqtt = (): number => status.value?.ports?.["mqtt"] ?? 1883;

export function publishLine(payload: string, device = "my-device"): string {
  return `mosquitto_pub -h ${host()} -p ${mqtt()} -q 1 -t sensors/${device}/data -m '${payload}'`;
}

export function commandsLine(device = "my-device"): string {
  return `mosquitto_sub -h ${host()} -p ${mqtt()} -i ${device} -c -q 2 -t commands/${device}`;
}

function Lines() {
  const api = new URL("api/v1/readings", document.baseURI.replace(/#.*$/, "")).href;
  return (
    <div class="lines">
      <p>{t("connectText")}</p>
      <Paste name={t("connectMqtt")} text={publishLine('{"temperature":21.5,"humidity":40}')} />
      <Paste name={t("connectHttp")} text={`curl ${api} -H 'content-type: application/json' -d '{"device_id":"my-device","temperature":22.1}'`} />
      <Paste name={t("connectAlarm")} text={publishLine('{"temperature":85.2}')} />
      <Paste name={t("connectCommand")} text={commandsLine()} />
      <p class="label">{t("justLines")}</p>
    </div>
  );
}
