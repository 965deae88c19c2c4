/**
 * The trees of a TreeEnsembleClassifier or TreeEnsembleRegressor node (ai.onnx.ml 1 to 4) in one normal form.
 *
 * Every test becomes `x <= threshold ? whenTrue : whenFalse` with a side for NaN: x < t is x <= the float below t; x > t
 * and x >= t are the negations of those, children swapped. A leaf that weighs several classes is split: each class gets
 * its own copy of the tree, so that a tree has one value per leaf. The order of trees within a class is kept, because
 * float32 addition depends on it.
 */
import type { OnnxNode } from '../model.ts';

/** Nodes over all trees of one class; a leaf has whenTrue === whenFalse === itself. */
export interface NormalTree {
  readonly feature: Int32Array;
  readonly threshold: Float32Array;
  readonly nanTrue: Uint8Array;
  readonly whenTrue: Int32Array;
  readonly whenFalse: Int32Array;
  /** Leaf value; 0 at inner nodes. */
  readonly value: Float32Array;
  /** Root is node 0; longest path in tests. */
  readonly depth: number;
}

export interface NormalEnsemble {
  /** Per class or target, the trees in the order of summing. */
  readonly targets: readonly (readonly NormalTree[])[];
  /** One past the highest feature tested. */
  readonly featureCount: number;
  readonly treeCount: number;
  readonly allWeightsPositive: boolean;
  readonly usedTargets: ReadonlySet<number>;
  /** True when each used class gets a value from at least one tree whatever the row. */
  readonly everyRowScored: boolean;
}

export type Parsed<T> = T | { readonly unsupported: string };

/** A file may name any node count; beyond this ONNX Runtime takes over. */
const NODES_MAX = 4_000_000;

interface RawNodes {
  readonly treeIds: BigInt64Array;
  readonly nodeIds: BigInt64Array;
  readonly features: BigInt64Array;
  readonly modes: readonly string[];
  readonly thresholds: Float32Array;
  readonly trueIds: BigInt64Array;
  readonly falseIds: BigInt64Array;
  readonly missing: BigInt64Array | undefined;
}

interface RawLeaves {
  readonly treeIds: BigInt64Array;
  readonly nodeIds: BigInt64Array;
  readonly targets: BigInt64Array;
  readonly weights: Float32Array;
}

/** `prefix` is 'class' or 'target', `targetCount` the number of classes or targets. */
export function parseTreeNodes(
  node: OnnxNode,
  prefix: 'class' | 'target',
  targetCount: number,
): Parsed<NormalEnsemble> {
  const raw = readNodes(node);
  if ('unsupported' in raw) return raw;
  const leaves = readLeaves(node, prefix);
  if ('unsupported' in leaves) return leaves;
  if (raw.treeIds.length > NODES_MAX) return { unsupported: `${node.opType} with ${raw.treeIds.length} nodes` };
  if (leaves.targets.some((target) => target < 0n || target >= BigInt(targetCount))) {
    return { unsupported: `${node.opType} with a ${prefix} id outside 0..${targetCount - 1}` };
  }
  const shapes = readShapes(raw);
  if ('unsupported' in shapes) return shapes;
  return assignLeaves(shapes.trees, leaves, targetCount);
}

function readNodes(node: OnnxNode): Parsed<RawNodes> {
  const treeIds = ints(node, 'nodes_treeids');
  const nodeIds = ints(node, 'nodes_nodeids');
  const features = ints(node, 'nodes_featureids');
  const trueIds = ints(node, 'nodes_truenodeids');
  const falseIds = ints(node, 'nodes_falsenodeids');
  const missing = ints(node, 'nodes_missing_value_tracks_true');
  const modes = node.attributes.get('nodes_modes');
  const thresholds = node.attributes.get('nodes_values');
  if (!treeIds || !nodeIds || !features || !trueIds || !falseIds)
    return { unsupported: `${node.opType} without nodes` };
  if (modes?.type !== 'strings' || thresholds?.type !== 'floats') {
    return { unsupported: `${node.opType} without float thresholds` };
  }
  const size = treeIds.length;
  const lengths = [nodeIds, features, trueIds, falseIds, modes.values, thresholds.values].map((part) => part.length);
  if (lengths.some((length) => length !== size) || (missing !== undefined && missing.length % size !== 0)) {
    return { unsupported: `${node.opType} whose node attributes differ in length` };
  }
  return {
    treeIds,
    nodeIds,
    features,
    modes: modes.values,
    thresholds: thresholds.values,
    trueIds,
    falseIds,
    missing: missing?.length === size ? missing : undefined,
  };
}

function readLeaves(node: OnnxNode, prefix: string): Parsed<RawLeaves> {
  const treeIds = ints(node, `${prefix}_treeids`);
  const nodeIds = ints(node, `${prefix}_nodeids`);
  const targets = ints(node, `${prefix}_ids`);
  const weights = node.attributes.get(`${prefix}_weights`);
  if (!treeIds || !nodeIds || !targets || weights?.type !== 'floats') {
    return { unsupported: `${node.opType} without float leaf weights` };
  }
  const size = treeIds.length;
  if (nodeIds.length !== size || targets.length !== size || weights.values.length !== size) {
    return { unsupported: `${node.opType} whose leaf attributes differ in length` };
  }
  return { treeIds, nodeIds, targets, weights: weights.values };
}

function ints(node: OnnxNode, name: string): BigInt64Array | undefined {
  const attribute = node.attributes.get(name);
  return attribute?.type === 'ints' ? attribute.values : undefined;
}

interface TreeShape {
  readonly id: bigint;
  /** Node id of the file -> index in the arrays. */
  readonly places: ReadonlyMap<bigint, number>;
  readonly feature: Int32Array;
  readonly threshold: Float32Array;
  readonly nanTrue: Uint8Array;
  readonly whenTrue: Int32Array;
  readonly whenFalse: Int32Array;
  readonly depth: number;
}

/** Trees in the order in which their ids first appear; the root is the first listed node of its tree. */
function readShapes(raw: RawNodes): Parsed<{ readonly trees: readonly TreeShape[] }> {
  const rows = new Map<bigint, number[]>();
  raw.treeIds.forEach((id, row) => {
    const list = rows.get(id);
    if (list === undefined) rows.set(id, [row]);
    else list.push(row);
  });
  const trees: TreeShape[] = [];
  for (const [id, list] of rows) {
    const places = new Map(list.map((row, place) => [raw.nodeIds[row] as bigint, place]));
    if (places.size !== list.length) return { unsupported: `a tree that lists a node twice` };
    const size = list.length;
    const tree = {
      feature: new Int32Array(size),
      threshold: new Float32Array(size),
      nanTrue: new Uint8Array(size),
      whenTrue: new Int32Array(size),
      whenFalse: new Int32Array(size),
    };
    for (const [place, row] of list.entries()) {
      const mode = raw.modes[row] ?? '';
      if (mode === 'LEAF') {
        tree.whenTrue[place] = place;
        tree.whenFalse[place] = place;
        continue;
      }
      const test = normalTest(mode, raw.thresholds[row] ?? 0);
      if (test === undefined) return { unsupported: `the tree mode ${mode}` };
      const feature = Number(raw.features[row]);
      const whenTrue = places.get(raw.trueIds[row] as bigint); // same length as nodeIds
      const whenFalse = places.get(raw.falseIds[row] as bigint);
      if (whenTrue === undefined || whenFalse === undefined) return { unsupported: 'a tree with a missing child' };
      if (feature < 0 || feature > 1_000_000) return { unsupported: `a tree that tests feature ${feature}` };
      const nanTrue = raw.missing?.[row] === 1n;
      tree.feature[place] = feature;
      tree.threshold[place] = test.threshold;
      tree.nanTrue[place] = nanTrue !== test.swap ? 1 : 0;
      tree.whenTrue[place] = test.swap ? whenFalse : whenTrue;
      tree.whenFalse[place] = test.swap ? whenTrue : whenFalse;
    }
    const depth = measureDepth(tree.whenTrue, tree.whenFalse);
    if (depth === undefined) return { unsupported: 'a tree whose nodes share children or form a loop' };
    trees.push({ id, places, ...tree, depth });
  }
  return { trees };
}

/** The test as `x <= threshold`, or undefined for one that is not an order. A threshold of NaN is never met. */
function normalTest(mode: string, threshold: number): { threshold: number; swap: boolean } | undefined {
  switch (mode) {
    case 'BRANCH_LEQ':
      return { threshold, swap: false };
    case 'BRANCH_LT':
      return { threshold: floatBelow(threshold), swap: false };
    case 'BRANCH_GT':
      return { threshold, swap: true };
    case 'BRANCH_GTE':
      return { threshold: floatBelow(threshold), swap: true };
    default:
      return undefined;
  }
}

const floatBits = new DataView(new ArrayBuffer(4));

/** The largest float32 below x; NaN for -Inf and NaN: nothing is below them. */
export function floatBelow(x: number): number {
  if (Number.isNaN(x) || x === Number.NEGATIVE_INFINITY) return Number.NaN;
  if (x === 0) return -(2 ** -149);
  floatBits.setFloat32(0, x);
  floatBits.setInt32(0, floatBits.getInt32(0) + (x > 0 ? -1 : 1));
  return floatBits.getFloat32(0);
}

/** Longest path from node 0, or undefined when a node is reached twice. */
function measureDepth(whenTrue: Int32Array, whenFalse: Int32Array): number | undefined {
  const seen = new Uint8Array(whenTrue.length);
  const stack: [number, number][] = [[0, 0]];
  let deepest = 0;
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    const [node, depth] = top;
    if (seen[node] === 1) return undefined;
    seen[node] = 1;
    deepest = Math.max(deepest, depth);
    const left = whenTrue[node] as number; // node is an index of the arrays
    if (left !== node) stack.push([left, depth + 1], [whenFalse[node] as number, depth + 1]);
  }
  return deepest;
}

function assignLeaves(shapes: readonly TreeShape[], leaves: RawLeaves, targetCount: number): Parsed<NormalEnsemble> {
  const byTree = new Map<bigint, number[]>();
  leaves.treeIds.forEach((id, row) => {
    const list = byTree.get(id);
    if (list === undefined) byTree.set(id, [row]);
    else list.push(row);
  });
  const targets: NormalTree[][] = Array.from({ length: targetCount }, () => []);
  const used = new Set<number>();
  const scored = new Set<number>();
  let featureCount = 0;
  for (const shape of shapes) {
    const values = new Map<number, { value: Float32Array; filled: Uint8Array }>();
    for (const row of byTree.get(shape.id) ?? []) {
      const place = shape.places.get(leaves.nodeIds[row] as bigint);
      if (place === undefined || shape.whenTrue[place] !== place)
        return { unsupported: 'a weight on a node that is no leaf' };
      const target = Number(leaves.targets[row]);
      let entry = values.get(target);
      if (entry === undefined) {
        entry = { value: new Float32Array(shape.feature.length), filled: new Uint8Array(shape.feature.length) };
        values.set(target, entry);
      }
      if (entry.filled[place] === 1) return { unsupported: 'a leaf that weighs one class twice' };
      entry.filled[place] = 1;
      entry.value[place] = leaves.weights[row] ?? 0;
    }
    for (const [target, { value, filled }] of values) {
      let complete = true;
      shape.whenTrue.forEach((next, place) => {
        if (next !== place) {
          featureCount = Math.max(featureCount, (shape.feature[place] as number) + 1);
        } else if (filled[place] === 0) {
          complete = false;
          value[place] = -0; // adds nothing
        }
      });
      used.add(target);
      if (complete) scored.add(target);
      const { feature, threshold, nanTrue, whenTrue, whenFalse, depth } = shape;
      targets[target]?.push({ feature, threshold, nanTrue, whenTrue, whenFalse, value, depth });
    }
  }
  return {
    targets,
    featureCount,
    treeCount: shapes.length,
    allWeightsPositive: leaves.weights.every((weight) => weight >= 0),
    usedTargets: used,
    everyRowScored: scored.size === targetCount,
  };
}
