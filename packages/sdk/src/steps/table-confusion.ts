/** How often each class was answered for each, at the most probable class, or at the threshold of two that cost least. */
import type { AnsweredRows } from '../statistics.ts';
import type { ClassLabel } from './table-meta.ts';
import type { Evaluation } from './table-report.ts';

/** What a mistake costs; being right costs nothing. */
export interface Costs {
  readonly falsePositive: number;
  readonly falseNegative: number;
}

type Confusion = NonNullable<Evaluation['confusion']>;

export function confusionOf(rows: AnsweredRows, classes: readonly ClassLabel[], costs?: Costs): Confusion {
  const names = [...classes];
  if (classes.length !== 2)
    return { classes: names, counts: count(rows, classes.length, (row) => mostProbable(rows, row)) };
  const best = costs === undefined ? { threshold: 0.5 } : cheapestThreshold(rows, costs);
  const answer = (row: number): number => Number((rows.values[row * 2 + 1] ?? 0) >= best.threshold);
  return { classes: names, counts: count(rows, 2, answer), ...best };
}

function mostProbable({ values, width }: AnsweredRows, row: number): number {
  let best = 0;
  for (let k = 1; k < width; k++) if ((values[row * width + k] ?? 0) > (values[row * width + best] ?? 0)) best = k;
  return best;
}

function count({ labels }: AnsweredRows, width: number, answer: (row: number) => number): number[][] {
  const counts = Array.from({ length: width }, () => Array.from({ length: width }, () => 0));
  for (const [row, label] of labels.entries()) {
    const own = counts[label];
    const answered = answer(row);
    if (own !== undefined) own[answered] = (own[answered] ?? 0) + 1;
  }
  return counts;
}

/** Half-way between the two scores where the sum of costs is least; of equal ones the highest. Above 1 nothing is positive. */
export function cheapestThreshold(
  { labels, values }: AnsweredRows,
  { falsePositive, falseNegative }: Costs,
): { readonly threshold: number; readonly cost: number } {
  const score = (row: number): number => values[row * 2 + 1] ?? 0;
  const order = Array.from(labels.keys()).sort((a, b) => score(b) - score(a));
  // Nothing answered positive: every positive row is a mistake.
  let cost = labels.reduce((sum, label) => sum + (label === 1 ? falseNegative : 0), 0);
  let best = { cost, threshold: order.length === 0 ? 0.5 : Math.max(1, score(order[0] ?? 0) + 1e-6) };
  for (const [place, row] of order.entries()) {
    cost += labels[row] === 1 ? -falseNegative : falsePositive;
    const next = order[place + 1];
    if (next !== undefined && score(next) === score(row)) continue;
    if (cost < best.cost) best = { cost, threshold: next === undefined ? 0 : (score(row) + score(next)) / 2 };
  }
  return { threshold: best.threshold, cost: labels.length === 0 ? 0 : best.cost / labels.length };
}
