// Commands with their state, newest first; a later state replaces an earlier one. Pure.
import type { Command } from "./types.ts";

export const COMMANDS_MAX = 2_000; // the oldest are let go; the gateway keeps them all

const STEPS = ["issued", "delivered", "accepted"]; // on the way to an end; every other state is one
const BAD = ["failed", "expired", "unknown"];

export function commandLook(state: string): "good" | "bad" | "open" {
  return state === "done" ? "good" : BAD.includes(state) ? "bad" : "open";
}

export function isFinal(state: string): boolean {
  return !STEPS.includes(state);
}

export interface CommandWish {
  text?: string;
  device?: string;
  alert?: string; // its id
  state?: string; // or `open`: not at an end
}

export class Orders {
  private commands: Command[] = [];
  private readonly ids = new Set<string>();

  add(command: Command): boolean {
    const at = this.ids.has(command.command_id) ? this.commands.findIndex((c) => c.command_id === command.command_id) : -1;
    if (at >= 0) {
      // The list may be older than what the stream said meanwhile.
      if (command.states.length < (this.commands[at] as Command).states.length) return false;
      this.commands[at] = command;
      return true;
    }
    const issued = issuedMs(command);
    const place = this.commands.findIndex((c) => issued >= issuedMs(c));
    if (place >= 0) this.commands.splice(place, 0, command);
    else this.commands.push(command);
    this.ids.add(command.command_id);
    for (const gone of this.commands.splice(COMMANDS_MAX)) this.ids.delete(gone.command_id);
    return true;
  }

  list(): readonly Command[] {
    return this.commands;
  }

  find(id: string): Command | null {
    return this.commands.find((c) => c.command_id === id) ?? null;
  }

  select(wish: CommandWish): Command[] {
    const text = (wish.text ?? "").trim().toLowerCase();
    return this.commands.filter((c) => {
      if (wish.device && c.device_id !== wish.device) return false;
      if (wish.alert && c.alert_id !== wish.alert) return false;
      if (wish.state && (wish.state === "open" ? isFinal(c.state) : c.state !== wish.state)) return false;
      return !text || `${c.device_id}\n${c.command}\n${c.reason ?? ""}`.toLowerCase().includes(text);
    });
  }

  clear(): void {
    this.commands = [];
    this.ids.clear();
  }
}

// Its timestamp may be the event time of the reading that caused it; when it was issued says its first step.
export function issuedMs(command: Command): number {
  return Date.parse(command.states[0]?.at ?? command.timestamp);
}

// ms between two steps' times, or null when either is missing.
export function tookMs(command: Command): number | null {
  const first = command.states[0];
  const last = command.states[command.states.length - 1];
  if (!first || !last || first === last) return null;
  const ms = Date.parse(last.at) - Date.parse(first.at);
  return Number.isFinite(ms) ? ms : null;
}
