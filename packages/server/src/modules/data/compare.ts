/**
 * Two versions of a dataset side by side: each column that both have, counted in the same bins (numbers, dates) or for the
 * same values (text), with the population stability index over them. One scan of each version.
 */
import type { ColumnPair, ColumnProfile, ColumnSchema, Histogram } from '@slipway/contract';
import type { DuckDBConnection } from '@duckdb/node-api';
import { psi } from '../../lib/drift.ts';
import type { Bins, Counts } from './distribution.ts';
import { countValues, edgesOf, kindOf, planBins, rangeOf, stepOf } from './distribution.ts';
import { typedValue } from './profile.ts';

export interface ComparedVersion {
  readonly relation: string;
  readonly rowCount: number;
  readonly schema: readonly ColumnSchema[];
  readonly columns: readonly ColumnProfile[];
}

interface Plan {
  readonly now: ColumnProfile;
  readonly before: ColumnProfile;
  readonly column: ColumnSchema;
  readonly values: readonly string[];
  readonly bins: Bins | undefined;
}

export async function compareVersions(
  connection: DuckDBConnection,
  now: ComparedVersion,
  before: ComparedVersion,
): Promise<ColumnPair[]> {
  const plans = now.columns.flatMap((profile): Plan[] => {
    const column = now.schema.find((c) => c.name === profile.name);
    const other = before.columns.find((c) => c.name === profile.name);
    return column === undefined || other === undefined ? [] : [planPair(column, profile, other)];
  });
  const counts = await countValues(connection, now.relation, plans);
  const old = await countValues(connection, before.relation, plans);
  return plans.map((plan, i) => pairOf(plan, counts[i], { old: old[i], rows: [now.rowCount, before.rowCount] }));
}

/** Bins over the ranges of both, which profiles without histograms tell too; values where there is none, or where their types are of different kinds. */
function planPair(column: ColumnSchema, now: ColumnProfile, before: ColumnProfile): Plan {
  const base = { now, before, column };
  const isSame = kindOf(now.type) === kindOf(before.type);
  const [a, b] = [rangeOf(now.type, now), rangeOf(before.type, before)].map((bins) => bins && edgesOf(bins));
  const step = stepOf(now.type) === stepOf(before.type) ? stepOf(now.type) : undefined;
  const bins =
    isSame && a !== undefined && b !== undefined
      ? // The last edge of whole steps lies beyond the last value.
        planBins(Math.min(...a, ...b), Math.max(...a, ...b) - (step ?? 0), step)
      : undefined;
  // The text of a number is not what the engine casts it to, so numbers are compared by bins or not at all.
  if (bins !== undefined || !isSame || kindOf(now.type) === 'number') return { ...base, values: [], bins };
  const values = new Set([...now.top, ...before.top].map((t) => String(t.value)));
  return { ...base, values: [...values], bins };
}

function pairOf(
  { now, before, column, values }: Plan,
  counts: Counts | undefined,
  { old, rows: [rows, rowsBefore] }: { readonly old: Counts | undefined; readonly rows: readonly [number, number] },
): ColumnPair {
  const base = { name: now.name, before };
  if (counts?.histogram !== undefined && old?.histogram !== undefined) {
    const index = psi(
      sharesOf(inAll(old.histogram), before.nullCount, rowsBefore),
      sharesOf(inAll(counts.histogram), now.nullCount, rows),
    );
    return { ...base, bins: { now: counts.histogram, before: old.histogram }, psi: finite(index) };
  }
  if (values.length === 0) return { ...base, psi: null };
  const found = values
    .map((text, i) => ({
      value: typedValue(column.type, text),
      now: counts?.values[i] ?? 0,
      before: old?.values[i] ?? 0,
    }))
    .sort((a, b) => b.now - a.now || b.before - a.before || (String(a.value) < String(b.value) ? -1 : 1));
  const index = psi(
    sharesOf(
      found.map((f) => f.before),
      before.nullCount,
      rowsBefore,
    ),
    sharesOf(
      found.map((f) => f.now),
      now.nullCount,
      rows,
    ),
  );
  return { ...base, values: found, psi: finite(index) };
}

const inAll = ({ counts, below, above }: Histogram): number[] => [...counts, below, above];

/** Shares of these counts, of nulls, and of everything else. */
function sharesOf(counts: readonly number[], nullCount: number, rowCount: number): number[] {
  const other = Math.max(0, rowCount - nullCount - counts.reduce((sum, n) => sum + n, 0));
  return [...counts, nullCount, other].map((n) => n / Math.max(1, rowCount));
}

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);
