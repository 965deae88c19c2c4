/**
 * Splits of categories into two sets, as trees carry them: every set that a training makes is a feature of its own, 0 for the
 * rows whose category is in it and 1 for all others, missing and unknown ones too. Trees test it like any number, `x <= 0.5`,
 * so whatever walks trees needs to know nothing of sets but how their columns are made.
 */
import type { Tree } from '@slipway/onnx';

export interface CategorySet {
  /** The feature of codes that it is over. */
  readonly feature: number;
  /** Codes in the set, ascending. */
  readonly codes: readonly number[];
}

/** Between the two values of a set's feature. */
export const setThreshold = 0.5;

export interface CategorySets {
  readonly all: readonly CategorySet[];
  /** Place of the set among all; equal ones are one. */
  readonly placeOf: (set: CategorySet) => number;
}

export function createCategorySets(): CategorySets {
  const all: CategorySet[] = [];
  const places = new Map<string, number>();
  return {
    all,
    placeOf: (set) => {
      const key = `${set.feature}:${set.codes.join(',')}`;
      const known = places.get(key);
      if (known !== undefined) return known;
      const place = all.push(set) - 1;
      places.set(key, place);
      return place;
    },
  };
}

/** Codes are below this: a bin is a byte, and one bin is for everything else. */
export const codesMax = 254;

function memberColumn(codes: Float32Array, { codes: own }: CategorySet): Float32Array {
  const outside = new Uint8Array(codesMax + 1).fill(1);
  for (const code of own) outside[code] = 0;
  const column = new Float32Array(codes.length);
  for (let row = 0; row < column.length; row++) {
    const code = codes[row] ?? 0;
    column[row] = code >= 0 && code < codesMax ? (outside[code] ?? 0) : 1;
  }
  return column;
}

/** The columns that a tree over features and sets needs: those of its sets are made here, and only they. */
export function columnsFor(
  tree: Tree,
  columns: readonly Float32Array[],
  sets: readonly CategorySet[],
): readonly Float32Array[] {
  if (sets.length === 0) return columns;
  const all = [...columns];
  for (let node = 0; node < tree.left.length; node++) {
    const feature = tree.feature[node] ?? 0;
    const set = (tree.left[node] ?? -1) < 0 ? undefined : sets[feature - columns.length];
    const codes = set && columns[set.feature];
    if (set !== undefined && codes !== undefined) all[feature] ??= memberColumn(codes, set);
  }
  return all;
}
