// The page's words in English and Chinese, and which of the two is spoken.
import { signal } from "@preact/signals";

export type Language = "en" | "zh";

const en = {
  tagline: "edge gateway",
  live: "live",
  connecting: "connecting",
  reconnecting: "reconnecting",
  liveTitle: "The page hears from the gateway every second.",
  reconnectingTitle: "The gateway does not answer. What is shown is what it said last; the page keeps trying.",
  notReady: "not acknowledging",
  notReadyTitle: "The gateway cannot put data on disk, so it acknowledges nothing: devices keep what they have. See its log.",
  demo: "demo {name}",
  language: "中文",
  languageTitle: "显示中文",
  figures: "Figures of the gateway",
  rate: "Messages/s",
  total: "Messages on disk",
  decision: "Decision latency",
  decisionTitle: "From a reading's arrival to the alert or command it led to, on disk",
  commit: "Disk commit",
  commitTitle: "How long one group commit to disk takes",
  log: "Log on disk",
  logParts: "journal {journal} · blocks {blocks}",
  logTitle: "Journal: the newest records. Blocks: older ones, packed and indexed.",
  alertsTotal: "Alerts · commands",
  p50p99: "median · 99th percentile",
  perSecond: "received in the last seconds",
  sinceFirst: "since the first start",
  devicesCount: "{n} devices",
  deviceCount: "1 device",
  chart: "Live chart",
  device: "Device",
  field: "Field",
  span: "Time shown",
  noNumbers: "This device sends no numbers.",
  loadingHistory: "loading history…",
  historyFailed: "history could not be loaded: {why}",
  chartOf: "{field} of {device} over the last {span}; newest value {value}; {alerts} alerts marked",
  min: "min",
  max: "max",
  alertMark: "with an alert",
  devices: "Devices",
  filter: "Filter devices",
  filterHint: "filter by name",
  values: "Last values",
  trend: "Trend",
  age: "Age",
  shownOf: "{shown} of {all} shown: use the filter to find others",
  noMatch: "No device's name contains “{text}”.",
  stale: "silent",
  staleTitle: "Silent for much longer than usual",
  alerts: "Alerts",
  noAlerts: "No alert so far. Rules are judging every reading.",
  alertsShown: "{shown} of {all}",
  times: "×",
  score: "score",
  reading: "reading",
  older: "Show older",
  onlyNewest: "The newest {n} of {all} are listed.",
  commands: "Commands",
  noCommands: "No command has been given.",
  took: "{time} from issue to {state}",
  connect: "Connect a device",
  connectFirst: "No device has spoken yet",
  connectText: "Paste one of these lines into a terminal on this machine. The device appears here at once, under the name you give it.",
  connectMqtt: "MQTT, at least once (mosquitto-clients)",
  connectHttp: "HTTP, answered when it is on disk",
  connectAlarm: "Over 80 a rule fires, and an alert appears",
  copy: "Copy",
  copied: "Copied",
  justLines: "Topic sensors/NAME/data, JSON with any fields you like; timestamp is optional.",
  loadFailed: "The gateway's lists could not be loaded ({why}). The page keeps trying.",
  version: "Skerry {version}, up since {time}",
  skip: "Skip to the devices",
  "state.issued": "issued",
  "state.delivered": "delivered",
  "state.accepted": "accepted",
  "state.done": "done",
  "state.failed": "failed",
  "state.expired": "expired",
  "state.unknown": "unknown",
  "severity.high": "high",
  "severity.medium": "medium",
  "severity.low": "low",
  "severity.critical": "critical",
  "type.high_temperature": "high temperature",
  "type.anomaly_detection": "anomaly",
  "unit.s": "{n} s",
  "unit.min": "{n} min",
  "unit.h": "{n} h",
  "unit.d": "{n} d",
};

export type Word = keyof typeof en;

const zh: Record<Word, string> = {
  tagline: "边缘网关",
  live: "实时",
  connecting: "连接中",
  reconnecting: "重新连接中",
  liveTitle: "页面每秒都收到网关的消息。",
  reconnectingTitle: "网关没有应答。显示的是它最后的状态；页面会继续尝试。",
  notReady: "暂停确认",
  notReadyTitle: "网关无法写入磁盘，因此不确认任何数据：设备会保留自己的数据。请查看网关日志。",
  demo: "演示 {name}",
  language: "English",
  languageTitle: "Show in English",
  figures: "网关指标",
  rate: "消息/秒",
  total: "已落盘消息",
  decision: "决策延迟",
  decisionTitle: "从读数到达，到由它产生的告警或命令落盘",
  commit: "磁盘提交",
  commitTitle: "一次成组提交写入磁盘所需的时间",
  log: "日志占用",
  logParts: "日志段 {journal} · 数据块 {blocks}",
  logTitle: "日志段：最新的记录。数据块：较早的记录，已压缩并建立索引。",
  alertsTotal: "告警 · 命令",
  p50p99: "中位数 · 99 分位",
  perSecond: "最近几秒收到",
  sinceFirst: "自首次启动以来",
  devicesCount: "{n} 台设备",
  deviceCount: "1 台设备",
  chart: "实时曲线",
  device: "设备",
  field: "字段",
  span: "时间范围",
  noNumbers: "该设备不发送数值。",
  loadingHistory: "正在加载历史数据…",
  historyFailed: "无法加载历史数据：{why}",
  chartOf: "{device} 的 {field}，最近 {span}；最新值 {value}；标出 {alerts} 条告警",
  min: "最小",
  max: "最大",
  alertMark: "条告警",
  devices: "设备",
  filter: "筛选设备",
  filterHint: "按名称筛选",
  values: "最新值",
  trend: "趋势",
  age: "距今",
  shownOf: "显示 {all} 台中的 {shown} 台：用筛选查找其他设备",
  noMatch: "没有名称包含“{text}”的设备。",
  stale: "静默",
  staleTitle: "静默时间远超平常",
  alerts: "告警",
  noAlerts: "目前没有告警。规则正在判断每一条读数。",
  alertsShown: "{shown} / {all}",
  times: "×",
  score: "分数",
  reading: "读数",
  older: "显示更早的",
  onlyNewest: "仅列出 {all} 条中最新的 {n} 条。",
  commands: "命令",
  noCommands: "尚未下发命令。",
  took: "从下发到{state}用时 {time}",
  connect: "连接设备",
  connectFirst: "还没有设备发来数据",
  connectText: "在本机终端粘贴下面任意一行，设备就会以您给的名称立即出现在这里。",
  connectMqtt: "MQTT，至少一次（mosquitto-clients）",
  connectHttp: "HTTP，落盘后才应答",
  connectAlarm: "超过 80 时规则触发，出现告警",
  copy: "复制",
  copied: "已复制",
  justLines: "主题 sensors/名称/data，JSON 字段任意；timestamp 可省略。",
  loadFailed: "无法加载网关的列表（{why}）。页面会继续尝试。",
  version: "Skerry {version}，启动于 {time}",
  skip: "跳到设备",
  "state.issued": "已下发",
  "state.delivered": "已送达",
  "state.accepted": "已接受",
  "state.done": "完成",
  "state.failed": "失败",
  "state.expired": "已过期",
  "state.unknown": "未知",
  "severity.high": "高",
  "severity.medium": "中",
  "severity.low": "低",
  "severity.critical": "严重",
  "type.high_temperature": "高温",
  "type.anomaly_detection": "异常",
  "unit.s": "{n} 秒",
  "unit.min": "{n} 分钟",
  "unit.h": "{n} 小时",
  "unit.d": "{n} 天",
};

const tables: Record<Language, Record<Word, string>> = { en, zh };
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

export const language = signal<Language>(typeof navigator === "undefined" ? "en" : chosen());

export function speak(next: Language): void {
  language.value = next;
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // it lasts as long as the page
  }
}

export function t(word: Word, blanks: Record<string, string | number> = {}): string {
  return tables[language.value][word].replace(/\{(\w+)\}/g, (_, name: string) => String(blanks[name] ?? ""));
}

// A word for what the gateway names (states, severities, types); names without one stay as they are.
export function named(kind: "state" | "severity" | "type", name: string): string {
  const word = `${kind}.${name}`;
  return word in en ? t(word as Word) : name.replace(/_/g, " ");
}
