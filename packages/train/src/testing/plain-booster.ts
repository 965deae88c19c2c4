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

/** Two different divisions gain the same: the trees are not determined. */
export class AmbiguousSplit extends Error {}

/** Margins of the training rows. Throws AmbiguousSplit. */
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
    const gain = best.split?.gain;
    if (best.split === undefined || gain === undefined) break;
    if (leaves.some((leaf) => leaf !== best && (leaf.split?.gain ?? 0) > gain * (1 - tieMargin)))
      throw new AmbiguousSplit();
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

/** Gains closer than this, relatively, are equal as far as rounding goes. */
const tieMargin = 1e-6;

function bestSplit(
  data: TrainingData,
  rows: readonly number[],
  { settings, score }: SplitOptions,
): PlainSplit | undefined {
  const own = score(rows);
  const candidates = data.columns
    .flatMap((column) => divisions(column, rows))
    .filter(({ left, right }) => Math.min(left.length, right.length) >= settings.minRowsPerLeaf)
    .map((division) => ({ ...division, gain: score(division.left) + score(division.right) - own }));
  const top = candidates.reduce((a, b) => (b.gain > a.gain ? b : a), { gain: -1, left: rows, right: rows });
  if (!(top.gain > 1e-9 * own)) return undefined;
  // Which of several divisions with the same gain is taken is a matter of rounding.
  const partition = (split: PlainSplit): string => [split.left.join(), split.right.join()].sort().join('|');
  const rivals = candidates.filter(({ gain }) => gain > top.gain * (1 - tieMargin));
  if (new Set(rivals.map(partition)).size > 1) throw new AmbiguousSplit();
  return top;
}

/** Every way in which one feature divides the rows. */
function divisions(
  column: TrainingData['columns'][number],
  rows: readonly number[],
): { readonly left: readonly number[]; readonly right: readonly number[] }[] {
  const floats = new Set(Array.from(column, (x) => Math.fround(x) + 0).filter((x) => !Number.isNaN(x)));
  const all = [...floats].sort((a, b) => a - b);
  const thresholds = all.map((x, i) => (i + 1 < all.length ? thresholdBetween(x, all[i + 1] ?? x) : Infinity));
  return [false, true].flatMap((missingLeft) =>
    thresholds.map((threshold) => {
      const goesLeft = (row: number): boolean => {
        const x = Math.fround(column[row] ?? 0);
        return Number.isNaN(x) ? missingLeft : x <= threshold;
      };
      return { left: rows.filter(goesLeft), right: rows.filter((row) => !goesLeft(row)) };
    }),
  );
}
