/**
 * Windows that were measured lately. A person who looks for good settings asks for the same windows again and again, and what
 * lies in the past seldom changes: it is measured again only where the log or its labels say that they have moved.
 */
import type { FoundWindow } from './judging.ts';

/** Columns of all windows that are kept: 2 KB each. */
const columnsMax = 4000;

export interface MeasuredWindows {
  /** Undefined unless the window was kept under this mark. */
  find(key: string, mark: string): FoundWindow | undefined;
  keep(key: string, mark: string, found: FoundWindow): void;
}

interface Kept {
  readonly mark: string;
  readonly found: FoundWindow;
}

/** The score is one of them. */
const columnsOf = ({ measured }: FoundWindow): number => measured.columns.length + 1;

export function createMeasuredWindows(): MeasuredWindows {
  // The one that was asked for last is the last.
  const windows = new Map<string, Kept>();
  let columns = 0;
  const drop = (key: string): void => {
    const kept = windows.get(key);
    if (kept === undefined) return;
    windows.delete(key);
    columns -= columnsOf(kept.found);
  };
  return {
    find: (key, mark) => {
      const kept = windows.get(key);
      if (kept?.mark !== mark) return undefined;
      windows.delete(key);
      windows.set(key, kept);
      return kept.found;
    },
    keep: (key, mark, found) => {
      drop(key);
      windows.set(key, { mark, found });
      columns += columnsOf(found);
      for (const oldest of windows.keys()) {
        if (columns <= columnsMax) break;
        drop(oldest);
      }
    },
  };
}
