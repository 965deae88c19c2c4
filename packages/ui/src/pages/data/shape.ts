/**
 * How the values of a column lie, as bars: from its histogram for numbers and instants (from its quantiles where a profile
 * was kept before there were histograms), from its frequent values for the rest.
 */
import type { ColumnPair, ColumnProfile, Histogram } from '@slipway/contract';

export interface Bar {
  /** Of the width, 0 to 1. */
  readonly x: number;
  readonly width: number;
  /** Of the height, 0 to 1. */
  readonly height: number;
}

export interface Shape {
  readonly kind: 'numbers' | 'values';
  readonly bars: readonly Bar[];
  readonly reference: readonly Bar[];
}

/** Neighbouring quantiles and the share of rows between them. */
const marks = ['p1', 'p5', 'p25', 'p50', 'p75', 'p95', 'p99'] as const;
const shares = [0.04, 0.2, 0.25, 0.25, 0.2, 0.04] as const;
/** A bar thinner than this share of the width takes its rows to the next one: its height would say nothing. */
const thinnest = 0.012;
const valuesMax = 12;

interface Piece {
  readonly from: number;
  readonly to: number;
  readonly density: number;
}

const isNumber = (column: ColumnProfile): boolean => column.quantiles !== null;

const hasAllValues = (column: ColumnProfile): boolean =>
  column.top.length > 0 && column.distinctApprox <= column.top.length;

export interface Sizes {
  /** Rows of the version, and of the one that it is compared with. */
  readonly rows: number;
  readonly rowsAgainst: number;
}

/** Undefined where the profile says nothing of the shape: times, and text of which no value comes twice. */
export function shapeOf(column: ColumnProfile, against: ColumnPair | undefined, sizes: Sizes): Shape | undefined {
  if (against?.bins !== undefined) {
    return histograms(against.bins.now, sizes.rows, { histogram: against.bins.before, rows: sizes.rowsAgainst });
  }
  if (against === undefined && column.histogram !== undefined)
    return histograms(column.histogram, sizes.rows, undefined);
  if (isNumber(column) && !hasAllValues(column)) return numbers(column, against?.before);
  const [most] = column.top;
  if (most === undefined || (most.count <= 1 && column.distinctApprox > 1)) return undefined;
  return values(column, against, sizes);
}

/** Bars of equal width; the other version in the same bins, each as shares of its own rows. */
function histograms(
  now: Histogram,
  rows: number,
  before: { readonly histogram: Histogram; readonly rows: number } | undefined,
): Shape | undefined {
  const sharesOf = ({ counts }: Histogram, of: number): number[] => counts.map((n) => (of === 0 ? 0 : n / of));
  const [bars, reference] = [sharesOf(now, rows), before === undefined ? [] : sharesOf(before.histogram, before.rows)];
  const highest = Math.max(...bars, ...reference);
  if (highest <= 0) return undefined;
  const width = 1 / Math.max(bars.length, 1);
  const barOf = (share: number, i: number): Bar => ({ x: i * width, width, height: share / highest });
  return { kind: 'numbers', bars: bars.map(barOf), reference: reference.map(barOf) };
}

function numbers(column: ColumnProfile, against: ColumnProfile | undefined): Shape | undefined {
  const both = [column, ...(against === undefined ? [] : [against])];
  const lows = both.flatMap((c) => c.quantiles?.['p1'] ?? []);
  const highs = both.flatMap((c) => c.quantiles?.['p99'] ?? []);
  const low = Math.min(...lows);
  const span = Math.max(...highs) - low;
  if (!Number.isFinite(span) || span <= 0) return undefined;
  const pieces = piecesOf(column, span);
  const others = against === undefined ? [] : piecesOf(against, span);
  const highest = Math.max(...[...pieces, ...others].map((p) => p.density));
  const barOf = ({ from, to, density }: Piece): Bar => ({
    x: (from - low) / span,
    width: (to - from) / span,
    height: density / highest,
  });
  return { kind: 'numbers', bars: pieces.map(barOf), reference: others.map(barOf) };
}

/** The area of each piece is the share of rows in it. */
function piecesOf(column: ColumnProfile, span: number): readonly Piece[] {
  const pieces: Piece[] = [];
  let from = column.quantiles?.[marks[0]];
  let share = 0;
  for (const [i, mark] of marks.slice(1).entries()) {
    const to = column.quantiles?.[mark];
    if (from === undefined || to === undefined) continue;
    share += shares[i] ?? 0;
    if ((to - from) / span < thinnest) continue;
    pieces.push({ from, to, density: share / (to - from) });
    from = to;
    share = 0;
  }
  return pieces;
}

export interface Frequent {
  readonly value: string;
  readonly share: number;
  readonly shareAgainst: number | undefined;
}

const order = (a: unknown, b: unknown): number => (typeof a === 'number' && typeof b === 'number' ? a - b : 0);

/** Values by frequency; numbers of which all are known in their own order. */
export function frequentOf(
  column: ColumnProfile,
  rows: number,
  against?: ColumnPair,
  rowsAgainst = 0,
): readonly Frequent[] {
  const top =
    isNumber(column) && hasAllValues(column) ? column.top.toSorted((a, b) => order(a.value, b.value)) : column.top;
  return top.slice(0, valuesMax).map(({ value, count }) => {
    const other =
      against?.values?.find((v) => v.value === value)?.before ??
      against?.before.top.find((t) => t.value === value)?.count;
    return {
      value: value === null ? 'null' : String(value),
      share: rows === 0 ? 0 : count / rows,
      shareAgainst: other === undefined || rowsAgainst === 0 ? undefined : other / rowsAgainst,
    };
  });
}

function values(column: ColumnProfile, against: ColumnPair | undefined, { rows, rowsAgainst }: Sizes): Shape {
  const found = frequentOf(column, rows, against, rowsAgainst);
  const highest = Math.max(...found.flatMap((f) => [f.share, f.shareAgainst ?? 0]));
  const slot = 1 / Math.max(found.length, 4);
  const isPair = against !== undefined;
  const wide = slot * (isPair ? 0.4 : 0.76);
  const bars = found.map(({ share }, i) => ({
    x: i * slot + (isPair ? wide : 0),
    width: wide,
    height: share / highest,
  }));
  const reference = isPair
    ? found.map(({ shareAgainst = 0 }, i) => ({ x: i * slot, width: wide, height: shareAgainst / highest }))
    : [];
  return { kind: 'values', bars, reference };
}
