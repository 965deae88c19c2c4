/**
 * The columns of a windowed table as wide as its first rows made them: rows that come and go move no column. Wider content
 * still gets its room.
 */
import type { RefObject } from 'react';
import { useEffect, useLayoutEffect, useState } from 'react';

export function useColumnWidths(
  table: RefObject<HTMLTableElement | null>,
  isWindowed: boolean,
  columns: number,
): readonly number[] | undefined {
  const [widths, setWidths] = useState<readonly number[] | undefined>(undefined);
  useLayoutEffect(() => {
    const heads = [...(table.current?.tHead?.rows[0]?.cells ?? [])];
    setWidths(isWindowed ? heads.map((cell) => cell.getBoundingClientRect().width) : undefined);
  }, [table, isWindowed, columns]);
  useEffect(() => {
    // Another width of the window, or columns that it hides: measured anew without what was kept.
    const forget = (): void => setWidths(undefined);
    addEventListener('resize', forget);
    return () => removeEventListener('resize', forget);
  }, []);
  return widths;
}
