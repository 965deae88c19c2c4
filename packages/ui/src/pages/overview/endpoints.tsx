/** Who answers, how fast and how much, and how good the answers were. */
import type { Endpoint, EndpointSummary, GateCheck, Loop, WindowSummary } from '@slipway/contract';
import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { useMemo } from 'react';
import { Link } from 'react-router';
import type { ApiError, Reply } from '../../api/client.ts';
import { useAsk } from '../../api/queries.ts';
import type { Column } from '../../components/data-table.tsx';
import { DataTable } from '../../components/data-table.tsx';
import { Panel } from '../../components/layout.tsx';
import { LineChart } from '../../components/line-chart.tsx';
import { Sparkline } from '../../components/sparkline.tsx';
import { Loaded } from '../../components/states.tsx';
import { StatusBadge } from '../../components/status.tsx';
import { Traffic } from '../../components/traffic.tsx';
import { to } from '../../frame/places.ts';
import { boundsOf, isWithin, useTimeRange } from '../../frame/time-range.ts';
import { count, figure, instant, latency, percent } from '../../words.ts';
import { mainFigure } from '../monitors/quality.ts';
import type { Pace } from './loop.ts';

const query = { limit: 20 };
const windowMin = 15;
/** Requests are no events: they are asked for again. */
const summaryEveryMs = 10_000;

const useSummary = (): UseQueryResult<Summaries, ApiError> =>
  useAsk(
    'endpoints.summary',
    { query: { ...query, window: `${windowMin}m` } },
    { keep: true, everyMs: summaryEveryMs },
  );

/** Of one endpoint; undefined where it answered nothing in the window. */
export function usePace(endpoint: string | undefined): Pace | undefined {
  const { data } = useSummary();
  const one = data?.items.find((item) => item.endpoint === endpoint);
  if (data === undefined || one === undefined || one.latencyUsP99 === null) return undefined;
  const requests = one.requests.reduce((sum, n) => sum + n, 0);
  return { perSecond: (requests / (data.to - data.from)) * 1000, latencyUsP99: one.latencyUsP99, to: data.to };
}

export function Endpoints({ loop }: { loop: Loop }): ReactElement {
  const endpoints = useAsk('endpoints.list', { query });
  const summary = useSummary();
  const columns = useMemo(() => columnsOf(summary.data), [summary.data]);
  return (
    <Panel
      title="Endpoints"
      caption={summary.data === undefined ? undefined : `${windowMin} min up to ${instant(summary.data.to)}`}
      span={7}
      flush
      actions={<Link to={to.endpoints}>All endpoints</Link>}
    >
      <Loaded query={endpoints}>
        {({ items }) => (
          <DataTable
            label="Endpoints"
            className="endpoints-table"
            rows={items}
            rowKey={(e) => e.name}
            href={(e) => to.endpoint(e.name)}
            columns={columns}
          />
        )}
      </Loaded>
      <Quality loop={loop} />
    </Panel>
  );
}

type Summaries = Reply<'endpoints.summary'>;

const stateOf = ({ deployment, runningRollout }: Endpoint): Parameters<typeof StatusBadge>[0]['state'] =>
  deployment === undefined
    ? { tone: 'idle', word: 'Empty' }
    : runningRollout === undefined
      ? { tone: 'ok', word: 'Deployed' }
      : { tone: 'run', word: 'Rolling out' };

const latencyOr = (us: number | null): string => (us === null ? 'none' : latency(us));

function columnsOf(summaries: Summaries | undefined): readonly Column<Endpoint>[] {
  const byName = new Map(summaries?.items.map((one) => [one.endpoint, one]));
  const windowS = summaries === undefined ? 1 : (summaries.to - summaries.from) / 1000;
  const rateOf = (e: Endpoint): number | undefined => {
    const requests = byName.get(e.name)?.requests;
    return requests === undefined ? undefined : requests.reduce((sum, n) => sum + n, 0) / windowS;
  };
  const number = (
    column: Pick<Column<Endpoint>, 'key' | 'head' | 'isExtra'>,
    read: (summary: EndpointSummary) => string,
    value: (summary: EndpointSummary) => number | null,
  ): Column<Endpoint> => ({
    ...column,
    isNumber: true,
    cell: (e) => {
      const one = byName.get(e.name);
      return one === undefined ? '' : one.sampled === 0 ? <span className="t3">none</span> : read(one);
    },
    value: (e) => {
      const one = byName.get(e.name);
      return one === undefined ? undefined : value(one);
    },
  });
  return [
    { key: 'name', head: 'Endpoint', cell: (e) => <Link to={to.endpoint(e.name)}>{e.name}</Link> },
    { key: 'state', head: 'State', cell: (e) => <StatusBadge plain state={stateOf(e)} /> },
    { key: 'traffic', head: 'Traffic', cell: (e) => <Traffic endpoint={e} /> },
    {
      key: 'rate',
      head: 'req/s',
      isNumber: true,
      cell: (e) => {
        const rate = rateOf(e);
        return rate === undefined ? '' : rate === 0 ? '0' : figure(rate);
      },
      value: rateOf,
    },
    {
      key: 'trend',
      head: 'Trend',
      isExtra: true,
      cell: (e) => {
        const requests = byName.get(e.name)?.requests ?? [];
        return (
          requests.some((n) => n > 0) && (
            <Sparkline
              label={`Requests of ${e.name} over ${windowMin} min, at most ${count(Math.max(...requests))} in ${count(windowS / requests.length)} s`}
              values={requests}
              color="--arm-champion"
              hasArea
            />
          )
        );
      },
      value: () => undefined,
    },
    number(
      { key: 'p50', head: 'p50' },
      (one) => latencyOr(one.latencyUsP50),
      (one) => one.latencyUsP50,
    ),
    number(
      { key: 'p99', head: 'p99' },
      (one) => latencyOr(one.latencyUsP99),
      (one) => one.latencyUsP99,
    ),
    number(
      {
        key: 'faults',
        head: <span title="Requests that a version on trial could not score">Faults</span>,
        isExtra: true,
      },
      ({ faults, sampled }) => (faults === 0 ? '0 %' : percent(faults / sampled, 2)),
      ({ faults }) => faults,
    ),
    {
      key: 'labels',
      head: 'Labels',
      isNumber: true,
      isExtra: true,
      cell: (e) => count(e.labelCount),
      value: (e) => e.labelCount,
    },
  ];
}

/** How good the answers were, window by window. */
function Quality({ loop: { monitor, gate, rollout, train } }: { loop: Loop }): ReactElement {
  const windows = monitor?.windows ?? [];
  const range = useTimeRange();
  const inRange = boundsOf(range, windows[0]?.to ?? 0);
  const ordered = windows.toReversed().filter((w) => mainFigure(w) !== undefined && isWithin(w.from, inRange));
  const name = ordered.map(mainFigure).at(-1)?.name ?? 'AUC';
  const estimates = ordered.map((w) => mainFigure(w)?.value);
  const floor = gate?.checks.find((check) => floorNames[name]?.includes(check.name) === true)?.bound;
  return (
    <>
      {ordered.length > 1 && (
        <div className="padded quality">
          <LineChart
            label={`${name} by window of ${monitor?.monitor ?? 'the monitor'}, with 95 % intervals`}
            x={ordered.map((w) => w.from)}
            height={170}
            marks={[
              ...marksOf(ordered),
              ...(rollout === undefined
                ? []
                : [{ x: rollout.startedAt, name: `canary v${rollout.candidate}`, color: '--run-fg' }]),
              ...(train === undefined ? [] : [{ x: train.startedAt, name: 'retrained', color: '--ok-fg' }]),
            ]}
            lines={floor === undefined ? [] : [{ value: floor, name: 'bound of the gate', color: '--bad-fg' }]}
            series={[
              {
                name: `${name} by window, 95 % interval`,
                color: '--arm-champion',
                values: estimates.map((e) => e?.value ?? null),
                low: estimates.map((e) => e?.low ?? null),
                high: estimates.map((e) => e?.high ?? null),
              },
            ]}
          />
        </div>
      )}
      {windows.length > 1 && ordered.length < 2 && (
        <p className="padded t3 sm">Fewer than two judged windows lie in {range.word.toLowerCase()}.</p>
      )}
    </>
  );
}

/** What the gate asks of the figure of the chart, as the judge names its checks. */
const floorNames: Readonly<Record<string, readonly GateCheck['name'][]>> = {
  AUC: ['auc.min'],
  Accuracy: ['accuracy.min'],
  RMSE: ['rmse.max'],
};

type Mark = { readonly x: number; readonly name: string; readonly color: string };

/** Where another version took over, and where the monitor raised its alert. */
const marksOf = (windows: readonly WindowSummary[]): readonly Mark[] =>
  windows.flatMap((w, i) => [
    ...(w.verdict === 'alert' ? [{ x: w.from, name: 'alert', color: '--bad-fg' }] : []),
    ...(i > 0 && windows[i - 1]?.version !== w.version
      ? [{ x: w.from, name: `v${w.version} answers`, color: '--ok-fg' }]
      : []),
  ]);
