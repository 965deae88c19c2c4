/**
 * Draws of a long table the rows near sight, whichever element scrolls: the place of the table's body in the window says it
 * all. On paper, and for a file, all rows are drawn.
 */
import type { RefObject } from 'react';
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { usePrinting } from '../theme/scheme.ts';
import type { BlockWindow } from './block-window.ts';
import { blockRows, blockWindow } from './block-window.ts';

/** Shorter tables are drawn whole: the browser's own search and other readers have all of it. */
export const windowedFrom = 120;

/** The next page is asked for when so much of the height of the window, or less, is left below it. */
const aheadHeights = 0.75;

interface Used extends BlockWindow {
  readonly isWindowed: boolean;
}

export function useBlockWindow(
  table: RefObject<HTMLTableElement | null>,
  count: number,
  more: (() => void) | undefined,
): Used {
  const isPrinting = usePrinting();
  const isWindowed = count > windowedFrom && !isPrinting;
  const [heights] = useState(() => new Map<number, number>());
  const [drawn, setDrawn] = useState<BlockWindow>({ first: 0, end: windowedFrom, abovePx: 0, belowPx: 0 });
  const latest = useRef(more);
  latest.current = more;
  const askedAt = useRef(0);
  const follow = useCallback(() => {
    const body = table.current?.tBodies[0];
    if (body === undefined) return;
    const { top, height } = body.getBoundingClientRect();
    const leftPx = top + height - innerHeight;
    if (latest.current !== undefined && askedAt.current !== count && leftPx < innerHeight * aheadHeights) {
      askedAt.current = count;
      latest.current();
    }
    if (!isWindowed) return;
    const next = blockWindow({ count, topPx: -top, heightPx: innerHeight, heights });
    setDrawn((now) =>
      now.first === next.first && now.end === next.end && now.abovePx === next.abovePx && now.belowPx === next.belowPx
        ? now
        : next,
    );
  }, [table, count, isWindowed, heights]);
  // Before it is painted: what was drawn for the first time has a height now.
  useLayoutEffect(() => {
    const body = table.current?.tBodies[0];
    if (isWindowed && body !== undefined) measure(body, heights);
    follow();
  }, [table, isWindowed, heights, follow, drawn]);
  useEffect(() => {
    const options = { passive: true, capture: true };
    addEventListener('scroll', follow, options);
    const forget = (): void => {
      heights.clear();
      follow();
    };
    addEventListener('resize', forget);
    return () => {
      removeEventListener('scroll', follow, options);
      removeEventListener('resize', forget);
    };
  }, [follow, heights]);
  if (!isWindowed) return { first: 0, end: count, abovePx: 0, belowPx: 0, isWindowed };
  return { ...drawn, first: Math.min(drawn.first, count), end: Math.min(drawn.end, count), isWindowed };
}

/** Of each block that is drawn whole. */
function measure(body: HTMLTableSectionElement, heights: Map<number, number>): void {
  const rows = [...body.querySelectorAll<HTMLTableRowElement>('tr[data-row]')];
  for (let at = 0; at < rows.length; at += blockRows) {
    const [head, last] = [rows[at], rows[at + blockRows - 1]];
    const row = Number(head?.dataset['row']);
    if (head === undefined || last === undefined || row % blockRows !== 0) continue;
    heights.set(row / blockRows, last.getBoundingClientRect().bottom - head.getBoundingClientRect().top);
  }
}
