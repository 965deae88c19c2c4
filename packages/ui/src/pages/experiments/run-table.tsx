/**
 * The list of runs: a real table of which only the rows near sight are drawn. Heads order it; `j` and `k` walk, Enter opens
 * the run beside the list, Shift Enter its page, `x` selects, Shift `x` selects up to here.
 */
import type { Run } from '@slipway/contract';
import type { KeyboardEvent, MouseEvent, ReactElement } from 'react';
import { memo, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { useNavigate } from 'react-router';
import { Icon } from '../../components/icon.tsx';
import { SpaceRow } from '../../components/space-row.tsx';
import { useRowWindow } from '../../components/use-row-window.ts';
import { to } from '../../frame/places.ts';
import { instant } from '../../words.ts';
import { pipelineRunTag } from './columns.ts';
import { colourOf } from './metric-chart.tsx';
import type { RunColumn } from './run-columns.tsx';
import { CurvesContext, useCurves } from './use-curves.ts';

const selectPx = 36;
/** As many as one sample of a metric takes. */
export const selectedMax = 50;

interface RunTableProps {
  readonly runs: readonly Run[];
  readonly columns: readonly RunColumn[];
  /** Of all that match, where it is known. */
  readonly total: number | undefined;
  readonly selected: readonly string[];
  readonly opened: string | undefined;
  readonly sort: string | undefined;
  readonly more: (() => void) | undefined;
  /** The metric whose course is drawn. */
  readonly curve: string | undefined;
  readonly actions: RunActions;
}

export interface RunActions {
  readonly sort: (order: string | undefined) => void;
  /** Undefined closes. */
  readonly open: (id: string | undefined) => void;
  /** `toggle` is for one: it goes when it is selected. */
  readonly select: (ids: readonly string[], how: 'toggle' | 'add') => void;
  readonly clear: () => void;
  readonly compare: () => void;
  readonly showNew: () => void;
}

export function RunTable(props: RunTableProps): ReactElement {
  const { runs, columns, total, selected, opened, sort, more, curve, actions } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const sizes = useSizes(scroller);
  const { first, end, show } = useRowWindow(scroller, { count: runs.length, more, ...sizes });
  const walk = useWalk({ ...props, scroller, show });
  const curves = useCurves(runs, curve, { first, end });
  const chosen = useMemo(() => new Map(selected.map((id, i) => [id, colourOf(i).color])), [selected]);
  const isSome = selected.length > 0;
  const lefts = useMemo(() => pinnedLefts(columns), [columns]);
  const width = selectPx + columns.reduce((sum, column) => sum + column.widthPx, 0);
  const onClick = useCallback(
    (event: MouseEvent, run: Run, index: number): void => {
      if (event.target instanceof Element && event.target.closest('a, button') !== null) return;
      walk.setFocused(index);
      if (event.target instanceof HTMLInputElement) return;
      actions.open(run.id);
    },
    [actions, walk.setFocused],
  );
  return (
    <CurvesContext value={curves}>
      <div className="scroll run-scroll" ref={scroller} tabIndex={0} onKeyDown={walk.onKey}>
        <table
          className="tbl top0 run-table"
          aria-label="Runs"
          aria-rowcount={total === undefined ? -1 : total + 1}
          style={{ width: `max(100%, ${width}px)` }}
        >
          <colgroup>
            <col style={{ width: selectPx }} />
            {columns.map((column) => (
              <col key={column.key} style={{ width: column.widthPx }} />
            ))}
            <col />
          </colgroup>
          <thead>
            <tr aria-rowindex={1}>
              <th scope="col" className="pinned" style={{ left: 0 }}>
                <input
                  type="checkbox"
                  tabIndex={-1}
                  aria-label={`Select ${isSome ? 'none' : 'the first'}`}
                  title={isSome ? 'Clear what is selected' : `Select the first ${Math.min(selectedMax, runs.length)}`}
                  checked={isSome}
                  onChange={() =>
                    isSome
                      ? actions.clear()
                      : actions.select(
                          runs.slice(0, selectedMax).map((run) => run.id),
                          'add',
                        )
                  }
                />
              </th>
              {columns.map((column) => (
                <Head key={column.key} column={column} left={lefts.get(column.key)} sort={sort} order={actions.sort} />
              ))}
              <td aria-hidden="true" className="rest" />
            </tr>
          </thead>
          <tbody>
            <SpaceRow px={first * sizes.rowPx} columns={columns.length + 2} />
            {runs.slice(first, end).map((run, i) => (
              <RunRow
                key={run.id}
                run={run}
                index={first + i}
                columns={columns}
                lefts={lefts}
                color={chosen.get(run.id)}
                group={groupOf(runs, first + i)}
                isOpen={run.id === opened}
                isFocused={first + i === walk.focused}
                onClick={onClick}
                select={actions.select}
              />
            ))}
            <SpaceRow px={(runs.length - end) * sizes.rowPx} columns={columns.length + 2} />
          </tbody>
        </table>
      </div>
    </CurvesContext>
  );
}

type Group = 'group-first' | 'group-middle' | 'group-last' | '';

/** Steps of one pipeline run that stand together are bracketed. */
function groupOf(runs: readonly Run[], i: number): Group {
  const of = (index: number): string | undefined => runs[index]?.tags[pipelineRunTag];
  const own = of(i);
  if (own === undefined) return '';
  const [hasAbove, hasBelow] = [of(i - 1) === own, of(i + 1) === own];
  if (hasAbove) return hasBelow ? 'group-middle' : 'group-last';
  return hasBelow ? 'group-first' : '';
}

/** Heights come from the theme's density; a change of density changes them. */
function useSizes(scroller: { readonly current: HTMLElement | null }): { rowPx: number; headPx: number } {
  const [sizes, setSizes] = useState({ rowPx: 30, headPx: 28 });
  useLayoutEffect(() => {
    const row = scroller.current?.querySelector('tbody tr[data-row]')?.getBoundingClientRect().height ?? 0;
    const head = scroller.current?.querySelector('thead tr')?.getBoundingClientRect().height ?? 0;
    if (row > 0 && (row !== sizes.rowPx || head !== sizes.headPx)) setSizes({ rowPx: row, headPx: head });
  });
  return sizes;
}

/** Where each pinned column stays when the table scrolls sideways. */
function pinnedLefts(columns: readonly RunColumn[]): ReadonlyMap<string, number> {
  let left = selectPx;
  const lefts = new Map<string, number>();
  for (const column of columns) {
    if (column.isPinned !== true) continue;
    lefts.set(column.key, left);
    left += column.widthPx;
  }
  return lefts;
}

interface Walking extends RunTableProps {
  readonly scroller: { readonly current: HTMLElement | null };
  readonly show: (row: number) => void;
}

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable ||
    /^(TEXTAREA|SELECT)$/.test(target.tagName) ||
    (target instanceof HTMLInputElement && target.type !== 'checkbox'));

function useWalk({ runs, opened, actions, scroller, show }: Walking): {
  readonly focused: number;
  readonly setFocused: (index: number) => void;
  readonly onKey: (event: KeyboardEvent) => void;
} {
  const navigate = useNavigate();
  const [focused, setDrawn] = useState(() =>
    Math.max(
      0,
      runs.findIndex((run) => run.id === opened),
    ),
  );
  // Keys may follow each other more quickly than rows are drawn.
  const at = useRef(focused);
  const setFocused = useCallback((index: number): void => {
    at.current = index;
    setDrawn(index);
  }, []);
  const wanted = useRef<number>(undefined);
  const anchor = useRef(0);
  useEffect(() => {
    // The row may be drawn only after the scroller has moved.
    if (wanted.current === undefined) return;
    const row = scroller.current?.querySelector<HTMLElement>(`tr[data-row="${wanted.current}"]`);
    if (row === null || row === undefined) return;
    row.focus({ preventScroll: true });
    wanted.current = undefined;
  });
  const go = (index: number): void => {
    const next = Math.min(runs.length - 1, Math.max(0, index));
    const run = runs[next];
    if (run === undefined) return;
    setFocused(next);
    wanted.current = next;
    show(next);
    if (opened !== undefined) actions.open(run.id);
  };
  const onKey = (event: KeyboardEvent | globalThis.KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const isInTable = event.target instanceof Node && scroller.current?.contains(event.target) === true;
    const isOnControl = event.target instanceof Element && event.target.closest('a, button') !== null;
    const now = at.current;
    const isWalking = isInTable || wanted.current !== undefined;
    const run = runs[now];
    const keys: Readonly<Record<string, () => void>> = {
      j: () => go(isWalking ? now + 1 : now),
      k: () => go(now - 1),
      ...(isInTable
        ? {
            ArrowDown: () => go(now + 1),
            ArrowUp: () => go(now - 1),
            Home: () => go(0),
            End: () => go(runs.length - 1),
          }
        : {}),
      ...(run === undefined || isOnControl || !isInTable
        ? {}
        : { Enter: () => (event.shiftKey ? void navigate(to.run(run.id)) : actions.open(run.id)) }),
      x: () => {
        if (run === undefined) return;
        actions.select([run.id], 'toggle');
        anchor.current = now;
      },
      X: () => {
        const [from, until] = [Math.min(anchor.current, now), Math.max(anchor.current, now)];
        actions.select(
          runs.slice(from, until + 1).map((one) => one.id),
          'add',
        );
      },
    };
    const act = keys[event.key];
    if (act === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  };
  // Keys work from anywhere on the page, as long as nobody types.
  const latest = useRef(onKey);
  latest.current = onKey;
  useEffect(() => {
    const onPage = (event: globalThis.KeyboardEvent): void => {
      const isOff =
        document.documentElement.dataset['keys'] === 'off' || document.querySelector('[role="dialog"]') !== null;
      if (!event.defaultPrevented && !isOff && event.key !== 'Enter') latest.current(event);
    };
    addEventListener('keydown', onPage);
    return () => removeEventListener('keydown', onPage);
  }, []);
  return { focused, setFocused, onKey };
}

interface HeadProps {
  readonly column: RunColumn;
  readonly left: number | undefined;
  readonly sort: string | undefined;
  readonly order: (order: string | undefined) => void;
}

/** A click orders by the head, a second turns the order, a third gives the order of the server back. */
function Head({ column, left, sort, order }: HeadProps): ReactElement {
  const classes = [column.isNumber === true ? 'num' : '', left === undefined ? '' : 'pinned'].join(' ');
  const style = left === undefined ? undefined : { left };
  const by = column.order;
  if (by === undefined) {
    return (
      <th scope="col" className={classes} style={style} title={column.title}>
        {column.word}
      </th>
    );
  }
  const now = sortOf(sort);
  const direction = now?.field === by.field ? now.order : undefined;
  const other = by.first === 'asc' ? 'desc' : 'asc';
  const next =
    direction === undefined ? `${by.field} ${by.first}` : direction === by.first ? `${by.field} ${other}` : undefined;
  return (
    <th
      scope="col"
      className={classes}
      style={style}
      aria-sort={direction === undefined ? undefined : direction === 'asc' ? 'ascending' : 'descending'}
    >
      <button
        type="button"
        className="so"
        aria-label={`Order by ${column.word}`}
        title={column.word}
        onClick={() => order(next)}
      >
        <span className="el" dir="auto">
          {column.word}
        </span>
        {direction !== undefined && (
          <span className={direction === 'asc' ? 'up' : ''}>
            <Icon name="down" small />
          </span>
        )}
      </button>
    </th>
  );
}

function sortOf(text: string | undefined): { field: string; order: 'asc' | 'desc' } | undefined {
  const match = /^(.+?)(?:\s+(asc|desc))?$/i.exec(text ?? '');
  const field = match?.[1];
  return field === undefined ? undefined : { field, order: match?.[2]?.toLowerCase() === 'desc' ? 'desc' : 'asc' };
}

interface RunRowProps {
  readonly run: Run;
  readonly index: number;
  readonly columns: readonly RunColumn[];
  readonly lefts: ReadonlyMap<string, number>;
  /** Of a selected one. */
  readonly color: string | undefined;
  readonly group: Group;
  readonly isOpen: boolean;
  readonly isFocused: boolean;
  readonly onClick: (event: MouseEvent, run: Run, index: number) => void;
  readonly select: RunActions['select'];
}

const RunRow = memo(function RunRow(props: RunRowProps): ReactElement {
  const { run, index, columns, lefts, color, group, isOpen, isFocused, onClick, select } = props;
  const isSelected = color !== undefined;
  return (
    <tr
      data-row={index}
      aria-rowindex={index + 2}
      aria-selected={isSelected}
      tabIndex={isFocused ? 0 : -1}
      className={`${isSelected ? 'sel' : ''} ${isOpen ? 'focus' : ''} ${group}`}
      onClick={(event) => onClick(event, run, index)}
    >
      <td className="pinned" style={{ left: 0 }}>
        <input
          type="checkbox"
          tabIndex={-1}
          aria-label={`Select ${run.name} of ${instant(run.startedAt)}`}
          checked={isSelected}
          onChange={() => select([run.id], 'toggle')}
        />
      </td>
      {columns.map((column) => {
        const left = lefts.get(column.key);
        return (
          <td
            key={column.key}
            className={`${column.isNumber === true ? 'num' : 'text'} ${left === undefined ? '' : 'pinned'}`}
            style={left === undefined ? undefined : { left }}
          >
            {column.cell(run, color)}
          </td>
        );
      })}
      <td className="rest" />
    </tr>
  );
});
