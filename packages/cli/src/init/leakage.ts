/**
 * Columns that know the answer. A column alone is turned into at most 32 bins (a text into its values, what is missing into
 * a bin of its own); half of the rows teach what each bin means, the other half are predicted. A column that is nearly
 * always right by itself was most likely filled in after the outcome was known.
 */
import { sqlName } from '@slipway/server/analytics';
import type { Task } from './decide.ts';
import type { ColumnFacts } from './facts.ts';
import type { Scratch } from './scratch.ts';

export type Cell = number | string | null;

export interface Suspicion {
  readonly column: string;
  readonly reason: string;
}

export interface Leaks {
  readonly suspected: readonly Suspicion[];
  /** Columns that know much alone, and may well be honest. */
  readonly strong: readonly Suspicion[];
}

const sampleRows = 20_000;
const binCount = 32;
const columnsPerQuestion = 20;
/** What a column reaches alone: from `told` on it is worth a question, from `suspected` on it is left out. */
const limits = {
  auc: { told: 0.85, suspected: 0.98 },
  agreement: { told: 0.85, suspected: 0.97 },
  explained: { told: 0.9, suspected: 0.99 },
} as const;
/** Rows that are predicted, and rows of the rarer class among them, below which nothing is concluded. */
const judgedRowsMin = 50;
const rarerRowsMin = 10;
/** A column that is filled in for one outcome only: so many rows filled, so many not, so pure, in a class so rare. */
const filledMin = 20;
const purityMin = 0.98;
const classShareMax = 0.9;

export async function suspectLeaks(
  scratch: Scratch,
  columns: readonly ColumnFacts[],
  question: { readonly target: string; readonly task: Task; readonly positive: string | undefined },
): Promise<Leaks> {
  const { target, task, positive } = question;
  const wanted = sqlName(target);
  await scratch.run(
    `create or replace temp table sample AS select * from (select * from rows where ${wanted} is not null) using sample reservoir(${sampleRows} rows) repeatable (7)`,
  );
  const suspected: Suspicion[] = [];
  const strong: Suspicion[] = [];
  for (let i = 0; i < columns.length; i += columnsPerQuestion) {
    const asked = columns.slice(i, i + columnsPerQuestion);
    const cells = asked.map(({ name, kind }, j) => `${valueSql(name, kind)} AS c${j}`);
    const rows = await scratch.rows(
      `select ${wanted}::${task === 'regression' ? 'double' : 'varchar'} AS t, ${cells.join(', ')} from sample order by hash(rowid), rowid`,
    );
    const targets = rows.map((row) => (task === 'binary' ? Number(String(row['t']) === positive) : cellOf(row['t'])));
    for (const [j, { name }] of asked.entries()) {
      const values = rows.map((row) => cellOf(row[`c${j}`]));
      const labels = rows.map((row) => String(row['t']));
      const filled = task === 'regression' ? undefined : filledForOne(values, labels);
      const alone = filled === undefined ? aloneOf(values, targets, task) : undefined;
      if (filled !== undefined) suspected.push({ column: name, reason: filled });
      else if (alone?.isSuspected === true) suspected.push({ column: name, reason: alone.reason });
      else if (alone !== undefined) strong.push({ column: name, reason: alone.reason });
    }
  }
  return { suspected, strong };
}

function valueSql(name: string, kind: ColumnFacts['kind']): string {
  const column = sqlName(name);
  if (kind === 'number') return `${column}::double`;
  return kind === 'instant' ? `epoch_ms(${column}::timestamp)::double` : `${column}::varchar`;
}

const cellOf = (value: unknown): Cell => (typeof value === 'number' || typeof value === 'string' ? value : null);

/** The reason for a suspicion, from values and targets row by row: 0 and 1, texts, or numbers, by the task. */
export function givesAway(values: readonly Cell[], targets: readonly Cell[], task: Task): string | undefined {
  const alone = aloneOf(values, targets, task);
  return alone?.isSuspected === true ? alone.reason : undefined;
}

interface Alone {
  readonly isSuspected: boolean;
  readonly reason: string;
}

/** What a column reaches by itself, where that is worth telling. */
function aloneOf(values: readonly Cell[], targets: readonly Cell[], task: Task): Alone | undefined {
  const bins = binsOf(values);
  const half = Math.floor(values.length / 2);
  if (values.length - half < judgedRowsMin) return undefined;
  switch (task) {
    case 'binary': {
      const auc = aucAlone(bins, targets.map(Number), half) ?? 0;
      if (auc < limits.auc.told) return undefined;
      const isSuspected = auc >= limits.auc.suspected;
      const how = isSuspected ? 'almost without error' : 'well';
      return { isSuspected, reason: `alone tells the outcomes apart ${how} (AUC ${auc.toFixed(3)})` };
    }
    case 'multiclass': {
      const agreement = agreementAlone(bins, targets.map(String), half);
      if (agreement < limits.agreement.told) return undefined;
      const share = (100 * agreement).toFixed(1);
      const isSuspected = agreement >= limits.agreement.suspected;
      return { isSuspected, reason: `alone names the class in ${share} % of what chance leaves` };
    }
    case 'regression': {
      const byBins = explainedAlone(bins, targets.map(Number), half);
      const explained = Math.max(byBins, explainedByLine(values, targets, half));
      if (explained < limits.explained.told) return undefined;
      const isSuspected = explained >= limits.explained.suspected;
      return { isSuspected, reason: `alone explains ${(100 * explained).toFixed(1)} % of the variance` };
    }
  }
}

/** Filled in almost only where one class is. `labels` has the class of each row. */
export function filledForOne(values: readonly Cell[], labels: readonly string[]): string | undefined {
  const filled = new Map<string, number>();
  const all = new Map<string, number>();
  let filledRows = 0;
  for (const [i, label] of labels.entries()) {
    all.set(label, (all.get(label) ?? 0) + 1);
    if (values[i] === null || values[i] === undefined) continue;
    filledRows++;
    filled.set(label, (filled.get(label) ?? 0) + 1);
  }
  if (filledRows < filledMin || labels.length - filledRows < filledMin) return undefined;
  for (const [label, n] of filled) {
    const share = (all.get(label) ?? 0) / labels.length;
    if (n / filledRows >= purityMin && share <= classShareMax)
      return `is filled in almost only where the outcome is "${label}" (${((100 * n) / filledRows).toFixed(1)} % of its values, against ${(100 * share).toFixed(1)} % of all rows)`;
  }
  return undefined;
}

/** [rows] the bin of each value; bin 0 is what is missing. */
function binsOf(values: readonly Cell[]): Int32Array {
  const numbers = values.filter((value) => typeof value === 'number').sort((a, b) => a - b);
  const isNumeric = numbers.length > 0 && values.every((value) => typeof value !== 'string');
  if (!isNumeric) {
    const codes = new Map<string, number>();
    return Int32Array.from(values, (value) => {
      if (value === null) return 0;
      const code = codes.get(String(value)) ?? codes.size + 1;
      codes.set(String(value), code);
      return code;
    });
  }
  const edges = edgesOf(numbers);
  return Int32Array.from(values, (value) =>
    typeof value === 'number' ? 1 + edges.filter((edge) => value >= edge).length : 0,
  );
}

/** Quantiles, and what follows a value that many rows have: zero is not the same as nearly zero. `numbers` ascend. */
function edgesOf(numbers: readonly number[]): readonly number[] {
  const at = (i: number): number => numbers[Math.floor((i * numbers.length) / binCount)] ?? 0;
  const edges = new Set<number>();
  for (let i = 1; i < binCount; i++) {
    edges.add(at(i));
    if (at(i) !== at(i - 1)) continue;
    const above = numbers[numbers.lastIndexOf(at(i)) + 1];
    if (above !== undefined) edges.add(above);
  }
  return [...edges];
}

function meansOf(
  bins: Int32Array,
  targets: readonly number[],
  until: number,
): { readonly of: (bin: number) => number; readonly mean: number } {
  const sums = new Map<number, { sum: number; n: number }>();
  let total = 0;
  for (let i = 0; i < until; i++) {
    const target = targets[i] ?? 0;
    total += target;
    const bin = sums.get(bins[i] ?? 0) ?? { sum: 0, n: 0 };
    sums.set(bins[i] ?? 0, { sum: bin.sum + target, n: bin.n + 1 });
  }
  const mean = total / until;
  return {
    mean,
    of: (bin) => {
      const found = sums.get(bin);
      return found === undefined ? mean : (found.sum + mean) / (found.n + 1);
    },
  };
}

/** Area under the ROC curve of the second half; undefined with too few rows of a class. */
function aucAlone(bins: Int32Array, targets: readonly number[], half: number): number | undefined {
  const { of } = meansOf(bins, targets, half);
  const judged = targets.slice(half).map((target, i) => ({ target, score: of(bins[half + i] ?? 0) }));
  judged.sort((a, b) => a.score - b.score);
  const positives = judged.filter(({ target }) => target === 1).length;
  const negatives = judged.length - positives;
  if (Math.min(positives, negatives) < rarerRowsMin) return undefined;
  let ranks = 0;
  for (let i = 0; i < judged.length;) {
    let end = i;
    while (end < judged.length && judged[end]?.score === judged[i]?.score) end++;
    for (let k = i; k < end; k++) if (judged[k]?.target === 1) ranks += (i + 1 + end) / 2;
    i = end;
  }
  return (ranks - (positives * (positives + 1)) / 2) / (positives * negatives);
}

/** Share of right answers beyond the most frequent class. */
function agreementAlone(bins: Int32Array, targets: readonly string[], half: number): number {
  const counts = new Map<number, Map<string, number>>();
  const all = new Map<string, number>();
  const add = (map: Map<string, number>, key: string): void => void map.set(key, (map.get(key) ?? 0) + 1);
  for (let i = 0; i < half; i++) {
    const own = counts.get(bins[i] ?? 0) ?? new Map<string, number>();
    counts.set(bins[i] ?? 0, own);
    add(own, targets[i] ?? '');
    add(all, targets[i] ?? '');
  }
  const best = (map: ReadonlyMap<string, number>): string => [...map].sort((a, b) => b[1] - a[1])[0]?.[0] ?? '';
  const usual = best(all);
  const answers = new Map([...counts].map(([bin, own]) => [bin, best(own)]));
  const judged = targets.slice(half);
  const right = judged.filter((target, i) => (answers.get(bins[half + i] ?? 0) ?? usual) === target).length;
  const base = judged.filter((target) => target === usual).length;
  return judged.length === base ? 0 : (right - base) / (judged.length - base);
}

/** R² of the bins' means on the second half. */
function explainedAlone(bins: Int32Array, targets: readonly number[], half: number): number {
  const { of, mean } = meansOf(bins, targets, half);
  let [error, spread] = [0, 0];
  for (let i = half; i < targets.length; i++) {
    error += ((targets[i] ?? 0) - of(bins[i] ?? 0)) ** 2;
    spread += ((targets[i] ?? 0) - mean) ** 2;
  }
  return spread === 0 ? 0 : 1 - error / spread;
}

/** Squared correlation on the second half, where all values are numbers: a copy in another unit. */
function explainedByLine(values: readonly Cell[], targets: readonly Cell[], half: number): number {
  const pairs = values.slice(half).flatMap((x, i): (readonly [number, number])[] => {
    const y = targets[half + i];
    return typeof x === 'number' && typeof y === 'number' ? [[x, y]] : [];
  });
  if (pairs.length < judgedRowsMin) return 0;
  const mean = (at: 0 | 1): number => pairs.reduce((sum, pair) => sum + pair[at], 0) / pairs.length;
  const [mx, my] = [mean(0), mean(1)];
  const sum = (of: (x: number, y: number) => number): number =>
    pairs.reduce((total, [x, y]) => total + of(x - mx, y - my), 0);
  const spread = sum((x) => x * x) * sum((_, y) => y * y);
  return spread === 0 ? 0 : sum((x, y) => x * y) ** 2 / spread;
}
