// The page's first lines: mounts it and opens the event stream.
import { effect } from "@preact/signals";
import { render } from "preact";
import { start, status } from "./state.ts";
import "./style/base.css";
import "./style/parts.css";
import { Page } from "./view/page.tsx";
import { language } from "./words.ts";

effect(() => {
  document.documentElement.lang = language.value === "zh" ? "zh-CN" : "en";
});
effect(() => {
  document.title = status.value ? `Skerry · ${status.value.gateway_id}` : "Skerry";
});

const root = document.getElementById("page");
if (root) {
  render(<Page />, root);
  start();
}
