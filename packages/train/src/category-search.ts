/**
 * Best split of a leaf's categories into two sets.
 *
 * Up to four categories are tried one against the rest. More are put in the order of g / (h + smoothing), in which the best
 * division of a convex loss is one cut (Fisher 1958); both ends are tried up to 32 categories deep, with stronger penalties,
 * because there are many ways to be lucky. The missing, unknown and rare ones are in bin 0 and never in the set.
 * Cost: a sort per feature and leaf. Sources: LightGBM, FeatureHistogram::FindBestThresholdCategorical, its default settings.
 */
import { binBytes } from './booster-memory.ts';
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

/** Quantised gain is over leaving the leaf whole. */
interface Leader {
  score: number;
  split: Omit<Split, 'gain'> | undefined;
}

const score = ({ gradient, hessian }: Sums, lambda: number): number => (gradient * gradient) / (hessian + lambda);

function scoreOfBoth({ sums }: CategoryLeaf, left: Sums, lambda: number): number {
  const right = { gradient: sums.gradient - left.gradient, hessian: sums.hessian - left.hessian, rows: 0 };
  return score(left, lambda) + score(right, lambda);
}

interface Bins {
  readonly sumsOf: (leaf: CategoryLeaf, feature: number, bin: number) => Sums;
  readonly sortBins: (leaf: CategoryLeaf, feature: number) => number;
  /** As the last sort left it. */
  readonly order: Uint8Array;
}

function createBins({ layout, integers }: CategorySearchDeps): Bins {
  const sumsOf = (leaf: CategoryLeaf, feature: number, bin: number): Sums => {
    const at = (leaf.address + (layout.binOffsets[feature] ?? 0) + bin * binBytes) / 4;
    return {
      gradient: integers[at] ?? 0,
      hessian: integers[at + 1] ?? 0,
      rows: integers[at + 2] ?? 0,
    };
  };

  const order = { bins: new Uint8Array(codesMax + 1), ratios: new Float64Array(codesMax + 1) };
  /** Bins of enough rows in the order of their ratios, of equals the lower first; returns how many. */
  const sortBins = (leaf: CategoryLeaf, feature: number): number => {
    const divisor = smoothing * leaf.scales.hessian;
    const { bins, ratios } = order;
    const start = (leaf.address + (layout.binOffsets[feature] ?? 0)) / 4;
    let count = 0;
    for (let bin = 1; bin < (layout.binCounts[feature] ?? 0); bin++) {
      const at = start + (bin * binBytes) / 4;
      if ((integers[at + 2] ?? 0) < categoryRowsMin) continue;
      const ratio = (integers[at] ?? 0) / ((integers[at + 1] ?? 0) + divisor);
      let place = count++;
      for (; place > 0 && (ratios[place - 1] ?? 0) > ratio; place--) {
        ratios[place] = ratios[place - 1] ?? 0;
        bins[place] = bins[place - 1] ?? 0;
      }
      ratios[place] = ratio;
      bins[place] = bin;
    }
    return count;
  };

  return { sumsOf, sortBins, order: order.bins };
}

export function createCategorySearch(deps: CategorySearchDeps) {
  const { layout, settings, features, isUsed } = deps;
  const { l2, minRowsPerLeaf } = settings;
  const { sumsOf, sortBins, order } = createBins(deps);

  const judge = (leaf: CategoryLeaf, candidate: Omit<Split, 'gain' | 'bin' | 'missingLeft'>, leader: Leader): void => {
    const { left, penalty = 0 } = candidate;
    const found = scoreOfBoth(leaf, left, (l2 + penalty) * leaf.scales.hessian);
    if (found > leader.score)
      Object.assign(leader, { score: found, split: { ...candidate, bin: 0, missingLeft: false } });
  };

  const searchSingles = (leaf: CategoryLeaf, feature: number, leader: Leader): void => {
    for (let bin = 1; bin < (layout.binCounts[feature] ?? 0); bin++) {
      const left = sumsOf(leaf, feature, bin);
      if (left.rows < minRowsPerLeaf || leaf.sums.rows - left.rows < minRowsPerLeaf) continue;
      judge(leaf, { feature, left, set: [bin] }, leader);
    }
  };

  const searchOrder = (leaf: CategoryLeaf, feature: number, leader: Leader): void => {
    const count = sortBins(leaf, feature);
    const depth = Math.min(setSizeMax, Math.floor((count + 1) / 2));
    for (const isFromEnd of [false, true]) {
      const binAt = (taken: number): number => order[isFromEnd ? count - 1 - taken : taken] ?? 0;
      let left: Sums = { gradient: 0, hessian: 0, rows: 0 };
      let group = 0;
      for (let taken = 0; taken < depth; taken++) {
        const own = sumsOf(leaf, feature, binAt(taken));
        left = {
          gradient: left.gradient + own.gradient,
          hessian: left.hessian + own.hessian,
          rows: left.rows + own.rows,
        };
        group += own.rows;
        if (left.rows < minRowsPerLeaf) continue;
        if (leaf.sums.rows - left.rows < Math.max(minRowsPerLeaf, groupRowsMin)) break;
        if (group < groupRowsMin) continue;
        group = 0;
        const lambda = (l2 + setPenalty) * leaf.scales.hessian;
        if (!(scoreOfBoth(leaf, left, lambda) > leader.score)) continue;
        const set = Array.from({ length: taken + 1 }, (_, place) => binAt(place));
        judge(leaf, { feature, left, set, penalty: setPenalty }, leader);
      }
    }
  };

  /** The best split with its quantised gain over leaving the leaf whole, if any gains. */
  return (leaf: CategoryLeaf): Split | undefined => {
    const own = score(leaf.sums, l2 * leaf.scales.hessian);
    const leader: Leader = { score: own, split: undefined };
    for (const feature of features) {
      if (!isUsed(feature)) continue;
      if ((layout.binCounts[feature] ?? 0) - 1 <= singlesMax) searchSingles(leaf, feature, leader);
      else searchOrder(leaf, feature, leader);
    }
    return leader.split === undefined ? undefined : { ...leader.split, gain: leader.score - own };
  };
}
