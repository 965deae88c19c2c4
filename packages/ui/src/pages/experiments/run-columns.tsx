/** What each column of the list of runs shows, how wide it is, and what its head orders by. */
import type { Run } from '@slipway/contract';
import type { ReactElement, ReactNode } from 'react';
import { Link } from 'react-router';
import { Icon } from '../../components/icon.tsx';
import { StatusBadge } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { duration, fullInstant, instant, short } from '../../words.ts';
import type { ColumnKey } from './columns.ts';
import { fieldOfColumn, keyOf, kindOf, pipelineRunTag } from './columns.ts';
import { CurveCell } from './curve-cell.tsx';
import { NotSet } from './not-set.tsx';
import { isNumeric, metricOf, metricText, plotted, tookMs } from './values.ts';

export interface RunColumn {
  readonly key: string;
  readonly word: string;
  /** Where the head says less than there is to say. */
  readonly title?: string;
  readonly widthPx: number;
  readonly isNumber?: boolean;
  readonly isPinned?: boolean;
  /** What the head orders by, and which way first; undefined where the server cannot. */
  readonly order?: { readonly field: string; readonly first: 'asc' | 'desc' };
  /** `color` is the token of a selected run. */
  readonly cell: (run: Run, color: string | undefined) => ReactNode;
  readonly value: (run: Run) => string | number | undefined;
}

const widthPx = {
  name: 176,
  status: 104,
  experiment: 108,
  metric: 120,
  key: 100,
  curve: 108,
  took: 80,
  started: 108,
} as const;

export interface ColumnsOf {
  readonly runs: readonly Run[];
  readonly keys: readonly ColumnKey[];
  readonly pins: readonly string[];
  readonly hasExperiment: boolean;
  /** The metric whose course is drawn. */
  readonly curve: string | undefined;
}

export function runColumns({ runs, keys, pins, hasExperiment, curve }: ColumnsOf): readonly RunColumn[] {
  const keyed = keys.map((key): RunColumn => ({ ...keyColumn(runs, key), isPinned: pins.includes(key) }));
  return [
    {
      key: 'name',
      word: 'Run',
      widthPx: widthPx.name,
      isPinned: true,
      order: { field: 'name', first: 'asc' },
      cell: (run, color) => <RunName run={run} color={color} />,
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
    ...withCurve(
      keyed.filter((column) => !column.isPinned),
      curve,
    ),
    { key: 'took', word: 'Duration', widthPx: widthPx.took, isNumber: true, cell: tookCell, value: tookMs },
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

/** Behind the last metric: values first, then how one of them came about. */
function withCurve(columns: readonly RunColumn[], metric: string | undefined): readonly RunColumn[] {
  if (metric === undefined) return columns;
  const place = columns.findLastIndex(({ key }) => key.startsWith('m:')) + 1;
  return columns.toSpliced(place, 0, {
    key: 'curve',
    word: `${metric.split(/[./]/).at(-1) ?? metric} by step`,
    title: `${metric} by step`,
    widthPx: widthPx.curve,
    cell: (run, color) => <CurveCell run={run} metric={metric} color={color} />,
    value: () => undefined,
  });
}

/** A run that measured none of what is shown (a step that checks, or registers) has a hollow dot. */
function RunName({ run, color }: { run: Run; color: string | undefined }): ReactElement {
  const pipelineRun = run.tags[pipelineRunTag];
  return (
    <span className="run-name">
      <i
        className={run.metrics.length === 0 && color === undefined ? 'dot hollow' : 'dot'}
        style={color === undefined ? undefined : { color: `var(${color})` }}
        title={run.metrics.length === 0 ? 'None of the metrics shown' : undefined}
      />
      <Link className="el" to={to.run(run.id)} dir="auto" title={run.name}>
        {run.name}
      </Link>
      {pipelineRun !== undefined && (
        <Link
          className="of"
          tabIndex={-1}
          to={to.pipelineRun(pipelineRun)}
          aria-label={`Pipeline run ${short(pipelineRun)}`}
          title={`This and the following steps are of the pipeline run ${short(pipelineRun)}`}
        >
          <Icon name="pipeline" small />
        </Link>
      )}
    </span>
  );
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
      widthPx: widthPx.metric,
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
