/** Runs of one experiment or of all: filtered and ordered by the server, read page by page, opened beside the list. */
import { useMediaQuery } from '@mantine/hooks';
import type { Run } from '@slipway/contract';
import type { ReactElement } from 'react';
import { useEffect, useMemo, useRef } from 'react';
import { useNavigate } from 'react-router';
import { useAsk } from '../../api/queries.ts';
import { downloadSheet } from '../../components/download.ts';
import { Icon } from '../../components/icon.tsx';
import { PageHead } from '../../components/layout.tsx';
import { EmptyState, ErrorNote, Skeleton } from '../../components/states.tsx';
import type { ViewState } from '../../components/use-view-state.ts';
import { useViewState } from '../../components/use-view-state.ts';
import { to } from '../../frame/places.ts';
import { useBounds } from '../../frame/time-range.ts';
import { useView } from '../../frame/view.tsx';
import { count, instant, plural } from '../../words.ts';
import { Charts } from './charts.tsx';
import { ColumnPicker } from './column-picker.tsx';
import { columnKey, isColumnKey, keyOf, kindOf, pipelineRunTag, placed } from './columns.ts';
import './experiments.css';
import { Filter, isFilterFault } from './filter.tsx';
import { Inspector } from './inspector.tsx';
import { runColumns } from './run-columns.tsx';
import type { RunActions } from './run-table.tsx';
import { RunTable, selectedMax } from './run-table.tsx';
import { hasSteps } from './use-curves.ts';
import { useFirstColumns } from './use-first-columns.ts';
import type { RunRows } from './use-runs.ts';
import { useRuns } from './use-runs.ts';
import { keysOf, metricKeys } from './values.ts';
import { ViewsMenu } from './views-menu.tsx';
import { withinRange } from './within-range.ts';

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

const commandOf = (flags: Readonly<Record<string, string | undefined>>): string =>
  ['slipway run list']
    .concat(
      Object.entries(flags).flatMap(([name, value]) => (value === undefined ? [] : [`--${name} ${quoted(value)}`])),
    )
    .join(' ');

/** Steps through history are views; what is open or ticked within one is not. */
const within = { isStep: false };

export function Page(): ReactElement {
  const view = useViewState();
  const experiment = view.get('experiment');
  const filter = view.get('f');
  const orderBy = view.get('sort');
  const cols = view.get('cols');
  const pins = view.list('pins') ?? [];
  const atFirst = useFirstColumns(experiment, cols === undefined);
  const shown = useMemo(
    () => (cols === undefined ? (atFirst?.columns ?? []) : cols.split(',').filter(isColumnKey)),
    [cols, atFirst],
  );
  const sent = withinRange(filter, useBounds());
  const asked: readonly string[] = [...shown, columnKey('tag', pipelineRunTag)];
  const request = { experiment, filter: sent, orderBy, columns: asked.toSorted().join(',') };
  const rows = useRuns(request, cols !== undefined || atFirst !== undefined);
  useView(commandOf({ experiment, filter: sent, 'order-by': orderBy }), 'runs.list', {
    query: { experiment, filter: sent, orderBy },
  });
  const opened = view.get('open');
  const hasCharts = useHasCharts(view, rows, shown);
  const selected = view.list('sel') ?? [];
  const metric = keysOf(rows.runs.slice(0, 50), metricKeys)[0];
  const example = `${metric === undefined ? 'status = "finished"' : `metrics.${metric} > 0.7`} and name like "train%"`;
  const change = (columns: readonly string[] | undefined, pinned: readonly string[]): void =>
    view.set({ cols: columns?.join(','), pins: pinned.length === 0 ? undefined : pinned.join(',') });
  return (
    <div className={`runs-page ${opened === undefined ? '' : 'with-side'} ${hasCharts ? 'with-charts' : ''}`}>
      <div className="runs-main">
        <PageHead
          title={experiment ?? 'Experiments'}
          sentence={<Sentence rows={rows} experiment={experiment} filter={sent} />}
        />
        <div className="run-bar">
          <ExperimentChoice view={view} />
          <Filter
            value={filter ?? ''}
            apply={(f) => view.set({ f, sel: undefined, open: undefined })}
            error={rows.error}
            example={example}
            experiment={experiment}
          />
          <ColumnPicker experiment={experiment} choice={{ shown, pins, change }} />
          <button
            type="button"
            className="btn"
            aria-pressed={hasCharts}
            onClick={() => view.set({ charts: hasCharts ? '0' : '1' })}
          >
            <Icon name="exp" />
            Charts
          </button>
          <ViewsMenu />
        </div>
        {rows.error !== null && !isFilterFault(rows.error) && <ErrorNote error={rows.error} retry={rows.again} />}
        {hasCharts && (
          <Charts
            view={view}
            selected={selected}
            shown={shown}
            axes={cols === undefined && opened === undefined ? atFirst?.axes : undefined}
            runs={rows.runs}
            seq={rows.seq}
          />
        )}
        <RunList
          view={view}
          rows={rows}
          shown={placed(shown, pins)}
          pins={pins}
          selected={selected}
          opened={opened}
          isFiltered={sent !== undefined}
        />
      </div>
      {opened !== undefined && <Inspector id={opened} close={() => view.set({ open: undefined }, within)} />}
    </div>
  );
}

const roomy = '(min-width: 1200px) and (min-height: 780px)';

/** Until somebody decides: where the window has room for them beside the list, and there is something to draw. */
function useHasCharts(view: ViewState, rows: RunRows, shown: readonly string[]): boolean {
  const isRoomy = useMediaQuery(roomy, false, { getInitialValueInEffect: false });
  const wanted = view.get('charts');
  if (wanted !== undefined) return wanted !== '0';
  return isRoomy && rows.runs.length > 1 && shown.some((column) => column.startsWith('m:'));
}

interface SentenceProps {
  readonly rows: RunRows;
  readonly experiment: string | undefined;
  readonly filter: string | undefined;
}

function Sentence({ rows, experiment, filter }: SentenceProps): ReactElement | null {
  const of = experiment === undefined ? {} : { experiment };
  const all = useAsk('runs.count', { query: of }, { keep: true });
  const matching = useAsk('runs.count', { query: { ...of, filter } }, { enabled: filter !== undefined, keep: true });
  const { runs } = rows;
  if (all.data === undefined || runs.length === 0) return null;
  const words = ({ count: n, isExact }: { count: number; isExact: boolean }): string =>
    isExact ? plural(n, 'run') : `Over ${count(n)} runs`;
  const failed = runs.filter((r) => r.status === 'failed' || r.status === 'killed').length;
  const running = runs.filter((r) => r.status === 'running').length;
  const newest = runs.reduce((at, r) => Math.max(at, r.startedAt), 0);
  const lead =
    filter === undefined || matching.data === undefined
      ? words(all.data)
      : `${matching.data.isExact ? count(matching.data.count) : `Over ${count(matching.data.count)}`} of ${words(all.data).replace('Over', 'over')} match`;
  const states = [
    ...(running === 0 ? [] : [`${count(running)} running`]),
    failed === 0 ? 'none failed' : `${count(failed)} failed or were killed`,
  ].join(', ');
  return (
    <>
      {lead}; {rows.hasMore ? `of the ${count(runs.length)} read so far ` : ''}
      {states}; the newest of them started {instant(newest)}.
    </>
  );
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
          ...Object.fromEntries(
            ['sel', 'open', 'cols', 'pins', 'axes', 'brush', 'metric', 'zoom'].map((k) => [k, undefined]),
          ),
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

interface RunListProps {
  readonly view: ViewState;
  readonly rows: RunRows;
  readonly shown: ReturnType<typeof placed>;
  readonly pins: readonly string[];
  readonly selected: readonly string[];
  readonly opened: string | undefined;
  readonly isFiltered: boolean;
}

function RunList({ view, rows, shown, pins, selected, opened, isFiltered }: RunListProps): ReactElement | null {
  const navigate = useNavigate();
  const { runs } = rows;
  const hasExperiment = view.get('experiment') === undefined;
  const keys = shown.join(',');
  const curve = useMemo(
    () =>
      shown
        .filter((column) => kindOf(column) === 'metric')
        .map(keyOf)
        .find((key) => runs.some((run) => hasSteps(run, key))),
    [runs, keys],
  );
  const columns = useMemo(
    () => runColumns({ runs, keys: shown, pins, hasExperiment, curve }),
    [runs, keys, pins.join(','), hasExperiment, curve],
  );
  // Keys may follow each other more quickly than the address is drawn.
  const latest = useRef(selected);
  const text = selected.join(',');
  useEffect(() => {
    latest.current = text === '' ? [] : text.split(',');
  }, [text]);
  const choose = (ids: readonly string[]): void => {
    latest.current = ids.slice(0, selectedMax);
    view.set({ sel: latest.current.length === 0 ? undefined : latest.current.join(',') }, within);
  };
  const actions: RunActions = {
    sort: (sort) => view.set({ sort }),
    open: (open) => view.set({ open }, within),
    select: (ids, how) => {
      const now = latest.current;
      const rest = now.filter((id) => !ids.includes(id));
      choose(how === 'toggle' && rest.length < now.length ? rest : [...rest, ...ids]);
    },
    clear: () => choose([]),
    compare: () => {
      if (latest.current.length > 1) void navigate(to.compare(latest.current));
    },
    showNew: rows.showNew,
  };
  if (rows.isPending) return <Skeleton lines={10} />;
  if (runs.length === 0) return <Nothing isFaulty={rows.error !== null} isFiltered={isFiltered} />;
  return (
    <section className="panel runs" aria-label="List of runs">
      <Strip rows={rows} selected={selected} actions={actions} columns={columns} isOpen={opened !== undefined} />
      <RunTable
        key={`${view.get('f') ?? ''} ${view.get('sort') ?? ''} ${view.get('experiment') ?? ''}`}
        runs={runs}
        columns={columns}
        total={rows.hasMore ? undefined : runs.length}
        selected={selected}
        opened={opened}
        sort={view.get('sort')}
        curve={curve}
        more={rows.hasMore ? rows.loadMore : undefined}
        actions={actions}
      />
    </section>
  );
}

interface StripProps {
  readonly rows: RunRows;
  readonly selected: readonly string[];
  readonly actions: RunActions;
  readonly columns: ReturnType<typeof runColumns>;
  /** A run is open beside the list: Esc closes that first. */
  readonly isOpen: boolean;
}

/** One line above the table, so that rows do not jump when something is selected. */
function Strip({ rows, selected, actions, columns, isOpen }: StripProps): ReactElement {
  const here = useMemo(() => new Set(rows.runs.map((run) => run.id)), [rows.runs]);
  const away = selected.filter((id) => !here.has(id)).length;
  const { newCount } = rows;
  const saved = columns.filter(({ key }) => key !== 'curve');
  return (
    <div className="row wrap strip">
      {selected.length === 0 ? (
        <span className="t3 sm">
          {plural(rows.runs.length, 'run')} here{rows.hasMore ? ', more below' : ''}
        </span>
      ) : (
        <>
          <b className="sm" role="status">
            {plural(selected.length, 'run')} selected{away === 0 ? '' : `, ${count(away)} of them not in this list`}
          </b>
          <button
            type="button"
            className="btn sm"
            data-key="v"
            disabled={selected.length < 2}
            title={selected.length < 2 ? 'Select at least two runs' : undefined}
            onClick={actions.compare}
          >
            <Icon name="diff" small />
            Compare <kbd>v</kbd>
          </button>
          <button
            type="button"
            className="btn sm ghost"
            {...(isOpen ? {} : { 'data-key': 'Escape' })}
            onClick={actions.clear}
          >
            Clear
          </button>
        </>
      )}
      <span className="grow" />
      {newCount > 0 && (
        <button type="button" className="btn sm new-runs" data-key="n" onClick={actions.showNew}>
          {count(newCount)} new {newCount === 1 ? 'run' : 'runs'} <kbd>n</kbd>
        </button>
      )}
      <span className="sr" role="status">
        {newCount > 0 ? `${newCount} new, press n` : ''}
      </span>
      {rows.isLoadingMore && <span className="t3 xs">loading more</span>}
      <button
        type="button"
        className="btn sm ghost"
        aria-label="CSV of the runs"
        title={`What is here as CSV: ${plural(rows.runs.length, 'row')}`}
        onClick={() =>
          downloadSheet('Runs', {
            head: ['Id', ...saved.map((column) => column.word)],
            rows: rows.runs.map((run: Run) => [run.id, ...saved.map((column) => column.value(run))]),
          })
        }
      >
        CSV
      </button>
    </div>
  );
}

function Nothing({ isFaulty, isFiltered }: { isFaulty: boolean; isFiltered: boolean }): ReactElement | null {
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
