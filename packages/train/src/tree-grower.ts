/**
 * Grows one regression tree leaf by leaf: the leaf whose best split gains most is split next, until there are enough
 * leaves or no split gains.
 *
 * Of two children only the smaller one's histogram is built from rows; the larger one's is the parent's minus that,
 * exactly. There is one histogram slot per leaf: the parent's becomes the larger child's. Everything that is summed over
 * rows is an integer, so the tree depends on neither the order of rows within a leaf nor the platform.
 * Source: Ke et al., LightGBM (2017), sections 2 and 3; Shi et al., Quantized Training of GBDT (2022).
 */
import assert from 'node:assert';
import type { Tree } from '@slipway/onnx';
import type { MemoryLayout } from './booster-memory.ts';
import { setThreshold } from './category-sets.ts';
import type { CategorySets } from './category-sets.ts';
import type { Thresholds } from './feature-bins.ts';
import { createHistograms, gainScale, subtractSums } from './histograms.ts';
import type { DerivativeScales, Histograms, SearchSettings, Split, Sums } from './histograms.ts';
import type { Kernels } from './kernels.ts';
import { boundedValue, boundsBelow, unbounded } from './monotone-search.ts';
import type { Bounds } from './monotone-search.ts';

export interface GrowerSettings extends SearchSettings {
  readonly learningRate: number;
  readonly leaves: number;
  readonly depthMax: number;
  /** Per feature of the data; undefined where none is constrained. */
  readonly monotone: readonly number[] | undefined;
}

interface Leaf {
  readonly node: number;
  /** Addresses in the row order. */
  readonly from: number;
  readonly to: number;
  readonly slot: number;
  readonly sums: Sums;
  readonly bounds: Bounds;
  readonly depth: number;
  /** Added to l2 in its value. */
  readonly penalty: number;
  readonly split: Split | undefined;
}

interface GrownNode {
  readonly sums: Sums;
  split?: Split;
  left: number;
  right: number;
  value: number;
}

/** A leaf of the grown tree with the rows that are in it, as addresses in the row order. */
export interface GrownLeaf {
  readonly from: number;
  readonly to: number;
  value: number;
}

/** The step of a leaf from its rows, in place of the Newton step: addresses in the row order. */
export type LeafStep = (from: number, to: number) => number;

export interface GrownTree {
  readonly tree: Tree;
  readonly leaves: readonly GrownLeaf[];
}

export interface TreeGrower {
  /** Grows a tree over the first `rowCount` entries of the row order, which are ascending rows. */
  readonly grow: (rowCount: number, scales: DerivativeScales, step?: LeafStep) => GrownTree;
  readonly useFeatures: Histograms['useFeatures'];
}

export interface GrowerDeps {
  readonly kernels: Kernels;
  readonly layout: MemoryLayout;
  /** Per used feature. */
  readonly thresholds: readonly Thresholds[];
  /** Per used feature its index among all features. */
  readonly featureIndices: readonly number[];
  /** Used features that are codes of categories. */
  readonly categories: readonly number[];
  /** Takes the sets that are split off; the first of them is feature `featureCount`. */
  readonly sets: CategorySets;
  readonly featureCount: number;
}

/** A tree in the making. */
interface Growth {
  readonly histograms: Histograms;
  readonly settings: GrowerSettings;
  readonly directions: readonly number[] | undefined;
  readonly scales: DerivativeScales;
  readonly nodes: GrownNode[];
  readonly leaves: Leaf[];
}

export function createTreeGrower(deps: GrowerDeps, settings: GrowerSettings): TreeGrower {
  const { layout } = deps;
  const { monotone } = settings;
  const directions = monotone && deps.featureIndices.map((index) => monotone[index] ?? 0);
  const histograms = createHistograms(deps.kernels, layout, { settings, directions, categories: deps.categories });
  const split = createPartition(deps);
  return {
    useFeatures: histograms.useFeatures,
    grow: (rowCount, scales, step) => {
      const [from, to] = [layout.order, layout.order + rowCount * 4];
      const growth: Growth = { histograms, settings, directions, scales, nodes: [], leaves: [] };
      histograms.buildRoot(from, to);
      const sums = histograms.total(0);
      assert.equal(sums.rows, rowCount, 'the histogram counts every row once');
      const root = { node: addNode(growth, sums), from, to, slot: 0, sums, bounds: unbounded, depth: 0, penalty: 0 };
      growth.leaves.push({ ...root, split: findSplit(growth, root) });
      while (growth.leaves.length < settings.leaves) {
        const best = bestLeaf(growth.leaves);
        if (best?.split === undefined) break;
        splitLeaf(growth, { leaf: best, split: best.split, middle: split(best, best.split) });
      }
      const leaves = growth.leaves.map((leaf) => {
        const value = leafValue(leaf, growth, step);
        nodeAt(growth, leaf.node).value = value;
        return { from: leaf.from, to: leaf.to, value };
      });
      return { tree: toPreorder(growth.nodes, deps, scales), leaves };
    },
  };
}

/** Reorders the rows of a leaf so that those of the left child come first; returns where the right child's begin. */
function createPartition({ kernels, layout }: GrowerDeps): (leaf: Leaf, split: Split) => number {
  const lookup = new Uint8Array(kernels.memory, layout.lookup, 256);
  return (leaf, split) => {
    lookup.fill(0);
    if (split.set === undefined) lookup.fill(4, 1, split.bin + 1);
    else for (const bin of split.set) lookup[bin] = 4;
    lookup[0] = split.missingLeft ? 4 : 0;
    const column = layout.columnBins + split.feature * layout.rows;
    const middle = kernels.partition(leaf.from, leaf.to, column) >>> 0;
    assert.equal((middle - leaf.from) / 4, split.left.rows, 'the partition and the histogram count the same rows');
    return middle;
  };
}

function canSplit({ settings }: Growth, { sums, depth }: Pick<Leaf, 'sums' | 'depth'>): boolean {
  return sums.rows >= 2 * settings.minRowsPerLeaf && depth < settings.depthMax;
}

function findSplit(growth: Growth, leaf: Omit<Leaf, 'split'>): Split | undefined {
  return canSplit(growth, leaf) ? growth.histograms.findSplit(leaf.slot, leaf, growth.scales) : undefined;
}

interface Division {
  readonly leaf: Leaf;
  readonly split: Split;
  readonly middle: number;
}

/** Puts two leaves in the place of one, with their histograms where a further split may follow. */
function splitLeaf(growth: Growth, { leaf, split, middle }: Division): void {
  const { histograms, leaves, settings } = growth;
  const node = nodeAt(growth, leaf.node);
  const depth = leaf.depth + 1;
  const { penalty = 0 } = split;
  const freeSlot = leaves.length;
  const [small, large] = [freeSlot, leaf.slot];
  const rightSums = subtractSums(leaf.sums, split.left);
  const isLeftSmaller = split.left.rows <= rightSums.rows;
  node.split = split;
  node.left = addNode(growth, split.left);
  node.right = addNode(growth, rightSums);
  const bounds = childBounds(growth, { leaf, split, rightSums });
  const left = {
    node: node.left,
    from: leaf.from,
    to: middle,
    slot: isLeftSmaller ? small : large,
    sums: split.left,
    bounds: bounds.left,
    depth,
    penalty,
  };
  const right = {
    node: node.right,
    from: middle,
    to: leaf.to,
    slot: isLeftSmaller ? large : small,
    sums: rightSums,
    bounds: bounds.right,
    depth,
    penalty,
  };
  const isLast = leaves.length + 1 >= settings.leaves;
  const isSearched = !isLast && (canSplit(growth, left) || canSplit(growth, right));
  if (isSearched) {
    histograms.divide(large, small, isLeftSmaller ? left : right);
  }
  const children = [left, right].map((child) => ({
    ...child,
    split: isSearched ? findSplit(growth, child) : undefined,
  }));
  leaves.splice(leaves.indexOf(leaf), 1, ...children);
}

function addNode({ nodes }: Growth, sums: Sums): number {
  return nodes.push({ sums, left: -1, right: -1, value: 0 }) - 1;
}

function nodeAt({ nodes }: Growth, index: number): GrownNode {
  const node = nodes[index];
  assert(node !== undefined);
  return node;
}

function childBounds(
  { directions, scales, settings }: Growth,
  { leaf, split, rightSums }: Pick<Division, 'leaf' | 'split'> & { readonly rightSums: Sums },
): { readonly left: Bounds; readonly right: Bounds } {
  if (directions === undefined) return { left: unbounded, right: unbounded };
  const options = { l2: settings.l2, bounds: leaf.bounds };
  return boundsBelow(leaf.bounds, directions[split.feature] ?? 0, {
    left: boundedValue(split.left, scales, options),
    right: boundedValue(rightSums, scales, options),
  });
}

/** Newton step of the leaf, -G / (H + l2), or that of `step`; within bounds, times the learning rate, rounded once. */
function leafValue({ sums, bounds, from, to, penalty }: Leaf, { scales, settings }: Growth, step?: LeafStep): number {
  const rate = settings.learningRate;
  const gradient = sums.gradient / scales.gradient;
  const hessian = sums.hessian / scales.hessian;
  const moved = step === undefined ? (rate * -gradient) / (hessian + settings.l2 + penalty) : rate * step(from, to);
  const value = Math.min(rate * bounds.max, Math.max(rate * bounds.min, moved));
  // Adding 0 keeps -0 out of the model file.
  return Math.fround(value) + 0;
}

/** The leaf that gains most; of equals the first. */
function bestLeaf(leaves: readonly Leaf[]): Leaf | undefined {
  let best: Leaf | undefined;
  for (const leaf of leaves) {
    if (leaf.split !== undefined && leaf.split.gain > (best?.split?.gain ?? 0)) best = leaf;
  }
  return best;
}

function toPreorder(nodes: readonly GrownNode[], deps: GrowerDeps, scales: DerivativeScales): Tree {
  const tree: Tree = {
    feature: new Int32Array(nodes.length),
    threshold: new Float32Array(nodes.length),
    missingLeft: new Uint8Array(nodes.length),
    left: new Int32Array(nodes.length).fill(-1),
    right: new Int32Array(nodes.length).fill(-1),
    value: new Float32Array(nodes.length),
    count: new Uint32Array(nodes.length),
    gain: new Float32Array(nodes.length),
  };
  let next = 0;
  const write = (index: number): number => {
    const node = nodes[index];
    assert(node !== undefined);
    const at = next++;
    tree.count[at] = node.sums.rows;
    if (node.split === undefined) {
      tree.value[at] = node.value;
      return at;
    }
    const { bin, missingLeft, gain, set } = node.split;
    const feature = deps.featureIndices[node.split.feature] ?? 0;
    if (set === undefined) {
      tree.feature[at] = feature;
      // The highest bin has no upper edge: every value that is not missing goes left.
      tree.threshold[at] = deps.thresholds[node.split.feature]?.[bin - 1] ?? Infinity;
    } else {
      const codes = set.map((own) => own - 1).sort((a, b) => a - b);
      tree.feature[at] = deps.featureCount + deps.sets.placeOf({ feature, codes });
      tree.threshold[at] = setThreshold;
    }
    tree.missingLeft[at] = missingLeft ? 1 : 0;
    tree.gain[at] = gain / gainScale(scales);
    tree.left[at] = write(node.left);
    tree.right[at] = write(node.right);
    return at;
  };
  write(0);
  return tree;
}
