/** What each column of the list of runs shows, how wide it is, and what its head orders by. */
import type { Run } from '@slipway/contract';
import type { ReactElement, ReactNode } from 'react';
import { Link } from 'react-router';
import { StatusBadge } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { duration, fullInstant, instant } from '../../words.ts';
import type { ColumnKey } from './columns.ts';
import { fieldOfColumn, keyOf, kindOf } from './columns.ts';
import { isNumeric, metricOf, metricText, plotted, tookMs } from './values.ts';

export interface RunColumn {
  readonly key: string;
  readonly word: string;
  readonly widthPx: number;
  readonly isNumber?: boolean;
  readonly isPinned?: boolean;
  /** What the head orders by, and which way first; undefined where the server cannot. */
  readonly order?: { readonly field: string; readonly first: 'asc' | 'desc' };
  readonly cell: (run: Run) => ReactNode;
  readonly value: (run: Run) => string | number | undefined;
}

const widthPx = { name: 216, status: 108, experiment: 140, key: 132, took: 88, started: 118 } as const;

export interface ColumnsOf {
  readonly runs: readonly Run[];
  readonly keys: readonly ColumnKey[];
  readonly pins: readonly string[];
  readonly hasExperiment: boolean;
}

export function runColumns({ runs, keys, pins, hasExperiment }: ColumnsOf): readonly RunColumn[] {
  const keyed = keys.map((key): RunColumn => ({ ...keyColumn(runs, key), isPinned: pins.includes(key) }));
  return [
    {
      key: 'name',
      word: 'Run',
      widthPx: widthPx.name,
      isPinned: true,
      order: { field: 'name', first: 'asc' },
      cell: (run) => (
        <Link to={to.run(run.id)} dir="auto" title={run.name}>
          {run.name}
        </Link>
      ),
      value: (run) => run.name,
    },
    ...keyed.filter((column) => column.isPinned),
    {
      key: 'status',
      word: 'Status',
      widthPx: widthPx.status,
      order: { field: 'status', first: 'asc' },
      cell: (run) => <StatusBadge plain state={run.status} />,
      value: (run) => run.status,
    },
    ...(hasExperiment ? [experimentColumn] : []),
    ...keyed.filter((column) => !column.isPinned),
    { key: 'took', word: 'Took', widthPx: widthPx.took, isNumber: true, cell: tookCell, value: tookMs },
    {
      key: 'started',
      word: 'Started',
      widthPx: widthPx.started,
      order: { field: 'startedAt', first: 'asc' },
      cell: (run) => <time title={fullInstant(run.startedAt)}>{instant(run.startedAt)}</time>,
      value: (run) => new Date(run.startedAt).toISOString(),
    },
  ];
}

const experimentColumn: RunColumn = {
  key: 'experiment',
  word: 'Experiment',
  widthPx: widthPx.experiment,
  cell: (run) => (
    <Link to={`${to.experiments}?experiment=${encodeURIComponent(run.experiment)}`} dir="auto" title={run.experiment}>
      {run.experiment}
    </Link>
  ),
  value: (run) => run.experiment,
};

function keyColumn(runs: readonly Run[], column: ColumnKey): RunColumn {
  const key = keyOf(column);
  const kind = kindOf(column);
  const shape = { key: column, word: key, widthPx: widthPx.key };
  if (kind === 'metric') {
    return {
      ...shape,
      isNumber: true,
      order: { field: fieldOfColumn(column), first: 'desc' },
      cell: metricCell(runs, key),
      value: (run) => metricOf(run, key)?.value,
    };
  }
  const textOf = (run: Run): string | undefined => (kind === 'param' ? run.params[key] : run.tags[key]);
  return {
    ...shape,
    isNumber: runs.length > 0 && runs.every((run) => textOf(run) === undefined || isNumeric(textOf(run))),
    order: { field: fieldOfColumn(column), first: 'asc' },
    cell: (run) => textCell(textOf(run)),
    value: textOf,
  };
}

/** The bar reaches from the smallest value shown to the greatest: longer is greater, not better. */
function metricCell(runs: readonly Run[], key: string): (run: Run) => ReactNode {
  let low = Infinity;
  let high = -Infinity;
  for (const run of runs) {
    const value = metricOf(run, key)?.value;
    if (typeof value !== 'number') continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return (run) => {
    const value = metricOf(run, key)?.value;
    if (value === undefined) return <NotSet />;
    const at = plotted(value);
    const width = at === null ? 0 : Math.round(((at - low) / (high - low)) * 100);
    return (
      <>
        {metricText(value)}
        {high > low && at !== null && (
          <span className="mb" aria-hidden="true">
            <i style={{ width: `${Math.max(4, width)}%` }} />
          </span>
        )}
      </>
    );
  };
}

const NotSet = (): ReactElement => <span className="t3">not set</span>;

const textCell = (value: string | undefined): ReactNode =>
  value === undefined ? (
    <NotSet />
  ) : (
    <span className="mono" dir="auto" title={value}>
      {value}
    </span>
  );

function tookCell(run: Run): ReactNode {
  const took = tookMs(run);
  return took === undefined ? <span className="t3">not ended</span> : duration(took);
}
