/**
 * Settings against outcome: runs as lines over parallel axes, the arithmetic of it.
 *
 * Positions lie between 0 (the foot of an axis) and 1. An axis whose values are all numbers is linear (or logarithmic, where
 * its positive values span three decades and more); any other has its distinct values at equal distances. A missing value
 * has no position. Above `linesMax` runs, lines become density: how many run from one band of an axis to one band of the
 * next, so that drawing costs the bands and not the runs.
 */
import type { Run } from '@slipway/contract';
import type { ColumnKey } from './columns.ts';
import { keyOf, kindOf } from './columns.ts';
import { isNumeric, metricOf, plotted } from './values.ts';

export const linesMax = 1000;
export const bands = 48;
/** More distinct texts than this share the axis evenly without names of their own. */
export const namedMax = 24;
const decadesForLog = 3;

export interface Axis {
  readonly column: ColumnKey;
  readonly name: string;
  readonly scale: 'linear' | 'log' | 'names';
  readonly low: number;
  readonly high: number;
  /** Of an axis of names, from the foot up. */
  readonly names: readonly string[];
}

export function axisValue(run: Run, column: ColumnKey): number | string | undefined {
  const key = keyOf(column);
  if (kindOf(column) === 'metric') {
    const value = metricOf(run, key)?.value;
    return value === undefined ? undefined : (plotted(value) ?? undefined);
  }
  return kindOf(column) === 'param' ? run.params[key] : run.tags[key];
}

export function axisOf(runs: readonly Run[], column: ColumnKey): Axis {
  const present = runs.flatMap((run) => {
    const value = axisValue(run, column);
    return value === undefined ? [] : [value];
  });
  const base = { column, name: keyOf(column) };
  const isNumber = present.every((value) => typeof value === 'number' || isNumeric(value));
  if (!isNumber) {
    const names = [...new Set(present.map(String))].toSorted((a, b) => a.localeCompare(b));
    return { ...base, scale: 'names', low: 0, high: Math.max(0, names.length - 1), names };
  }
  let low = Infinity;
  let high = -Infinity;
  for (const value of present) {
    low = Math.min(low, Number(value));
    high = Math.max(high, Number(value));
  }
  if (present.length === 0) return { ...base, scale: 'linear', low: 0, high: 1, names: [] };
  const isLog = low > 0 && Math.log10(high / low) >= decadesForLog;
  return { ...base, scale: isLog ? 'log' : 'linear', low, high, names: [] };
}

export function positionOf(axis: Axis, value: number | string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const number = axis.scale === 'names' ? axis.names.indexOf(String(value)) : Number(value);
  if (!Number.isFinite(number) || (axis.scale === 'names' && number < 0)) return undefined;
  if (axis.high === axis.low) return 0.5;
  if (axis.scale === 'log') return Math.log(number / axis.low) / Math.log(axis.high / axis.low);
  return (number - axis.low) / (axis.high - axis.low);
}

/** What stands at a position. */
export function valueAt(axis: Axis, position: number): number {
  if (axis.scale === 'log') return axis.low * (axis.high / axis.low) ** position;
  return axis.low + (axis.high - axis.low) * position;
}

/** Per run and axis. */
export type Positions = readonly (readonly (number | undefined)[])[];

export const positionsOf = (runs: readonly Run[], axes: readonly Axis[]): Positions =>
  runs.map((run) => axes.map((axis) => positionOf(axis, axisValue(run, axis.column))));

export interface Brush {
  readonly column: ColumnKey;
  /** In the values of the axis; places of names, from 0, on an axis of names. */
  readonly low: number;
  readonly high: number;
}

/** `m:auc~0.7~0.9` for the address. */
export const brushText = (brushes: readonly Brush[]): string | undefined =>
  brushes.length === 0 ? undefined : brushes.map((b) => `${b.column}~${b.low}~${b.high}`).join(',');

export function brushesOf(text: string | undefined, columns: readonly ColumnKey[]): readonly Brush[] {
  return (text ?? '').split(',').flatMap((part) => {
    const [name, low, high] = part.split('~');
    const column = columns.find((c) => c === name);
    const ends = [Number(low), Number(high)] as const;
    if (column === undefined || low === undefined || high === undefined || !ends.every(Number.isFinite)) return [];
    return [{ column, low: Math.min(...ends), high: Math.max(...ends) }];
  });
}

/** One ten-thousandth of an axis: the ends of a brush belong to it, whatever the rounding. */
const slack = 1e-4;

export function isWithin(
  axes: readonly Axis[],
  positions: readonly (number | undefined)[],
  brushes: readonly Brush[],
): boolean {
  return brushes.every((brush) => {
    const i = axes.findIndex((axis) => axis.column === brush.column);
    const axis = axes[i];
    const at = positions[i];
    if (axis === undefined) return true;
    if (at === undefined) return false;
    const value = valueAt(axis, at);
    const pad = Math.abs(axis.high - axis.low) * slack;
    return value >= brush.low - pad && value <= brush.high + pad;
  });
}

/** The brushes as a filter of the server's language. Ends are written short and outwards, so that none falls out. */
export function brushFilter(
  axes: readonly Axis[],
  brushes: readonly Brush[],
  field: (column: ColumnKey) => string,
): string {
  return brushes
    .flatMap((brush) => {
      const axis = axes.find((a) => a.column === brush.column);
      if (axis === undefined) return [];
      if (kindOf(brush.column) === 'metric') {
        const pad = Math.abs(axis.high - axis.low) * slack;
        return [
          `${field(brush.column)} >= ${plain(brush.low - pad)}`,
          `${field(brush.column)} <= ${plain(brush.high + pad)}`,
        ];
      }
      // Params and tags are texts to the server: it takes the values themselves.
      return [];
    })
    .join(' and ');
}

const plain = (value: number): string => String(Number(value.toPrecision(8)));

/** The distinct values of a param or tag within its brush, for `in (…)`. */
export function brushedNames(runs: readonly Run[], axis: Axis, brush: Brush): readonly string[] {
  const within = runs.filter((run) => {
    const at = positionOf(axis, axisValue(run, axis.column));
    return isWithin([axis], [at], [brush]);
  });
  return [...new Set(within.map((run) => String(axisValue(run, axis.column))))];
}

/** Counts of lines between bands: `[gap between axes][from band * bands + to band]`. */
export function densityOf(positions: Positions, axisCount: number): readonly Uint32Array[] {
  const gaps = Array.from({ length: Math.max(0, axisCount - 1) }, () => new Uint32Array(bands * bands));
  const band = (at: number): number => Math.min(bands - 1, Math.max(0, Math.floor(at * bands)));
  for (const line of positions) {
    gaps.forEach((counts, i) => {
      const from = line[i];
      const to = line[i + 1];
      if (from === undefined || to === undefined) return;
      const cell = band(from) * bands + band(to);
      counts[cell] = (counts[cell] ?? 0) + 1;
    });
  }
  return gaps;
}
