/** Columns of the list of runs as the address has them: `m:auc` a metric, `p:leaves` a param, `t:kind` a tag. */
import type { Run, RunKeyKind } from '@slipway/contract';
import { fieldOf, keysOf, metricKeys, paramKeys } from './values.ts';

export type ColumnKey = `${'m' | 'p' | 't'}:${string}`;

export const isColumnKey = (text: string): text is ColumnKey => /^[mpt]:./.test(text);

const prefixes = { metric: 'm', param: 'p', tag: 't' } as const;
const kinds: Readonly<Record<string, RunKeyKind>> = { m: 'metric', p: 'param', t: 'tag' };

export const columnKey = (kind: RunKeyKind, key: string): ColumnKey => `${prefixes[kind]}:${key}`;
export const kindOf = (column: ColumnKey): RunKeyKind => kinds[column.charAt(0)] ?? 'tag';
export const keyOf = (column: ColumnKey): string => column.slice(2);
export const fieldOfColumn = (column: ColumnKey): string => fieldOf(`${kindOf(column)}s`, keyOf(column));

/** The tag of runs that are steps: those of one pipeline run are drawn together. */
export const pipelineRunTag = 'slipway.pipelineRun';

/** As many columns as stand beside state, duration and start in a window of 1440 pixels, and axes in a chart half as wide. */
const shownAtFirst = { metrics: 2, params: 2 };
const drawnAtFirst = { metrics: 3, params: 3 };

interface Chosen {
  readonly metrics: readonly ColumnKey[];
  readonly params: readonly ColumnKey[];
}

/** The commonest metrics, and params that tell the runs apart before those that are the same in all. */
function chosenOf(runs: readonly Run[], most: typeof shownAtFirst): Chosen {
  const isTelling = (key: string): boolean =>
    new Set(runs.flatMap((run) => (run.params[key] === undefined ? [] : [run.params[key]]))).size > 1;
  const params = keysOf(runs, paramKeys);
  const ordered = [...params.filter(isTelling), ...params.filter((key) => !isTelling(key))];
  return {
    metrics: keysOf(runs, metricKeys)
      .slice(0, most.metrics)
      .map((key) => columnKey('metric', key)),
    params: ordered.slice(0, most.params).map((key) => columnKey('param', key)),
  };
}

export function columnsAtFirst(runs: readonly Run[]): readonly ColumnKey[] {
  const { metrics, params } = chosenOf(runs, shownAtFirst);
  return [...metrics, ...params];
}

/** Causes to the left, outcomes to the right. */
export function axesAtFirst(runs: readonly Run[]): readonly ColumnKey[] {
  const { metrics, params } = chosenOf(runs, drawnAtFirst);
  return [...params, ...metrics];
}

/** Pinned ones first, both in their order. */
export const placed = (shown: readonly ColumnKey[], pins: readonly string[]): readonly ColumnKey[] => [
  ...shown.filter((column) => pins.includes(column)),
  ...shown.filter((column) => !pins.includes(column)),
];

/** One place up or down in the list; at its end it stays. */
export function moved(shown: readonly ColumnKey[], column: ColumnKey, by: -1 | 1): readonly ColumnKey[] {
  const from = shown.indexOf(column);
  const to = from + by;
  if (from < 0 || to < 0 || to >= shown.length) return shown;
  return shown.toSpliced(from, 1).toSpliced(to, 0, column);
}
