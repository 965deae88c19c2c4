/** Runs of one experiment or of all: filtered and ordered by the server, read page by page, compared side by side. */
import type { Run } from '@slipway/contract';
import type { ReactElement } from 'react';
import { useAsk, useAskPages } from '../../api/queries.ts';
import { Icon } from '../../components/icon.tsx';
import { PageHead } from '../../components/layout.tsx';
import { EmptyState, ErrorNote, Skeleton } from '../../components/states.tsx';
import { useView } from '../../frame/view.tsx';
import { count, instant, plural } from '../../words.ts';
import type { ColumnKey } from './columns.tsx';
import { ColumnPicker, isColumnKey } from './columns.tsx';
import { Compare } from './compare.tsx';
import './experiments.css';
import { Filter, isFilterFault } from './filter.tsx';
import { RunTable } from './run-table.tsx';
import { keysOf, metricKeys, paramKeys } from './values.ts';
import type { ViewState } from '../../components/use-view-state.ts';
import { useViewState } from '../../components/use-view-state.ts';

const pageSize = 100;
const shownAtFirst = { metrics: 4, params: 3 };
export const comparedMax = 8;

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

export function Page(): ReactElement {
  const view = useViewState();
  const experiment = view.get('experiment');
  const filter = view.get('f');
  const orderBy = view.get('sort');
  const runs = useAskPages('runs.list', { query: { experiment, filter, orderBy, limit: pageSize } });
  const flags = [
    ...(experiment === undefined ? [] : [` --experiment ${quoted(experiment)}`]),
    ...(filter === undefined ? [] : [` --filter ${quoted(filter)}`]),
    ...(orderBy === undefined ? [] : [` --order-by ${quoted(orderBy)}`]),
  ];
  useView(`slipway run list${flags.join('')}`, 'runs.list', { query: { experiment, filter, orderBy } });
  const items = runs.data?.pages.flatMap((p) => p.items) ?? [];
  const metrics = keysOf(items, metricKeys);
  const params = keysOf(items, paramKeys);
  const shown = view.list('cols')?.filter(isColumnKey) ?? columnsAtFirst(items, metrics, params);
  const selected = view.list('sel') ?? [];
  const example = metrics[0] === undefined ? 'status = "finished"' : `metrics.${metrics[0]} > 0.7`;
  return (
    <>
      <PageHead
        title={experiment ?? 'Experiments'}
        sentence={
          runs.data === undefined ? undefined : sentenceOf(items, runs.hasNextPage, filter !== undefined, metrics)
        }
      />
      <div className="run-bar">
        <ExperimentChoice view={view} />
        <Filter
          value={filter ?? ''}
          apply={(f) => view.set({ f, sel: undefined, compare: undefined })}
          error={runs.error}
          example={`${example} and name like "train%"`}
        />
        <ColumnPicker
          metrics={metrics}
          params={params}
          shown={shown}
          change={(columns) => view.set({ cols: columns?.join(',') })}
        />
      </div>
      {runs.error !== null && !isFilterFault(runs.error) && (
        <ErrorNote error={runs.error} retry={() => void runs.refetch()} />
      )}
      {selected.length > 0 && <SelectionBar view={view} selected={selected} />}
      {view.get('compare') !== undefined && selected.length > 1 && <Compare ids={selected.slice(0, comparedMax)} />}
      <Body isPending={runs.isPending} isFaulty={runs.error !== null} isFiltered={filter !== undefined} runs={items}>
        <RunTable
          runs={items}
          columns={shown}
          hasExperiment={experiment === undefined}
          view={view}
          selected={selected}
          more={
            runs.hasNextPage ? { isLoading: runs.isFetchingNextPage, load: () => void runs.fetchNextPage() } : undefined
          }
        />
      </Body>
    </>
  );
}

/** The commonest metrics, and params that tell the runs apart before those that are the same in all. */
function columnsAtFirst(
  runs: readonly Run[],
  metrics: readonly string[],
  params: readonly string[],
): readonly ColumnKey[] {
  const isTelling = (key: string): boolean =>
    new Set(runs.flatMap((run) => (run.params[key] === undefined ? [] : [run.params[key]]))).size > 1;
  const ordered = [...params.filter(isTelling), ...params.filter((key) => !isTelling(key))];
  return [
    ...metrics.slice(0, shownAtFirst.metrics).map((key): ColumnKey => `m:${key}`),
    ...ordered.slice(0, shownAtFirst.params).map((key): ColumnKey => `p:${key}`),
  ];
}

function sentenceOf(
  runs: readonly Run[],
  hasMore: boolean,
  isFiltered: boolean,
  metrics: readonly string[],
): string | undefined {
  const newest = Math.max(...runs.map((r) => r.startedAt));
  if (runs.length === 0) return undefined;
  const failed = runs.filter((r) => r.status === 'failed' || r.status === 'killed').length;
  const running = runs.filter((r) => r.status === 'running').length;
  const states = [
    ...(running === 0 ? [] : [`${running} running`]),
    failed === 0 ? 'none failed' : `${failed} failed or were killed`,
  ];
  const all = plural(runs.length, 'run');
  const lead = hasMore
    ? `More than ${all}${isFiltered ? ' match' : ''}; of the first ${count(runs.length)} `
    : `${all}${isFiltered ? ' that match' : ''}, `;
  return `${lead}${states.join(', ')}; ${plural(metrics.length, 'metric')} seen; the newest started ${instant(newest)}.`;
}

function ExperimentChoice({ view }: { view: ViewState }): ReactElement {
  const experiments = useAsk('experiments.list', { query: { limit: 200 } });
  const now = view.get('experiment') ?? '';
  const names = experiments.data?.items.map((e) => e.name) ?? [];
  return (
    <select
      className="input experiment"
      aria-label="Experiment"
      value={now}
      onChange={(event) =>
        view.set({
          experiment: event.target.value === '' ? undefined : event.target.value,
          sel: undefined,
          compare: undefined,
          cols: undefined,
        })
      }
    >
      <option value="">All experiments</option>
      {(now === '' || names.includes(now) ? names : [now, ...names]).map((name) => (
        <option key={name}>{name}</option>
      ))}
    </select>
  );
}

function SelectionBar({ view, selected }: { view: ViewState; selected: readonly string[] }): ReactElement {
  const isComparing = view.get('compare') !== undefined;
  return (
    <div className="row wrap selection" role="status">
      <b>{plural(selected.length, 'run')} selected</b>
      <button
        type="button"
        className="btn sm"
        aria-pressed={isComparing}
        disabled={selected.length < 2}
        title={selected.length < 2 ? 'Select at least two runs' : undefined}
        onClick={() => view.set({ compare: isComparing ? undefined : '1' })}
      >
        <Icon name="diff" small />
        {isComparing ? 'Close the comparison' : 'Compare'}
      </button>
      <button type="button" className="btn sm ghost" onClick={() => view.set({ sel: undefined, compare: undefined })}>
        Clear
      </button>
      {selected.length > comparedMax && <span className="t3 sm">The first {comparedMax} are compared.</span>}
    </div>
  );
}

interface BodyProps {
  readonly isPending: boolean;
  readonly isFaulty: boolean;
  readonly isFiltered: boolean;
  readonly runs: readonly Run[];
  readonly children: ReactElement;
}

function Body({ isPending, isFaulty, isFiltered, runs, children }: BodyProps): ReactElement | null {
  if (isPending) return <Skeleton lines={10} />;
  if (runs.length > 0) return <section className="panel runs">{children}</section>;
  if (isFaulty) return null;
  if (isFiltered) {
    return (
      <EmptyState title="No run matches this filter">
        Every run of the experiment was looked at. Clear the filter, or widen it.
      </EmptyState>
    );
  }
  return (
    <EmptyState title="No runs yet" command={`export MLFLOW_TRACKING_URI=${location.origin}\npython train.py`}>
      A run appears with each step of a pipeline that trains or measures, and with every script of the MLflow client
      that is pointed at this server.
    </EmptyState>
  );
}
