// Commands with their state, newest first; a later state replaces an earlier one. Pure.
import type { Command } from "./types.ts";

export const COMMANDS_MAX = 100;

const STEPS = ["issued", "delivered", "accepted"]; // on the way to an end; every other state is one
const BAD = ["failed", "expired", "unknown"];

export function commandLook(state: string): "good" | "bad" | "open" {
  return state === "done" ? "good" : BAD.includes(state) ? "bad" : "open";
}

export function isFinal(state: string): boolean {
  return !STEPS.includes(state);
}

export class Orders {
  private commands: Command[] = [];

  add(command: Command): boolean {
    const at = this.commands.findIndex((c) => c.command_id === command.command_id);
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
    if (this.commands.length > COMMANDS_MAX) this.commands.length = COMMANDS_MAX;
    return true;
  }

  list(): readonly Command[] {
    return this.commands;
  }

  clear(): void {
    this.commands = [];
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
