/** The window of rows of a scrolling element, kept as it scrolls and as it changes its size. */
import type { RefObject } from 'react';
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react';
import type { RowWindow, Viewport } from './row-window.ts';
import { rowWindow, scrollFor, wantsMore } from './row-window.ts';

interface WindowedRows {
  readonly count: number;
  readonly rowPx: number;
  /** Height of what lies above the first row inside of the scroller and stays in sight: the head. */
  readonly headPx: number;
  readonly more: (() => void) | undefined;
}

interface UsedRowWindow extends RowWindow {
  /** Scrolls as little as possible so that the row is in sight. */
  readonly show: (row: number) => void;
}

export function useRowWindow(scroller: RefObject<HTMLElement | null>, rows: WindowedRows): UsedRowWindow {
  const { count, rowPx, headPx, more } = rows;
  const viewport = useCallback((): Viewport => {
    const element = scroller.current;
    return { topPx: element?.scrollTop ?? 0, heightPx: (element?.clientHeight ?? 0) - headPx, rowPx };
  }, [scroller, headPx, rowPx]);
  const [drawn, setDrawn] = useState<RowWindow>({ first: 0, end: Math.min(count, 60) });
  const latest = useRef(more);
  latest.current = more;
  const follow = useCallback(() => {
    const view = viewport();
    const next = rowWindow(count, view);
    setDrawn((now) => (now.first === next.first && now.end === next.end ? now : next));
    if (wantsMore(count, view)) latest.current?.();
  }, [count, viewport]);
  useLayoutEffect(follow, [follow]);
  useEffect(() => {
    const element = scroller.current;
    if (element === null) return undefined;
    element.addEventListener('scroll', follow, { passive: true });
    const observer = new ResizeObserver(follow);
    observer.observe(element);
    return () => {
      element.removeEventListener('scroll', follow);
      observer.disconnect();
    };
  }, [scroller, follow]);
  const show = useCallback(
    (row: number) => {
      const to = scrollFor(row, viewport());
      if (to !== undefined && scroller.current !== null) scroller.current.scrollTop = to;
    },
    [scroller, viewport],
  );
  return { first: Math.min(drawn.first, count), end: Math.min(drawn.end, count), show };
}
