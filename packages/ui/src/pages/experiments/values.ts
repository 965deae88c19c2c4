/** Values of runs as numbers and as words: metrics may be NaN or infinite, params are always texts. */
import type { MetricValue, Run } from '@slipway/contract';

export type MetricPoint = Run['metrics'][number];

/** For charts: what has no place on an axis is a gap. */
export const plotted = (value: MetricValue): number | null => (typeof value === 'number' ? value : null);

const digits = 4;
const plainMin = 1e-4;
const plainMax = 1e6;

/** `0.7992`, `150`, `2.3e-7`, `NaN`. */
export function metricText(value: MetricValue | undefined): string {
  if (value === undefined) return 'not set';
  if (typeof value === 'string') return value;
  if (Number.isInteger(value)) return String(value);
  const size = Math.abs(value);
  return size < plainMin || size >= plainMax ? value.toExponential(2) : value.toFixed(digits);
}

export const metricOf = (run: Run, key: string): MetricPoint | undefined => run.metrics.find((m) => m.key === key);

export const isNumeric = (text: string | undefined): boolean =>
  text !== undefined && text.trim() !== '' && Number.isFinite(Number(text));

/** A key as the filter language and the order want it: quoted where it is not one plain word. */
export const fieldOf = (entity: 'metrics' | 'params' | 'tags', key: string): string =>
  /^[A-Za-z_][\w.]*$/.test(key) ? `${entity}.${key}` : `${entity}.\`${key}\``;

/** Keys that the runs have, with the number of runs that have each, most common first. */
export function keysOf(runs: readonly Run[], keys: (run: Run) => readonly string[]): readonly string[] {
  const found = new Map<string, number>();
  for (const run of runs) for (const key of keys(run)) found.set(key, (found.get(key) ?? 0) + 1);
  return [...found].toSorted(([a, n], [b, m]) => m - n || a.localeCompare(b)).map(([key]) => key);
}

export const metricKeys = (run: Run): readonly string[] => run.metrics.map((m) => m.key);
export const paramKeys = (run: Run): readonly string[] => Object.keys(run.params);

export const tookMs = (run: Run): number | undefined =>
  run.endedAt === undefined ? undefined : run.endedAt - run.startedAt;
