/**
 * Gradient-boosted trees from histograms: binary log loss, softmax, squared error, pinball loss.
 *
 * Rounds are made by `booster.ts`, trees by `tree-grower.ts`; here they are watched: rows of the hold-out are walked
 * through every new tree, and the ensemble ends at its best round where early stopping is asked for. The result depends
 * on data, settings and seed alone, not on the number of threads (`thread-kernels.ts`).
 * Memory: stride + features + 52 bytes per row, plus 16 bytes per bin and leaf, beside the caller's columns.
 * Limits: 2^26 rows, 4 GiB, 255 value bins per feature.
 * Sources: Friedman, Greedy Function Approximation (2001); Ke et al., LightGBM (2017).
 */
import { setImmediate } from 'node:timers/promises';
import type { Tree, TreeEnsemble } from '@slipway/onnx';
import { columnsFor } from './category-sets.ts';
import type { CategorySet } from './category-sets.ts';
import { createBooster } from './booster.ts';
import type { Booster } from './booster.ts';
import { describeTask } from './boosting-task.ts';
import type { BoostingTask } from './boosting-task.ts';
import { areaUnderRoc, binaryLogLoss, logLoss, pinballLoss, rootMeanSquare } from './loss.ts';
import { addBase, addTree, applyLink, predictTrees, toFloat32Columns } from './predict-trees.ts';
import { checkTrainingData } from './training-data.ts';
import type { LabelledRows, TrainingData } from './training-data.ts';
import { completeTreeSettings } from './tree-settings.ts';
import type { CompleteTreeSettings, TreeSettings } from './tree-settings.ts';

/** Figures over one set of rows: log loss for classes, root mean squared error for regression, mean pinball loss for a quantile. */
export interface RowMetrics {
  readonly loss: number;
  /** Binary only; NaN where the rows have one class. */
  readonly auc?: number;
}

export interface IterationMetrics {
  /** Rounds done, from 1. */
  readonly iteration: number;
  readonly train: { readonly loss: number };
  readonly holdOut?: RowMetrics;
}

export interface TrainingHooks {
  /** After every round; 'stop' ends the training with what there is, or with the best round under early stopping. */
  readonly onIteration?: (iteration: number, metrics: IterationMetrics) => unknown;
  /** Looked at before every round; aborting throws its reason. */
  readonly signal?: AbortSignal;
}

export interface FeatureImportance {
  readonly feature: string;
  /** Loss reduction of all splits on the feature. */
  readonly gain: number;
  readonly splits: number;
}

export interface TreeTraining {
  readonly ensemble: TreeEnsemble;
  readonly history: readonly IterationMetrics[];
  /** Per feature, in the order of the features. */
  readonly importance: readonly FeatureImportance[];
  /** Rounds kept in the ensemble. */
  readonly bestIteration: number;
  /** Sets of categories: features of the ensemble behind those of the data. */
  readonly sets: readonly CategorySet[];
  /** Margins of the training rows under the ensemble: float32 `[rows, classCount]`, row-major. */
  readonly margins: Float32Array;
}

/** Trains an ensemble. Pure and synchronous; throws RangeError for data or settings that it cannot use. */
export function trainTrees(data: TrainingData, settings: TreeSettings, hooks: TrainingHooks = {}): TreeTraining {
  const rounds = trainInRounds(data, settings, hooks);
  for (;;) {
    const { done, value } = rounds.next();
    if (done === true) return value;
  }
}

/** The same with a turn of the event loop after every round, so that a signal or a timer of this thread is heard. */
export async function trainTreesAsync(
  data: TrainingData,
  settings: TreeSettings,
  hooks: TrainingHooks = {},
): Promise<TreeTraining> {
  const rounds = trainInRounds(data, settings, hooks);
  for (;;) {
    const { done, value } = rounds.next();
    if (done === true) return value;
    await setImmediate();
  }
}

/** One round a step. */
function* trainInRounds(
  data: TrainingData,
  settings: TreeSettings,
  hooks: TrainingHooks,
): Generator<undefined, TreeTraining> {
  const complete = completeTreeSettings(settings);
  checkTrainingData(data);
  checkMonotone(complete.monotone, data);
  const { earlyStoppingRounds } = complete;
  if (earlyStoppingRounds !== undefined && data.holdOut === undefined) {
    throw new RangeError(
      `earlyStoppingRounds is ${earlyStoppingRounds}, but holdOut is missing: give the rows to watch.`,
    );
  }
  const task = describeTask(data, settings);
  const booster = createBooster(data, { settings: complete, task });
  try {
    return yield* boost({ data, booster, task, hooks, settings: complete });
  } finally {
    booster.end();
  }
}

interface Boosting {
  readonly data: TrainingData;
  readonly booster: Booster;
  readonly task: BoostingTask;
  readonly hooks: TrainingHooks;
  readonly settings: CompleteTreeSettings;
}

function* boost({ data, booster, task, hooks, settings }: Boosting): Generator<undefined, TreeTraining> {
  const { earlyStoppingRounds } = settings;
  const holdOut = data.holdOut === undefined ? undefined : createHoldOut(data.holdOut, task, booster.sets);
  const trees: Tree[] = [];
  const history: IterationMetrics[] = [];
  let isExhausted = false;
  const best = { iteration: 0, loss: Infinity };

  for (let iteration = 1; iteration <= settings.rounds; iteration++) {
    hooks.signal?.throwIfAborted();
    const grown = booster.round();
    if (grown === undefined) {
      isExhausted = true;
      break;
    }
    trees.push(...grown);
    for (const [output, tree] of grown.entries()) holdOut?.add(tree, output);
    const watched = holdOut?.measure();
    const metrics: IterationMetrics = {
      iteration,
      train: { loss: booster.loss() },
      ...(watched === undefined ? {} : { holdOut: watched }),
    };
    history.push(metrics);
    const answer = hooks.onIteration?.(iteration, metrics);
    if (watched !== undefined && watched.loss < best.loss) Object.assign(best, { iteration, loss: watched.loss });
    if (answer === 'stop') break;
    if (earlyStoppingRounds !== undefined && iteration - best.iteration >= earlyStoppingRounds) break;
    yield;
  }

  const kept = earlyStoppingRounds === undefined ? history.length : best.iteration;
  const ensemble: TreeEnsemble = {
    kind: 'trees',
    featureNames: [...data.featureNames, ...setNames(data.featureNames, booster.sets)],
    trees: trees.slice(0, kept * task.outputs),
    baseScore: task.baseScore,
    link: task.link,
    classCount: task.outputs,
    classLabels: task.classLabels,
  };
  return {
    ensemble,
    history,
    importance: measureImportance(ensemble, booster.sets),
    sets: booster.sets,
    bestIteration: kept,
    // The booster's scores are those of the ensemble unless they have gone further.
    margins:
      kept === history.length && !isExhausted ? booster.margins() : predictTrees(ensemble, data.columns, booster.sets),
  };
}

function checkMonotone(monotone: readonly number[] | undefined, { featureNames, categories = [] }: TrainingData): void {
  if (monotone === undefined) return;
  if (monotone.length !== featureNames.length) {
    throw new RangeError(`monotone has ${monotone.length} numbers, but featureNames has ${featureNames.length} names.`);
  }
  const unordered = categories.find((feature) => monotone[feature] !== 0);
  if (unordered !== undefined) {
    throw new RangeError(`monotone constrains feature ${unordered}, whose codes are categories without an order.`);
  }
}

interface HoldOut {
  readonly add: (tree: Tree, output: number) => void;
  readonly measure: () => RowMetrics;
}

function createHoldOut(rows: LabelledRows, task: BoostingTask, sets: readonly CategorySet[]): HoldOut {
  const columns = toFloat32Columns(rows.columns);
  const count = rows.labels.length;
  const sums = new Float32Array(count * task.outputs);
  const { labels, weights } = rows;
  return {
    add: (tree, output) =>
      addTree(tree, columnsFor(tree, columns, sets), { sums, stride: task.outputs, offset: output }),
    measure: () => {
      const margins = addBase(sums.slice(), task.baseScore);
      const predicted = applyLink({ link: task.link, classCount: task.outputs }, margins);
      switch (task.objective) {
        case 'binary':
          return {
            loss: binaryLogLoss(predicted, labels, weights),
            auc: areaUnderRoc(margins, labels, weights),
          };
        case 'multiclass':
          return {
            loss: logLoss(count, (row) => predicted[row * task.outputs + (labels[row] as number)] as number, weights),
          };
        case 'regression':
          return {
            loss: rootMeanSquare(count, (row) => (predicted[row] as number) - (labels[row] as number), weights),
          };
        case 'quantile': {
          const lacking = (row: number): number => (labels[row] ?? 0) - (predicted[row] ?? 0);
          return { loss: pinballLoss(count, lacking, { level: task.quantile, weights }) };
        }
      }
    },
  };
}

function setNames(featureNames: readonly string[], sets: readonly CategorySet[]): readonly string[] {
  return sets.map(({ feature }, place) => `${featureNames[feature]} set ${place + 1}`);
}

/** Per feature of the data; what its sets gain is its own. */
function measureImportance({ featureNames, trees }: TreeEnsemble, sets: readonly CategorySet[]): FeatureImportance[] {
  const own = featureNames.slice(0, featureNames.length - sets.length);
  const gains = new Float64Array(own.length);
  const splits = new Uint32Array(own.length);
  for (const tree of trees) {
    for (let node = 0; node < tree.left.length; node++) {
      if ((tree.left[node] ?? -1) < 0) continue;
      const tested = tree.feature[node] ?? 0;
      const feature = sets[tested - own.length]?.feature ?? tested;
      gains[feature] = (gains[feature] ?? 0) + (tree.gain[node] ?? 0);
      splits[feature] = (splits[feature] ?? 0) + 1;
    }
  }
  return own.map((feature, index) => ({ feature, gain: gains[index] ?? 0, splits: splits[index] ?? 0 }));
}
