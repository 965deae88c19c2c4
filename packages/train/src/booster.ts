/**
 * The rounds of boosting: derivatives of the loss at the current scores, a tree per class grown on them, its leaf values
 * added to the float32 scores.
 *
 * Derivatives are rounded to integers: their scale is a power of two such that sums over all rows stay below 2^30. Their
 * own sums are taken in chunks of fixed size in row order. Typed-array reads are cast: indices are rows and classes.
 */
import type { Tree } from '@slipway/onnx';
import type { BoostingTask } from './boosting-task.ts';
import { chunkRows, chunkSumBytes, layoutMemory } from './booster-memory.ts';
import type { MemoryLayout } from './booster-memory.ts';
import { columnsFor, createCategorySets } from './category-sets.ts';
import type { CategorySet, CategorySets } from './category-sets.ts';
import { assignBins, findBins, findCategoryBins, knownCodes } from './feature-bins.ts';
import type { BinLimits, NumberColumn, Thresholds } from './feature-bins.ts';
import type { DerivativeScales } from './histograms.ts';
import { createKernels } from './kernels.ts';
import type { Kernels } from './kernels.ts';
import { binaryLogLoss, logLoss, pinballLoss, rootMeanSquare } from './loss.ts';
import { powerOfTwoUpTo } from './portable-math.ts';
import { weightedQuantile } from './quantiles.ts';
import { addBase, addTree, toFloat32Columns } from './predict-trees.ts';
import { createRandom, sampleSorted } from './random.ts';
import type { TrainingData } from './training-data.ts';
import { createTreeGrower } from './tree-grower.ts';
import type { GrownTree, LeafStep, TreeGrower } from './tree-grower.ts';
import type { CompleteTreeSettings } from './tree-settings.ts';

/** Cells of a table that further threads are started for: below it they would cost more than they save. */
const sharedCellsMin = 2_000_000;
/** Sums of quantised derivatives stay below this, which leaves one bit for rounding. */
const quantisedSumMax = 2 ** 30;

interface BinnedFeatures {
  readonly thresholds: readonly Thresholds[];
  readonly featureIndices: readonly number[];
  readonly columns: readonly NumberColumn[];
  /** Places of the features that are categories. */
  readonly categories: readonly number[];
}

/** The features that can split at all. Where there are none the first one stays, so that a tree has its root. */
function binFeatures({ columns, categories = [] }: TrainingData, limits: BinLimits): BinnedFeatures {
  const areCodes = new Set(categories);
  const found = columns.map((column, index) =>
    areCodes.has(index) ? findCategoryBins(column, limits) : findBins(column, limits),
  );
  const useful = found.flatMap((feature, index) => (feature.isUseful ? [index] : []));
  const featureIndices = useful.length > 0 ? useful : [0];
  const thresholds = featureIndices.map((index) => found[index]?.thresholds ?? new Float32Array(0));
  return {
    featureIndices,
    thresholds,
    columns: featureIndices.map((index, place) => {
      const column = columns[index] as NumberColumn;
      return areCodes.has(index) ? knownCodes(column, thresholds[place] ?? new Float32Array(0)) : column;
    }),
    categories: featureIndices.flatMap((index, place) => (areCodes.has(index) ? [place] : [])),
  };
}

export interface Booster {
  /** Adds one tree per class and returns them, or undefined when none of them could split: then nothing more will. */
  readonly round: () => readonly Tree[] | undefined;
  /** Of the training rows at the current scores. */
  readonly loss: () => number;
  /** Float32 `[rows, classes]`, row-major: the current scores with the base. */
  readonly margins: () => Float32Array;
  /** Of categories that trees have split off so far: features behind those of the data. */
  readonly sets: readonly CategorySet[];
  /** Lets the helping threads go. */
  readonly end: () => void;
}

interface BoosterOptions {
  readonly settings: CompleteTreeSettings;
  readonly task: BoostingTask;
}

export function createBooster(data: TrainingData, { settings, task }: BoosterOptions): Booster {
  const rowCount = data.labels.length;
  const binned = binFeatures(data, { binsMax: settings.bins, rowsMin: settings.minRowsPerBin });
  const layout = layoutMemory({
    rowCount,
    binCounts: binned.thresholds.map((thresholds) => thresholds.length + 2),
    leaves: settings.leaves,
    outputs: task.outputs,
    threads: rowCount * binned.columns.length < sharedCellsMin ? 1 : settings.threads,
  });
  const kernels = createKernels(layout);
  const { memory } = kernels;
  fillMemory(kernels, { data, layout, binned, weights: task.weights });
  const sets = createCategorySets();
  const grower = createTreeGrower({ kernels, layout, ...binned, sets, featureCount: data.columns.length }, settings);
  const sampler = createSampler({ weights: task.weights, layout, memory, grower }, settings);
  const derivatives = createDerivatives(kernels, layout, task);
  const scores = createScores(kernels, { data, layout, task, sets });
  const leafStep = task.objective === 'quantile' ? quantileStep(memory, layout, task) : undefined;
  let rounds = 0;
  derivatives.refresh();

  const growOne = (output: number): Tree => {
    const scales = derivatives.quantise(output);
    const rowsInTree = sampler.draw();
    const grown = grower.grow(rowsInTree, scales, leafStep);
    if (rounds === 0 && task.classStart.length > 0) scores.moveStart(output, grown);
    scores.add(output, grown, rowsInTree === rowCount);
    return grown.tree;
  };
  return {
    round: () => {
      const trees = Array.from({ length: task.outputs }, (_, output) => growOne(output));
      const isStuck = settings.rowShare === 1 && settings.columnShare === 1 && trees.every((t) => t.left.length === 1);
      rounds += 1;
      derivatives.refresh();
      return isStuck && rounds > 1 ? undefined : trees;
    },
    loss: createLoss(data, { layout, task, memory }),
    margins: scores.margins,
    sets: sets.all,
    end: () => kernels.end(),
  };
}

interface MemoryContent {
  readonly data: TrainingData;
  readonly layout: MemoryLayout;
  readonly binned: BinnedFeatures;
  readonly weights: Float64Array;
}

function fillMemory(kernels: Kernels, { data, layout, binned, weights }: MemoryContent): void {
  const rowCount = data.labels.length;
  assignBins(binned.columns, binned.thresholds, { kernels, layout });
  new Float32Array(kernels.memory, layout.labels, rowCount).set(data.labels);
  new Float32Array(kernels.memory, layout.weights, rowCount).set(weights);
}

interface Scores {
  /** Takes the class's start out of its scores and puts it into the leaves of its first tree. */
  readonly moveStart: (output: number, grown: GrownTree) => void;
  /** Adds a tree; where `isWhole`, its leaves hold every row. */
  readonly add: (output: number, grown: GrownTree, isWhole: boolean) => void;
  readonly margins: () => Float32Array;
}

interface ScoresContext {
  readonly data: TrainingData;
  readonly layout: MemoryLayout;
  readonly task: BoostingTask;
  readonly sets: CategorySets;
}

function createScores(kernels: Kernels, { data, layout, task, sets }: ScoresContext): Scores {
  const rowCount = data.labels.length;
  const regions = Array.from({ length: task.outputs }, (_, output) => layout.scores + output * layout.rows * 4);
  const views = regions.map((region) => new Float32Array(kernels.memory, region, rowCount));
  for (const [output, view] of views.entries()) view.fill(task.classStart[output] ?? 0);
  let floats: readonly Float32Array[] | undefined;
  return {
    moveStart: (output, { tree, leaves }) => {
      const start = task.classStart[output] ?? 0;
      views[output]?.fill(0);
      for (const leaf of leaves) leaf.value = Math.fround(leaf.value + start);
      for (let node = 0; node < tree.value.length; node++) {
        if ((tree.left[node] as number) < 0) tree.value[node] = (tree.value[node] as number) + start;
      }
    },
    add: (output, { tree, leaves }, isWhole) => {
      if (isWhole) {
        for (const leaf of leaves)
          kernels.addToScores(leaf.from, leaf.to, { scores: regions[output] as number, value: leaf.value });
      } else {
        floats ??= toFloat32Columns(data.columns);
        addTree(tree, columnsFor(tree, floats, sets.all), {
          sums: views[output] as Float32Array,
          stride: 1,
          offset: 0,
        });
      }
    },
    margins: () => {
      const sums = new Float32Array(rowCount * task.outputs);
      for (const [output, view] of views.entries()) spread(view, sums, { stride: task.outputs, offset: output });
      return addBase(sums, task.baseScore);
    },
  };
}

function spread(
  from: Float32Array,
  to: Float32Array,
  { stride, offset }: { readonly stride: number; readonly offset: number },
): void {
  for (let row = 0, at = offset; row < from.length; row++, at += stride) to[at] = from[row] ?? 0;
}

/** The quantile of what the rows of a leaf still lack. The gradient alone says only on which side of it they are. */
function quantileStep(memory: ArrayBufferLike, layout: MemoryLayout, task: BoostingTask): LeafStep {
  const order = new Uint32Array(memory);
  const labels = new Float32Array(memory, layout.labels, layout.rowCount);
  const scores = new Float32Array(memory, layout.scores, layout.rowCount);
  return (from, to) => {
    const rows = order.subarray(from / 4, to / 4);
    const lacking = Float64Array.from(rows, (row) => (labels[row] ?? 0) - ((scores[row] ?? 0) + task.baseScore));
    return weightedQuantile(
      lacking,
      Float64Array.from(rows, (row) => task.weights[row] ?? 0),
      task.quantile,
    );
  };
}

/** Log loss from the current probabilities; root mean squared error or pinball loss from the current scores. */
function createLoss(
  data: TrainingData,
  {
    layout,
    task,
    memory,
  }: { readonly layout: MemoryLayout; readonly task: BoostingTask; readonly memory: ArrayBufferLike },
): () => number {
  const rowCount = data.labels.length;
  const labels = new Float32Array(memory, layout.labels, rowCount);
  const scores = new Float32Array(memory, layout.scores, rowCount);
  const probabilities = new Float32Array(memory, layout.probabilities, layout.rows * task.outputs);
  const weights = task.weights.some((weight) => weight !== 1) ? task.weights : undefined;
  switch (task.objective) {
    case 'binary':
      return () => binaryLogLoss(probabilities.subarray(0, rowCount), labels, weights);
    case 'multiclass': {
      const ofLabel = (row: number): number => probabilities[(labels[row] as number) * layout.rows + row] as number;
      return () => logLoss(rowCount, ofLabel, weights);
    }
    case 'regression': {
      if (weights === undefined) return () => rootMeanSquareOf(scores, labels, task.baseScore);
      const difference = (row: number): number =>
        Math.fround((scores[row] as number) + task.baseScore) - (labels[row] as number);
      return () => rootMeanSquare(rowCount, difference, weights);
    }
    case 'quantile': {
      const lacking = (row: number): number => (labels[row] ?? 0) - Math.fround((scores[row] ?? 0) + task.baseScore);
      return () => pinballLoss(rowCount, lacking, { level: task.quantile, weights });
    }
  }
}

const rootMeanSquareOf = (scores: Float32Array, labels: Float32Array, base: number): number =>
  Math.sqrt(sumOfSquares(scores, labels, base) / labels.length);

/** In one loop without calls, because it is run over all rows after every round. */
function sumOfSquares(scores: Float32Array, labels: Float32Array, base: number): number {
  let sum = 0;
  for (let row = 0; row < labels.length; row++) {
    const difference = Math.fround((scores[row] ?? 0) + base) - (labels[row] ?? 0);
    sum += difference * difference;
  }
  return sum;
}

interface Derivatives {
  /** Recomputes probabilities from the scores. */
  readonly refresh: () => void;
  /** Writes the quantised derivatives of one class. */
  readonly quantise: (output: number) => DerivativeScales;
}

function createDerivatives(kernels: Kernels, layout: MemoryLayout, task: BoostingTask): Derivatives {
  const chunks = Math.ceil(layout.rows / chunkRows);
  const chunkSums = new Float64Array(kernels.memory, layout.chunkSums, (chunks * chunkSumBytes) / 8);
  // Friedman's factor for softmax with one redundant class; a binary loss has one score and needs none.
  const hessianFactor = task.outputs > 1 ? task.outputs / (task.outputs - 1) : 1;
  const scaleFor = (sum: number): number => (sum > 0 ? powerOfTwoUpTo(quantisedSumMax / sum) : 1);
  const derive = (output: number): void => {
    if (task.objective === 'regression') kernels.residualDerivatives(task.baseScore);
    else if (task.objective === 'quantile') kernels.quantileDerivatives(task.baseScore, task.quantile);
    else kernels.classDerivatives(output, task.outputs > 1 ? output : 1, hessianFactor);
  };
  return {
    refresh: () => {
      if (task.objective === 'binary') kernels.logistic(task.baseScore);
      if (task.objective === 'multiclass') kernels.softmax();
    },
    quantise: (output) => {
      derive(output);
      let [gradient, hessian] = [0, 0];
      for (let at = 0; at < chunkSums.length; at += 2) {
        gradient += chunkSums[at] ?? 0;
        hessian += chunkSums[at + 1] ?? 0;
      }
      const scales = { gradient: scaleFor(gradient), hessian: scaleFor(hessian) };
      kernels.quantise(scales.gradient, scales.hessian);
      return scales;
    },
  };
}

function rowsThatCount(weights: Float64Array): Uint32Array {
  const rows = new Uint32Array(weights.length);
  let count = 0;
  for (let row = 0; row < weights.length; row++) if ((weights[row] as number) > 0) rows[count++] = row;
  return rows.subarray(0, count);
}

interface Sampler {
  /** Fills the row order for the next tree, restricts its features, and returns how many rows it has. */
  readonly draw: () => number;
}

interface SamplerDeps {
  readonly weights: Float64Array;
  readonly layout: MemoryLayout;
  readonly memory: ArrayBufferLike;
  readonly grower: TreeGrower;
}

function createSampler(deps: SamplerDeps, settings: CompleteTreeSettings): Sampler {
  const { weights, layout, grower } = deps;
  const featureCount = layout.binCounts.length;
  const order = new Uint32Array(deps.memory, layout.order, weights.length);
  const random = createRandom(settings.seed);
  const eligible = rowsThatCount(weights);
  const countedRows = eligible.length;
  const share = (of: number, part: number): number => Math.max(1, Math.round(of * part));
  return {
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
