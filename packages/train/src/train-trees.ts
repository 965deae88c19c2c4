/**
 * Gradient-boosted trees from histograms: binary log loss, squared error, softmax.
 *
 * Per round and class: derivatives of the loss at the current scores, rounded to integers whose sums fit 31 bits; a
 * tree grown on them (`tree-grower.ts`); its leaf values added to the float32 scores. Rows of the hold-out are walked
 * through the same tree. The result depends on data, settings and seed alone: row sums are integers, sums of
 * derivatives are taken in fixed chunks in row order, exp and log are our own.
 * Memory: stride + features + 52 bytes per row, plus 16 bytes per bin and leaf, beside the caller's columns.
 * Limits: 2^26 rows, 4 GiB, 255 value bins per feature.
 * Sources: Friedman, Greedy Function Approximation (2001); Ke et al., LightGBM (2017).
 */
import type { Tree, TreeEnsemble } from '@slipway/onnx';
import { layoutMemory } from './booster-memory.ts';
import type { MemoryLayout } from './booster-memory.ts';
import { assignBins, findBins } from './feature-bins.ts';
import type { NumberColumn, Thresholds } from './feature-bins.ts';
import { createKernels, resultOffsets } from './kernels.ts';
import type { Kernels } from './kernels.ts';
import { areaUnderRoc, binaryLogLoss, logLoss, rootMeanSquare } from './loss.ts';
import { powerOfTwoUpTo } from './portable-math.ts';
import { addBase, addTree, applyLink, predictTrees, toFloat32Columns } from './predict-trees.ts';
import { createRandom, sampleSorted } from './random.ts';
import { describeTask } from './boosting-task.ts';
import type { BoostingTask } from './boosting-task.ts';
import { createTreeGrower } from './tree-grower.ts';
import type { DerivativeScales, TreeGrower } from './tree-grower.ts';
import { checkTrainingData } from './training-data.ts';
import type { LabelledRows, TrainingData } from './training-data.ts';
import { completeTreeSettings } from './tree-settings.ts';
import type { CompleteTreeSettings, TreeSettings } from './tree-settings.ts';

/** Figures over one set of rows: log loss for classes, root mean squared error for regression. */
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
  readonly onIteration?: (iteration: number, metrics: IterationMetrics) => void;
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
  /** Margins of the training rows under the ensemble: float32 `[rows, classCount]`, row-major. */
  readonly margins: Float32Array;
}

/** Rows whose derivatives are summed as one; part of the definition of the result. */
const chunkRows = 4096;
/** Sums of quantised derivatives stay below this, which leaves one bit for rounding. */
const quantisedSumMax = 2 ** 30;

/** Trains an ensemble. Pure and synchronous; throws RangeError for data or settings that it cannot use. */
export function trainTrees(data: TrainingData, settings: TreeSettings, hooks: TrainingHooks = {}): TreeTraining {
  const complete = completeTreeSettings(settings);
  checkTrainingData(data);
  if (complete.earlyStoppingRounds !== undefined && data.holdOut === undefined) {
    throw new RangeError(
      `earlyStoppingRounds is ${complete.earlyStoppingRounds}, but holdOut is missing: give the rows to watch.`,
    );
  }
  const task = describeTask(data, settings);
  const booster = createBooster(data, { settings: complete, task });
  const holdOut = data.holdOut === undefined ? undefined : createHoldOut(data.holdOut, task);
  const history: IterationMetrics[] = [];
  const best = { iteration: 0, loss: Infinity };

  for (let iteration = 1; iteration <= complete.rounds; iteration++) {
    hooks.signal?.throwIfAborted();
    const trees = booster.round();
    if (trees === undefined) break;
    for (const [output, tree] of trees.entries()) holdOut?.add(tree, output);
    const watched = holdOut?.measure();
    const metrics: IterationMetrics = {
      iteration,
      train: { loss: booster.loss() },
      ...(watched === undefined ? {} : { holdOut: watched }),
    };
    history.push(metrics);
    hooks.onIteration?.(iteration, metrics);
    if (watched !== undefined && watched.loss < best.loss) Object.assign(best, { iteration, loss: watched.loss });
    if (complete.earlyStoppingRounds !== undefined && iteration - best.iteration >= complete.earlyStoppingRounds) break;
  }

  const kept = complete.earlyStoppingRounds === undefined ? history.length : best.iteration;
  const ensemble: TreeEnsemble = {
    kind: 'trees',
    featureNames: data.featureNames,
    trees: booster.trees.slice(0, kept * task.outputs),
    baseScore: task.baseScore,
    link: task.link,
    classCount: task.outputs,
    classLabels: task.classLabels,
  };
  return {
    ensemble,
    history,
    importance: measureImportance(ensemble),
    bestIteration: kept,
    margins: kept === history.length ? booster.margins() : predictTrees(ensemble, data.columns),
  };
}

interface BinnedFeatures {
  readonly thresholds: readonly Thresholds[];
  readonly featureIndices: readonly number[];
  readonly columns: readonly NumberColumn[];
}

/** The features that can split at all. Where there are none the first one stays, so that a tree has its root. */
function binFeatures(columns: readonly NumberColumn[], bins: number): BinnedFeatures {
  const found = columns.map((column) => findBins(column, bins));
  const useful = found.flatMap((feature, index) => (feature.isUseful ? [index] : []));
  const featureIndices = useful.length > 0 ? useful : [0];
  return {
    featureIndices,
    thresholds: featureIndices.map((index) => found[index]?.thresholds ?? new Float32Array(0)),
    columns: featureIndices.map((index) => columns[index] as NumberColumn),
  };
}

interface Booster {
  readonly trees: readonly Tree[];
  /** One tree per class, or undefined when no tree of the round can split. */
  readonly round: () => readonly Tree[] | undefined;
  readonly loss: () => number;
  readonly margins: () => Float32Array;
}

interface BoosterOptions {
  readonly settings: CompleteTreeSettings;
  readonly task: BoostingTask;
}

function createBooster(data: TrainingData, { settings, task }: BoosterOptions): Booster {
  const { weights } = task;
  const rowCount = data.labels.length;
  const binned = binFeatures(data.columns, settings.bins);
  const layout = layoutMemory({
    rowCount,
    binCounts: binned.thresholds.map((thresholds) => thresholds.length + 2),
    leaves: settings.leaves,
    outputs: task.outputs,
  });
  const kernels = createKernels(layout);
  const { memory } = kernels;
  assignBins(binned.columns, binned.thresholds, {
    rowBins: new Uint8Array(memory, layout.rowBins, rowCount * layout.stride),
    stride: layout.stride,
    columnBins: binned.columns.map(
      (_, index) => new Uint8Array(memory, layout.columnBins + index * layout.rows, rowCount),
    ),
  });
  const labels = new Float32Array(memory, layout.labels, rowCount);
  labels.set(data.labels);
  new Float32Array(memory, layout.weights, rowCount).set(weights);
  const scores = new Float32Array(memory, layout.scores, layout.rows * task.outputs);
  const probabilities = new Float32Array(memory, layout.probabilities, layout.rows * task.outputs);

  const grower = createTreeGrower({ kernels, layout, ...binned }, settings);
  const sampler = createSampler({ weights, layout, memory, grower, featureCount: binned.columns.length }, settings);
  const derivatives = createDerivatives(kernels, layout, task);
  const isWeighted = data.weights !== undefined || weights.some((weight) => weight !== 1);
  const trees: Tree[] = [];
  const scoresOf = (output: number): Float32Array =>
    scores.subarray(output * layout.rows, output * layout.rows + rowCount);
  for (const [output, start] of task.classStart.entries()) scoresOf(output).fill(start);
  derivatives.refresh();

  function growOne(output: number): Tree {
    const scales = derivatives.quantise(output);
    const rowsInTree = sampler.draw();
    const { tree, leaves } = grower.grow(rowsInTree, scales);
    const start = trees.length < task.outputs ? (task.classStart[output] ?? 0) : 0;
    const shift = (value: number): number => (start === 0 ? value : Math.fround(value + start));
    if (start !== 0) {
      // From here on the start is part of the leaves.
      scoresOf(output).fill(0);
      for (let node = 0; node < tree.value.length; node++) {
        if ((tree.left[node] as number) < 0) tree.value[node] = shift(tree.value[node] as number);
      }
    }
    const region = layout.scores + output * layout.rows * 4;
    if (rowsInTree === rowCount) {
      for (const leaf of leaves) kernels.addToScores(leaf.from, leaf.to, region, shift(leaf.value));
    } else {
      addTree(tree, sampler.floatColumns(data.columns), {
        sums: scoresOf(output),
        stride: 1,
        offset: 0,
      });
    }
    return tree;
  }

  return {
    trees,
    round: () => {
      const grown = Array.from({ length: task.outputs }, (_, output) => output).map((output) => {
        const tree = growOne(output);
        trees.push(tree);
        return tree;
      });
      const isStuck =
        settings.rowShare === 1 && settings.columnShare === 1 && grown.every((tree) => tree.left.length === 1);
      if (isStuck && trees.length > task.outputs) {
        trees.length -= task.outputs;
        return undefined;
      }
      derivatives.refresh();
      return grown;
    },
    loss: () => {
      const used = isWeighted ? weights : undefined;
      switch (task.objective) {
        case 'binary':
          return binaryLogLoss(probabilities.subarray(0, rowCount), labels, used);
        case 'multiclass':
          return logLoss(rowCount, (row) => probabilities[(labels[row] as number) * layout.rows + row] as number, used);
        case 'regression':
          return rootMeanSquare(
            rowCount,
            (row) => Math.fround((scores[row] as number) + task.baseScore) - (labels[row] as number),
            used,
          );
      }
    },
    margins: () => {
      const sums = new Float32Array(rowCount * task.outputs);
      for (let output = 0; output < task.outputs; output++) {
        for (let row = 0; row < rowCount; row++) {
          sums[row * task.outputs + output] = scores[output * layout.rows + row] as number;
        }
      }
      return addBase(sums, task.baseScore);
    },
  };
}

interface Derivatives {
  /** Recomputes probabilities from the scores. */
  readonly refresh: () => void;
  /** Writes the quantised derivatives of one class. */
  readonly quantise: (output: number) => DerivativeScales;
}

function createDerivatives(kernels: Kernels, layout: MemoryLayout, task: BoostingTask): Derivatives {
  const sums = new Float64Array(kernels.memory, layout.result + resultOffsets.sums, 2);
  // Friedman's factor for softmax with one redundant class; a binary loss has one score and needs none.
  const hessianFactor = task.outputs > 1 ? task.outputs / (task.outputs - 1) : 1;
  const forChunks = (run: (from: number, to: number) => void): void => {
    for (let from = 0; from < layout.rows; from += chunkRows) run(from, Math.min(layout.rows, from + chunkRows));
  };
  const scaleFor = (sum: number): number => (sum > 0 ? powerOfTwoUpTo(quantisedSumMax / sum) : 1);
  return {
    refresh: () => {
      if (task.objective === 'binary') forChunks((from, to) => kernels.logistic(from, to, task.baseScore));
      if (task.objective === 'multiclass') forChunks((from, to) => kernels.softmax(from, to));
    },
    quantise: (output) => {
      let [gradient, hessian] = [0, 0];
      forChunks((from, to) => {
        if (task.objective === 'regression') kernels.residualDerivatives(from, to, task.baseScore);
        else kernels.classDerivatives(from, to, output, task.outputs > 1 ? output : 1, hessianFactor);
        gradient += sums[0] as number;
        hessian += sums[1] as number;
      });
      const scales = { gradient: scaleFor(gradient), hessian: scaleFor(hessian) };
      forChunks((from, to) => kernels.quantise(from, to, scales.gradient, scales.hessian));
      return scales;
    },
  };
}

interface Sampler {
  /** Fills the row order for the next tree, restricts its features, and returns how many rows it has. */
  readonly draw: () => number;
  readonly floatColumns: (columns: readonly NumberColumn[]) => readonly Float32Array[];
}

interface SamplerDeps {
  readonly weights: Float64Array;
  readonly layout: MemoryLayout;
  readonly memory: ArrayBuffer;
  readonly grower: TreeGrower;
  readonly featureCount: number;
}

function createSampler(deps: SamplerDeps, settings: CompleteTreeSettings): Sampler {
  const { weights, layout, grower, featureCount } = deps;
  const order = new Uint32Array(deps.memory, layout.order, weights.length);
  const random = createRandom(settings.seed);
  const counted = new Uint32Array(weights.length);
  let countedRows = 0;
  for (let row = 0; row < weights.length; row++) if ((weights[row] as number) > 0) counted[countedRows++] = row;
  const eligible = counted.subarray(0, countedRows);
  const share = (of: number, part: number): number => Math.max(1, Math.round(of * part));
  let floats: readonly Float32Array[] | undefined;
  return {
    floatColumns: (columns) => (floats ??= toFloat32Columns(columns)),
    draw: () => {
      if (settings.columnShare < 1) {
        const chosen = new Set(sampleSorted(featureCount, share(featureCount, settings.columnShare), random));
        grower.useFeatures((feature) => chosen.has(feature));
      }
      if (settings.rowShare === 1) {
        order.set(eligible);
        return countedRows;
      }
      const picked = sampleSorted(countedRows, share(countedRows, settings.rowShare), random);
      for (let i = 0; i < picked.length; i++) order[i] = eligible[picked[i] as number] as number;
      return picked.length;
    },
  };
}

interface HoldOut {
  readonly add: (tree: Tree, output: number) => void;
  readonly measure: () => RowMetrics;
}

function createHoldOut(rows: LabelledRows, task: BoostingTask): HoldOut {
  const columns = toFloat32Columns(rows.columns);
  const count = rows.labels.length;
  const sums = new Float32Array(count * task.outputs);
  const { labels, weights } = rows;
  return {
    add: (tree, output) => addTree(tree, columns, { sums, stride: task.outputs, offset: output }),
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
      }
    },
  };
}

function measureImportance(ensemble: TreeEnsemble): FeatureImportance[] {
  const gains = new Float64Array(ensemble.featureNames.length);
  const splits = new Uint32Array(ensemble.featureNames.length);
  for (const tree of ensemble.trees) {
    for (let node = 0; node < tree.left.length; node++) {
      if ((tree.left[node] as number) < 0) continue;
      const feature = tree.feature[node] as number;
      gains[feature] = (gains[feature] as number) + (tree.gain[node] as number);
      splits[feature] = (splits[feature] as number) + 1;
    }
  }
  return ensemble.featureNames.map((feature, index) => ({
    feature,
    gain: gains[index] as number,
    splits: splits[index] as number,
  }));
}
