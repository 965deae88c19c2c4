/**
 * Samples of a metric as lines of one chart. A stretch of several points becomes two: its least and its greatest value, in
 * the order that continues the line, at the first and the last step of the stretch. So peaks are seen, whatever the width.
 */
import type { SampledSeries } from '@slipway/contract';
import { plotted } from './values.ts';

export interface Line {
  readonly steps: readonly number[];
  readonly values: readonly (number | null)[];
}

export function lineOf(series: SampledSeries, isLog = false): Line {
  const steps: number[] = [];
  const values: (number | null)[] = [];
  const put = (step: number, value: number | null): void => {
    // Later points of one step replace earlier ones, so that every step has one value.
    if (steps.at(-1) === step) values[values.length - 1] = value;
    else {
      steps.push(step);
      values.push(value);
    }
  };
  const drawn = (value: SampledSeries['low'][number] | undefined): number | null => {
    const number = value === null || value === undefined ? null : plotted(value);
    return isLog && number !== null && number <= 0 ? null : number;
  };
  series.firstSteps.forEach((first, i) => {
    const last = series.lastSteps[i] ?? first;
    const low = drawn(series.low[i]);
    const high = drawn(series.high[i]);
    if (last === first || low === high) {
      put(first, series.counts[i] === 1 ? low : (high ?? low));
      return;
    }
    const before = values.at(-1) ?? beginOf(series, i);
    const startsLow = Math.abs(before - (low ?? before)) <= Math.abs(before - (high ?? before));
    put(first, startsLow ? low : high);
    put(last, startsLow ? high : low);
  });
  return { steps, values };
}

/** Where a line that begins with this stretch comes from: the end of it that is further from the next one. */
function beginOf({ low, high }: SampledSeries, i: number): number {
  const [least, greatest] = [low[i], high[i]].map((value) => plotted(value ?? 'NaN') ?? 0);
  const next = [low[i + 1], high[i + 1]].map((value) => plotted(value ?? 'NaN') ?? 0);
  const [a = 0, b = 0] = [least, greatest];
  const isFalling = i + 1 < low.length && (next[0] ?? 0) + (next[1] ?? 0) < a + b;
  return isFalling ? b : a;
}

/** All lines over the union of their steps. */
export function aligned(lines: readonly Line[]): { x: readonly number[]; y: readonly (readonly (number | null)[])[] } {
  const x = [...new Set(lines.flatMap((line) => line.steps))].toSorted((a, b) => a - b);
  const places = new Map(x.map((step, i) => [step, i]));
  const y = lines.map((line) => {
    const column: (number | null)[] = Array.from({ length: x.length }, () => null);
    line.steps.forEach((step, i) => {
      column[places.get(step) ?? 0] = line.values[i] ?? null;
    });
    return column;
  });
  return { x, y };
}
