/**
 * Rows of anything: real table, keyboard (`j`, `k`, Enter), and the next page when most of this one was passed. Of a long
 * table only the rows near sight are drawn; it says how many there are and which one each is. The rows may grow at the end
 * without moving what is read. Its foot saves them as CSV.
 */
import type { KeyboardEvent, MouseEvent, ReactElement, ReactNode } from 'react';
import { memo, useCallback, useRef, useState } from 'react';
import { flushSync } from 'react-dom';
import { useNavigate } from 'react-router';
import { plural } from '../words.ts';
import type { CsvValue } from './csv.ts';
import type { More } from './loaded-pages.tsx';
import { SpaceRow } from './space-row.tsx';
import { exportRowsMax, TableExport } from './table-export.tsx';
import { useBlockWindow } from './use-block-window.ts';
import { useColumnWidths } from './use-column-widths.ts';

export interface Column<T> {
  readonly key: string;
  readonly head: ReactNode;
  readonly cell: (row: T) => ReactNode;
  /** Numbers stand to the right. */
  readonly isNumber?: boolean;
  /** Left out on narrow screens. */
  readonly isExtra?: boolean;
  /** Set on the column that the rows are ordered by. */
  readonly sort?: 'ascending' | 'descending' | 'other' | undefined;
  /** The exact value for files; without it a file has what the cell says. */
  readonly value?: (row: T) => CsvValue;
}

interface DataTableProps<T> {
  /** What the rows are, for readers who do not see the heading. */
  readonly label: string;
  readonly className?: string;
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  readonly rowKey: (row: T) => string;
  /** Where Enter and a click lead. */
  readonly href?: (row: T) => string;
  readonly selected?: string | undefined;
  readonly more?: More | undefined;
}

export function DataTable<T>(props: DataTableProps<T>): ReactElement {
  const { label, className = '', columns, rows, rowKey, href, selected, more } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const table = useRef<HTMLTableElement>(null);
  const [isWhole, setWhole] = useState(false);
  const load = more?.isLoading === true ? undefined : more?.load;
  const near = useBlockWindow(table, rows.length, load);
  const { first, end, abovePx, belowPx } = isWhole
    ? { first: 0, end: Math.min(rows.length, exportRowsMax), abovePx: 0, belowPx: 0 }
    : near;
  const widths = useColumnWidths(table, near.isWindowed, columns.length);
  const walk = useRowKeys({ scroller, rows, href, first, end });
  // A file has what every row says, also of those that are not drawn.
  const drawWhole = (read: () => void): void =>
    queueMicrotask(() => {
      flushSync(() => setWhole(true));
      read();
      setWhole(false);
    });
  return (
    <div className="scroll" tabIndex={0} ref={scroller} onKeyDown={walk.onScrollerKey}>
      <table
        className={`tbl top0 ${className}`}
        aria-label={label}
        ref={table}
        aria-rowcount={near.isWindowed ? (more === undefined ? rows.length + 1 : -1) : undefined}
      >
        {widths !== undefined && (
          <colgroup>
            {widths.map((width, i) => width > 0 && <col key={columns[i]?.key ?? i} style={{ width }} />)}
          </colgroup>
        )}
        <thead>
          <tr aria-rowindex={near.isWindowed ? 1 : undefined}>
            {columns.map((column) => (
              <th key={column.key} scope="col" className={classOf(column)} aria-sort={column.sort}>
                {column.head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          <SpaceRow px={abovePx} columns={columns.length} />
          {rows.slice(first, end).map((row, i) => {
            const key = rowKey(row);
            return (
              <Row
                key={key}
                row={row}
                at={first + i}
                columns={columns}
                isCounted={near.isWindowed}
                isSelected={key === selected}
                isLink={href !== undefined}
                onKey={walk.onRowKey}
                onOpen={walk.open}
              />
            );
          })}
          <SpaceRow px={belowPx} columns={columns.length} />
        </tbody>
      </table>
      {rows.length > 0 && (
        <div className="tf">
          <span title={near.isWindowed ? 'The search of the browser finds the rows near sight' : undefined}>
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
            draw={drawWhole}
          />
        </div>
      )}
    </div>
  );
}

interface RowProps<T> {
  readonly row: T;
  readonly at: number;
  readonly columns: readonly Column<T>[];
  /** Says which row it is: not all of them are drawn. */
  readonly isCounted: boolean;
  readonly isSelected: boolean;
  readonly isLink: boolean;
  readonly onKey: (event: KeyboardEvent<HTMLTableRowElement>, at: number) => void;
  readonly onOpen: (event: MouseEvent, at: number) => void;
}

function PlainRow<T>(props: RowProps<T>): ReactElement {
  const { row, at, columns, isCounted, isSelected, isLink, onKey, onOpen } = props;
  return (
    <tr
      data-row={at}
      aria-rowindex={isCounted ? at + 2 : undefined}
      tabIndex={isLink ? 0 : undefined}
      className={isSelected ? 'sel focus' : ''}
      onKeyDown={(event) => onKey(event, at)}
      onClick={(event) => onOpen(event, at)}
    >
      {columns.map((column) => (
        <td key={column.key} className={classOf(column)}>
          {column.cell(row)}
        </td>
      ))}
    </tr>
  );
}

// Scrolling draws new rows only. The cast gives the memo the row's type back, which memo() takes away.
const Row = memo(PlainRow) as typeof PlainRow;

interface RowKeys<T> {
  readonly scroller: { readonly current: HTMLDivElement | null };
  readonly rows: readonly T[];
  readonly href: ((row: T) => string) | undefined;
  readonly first: number;
  readonly end: number;
}

/** `j` and `k` walk, Enter and a click open. What is not drawn yet is brought into sight first. */
function useRowKeys<T>({ scroller, rows, href, first, end }: RowKeys<T>): {
  readonly onRowKey: RowProps<T>['onKey'];
  readonly open: RowProps<T>['onOpen'];
  readonly onScrollerKey: (event: KeyboardEvent<HTMLDivElement>) => void;
} {
  const navigate = useNavigate();
  const focused = useRef(0);
  const latest = useRef({ rows, href, first, end });
  latest.current = { rows, href, first, end };
  const focus = useCallback(
    (at: number) => {
      const row = scroller.current?.querySelector<HTMLElement>(`tr[data-row="${at}"]`);
      if (row === null || row === undefined) return;
      focused.current = at;
      row.focus();
    },
    [scroller],
  );
  const onRowKey = useCallback(
    (event: KeyboardEvent<HTMLTableRowElement>, at: number) => {
      const step = stepOf(event.key);
      if (step !== 0) {
        focus(at + step);
        event.preventDefault();
      } else if (event.key === 'Enter' && event.target === event.currentTarget) {
        const row = latest.current.rows[at];
        if (row !== undefined && latest.current.href !== undefined) void navigate(latest.current.href(row));
      }
    },
    [focus, navigate],
  );
  const open = useCallback(
    (event: MouseEvent, at: number) => {
      const isOnControl = event.target instanceof Element && event.target.closest('a, button, input') !== null;
      const row = latest.current.rows[at];
      if (!isOnControl && row !== undefined && latest.current.href !== undefined)
        void navigate(latest.current.href(row));
    },
    [navigate],
  );
  const onScrollerKey = useCallback(
    (event: KeyboardEvent<HTMLDivElement>) => {
      if (event.target !== event.currentTarget || stepOf(event.key) === 0 || latest.current.href === undefined) return;
      // The row that had the focus may be far away by now: the first one that is drawn in its stead.
      const { first: from, end: to } = latest.current;
      focus(focused.current >= from && focused.current < to ? focused.current : from);
      event.preventDefault();
    },
    [focus],
  );
  return { onRowKey, open, onScrollerKey };
}

const stepOf = (key: string): number =>
  key === 'j' || key === 'ArrowDown' ? 1 : key === 'k' || key === 'ArrowUp' ? -1 : 0;

function valueAt<T>(rows: readonly T[], at: number, value: (row: T) => CsvValue): CsvValue {
  const row = rows[at];
  return row === undefined ? undefined : value(row);
}

const classOf = <T,>(column: Column<T>): string =>
  [column.isNumber === true ? 'num' : '', column.isExtra === true ? 'hide-s' : ''].filter((c) => c !== '').join(' ');
