// The page's first lines: mounts it and opens the event stream.
import { effect } from "@preact/signals";
import { render } from "preact";
import { listen } from "./keys.ts";
import { follow } from "./route.ts";
import { start, status } from "./state.ts";
import "./style/base.css";
import "./style/shell.css";
import "./style/lists.css";
import "./style/parts.css";
import "./style/pages.css";
import "./style/demo.css";
import { dress } from "./theme.ts";
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
  render(<Shell />, root);
  start();
}
