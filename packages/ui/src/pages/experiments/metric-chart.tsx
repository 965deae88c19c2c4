/**
 * One metric of several runs over steps. The server thins it and keeps every peak; dragging over a part, or writing its
 * first and last step, asks for that part anew, down to the single points. Runs that go on are followed.
 */
import type { SampledSeries } from '@slipway/contract';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import type { FormEvent, ReactElement } from 'react';
import { useEffect, useMemo, useRef, useState } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { ApiError } from '../../api/client.ts';
import { ask } from '../../api/client.ts';
import { ChartExport } from '../../components/chart-export.tsx';
import { EmptyState, ErrorNote, Skeleton } from '../../components/states.tsx';
import { useScheme } from '../../theme/scheme.ts';
import { count } from '../../words.ts';
import { fieldText } from './form-field.ts';
import { aligned, lineOf } from './sample-lines.ts';
import { metricText } from './values.ts';

/** Entries per run: about one per pixel of a wide chart. */
const points = 500;
const tailMs = 3000;
const markedMax = 60;

export interface DrawnRun {
  readonly id: string;
  readonly name: string;
  /** A colour token. */
  readonly color: string;
  readonly isDashed: boolean;
  readonly isRunning: boolean;
}

export interface Zoom {
  readonly from: number;
  readonly to: number;
}

interface MetricChartProps {
  readonly metric: string;
  readonly runs: readonly DrawnRun[];
  readonly zoom: Zoom | undefined;
  readonly isLog: boolean;
  readonly height?: number;
  readonly setZoom: (zoom: Zoom | undefined) => void;
  readonly setLog: (isLog: boolean) => void;
}

/** Four colours, then the same dashed, then grey. */
const colours = ['--c1', '--c2', '--c3', '--c4'] as const;
export const colourOf = (i: number): Pick<DrawnRun, 'color' | 'isDashed'> => ({
  color: i < colours.length * 2 ? (colours[i % colours.length] ?? '--c8') : '--c8',
  isDashed: i >= colours.length && i < colours.length * 2,
});

/** Of what is only there to compare with. */
export const greyLook: Pick<DrawnRun, 'color' | 'isDashed'> = { color: '--c8', isDashed: false };

/** `120..480` of the address. */
export function zoomOf(text: string | undefined): Zoom | undefined {
  const [, from, to] = /^(-?\d+)\.\.(-?\d+)$/.exec(text ?? '') ?? [];
  return from === undefined || to === undefined || Number(from) > Number(to)
    ? undefined
    : { from: Number(from), to: Number(to) };
}

export function MetricChart(props: MetricChartProps): ReactElement {
  const { metric, runs, zoom, isLog, setZoom, setLog } = props;
  const [isTable, setTable] = useState(false);
  const isLive = runs.some((run) => run.isRunning);
  const request = {
    query: {
      runs: runs.map((run) => run.id).join(','),
      key: metric,
      points,
      ...(zoom === undefined ? {} : { fromStep: zoom.from, toStep: zoom.to }),
    },
  };
  const sample = useQuery<{ items: readonly SampledSeries[] }, ApiError>({
    // Not an operation's name: every event about any run would ask for it anew. A run that ends is asked for once more.
    queryKey: ['run-sample', request, isLive],
    queryFn: ({ signal }) => ask('runs.sample', request, signal),
    placeholderData: keepPreviousData,
    refetchInterval: isLive ? tailMs : false,
    enabled: runs.length > 0,
  });
  const items = sample.data?.items;
  const label = `${metric} by step`;
  const plot = useRef<uPlot>(undefined);
  if (sample.error !== null && items === undefined)
    return <ErrorNote error={sample.error} retry={() => void sample.refetch()} />;
  if (items === undefined) return <Skeleton />;
  const byRun = new Map(items.map((series) => [series.run, series]));
  const shown = runs.flatMap((run) => {
    const series = byRun.get(run.id);
    return series === undefined || series.counts.length === 0 ? [] : [{ run, series }];
  });
  const total = shown.reduce((sum, { series }) => sum + series.pointCount, 0);
  const named = shown.filter(({ run }) => run.color !== greyLook.color);
  const isThinned = shown.some(({ series }) => !series.isExact);
  return (
    <figure aria-label={label} aria-busy={sample.isFetching} className="metric-chart">
      <div className="row wrap between">
        <div className="lg">
          {named.map(({ run }) => (
            <span key={run.id}>
              <i className={run.isDashed ? 'ln d' : 'ln'} style={{ color: `var(${run.color})` }} />
              <bdi className="el legend-name">{run.name}</bdi>
            </span>
          ))}
          {shown.length > named.length && (
            <span className="t3">and {count(shown.length - named.length)} more in grey</span>
          )}
        </div>
        <span className="export">
          <button type="button" className="btn sm ghost" aria-pressed={isLog} onClick={() => setLog(!isLog)}>
            Log
          </button>
          <button type="button" className="btn sm ghost" aria-pressed={isTable} onClick={() => setTable(!isTable)}>
            {isTable ? 'As chart' : 'As table'}
          </button>
          <ChartExport
            label={label}
            legend={shown.map(({ run }) => run)}
            sheet={() => ({
              head: ['run', 'first step', 'last step', 'least', 'greatest', 'points'],
              rows: shown.flatMap(({ run, series }) =>
                series.counts.map((n, i) => [
                  run.id,
                  series.firstSteps[i],
                  series.lastSteps[i],
                  series.low[i],
                  series.high[i],
                  n,
                ]),
              ),
            })}
            draw={isTable || shown.length === 0 ? undefined : () => plot.current?.ctx.canvas}
          />
        </span>
      </div>
      {shown.length === 0 ? (
        <EmptyState title={zoom === undefined ? 'Nothing to draw' : 'No point in this range'}>
          {zoom === undefined ? `None of these runs logged ${metric}.` : 'Show the whole again, or choose other steps.'}
        </EmptyState>
      ) : isTable ? (
        <SampleTable label={label} shown={shown} />
      ) : (
        <Plot {...props} shown={shown} keep={plot} label={label} />
      )}
      <div className="row wrap between sm t3">
        <span>
          {isThinned ? `min and max of ${count(total)} points` : `${count(total)} points, every one drawn`}
          {isLog ? '; what is not above 0 has no place on a log axis' : ''}
          {isLive ? `; followed, asked again every ${tailMs / 1000} s` : ''}
        </span>
        <Range key={`${zoom?.from ?? ''} ${zoom?.to ?? ''}`} zoom={zoom} setZoom={setZoom} />
      </div>
    </figure>
  );
}

interface Shown {
  readonly run: DrawnRun;
  readonly series: SampledSeries;
}

function Range({ zoom, setZoom }: Pick<MetricChartProps, 'zoom' | 'setZoom'>): ReactElement {
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = event.currentTarget;
    setZoom(zoomOf(`${fieldText(form, 'from')}..${fieldText(form, 'to')}`));
  };
  return (
    <form className="row range" onSubmit={submit}>
      <input
        className="input"
        name="from"
        type="number"
        aria-label="First step"
        placeholder="first step"
        defaultValue={zoom?.from}
      />
      <input
        className="input"
        name="to"
        type="number"
        aria-label="Last step"
        placeholder="last step"
        defaultValue={zoom?.to}
      />
      <button type="submit" className="btn sm">
        Zoom
      </button>
      {zoom !== undefined && (
        <button type="button" className="btn sm ghost" onClick={() => setZoom(undefined)}>
          Whole
        </button>
      )}
    </form>
  );
}

const tableRowsMax = 500;

function SampleTable({ label, shown }: { label: string; shown: readonly Shown[] }): ReactElement {
  const rows = shown.flatMap(({ run, series }) => series.counts.map((n, i) => ({ run, series, n, i })));
  return (
    <div className="scroll sample-table" tabIndex={0}>
      <table className="tbl top0" aria-label={label}>
        <thead>
          <tr>
            {['Run', 'Steps', 'Least', 'Greatest', 'Points'].map((head, i) => (
              <th key={head} scope="col" className={i === 0 ? '' : 'num'}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, tableRowsMax).map(({ run, series, n, i }) => (
            <tr key={`${run.id} ${i}`}>
              <td>
                <bdi>{run.name}</bdi>
              </td>
              <td className="num">
                {series.firstSteps[i]}
                {series.firstSteps[i] !== series.lastSteps[i] && ` to ${series.lastSteps[i] ?? ''}`}
              </td>
              <td className="num">{metricText(series.low[i] ?? 'NaN')}</td>
              <td className="num">{metricText(series.high[i] ?? 'NaN')}</td>
              <td className="num">{count(n)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > tableRowsMax && <p className="t3 xs">The first {count(tableRowsMax)} rows; CSV has all.</p>}
    </div>
  );
}

const token = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

interface PlotProps extends MetricChartProps {
  readonly shown: readonly Shown[];
  readonly label: string;
  readonly keep: { current: uPlot | undefined };
}

function Plot({ shown, label, isLog, height = 230, setZoom, keep }: PlotProps): ReactElement {
  const box = useRef<HTMLDivElement>(null);
  const { scheme } = useScheme();
  const data = useMemo(
    () => aligned(shown.map(({ series }) => lineOf(series, isLog))),
    [shown.map((s) => s.series), isLog],
  );
  const zoomTo = useRef(setZoom);
  zoomTo.current = setZoom;
  const look = JSON.stringify([shown.map(({ run }) => run), isLog, scheme, height]);
  useEffect(() => {
    if (box.current === null) return undefined;
    const drawn: uPlot.Series[] = shown.map(({ run, series }) => ({
      label: run.name,
      stroke: token(run.color),
      width: run.color === '--c8' ? 1 : 1.75,
      alpha: run.color === '--c8' ? 0.4 : 1,
      spanGaps: true,
      points: { show: series.counts.length <= markedMax, size: 5, fill: token(run.color) },
      ...(run.isDashed ? { dash: [5, 4] } : {}),
    }));
    const axis: uPlot.Axis = {
      stroke: token('--axis'),
      grid: { stroke: token('--grid'), width: 1 },
      ticks: { show: false },
      font: `11px ${token('--font-sans')}`,
    };
    const made = new uPlot(
      {
        width: box.current.clientWidth,
        height,
        legend: { show: false },
        cursor: { y: false, points: { size: 7 }, drag: { x: true, y: false, setScale: false } },
        scales: { x: { time: false }, y: isLog ? { distr: 3 } : {} },
        axes: [
          { ...axis, space: 70, size: 26 },
          { ...axis, size: 54, space: 34 },
        ],
        series: [{}, ...drawn],
        hooks: {
          setSelect: [
            (plot) => {
              const { left, width } = plot.select;
              if (width < 4) return;
              const from = Math.floor(plot.posToVal(left, 'x'));
              zoomTo.current({ from, to: Math.ceil(plot.posToVal(left + width, 'x')) });
            },
          ],
        },
      },
      dataOf(data),
      box.current,
    );
    keep.current = made;
    const observer = new ResizeObserver(([entry]) => {
      if (entry !== undefined) made.setSize({ width: entry.contentRect.width, height });
    });
    observer.observe(box.current);
    return () => {
      observer.disconnect();
      keep.current = undefined;
      made.destroy();
    };
    // Colours are read when the plot is made; new points only move its data.
  }, [look]);
  useEffect(() => keep.current?.setData(dataOf(data)), [data, keep]);
  return <div ref={box} className="plot" role="img" aria-label={`${label}; the table form has the numbers`} />;
}

const dataOf = ({ x, y }: ReturnType<typeof aligned>): uPlot.AlignedData => [[...x], ...y.map((column) => [...column])];
