/** One run: what it was given, what it measured and how that went over steps, the files that it left. */
import type { Run } from '@slipway/contract';
import { useQueryClient } from '@tanstack/react-query';
import type { ReactElement, ReactNode } from 'react';
import { useEffect } from 'react';
import { Link, useParams } from 'react-router';
import { useAsk } from '../../api/queries.ts';
import type { Pair } from '../../components/layout.tsx';
import { Grid, PageHead, Pairs, Panel } from '../../components/layout.tsx';
import { LineChart } from '../../components/line-chart.tsx';
import { EmptyState, Loaded, Skeleton } from '../../components/states.tsx';
import { StatusBadge } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { useView } from '../../frame/view.tsx';
import { duration, fullInstant, instant, plural, short } from '../../words.ts';
import { Artifacts } from './artifacts.tsx';
import './experiments.css';
import { chartOf, countWords, isCurve, useHistories } from './histories.ts';
import { useVersionsOfRun } from './registered.ts';
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
        <Params run={run} />
        <Tags run={run} />
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
      ; it logged {plural(run.metrics.length, 'metric')} and {plural(Object.keys(run.params).length, 'param')}
      {first === undefined ? '.' : `; ${first.key} is ${metricText(first.value)} at step ${first.step}.`}
    </>
  );
}

function Metrics({ run }: { run: Run }): ReactElement {
  return (
    <Panel title="Metrics" caption="the latest value of each" span={7} flush>
      {run.metrics.length === 0 ? (
        <EmptyState title="No metrics">This run measured nothing; what it made is under Files.</EmptyState>
      ) : (
        <div className="scroll" tabIndex={0}>
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
              {run.metrics.map((metric) => (
                <tr key={metric.key}>
                  <td className="mono">{metric.key}</td>
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
  const pipelineRun = run.tags['slipway.pipelineRun'];
  const step = run.tags['slipway.step'];
  const versions = useVersionsOfRun(run.id);
  const pairs: Pair[] = [
    { name: 'Run', value: <code className="digest">{run.id}</code> },
    { name: 'Started', value: fullInstant(run.startedAt) },
    ...(run.endedAt === undefined ? [] : [{ name: 'Ended', value: fullInstant(run.endedAt) }]),
    ...(pipelineRun === undefined
      ? []
      : [
          {
            name: 'Pipeline run',
            value: <Link to={to.pipelineRun(pipelineRun)}>{short(pipelineRun)}</Link>,
          },
        ]),
    ...(step === undefined ? [] : [{ name: 'Step', value: step }]),
    ...(run.user === undefined ? [] : [{ name: 'By', value: <span className="digest">{run.user}</span> }]),
    ...listed(
      'Inputs',
      run.datasets.map((d) => <Input key={`${d.name} ${d.digest}`} name={d.name} digest={d.digest} />),
    ),
    ...listed(
      'Registered',
      versions.map((v) => (
        <Link key={v.id} to={to.version(v.model, v.number)}>
          {v.model} v{v.number}
        </Link>
      )),
    ),
    ...listed(
      'Models read',
      run.modelInputs.map((id) => <code key={id}>{short(id)}</code>),
    ),
    ...listed(
      'Models made',
      run.modelOutputs.map(({ model }) => <code key={model}>{short(model)}</code>),
    ),
  ];
  return (
    <Panel title="About" span={5}>
      <Pairs pairs={pairs} />
    </Panel>
  );
}

/** Nothing for none, else one line each under one name. */
const listed = (name: string, items: readonly ReactElement[]): Pair[] =>
  items.length === 0 ? [] : [{ name, value: <span className="col">{items}</span> }];

/** Scripts name inputs as they like: only what this server keeps is a link. */
function Input({ name, digest }: { name: string; digest: string }): ReactElement {
  const datasets = useAsk('datasets.list', { query: { limit: 200 } });
  const isKept = datasets.data?.items.some((d) => d.name === name) === true;
  return (
    <span>
      {isKept ? <Link to={to.dataset(name)}>{name}</Link> : name} <code className="t3">{short(digest)}</code>
    </span>
  );
}

function Curves({ run }: { run: Run }): ReactElement {
  const { found, isPending } = useHistories(run.metrics.map((m) => ({ run: run.id, key: m.key })));
  const curves = run.metrics.flatMap((m, i) => {
    const history = found[i];
    return isCurve(history) ? [{ key: m.key, history }] : [];
  });
  if (isPending)
    return (
      <Panel title="Over steps">
        <Skeleton />
      </Panel>
    );
  return (
    <Panel
      title="Over steps"
      caption={
        curves.length === 0
          ? 'every metric was logged once'
          : `${plural(Math.min(curves.length, curvesMax), 'metric')} with a curve, ${countWords(curves.map((c) => c.history))}`
      }
    >
      {curves.length === 0 ? (
        <p className="t2 sm">A curve appears when a metric is logged at more than one step.</p>
      ) : (
        <div className="curves">
          {curves.slice(0, curvesMax).map(({ key, history }, i) => {
            const { x, series } = chartOf([{ name: key, color: `--c${(i % 4) + 1}`, history }]);
            return (
              <LineChart
                key={key}
                label={`${key} by step`}
                x={x}
                isTime={false}
                series={series}
                height={150}
                digits={4}
              />
            );
          })}
        </div>
      )}
    </Panel>
  );
}

const textPairs = (texts: Readonly<Record<string, string>>): Pair[] =>
  Object.entries(texts)
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([name, value]) => ({ name, value: <code className="wrap-any">{value}</code> }));

function Params({ run }: { run: Run }): ReactElement {
  const pairs = textPairs(run.params);
  return (
    <Panel title="Params" caption={plural(pairs.length, 'key')} span={6}>
      {pairs.length === 0 ? <p className="t2 sm">This run was given no params of its own.</p> : <Pairs pairs={pairs} />}
    </Panel>
  );
}

function Tags({ run }: { run: Run }): ReactElement {
  const pairs = textPairs(run.tags);
  return (
    <Panel title="Tags" caption={plural(pairs.length, 'key')} span={6}>
      {pairs.length === 0 ? <p className="t2 sm">No tags.</p> : <Pairs pairs={pairs} />}
    </Panel>
  );
}
