/** Rows of a table as a CSV file: those that are here, or all of a paged list up to a stated bound. */
import type { ReactElement, RefObject } from 'react';
import { useEffect, useRef, useState } from 'react';
import { count, plural } from '../words.ts';
import { textOfCell } from './cell-text.ts';
import type { CsvValue, Sheet } from './csv.ts';
import { downloadSheet } from './download.ts';
import type { More } from './loaded-pages.tsx';

/** More belongs into a program: the foot bar has the command. */
export const exportRowsMax = 5000;

interface TableExportProps {
  readonly label: string;
  readonly table: RefObject<HTMLTableElement | null>;
  /** Exact values where a column has them; undefined leaves the column to what its cells say. */
  readonly values: readonly (((row: number) => CsvValue) | undefined)[];
  readonly rows: number;
  readonly more: More | undefined;
  /** Draws all rows for as long as they are read. */
  readonly draw: (read: () => void) => void;
}

function sheetOf(table: HTMLTableElement, values: TableExportProps['values']): Sheet {
  const all = [...(table.tHead?.rows[0]?.cells ?? [])].map((cell) => textOfCell(cell));
  // A column of buttons has no head and nothing to say.
  const kept = all.flatMap((name, i) => (name === '' || name === 'Actions' ? [] : [i]));
  const drawn = [...(table.tBodies[0]?.querySelectorAll<HTMLTableRowElement>('tr[data-row]') ?? [])];
  const rows = drawn.slice(0, exportRowsMax).map((row, at) =>
    kept.map((i) => {
      const exact = values[i];
      const cell = row.cells[i];
      return exact === undefined ? (cell === undefined ? '' : textOfCell(cell)) : exact(at);
    }),
  );
  return { head: kept.map((i) => all[i] ?? ''), rows };
}

export function TableExport({ label, table, values, rows, more, draw }: TableExportProps): ReactElement {
  const [isAll, setAll] = useState(false);
  const [said, setSaid] = useState('');
  /** How many rows there were when the next page was asked for: the same number again means that it did not come. */
  const asked = useRef<{ rows: number; hasBegun: boolean } | undefined>(undefined);
  const save = (note: string): void => {
    draw(() => {
      if (table.current !== null) downloadSheet(label, sheetOf(table.current, values));
    });
    setSaid(note);
  };
  const load = more?.load;
  const isLoading = more?.isLoading ?? false;
  useEffect(() => {
    if (!isAll) return;
    if (load === undefined || rows >= exportRowsMax) {
      asked.current = undefined;
      setAll(false);
      save(load === undefined ? `Saved all ${count(rows)}` : `Saved the first ${count(exportRowsMax)}`);
    } else if (isLoading && asked.current !== undefined) asked.current.hasBegun = true;
    else if (!isLoading && asked.current?.rows === rows && asked.current.hasBegun) {
      asked.current = undefined;
      setAll(false);
      save(`Saved ${count(rows)}: the next page did not come`);
    } else if (!isLoading && asked.current?.rows !== rows) {
      asked.current = { rows, hasBegun: false };
      load();
    }
    // What is saved is read from the table as it is then.
  }, [isAll, rows, isLoading, load]);
  const title = `What is shown as CSV: ${plural(rows, 'row')}`;
  return (
    <span className="export">
      <span role="status">{isAll ? `${count(rows)} so far` : said}</span>
      {isAll ? (
        <button type="button" className="btn sm ghost" onClick={() => setAll(false)}>
          Stop
        </button>
      ) : (
        <>
          <button
            type="button"
            className="btn sm ghost"
            title={title}
            aria-label={`CSV of ${label}`}
            onClick={() => save(`Saved ${count(Math.min(rows, exportRowsMax))}`)}
          >
            CSV
          </button>
          {more !== undefined && (
            <button
              type="button"
              className="btn sm ghost"
              title={`Loads page after page, up to ${count(exportRowsMax)} rows`}
              aria-label={`CSV of all ${label}`}
              onClick={() => setAll(true)}
            >
              CSV of all
            </button>
          )}
        </>
      )}
    </span>
  );
}
