/**
 * Best split of a leaf's categories into two sets.
 *
 * Up to four categories are tried one against the rest. More are put in the order of g / (h + smoothing), in which the best
 * division of a convex loss is one cut (Fisher 1958); both ends are tried up to 32 categories deep, with stronger penalties,
 * because there are many ways to be lucky. The missing, unknown and rare ones are in bin 0 and never in the set.
 * Cost: a sort per feature and leaf. Sources: LightGBM, FeatureHistogram::FindBestThresholdCategorical, its default settings.
 */
import type { MemoryLayout } from './booster-memory.ts';
import { codesMax } from './category-sets.ts';
import type { DerivativeScales, SearchSettings, Split, Sums } from './histograms.ts';

/** Of a feature with so few categories each is tried alone. */
const singlesMax = 4;
/** In units of summed hessian: added to the divisor of the order, and to the penalty of leaf values. */
const smoothing = 10;
const setPenalty = 10;
/** Rows of a category in the leaf below which it is in no set. */
const categoryRowsMin = 10;
const setSizeMax = 32;
/** Rows that a set grows by between two trials, and that the other side keeps. */
const groupRowsMin = 100;

export interface CategorySearchDeps {
  readonly layout: MemoryLayout;
  /** The whole memory. */
  readonly integers: Int32Array;
  readonly settings: SearchSettings;
  /** Used features that hold categories. */
  readonly features: readonly number[];
  readonly isUsed: (feature: number) => boolean;
}

export interface CategoryLeaf {
  /** Address of its histogram. */
  readonly address: number;
  readonly sums: Sums;
  readonly scales: DerivativeScales;
}

/** The best so far. Written over in place: a search looks at hundreds of candidates, and few are kept. */
interface Leader {
  score: number;
  feature: number;
  penalty: number;
  gradient: number;
  hessian: number;
  rows: number;
  size: number;
  /** The set, in its first `size` places. */
  readonly bins: Uint8Array;
}

/** Bins of enough rows in the order of their ratios, of equals the lower first, as the last sort left them. */
interface Order {
  readonly bins: Uint8Array;
  readonly ratios: Float64Array;
  count: number;
}

interface Search {
  /** The whole memory. */
  readonly integers: Int32Array;
  readonly order: Order;
  readonly leader: Leader;
}

/** A feature of the leaf. */
interface Candidate {
  readonly feature: number;
  readonly bins: number;
  /** Place of its first bin among the integers. */
  readonly start: number;
  /** Added to the hessian of either side. */
  readonly lambda: number;
  readonly rowsMin: number;
  /** Where rows are weighed: rows per unit of hessian in the leaf; 0 where they are counted. */
  readonly rowWeight: number;
}

const rowsAt = (integers: Int32Array, at: number, rowWeight: number): number =>
  rowWeight === 0 ? (integers[at + 2] ?? 0) : Math.round((integers[at + 1] ?? 0) * rowWeight);

function sortBins({ integers, order }: Search, candidate: Candidate, divisor: number): void {
  const { bins, ratios } = order;
  const { rowWeight } = candidate;
  const end = candidate.start + candidate.bins * 4;
  let count = 0;
  for (let place = candidate.start + 4, bin = 1; place < end; place += 4, bin++) {
    if (rowsAt(integers, place, rowWeight) < categoryRowsMin) continue;
    const ratio = (integers[place] ?? 0) / ((integers[place + 1] ?? 0) + divisor);
    let own = count++;
    for (; own > 0 && (ratios[own - 1] ?? 0) > ratio; own--) {
      ratios[own] = ratios[own - 1] ?? 0;
      bins[own] = bins[own - 1] ?? 0;
    }
    ratios[own] = ratio;
    bins[own] = bin;
  }
  order.count = count;
}

/** Takes the bins of the order one after the other, from its first or, backwards, from its last. */
function scanOrder(
  { integers, order, leader }: Search,
  { sums }: CategoryLeaf,
  scan: Candidate & { step: 1 | -1 },
): void {
  const { start, feature, lambda, rowsMin, rowWeight, step } = scan;
  const first = step === 1 ? 0 : order.count - 1;
  const depth = Math.min(setSizeMax, Math.floor((order.count + 1) / 2));
  const othersMin = Math.max(rowsMin, groupRowsMin);
  let [gradient, hessian, rows, weighed, group] = [0, 0, 0, 0, 0];
  for (let taken = 0; taken < depth; taken++) {
    const at = start + (order.bins[first + step * taken] ?? 0) * 4;
    const own = rowsAt(integers, at, rowWeight);
    gradient += integers[at] ?? 0;
    hessian += integers[at + 1] ?? 0;
    rows += integers[at + 2] ?? 0;
    weighed += own;
    group += own;
    if (weighed < rowsMin) continue;
    if (sums.rows - weighed < othersMin) break;
    if (group < groupRowsMin) continue;
    group = 0;
    const rest = sums.gradient - gradient;
    const score = (gradient * gradient) / (hessian + lambda) + (rest * rest) / (sums.hessian - hessian + lambda);
    if (!(score > leader.score)) continue;
    Object.assign(leader, { score, feature, penalty: setPenalty, gradient, hessian, rows, size: taken + 1 });
    for (let place = 0; place <= taken; place++) leader.bins[place] = order.bins[first + step * place] ?? 0;
  }
}

/** Every bin alone against the rest. */
function scanSingles({ integers, leader }: Search, { sums }: CategoryLeaf, candidate: Candidate): void {
  const { start, feature, bins, lambda, rowsMin, rowWeight } = candidate;
  for (let bin = 1; bin < bins; bin++) {
    const at = start + bin * 4;
    const [gradient, hessian, rows] = [integers[at] ?? 0, integers[at + 1] ?? 0, integers[at + 2] ?? 0];
    const weighed = rowsAt(integers, at, rowWeight);
    if (weighed < rowsMin || sums.rows - weighed < rowsMin) continue;
    const rest = sums.gradient - gradient;
    const score = (gradient * gradient) / (hessian + lambda) + (rest * rest) / (sums.hessian - hessian + lambda);
    if (!(score > leader.score)) continue;
    Object.assign(leader, { score, feature, penalty: 0, gradient, hessian, rows, size: 1 });
    leader.bins[0] = bin;
  }
}

export function createCategorySearch({ layout, integers, settings, features, isUsed }: CategorySearchDeps) {
  const { l2, minRowsPerLeaf: rowsMin, leafRows } = settings;
  const order: Order = { bins: new Uint8Array(codesMax + 1), ratios: new Float64Array(codesMax + 1), count: 0 };
  const leader: Leader = {
    score: 0,
    feature: 0,
    penalty: 0,
    gradient: 0,
    hessian: 0,
    rows: 0,
    size: 0,
    bins: new Uint8Array(setSizeMax),
  };
  const state: Search = { integers, order, leader };
  const search = (leaf: CategoryLeaf, feature: number): void => {
    const bins = layout.binCounts[feature] ?? 0;
    const start = (leaf.address + (layout.binOffsets[feature] ?? 0)) / 4;
    const scale = leaf.scales.hessian;
    const rowWeight = leafRows === 'counted' ? 0 : leaf.sums.rows / leaf.sums.hessian;
    if (bins - 1 <= singlesMax) {
      scanSingles(state, leaf, { feature, bins, start, lambda: l2 * scale, rowsMin, rowWeight });
      return;
    }
    const candidate = { feature, bins, start, lambda: (l2 + setPenalty) * scale, rowsMin, rowWeight };
    sortBins(state, candidate, smoothing * scale);
    scanOrder(state, leaf, { ...candidate, step: 1 });
    scanOrder(state, leaf, { ...candidate, step: -1 });
  };

  /** The best split with its quantised gain over leaving the leaf whole, if any gains. */
  return (leaf: CategoryLeaf): Split | undefined => {
    const { gradient, hessian } = leaf.sums;
    const own = (gradient * gradient) / (hessian + l2 * leaf.scales.hessian);
    leader.score = own;
    leader.size = 0;
    for (const feature of features) if (isUsed(feature)) search(leaf, feature);
    if (leader.size === 0) return undefined;
    const { feature, penalty } = leader;
    return {
      gain: leader.score - own,
      feature,
      bin: 0,
      missingLeft: false,
      left: { gradient: leader.gradient, hessian: leader.hessian, rows: leader.rows },
      set: Array.from(leader.bins.subarray(0, leader.size)),
      penalty,
    };
  };
}
