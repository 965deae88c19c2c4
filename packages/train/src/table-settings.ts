/** What a training on a table may be told, and what it chooses for itself. */
import type { EncodingSettings } from './fit-encodings.ts';
import { categoriesMaxDefault, wordsMaxDefault } from './fit-encodings.ts';
import type { TableTask, TargetSettings } from './table-target.ts';
import { assertInRange } from './tree-settings.ts';
import type { TreeSettings } from './tree-settings.ts';

type SharedTreeSettings = Pick<
  TreeSettings,
  | 'learningRate'
  | 'leaves'
  | 'depthMax'
  | 'minRowsPerLeaf'
  | 'minRowsPerBin'
  | 'leafRows'
  | 'threads'
  | 'l2'
  | 'gainMin'
  | 'bins'
  | 'rowShare'
  | 'columnShare'
  | 'classWeights'
  | 'seed'
>;

export type Calibration = 'none' | 'platt' | 'isotonic' | 'shift';

export interface TableSettings extends SharedTreeSettings, EncodingSettings, TargetSettings {
  /** Trees per class or level, at most: 1 to 10,000. Default 500 where rows are held out to choose, else 150. */
  readonly rounds?: number | undefined;
  /** Rounds without a better loss on the rows held out after which it stops. Default 20; 'never' trains all rounds. */
  readonly earlyStoppingRounds?: number | 'never' | undefined;
  /** Parts in which rows are held out in turn, where the table holds out none: 2 to 20. Default 5. */
  readonly folds?: number | undefined;
  /** The task quantile: levels, ascending, from 0.001 to 0.999. Default 0.05, 0.5, 0.95. */
  readonly quantiles?: readonly number[] | undefined;
  /** By column (numbers and booleans): how the answer may move while it grows. Not for several classes. */
  readonly monotone?: Readonly<Record<string, 'rises' | 'falls'>> | undefined;
  /**
   * On rows held out. platt: a line (several classes: a temperature); isotonic: steps, two classes only; shift: moves
   * quantiles so that the asked share lies below them. Default none.
   */
  readonly calibration?: Calibration | undefined;
}

/** Rows above which one part alone is held out to choose the number of rounds. */
export const allFoldsRowsMax = 20_000;
const levelsMax = 99;
const levelsDefault: readonly number[] = [0.05, 0.5, 0.95];
const roundsWatched = 500;
const roundsUnwatched = 150;
const patienceDefault = 20;

const calibrations: Readonly<Record<TableTask, readonly Calibration[]>> = {
  binary: ['none', 'platt', 'isotonic'],
  multiclass: ['none', 'platt'],
  regression: ['none'],
  quantile: ['none', 'shift'],
};

/** Throws RangeError for settings that do not fit the task. */
export function checkTableSettings(settings: TableSettings, task: TableTask): void {
  const { calibration = 'none', quantiles, folds, rounds, earlyStoppingRounds } = settings;
  if (!calibrations[task].includes(calibration)) {
    throw new RangeError(
      `calibration is ${calibration}: for ${task} it must be one of ${calibrations[task].join(', ')}.`,
    );
  }
  if (quantiles !== undefined) checkLevels(quantiles, task);
  if (folds !== undefined) assertInRange('folds', folds, { min: 2, max: 20, isInteger: true });
  if (rounds !== undefined) assertInRange('rounds', rounds, { min: 1, max: 10_000, isInteger: true });
  if (earlyStoppingRounds !== undefined && earlyStoppingRounds !== 'never') {
    assertInRange('earlyStoppingRounds', earlyStoppingRounds, { min: 1, max: 10_000, isInteger: true });
  }
  const {
    smoothing = 1,
    categoriesMax = categoriesMaxDefault,
    wordsMax = wordsMaxDefault,
    utcOffsetMinutes = 0,
  } = settings;
  assertInRange('smoothing', smoothing, { above: 0, max: 1e9 });
  assertInRange('categoriesMax', categoriesMax, { min: 2, max: 100_000, isInteger: true });
  assertInRange('wordsMax', wordsMax, { min: 0, max: 2000, isInteger: true });
  assertInRange('utcOffsetMinutes', utcOffsetMinutes, { min: -1080, max: 1080, isInteger: true });
}

function checkLevels(levels: readonly number[], task: TableTask): void {
  if (task !== 'quantile') throw new RangeError(`quantiles are given with the task ${task}: leave them out.`);
  assertInRange('quantiles.length', levels.length, { min: 1, max: levelsMax, isInteger: true });
  for (const [index, level] of levels.entries()) {
    assertInRange(`quantiles[${index}]`, level, { min: 0.001, max: 0.999 });
    if (level <= (levels[index - 1] ?? 0)) throw new RangeError('quantiles must ascend.');
  }
}

/** What one ensemble of the model learns: the levels of quantiles are separate trainings. */
export interface Goal {
  readonly objective: TreeSettings['objective'];
  readonly quantile?: number;
}

export function goalsOf(settings: TableSettings, task: TableTask): readonly [Goal, ...Goal[]] {
  if (task !== 'quantile') return [{ objective: task }];
  const [first = 0.5, ...rest] = settings.quantiles ?? levelsDefault;
  const goal = (quantile: number): Goal => ({ objective: 'quantile', quantile });
  return [goal(first), ...rest.map(goal)];
}

export interface RoundLimits {
  readonly rounds: number;
  /** Undefined where all rounds are trained. */
  readonly patience: number | undefined;
}

export function roundLimits(settings: TableSettings, isWatched: boolean): RoundLimits {
  const { earlyStoppingRounds = patienceDefault } = settings;
  const patience = earlyStoppingRounds === 'never' || !isWatched ? undefined : earlyStoppingRounds;
  return { rounds: settings.rounds ?? (patience === undefined ? roundsUnwatched : roundsWatched), patience };
}

/** Few rows still get leaves: a twenty-fifth of the rows, from 2 to 20. */
export function minRowsFor(settings: TableSettings, rowCount: number): number {
  return settings.minRowsPerLeaf ?? Math.min(20, Math.max(2, Math.floor(rowCount / 25)));
}
