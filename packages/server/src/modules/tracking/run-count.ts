/**
 * How many runs match: exact up to `exactCountMax`, beyond that only that there are more, so that a count never reads
 * everything. A filter that an index serves with fewer runs than that drives the count; otherwise runs are walked until
 * enough match.
 */
import type { RunCount } from '@slipway/contract';
import { exactCountMax } from '@slipway/contract';
import type { RawBuilder } from 'kysely';
import { sql } from 'kysely';
import { inList } from '../../lib/search-filter/filter-sql.ts';
import type { Filter } from '../../lib/search-filter/search-filter.ts';
import type { Db } from '../../platform/db/db.ts';
import { conjuncts, indexRange, runCondition } from './conditions.ts';
import { scan } from './read.ts';

export interface RunCountQuery {
  /** Internal ids. */
  readonly experiments: readonly number[];
  readonly filter: Filter | undefined;
  readonly filterText: string;
}

const capped = sql.lit(exactCountMax + 1);

async function countOf(db: Db, rows: RawBuilder<unknown>): Promise<number> {
  const [row] = await scan(db, sql<{ n: number }>`select count(*) n from (${rows} limit ${capped}) counted`);
  return Number(row?.n ?? 0);
}

export async function countRuns(db: Db, query: RunCountQuery): Promise<RunCount> {
  const { experiments, filter, filterText } = query;
  if (experiments.length === 0) return { count: 0, isExact: true };
  const among = inList(db.dialect, sql.ref('experiment_id'), experiments);
  const condition = filter === undefined ? sql`true` : runCondition({ text: filterText, dialect: db.dialect }, filter);
  const range = await shortestRange(db, filter, among);
  const driven = range === undefined ? sql`` : sql`and r.id in (${range})`;
  const found = await countOf(
    db,
    sql`select 1 from tracking_run r where ${among} and r.deleted_at is null ${driven} and ${condition}`,
  );
  return found > exactCountMax ? { count: exactCountMax, isExact: false } : { count: found, isExact: true };
}

async function shortestRange(
  db: Db,
  filter: Filter | undefined,
  among: RawBuilder<unknown>,
): Promise<RawBuilder<unknown> | undefined> {
  let shortest: RawBuilder<unknown> | undefined;
  let size = exactCountMax;
  for (const comparison of conjuncts(filter)) {
    const range = indexRange(comparison, among);
    if (range === undefined) continue;
    const found = await countOf(db, range);
    if (found > size) continue;
    shortest = range;
    size = found;
  }
  return shortest;
}
