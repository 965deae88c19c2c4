/** What a training of trees may be told, its defaults and its limits. Every refusal is a RangeError that names setting, value and limit. */

export type TreeObjective = 'binary' | 'regression' | 'multiclass' | 'quantile';

export interface TreeSettings {
  /** binary: log loss on labels 0 and 1; multiclass: softmax on labels 0 to classCount - 1; regression: squared error; quantile: pinball loss. */
  readonly objective: TreeObjective;
  /** Multiclass only: 2 to 1000. Default: the highest label + 1. */
  readonly classCount?: number | undefined;
  /** Quantile only: the share of labels that should lie below the prediction, from 0.001 to 0.999. */
  readonly quantile?: number | undefined;
  /** Per feature: 1 where the score must not fall as the feature grows, -1 where it must not rise, 0 for either. Not for multiclass. */
  readonly monotone?: readonly (-1 | 0 | 1)[] | undefined;
  /** Names of the classes in label order, for the model. Default: the labels. */
  readonly classLabels?: readonly (string | number)[] | undefined;
  /** Boosting rounds (a round is one tree per class): 1 to 10,000. Default 150. */
  readonly rounds?: number | undefined;
  /** Share of each step that is taken: above 0, at most 1. Default 0.1. */
  readonly learningRate?: number | undefined;
  /** Leaves per tree: 2 to 4096. Default 31. */
  readonly leaves?: number | undefined;
  /** Longest path from the root, in splits: 1 to 64. Default 64. */
  readonly depthMax?: number | undefined;
  /** Rows with weight above 0 in every leaf: at least 1. Default 20. */
  readonly minRowsPerLeaf?: number | undefined;
  /**
   * What those rows are. counted: rows. weighed: as LightGBM has it, the node's rows by their share of its summed second derivative,
   * so that rows which are still uncertain count for more, and a leaf may have fewer rows. Default counted. Not with monotone.
   */
  readonly leafRows?: 'counted' | 'weighed' | undefined;
  /** Rows that a bin should have, so that no threshold tells fewer apart: 1 to 1000. Default 3, or minRowsPerLeaf where that is less. */
  readonly minRowsPerBin?: number | undefined;
  /** Threads that may work on it, the calling one included: 1 to 64. Default 1. The result does not depend on it. Small data are left to one. */
  readonly threads?: number | undefined;
  /** Penalty on squared leaf values, in units of summed hessian: at least 0. Default 1. */
  readonly l2?: number | undefined;
  /** Loss reduction below which a node is not split: at least 0. Default 0. */
  readonly gainMin?: number | undefined;
  /** Bins per feature, the one of missing values included: 3 to 256. Default 255. */
  readonly bins?: number | undefined;
  /** Share of rows drawn for each tree, without replacement: above 0, at most 1. Default 1. */
  readonly rowShare?: number | undefined;
  /** Share of features drawn for each tree: above 0, at most 1. Default 1. */
  readonly columnShare?: number | undefined;
  /** Stops when the hold-out's loss has not fallen for so many rounds: at least 1. Default: never. */
  readonly earlyStoppingRounds?: number | undefined;
  /** Factor per class on the weights of its rows; "balanced" gives every class the same total. Default: 1 each. */
  readonly classWeights?: readonly number[] | 'balanced' | undefined;
  /** Integer from 0 to 2^32 - 1; used by rowShare and columnShare alone. Default 0. */
  readonly seed?: number | undefined;
}

export interface CompleteTreeSettings {
  readonly objective: TreeObjective;
  readonly rounds: number;
  readonly learningRate: number;
  readonly leaves: number;
  readonly depthMax: number;
  readonly minRowsPerLeaf: number;
  readonly minRowsPerBin: number;
  readonly leafRows: 'counted' | 'weighed';
  readonly threads: number;
  readonly l2: number;
  readonly gainMin: number;
  readonly bins: number;
  readonly rowShare: number;
  readonly columnShare: number;
  readonly earlyStoppingRounds: number | undefined;
  readonly seed: number;
  /** Per feature; undefined where no feature is constrained. */
  readonly monotone: readonly number[] | undefined;
}

interface Range {
  readonly min?: number;
  readonly above?: number;
  readonly max: number;
  readonly isInteger?: boolean;
  readonly initial: number;
}

const ranges = {
  rounds: { min: 1, max: 10_000, isInteger: true, initial: 150 },
  learningRate: { above: 0, max: 1, initial: 0.1 },
  leaves: { min: 2, max: 4096, isInteger: true, initial: 31 },
  depthMax: { min: 1, max: 64, isInteger: true, initial: 64 },
  minRowsPerLeaf: { min: 1, max: 2 ** 31 - 1, isInteger: true, initial: 20 },
  minRowsPerBin: { min: 1, max: 1000, isInteger: true, initial: 3 },
  threads: { min: 1, max: 64, isInteger: true, initial: 1 },
  l2: { min: 0, max: 1e9, initial: 1 },
  gainMin: { min: 0, max: 1e18, initial: 0 },
  bins: { min: 3, max: 256, isInteger: true, initial: 255 },
  rowShare: { above: 0, max: 1, initial: 1 },
  columnShare: { above: 0, max: 1, initial: 1 },
  seed: { min: 0, max: 2 ** 32 - 1, isInteger: true, initial: 0 },
} satisfies Record<string, Range>;

/** Throws unless `value` is a number of the range. */
export function assertInRange(name: string, value: unknown, range: Omit<Range, 'initial'>): void {
  const lower = range.above === undefined ? `${range.min} or more` : `above ${range.above}`;
  const isInside =
    typeof value === 'number' &&
    value <= range.max &&
    (range.above === undefined ? value >= (range.min ?? -Infinity) : value > range.above) &&
    (range.isInteger !== true || Number.isInteger(value));
  if (!isInside) {
    const kind = range.isInteger === true ? 'an integer' : 'a number';
    throw new RangeError(`${name} is ${String(value)}: it must be ${kind}, ${lower} and at most ${range.max}.`);
  }
}

const objectives: readonly unknown[] = ['binary', 'regression', 'multiclass', 'quantile'] satisfies TreeObjective[];

export function completeTreeSettings(settings: TreeSettings): CompleteTreeSettings {
  if (!objectives.includes(settings.objective)) {
    throw new RangeError(`objective is ${String(settings.objective)}: it must be one of ${objectives.join(', ')}.`);
  }
  const valueOf = (name: keyof typeof ranges): number => {
    const value = settings[name] ?? ranges[name].initial;
    assertInRange(name, value, ranges[name]);
    return value;
  };
  const { earlyStoppingRounds } = settings;
  if (earlyStoppingRounds !== undefined) {
    assertInRange('earlyStoppingRounds', earlyStoppingRounds, { min: 1, max: 10_000, isInteger: true });
  }
  return {
    objective: settings.objective,
    rounds: valueOf('rounds'),
    learningRate: valueOf('learningRate'),
    leaves: valueOf('leaves'),
    depthMax: valueOf('depthMax'),
    minRowsPerLeaf: valueOf('minRowsPerLeaf'),
    minRowsPerBin:
      settings.minRowsPerBin === undefined ? Math.min(3, valueOf('minRowsPerLeaf')) : valueOf('minRowsPerBin'),
    leafRows: completeLeafRows(settings),
    threads: valueOf('threads'),
    l2: valueOf('l2'),
    gainMin: valueOf('gainMin'),
    bins: valueOf('bins'),
    rowShare: valueOf('rowShare'),
    columnShare: valueOf('columnShare'),
    earlyStoppingRounds,
    seed: valueOf('seed'),
    monotone: completeMonotone(settings),
  };
}

function completeLeafRows({ leafRows = 'counted', monotone = [] }: TreeSettings): 'counted' | 'weighed' {
  const known: readonly unknown[] = ['counted', 'weighed'];
  if (!known.includes(leafRows)) {
    throw new RangeError(`leafRows is ${String(leafRows)}: it must be one of ${known.join(', ')}.`);
  }
  if (leafRows === 'weighed' && monotone.some((direction) => direction !== 0)) {
    throw new RangeError('monotone is given with leafRows weighed: let the rows be counted.');
  }
  return leafRows;
}

function completeMonotone({ monotone, objective }: TreeSettings): readonly number[] | undefined {
  if (monotone === undefined) return undefined;
  for (const [index, direction] of monotone.entries()) {
    assertInRange(`monotone[${index}]`, direction, { min: -1, max: 1, isInteger: true });
  }
  if (monotone.every((direction) => direction === 0)) return undefined;
  if (objective === 'multiclass') {
    throw new RangeError('monotone is given with the objective multiclass: constrain one class of two, or a number.');
  }
  return monotone;
}
