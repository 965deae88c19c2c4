/**
 * Drift of a text column: the reference's 20 most frequent values, all its other values together, values that it did not
 * have, and missing ones are the bins of a PSI with the thresholds of drift.ts.
 *
 * A reference of at most 1,000 different values is remembered whole, so that a new value is known as new. For more (names,
 * free text) every value outside the 20 is `other`, and nothing is called new: fresh values are then an ordinary thing.
 * An ordinary week is measured as a window would be: what only that week of the reference has, counts as new in it.
 * Values are told apart by their first 200 characters.
 */
import type { DriftOptions, SharesDrift, SharesReference } from './drift.ts';
import { measureShares, ordinaryMovementOf, periodRowsMin } from './drift.ts';

export const textCategories = 20;
const knownMax = 1000;
const keyChars = 200;
export const newValuesShown = 5;

const keyOf = (value: string): string => (value.length <= keyChars ? value : value.slice(0, keyChars));

/** Plain data, at most some 10 KB as JSON for short values. */
export interface TextReference extends SharesReference {
  readonly nullCount: number;
  /** The most frequent first. Shares are those of these, then of other, new and missing values. */
  readonly categories: readonly string[];
  readonly distinctCount: number;
  /** Every other value; undefined when there are too many to remember. */
  readonly others: readonly string[] | undefined;
  /** Rows of each of the shares. */
  readonly counts: readonly number[];
}

export interface TextReferenceOptions {
  readonly name: string;
  /** The period (week) of each row, any number. */
  readonly periods?: ArrayLike<number> | undefined;
}

/** Summarises a column of the reference. Null is a missing value. */
export function describeText(values: readonly (string | null)[], options: TextReferenceOptions): TextReference {
  const found = new Map<string, { count: number; onlyPeriod: number | undefined }>();
  const periods = options.periods;
  values.forEach((value, i) => {
    if (value === null) return;
    const key = keyOf(value);
    const period = periods?.[i];
    const known = found.get(key);
    if (known === undefined) found.set(key, { count: 1, onlyPeriod: period });
    else {
      known.count++;
      if (known.onlyPeriod !== period) known.onlyPeriod = undefined;
    }
  });
  const ranked = [...found].sort(([a, x], [b, y]) => y.count - x.count || (a < b ? -1 : 1)).map(([value]) => value);
  const categories = ranked.slice(0, textCategories);
  const others = ranked.length <= knownMax ? ranked.slice(textCategories) : undefined;
  const placeOf = placesOf(categories, others);
  const counts = countPlaces(values, categories.length, placeOf);
  const shares = sharesOfCounts(counts, values.length);
  const rows = new Map<number, (string | null)[]>();
  values.forEach((value, i) => {
    const period = periods?.[i];
    if (period === undefined) return;
    const list = rows.get(period);
    if (list === undefined) rows.set(period, [value]);
    else list.push(value);
  });
  const ordered = [...rows]
    .filter(([, list]) => list.length >= periodRowsMin)
    .sort(([a], [b]) => a - b)
    .map(([period, list]) => {
      const place = (value: string | null): number =>
        value !== null && others !== undefined && found.get(keyOf(value))?.onlyPeriod === period
          ? categories.length + 1
          : placeOf(value);
      return sharesOfCounts(countPlaces(list, categories.length, place), list.length);
    });
  return {
    name: options.name,
    count: values.length,
    nullCount: counts.at(-1) ?? 0,
    categories,
    distinctCount: ranked.length,
    others,
    counts,
    shares,
    ...ordinaryMovementOf(ordered, shares),
  };
}

type PlaceOf = (value: string | null) => number;

/** Where a value counts: its category, then other, new, missing. */
function placesOf(categories: readonly string[], others: readonly string[] | undefined): PlaceOf {
  const places = new Map(categories.map((value, i) => [value, i]));
  const known = others === undefined ? undefined : new Set(others);
  const [other, fresh, missing] = [categories.length, categories.length + 1, categories.length + 2];
  return (value) => {
    if (value === null) return missing;
    const key = keyOf(value);
    return places.get(key) ?? (known === undefined || known.has(key) ? other : fresh);
  };
}

function countPlaces(values: readonly (string | null)[], categories: number, placeOf: PlaceOf): number[] {
  const counts = Array.from({ length: categories + 3 }, () => 0);
  for (const value of values) {
    const place = placeOf(value);
    counts[place] = (counts[place] ?? 0) + 1;
  }
  return counts;
}

const sharesOfCounts = (counts: readonly number[], rows: number): number[] => counts.map((n) => n / Math.max(1, rows));

/** What a window's text column is beside a reference, whatever came before it and whatever is thought of it. */
export interface TextMeasure {
  /** Rows of the window. */
  readonly count: number;
  /** Of each category, then of other, new and missing values: rows, and their share. */
  readonly counts: readonly number[];
  readonly shares: readonly number[];
  readonly nullShare: number;
  readonly referenceNullShare: number;
  /** Share of rows whose value the reference did not have; undefined where it cannot be known. */
  readonly newShare: number | undefined;
  /** The most frequent of them. */
  readonly newValues: readonly { readonly value: string; readonly count: number }[];
}

export type TextDrift = SharesDrift & TextMeasure;

/** Compares a window with the reference. Never throws for the data's sake. */
export function measureText(
  reference: TextReference,
  values: readonly (string | null)[],
  options: DriftOptions = {},
): TextDrift {
  return judgeTextColumn(reference, measureTextColumn(reference, values), options);
}

/** All that takes a look at the rows. */
export function measureTextColumn(reference: TextReference, values: readonly (string | null)[]): TextMeasure {
  const placeOf = placesOf(reference.categories, reference.others);
  const { categories } = reference;
  const rows = new Map<string | null, number>();
  for (const value of values) rows.set(value, (rows.get(value) ?? 0) + 1);
  const counts = Array.from({ length: categories.length + 3 }, () => 0);
  const fresh = new Map<string, number>();
  for (const [value, count] of rows) {
    const place = placeOf(value);
    counts[place] = (counts[place] ?? 0) + count;
    if (value !== null && place === categories.length + 1) {
      const key = keyOf(value);
      fresh.set(key, (fresh.get(key) ?? 0) + count);
    }
  }
  const shares = sharesOfCounts(counts, values.length);
  return {
    count: values.length,
    counts,
    shares,
    nullShare: shares.at(-1) ?? 0,
    referenceNullShare: reference.count === 0 ? 0 : reference.nullCount / reference.count,
    newShare: reference.others === undefined ? undefined : (shares[categories.length + 1] ?? 0),
    newValues: [...fresh]
      .sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
      .slice(0, newValuesShown)
      .map(([value, count]) => ({ value, count })),
  };
}

/** What is to be thought of it: of the same reference. */
export function judgeTextColumn(reference: TextReference, measure: TextMeasure, options: DriftOptions = {}): TextDrift {
  return { ...measure, ...measureShares(reference, measure.shares, { rows: measure.count, ...options }) };
}
