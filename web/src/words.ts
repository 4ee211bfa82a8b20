// Which of the page's languages is spoken, and its words with their blanks filled.
import { signal } from "@preact/signals";
import { en } from "./words/en.ts";
import { zh } from "./words/zh.ts";
import * as format from "./model/format.ts";

export type Language = "en" | "zh";
export type Word = keyof typeof en;

export const tables: Record<Language, Record<Word, string>> = { en, zh };
const KEY = "skerry.language";

// Storage may be forbidden to the page; then the choice lasts as long as the page.
function chosen(): Language {
  try {
    const kept = localStorage.getItem(KEY);
    if (kept === "en" || kept === "zh") return kept;
  } catch {
    // as the browser speaks, then
  }
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export const language = signal<Language>(typeof navigator === "undefined" || typeof localStorage === "undefined" ? "en" : chosen());

export function speak(next: Language): void {
  language.value = next;
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // it lasts as long as the page
  }
}

export function t(word: Word, blanks: Record<string, string | number> = {}): string {
  return tables[language.value][word].replace(/\{(\w+)\}/g, (whole, name: string) => (name in blanks ? String(blanks[name]) : whole));
}

// A word for what the gateway names (states, severities, types); names without one stay as they are.
export function named(kind: "state" | "severity" | "type" | "alertState" | "action" | "origin" | "class" | "gap", name: string): string {
  const word = `${kind}.${name}`;
  return word in en ? t(word as Word) : name.replace(/_/g, " ");
}

// 5 s, 3 min: how long ago, in one unit.
export function ageText(ms: number): string {
  if (!Number.isFinite(ms)) return format.NOTHING;
  const { count, unit } = format.age(ms);
  return t(`unit.${unit}`, { n: count });
}

// 3 min 20 s: how long.
export function spanText(ms: number): string {
  if (!Number.isFinite(ms)) return format.NOTHING;
  return format.span(ms).map(({ count, unit }) => t(`unit.${unit}`, { n: count })).join(" ");
}
