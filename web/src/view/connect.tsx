// How to connect a device: lines to paste, with the ports that are really open.
import { useSignal } from "@preact/signals";
import { status } from "../state.ts";
import { t } from "../words.ts";

const COPIED_MS = 1_500;

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

function Lines() {
  const host = location.hostname || "127.0.0.1";
  const mqtt = status.value?.ports?.["mqtt"] ?? 1883;
  const publish = (payload: string): string => `mosquitto_pub -h ${host} -p ${mqtt} -q 1 -t sensors/my-device/data -m '${payload}'`;
  return (
    <div class="lines">
      <p>{t("connectText")}</p>
      <Paste name={t("connectMqtt")} text={publish('{"temperature":21.5,"humidity":40}')} />
      <Paste
        name={t("connectHttp")}
        text={`curl ${new URL("api/v1/readings", document.baseURI).href} -H 'content-type: application/json' -d '{"device_id":"my-device","temperature":22.1}'`}
      />
      <Paste name={t("connectAlarm")} text={publish('{"temperature":85.2}')} />
      <p class="label">{t("justLines")}</p>
    </div>
  );
}

function Paste({ name, text }: { name: string; text: string }) {
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
