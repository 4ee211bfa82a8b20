// The page's first lines: mounts it and opens the event stream.
import { effect } from "@preact/signals";
import { render } from "preact";
import { ask, loggedOut, me } from "./account.ts";
import { listen } from "./keys.ts";
import { follow } from "./route.ts";
import { link, start, status } from "./state.ts";
import "./style/base.css";
import "./style/shell.css";
import "./style/lists.css";
import "./style/parts.css";
import "./style/pages.css";
import "./style/demo.css";
import { dress } from "./theme.ts";
import { Login } from "./view/login.tsx";
import { Shell } from "./view/shell.tsx";
import { titleOfPage, views } from "./view/views.ts";
import { language } from "./words.ts";

effect(() => {
  document.documentElement.lang = language.value === "zh" ? "zh-CN" : "en";
});
effect(() => {
  document.title = `${titleOfPage()} · ${status.value?.gateway_id ?? "Skerry"}`;
});

const root = document.getElementById("page");
if (root) {
  dress();
  follow();
  listen(views.map((view) => ({ key: view.key, path: view.path })));
  // The stream is opened once somebody may hear it; a gateway that does not answer is asked again.
  let begun = false;
  effect(() => {
    const out = loggedOut();
    render(out ? <Login /> : <Shell />, root);
    if (out || me.value === null || begun) return;
    begun = true;
    start();
  });
  // A session may have ended with the gateway that knew it.
  effect(() => {
    if (link.value === "reconnecting" && me.peek()?.name) void ask().catch(() => undefined);
  });
  const first = (): void => void ask().catch(() => setTimeout(first, 1_000));
  first();
}
