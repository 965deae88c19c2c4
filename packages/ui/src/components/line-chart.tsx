/** A few series over time with their 95 % bands and named lines, on uPlot. Its numbers are also there as a table. */
import type { ReactElement } from 'react';
import { useEffect, useRef, useState } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { useScheme } from '../theme/scheme.ts';
import { clockTime, day, decimals, zoneWord } from '../words.ts';
import { ChartExport } from './chart-export.tsx';
import type { ChartMark } from './chart-marks.ts';
import { drawEndLabels, drawMarks, endLabelsWidth, token } from './chart-marks.ts';
import type { CsvValue, Sheet } from './csv.ts';

export interface Series {
  readonly name: string;
  /** A colour token such as `--c1`. */
  readonly color: string;
  readonly values: readonly (number | null)[];
  /** Ends of the 95 % interval. */
  readonly low?: readonly (number | null)[];
  readonly high?: readonly (number | null)[];
  readonly isDashed?: boolean;
  /** Set where series share no steps: a missing value is then no gap. */
  readonly spansGaps?: boolean;
  /** Written at the right end of its line, in its colour. */
  readonly endLabel?: string;
  /** A line without points, such as one to compare with. */
  readonly isPlain?: boolean;
}

interface LineChartProps {
  /** What is shown, for the table and for readers who do not see it. */
  readonly label: string;
  /** One per point: milliseconds since 1970 UTC, or plain numbers when `isTime` is false. */
  readonly x: readonly number[];
  readonly isTime?: boolean;
  readonly xName?: string;
  readonly series: readonly Series[];
  /** Decision lines with their names. */
  readonly lines?: readonly { readonly value: number; readonly name: string; readonly color: string }[];
  /** What happened at some x: a vertical line with a word. */
  readonly marks?: readonly ChartMark[];
  /** Areas on top of each other in their order: the upper edge is the sum. Of counts only. */
  readonly isStacked?: boolean;
  /** The page names the series itself, beside the title: the chart does not repeat it. */
  readonly isNamedAbove?: boolean;
  /** How a value of the axis is written, where it is not the plain number. */
  readonly yWords?: (value: number) => string;
  /** The same of an x that is no time. */
  readonly xWords?: (value: number) => string;
  readonly height?: number;
  readonly digits?: number;
  /** Of its values, for the picture. */
  readonly unit?: string;
}

/** Up to so many points each get a mark. */
const markedMax = 60;

const daySeconds = 86_400;

/** `14 Jun`, or `06:00` where ticks stand closer than a day and midnight says the day. */
function tickWords(seconds: number, step: number): string {
  const time = clockTime(seconds * 1000);
  return step >= daySeconds || time === '00:00' ? day(seconds * 1000) : time;
}

const stepOf = ([first = 0, second = first + daySeconds]: readonly number[]): number => second - first;

/** The same for a row of the table, which stands alone. */
function rowWords(at: number): string {
  const time = clockTime(at);
  return time === '00:00' ? day(at) : `${day(at)} ${time}`;
}

export function LineChart(props: LineChartProps): ReactElement {
  const {
    label,
    x,
    series,
    lines = [],
    height = 170,
    isTime = true,
    digits = 3,
    xName = isTime ? 'time' : 'step',
  } = props;
  const lineWords = (value: number): string => props.yWords?.(value) ?? decimals(value, 2);
  const box = useRef<HTMLDivElement>(null);
  const { scheme } = useScheme();
  const [isTable, setTable] = useState(false);
  const drawn = useRef<uPlot>(undefined);
  useEffect(() => {
    if (isTable || box.current === null) return undefined;
    const plot = new uPlot(optionsOf(props, box.current.clientWidth, height), dataOf(props), box.current);
    drawn.current = plot;
    const observer = new ResizeObserver(([entry]) => {
      if (entry !== undefined) plot.setSize({ width: entry.contentRect.width, height });
    });
    observer.observe(box.current);
    return () => {
      observer.disconnect();
      drawn.current = undefined;
      plot.destroy();
    };
    // Colours are read when the plot is made: a change of scheme makes it anew.
  }, [JSON.stringify([x, series, lines, props.marks]), scheme, isTable, height]);

  return (
    <figure aria-label={label} className={props.isNamedAbove === true ? 'named-above' : undefined}>
      <div className="row between">
        <div className="lg">
          {(props.isNamedAbove === true ? [] : series).map((s) => (
            <span key={s.name}>
              <i className={s.isDashed === true ? 'ln d' : 'ln'} style={{ color: `var(${s.color})` }} />
              {s.name}
            </span>
          ))}
          {lines.map((line) => (
            <span key={line.name}>
              <i className="ln d" style={{ color: `var(${line.color})` }} />
              {line.name} {lineWords(line.value)}
            </span>
          ))}
        </div>
        <span className="export">
          <button type="button" className="btn sm ghost" aria-pressed={isTable} onClick={() => setTable(!isTable)}>
            {isTable ? 'As chart' : 'As table'}
          </button>
          <ChartExport
            label={label}
            unit={props.unit}
            isTime={isTime}
            legend={[
              ...series,
              ...lines.map((l) => ({ name: `${l.name} ${lineWords(l.value)}`, color: l.color, isDashed: true })),
            ]}
            sheet={() => sheetOf(props)}
            draw={isTable ? undefined : () => drawn.current?.ctx.canvas}
          />
        </span>
      </div>
      {isTable ? (
        <div className="scroll" tabIndex={0}>
          <table className="tbl top0" aria-label={label}>
            <thead>
              <tr>
                <th scope="col">{xName}</th>
                {series.map((s) => (
                  <th key={s.name} scope="col" className="num">
                    {s.name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {x.map((at, i) => (
                <tr key={at}>
                  <td>{isTime ? rowWords(at) : at}</td>
                  {series.map((s) => (
                    <td key={s.name} className="num">
                      {decimals(s.values[i], digits)}
                      {s.low?.[i] !== undefined &&
                        s.low[i] !== null &&
                        ` (${decimals(s.low[i], digits)} to ${decimals(s.high?.[i], digits)})`}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : (
        <div
          ref={box}
          className="plot"
          // The plot comes when the page has its width: its place is kept.
          style={{ minHeight: height }}
          role="img"
          aria-label={`${label}; the table form has the numbers`}
        />
      )}
    </figure>
  );
}

/** Every number as it is, not as it is written; instants as ISO 8601. */
function sheetOf({ x, series, isTime = true, xName = isTime ? 'time' : 'step' }: LineChartProps): Sheet {
  const hasBand = (s: Series): boolean => s.low !== undefined && s.high !== undefined;
  return {
    head: [xName, ...series.flatMap((s) => (hasBand(s) ? [s.name, `${s.name}, low`, `${s.name}, high`] : [s.name]))],
    rows: x.map((at, i): readonly CsvValue[] => [
      isTime ? new Date(at).toISOString() : at,
      ...series.flatMap((s) => (hasBand(s) ? [s.values[i], s.low?.[i], s.high?.[i]] : [s.values[i]])),
    ]),
  };
}

/** uPlot wants seconds; each series is followed by the two ends of its band. */
function dataOf({ x, series, isTime = true, isStacked = false }: LineChartProps): uPlot.AlignedData {
  const columns: (number | null)[][] = [];
  if (isStacked) return [x.map((at) => (isTime ? at / 1000 : at)), ...stackedOf(series)];
  for (const s of series) {
    columns.push([...s.values]);
    if (s.low !== undefined && s.high !== undefined) columns.push([...s.high], [...s.low]);
  }
  return [x.map((at) => (isTime ? at / 1000 : at)), ...columns];
}

/** Each with all below it. Where none of them has a value there is a gap. */
function stackedOf(series: readonly Series[]): (number | null)[][] {
  const sums: (number | null)[][] = [];
  for (const { values } of series) {
    const below = sums.at(-1);
    sums.push(
      values.map((value, i) => {
        const under = below?.[i] ?? null;
        return value === null && under === null ? null : (value ?? 0) + (under ?? 0);
      }),
    );
  }
  return sums;
}

function optionsOf(props: LineChartProps, width: number, height: number): uPlot.Options {
  const { series, lines = [], isTime = true, digits = 3, isStacked = false } = props;
  const drawn: uPlot.Series[] = [{}];
  const bands: uPlot.Band[] = [];
  for (const s of series) {
    const stroke = token(s.color);
    drawn.push({
      label: s.name,
      stroke,
      width: 1.75,
      // Many points stand too close to be told apart: then the line alone.
      points: { show: s.isPlain !== true && !isStacked && props.x.length <= markedMax, size: 6, fill: stroke },
      spanGaps: s.spansGaps ?? false,
      value: (_, value) => decimals(value, digits),
      ...(s.isDashed === true && !isStacked ? { dash: [5, 4] } : {}),
      ...(isStacked && drawn.length === 1 ? { fill: `${stroke}40` } : {}),
    });
    // From the second one on: down to the edge below.
    if (isStacked && drawn.length > 2)
      bands.push({ series: [drawn.length - 1, drawn.length - 2], fill: `${stroke}40` });
    if (s.low === undefined || s.high === undefined) continue;
    const edge: uPlot.Series = { stroke: 'transparent', points: { show: false } };
    drawn.push({ ...edge, label: `${s.name}, high` }, { ...edge, label: `${s.name}, low` });
    bands.push({ series: [drawn.length - 2, drawn.length - 1], fill: `${stroke}2b` });
  }
  const axis: uPlot.Axis = {
    stroke: token('--axis'),
    grid: { stroke: token('--grid'), width: 1 },
    ticks: { show: false },
    font: `11px ${token('--font-sans')}`,
  };
  const drawLines = (plot: uPlot): void => {
    for (const line of lines) {
      const y = plot.valToPos(line.value, 'y', true);
      plot.ctx.save();
      plot.ctx.strokeStyle = token(line.color);
      plot.ctx.setLineDash([5, 4]);
      plot.ctx.lineWidth = devicePixelRatio * 1.25;
      plot.ctx.beginPath();
      plot.ctx.moveTo(plot.bbox.left, y);
      plot.ctx.lineTo(plot.bbox.left + plot.bbox.width, y);
      plot.ctx.stroke();
      plot.ctx.restore();
    }
  };
  const { yWords, xWords } = props;
  return {
    width,
    height,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zoneWord() === 'UTC' ? 'Etc/UTC' : zoneWord()),
    series: drawn,
    bands,
    legend: { show: false },
    cursor: { y: false, points: { size: 8 } },
    ...(series.some((one) => one.endLabel !== undefined) ? { padding: [null, endLabelsWidth, null, null] } : {}),
    scales: {
      x: { time: isTime },
      y: {
        range: (_, min, max) =>
          isStacked
            ? [0, Math.max(max, 1) * 1.12]
            : paddedRange(
                min,
                max,
                lines.map((l) => l.value),
              ),
      },
    },
    axes: [
      {
        ...axis,
        space: 70,
        size: 26,
        ...(isTime ? { values: (_, splits) => splits.map((s) => tickWords(s, stepOf(splits))) } : {}),
        ...(isTime || xWords === undefined ? {} : { values: (_, splits) => splits.map(xWords) }),
      },
      {
        ...axis,
        size: 46,
        space: 34,
        ...(yWords === undefined ? {} : { values: (_, splits) => splits.map(yWords) }),
      },
    ],
    hooks: {
      draw: [(plot) => drawMarks(plot, props.marks ?? [], isTime), drawLines, (plot) => drawEndLabels(plot, series)],
    },
  };
}

function paddedRange(min: number, max: number, lines: readonly number[]): [number, number] {
  const low = Math.min(min, ...lines);
  const high = Math.max(max, ...lines);
  const pad = (high - low || Math.abs(high) || 1) * 0.08;
  return [low - pad, high + pad];
}
