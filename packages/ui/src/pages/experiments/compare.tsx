/** Runs side by side: what was set differently first, then what came of it, and how it got there. */
import type { MetricValue, Run } from '@slipway/contract';
import { useQueries } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import { ask } from '../../api/client.ts';
import { Grid, PageHead, Panel } from '../../components/layout.tsx';
import { EmptyState, Skeleton } from '../../components/states.tsx';
import type { ViewState } from '../../components/use-view-state.ts';
import { useViewState } from '../../components/use-view-state.ts';
import { to } from '../../frame/places.ts';
import { useView } from '../../frame/view.tsx';
import { count, instant, plural } from '../../words.ts';
import { chartState, MetricChoice } from './charts.tsx';
import './experiments.css';
import { colourOf, MetricChart } from './metric-chart.tsx';
import { useNeedle } from './use-needle.tsx';
import { keysOf, metricKeys, metricOf, metricText, paramKeys } from './values.ts';

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

export const comparedMax = 12;

export function Page(): ReactElement {
  const view = useViewState();
  const ids = (view.list('runs') ?? []).slice(0, comparedMax);
  const queries = useQueries({
    queries: ids.map((run) => ({
      queryKey: ['runs.get', { params: { run } }],
      queryFn: ({ signal }: { signal: AbortSignal }) => ask('runs.get', { params: { run } }, signal),
    })),
  });
  const runs = queries.flatMap(({ data }) => (data === undefined ? [] : [data]));
  const metric = view.get('metric') ?? chartedKeys(runs)[0] ?? '';
  useView(`slipway run sample ${quoted(metric)} ${ids.join(' ')}`, 'runs.sample', {
    query: { runs: ids.join(','), key: metric },
  });
  const failed = queries.filter((q) => q.isError).length;
  const isPending = queries.some((q) => q.isPending);
  const base = runs.find((run) => run.id === view.get('base')) ?? runs[0];
  return (
    <>
      <PageHead
        title="Compare runs"
        sentence={base === undefined || runs.length < 2 ? undefined : sentenceOf(runs, base)}
        actions={
          base !== undefined &&
          runs.length > 1 && (
            <label className="row sm">
              Against
              <select
                className="input against"
                aria-label="Compare against"
                value={base.id}
                onChange={(event) => view.set({ base: event.target.value })}
              >
                {runs.map((run) => (
                  <option key={run.id} value={run.id}>
                    {nameIn(runs, run)}
                  </option>
                ))}
              </select>
            </label>
          )
        }
      />
      {failed > 0 && (
        <p className="note warn" role="alert">
          {plural(failed, 'run')} of {ids.length} could not be read; the others are compared.
        </p>
      )}
      {base !== undefined && runs.length > 1 ? (
        <Grid>
          <Params runs={runs} />
          <Overlay runs={runs} view={view} />
          <Metrics runs={runs} base={base} />
        </Grid>
      ) : isPending && ids.length > 0 ? (
        <Skeleton lines={8} />
      ) : (
        <EmptyState title="Choose runs to compare">
          Select at least two runs in the list (x on a row), then press v.{' '}
          <Link to={to.experiments}>Go to the list</Link>
        </EmptyState>
      )}
    </>
  );
}

/** What differs, in figures: the comparison itself stands below. */
function sentenceOf(runs: readonly Run[], base: Run): string {
  const params = differing(runs, keysOf(runs, paramKeys));
  const metrics = keysOf(runs, metricKeys);
  const shared = metrics.filter((key) => runs.every((run) => metricOf(run, key) !== undefined));
  return `${plural(runs.length, 'run')}, ${plural(params.length, 'param')} set differently; ${count(shared.length)} of ${plural(metrics.length, 'metric')} measured by all. Differences are against ${clipped(nameIn(runs, base))}.`;
}

const shownChars = 30;
const clipped = (text: string): string => (text.length > shownChars ? `${text.slice(0, shownChars)}…` : text);

const differing = (runs: readonly Run[], keys: readonly string[]): readonly string[] =>
  keys.filter((key) => new Set(runs.map((run) => run.params[key])).size > 1);

/** Metrics whose latest step is not their first are likely to have a curve. */
function chartedKeys(runs: readonly Run[]): readonly string[] {
  const stepped = keysOf(runs, (run) => run.metrics.filter((m) => m.step > 0).map((m) => m.key));
  return stepped.length > 0 ? stepped : keysOf(runs, metricKeys);
}

function Overlay({ runs, view }: { runs: readonly Run[]; view: ViewState }): ReactElement {
  const keys = chartedKeys(runs);
  const metric = view.get('metric') ?? keys[0];
  return (
    <Panel
      title={metric ?? 'Histories'}
      caption="by step"
      span={5}
      actions={keys.length > 1 && <MetricChoice view={view} keys={keys} metric={metric} />}
    >
      {metric === undefined ? (
        <EmptyState title="No metrics">None of these runs measured anything.</EmptyState>
      ) : (
        <MetricChart
          metric={metric}
          runs={runs.map((run, i) => ({
            id: run.id,
            name: nameIn(runs, run),
            isRunning: run.status === 'running',
            ...colourOf(i),
          }))}
          {...chartState(view)}
        />
      )}
    </Panel>
  );
}

/** Two runs of one name are told apart by when they started. */
function nameIn(runs: readonly Run[], run: Run): string {
  const isUnique = runs.filter((r) => r.name === run.name).length === 1;
  return isUnique ? run.name : `${run.name}, ${instant(run.startedAt)}`;
}

function Heads({ runs, first }: { runs: readonly Run[]; first: string }): ReactElement {
  return (
    <thead>
      <tr>
        <th scope="col">{first}</th>
        {runs.map((run, i) => (
          <th scope="col" className="num" key={run.id}>
            <span className="row" style={{ justifyContent: 'flex-end' }}>
              <i className="dot" style={{ background: `var(${colourOf(i).color})` }} />
              <Link to={to.run(run.id)} dir="auto" className="el compared-name" title={run.name}>
                {nameIn(runs, run)}
              </Link>
            </span>
          </th>
        ))}
      </tr>
    </thead>
  );
}

function Params({ runs }: { runs: readonly Run[] }): ReactElement {
  const view = useViewState();
  const keys = keysOf(runs, paramKeys).toSorted((a, b) => a.localeCompare(b));
  const different = differing(runs, keys);
  const isAll = view.get('params') === 'all';
  const listed = isAll ? [...different, ...keys.filter((key) => !different.includes(key))] : different;
  const { shown, field } = useNeedle(listed, (key) => key, 'param');
  return (
    <Panel
      title="Params that differ"
      caption={`${different.length} of ${keys.length}`}
      span={7}
      flush
      actions={
        <>
          {field}
          <button
            type="button"
            className="btn sm"
            aria-pressed={isAll}
            onClick={() => view.set({ params: isAll ? undefined : 'all' })}
          >
            {isAll ? 'Only what differs' : 'Show all'}
          </button>
        </>
      }
    >
      {shown.length === 0 ? (
        <EmptyState title={keys.length === 0 ? 'No params' : 'Every param is the same'}>
          {keys.length === 0 ? 'None of these runs logged a param.' : `All ${plural(keys.length, 'param')} agree.`}
        </EmptyState>
      ) : (
        <div className="scroll" tabIndex={0}>
          <table className="tbl top0 compared" aria-label="Params of the selected runs">
            <Heads runs={runs} first="Param" />
            <tbody>
              {shown.map((key) => (
                <tr key={key} className={isAll && different.includes(key) ? 'sel' : ''}>
                  <th scope="row" className="rowhead mono" title={key}>
                    <bdi>{key}</bdi>
                  </th>
                  {runs.map((run) => (
                    <td key={run.id} className="num mono" title={run.params[key]}>
                      <bdi>{run.params[key] ?? <span className="t3">not set</span>}</bdi>
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

function Metrics({ runs, base }: { runs: readonly Run[]; base: Run }): ReactElement {
  const keys = keysOf(runs, metricKeys);
  const view = useViewState();
  const { shown, field } = useNeedle(keys, (key) => key, 'metric');
  const cut = runs.find(({ metricCount }) => metricCount !== undefined);
  return (
    <Panel
      title="Metrics"
      caption={`latest value of each, and its difference; which end is better is not recorded${cut === undefined ? '' : `; the first ${count(cut.metrics.length)} of each run`}`}
      flush
      actions={field}
    >
      <div className="scroll" tabIndex={0}>
        <table className="tbl top0 compared" aria-label="Metrics of the selected runs">
          <Heads runs={runs} first="Metric" />
          <tbody>
            {shown.map((key) => (
              <tr key={key}>
                <th scope="row" className="rowhead mono" title={key}>
                  <Link dir="auto" to={view.href({ metric: key, zoom: undefined })} preventScrollReset>
                    {key}
                  </Link>
                </th>
                {runs.map((run) => (
                  <Measured
                    key={run.id}
                    value={metricOf(run, key)?.value}
                    against={run === base ? undefined : metricOf(base, key)?.value}
                  />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

interface MeasuredProps {
  readonly value: MetricValue | undefined;
  readonly against: MetricValue | undefined;
}

/** As many digits as the values have, so that a difference is never shown as none. */
function Measured({ value, against }: MeasuredProps): ReactElement {
  const delta = typeof value === 'number' && typeof against === 'number' ? value - against : undefined;
  return (
    <td className={value === undefined ? 'num t3' : 'num'}>
      {metricText(value)}
      {delta !== undefined && (
        <span className="t3 xs delta">
          {' '}
          {delta === 0 ? 'same' : `${delta > 0 ? '+' : '\u2212'}${deltaText(Math.abs(delta))}`}
        </span>
      )}
    </td>
  );
}

const deltaText = (size: number): string => (size >= 1e-4 && size < 1e6 ? metricText(size) : size.toExponential(1));
