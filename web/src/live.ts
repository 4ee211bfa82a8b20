// The event stream: opens it, tells what comes, notices when it went silent, and opens it again with growing pauses.

export type Link = "connecting" | "live" | "reconnecting";

export interface Handlers {
  opened(): void; // each time; lists must be loaded anew, since events may have been missed
  event(type: "readings" | "alert" | "command" | "status", data: unknown): void;
  link(state: Link): void;
}

const SILENT_MS = 4_500; // status comes once a second
const PAUSE_MS_MIN = 500;
const PAUSE_MS_MAX = 5_000;
const TYPES = ["readings", "alert", "command", "status"] as const;

export class Live {
  private source: EventSource | null = null;
  private pause = PAUSE_MS_MIN;
  private heard = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private readonly watch: ReturnType<typeof setInterval>;

  constructor(private readonly url: string, private readonly handlers: Handlers) {
    this.watch = setInterval(() => {
      if (this.source && performance.now() - this.heard > SILENT_MS) this.again();
    }, 1_000);
    // A laptop that wakes, a phone that finds its network: try at once instead of waiting for the pause to end.
    addEventListener("online", () => this.now());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && !this.source) this.now();
    });
    this.open();
  }

  close(): void {
    clearInterval(this.watch);
    clearTimeout(this.retry);
    this.source?.close();
  }

  private open(): void {
    this.heard = performance.now();
    const source = new EventSource(this.url);
    this.source = source;
    source.onopen = () => {
      this.heard = performance.now();
      this.pause = PAUSE_MS_MIN;
      this.handlers.link("live");
      this.handlers.opened();
    };
    // Its own retries stop for good at an answer that is no stream; ours do not.
    source.onerror = () => this.again();
    for (const type of TYPES) {
      source.addEventListener(type, (event) => {
        this.heard = performance.now();
        let data: unknown;
        try {
          data = JSON.parse((event as MessageEvent<string>).data);
        } catch {
          return; // cut in the middle; the lists will have it
        }
        this.handlers.event(type, data);
      });
    }
  }

  private again(): void {
    this.source?.close();
    this.source = null;
    this.handlers.link("reconnecting");
    clearTimeout(this.retry);
    this.retry = setTimeout(() => this.open(), this.pause);
    this.pause = Math.min(PAUSE_MS_MAX, this.pause * 1.6);
  }

  private now(): void {
    if (this.source) return;
    clearTimeout(this.retry);
    this.pause = PAUSE_MS_MIN;
    this.open();
  }
}
