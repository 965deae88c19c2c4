/** Which rows of a table are held out to choose the number of rounds and to calibrate. */
import { groupFolds, kFolds, timeFolds } from './folds.ts';
import type { Fold } from './folds.ts';
import type { TrainingTable } from './table.ts';
import { allFoldsRowsMax } from './table-settings.ts';
import type { TableSettings } from './table-settings.ts';
import type { Target } from './table-target.ts';

const foldsDefault = 5;
/** Fewer rows with a target than this are all learnt from. */
const rowsMin = 20;

/**
 * Folds of row numbers of the table. One where the table holds rows out itself or has times (the latest rows), or above
 * 20,000 rows; none where nothing is to be chosen or calibrated, or where no fold would keep every class.
 */
export function holdOutFolds(table: TrainingTable, settings: TableSettings, target: Target): readonly Fold[] {
  if (table.holdOut !== undefined) return [givenFold(table.holdOut, target)];
  const wantsNone = settings.earlyStoppingRounds === 'never' && (settings.calibration ?? 'none') === 'none';
  if (wantsNone || target.rows.length < rowsMin) return [];
  const rowsOf = (places: Uint32Array): Uint32Array => places.map((place) => target.rows[place] ?? 0);
  return foldPlaces(table, settings, target)
    .map(({ train, test }) => ({ train: rowsOf(train), test: rowsOf(test) }))
    .map((fold) => keepRareClasses(fold, table, target))
    .filter((fold) => fold.test.length > 0 && isLearnable(fold, target));
}

function givenFold(holdOut: ArrayLike<number>, target: Target): Fold {
  const held = new Set(Array.from(holdOut));
  const outside = [...held].find((row) => !(row >= 0 && row < target.labels.length));
  if (outside !== undefined)
    throw new RangeError(`holdOut names row ${outside} of a table of ${target.labels.length} rows.`);
  const fold = {
    train: target.rows.filter((row) => !held.has(row)),
    test: target.rows.filter((row) => held.has(row)),
  };
  if (fold.test.length === 0) throw new RangeError('holdOut has no row with a target: at least one is needed.');
  return fold;
}

/** Folds of places in the target's rows. */
function foldPlaces({ groups, times }: TrainingTable, settings: TableSettings, target: Target): readonly Fold[] {
  const count = target.rows.length;
  const folds = Math.min(settings.folds ?? foldsDefault, count);
  if (times !== undefined) {
    const all = timeFolds(
      Float64Array.from(target.rows, (row) => times[row] ?? Number.NaN),
      Math.max(2, folds - 1),
    );
    return all.slice(-1);
  }
  const options = { folds, seed: settings.seed ?? 0 };
  if (groups !== undefined) {
    const own = Array.from(target.rows, (row) => groups[row] ?? '');
    const distinct = new Set(own).size;
    if (distinct < 2) throw new RangeError('groups has one group: at least two are needed to hold one out.');
    return limited(groupFolds(own, { ...options, folds: Math.min(folds, distinct) }), count);
  }
  const classes = target.classLabels.length === 0 ? undefined : target.rows;
  return limited(
    kFolds(count, options, classes && Float64Array.from(classes, (row) => target.labels[row] ?? 0)),
    count,
  );
}

function limited(folds: readonly Fold[], rowCount: number): readonly Fold[] {
  return rowCount > allFoldsRowsMax ? folds.slice(0, 1) : folds;
}

/** Held out at random, the only row of a class is learnt from in every fold. */
function keepRareClasses(fold: Fold, { groups, times }: TrainingTable, target: Target): Fold {
  if (groups !== undefined || times !== undefined || target.classLabels.length === 0) return fold;
  const seen = classesIn(fold.train, target);
  const isRare = (row: number): boolean => !seen.has(target.labels[row] ?? 0);
  const rare = fold.test.filter(isRare);
  if (rare.length === 0) return fold;
  return {
    train: Uint32Array.from([...fold.train, ...rare]).sort(),
    test: fold.test.filter((row) => !isRare(row)),
  };
}

function classesIn(rows: Uint32Array, { labels, weights }: Target): ReadonlySet<number> {
  const seen = new Set<number>();
  for (const row of rows) if ((weights[row] ?? 0) > 0) seen.add(labels[row] ?? 0);
  return seen;
}

function isLearnable({ train, test }: Fold, target: Target): boolean {
  const counts = test.some((row) => (target.weights[row] ?? 0) > 0);
  return counts && (target.classLabels.length === 0 || classesIn(train, target).size === target.classLabels.length);
}
