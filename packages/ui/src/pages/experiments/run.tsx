/** One run: what it was given, what it measured and how that went over steps, the files that it left. */
import type { Run } from '@slipway/contract';
import { useQueryClient } from '@tanstack/react-query';
import type { ReactElement, ReactNode } from 'react';
import { useEffect, useMemo } from 'react';
import { Link, useParams } from 'react-router';
import { useAsk } from '../../api/queries.ts';
import type { Pair } from '../../components/layout.tsx';
import { Grid, PageHead, Pairs, Panel } from '../../components/layout.tsx';
import { LineChart } from '../../components/line-chart.tsx';
import { EmptyState, Loaded, Skeleton } from '../../components/states.tsx';
import { useViewState } from '../../components/use-view-state.ts';
import { StatusBadge } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { useView } from '../../frame/view.tsx';
import { count, duration, fullInstant, instant, plural } from '../../words.ts';
import { Artifacts } from './artifacts.tsx';
import { chartState, MetricChoice } from './charts.tsx';
import './experiments.css';
import { CopyId } from './copy-id.tsx';
import { lineageOf } from './lineage.tsx';
import { colourOf, MetricChart } from './metric-chart.tsx';
import { useVersionsOfRun } from './registered.ts';
import { useNeedle } from './use-needle.tsx';
import { useRunMetrics } from './use-run-metrics.tsx';
import { lineOf } from './sample-lines.ts';
import { metricText, tookMs } from './values.ts';

/** A chart each; the others are one click away in the comparison. */
const curvesMax = 12;
const againMs = 5000;

export function Page(): ReactElement {
  const { run: id = '' } = useParams();
  const run = useAsk('runs.get', { params: { run: id } });
  useView(`slipway run show ${id}`, 'runs.get', { params: { run: id } });
  useAskAgain(id, run.data?.status === 'running');
  return <Loaded query={run}>{(found) => <RunPage run={found} />}</Loaded>;
}

/** What a run logs is no event of the ledger, so the stream is silent about it: while it runs it is asked for again. */
function useAskAgain(run: string, isRunning: boolean): void {
  const client = useQueryClient();
  useEffect(() => {
    if (!isRunning) return undefined;
    const timer = setInterval(() => {
      void client.invalidateQueries({
        predicate: ({ queryKey: [operation, request] }) =>
          String(operation).startsWith('runs.') && JSON.stringify(request ?? '').includes(run),
      });
    }, againMs);
    return () => clearInterval(timer);
  }, [client, run, isRunning]);
}

function RunPage({ run }: { run: Run }): ReactElement {
  return (
    <>
      <PageHead
        title={run.name}
        badges={
          <>
            <StatusBadge state={run.status} />
            {run.lifecycle === 'deleted' && <StatusBadge state={{ tone: 'idle', word: 'Deleted' }} />}
          </>
        }
        sentence={sentenceOf(run)}
        actions={
          <Link className="btn" to={to.why('run', run.id)}>
            Where it comes from
          </Link>
        }
      />
      <Grid>
        <Metrics run={run} />
        <Facts run={run} />
        {run.metrics.length > 0 && <Curves run={run} />}
        <Artifacts run={run.id} />
        <Texts title="Params" noun="param" texts={run.params} none="This run was given no params of its own." />
        <Texts title="Tags" noun="tag" texts={run.tags} none="No tags." />
      </Grid>
    </>
  );
}

function sentenceOf(run: Run): ReactNode {
  const took = tookMs(run);
  const [first] = run.metrics;
  return (
    <>
      Run of <Link to={`${to.experiments}?experiment=${encodeURIComponent(run.experiment)}`}>{run.experiment}</Link>,{' '}
      {took === undefined
        ? `running since ${instant(run.startedAt)}, asked again every ${againMs / 1000} s`
        : `took ${duration(took)}`}
      ; it logged {plural(run.metricCount ?? run.metrics.length, 'metric')} and{' '}
      {plural(Object.keys(run.params).length, 'param')}
      {first === undefined ? '.' : `; ${first.key} is ${metricText(first.value)} at step ${first.step}.`}
    </>
  );
}

function Metrics({ run }: { run: Run }): ReactElement {
  const view = useViewState();
  const { shown, field } = useRunMetrics(run);
  return (
    <Panel title="Metrics" caption="the latest value of each" span={7} flush actions={field}>
      {run.metrics.length === 0 ? (
        <EmptyState title="No metrics">This run measured nothing; what it made is under Files.</EmptyState>
      ) : (
        <div className="scroll run-metrics" tabIndex={0}>
          <table className="tbl top0" aria-label="Metrics">
            <thead>
              <tr>
                <th scope="col">Key</th>
                <th scope="col" className="num">
                  Value
                </th>
                <th scope="col" className="num">
                  Step
                </th>
                <th scope="col">Logged</th>
              </tr>
            </thead>
            <tbody>
              {shown.map((metric) => (
                <tr key={metric.key}>
                  <td className="mono text" title={metric.key}>
                    <Link dir="auto" to={view.href({ metric: metric.key, zoom: undefined })} preventScrollReset>
                      {metric.key}
                    </Link>
                  </td>
                  <td className="num m">{metricText(metric.value)}</td>
                  <td className="num">{metric.step}</td>
                  <td className="t2" title={fullInstant(metric.at)}>
                    {instant(metric.at)}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

function Facts({ run }: { run: Run }): ReactElement {
  const versions = useVersionsOfRun(run.id);
  const pairs: Pair[] = [
    { name: 'Run', value: <CopyId id={run.id} noun="run" /> },
    { name: 'Started', value: fullInstant(run.startedAt) },
    ...(run.endedAt === undefined ? [] : [{ name: 'Ended', value: fullInstant(run.endedAt) }]),
    ...(run.user === undefined ? [] : [{ name: 'By', value: <span className="digest">{run.user}</span> }]),
    ...lineageOf(run, versions),
  ];
  return (
    <Panel title="About" caption="and where it comes from" span={5}>
      <Pairs pairs={pairs} />
    </Panel>
  );
}

function Curves({ run }: { run: Run }): ReactElement {
  const view = useViewState();
  const stepped = run.metrics.filter((m) => m.step > 0).map((m) => m.key);
  const metric = view.get('metric') ?? stepped[0];
  if (metric === undefined)
    return (
      <Panel title="Over steps" caption="every metric was logged at its first step only">
        <p className="t2 sm">A curve appears when a metric is logged at more than one step.</p>
      </Panel>
    );
  const others = stepped.filter((key) => key !== metric);
  return (
    <Panel
      title={<bdi className="el">{metric}</bdi>}
      caption="over steps"
      actions={stepped.length > 1 && <MetricChoice view={view} keys={stepped} metric={metric} />}
    >
      <MetricChart
        metric={metric}
        runs={[{ id: run.id, name: run.name, isRunning: run.status === 'running', ...colourOf(0) }]}
        height={210}
        {...chartState(view)}
      />
      {others.length > 0 && (
        <div className="curves">
          {others.slice(0, curvesMax).map((key, i) => (
            <SmallCurve key={key} run={run} metric={key} color={`--c${((i + 1) % 4) + 1}`} />
          ))}
        </div>
      )}
      {others.length > curvesMax && <p className="t3 sm">{count(others.length - curvesMax)} more: choose one above.</p>}
    </Panel>
  );
}

const smallPoints = 200;

function SmallCurve({ run, metric, color }: { run: Run; metric: string; color: string }): ReactElement | null {
  const sample = useAsk('runs.sample', { query: { runs: run.id, key: metric, points: smallPoints } }, { keep: true });
  const series = sample.data?.items[0];
  const line = useMemo(() => (series === undefined ? undefined : lineOf(series)), [series]);
  if (line === undefined || series === undefined) return <Skeleton lines={3} />;
  return (
    <LineChart
      label={`${metric} by step${series.isExact ? '' : `, min and max of ${count(series.pointCount)} points`}`}
      x={line.steps}
      isTime={false}
      series={[{ name: metric, color, values: line.values }]}
      height={150}
      digits={4}
    />
  );
}

const textPairs = (texts: readonly (readonly [string, string])[]): Pair[] =>
  texts.map(([name, value]) => ({
    name,
    value: (
      <code className="wrap-any" dir="auto">
        {value}
      </code>
    ),
  }));

const sorted = (texts: Readonly<Record<string, string>>): readonly (readonly [string, string])[] =>
  Object.entries(texts).toSorted(([a], [b]) => a.localeCompare(b));

interface TextsProps {
  readonly title: string;
  readonly noun: string;
  readonly texts: Readonly<Record<string, string>>;
  readonly none: string;
}

function Texts({ title, noun, texts, none }: TextsProps): ReactElement {
  const entries = sorted(texts);
  const { shown, field } = useNeedle(entries, ([key]) => key, noun);
  return (
    <Panel title={title} caption={plural(entries.length, 'key')} span={6} actions={field}>
      {entries.length === 0 ? <p className="t2 sm">{none}</p> : <Pairs pairs={textPairs(shown)} />}
    </Panel>
  );
}
