// The pages there are, in the order of the menu. To add one: a file in view/, a line here, its words in words/en.ts and zh.ts.
import type { ComponentType } from "preact";
import { alertsChanged, groups, status } from "../state.ts";
import { route } from "../route.ts";
import { t, type Word } from "../words.ts";
import { AlertPage, AlertsPage } from "./alerts.tsx";
import { CommandsPage } from "./commands.tsx";
import { DevicePage } from "./device.tsx";
import { DevicesPage } from "./devices.tsx";
import { DiskPage } from "./disk.tsx";
import { LinkPage } from "./link.tsx";
import { Overview } from "./overview.tsx";
import { PipelinesPage } from "./pipelines.tsx";
import { SettingsPage } from "./settings.tsx";
import { TryPage } from "./try.tsx";

export interface View {
  path: readonly string[]; // one segment, or none for the overview
  word: Word;
  key: string; // after `g`
  icon: string; // paths of a 20 × 20 drawing
  view: ComponentType;
  one?: ComponentType<{ id: string }>; // what #/path/ID shows
  badge?: () => number;
  shown?: () => boolean; // in the menu; none: always
}

export const views: readonly View[] = [
  { path: [], word: "overview", key: "o", icon: "M3 3h6v8H3zM11 3h6v5h-6zM11 10h6v7h-6zM3 13h6v4H3z", view: Overview },
  {
    path: ["devices"], word: "devices", key: "d", icon: "M6 6h8v8H6zM8 3v3M12 3v3M8 14v3M12 14v3M3 8h3M3 12h3M14 8h3M14 12h3", view: DevicesPage,
    one: DevicePage,
  },
  {
    path: ["alerts"], word: "alerts", key: "a", icon: "M10 3a5 5 0 0 1 5 5v4l1.5 2.5h-13L5 12V8a5 5 0 0 1 5-5zM8 17h4", view: AlertsPage, one: AlertPage,
    badge: () => (void alertsChanged.value, groups.open),
  },
  { path: ["commands"], word: "commands", key: "c", icon: "M3 10 17 4l-4 13-3.5-5.5zM9.5 11.5 17 4", view: CommandsPage },
  { path: ["rules"], word: "pipelines", key: "r", icon: "M4 4h5v4H4zM11 12h5v4h-5zM6.5 8v6H11M9 6h4.500v6", view: PipelinesPage },
  { path: ["disk"], word: "disk", key: "l", icon: "M4 5c0-3 12-3 12 0v10c0 3-12 3-12 0zM4 5c0 3 12 3 12 0M4 10c0 3 12 3 12 0", view: DiskPage },
  {
    path: ["link"], word: "linkMenu", key: "u", icon: "M6 15a3.500 3.500 0 0 1 0-7 4.500 4.500 0 0 1 8.500-1A4 4 0 0 1 14 15M10 17v-6M7.500 13 10 10.500l2.500 2.500", view: LinkPage,
    shown: () => Boolean(status.value?.uplink),
  },
  { path: ["settings"], word: "settings", key: "s", icon: "M3 6h8M15 6h2M3 14h2M9 14h8M13 4v4M7 12v4", view: SettingsPage },
  {
    path: ["try"], word: "tryIt", key: "t", icon: "M8 3h4M9 3v5l-5 8.500h12L11 8V3M7 12h6", view: TryPage,
    shown: () => Boolean(status.value?.demo),
  },
];

export function viewAt(path: readonly string[]): View | undefined {
  return views.find((view) => (view.path[0] ?? "") === (path[0] ?? "") && (path.length < 2 || view.one !== undefined));
}

export function titleOfPage(): string {
  const { path } = route.value;
  const view = viewAt(path);
  return path[1] ?? (view ? t(view.word) : "Skerry");
}
