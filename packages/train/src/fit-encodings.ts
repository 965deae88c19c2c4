/**
 * What becomes of each column, learnt from the rows that may be learnt from.
 *
 * Categories: codes by frequency (0 is the most frequent), and where the target is known the smoothed mean of the target,
 * `(sum + m prior) / (rows + m)`, per class or once. The mean of a row must not contain its own target, else the trees
 * trust it too much: training rows get the means of the other parts of a partition of the rows (`outOfFold`), rows that
 * come later those of all rows. Texts: the words that most rows have, in any case and without punctuation around them;
 * every spelling that was seen and the usual ones beside it lead to the word.
 * Source: Micci-Barreca (2001); cross fitting as in scikit-learn's TargetEncoder.
 */
import { dateParts, featuresOf } from '@slipway/onnx';
import type { CategoryTable, ColumnEncoding } from '@slipway/onnx';
import { codesMax } from './category-sets.ts';
import { encodeColumn, numbersOf } from './encode-columns.ts';
import { fitWords } from './fit-words.ts';
import type { Fold } from './folds.ts';
import type { TableColumn } from './table.ts';
import { countPlaces, indexOf, numberTexts, numbersAt } from './text-index.ts';

export interface EncodingSettings {
  /**
   * 'codes': by frequency; 'target': smoothed means of the target; 'both'; 'sets': trees divide the categories as they like.
   * Two categories get codes alone.
   */
  readonly categories?: 'codes' | 'target' | 'both' | 'sets' | undefined;
  /** Rows that the mean of all rows counts for in the mean of a category: above 0. Default 10. */
  readonly smoothing?: number | undefined;
  /** Categories that are known, the most frequent ones: 2 to 100,000. Default 100,000. */
  readonly categoriesMax?: number | undefined;
  /** Words counted per column of text: 0 to 2,000. Default 200. */
  readonly wordsMax?: number | undefined;
  /** What the clocks show where the dates come from. Default 0: UTC. */
  readonly utcOffsetMinutes?: number | undefined;
}

/** The target as numbers to be averaged: one array for numbers and two classes, one per class for several. */
export interface TargetMeans {
  readonly values: readonly Float32Array[];
  readonly weights: Float64Array;
  /** Names behind the column's in the names of the features. */
  readonly names: readonly string[];
}

export interface DroppedColumn {
  readonly column: string;
  readonly reason: string;
}

export interface FittedEncodings {
  readonly encodings: readonly ColumnEncoding[];
  readonly dropped: readonly DroppedColumn[];
}

export interface EncodingContext {
  readonly settings: EncodingSettings;
  readonly target: TargetMeans;
  /** Rows that may be learnt from, ascending. */
  readonly rows: Uint32Array;
}

const smoothingDefault = 10;
const manyCategories = 20;
/** Rows per category, on average. */
const fullRows = 15;
export const categoriesMaxDefault = 100_000;
export const wordsMaxDefault = 200;

/** Means of more classes than this would be more columns than they are worth. */
export const meansMax = 10;

export function fitEncodings(columns: readonly TableColumn[], context: EncodingContext): FittedEncodings {
  const encodings: ColumnEncoding[] = [];
  const dropped: DroppedColumn[] = [];
  for (const column of columns) {
    const fitted = fitColumn(column, context);
    if (typeof fitted === 'string') dropped.push({ column: column.name, reason: fitted });
    else encodings.push(fitted);
  }
  return { encodings, dropped };
}

/** An encoding, or why there is none. */
function fitColumn(column: TableColumn, context: EncodingContext): ColumnEncoding | string {
  switch (column.kind) {
    case 'number':
    case 'boolean':
      return describeNumbers(column, context.rows) ?? { kind: column.kind, column: column.name };
    case 'date': {
      const problem = describeNumbers(column, context.rows);
      if (problem !== undefined) return problem;
      const { utcOffsetMinutes = 0 } = context.settings;
      const all: ColumnEncoding = { kind: 'date', column: column.name, utcOffsetMinutes, parts: dateParts };
      const features = encodeColumn(all, column, context.rows);
      const parts = dateParts.filter((_, index) => features[index]?.some((value) => value !== features[index]?.[0]));
      return { ...all, parts: parts.length > 0 ? parts : ['day number'] };
    }
    case 'category':
      return fitCategories(column, context);
    case 'text':
      return fitWords(column, context.rows, context.settings.wordsMax ?? wordsMaxDefault);
  }
}

/** Why these numbers say nothing, or undefined. Float32 is what the trees see. */
function describeNumbers(column: TableColumn, rows: Uint32Array): string | undefined {
  const values = numbersOf(column);
  let [present, first, isConstant] = [0, Number.NaN, true];
  for (const row of rows) {
    const value = column.kind === 'date' ? (values[row] ?? Number.NaN) : Math.fround(values[row] ?? Number.NaN);
    if (Number.isNaN(value)) continue;
    if (present === 0) first = value;
    else if (value !== first) isConstant = false;
    present += 1;
    if (!isConstant) return undefined;
  }
  if (present === 0) return 'every value is missing';
  return present === rows.length ? `every value is ${first}` : undefined;
}

interface Category {
  readonly key: string;
  readonly rows: number;
}

function fitCategories(column: TableColumn, context: EncodingContext): ColumnEncoding | string {
  const { settings, rows } = context;
  const index = indexOf(column);
  const counts = countPlaces(index, rows);
  const seen = index.texts.flatMap((key, place): Category[] => {
    const count = counts[place] ?? 0;
    return count > 0 ? [{ key, rows: count }] : [];
  });
  const missing = counts[index.placeOf.get('') ?? -1] ?? 0;
  if (missing === rows.length) return 'every value is missing';
  if (seen.length === 1) return `every value is "${seen.map(({ key }) => key).join('')}"`;
  if (rows.length > 2 && seen.length - (missing > 0 ? 1 : 0) === rows.length - missing) {
    return 'every value is different, so that none says anything about another row';
  }
  const sorted = seen.sort((a, b) => b.rows - a.rows || (a.key < b.key ? -1 : 1));
  const known = sorted.slice(0, settings.categoriesMax ?? categoriesMaxDefault);
  const form = settings.categories ?? (areManyAndFull(known, rows.length) ? 'sets' : 'both');
  if (form === 'sets' && known.length > 2) {
    return { kind: 'category', column: column.name, tables: [], members: { keys: setKeys(known), sets: [] } };
  }
  const means = form === 'codes' || known.length <= 2 ? [] : meanTables(column, { ...context, known });
  const tables = form === 'target' && means.length > 0 ? means : [codeTable(column.name, known), ...means];
  return { kind: 'category', column: column.name, tables };
}

/**
 * Many categories of some rows each are divided by the trees: there a mean that leaves the row's own part out differs from
 * part to part, and beside the code it would give the target away. Where rows per category are few, means say more than sets.
 */
function areManyAndFull(known: readonly Category[], rowCount: number): boolean {
  return known.length > manyCategories && rowCount / known.length >= fullRows;
}

/** More features of codes than these would cost more than their rare categories are worth. */
const setFeaturesMax = 4;

function setKeys(known: readonly Category[]): readonly string[] {
  return known
    .map(({ key }) => key)
    .filter((key) => key !== '')
    .slice(0, setFeaturesMax * codesMax);
}

/** A missing category has no code: the trees know it as missing, as they do every category that comes later. */
function codeTable(column: string, known: readonly Category[]): CategoryTable {
  const keys = known.map(({ key }) => key).filter((key) => key !== '');
  return { feature: column, keys, values: Float32Array.from(keys, (_, code) => code), otherwise: Number.NaN };
}

interface MeansContext extends EncodingContext {
  readonly known: readonly Category[];
}

/** Per row of the context, the place of its category among the keys; -1 for others. */
function placesOf(column: TableColumn, keys: readonly string[], rows: Uint32Array): Float32Array {
  const index = indexOf(column);
  return numbersAt(numberTexts(index, { keys, numberOf: (place) => place, otherwise: -1 }), index.places, rows);
}

/** Weighted sums of the target per category, and over all rows in the last place. */
interface CategorySums {
  readonly sums: Float64Array;
  readonly weights: Float64Array;
}

interface SummedRows {
  readonly places: Float32Array;
  readonly keyCount: number;
  readonly numbers: Float32Array;
  readonly context: EncodingContext;
}

/** Over the rows of the context at these indices. */
function addUp({ places, keyCount, numbers, context }: SummedRows, indices: Uint32Array): CategorySums {
  const sums = new Float64Array(keyCount + 1);
  const weights = new Float64Array(keyCount + 1);
  const { rows } = context;
  const target = context.target.weights;
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i] ?? 0;
    const row = rows[index] ?? 0;
    const weight = target[row] ?? 0;
    const weighted = weight * (numbers[row] ?? 0);
    const place = places[index] ?? -1;
    sums[keyCount] = (sums[keyCount] ?? 0) + weighted;
    weights[keyCount] = (weights[keyCount] ?? 0) + weight;
    if (place < 0) continue;
    sums[place] = (sums[place] ?? 0) + weighted;
    weights[place] = (weights[place] ?? 0) + weight;
  }
  return { sums, weights };
}

/** Smoothed means per category, and the mean of all rows in the last place. */
function meansOf({ sums, weights }: CategorySums, smoothing: number): Float32Array {
  const last = sums.length - 1;
  const total = weights[last] ?? 0;
  const prior = total > 0 ? (sums[last] ?? 0) / total : 0;
  const means = new Float32Array(sums.length).fill(prior);
  for (let place = 0; place < last; place++) {
    means[place] = ((sums[place] ?? 0) + smoothing * prior) / ((weights[place] ?? 0) + smoothing);
  }
  return means;
}

function meanTables(column: TableColumn, context: MeansContext): CategoryTable[] {
  const { settings, target, rows } = context;
  const keys = context.known.map(({ key }) => key);
  const places = placesOf(column, keys, rows);
  const all = rows.map((_, index) => index);
  return target.values.map((numbers, index) => {
    const sums = addUp({ places, keyCount: keys.length, numbers, context }, all);
    const means = meansOf(sums, settings.smoothing ?? smoothingDefault);
    return {
      feature: `${column.name} ${target.names[index] ?? 'mean'}`,
      keys,
      values: means.subarray(0, keys.length),
      otherwise: means[keys.length] ?? 0,
    };
  });
}

export interface EncodedRows {
  readonly featureNames: readonly string[];
  readonly columns: readonly Float32Array[];
}

/** Features of the rows under fitted encodings. */
export function encodeRows(
  columns: readonly TableColumn[],
  encodings: readonly ColumnEncoding[],
  rows: Uint32Array,
): EncodedRows {
  const byName = new Map(columns.map((column) => [column.name, column]));
  return {
    featureNames: distinctNames(encodings.flatMap(featuresOf)),
    columns: encodings.flatMap((encoding) => {
      const column = byName.get(encoding.column);
      if (column === undefined) throw new RangeError(`The table has no column "${encoding.column}".`);
      return encodeColumn(encoding, column, rows);
    }),
  };
}

function distinctNames(names: readonly string[]): readonly string[] {
  const seen = new Map<string, number>();
  return names.map((name) => {
    const times = (seen.get(name) ?? 0) + 1;
    seen.set(name, times);
    return times === 1 ? name : `${name} (${times})`;
  });
}

/**
 * Features of the rows that were learnt from: means of the target come from the other parts. `parts` divide
 * `context.rows`; their row numbers are places in it.
 */
export function encodeOutOfFold(
  columns: readonly TableColumn[],
  encodings: readonly ColumnEncoding[],
  { context, parts }: { readonly context: EncodingContext; readonly parts: () => readonly Fold[] },
): EncodedRows {
  const { rows } = context;
  const encoded = encodeRows(columns, encodings, rows);
  const byName = new Map(columns.map((column) => [column.name, column]));
  let feature = 0;
  let made: readonly Fold[] | undefined;
  for (const encoding of encodings) {
    const column = byName.get(encoding.column);
    if (encoding.kind === 'category' && column !== undefined && firstMean(encoding) >= 0) {
      made ??= parts();
      replaceMeans(encoding, column, { ...context, parts: made, targets: encoded.columns.slice(feature) });
    }
    feature += featuresOf(encoding).length;
  }
  return encoded;
}

type Categories = Extract<ColumnEncoding, { readonly kind: 'category' }>;

/** Place of the first table of means, which all others follow; -1 without any. Codes have the column's own name. */
function firstMean({ tables, column }: Categories): number {
  return tables.findIndex((table) => table.feature !== column);
}

interface ReplaceContext extends EncodingContext {
  readonly parts: readonly Fold[];
  /** Features of the encoding, for all rows. */
  readonly targets: readonly Float32Array[];
}

function replaceMeans(encoding: Categories, column: TableColumn, context: ReplaceContext): void {
  const first = firstMean(encoding);
  const { keys = [] } = encoding.tables[first] ?? {};
  const places = placesOf(column, keys, context.rows);
  const smoothing = context.settings.smoothing ?? smoothingDefault;
  const everyRow = context.rows.map((_, index) => index);
  for (const [index, numbers] of context.target.values.entries()) {
    const target = context.targets[first + index];
    const summed: SummedRows = { places, keyCount: keys.length, numbers, context };
    const all = addUp(summed, everyRow);
    for (const { test } of context.parts) {
      const own = addUp(summed, test);
      const without = (of: Float64Array, part: Float64Array): Float64Array => of.map((sum, i) => sum - (part[i] ?? 0));
      const rest = { sums: without(all.sums, own.sums), weights: without(all.weights, own.weights) };
      const means = meansOf(rest, smoothing);
      if (target !== undefined) putMeans(target, test, { places, means });
    }
  }
}

function putMeans(
  target: Float32Array,
  rows: Uint32Array,
  { places, means }: { readonly places: Float32Array; readonly means: Float32Array },
): void {
  const ofOthers = means.length - 1;
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] ?? 0;
    const place = places[row] ?? -1;
    target[row] = means[place < 0 ? ofOthers : place] ?? 0;
  }
}
