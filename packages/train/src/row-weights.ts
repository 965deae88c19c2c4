/** How much every row counts: its own weight times that of its class. */
import type { LabelledRows } from './training-data.ts';
import { assertInRange } from './tree-settings.ts';

const classWeightMax = 1e6;

export type ClassWeights = readonly number[] | 'balanced';

/** Float64 per row, rounded to float32 so that every trainer sees the same. Labels are classes wherever `classWeights` is given. */
export function rowWeights(
  rows: LabelledRows,
  classWeights: ClassWeights | undefined,
  classCount: number,
): Float64Array {
  const { labels } = rows;
  const weights = new Float64Array(labels.length).fill(1);
  if (rows.weights !== undefined) {
    for (let row = 0; row < weights.length; row++) weights[row] = Math.fround(rows.weights[row] ?? 1);
  }
  if (classWeights === undefined) return weights;
  const factors = classWeights === 'balanced' ? balancedFactors(labels, weights, classCount) : classWeights;
  if (factors.length !== classCount) {
    throw new RangeError(`classWeights has ${factors.length} numbers, but there are ${classCount} classes.`);
  }
  for (const [index, factor] of factors.entries()) {
    assertInRange(`classWeights[${index}]`, factor, { above: 0, max: classWeightMax });
  }
  return weights.map((weight, row) => Math.fround(weight * (factors[labels[row] as number] as number)));
}

/** Total weight of every class. */
export function classTotals(labels: ArrayLike<number>, weights: Float64Array, classCount: number): number[] {
  const totals = Array.from({ length: classCount }, () => 0);
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row] as number;
    totals[label] = (totals[label] as number) + (weights[row] as number);
  }
  return totals;
}

/** Factors that give every class the same total weight, and all rows together the weight that they had. */
function balancedFactors(labels: ArrayLike<number>, weights: Float64Array, classCount: number): number[] {
  const totals = classTotals(labels, weights, classCount);
  const sum = totals.reduce((a, b) => a + b, 0);
  return totals.map((total) => sum / (classCount * total));
}
