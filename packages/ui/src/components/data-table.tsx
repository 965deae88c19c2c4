/**
 * Rows of anything: real table, keyboard (`j`, `k`, Enter), and the next page when its end comes into view. The rows may
 * grow at the end without moving what is read. Its foot says how many there are and saves them as CSV.
 */
import type { KeyboardEvent, ReactElement, ReactNode } from 'react';
import { useEffect, useRef } from 'react';
import { useNavigate } from 'react-router';
import { plural } from '../words.ts';
import type { CsvValue } from './csv.ts';
import type { More } from './loaded-pages.tsx';
import { TableExport } from './table-export.tsx';

export interface Column<T> {
  readonly key: string;
  readonly head: ReactNode;
  readonly cell: (row: T) => ReactNode;
  /** Numbers stand to the right. */
  readonly isNumber?: boolean;
  /** Left out on narrow screens. */
  readonly isExtra?: boolean;
  /** Set on the column that the rows are ordered by. */
  readonly sort?: 'ascending' | 'descending' | undefined;
  /** The exact value for files; without it a file has what the cell says. */
  readonly value?: (row: T) => CsvValue;
}

interface DataTableProps<T> {
  /** What the rows are, for readers who do not see the heading. */
  readonly label: string;
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  readonly rowKey: (row: T) => string;
  /** Where Enter and a click lead. */
  readonly href?: (row: T) => string;
  readonly selected?: string | undefined;
  readonly more?: More | undefined;
}

export function DataTable<T>({ label, columns, rows, rowKey, href, selected, more }: DataTableProps<T>): ReactElement {
  const navigate = useNavigate();
  const end = useRef<HTMLDivElement>(null);
  const table = useRef<HTMLTableElement>(null);
  const load = more?.load;
  useEffect(() => {
    if (load === undefined || end.current === null) return undefined;
    const observer = new IntersectionObserver(([entry]) => {
      if (entry?.isIntersecting === true) load();
    });
    observer.observe(end.current);
    return () => observer.disconnect();
  }, [load, rows.length]);

  const onKey = (event: KeyboardEvent<HTMLTableRowElement>, row: T): void => {
    const step =
      event.key === 'j' || event.key === 'ArrowDown' ? 1 : event.key === 'k' || event.key === 'ArrowUp' ? -1 : 0;
    if (step !== 0) {
      const next = step > 0 ? event.currentTarget.nextElementSibling : event.currentTarget.previousElementSibling;
      if (next instanceof HTMLElement) next.focus();
      event.preventDefault();
    } else if (event.key === 'Enter' && event.target === event.currentTarget && href !== undefined) {
      void navigate(href(row));
    }
  };

  return (
    <div className="scroll" tabIndex={0}>
      <table className="tbl top0" aria-label={label} ref={table}>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.key} scope="col" className={classOf(column)} aria-sort={column.sort}>
                {column.head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => {
            const key = rowKey(row);
            return (
              <tr
                key={key}
                tabIndex={href === undefined ? undefined : 0}
                className={key === selected ? 'sel focus' : ''}
                onKeyDown={(event) => onKey(event, row)}
                onClick={(event) => {
                  const isOnControl =
                    event.target instanceof Element && event.target.closest('a, button, input') !== null;
                  if (href !== undefined && !isOnControl) void navigate(href(row));
                }}
              >
                {columns.map((column) => (
                  <td key={column.key} className={classOf(column)}>
                    {column.cell(row)}
                  </td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
      {rows.length > 0 && (
        <div className="tf" ref={end}>
          <span>
            {plural(rows.length, 'row')}
            {more !== undefined && (more.isLoading ? ', loading more' : ', more below')}
          </span>
          {more !== undefined && (
            <button type="button" className="btn sm ghost" onClick={more.load}>
              Load more
            </button>
          )}
          <TableExport
            label={label}
            table={table}
            values={columns.map(({ value }) => value && ((at: number) => valueAt(rows, at, value)))}
            rows={rows.length}
            more={more}
          />
        </div>
      )}
    </div>
  );
}

function valueAt<T>(rows: readonly T[], at: number, value: (row: T) => CsvValue): CsvValue {
  const row = rows[at];
  return row === undefined ? undefined : value(row);
}

const classOf = <T,>(column: Column<T>): string =>
  [column.isNumber === true ? 'num' : '', column.isExtra === true ? 'hide-s' : ''].filter((c) => c !== '').join(' ');
