/**
 * Which runs, in which order, one page at a time.
 *
 * Idea: no single plan serves every query, and neither database knows enough to choose, so this file does.
 *   1. Each filter that an index serves is probed: does its range hold fewer than `driveMax` runs? Then those runs are
 *      fetched, and the rest of the query works on them alone ("drive").
 *   2. Else, in the default order or in the order of one metric, param or tag, the order's own index is walked and the filters
 *      are looked up per entry ("order scan"): a page costs what its own entries cost, however many runs there are.
 *      A metric has three phases: numbers, NaN, runs without it. So NaN and missing come last in both directions.
 *      Many experiments are one merge of their indexes.
 *   3. A scan by metric that has looked at `windowMax` entries without filling its page fights its filters: when one of their
 *      ranges is short enough (`wideDriveMax`), that range drives after all.
 *   4. Any other order sorts all matches.
 * Pages are keyset pages: the token holds the sort key of the last run. Cost per page: a few ms at 100,000 runs for 1 to 3;
 * for 4, and for filters that deny nearly everything and have no range, proportional to the matches or the entries.
 * Params and tags are ordered by what their index keeps: the first 64 characters.
 */
import { SlipwayError } from '@slipway/contract';
import type { RawBuilder } from 'kysely';
import { sql } from 'kysely';
import type { TokenCell } from '../../lib/page-token.ts';
import { decodePageToken, encodePageToken, fingerprintOf } from '../../lib/page-token.ts';
import type { Filter, OrderKey } from '../../lib/search-filter/search-filter.ts';
import type { Db } from '../../platform/db/db.ts';
import { conjuncts, indexRange, keyIdOf, runCondition } from './conditions.ts';
import { scan } from './read.ts';
import { inList } from '../../lib/search-filter/filter-sql.ts';

type Sql = RawBuilder<unknown>;

/** Where one plan gives way to the next. Answers do not depend on them. */
export interface SearchLimits {
  /** Fewer candidates than this are sorted outright. */
  readonly driveMax: number;
  /** Entries of an order's index, after which an unfilled page makes the scan doubtful. */
  readonly windowMax: number;
  /** The largest range that drives in place of a doubtful scan. */
  readonly wideDriveMax: number;
  /** Up to so many experiments are merged in order; more are sorted together. SQLite joins at most 500 selects. */
  readonly mergedExperimentsMax: number;
}

export const searchLimits: SearchLimits = {
  driveMax: 1000,
  windowMax: 3000,
  wideDriveMax: 40_000,
  mergedExperimentsMax: 400,
};
export const orderKeysMax = 10;

export interface RunSearch {
  /** Internal ids; undefined for all. */
  readonly experiments: readonly number[];
  readonly filter: Filter | undefined;
  /** The filter as it came, for messages and for the token. */
  readonly filterText: string;
  readonly order: readonly OrderKey[];
  readonly lifecycle: 'active' | 'deleted' | 'all';
  readonly limit: number;
  readonly pageToken: string | undefined;
}

const newestFirst: OrderKey = { entity: 'attribute', key: 'startedAt', ascending: false };

/** What the first cell of a sort key says about the run's value. */
const present = 0;
const notANumber = 1;
const missing = 2;

export interface RunIdPage {
  readonly ids: readonly number[];
  readonly nextPageToken: string | undefined;
}

interface Plan extends RunSearch {
  readonly db: Db;
  readonly limits: SearchLimits;
  readonly fingerprint: string;
  /** Never empty: newest first unless said. */
  readonly order: readonly [OrderKey, ...OrderKey[]];
  /** The sort key of the last run of the page before: see `sortKey`. */
  readonly after: readonly TokenCell[] | undefined;
  /** Lifecycle and filter, over the alias r. */
  readonly where: Sql;
}

interface Found {
  readonly id: number;
  readonly cells: readonly TokenCell[];
}

export async function searchRunIds(db: Db, search: RunSearch, limits: SearchLimits = searchLimits): Promise<RunIdPage> {
  if (search.order.length > orderKeysMax)
    throw new SlipwayError('order_invalid', {
      value: `${search.order.length} keys`,
      problem: `use at most ${orderKeysMax}`,
    });
  const names = search.order.map((key) => `${key.entity}.${key.key}`);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new SlipwayError('order_invalid', { value: twice, problem: 'the same key is given twice' });
  const lifecycle: Readonly<Record<RunSearch['lifecycle'], Sql>> = {
    active: sql`r.deleted_at is null`,
    deleted: sql`r.deleted_at is not null`,
    all: sql`true`,
  };
  const condition =
    search.filter === undefined
      ? sql`true`
      : runCondition({ text: search.filterText, dialect: db.dialect }, search.filter);
  const [first = newestFirst, ...rest] = search.order;
  const fingerprint = fingerprintOf([search.experiments, search.filterText, search.order, search.lifecycle]);
  const plan: Plan = {
    ...search,
    db,
    limits,
    fingerprint,
    order: [first, ...rest],
    after:
      search.pageToken === undefined
        ? undefined
        : decodePageToken(search.pageToken, fingerprint, (rest.length + 1) * 2 + 2),
    where: sql`${lifecycle[search.lifecycle]} and ${condition}`,
  };
  if (search.experiments.length === 0) return { ids: [], nextPageToken: undefined };
  const found = await find(plan);
  const page = found.slice(0, search.limit);
  const last = page.at(-1);
  return {
    ids: page.map((f) => f.id),
    nextPageToken:
      found.length > search.limit && last !== undefined ? encodePageToken(plan.fingerprint, last.cells) : undefined,
  };
}

async function find(plan: Plan): Promise<readonly Found[]> {
  const [first] = plan.order;
  const candidates = await drive(plan);
  if (candidates !== undefined) return sortAll(plan, { ids: candidates });
  const isMergeable = plan.experiments.length <= plan.limits.mergedExperimentsMax && plan.order.length === 1;
  if (isMergeable && first.entity === 'attribute' && first.key === 'startedAt') return byStart(plan, first);
  const index = keyedIndexes[first.entity];
  if (isMergeable && index !== undefined) return byKey(plan, first, index);
  return sortAll(plan, {});
}

const amongExperiments = (plan: Plan): Sql => inList(plan.db.dialect, sql.ref('experiment_id'), plan.experiments);

/** The runs of the first filter whose index range is short, or undefined. */
async function drive(plan: Plan): Promise<readonly number[] | undefined> {
  const { driveMax } = plan.limits;
  for (const comparison of conjuncts(plan.filter)) {
    const range = indexRange(comparison, amongExperiments(plan));
    if (range === undefined) continue;
    const rows = await scan(plan.db, sql<{ run_id: number }>`${range} limit ${driveMax}`);
    if (rows.length < driveMax) return rows.map((row) => row.run_id);
  }
  return undefined;
}

/** The shortest of the filters' index ranges, when it is short enough to sort. */
async function findWideRange(plan: Plan): Promise<Sql | undefined> {
  const { wideDriveMax } = plan.limits;
  let best: { readonly range: Sql; readonly count: number } | undefined;
  for (const comparison of conjuncts(plan.filter)) {
    const range = indexRange(comparison, amongExperiments(plan));
    if (range === undefined) continue;
    const [row] = await scan(
      plan.db,
      sql<{
        count: number;
      }>`select count(*) count from (select 1 from (${range}) r limit ${wideDriveMax}) probe`,
    );
    const count = Number(row?.count ?? 0);
    if (count < wideDriveMax && (best === undefined || count < best.count)) best = { range, count };
  }
  return best?.range;
}

const way = (ascending: boolean): Sql => (ascending ? sql`asc` : sql`desc`);
const beyond = (ascending: boolean): Sql => (ascending ? sql`>` : sql`<`);

interface Row {
  readonly id: number;
  readonly value: number | string;
}

/**
 * One select of `id` and `value` per experiment, merged in the order of (value, id), each read in its index's order and no
 * further than the page needs. SQLite merges a compound select by itself; PostgreSQL merges subqueries that are ordered.
 */
function merged(
  plan: Plan,
  one: (experiment: number) => Sql,
  page: { readonly ascending: boolean; readonly limit: number; readonly offset?: number },
): Promise<readonly Row[]> {
  const order = sql`order by value ${way(page.ascending)}, id ${way(page.ascending)}`;
  const end = sql`${order} limit ${page.limit} offset ${page.offset ?? 0}`;
  const union = sql` union all `;
  if (plan.db.dialect === 'sqlite')
    return scan(plan.db, sql<Row>`${sql.join(plan.experiments.map(one), union)} ${end}`);
  const parts = plan.experiments.map((id) => sql`select * from (${one(id)} ${order} offset 0) one`);
  return scan(plan.db, sql<Row>`select * from (${sql.join(parts, union)}) page ${end}`);
}

async function byStart(plan: Plan, { ascending }: OrderKey): Promise<readonly Found[]> {
  const [, at, , id] = plan.after ?? [];
  const after = plan.after === undefined ? sql`` : sql`and (r.start_at, r.id) ${beyond(ascending)} (${at}, ${id})`;
  const rows = await merged(
    plan,
    (experiment) => sql`select r.id, r.start_at value from tracking_run r
      where r.experiment_id = ${experiment} and ${plan.where} ${after}`,
    { ascending, limit: plan.limit + 1 },
  );
  return rows.map((row) => ({ id: row.id, cells: [present, row.value, 0, row.id] }));
}

/** An order that an index over (experiment, key, value, run) keeps. */
interface KeyedIndex {
  readonly table: string;
  readonly column: string;
  /** What a run without a value has in its place in the sort key. */
  readonly none: number | string;
  readonly phases: readonly number[];
}

const keyedIndexes: Readonly<Record<string, KeyedIndex>> = {
  metric: { table: 'tracking_metric_latest', column: 'value', none: 0, phases: [present, notANumber, missing] },
  param: { table: 'tracking_param', column: 'value_head', none: '', phases: [present, missing] },
  tag: { table: 'tracking_tag', column: 'value_head', none: '', phases: [present, missing] },
};

async function byKey(plan: Plan, order: OrderKey, index: KeyedIndex): Promise<readonly Found[]> {
  const found: Found[] = [];
  for (const phase of index.phases) {
    const want = plan.limit + 1 - found.length;
    if (want <= 0) break;
    const from = Number(plan.after?.[0] ?? present);
    if (phase < from) continue;
    const scanned = { order, index, phase, after: phase === from ? plan.after : undefined, want };
    if (phase === missing) {
      found.push(...(await withoutKey(plan, scanned)));
      continue;
    }
    const answer = await withKey(plan, scanned);
    if ('range' in answer) return sortAll(plan, { range: answer.range });
    found.push(...answer.found);
  }
  return found;
}

interface Phase {
  readonly order: OrderKey;
  readonly index: KeyedIndex;
  readonly phase: number;
  readonly after: readonly TokenCell[] | undefined;
  readonly want: number;
}

/** The runs of one phase; or the range that had better drive the whole search. */
async function withKey(
  plan: Plan,
  phase: Phase,
): Promise<{ readonly found: readonly Found[] } | { readonly range: Sql }> {
  const { order, index, after, want } = phase;
  const { ascending } = order;
  const value = sql.ref(`m.${index.column}`);
  const ofPhase = index.phases.includes(notANumber) ? sql`and m.is_nan = ${phase.phase}` : sql``;
  const from =
    after === undefined ? sql`` : sql`and (${value}, m.run_id) ${beyond(ascending)} (${after[1]}, ${after[3]})`;
  const entries = (experiment: number): Sql =>
    sql`m.experiment_id = ${experiment} and m.key_id = ${keyIdOf(order.key)} ${ofPhase} ${from}`;
  // CROSS JOIN keeps SQLite in this join order: the key's index first, one look-up of the run per entry.
  const join = plan.db.dialect === 'sqlite' ? sql`cross join` : sql`join`;
  const read = (bound: Sql): Promise<readonly Row[]> =>
    merged(
      plan,
      (experiment) => sql`select m.run_id id, ${value} value from ${sql.table(index.table)} m
        ${join} tracking_run r on r.id = m.run_id where ${entries(experiment)} ${bound} and ${plan.where}`,
      { ascending, limit: want },
    );
  const found = (rows: readonly Row[]): { readonly found: readonly Found[] } => ({
    found: rows.map((row) => ({ id: row.id, cells: [phase.phase, row.value, 0, row.id] })),
  });
  const hasRange = conjuncts(plan.filter).some((c) => indexRange(c, amongExperiments(plan)) !== undefined);
  if (!hasRange) return found(await read(sql``));
  const [end] = await merged(
    plan,
    (experiment) =>
      sql`select m.run_id id, ${value} value from ${sql.table(index.table)} m where ${entries(experiment)}`,
    { ascending, limit: 1, offset: plan.limits.windowMax },
  );
  if (end === undefined) return found(await read(sql``));
  const window = await read(sql`and (${value}, m.run_id) ${beyond(!ascending)}= (${end.value}, ${end.id})`);
  if (window.length === want) return found(window);
  const range = await findWideRange(plan);
  return range === undefined ? found(await read(sql``)) : { range };
}

async function withoutKey(plan: Plan, { order, index, after, want }: Phase): Promise<readonly Found[]> {
  const { ascending } = order;
  const from =
    after === undefined ? sql`` : sql`and (r.start_at, r.id) ${beyond(ascending)} (${after[2]}, ${after[3]})`;
  const rows = await merged(
    plan,
    (experiment) => sql`select r.id, r.start_at value from tracking_run r
      where r.experiment_id = ${experiment} and ${plan.where} ${from} and not exists
        (select 1 from ${sql.table(index.table)} m where m.run_id = r.id and m.key_id = ${keyIdOf(order.key)})`,
    { ascending, limit: want },
  );
  return rows.map((row) => ({ id: row.id, cells: [missing, index.none, row.value, row.id] }));
}

interface SortColumn {
  readonly rank: Sql;
  readonly value: Sql;
  readonly join: Sql;
}

const attributeColumns: Readonly<Record<string, string>> = {
  id: 'uid',
  name: 'name',
  user: 'user_id',
  status: 'status',
  startedAt: 'start_at',
  endedAt: 'end_at',
};

function sortColumn(key: OrderKey, position: number): SortColumn {
  if (key.entity === 'attribute') {
    const column = Object.hasOwn(attributeColumns, key.key) ? attributeColumns[key.key] : undefined;
    if (column === undefined)
      throw new SlipwayError('order_invalid', {
        value: key.key,
        problem: `it is not an attribute of a run; use ${Object.keys(attributeColumns).join(', ')}`,
      });
    const ref = sql.ref(`r.${column}`);
    const none = column === 'end_at' ? sql`0` : sql`''`;
    const isNullable = column === 'end_at' || column === 'user_id';
    return {
      rank: isNullable
        ? sql`case when ${ref} is null then ${sql.lit(missing)} else ${sql.lit(present)} end`
        : sql.lit(present),
      value: isNullable ? sql`coalesce(${ref}, ${none})` : ref,
      join: sql``,
    };
  }
  const index = keyedIndexes[key.entity];
  if (index === undefined)
    throw new SlipwayError('order_invalid', {
      value: `${key.entity}.${key.key}`,
      problem: 'runs cannot be sorted by it',
    });
  const alias = sql.ref(`s${position}`);
  const isMetric = key.entity === 'metric';
  return {
    rank: sql`case when ${alias}.run_id is null then ${sql.lit(missing)} else ${isMetric ? sql`${alias}.is_nan` : sql.lit(present)} end`,
    value: sql`coalesce(${alias}.${sql.ref(index.column)}, ${sql.lit(index.none)})`,
    join: sql`left join ${sql.table(index.table)} ${alias} on ${alias}.run_id = r.id and ${alias}.key_id = ${keyIdOf(key.key)}`,
  };
}

/** Every match, every candidate that matches, or every match among the runs of a range: sorted. */
async function sortAll(
  plan: Plan,
  among: { readonly ids?: readonly number[]; readonly range?: Sql },
): Promise<readonly Found[]> {
  const columns = plan.order.map(sortColumn);
  const [first] = plan.order;
  const ids = among.ids === undefined ? sql`` : sql`and ${inList(plan.db.dialect, sql.ref('r.id'), among.ids)}`;
  // In the order of runs, so that the look-ups that follow lie side by side.
  const range = among.range && sql`with candidate as materialized (select * from (${among.range}) c order by run_id)`;
  const join = plan.db.dialect === 'sqlite' ? sql`cross join` : sql`join`;
  const from =
    range === undefined ? sql`tracking_run r` : sql`candidate ${join} tracking_run r on r.id = candidate.run_id`;
  const keys = plan.order.flatMap((key, i) => [
    { name: `rank${i}`, ascending: true },
    { name: `value${i}`, ascending: key.ascending },
  ]);
  keys.push({ name: 'tie', ascending: first.ascending }, { name: 'id', ascending: first.ascending });
  const inner = sql`select r.id,
      ${sql.join(columns.map((c, i) => sql`${c.rank} as ${sql.ref(`rank${i}`)}, ${c.value} as ${sql.ref(`value${i}`)}`))},
      case when ${columns[0]?.rank ?? sql.lit(present)} = ${sql.lit(missing)} then r.start_at else 0 end as tie
    from ${from} ${sql.join(
      columns.map((c) => c.join),
      sql` `,
    )}
    where ${inList(plan.db.dialect, sql.ref('r.experiment_id'), plan.experiments)} ${ids} and ${plan.where}`;
  const rows = await scan(
    plan.db,
    sql<
      Record<string, TokenCell>
    >`${range ?? sql``} select * from (${inner}) as matches where ${afterKeys(keys, plan.after)}
      order by ${sql.join(keys.map((key) => sql`${sql.ref(key.name)} ${way(key.ascending)}`))} limit ${plan.limit + 1}`,
  );
  return rows.map((row) => ({ id: Number(row['id']), cells: keys.map((key) => row[key.name] ?? null) }));
}

/** Lexicographic comparison with a direction per key: a row comparison cannot say that. */
function afterKeys(keys: readonly { readonly name: string; readonly ascending: boolean }[], after: Plan['after']): Sql {
  if (after === undefined) return sql`true`;
  return keys.reduceRight<Sql>(
    (rest, key, i) => {
      const ref = sql.ref(key.name);
      const strictly = sql`${ref} ${beyond(key.ascending)} ${after[i]}`;
      return i === keys.length - 1 ? strictly : sql`(${strictly} or (${ref} = ${after[i]} and ${rest}))`;
    },
    sql`false`,
  );
}
