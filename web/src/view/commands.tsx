// Commands, newest first: for whom, why, what became of each, and how long that took.
import * as format from "../model/format.ts";
import { commandLook, issuedMs, tookMs } from "../model/orders.ts";
import type { Command } from "../model/types.ts";
import { now, orders, ordersChanged, status } from "../state.ts";
import { named, t } from "../words.ts";

const SHOWN = 50;

export function Commands() {
  void ordersChanged.value;
  const list = orders.list();
  return (
    <section class="card commands" aria-labelledby="commands-title">
      <div class="bar">
        <h2 id="commands-title">{t("commands")}</h2>
        <span class="count num">{format.integer(Math.max(status.value?.commands_total ?? 0, list.length))}</span>
      </div>
      <div class="scroll" role="region" aria-labelledby="commands-title" tabIndex={0}>
        {list.length === 0 ? <p class="empty">{t("noCommands")}</p> : (
          <ul class="orders">
            {list.slice(0, SHOWN).map((command) => <Line key={command.command_id} command={command} />)}
          </ul>
        )}
      </div>
    </section>
  );
}

function Line({ command }: { command: Command }) {
  const took = tookMs(command); // whole milliseconds: that is how finely steps are dated
  const time = took === null ? "" : took < 1 ? "< 1 ms" : took < 1_000 ? `${took} ms` : format.seconds(took / 1_000);
  const last = command.states[command.states.length - 1];
  const steps = command.states.map((s) => `${named("state", s.state)} ${format.clock(Date.parse(s.at), now.value, true)}`).join("\n");
  return (
    <li data-command={command.command_id} title={command.reason ? format.words(command.reason) : undefined}>
      <span class="what">
        <span class="name">{command.device_id}</span> <span class="order">{format.words(command.command)}</span>
        {command.reason && <span class="label reason">{format.words(command.reason)}</span>}
      </span>
      <span class="facts">
        {took !== null && (
          <span class="num label" title={t("took", { time, state: named("state", command.state) })}>{time}</span>
        )}
        <span class={`state ${commandLook(command.state)}`} title={last?.detail ? `${steps}\n${last.detail}` : steps}>{named("state", command.state)}</span>
        <span class="when num">{format.clock(issuedMs(command), now.value)}</span>
      </span>
    </li>
  );
}
