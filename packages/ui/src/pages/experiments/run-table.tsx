/** The table of runs: heads order it, boxes select runs for comparison, figures are drawn against the others shown. */
import type { Run } from '@slipway/contract';
import type { KeyboardEvent, ReactElement, ReactNode } from 'react';
import { Link } from 'react-router';
import type { Column } from '../../components/data-table.tsx';
import { DataTable } from '../../components/data-table.tsx';
import { Icon } from '../../components/icon.tsx';
import { StatusBadge } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { duration, fullInstant, instant } from '../../words.ts';
import type { ColumnKey } from './columns.tsx';
import { fieldOf, isNumeric, metricOf, metricText, plotted, tookMs } from './values.ts';
import type { ViewState } from '../../components/use-view-state.ts';

/** On a row: `x` selects, `v` compares what is selected, Esc clears. */
interface RunTableProps {
  readonly runs: readonly Run[];
  readonly columns: readonly ColumnKey[];
  readonly hasExperiment: boolean;
  readonly view: ViewState;
  readonly selected: readonly string[];
  readonly more: { readonly isLoading: boolean; readonly load: () => void } | undefined;
}

export function RunTable({ runs, columns, hasExperiment, view, selected, more }: RunTableProps): ReactElement {
  const head = headsOf(view);
  const onKey = (event: KeyboardEvent<HTMLDivElement>): void => {
    if (!(event.target instanceof HTMLTableRowElement)) return;
    if (event.key === 'x') event.target.querySelector('input')?.click();
    else if (event.key === 'v' && selected.length > 1) view.set({ compare: '1' });
    else if (event.key === 'Escape') view.set({ sel: undefined, compare: undefined });
  };
  return (
    <div onKeyDown={onKey}>
      <DataTable
        label="Runs"
        rows={runs}
        rowKey={(run) => run.id}
        href={(run) => to.run(run.id)}
        more={more}
        columns={[
          {
            key: 'select',
            head: <span className="sr">Selected</span>,
            cell: (run) => (
              <input
                type="checkbox"
                aria-label={`Select ${run.name} of ${instant(run.startedAt)}`}
                checked={selected.includes(run.id)}
                onChange={() => view.toggle('sel', run.id)}
              />
            ),
          },
          {
            key: 'name',
            ...head('name', 'Run', 'asc'),
            cell: (run) => <Link to={to.run(run.id)}>{run.name}</Link>,
          },
          {
            key: 'status',
            ...head('status', 'Status', 'asc'),
            cell: (run) => <StatusBadge plain state={run.status} />,
          },
          ...(hasExperiment ? [experimentColumn] : []),
          ...columns.map((column): Column<Run> => {
            const key = column.slice(2);
            return column.startsWith('m:')
              ? {
                  key: column,
                  isNumber: true,
                  ...head(fieldOf('metrics', key), key, 'desc'),
                  cell: metricCell(runs, key),
                }
              : {
                  key: column,
                  isNumber: runs.every((run) => run.params[key] === undefined || isNumeric(run.params[key])),
                  ...head(fieldOf('params', key), key, 'asc'),
                  cell: (run) => paramCell(run.params[key]),
                };
          }),
          { key: 'took', head: 'Took', isNumber: true, cell: tookCell },
          {
            key: 'started',
            ...head('startedAt', 'Started', 'asc'),
            cell: (run) => <time title={fullInstant(run.startedAt)}>{instant(run.startedAt)}</time>,
          },
        ]}
      />
    </div>
  );
}

type Head = (field: string, word: string, first: 'asc' | 'desc') => Pick<Column<Run>, 'head' | 'sort'>;

/** A click orders by the head, a second turns the order, a third gives the order of the server back. */
function headsOf(view: ViewState): Head {
  const sorted = sortOf(view.get('sort'));
  return (field, word, first) => {
    const order = sorted?.field === field ? sorted.order : undefined;
    const next = order === undefined ? `${field} ${first}` : order === first ? `${field} ${otherOf(first)}` : undefined;
    return {
      sort: order === undefined ? undefined : order === 'asc' ? 'ascending' : 'descending',
      head: (
        <button type="button" className="so" aria-label={`Order by ${word}`} onClick={() => view.set({ sort: next })}>
          {word}
          {order !== undefined && (
            <span className={order === 'asc' ? 'up' : ''}>
              <Icon name="down" small />
            </span>
          )}
        </button>
      ),
    };
  };
}

const otherOf = (order: 'asc' | 'desc'): 'asc' | 'desc' => (order === 'asc' ? 'desc' : 'asc');

function sortOf(text: string | undefined): { field: string; order: 'asc' | 'desc' } | undefined {
  const match = /^(.+?)(?:\s+(asc|desc))?$/i.exec(text ?? '');
  const field = match?.[1];
  return field === undefined ? undefined : { field, order: match?.[2]?.toLowerCase() === 'desc' ? 'desc' : 'asc' };
}

const experimentColumn: Column<Run> = {
  key: 'experiment',
  head: 'Experiment',
  cell: (run) => (
    <Link to={`${to.experiments}?experiment=${encodeURIComponent(run.experiment)}`}>{run.experiment}</Link>
  ),
};

/** The bar reaches from the smallest value shown to the greatest: longer is greater, not better. */
function metricCell(runs: readonly Run[], key: string): (run: Run) => ReactNode {
  const values = runs.flatMap((run) => {
    const value = metricOf(run, key)?.value;
    return typeof value === 'number' ? [value] : [];
  });
  const low = Math.min(...values);
  const high = Math.max(...values);
  return (run) => {
    const value = metricOf(run, key)?.value;
    if (value === undefined) return <span className="t3">not set</span>;
    const at = plotted(value);
    const width = at === null || high === low ? 100 : Math.round(((at - low) / (high - low)) * 100);
    return (
      <span className="nw">
        {metricText(value)}
        {values.length > 1 && at !== null && (
          <span className="mb" aria-hidden="true">
            <i style={{ width: `${Math.max(4, width)}%` }} />
          </span>
        )}
      </span>
    );
  };
}

const longParam = 40;

function paramCell(value: string | undefined): ReactNode {
  if (value === undefined) return <span className="t3">not set</span>;
  return (
    <span className="mono" title={value.length > longParam ? value : undefined}>
      {value.length > longParam ? `${value.slice(0, longParam)}…` : value}
    </span>
  );
}

function tookCell(run: Run): ReactNode {
  const took = tookMs(run);
  return took === undefined ? <span className="t3">not ended</span> : duration(took);
}
