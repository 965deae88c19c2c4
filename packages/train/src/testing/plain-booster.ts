/**
 * Gradient boosting as a textbook has it, for comparison on tiny data: float64 sums, every row looked at for every
 * threshold, no bins, no histograms. Cost: leaves x features x rows^2.
 */
import { thresholdBetween } from '../feature-bins.ts';
import type { TrainingData } from '../training-data.ts';

export interface PlainSettings {
  readonly objective: 'binary' | 'regression';
  readonly rounds: number;
  readonly leaves: number;
  readonly minRowsPerLeaf: number;
  readonly l2: number;
  readonly learningRate: number;
}

interface PlainSplit {
  readonly gain: number;
  readonly left: readonly number[];
  readonly right: readonly number[];
}

/** Margins of the training rows. */
export function boostPlainly(data: TrainingData, settings: PlainSettings): number[] {
  const labels = Array.from(data.labels);
  const mean = labels.reduce((a, b) => a + b, 0) / labels.length;
  const margins = labels.map(() => (settings.objective === 'binary' ? Math.log(mean / (1 - mean)) : mean));
  for (let round = 0; round < settings.rounds; round++) {
    const p = margins.map((margin) => 1 / (1 + Math.exp(-margin)));
    const gradients = labels.map(
      (y, row) => (settings.objective === 'binary' ? (p[row] ?? 0) : (margins[row] ?? 0)) - y,
    );
    const hessians = p.map((value) => (settings.objective === 'binary' ? value * (1 - value) : 1));
    const sum = (rows: readonly number[], of: readonly number[]): number =>
      rows.reduce((s, row) => s + (of[row] ?? 0), 0);
    const score = (rows: readonly number[]): number => sum(rows, gradients) ** 2 / (sum(rows, hessians) + settings.l2);
    for (const leaf of growPlainly(data, settings, score)) {
      const step = -sum(leaf, gradients) / (sum(leaf, hessians) + settings.l2);
      for (const row of leaf) margins[row] = (margins[row] ?? 0) + settings.learningRate * step;
    }
  }
  return margins;
}

function growPlainly(
  data: TrainingData,
  settings: PlainSettings,
  score: (rows: readonly number[]) => number,
): readonly (readonly number[])[] {
  let leaves = [{ rows: Array.from(data.labels, (_, row) => row) }].map(({ rows }) => ({
    rows,
    split: bestSplit(data, rows, { settings, score }),
  }));
  while (leaves.length < settings.leaves) {
    const best = leaves.reduce((a, b) => ((b.split?.gain ?? 0) > (a.split?.gain ?? 0) ? b : a));
    if (best.split === undefined) break;
    const children = [best.split.left, best.split.right].map((rows) => ({
      rows: [...rows],
      split: bestSplit(data, rows, { settings, score }),
    }));
    leaves = leaves.flatMap((leaf) => (leaf === best ? children : [leaf]));
  }
  return leaves.map(({ rows }) => rows);
}

interface SplitOptions {
  readonly settings: PlainSettings;
  readonly score: (rows: readonly number[]) => number;
}

function bestSplit(
  data: TrainingData,
  rows: readonly number[],
  { settings, score }: SplitOptions,
): PlainSplit | undefined {
  const own = score(rows);
  let best: PlainSplit | undefined;
  for (const column of data.columns) {
    const all = [...new Set(Array.from(column, (x) => Math.fround(x) + 0).filter((x) => !Number.isNaN(x)))].sort(
      (a, b) => a - b,
    );
    const thresholds = all.map((x, index) =>
      index + 1 < all.length ? thresholdBetween(x, all[index + 1] ?? x) : Infinity,
    );
    for (const missingLeft of [false, true]) {
      for (const threshold of thresholds) {
        const goesLeft = (row: number): boolean => {
          const x = Math.fround(column[row] ?? 0);
          return Number.isNaN(x) ? missingLeft : x <= threshold;
        };
        const left = rows.filter(goesLeft);
        const right = rows.filter((row) => !goesLeft(row));
        if (left.length < settings.minRowsPerLeaf || right.length < settings.minRowsPerLeaf) continue;
        const gain = score(left) + score(right) - own;
        // Splits of equal gain divide the rows alike or are a matter of rounding: the first one wins by a margin.
        if (gain > 1e-9 * own && gain > (best?.gain ?? 0) * (1 + 1e-9)) best = { gain, left, right };
      }
    }
  }
  return best;
}
