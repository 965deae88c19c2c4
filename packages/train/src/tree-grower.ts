/**
 * Grows one regression tree leaf by leaf: the leaf whose best split gains most is split next, until there are enough
 * leaves or no split gains.
 *
 * A split is found in the leaf's histogram. Of two children only the smaller one's histogram is built from rows; the
 * larger one's is the parent's minus that, exactly, because bins are integers. There is one histogram slot per leaf:
 * the parent's becomes the larger child's. Everything that is summed over rows is an integer, so the tree depends on
 * neither the order of rows within a leaf nor the platform.
 * Source: Ke et al., LightGBM (2017), sections 2 and 3; Shi et al., Quantized Training of GBDT (2022).
 */
import assert from 'node:assert';
import type { Tree } from '@slipway/onnx';
import { binBytes } from './booster-memory.ts';
import type { MemoryLayout } from './booster-memory.ts';
import type { Thresholds } from './feature-bins.ts';
import { resultOffsets } from './kernels.ts';
import type { Kernels } from './kernels.ts';

export interface GrowerSettings {
  readonly learningRate: number;
  readonly leaves: number;
  readonly depthMax: number;
  readonly minRowsPerLeaf: number;
  readonly l2: number;
  readonly gainMin: number;
}

/** Quantised units per unit of gradient and hessian: powers of two. */
export interface DerivativeScales {
  readonly gradient: number;
  readonly hessian: number;
}

/** Sums over rows in quantised units. */
interface Sums {
  readonly gradient: number;
  readonly hessian: number;
  readonly rows: number;
}

interface Split {
  /** Quantised gain over leaving the leaf whole. */
  readonly gain: number;
  /** Index among the used features. */
  readonly feature: number;
  /** Rows with bins 1 to `bin` go left. */
  readonly bin: number;
  readonly missingLeft: boolean;
  readonly left: Sums;
}

interface Leaf {
  readonly node: number;
  /** Addresses in the row order. */
  readonly from: number;
  readonly to: number;
  readonly slot: number;
  readonly sums: Sums;
  readonly depth: number;
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
  readonly value: number;
}

export interface GrownTree {
  readonly tree: Tree;
  readonly leaves: readonly GrownLeaf[];
}

export interface TreeGrower {
  /** Grows a tree over the first `rowCount` entries of the row order, which are ascending rows. */
  readonly grow: (rowCount: number, scales: DerivativeScales) => GrownTree;
  /** Restricts the search to these used features; all of them in the beginning. */
  readonly useFeatures: (isUsed: (feature: number) => boolean) => void;
}

export interface GrowerDeps {
  readonly kernels: Kernels;
  readonly layout: MemoryLayout;
  /** Per used feature. */
  readonly thresholds: readonly Thresholds[];
  /** Per used feature its index among all features. */
  readonly featureIndices: readonly number[];
}

/** A gain this small against the node's own score is rounding, not a split. */
const relativeGainMin = 1e-9;

export function createTreeGrower(deps: GrowerDeps, settings: GrowerSettings): TreeGrower {
  const { kernels, layout } = deps;
  const integers = new Int32Array(kernels.memory);
  const floats = new Float64Array(kernels.memory);
  const lookup = new Uint8Array(kernels.memory, layout.lookup, 256);
  const bytes = new Uint8Array(kernels.memory);
  const table = layout.featureTable / 4;
  const result = layout.result / 4;
  const usable = Math.ceil(settings.minRowsPerLeaf);

  for (const [feature, bins] of layout.binCounts.entries()) {
    integers[table + feature * 4] = layout.binOffsets[feature] ?? 0;
    integers[table + feature * 4 + 1] = bins * binBytes;
    integers[table + feature * 4 + 2] = 1;
  }

  const slotAddress = (slot: number): number => layout.histograms + slot * layout.histogramBytes;
  const readSums = (offset: number): Sums => {
    const at = result + offset / 4;
    return { gradient: integers[at] as number, hessian: integers[at + 1] as number, rows: integers[at + 2] as number };
  };
  const writeTotal = (sums: Sums): void => {
    integers.set([sums.gradient, sums.hessian, sums.rows, 0], result + resultOffsets.total / 4);
  };
  const buildHistogram = (slot: number, from: number, to: number): void => {
    const address = slotAddress(slot);
    bytes.fill(0, address, address + layout.histogramBytes);
    kernels.histogram(from, to, address);
  };
  /** Sums over all rows of the slot: every feature's bins hold each row once. */
  const totalOf = (slot: number): Sums => {
    const start = slotAddress(slot) / 4;
    let [gradient, hessian, rows] = [0, 0, 0];
    for (let bin = 0; bin < (layout.binCounts[0] ?? 0); bin++) {
      gradient += integers[start + bin * 4] as number;
      hessian += integers[start + bin * 4 + 1] as number;
      rows += integers[start + bin * 4 + 2] as number;
    }
    return { gradient, hessian, rows };
  };

  const canSplit = (sums: Sums, depth: number): boolean => sums.rows >= 2 * usable && depth < settings.depthMax;

  function findSplit(slot: number, sums: Sums, scales: DerivativeScales): Split | undefined {
    const lambda = settings.l2 * scales.hessian;
    writeTotal(sums);
    kernels.search(slotAddress(slot), lambda, usable);
    const own = (sums.gradient * sums.gradient) / (sums.hessian + lambda);
    const gain = (floats[layout.result / 8] as number) - own;
    if (!(gain > Math.max(own * relativeGainMin, settings.gainMin * gainScale(scales)))) return undefined;
    const left = readSums(resultOffsets.left);
    const feature = ((integers[result + resultOffsets.feature / 4] as number) - layout.featureTable) / 16;
    const first = slotAddress(slot) + (layout.binOffsets[feature] ?? 0);
    const sawMissing = (integers[first / 4 + 2] as number) > 0;
    return {
      gain,
      feature,
      bin: (integers[result + resultOffsets.bin / 4] as number) / binBytes,
      // A node that saw no missing value sends later ones where more evidence is.
      missingLeft: sawMissing
        ? integers[result + resultOffsets.missingLeft / 4] === 1
        : left.hessian > sums.hessian - left.hessian,
      left,
    };
  }

  function applySplit(leaf: Leaf, split: Split): number {
    lookup.fill(0);
    lookup.fill(4, 1, split.bin + 1);
    lookup[0] = split.missingLeft ? 4 : 0;
    const column = layout.columnBins + split.feature * layout.rows;
    const middle = kernels.partition(leaf.from, leaf.to, column) >>> 0;
    assert.equal((middle - leaf.from) / 4, split.left.rows, 'the partition and the histogram count the same rows');
    return middle;
  }

  /** The two leaves that replace `leaf`; the new histogram goes to `freeSlot`. */
  function splitLeaf(leaf: Leaf, split: Split, state: GrowState): void {
    const middle = applySplit(leaf, split);
    const right: Sums = {
      gradient: leaf.sums.gradient - split.left.gradient,
      hessian: leaf.sums.hessian - split.left.hessian,
      rows: leaf.sums.rows - split.left.rows,
    };
    const node = state.nodes[leaf.node];
    assert(node !== undefined);
    node.split = split;
    node.left = addNode(state.nodes, split.left);
    node.right = addNode(state.nodes, right);
    const depth = leaf.depth + 1;
    const freeSlot = state.leaves.length;
    const isLast = state.leaves.length + 1 >= settings.leaves;
    const wants = !isLast && (canSplit(split.left, depth) || canSplit(right, depth));
    const isLeftSmaller = split.left.rows <= right.rows;
    const [leftSlot, rightSlot] = isLeftSmaller ? [freeSlot, leaf.slot] : [leaf.slot, freeSlot];
    if (wants) {
      if (isLeftSmaller) buildHistogram(freeSlot, leaf.from, middle);
      else buildHistogram(freeSlot, middle, leaf.to);
      kernels.subtract(slotAddress(leaf.slot), slotAddress(freeSlot));
    }
    const searched = (slot: number, sums: Sums): Split | undefined =>
      wants && canSplit(sums, depth) ? findSplit(slot, sums, state.scales) : undefined;
    const children: Leaf[] = [
      {
        ...leaf,
        node: node.left,
        to: middle,
        slot: leftSlot,
        sums: split.left,
        depth,
        split: searched(leftSlot, split.left),
      },
      {
        ...leaf,
        node: node.right,
        from: middle,
        slot: rightSlot,
        sums: right,
        depth,
        split: searched(rightSlot, right),
      },
    ];
    state.leaves.splice(state.leaves.indexOf(leaf), 1, ...children);
  }

  function grow(rowCount: number, scales: DerivativeScales): GrownTree {
    const [from, to] = [layout.order, layout.order + rowCount * 4];
    buildHistogram(0, from, to);
    const sums = totalOf(0);
    assert.equal(sums.rows, rowCount, 'the histogram counts every row once');
    const state: GrowState = { nodes: [], leaves: [], scales };
    const split = canSplit(sums, 0) ? findSplit(0, sums, scales) : undefined;
    state.leaves.push({ node: addNode(state.nodes, sums), from, to, slot: 0, sums, depth: 0, split });
    while (state.leaves.length < settings.leaves) {
      const best = bestLeaf(state.leaves);
      if (best?.split === undefined) break;
      splitLeaf(best, best.split, state);
    }
    const leaves = state.leaves.map((leaf) => {
      const value = leafValue(leaf.sums, scales, settings);
      const node = state.nodes[leaf.node];
      assert(node !== undefined);
      node.value = value;
      return { from: leaf.from, to: leaf.to, value };
    });
    return { tree: toPreorder(state.nodes, deps, scales), leaves };
  }

  return {
    grow,
    useFeatures: (isUsed) => {
      for (let feature = 0; feature < layout.binCounts.length; feature++) {
        integers[table + feature * 4 + 2] = isUsed(feature) ? 1 : 0;
      }
    },
  };
}

interface GrowState {
  readonly nodes: GrownNode[];
  readonly leaves: Leaf[];
  readonly scales: DerivativeScales;
}

/** Quantised gain per unit of gain. */
function gainScale(scales: DerivativeScales): number {
  return (scales.gradient * scales.gradient) / scales.hessian;
}

function addNode(nodes: GrownNode[], sums: Sums): number {
  return nodes.push({ sums, left: -1, right: -1, value: 0 }) - 1;
}

/** Newton step of the leaf: -G / (H + l2), times the learning rate, rounded once. */
function leafValue(sums: Sums, scales: DerivativeScales, settings: GrowerSettings): number {
  const gradient = sums.gradient / scales.gradient;
  const hessian = sums.hessian / scales.hessian;
  // Adding 0 keeps -0 out of the model file.
  return Math.fround((settings.learningRate * -gradient) / (hessian + settings.l2)) + 0;
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
    const { feature, bin, missingLeft, gain } = node.split;
    tree.feature[at] = deps.featureIndices[feature] ?? 0;
    // The highest bin has no upper edge: every value that is not missing goes left.
    tree.threshold[at] = deps.thresholds[feature]?.[bin - 1] ?? Infinity;
    tree.missingLeft[at] = missingLeft ? 1 : 0;
    tree.gain[at] = gain / gainScale(scales);
    tree.left[at] = write(node.left);
    tree.right[at] = write(node.right);
    return at;
  };
  write(0);
  return tree;
}
