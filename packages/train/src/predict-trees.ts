/**
 * Scores of a tree ensemble by walking every tree, in float32 throughout: inputs are rounded first, leaf values are
 * added in tree order with a rounding after each, and the base score comes last. The same bits as during training and
 * as in ONNX Runtime. Cost: about 3 ns per row and level.
 */
import type { Tree, TreeEnsemble } from '@slipway/onnx';
import { columnsFor } from './category-sets.ts';
import type { CategorySet } from './category-sets.ts';
import type { NumberColumn } from './feature-bins.ts';
import { exp, sigmoid } from './portable-math.ts';

/** Every column rounded to float32, without a copy where it is float32 already. */
export function toFloat32Columns(columns: readonly NumberColumn[]): readonly Float32Array[] {
  return columns.map((column) => (column instanceof Float32Array ? column : Float32Array.from(column)));
}

/** `sums[row * stride + offset] += leaf value`, for every row. */
export function addTree(
  tree: Tree,
  columns: readonly Float32Array[],
  target: { readonly sums: Float32Array; readonly stride: number; readonly offset: number },
): void {
  const { feature, threshold, missingLeft, left, right, value } = tree;
  const { sums, stride } = target;
  const rows = sums.length / stride;
  let at = target.offset;
  for (let row = 0; row < rows; row++) {
    let node = 0;
    let child = left[0] as number;
    while (child >= 0) {
      const x = (columns[feature[node] as number] as Float32Array)[row] as number;
      const goesLeft = x === x ? x <= (threshold[node] as number) : missingLeft[node] === 1;
      node = goesLeft ? child : (right[node] as number);
      child = left[node] as number;
    }
    sums[at] = (sums[at] as number) + (value[node] as number);
    at += stride;
  }
}

/**
 * Margins of every row: float32 `[rows, classCount]`, row-major. For regression the margin is the prediction.
 * `columns` has one array per feature name, in that order; features that are `sets` of categories come last and are made here.
 */
export function predictTrees(
  ensemble: TreeEnsemble,
  columns: readonly NumberColumn[],
  sets: readonly CategorySet[] = [],
): Float32Array {
  const given = ensemble.featureNames.length - sets.length;
  if (columns.length !== given) {
    throw new RangeError(`columns has ${columns.length} columns: the model has ${given} features.`);
  }
  const rows = columns[0]?.length ?? 0;
  const uneven = columns.findIndex((column) => column.length !== rows);
  if (uneven >= 0) {
    throw new RangeError(`columns[${uneven}] has ${columns[uneven]?.length} rows, but columns[0] has ${rows}.`);
  }
  const floats = toFloat32Columns(columns);
  const stride = ensemble.classCount;
  const sums = new Float32Array(rows * stride);
  for (const [index, tree] of ensemble.trees.entries()) {
    addTree(tree, columnsFor(tree, floats, sets), { sums, stride, offset: index % stride });
  }
  return addBase(sums, ensemble.baseScore);
}

/** Adds the base score in place, with one rounding. */
export function addBase(sums: Float32Array, baseScore: number): Float32Array {
  for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] as number) + baseScore;
  return sums;
}

/**
 * What the margins mean, float64: for logistic the probability of the second class `[rows]`, for softmax all
 * probabilities `[rows, classCount]`, for identity the margins.
 */
export function applyLink(ensemble: Pick<TreeEnsemble, 'link' | 'classCount'>, margins: Float32Array): Float64Array {
  switch (ensemble.link) {
    case 'identity':
      return Float64Array.from(margins);
    case 'logistic':
      return Float64Array.from(margins, sigmoid);
    case 'softmax':
      return softmaxRows(margins, ensemble.classCount);
  }
}

function softmaxRows(margins: Float32Array, classCount: number): Float64Array {
  const probabilities = new Float64Array(margins.length);
  for (let start = 0; start < margins.length; start += classCount) {
    const top = margins.subarray(start, start + classCount).reduce((a, b) => Math.max(a, b), -Infinity);
    let sum = 0;
    for (let i = start; i < start + classCount; i++) {
      const power = exp((margins[i] as number) - top);
      probabilities[i] = power;
      sum += power;
    }
    for (let i = start; i < start + classCount; i++) probabilities[i] = (probabilities[i] as number) / sum;
  }
  return probabilities;
}
