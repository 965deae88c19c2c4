/**
 * Ways to hold rows out in turn. A fold's `test` rows are held out while the others may be learnt from; ascending.
 * Deterministic by seed.
 */
import { createRandom } from './random.ts';

export interface Fold {
  readonly train: Uint32Array;
  readonly test: Uint32Array;
}

function checkFolds(folds: number, most: number, of: string): void {
  if (!Number.isInteger(folds) || folds < 2 || folds > most) {
    throw new RangeError(`folds is ${folds}: it must be an integer from 2 to the number of ${of}, ${most}.`);
  }
}

/** Every row is in the test of exactly the fold that `foldOf` gives it. */
function foldsBy(foldOf: Uint32Array, folds: number): Fold[] {
  const sizes = new Uint32Array(folds);
  for (const fold of foldOf) sizes[fold] = (sizes[fold] ?? 0) + 1;
  return Array.from(sizes, (size, fold) => {
    const train = new Uint32Array(foldOf.length - size);
    const test = new Uint32Array(size);
    let [trained, tested] = [0, 0];
    for (let row = 0; row < foldOf.length; row++) {
      if (foldOf[row] === fold) test[tested++] = row;
      else train[trained++] = row;
    }
    return { train, test };
  });
}

/** 0 to count - 1 in an order of chance (Fisher and Yates). */
function shuffled(count: number, seed: number): Uint32Array {
  const random = createRandom(seed);
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  for (let last = count - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    const moved = order[last] ?? 0;
    order[last] = order[other] ?? 0;
    order[other] = moved;
  }
  return order;
}

export interface FoldOptions {
  readonly folds: number;
  readonly seed: number;
}

/** Folds of equal size at random; with classes, each class is spread evenly over the folds. */
export function kFolds(rowCount: number, { folds, seed }: FoldOptions, classes?: ArrayLike<number>): Fold[] {
  checkFolds(folds, rowCount, 'rows');
  const order = shuffled(rowCount, seed);
  const sorted =
    classes === undefined ? order : Array.from(order).sort((a, b) => (classes[a] ?? 0) - (classes[b] ?? 0));
  const foldOf = new Uint32Array(rowCount);
  for (let place = 0; place < rowCount; place++) foldOf[sorted[place] ?? 0] = place % folds;
  return foldsBy(foldOf, folds);
}

/** Rows of one group are in one fold; groups go, from the largest, to the fold that has the fewest rows. */
export function groupFolds(groups: ArrayLike<string | number>, { folds, seed }: FoldOptions): Fold[] {
  const rowsOf = new Map<string | number, number[]>();
  for (let row = 0; row < groups.length; row++) {
    const group = groups[row] ?? '';
    const rows = rowsOf.get(group);
    if (rows === undefined) rowsOf.set(group, [row]);
    else rows.push(row);
  }
  checkFolds(folds, rowsOf.size, 'groups');
  const all = [...rowsOf.values()];
  const mixed = Array.from(shuffled(all.length, seed), (index) => all[index] ?? []);
  mixed.sort((a, b) => b.length - a.length);
  const sizes = new Float64Array(folds);
  const foldOf = new Uint32Array(groups.length);
  for (const rows of mixed) {
    const fold = sizes.indexOf(sizes.reduce((least, size) => Math.min(least, size), Infinity));
    sizes[fold] = (sizes[fold] ?? 0) + rows.length;
    for (const row of rows) foldOf[row] = fold;
  }
  return foldsBy(foldOf, folds);
}

/**
 * The rows in order of time are cut into folds + 1 parts of equal size; each part but the first is tested by what lies
 * before it. Rows of one instant are in one part, so a fold may have fewer rows; a fold without any is left out.
 */
export function timeFolds(times: ArrayLike<number>, folds: number): Fold[] {
  checkFolds(folds, times.length - 1, 'rows after the first');
  const sorted = Float64Array.from(times).sort();
  if (Number.isNaN(sorted.at(-1))) throw new RangeError('times has a row without a time: every row needs one.');
  const cutAt = (part: number): number => sorted[Math.floor((part * sorted.length) / (folds + 1))] ?? Infinity;
  const rows = Uint32Array.from({ length: times.length }, (_, row) => row);
  const made = Array.from({ length: folds }, (_, fold) => {
    const [from, to] = [cutAt(fold + 1), fold === folds - 1 ? Infinity : cutAt(fold + 2)];
    const at = (row: number): number => times[row] ?? 0;
    return { train: rows.filter((row) => at(row) < from), test: rows.filter((row) => at(row) >= from && at(row) < to) };
  });
  return made.filter(({ train, test }) => train.length > 0 && test.length > 0);
}
