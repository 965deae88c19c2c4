/**
 * Histograms of leaves, one slot each, and the search for the best split in one.
 *
 * A slot holds, per used feature and bin, the summed gradient, hessian and rows of a leaf as 32-bit integers, so sums and
 * differences are exact. The search itself is a kernel (`kernels.ts`); here its result is read and judged. Typed-array
 * reads are cast: every index comes from the layout.
 */
import { binBytes, resultBytes, resultOffsets } from './booster-memory.ts';
import type { MemoryLayout } from './booster-memory.ts';
import { createCategorySearch } from './category-search.ts';
import type { Kernels } from './kernels.ts';
import { createMonotoneSearch } from './monotone-search.ts';
import type { Bounds } from './monotone-search.ts';

/** Quantised units per unit of gradient and hessian: powers of two. */
export interface DerivativeScales {
  readonly gradient: number;
  readonly hessian: number;
}

/** Sums over rows in quantised units. */
export interface Sums {
  readonly gradient: number;
  readonly hessian: number;
  readonly rows: number;
}

export interface Split {
  /** Quantised gain over leaving the leaf whole. */
  readonly gain: number;
  /** Index among the used features. */
  readonly feature: number;
  /** Rows with bins 1 to `bin` go left. */
  readonly bin: number;
  readonly missingLeft: boolean;
  readonly left: Sums;
  /** Of categories: the bins that go left, in place of those up to `bin`. */
  readonly set?: readonly number[];
  /** Added to l2 in the values of both sides. */
  readonly penalty?: number;
}

export interface SearchSettings {
  readonly minRowsPerLeaf: number;
  readonly leafRows: 'counted' | 'weighed';
  readonly l2: number;
  readonly gainMin: number;
}

/** A leaf to be searched: the sums over its rows and the limits of its value. */
export interface LeafState {
  readonly sums: Sums;
  readonly bounds: Bounds;
}

export interface HistogramOptions {
  readonly settings: SearchSettings;
  /** Per used feature -1, 0 or 1; undefined where none is constrained. */
  readonly directions: readonly number[] | undefined;
  /** Used features whose bins are categories without an order. */
  readonly categories: readonly number[];
}

export interface Histograms {
  /** Fills slot 0 from the rows at `order[from, to)` (addresses). */
  readonly buildRoot: (from: number, to: number) => void;
  /** Fills the slot `child` from these rows of the parent, and leaves the others to the parent's. */
  readonly divide: (parent: number, child: number, rows: { readonly from: number; readonly to: number }) => void;
  /** Sums over all rows of the slot. */
  readonly total: (slot: number) => Sums;
  /** Best split of a slot with that total, or undefined where none gains. */
  readonly findSplit: (slot: number, leaf: LeafState, scales: DerivativeScales) => Split | undefined;
  /** Restricts the search to these used features; all of them in the beginning. */
  readonly useFeatures: (isUsed: (feature: number) => boolean) => void;
}

/** A gain this small against the node's own score is rounding, not a split. */
const relativeGainMin = 1e-9;

/** What a weighed number of rows may lack, as it is rounded to the nearest. */
const roundedDown = 0.5;

/** Quantised gain per unit of gain. */
export function gainScale(scales: DerivativeScales): number {
  return (scales.gradient * scales.gradient) / scales.hessian;
}

export function subtractSums(a: Sums, b: Sums): Sums {
  return { gradient: a.gradient - b.gradient, hessian: a.hessian - b.hessian, rows: a.rows - b.rows };
}

export function createHistograms(
  kernels: Kernels,
  layout: MemoryLayout,
  { settings, directions, categories }: HistogramOptions,
): Histograms {
  const integers = new Int32Array(kernels.memory);
  const results = new DataView(kernels.memory);
  const table = layout.featureTable / 4;
  const address = (slot: number): number => layout.histograms + slot * layout.histogramBytes;
  const sumsAt = (index: number): Sums => ({
    gradient: integers[index] as number,
    hessian: integers[index + 1] as number,
    rows: integers[index + 2] as number,
  });

  const features = layout.binCounts.length;
  const divisible = new Uint8Array(kernels.memory, layout.divisible, features * layout.leaves);
  const unordered = new Set(categories);
  const areOrdered = (feature: number): boolean => !unordered.has(feature);
  let isUsed = (_feature: number): boolean => true;
  const searchCategories =
    categories.length === 0
      ? undefined
      : createCategorySearch({
          layout,
          integers,
          settings,
          features: categories,
          isUsed: (feature) => isUsed(feature),
        });
  const searchBounded =
    directions === undefined ? undefined : createMonotoneSearch({ layout, integers, settings, directions });
  const complete = (slot: number, sums: Sums, split: Split): Split => {
    const missing = sumsAt((address(slot) + (layout.binOffsets[split.feature] ?? 0)) / 4);
    // A node that saw no missing value sends later ones where more evidence is.
    const missingLeft = missing.rows > 0 ? split.missingLeft : split.left.hessian > sums.hessian - split.left.hessian;
    return { ...split, missingLeft };
  };

  const ownScore = (sums: Sums, scales: DerivativeScales): number =>
    (sums.gradient * sums.gradient) / (sums.hessian + settings.l2 * scales.hessian);

  const findOrdered: Histograms['findSplit'] = (slot, { sums, bounds }, scales) => {
    if (searchBounded !== undefined) {
      const split = searchBounded({ address: address(slot), sums, bounds, scales });
      if (split === undefined || !(split.gain > Math.max(relativeGainMin, settings.gainMin))) return undefined;
      return complete(slot, sums, { ...split, gain: split.gain * gainScale(scales) });
    }
    integers.set([sums.gradient, sums.hessian, sums.rows, 0], (layout.result + resultOffsets.total) / 4);
    integers.set(leastSums(settings, sums), (layout.result + resultOffsets.least) / 4);
    const threads = kernels.search(address(slot), {
      lambda: settings.l2 * scales.hessian,
      divisible: layout.divisible + slot * features,
    });
    const found = readSearch(results, layout, threads);
    const own = ownScore(sums, scales);
    const gain = found.score - own;
    if (!(gain > Math.max(own * relativeGainMin, settings.gainMin * gainScale(scales)))) return undefined;
    const left = sumsAt((found.area + resultOffsets.left) / 4);
    const { feature, bin, missingLeft } = found;
    return complete(slot, sums, { gain, feature, bin, missingLeft, left });
  };

  for (const [feature, bins] of layout.binCounts.entries()) {
    integers.set([layout.binOffsets[feature] ?? 0, bins * binBytes, areOrdered(feature) ? 1 : 0], table + feature * 4);
  }
  return {
    buildRoot: (from, to) => {
      divisible.fill(1, 0, features);
      kernels.histogram(from, to, address(0));
    },
    divide: (parent, child, { from, to }) => {
      divisible.copyWithin(child * features, parent * features, (parent + 1) * features);
      kernels.histogram(from, to, address(child));
      kernels.subtract(address(parent), address(child));
    },
    total: (slot) => {
      // Any feature will do: its bins hold each row once.
      const start = address(slot) / 4;
      let [gradient, hessian, rows] = [0, 0, 0];
      for (let at = start; at < start + (layout.binCounts[0] ?? 0) * 4; at += 4) {
        gradient += integers[at] ?? 0;
        hessian += integers[at + 1] ?? 0;
        rows += integers[at + 2] ?? 0;
      }
      return { gradient, hessian, rows };
    },
    findSplit: (slot, leaf, scales) => {
      const ordered = findOrdered(slot, leaf, scales);
      const set = searchCategories?.({ address: address(slot), sums: leaf.sums, scales });
      const least = Math.max(ownScore(leaf.sums, scales) * relativeGainMin, settings.gainMin * gainScale(scales));
      return set !== undefined && set.gain > Math.max(least, ordered?.gain ?? 0) ? set : ordered;
    },
    useFeatures: (chosen) => {
      isUsed = chosen;
      for (let feature = 0; feature < layout.binCounts.length; feature++) {
        integers[table + feature * 4 + 2] = chosen(feature) && areOrdered(feature) ? 1 : 0;
      }
    },
  };
}

/** Gradient, hessian, rows: what either side of a split must have. Weighed rows are the node's, by their share of its hessian. */
function leastSums({ leafRows, minRowsPerLeaf }: SearchSettings, { hessian, rows }: Sums): readonly number[] {
  const any = -(2 ** 31);
  if (leafRows === 'counted') return [any, any, minRowsPerLeaf, any];
  return [any, Math.ceil(((minRowsPerLeaf - roundedDown) * hessian) / rows), 1, any];
}

interface SearchResult {
  /** Summed scores of both sides. */
  readonly score: number;
  readonly feature: number;
  readonly bin: number;
  readonly missingLeft: boolean;
  /** Address of the result area. */
  readonly area: number;
}

/**
 * The best of what the threads found, the first of equals: threads search later features than those before them. Addresses
 * and byte offsets become indices.
 */
function readSearch(view: DataView, layout: MemoryLayout, threads: number): SearchResult {
  let area = layout.result;
  for (let thread = 1; thread < threads; thread++) {
    const own = layout.result + thread * resultBytes;
    if (view.getFloat64(own, true) > view.getFloat64(area, true)) area = own;
  }
  return {
    score: view.getFloat64(area + resultOffsets.gain, true),
    feature: (view.getUint32(area + resultOffsets.feature, true) - layout.featureTable) / 16,
    bin: view.getUint32(area + resultOffsets.bin, true) / binBytes,
    missingLeft: view.getInt32(area + resultOffsets.missingLeft, true) === 1,
    area,
  };
}
