/**
 * A tree ensemble as an ONNX file that every runtime reads: TreeEnsembleClassifier or TreeEnsembleRegressor of
 * ai.onnx.ml 3, numeric tests `x <= threshold` with a side for NaN.
 *
 * All-numeric: one float input `features` [N, F]. With categories: one input per feature, [N, 1]; a text column passes a
 * LabelEncoder that turns its i-th listed value into i and any other into NaN, then all columns are concatenated.
 * Outputs: `label` [N] and `probabilities` [N, classes] for a classifier, `prediction` [N, 1] for a regression.
 * Node hit rates carry the training rows of each node, so that explanations need no other file.
 *
 * Two habits of ONNX Runtime are written around: a regressor ignores LOGISTIC, so probabilities always come from the
 * classifier; and a two-class classifier whose weights are all >= 0 skips LOGISTIC and cuts at 0.5, so such an ensemble
 * gets one more tree with an unreachable negative leaf and a reachable leaf of -0, which changes no sum.
 */
import { OnnxError } from './errors.ts';
import { FEATURE_NAMES_KEY, labelParts, makeModel, makeNode, makeValue, mlDomain } from './graph-parts.ts';
import { writeModel } from './write-model.ts';
import type { OnnxNode, OnnxValue } from './model.ts';
import type { Tree, TreeEnsemble } from './trees.ts';

export interface WriteTreesOptions {
  /** Text features by name, with their values in code order: value i has code i, any other value is missing. */
  readonly categories?: Readonly<Record<string, readonly string[]>>;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** ONNX file of the ensemble. Throws OnnxError 'model' for an ensemble that breaks the contract of trees.ts. */
export function writeTreeEnsemble(ensemble: TreeEnsemble, options: WriteTreesOptions = {}): Uint8Array {
  checkEnsemble(ensemble);
  const front = writeInputs(ensemble.featureNames, options.categories ?? {});
  const isNumber = ensemble.link === 'identity';
  const outputs = isNumber ? ['prediction'] : ['label', 'probabilities'];
  const metadata: Record<string, string> = { ...options.metadata };
  metadata[FEATURE_NAMES_KEY] = JSON.stringify(ensemble.featureNames);
  return writeModel(
    makeModel({
      name: 'trees',
      nodes: [...front.nodes, ensembleNode(ensemble, { input: 'features', outputs })],
      inputs: front.inputs,
      outputs: isNumber ? [makeValue('prediction', 'FLOAT', 1)] : makeClassifierOutputs(ensemble, outputs),
      metadata,
    }),
  );
}

/** Input values and the nodes that join them to one tensor `features`; shared with the linear writer. */
export function writeInputs(
  featureNames: readonly string[],
  categories: Readonly<Record<string, readonly string[]>>,
): { readonly inputs: readonly OnnxValue[]; readonly nodes: readonly OnnxNode[] } {
  const categorical = Object.entries(categories);
  if (categorical.length === 0) return { inputs: [makeValue('features', 'FLOAT', featureNames.length)], nodes: [] };
  for (const [name, values] of categorical) {
    if (!featureNames.includes(name)) {
      throw new OnnxError('model', `Categories are given for "${name}", which is not a feature of the model.`);
    }
    if (new Set(values).size !== values.length) {
      throw new OnnxError('model', `The categories of "${name}" name the same value twice.`);
    }
  }
  const inputs: OnnxValue[] = [];
  const nodes: OnnxNode[] = [];
  const columns: string[] = [];
  for (const name of featureNames) {
    const values = Object.hasOwn(categories, name) ? categories[name] : undefined;
    inputs.push(makeValue(name, values === undefined ? 'FLOAT' : 'STRING', 1));
    if (values === undefined) {
      columns.push(name);
      continue;
    }
    const code = `${name}/code`;
    columns.push(code);
    nodes.push(
      makeNode({
        opType: 'LabelEncoder',
        inputs: [name],
        outputs: [code],
        attributes: {
          keys_strings: values,
          values_floats: Float32Array.from(values, (_, i) => i),
          default_float: { float: Number.NaN },
        },
      }),
    );
  }
  nodes.push(
    makeNode({
      opType: 'Concat',
      domain: '',
      inputs: columns,
      outputs: ['features'],
      attributes: { axis: { int: 1 } },
    }),
  );
  return { inputs, nodes };
}

export interface EnsemblePlace {
  /** Tensor [N, features]. */
  readonly input: string;
  /** Label and probabilities, or the prediction. */
  readonly outputs: readonly string[];
  /** Leaf values are the second class's probabilities, all 0 or more: no base and no transform. */
  readonly areProbabilities?: boolean;
}

/** The node of an ensemble that was checked. */
export function ensembleNode(ensemble: TreeEnsemble, place: EnsemblePlace): OnnxNode {
  return ensemble.link === 'identity' ? regressorNode([ensemble], place) : classifier(ensemble, place);
}

export function makeClassifierOutputs(ensemble: TreeEnsemble, names: readonly string[]): readonly OnnxValue[] {
  const [label = 'label', probabilities = 'probabilities'] = names;
  const { dataType } = labelParts(ensemble.classLabels, 'classlabels_int64s');
  return [makeValue(label, dataType), makeValue(probabilities, 'FLOAT', ensemble.classLabels.length)];
}

function classifier(ensemble: TreeEnsemble, { input, outputs, areProbabilities = false }: EnsemblePlace): OnnxNode {
  const needsSign = ensemble.link === 'logistic' && !areProbabilities && allWeightsPositive(ensemble.trees);
  const trees = needsSign ? [...ensemble.trees, signTree()] : ensemble.trees;
  const nodes = flatten(trees.map((tree, index) => ({ tree, target: index % ensemble.classCount })));
  const labels = labelParts(ensemble.classLabels, 'classlabels_int64s');
  const transform = ensemble.link === 'softmax' ? 'SOFTMAX' : 'LOGISTIC';
  return makeNode({
    opType: 'TreeEnsembleClassifier',
    inputs: [input],
    outputs,
    attributes: {
      ...nodes.common,
      class_treeids: nodes.leafTrees,
      class_nodeids: nodes.leafNodes,
      class_ids: nodes.leafTargets,
      class_weights: nodes.leafValues,
      ...(areProbabilities ? {} : { base_values: new Float32Array(ensemble.classCount).fill(ensemble.baseScore) }),
      post_transform: areProbabilities ? 'NONE' : transform,
      ...labels.attributes,
    },
  });
}

/** One target per ensemble, over the same features. */
export function regressorNode(ensembles: readonly TreeEnsemble[], { input, outputs }: EnsemblePlace): OnnxNode {
  const trees = ensembles.flatMap((ensemble, target) =>
    (ensemble.trees.length === 0 ? [signTree()] : ensemble.trees).map((tree) => ({ tree, target })),
  );
  const nodes = flatten(trees);
  return makeNode({
    opType: 'TreeEnsembleRegressor',
    domain: mlDomain,
    inputs: [input],
    outputs,
    attributes: {
      ...nodes.common,
      target_treeids: nodes.leafTrees,
      target_nodeids: nodes.leafNodes,
      target_ids: nodes.leafTargets,
      target_weights: nodes.leafValues,
      base_values: Float32Array.from(ensembles, (ensemble) => ensemble.baseScore),
      n_targets: { int: ensembles.length },
      aggregate_function: 'SUM',
      post_transform: 'NONE',
    },
  });
}

interface PlacedTree {
  readonly tree: Tree;
  /** Class or target of its leaves. */
  readonly target: number;
}

interface SmallIntegers {
  readonly all: BigInt64Array;
  /** The same, at every second place the lower half of one. */
  readonly low: Int32Array;
}

/** Integers of a file that are written by their lower halves: no bigint is made of a number that is small. */
function smallIntegers(count: number): SmallIntegers {
  const all = new BigInt64Array(count);
  return { all, low: new Int32Array(all.buffer) };
}

/** The trees one after the other, as the operators want them: parallel arrays over all nodes and over all leaves. */
function flatten(trees: readonly PlacedTree[]) {
  const total = trees.reduce((sum, { tree }) => sum + tree.left.length, 0);
  // Every node of a tree but its leaves has two children.
  const leafTotal = (total + trees.length) / 2;
  const nodes = {
    modes: Array.from({ length: total }, () => 'BRANCH_LEQ'),
    treeIds: smallIntegers(total),
    nodeIds: smallIntegers(total),
    features: smallIntegers(total),
    trueIds: smallIntegers(total),
    falseIds: smallIntegers(total),
    missing: smallIntegers(total),
    thresholds: new Float32Array(total),
    counts: new Float32Array(total),
  };
  const leaves = {
    trees: smallIntegers(leafTotal),
    nodes: smallIntegers(leafTotal),
    targets: smallIntegers(leafTotal),
    values: new Float32Array(leafTotal),
  };
  const next = { node: 0, leaf: 0 };
  for (const [treeId, placed] of trees.entries()) flattenTree(placed, treeId, { nodes, leaves, next });
  return {
    common: {
      nodes_treeids: nodes.treeIds.all,
      nodes_nodeids: nodes.nodeIds.all,
      nodes_modes: nodes.modes,
      nodes_featureids: nodes.features.all,
      nodes_values: nodes.thresholds,
      nodes_truenodeids: nodes.trueIds.all,
      nodes_falsenodeids: nodes.falseIds.all,
      nodes_missing_value_tracks_true: nodes.missing.all,
      nodes_hitrates: nodes.counts,
    },
    leafTrees: leaves.trees.all,
    leafNodes: leaves.nodes.all,
    leafTargets: leaves.targets.all,
    leafValues: leaves.values,
  };
}

interface FlatTrees {
  readonly nodes: {
    readonly modes: string[];
    readonly thresholds: Float32Array;
    readonly counts: Float32Array;
  } & Readonly<Record<'treeIds' | 'nodeIds' | 'features' | 'trueIds' | 'falseIds' | 'missing', SmallIntegers>>;
  readonly leaves: { readonly values: Float32Array } & Readonly<Record<'trees' | 'nodes' | 'targets', SmallIntegers>>;
  /** Where the next node and the next leaf go. */
  readonly next: { node: number; leaf: number };
}

function flattenTree({ tree, target }: PlacedTree, treeId: number, { nodes, leaves, next }: FlatTrees): void {
  for (let node = 0; node < tree.left.length; node++) {
    const at = next.node++;
    const left = tree.left[node] ?? -1;
    nodes.treeIds.low[at * 2] = treeId;
    nodes.nodeIds.low[at * 2] = node;
    nodes.counts[at] = tree.count[node] ?? 0;
    if (left >= 0) {
      nodes.features.low[at * 2] = tree.feature[node] ?? 0;
      nodes.thresholds[at] = tree.threshold[node] ?? 0;
      nodes.missing.low[at * 2] = tree.missingLeft[node] ?? 0;
      nodes.trueIds.low[at * 2] = left;
      nodes.falseIds.low[at * 2] = tree.right[node] ?? 0;
      continue;
    }
    const leaf = next.leaf++;
    nodes.modes[at] = 'LEAF';
    leaves.trees.low[leaf * 2] = treeId;
    leaves.nodes.low[leaf * 2] = node;
    leaves.targets.low[leaf * 2] = target;
    leaves.values[leaf] = tree.value[node] ?? 0;
  }
}

function allWeightsPositive(trees: readonly Tree[]): boolean {
  return trees.every((tree) => tree.value.every((value, node) => (tree.left[node] ?? -1) >= 0 || value >= 0));
}

/** Always takes its -0 leaf (any number is <= +Inf, NaN goes left); its other leaf makes the weights mixed. */
function signTree(): Tree {
  return {
    feature: new Int32Array(3),
    threshold: Float32Array.of(Number.POSITIVE_INFINITY, 0, 0),
    missingLeft: Uint8Array.of(1, 0, 0),
    left: Int32Array.of(1, -1, -1),
    right: Int32Array.of(2, -1, -1),
    value: Float32Array.of(0, -0, -1),
    count: new Uint32Array(3),
    gain: new Float32Array(3),
  };
}

/** Throws OnnxError 'model' for an ensemble that breaks the contract of trees.ts. */
export function checkEnsemble(ensemble: TreeEnsemble): void {
  const { link, classCount, classLabels, trees, featureNames } = ensemble;
  const wanted = link === 'identity' ? 0 : link === 'logistic' ? 2 : classCount;
  const refuse = (problem: string): never => {
    throw new OnnxError('model', `The tree ensemble cannot be written: ${problem}.`);
  };
  if (link !== 'softmax' && classCount !== 1) refuse(`link ${link} wants classCount 1, not ${classCount}`);
  if (link === 'softmax' && classCount < 3) refuse(`softmax wants 3 classes or more, not ${classCount}; use logistic`);
  if (classLabels.length !== wanted) refuse(`link ${link} wants ${wanted} class labels, not ${classLabels.length}`);
  if (new Set(classLabels.map((label) => typeof label)).size > 1)
    refuse('class labels are partly text, partly numbers');
  if (classLabels.some((label) => typeof label === 'number' && !Number.isSafeInteger(label))) {
    refuse('numeric class labels must be integers');
  }
  if (featureNames.length === 0) refuse('it has no features');
  if (!Number.isFinite(ensemble.baseScore)) refuse(`its base score is ${ensemble.baseScore}`);
  trees.forEach((tree, index) => {
    const problem = findTreeProblem(tree, featureNames.length);
    if (problem !== undefined) refuse(`tree ${index}: ${problem}`);
  });
}

/** What breaks the contract of `Tree`, or undefined. */
export function findTreeProblem(tree: Tree, featureCount: number): string | undefined {
  const size = tree.left.length;
  if (size === 0) return 'it has no node';
  const parents = new Uint8Array(size);
  for (let node = 0; node < size; node++) {
    const left = tree.left[node] ?? -1;
    if (left < 0) {
      if (!Number.isFinite(tree.value[node])) return `leaf ${node} has value ${tree.value[node]}`;
      continue;
    }
    const right = tree.right[node] ?? -1;
    for (const child of [left, right]) {
      if (child <= node || child >= size) return `node ${node} has child ${child} of ${size} nodes`;
      if (parents[child] === 1) return `node ${child} has two parents`;
      parents[child] = 1;
    }
    const feature = tree.feature[node] ?? -1;
    if (feature < 0 || feature >= featureCount) return `node ${node} tests feature ${feature} of ${featureCount}`;
    if (Number.isNaN(tree.threshold[node])) return `node ${node} has threshold NaN`;
  }
  for (let node = 1; node < size; node++) if (parents[node] === 0) return `node ${node} has no parent`;
  return undefined;
}
