/**
 * The two model shapes that trainers hand over and that the ONNX writers, the evaluator and the explanations read.
 *
 * Everything a tree decides is float32: an input is rounded to float32 first, thresholds and leaf values are float32,
 * and a score is the leaf values added in tree order with a rounding after each addition. A runtime that keeps to this
 * gives the same bits as ONNX Runtime.
 */

/**
 * One regression tree in preorder arrays (node 0 is the root); node i is a leaf when left[i] < 0.
 * A row goes left iff fround(x) <= threshold; NaN goes left iff missingLeft[i] === 1. All leaf values are float32.
 */
export interface Tree {
  /** Index into the ensemble's featureNames; not read at leaves. */
  readonly feature: Int32Array;
  readonly threshold: Float32Array;
  readonly missingLeft: Uint8Array;
  /** Index of the child taken when the test holds, below 0 at leaves. */
  readonly left: Int32Array;
  readonly right: Int32Array;
  /** Leaf value; not read at inner nodes. */
  readonly value: Float32Array;
  /** Training rows that reached the node. */
  readonly count: Uint32Array;
  /** Gain of the split, 0 at leaves. */
  readonly gain: Float32Array;
}

export interface TreeEnsemble {
  readonly kind: 'trees';
  readonly featureNames: readonly string[];
  readonly trees: readonly Tree[];
  /** Float32 margin added after the trees' sum. */
  readonly baseScore: number;
  readonly link: 'logistic' | 'identity' | 'softmax';
  /** 1, or the number of classes for softmax (tree i belongs to class i % classCount). */
  readonly classCount: number;
  /** Two labels for logistic, classCount for softmax, none for identity. All strings or all integers. */
  readonly classLabels: readonly (string | number)[];
}

export interface LinearModel {
  readonly kind: 'linear';
  readonly featureNames: readonly string[];
  /** Per standardised feature. */
  readonly coefficients: Float64Array;
  readonly intercept: number;
  readonly link: 'logistic' | 'identity';
  /** Per feature: the value that replaces NaN, then the mean and the scale of (x - mean) / scale. */
  readonly imputed: Float64Array;
  readonly mean: Float64Array;
  readonly scale: Float64Array;
  readonly classLabels: readonly (string | number)[];
}
