/**
 * Best split of a leaf where some features are constrained: the score may only rise, or only fall, along them.
 *
 * A leaf has bounds that its value must keep. A split on a constrained feature counts only when the values of its sides,
 * cut to the bounds, are in the asked order; its gain is computed with those values. The midpoint of the two becomes a
 * bound of both sides, so no later split can cross it. Sums of rounded leaf values keep the order, because rounding does.
 * Cost: three times that of the kernel for the same search. Source: LightGBM, monotone_constraints_method basic.
 */
import { binBytes } from './booster-memory.ts';
import type { MemoryLayout } from './booster-memory.ts';
import type { DerivativeScales, SearchSettings, Split, Sums } from './histograms.ts';

/** Limits of a leaf's value before the learning rate. */
export interface Bounds {
  readonly min: number;
  readonly max: number;
}

export const unbounded: Bounds = { min: -Infinity, max: Infinity };

export interface MonotoneSearchDeps {
  readonly layout: MemoryLayout;
  /** The whole memory. */
  readonly integers: Int32Array;
  readonly settings: SearchSettings;
  /** Per used feature: -1, 0 or 1. */
  readonly directions: readonly number[];
}

export interface SearchedLeaf {
  /** Address of its histogram. */
  readonly address: number;
  readonly sums: Sums;
  readonly bounds: Bounds;
  readonly scales: DerivativeScales;
}

/** The candidate that leads so far; gains are in units of the loss. */
interface Leader {
  gain: number;
  split: Omit<Split, 'gain'> | undefined;
}

/** `-G / (H + l2)` cut to the bounds, from quantised sums. */
export function boundedValue(sums: Sums, scales: DerivativeScales, options: { l2: number; bounds: Bounds }): number {
  const value = -(sums.gradient / scales.gradient) / (sums.hessian / scales.hessian + options.l2);
  return Math.min(options.bounds.max, Math.max(options.bounds.min, value));
}

/** The bounds of both sides once a leaf is split on a feature of that direction. */
export function boundsBelow(bounds: Bounds, direction: number, values: { left: number; right: number }) {
  if (direction === 0) return { left: bounds, right: bounds };
  const middle = (values.left + values.right) / 2;
  const lower = { min: bounds.min, max: middle };
  const upper = { min: middle, max: bounds.max };
  return direction > 0 ? { left: lower, right: upper } : { left: upper, right: lower };
}

/** Loss reduction of a leaf with that value against 0. */
function lossReduction(sums: Sums, scales: DerivativeScales, options: { l2: number; value: number }): number {
  const { l2, value } = options;
  const gradient = sums.gradient / scales.gradient;
  const hessian = sums.hessian / scales.hessian;
  return -value * (2 * gradient + (hessian + l2) * value);
}

export function createMonotoneSearch(deps: MonotoneSearchDeps) {
  const { layout, integers, settings, directions } = deps;
  const { l2, minRowsPerLeaf } = settings;
  const sumsAt = (index: number): Sums => ({
    gradient: integers[index] ?? 0,
    hessian: integers[index + 1] ?? 0,
    rows: integers[index + 2] ?? 0,
  });
  const add = (a: Sums, b: Sums): Sums => ({
    gradient: a.gradient + b.gradient,
    hessian: a.hessian + b.hessian,
    rows: a.rows + b.rows,
  });

  const judge = (leaf: SearchedLeaf, candidate: Omit<Split, 'gain'>, leader: Leader): void => {
    const { sums, bounds, scales } = leaf;
    const { left } = candidate;
    const right: Sums = {
      gradient: sums.gradient - left.gradient,
      hessian: sums.hessian - left.hessian,
      rows: sums.rows - left.rows,
    };
    if (left.rows < minRowsPerLeaf || right.rows < minRowsPerLeaf) return;
    const values = [left, right].map((side) => boundedValue(side, scales, { l2, bounds }));
    const [leftValue = 0, rightValue = 0] = values;
    const direction = directions[candidate.feature] ?? 0;
    if (direction * (rightValue - leftValue) < 0) return;
    const gain =
      lossReduction(left, scales, { l2, value: leftValue }) + lossReduction(right, scales, { l2, value: rightValue });
    if (gain > leader.gain) Object.assign(leader, { gain, split: candidate });
  };

  const searchFeature = (leaf: SearchedLeaf, feature: number, leader: Leader): void => {
    const start = (leaf.address + (layout.binOffsets[feature] ?? 0)) / 4;
    const bins = layout.binCounts[feature] ?? 0;
    const missing = sumsAt(start);
    const hasMissing = missing.rows > 0;
    for (const missingLeft of hasMissing ? [false, true] : [false]) {
      let left: Sums = missingLeft ? missing : { gradient: 0, hessian: 0, rows: 0 };
      // The highest bin is a threshold only where missing rows are left to go right.
      const last = hasMissing && !missingLeft ? bins : bins - 1;
      for (let bin = 1; bin < last; bin++) {
        const own = sumsAt(start + (bin * binBytes) / 4);
        if (own.rows === 0) continue;
        left = add(left, own);
        judge(leaf, { feature, bin, missingLeft, left }, leader);
      }
    }
  };

  /** The best split with its gain over leaving the leaf whole, in units of the loss. */
  return (leaf: SearchedLeaf): Split | undefined => {
    const leader: Leader = { gain: 0, split: undefined };
    for (let feature = 0; feature < layout.binCounts.length; feature++) {
      if (integers[layout.featureTable / 4 + feature * 4 + 2] === 1) searchFeature(leaf, feature, leader);
    }
    const value = boundedValue(leaf.sums, leaf.scales, { l2, bounds: leaf.bounds });
    const own = lossReduction(leaf.sums, leaf.scales, { l2, value });
    return leader.split === undefined ? undefined : { ...leader.split, gain: leader.gain - own };
  };
}
