// Rows that exist only where one looks: a table of ten thousand costs what a screenful does.
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

const BEFORE_AND_AFTER = 6; // rows beyond the edge, so that scrolling shows no hole

export interface RowsProps<T> {
  items: readonly T[];
  height: number; // px of one row, the same for all
  columns: number;
  labelledBy: string;
  head: ComponentChildren;
  row: (item: T, index: number) => ComponentChildren;
  empty?: ComponentChildren;
  class?: string;
}

export function Rows<T>({ items, height, columns, labelledBy, head, row, empty, class: name = "" }: RowsProps<T>) {
  const box = useRef<HTMLDivElement>(null);
  const top = useSignal(0);
  const seen = useSignal(600);
  useEffect(() => {
    const host = box.current;
    if (!host) return undefined;
    const look = (): void => {
      top.value = Math.floor(host.scrollTop / height);
      seen.value = host.clientHeight;
    };
    const sizes = new ResizeObserver(look);
    sizes.observe(host);
    host.addEventListener("scroll", look, { passive: true });
    look();
    return () => {
      sizes.disconnect();
      host.removeEventListener("scroll", look);
    };
  }, [height]);
  const shown = Math.ceil(seen.value / height) + 2 * BEFORE_AND_AFTER;
  const from = Math.max(0, Math.min(top.value - BEFORE_AND_AFTER, items.length - shown));
  const to = Math.min(items.length, from + shown);
  const pad = (rows: number) => (rows > 0 ? <tr class="pad" aria-hidden="true"><td colSpan={columns} style={{ height: `${rows * height}px` }} /></tr> : null);
  return (
    <div class={`scroll ${name}`} ref={box} role="region" aria-labelledby={labelledBy} tabIndex={0}>
      <table aria-rowcount={items.length + 1}>
        <thead>{head}</thead>
        <tbody>
          {pad(from)}
          {items.slice(from, to).map((item, i) => row(item, from + i))}
          {pad(items.length - to)}
        </tbody>
      </table>
      {items.length === 0 && empty}
    </div>
  );
}
