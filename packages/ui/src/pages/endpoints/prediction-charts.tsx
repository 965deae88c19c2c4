/** The predictions of the range over event time: how many by version, how fast, and how the scores compare with what happened. */
import type { PredictionRecord } from '@slipway/contract';
import type { ReactElement } from 'react';
import { Panel } from '../../components/layout.tsx';
import type { Series } from '../../components/line-chart.tsx';
import { LineChart } from '../../components/line-chart.tsx';
import { span } from './event-time.ts';
import type { PredictionRange } from './prediction-range.ts';

const minute = 60_000;
const steps: readonly (readonly [ms: number, word: string])[] = [
  [minute, 'minute'],
  [5 * minute, '5 min'],
  [15 * minute, '15 min'],
  [60 * minute, 'hour'],
  [3 * 60 * minute, '3 h'],
  [6 * 60 * minute, '6 h'],
  [24 * 60 * minute, 'day'],
  [7 * 24 * 60 * minute, 'week'],
];
const bucketsMax = 36;
const labelledMin = 10;
/** The version that most traffic goes to is blue, the next orange; after two they are told apart by name only. */
const colors = ['--arm-champion', '--arm-challenger', '--c3', '--c4'] as const;

interface Bucket {
  readonly at: number;
  readonly rows: readonly PredictionRecord[];
}

function bucketsOf(items: readonly PredictionRecord[]): { readonly buckets: readonly Bucket[]; readonly word: string } {
  const [first, last] = [items[0], items.at(-1)];
  if (first === undefined || last === undefined) return { buckets: [], word: '' };
  const length = last.at - first.at;
  const [ms, word] = steps.find(([step]) => length / step <= bucketsMax) ?? [7 * 24 * 60 * minute, 'week'];
  const rows = new Map<number, PredictionRecord[]>();
  for (let at = Math.floor(first.at / ms) * ms; at <= last.at; at += ms) rows.set(at, []);
  for (const item of items) rows.get(Math.floor(item.at / ms) * ms)?.push(item);
  return { buckets: [...rows].map(([at, of]) => ({ at, rows: of })), word };
}

const mean = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((a, b) => a + b, 0) / values.length;

function quantile(values: readonly number[], q: number): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? null;
}

export function Charts({ range }: { range: PredictionRange }): ReactElement | null {
  const items = range.answer.data?.items ?? [];
  const { buckets, word } = bucketsOf(items);
  const [first, last] = [items[0], items.at(-1)];
  if (buckets.length < 2 || first === undefined || last === undefined) return null;
  const x = buckets.map((b) => b.at);
  const scale =
    items.some((p) => p.latencyUs >= 1000) &&
    (quantile(
      items.map((p) => p.latencyUs),
      0.5,
    ) ?? 0) >= 1000
      ? 1000
      : 1;
  const latency = (q: number) => (b: Bucket) => {
    const value = quantile(
      b.rows.map((p) => p.latencyUs),
      q,
    );
    return value === null ? null : value / scale;
  };
  return (
    <>
      <Panel title={`Predictions per ${word}`} caption={span(first.at, last.at)} span={4}>
        <LineChart
          label={`Predictions per ${word} by version`}
          x={x}
          height={150}
          digits={0}
          series={byVersion(items, buckets)}
        />
      </Panel>
      <Panel title={`Latency, ${scale === 1 ? 'µs' : 'ms'}`} caption={`inside the server, per ${word}`} span={4}>
        <LineChart
          label={`Latency per ${word}`}
          x={x}
          height={150}
          digits={scale === 1 ? 0 : 2}
          series={[
            { name: 'p50', color: '--arm-champion', values: buckets.map(latency(0.5)) },
            { name: 'p95', color: '--c4', isDashed: true, values: buckets.map(latency(0.95)) },
          ]}
        />
      </Panel>
      <Panel title="Score and outcome" caption={`means per ${word}, from ${labelledMin} outcomes on`} span={4}>
        <LineChart
          label={`Mean score and observed rate per ${word}`}
          x={x}
          height={150}
          series={scoreSeries(buckets)}
        />
      </Panel>
    </>
  );
}

function byVersion(items: readonly PredictionRecord[], buckets: readonly Bucket[]): Series[] {
  const totals = new Map<number, number>();
  for (const { version } of items) totals.set(version, (totals.get(version) ?? 0) + 1);
  const versions = [...totals].toSorted((a, b) => b[1] - a[1]).slice(0, colors.length);
  return versions.map(([version], i) => ({
    name: `v${version}`,
    color: colors[i] ?? '--c8',
    isDashed: i > 0,
    values: buckets.map((b) => b.rows.filter((p) => p.version === version).length),
  }));
}

function scoreSeries(buckets: readonly Bucket[]): Series[] {
  const known = buckets.map((b) => b.rows.filter((p) => p.label !== undefined));
  const enough = (rows: readonly PredictionRecord[], value: number | null): number | null =>
    rows.length < labelledMin ? null : value;
  return [
    {
      name: 'mean score',
      color: '--arm-champion',
      values: known.map((rows) => enough(rows, mean(rows.map((p) => p.score)))),
    },
    {
      name: 'observed rate',
      color: '--c3',
      isDashed: true,
      values: known.map((rows) => enough(rows, mean(rows.map((p) => p.label?.value ?? 0)))),
    },
  ];
}
