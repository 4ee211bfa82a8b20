// The keyboard: `/` searches, `?` lists the keys, Esc closes, `g` and a letter goes to a page.
import { signal } from "@preact/signals";
import { go } from "./route.ts";

export const helpOpen = signal(false);

const GO_MS = 1_500; // so long after `g` a letter still counts

export interface Place {
  key: string;
  path: readonly string[];
}

const typing = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

export function listen(places: readonly Place[]): void {
  let goAt = -Infinity;
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const target = event.target;
    if (event.key === "Escape") {
      if (target instanceof HTMLInputElement && target.type === "search") target.blur();
      return; // dialogs close by themselves
    }
    if (typing(target) || document.querySelector("dialog[open]")) return;
    if (event.key === "/") {
      const search = document.querySelector<HTMLInputElement>("[data-search]");
      if (!search) return;
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === "?") {
      event.preventDefault();
      helpOpen.value = true;
    } else if (event.key === "g") {
      goAt = event.timeStamp;
    } else if (event.timeStamp - goAt < GO_MS) {
      goAt = -Infinity;
      const place = places.find((p) => p.key === event.key);
      if (place) go(place.path);
    }
  });
}
