// Light or dark: as the system says, until somebody chooses. Storage may be forbidden; then the choice lasts as long as the page.
import { computed, effect, signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";
const KEY = "skerry.theme";
const THEMES: readonly Theme[] = ["system", "light", "dark"];

function kept(): Theme {
  try {
    const found = localStorage.getItem(KEY);
    if (found === "light" || found === "dark") return found;
  } catch {
    // as the system says, then
  }
  return "system";
}

export const theme = signal<Theme>("system");
const systemDark = signal(false);
export const dark = computed(() => (theme.value === "system" ? systemDark.value : theme.value === "dark"));

export function nextTheme(): void {
  theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] as Theme;
  try {
    if (theme.value === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, theme.value);
  } catch {
    // it lasts as long as the page
  }
}

export function dress(): void {
  const system = matchMedia("(prefers-color-scheme: dark)");
  theme.value = kept();
  systemDark.value = system.matches;
  system.addEventListener("change", () => (systemDark.value = system.matches));
  effect(() => {
    document.documentElement.dataset["theme"] = dark.value ? "dark" : "light";
  });
}
