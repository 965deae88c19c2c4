/**
 * Which runs, in which order, one page at a time.
 *
 * Idea: no single plan serves every query, and neither database knows enough to choose, so this file does.
 *   1. Each filter that an index serves is probed: does its range hold fewer than `driveMax` runs? Then those runs are
 *      fetched, and the rest of the query works on them alone ("drive").
 *   2. Else, in the default order or in the order of one metric, the order's own index is walked and the filters are
 *      looked up per entry ("order scan"): a page costs what its own entries cost, however many runs there are.
 *      A metric has three phases: numbers, NaN, runs without it. So NaN and missing come last in both directions.
 *   3. Any other order sorts all matches.
 * Pages are keyset pages: the token holds the sort key of the last run. Cost per page: a few ms at 100,000 runs for 1 and
 * 2; for 3, and for filters that deny nearly everything without being rare, proportional to the matches or the entries.
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

/** Fewer candidates than this are sorted outright. */
export const driveMax = 1000;
/** Up to so many experiments each get their own ordered subquery; more are sorted together. */
export const mergedExperimentsMax = 50;
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

export async function searchRunIds(db: Db, search: RunSearch): Promise<RunIdPage> {
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
  if (candidates !== undefined) return sortAll(plan, candidates);
  const isMergeable = plan.experiments.length <= mergedExperimentsMax && plan.order.length === 1;
  if (isMergeable && first.entity === 'attribute' && first.key === 'startedAt') return byStart(plan, first);
  if (isMergeable && first.entity === 'metric') return byMetric(plan, first);
  return sortAll(plan, undefined);
}

/** The runs of the first filter whose index range is short, or undefined. */
async function drive(plan: Plan): Promise<readonly number[] | undefined> {
  const experiments = inList(plan.db.dialect, sql.ref('experiment_id'), plan.experiments);
  for (const comparison of conjuncts(plan.filter)) {
    const range = indexRange(comparison, experiments);
    if (range === undefined) continue;
    const rows = await scan(plan.db, sql<{ run_id: number }>`${range} limit ${driveMax}`);
    if (rows.length < driveMax) return rows.map((row) => row.run_id);
  }
  return undefined;
}

const way = (ascending: boolean): Sql => (ascending ? sql`asc` : sql`desc`);
const beyond = (ascending: boolean): Sql => (ascending ? sql`>` : sql`<`);

/** One ordered select per experiment, merged: each is read in its index's order and stops at the limit. */
function merged(plan: Plan, one: (experiment: number) => Sql, order: Sql, limit: number): Promise<readonly Row[]> {
  const parts = plan.experiments.map((id) => sql`select * from (${one(id)} limit ${limit}) as one`);
  return scan(plan.db, sql<Row>`select * from (${sql.join(parts, sql` union all `)}) as page ${order} limit ${limit}`);
}

interface Row {
  readonly id: number;
  readonly value: number;
}

async function byStart(plan: Plan, { ascending }: OrderKey): Promise<readonly Found[]> {
  const [, at, , id] = plan.after ?? [];
  const after = plan.after === undefined ? sql`` : sql`and (r.start_at, r.id) ${beyond(ascending)} (${at}, ${id})`;
  const rows = await merged(
    plan,
    (experiment) => sql`select r.id, r.start_at as value from tracking_run r
      where r.experiment_id = ${experiment} and ${plan.where} ${after}
      order by r.start_at ${way(ascending)}, r.id ${way(ascending)}`,
    sql`order by value ${way(ascending)}, id ${way(ascending)}`,
    plan.limit + 1,
  );
  return rows.map((row) => ({ id: row.id, cells: [present, row.value, 0, row.id] }));
}

async function byMetric(plan: Plan, order: OrderKey): Promise<readonly Found[]> {
  const found: Found[] = [];
  for (const phase of [present, notANumber, missing]) {
    const want = plan.limit + 1 - found.length;
    if (want <= 0) break;
    const from = Number(plan.after?.[0] ?? present);
    if (phase < from) continue;
    const after = phase === from ? plan.after : undefined;
    found.push(
      ...(phase === missing
        ? await withoutMetric(plan, order, { after, want })
        : await withMetric(plan, order, { phase, after, want })),
    );
  }
  return found;
}

interface Phase {
  readonly after: readonly TokenCell[] | undefined;
  readonly want: number;
}

async function withMetric(
  plan: Plan,
  order: OrderKey,
  phase: Phase & { readonly phase: number },
): Promise<readonly Found[]> {
  const dir = way(order.ascending);
  const after =
    phase.after === undefined
      ? sql``
      : sql`and (m.value, m.run_id) ${beyond(order.ascending)} (${phase.after[1]}, ${phase.after[3]})`;
  // CROSS JOIN keeps SQLite in this join order: the metric's index first, one look-up of the run per entry.
  const join = plan.db.dialect === 'sqlite' ? sql`cross join` : sql`join`;
  const rows = await merged(
    plan,
    (experiment) => sql`select r.id, m.value from tracking_metric_latest m ${join} tracking_run r on r.id = m.run_id
      where m.experiment_id = ${experiment} and m.key_id = ${keyIdOf(order.key)} and m.is_nan = ${phase.phase}
        and ${plan.where} ${after}
      order by m.value ${dir}, m.run_id ${dir}`,
    sql`order by value ${dir}, id ${dir}`,
    phase.want,
  );
  return rows.map((row) => ({ id: row.id, cells: [phase.phase, row.value, 0, row.id] }));
}

async function withoutMetric(plan: Plan, order: OrderKey, phase: Phase): Promise<readonly Found[]> {
  const dir = way(order.ascending);
  const after =
    phase.after === undefined
      ? sql``
      : sql`and (r.start_at, r.id) ${beyond(order.ascending)} (${phase.after[2]}, ${phase.after[3]})`;
  const rows = await merged(
    plan,
    (experiment) => sql`select r.id, r.start_at as value from tracking_run r
      where r.experiment_id = ${experiment} and ${plan.where} ${after}
        and not exists (select 1 from tracking_metric_latest m where m.run_id = r.id and m.key_id = ${keyIdOf(order.key)})
      order by r.start_at ${dir}, r.id ${dir}`,
    sql`order by value ${dir}, id ${dir}`,
    phase.want,
  );
  return rows.map((row) => ({ id: row.id, cells: [missing, 0, row.value, row.id] }));
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

function sortColumn(key: OrderKey, index: number): SortColumn {
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
  const tables: Readonly<Record<string, string>> = {
    metric: 'tracking_metric_latest',
    param: 'tracking_param',
    tag: 'tracking_tag',
  };
  const table = tables[key.entity];
  if (table === undefined)
    throw new SlipwayError('order_invalid', {
      value: `${key.entity}.${key.key}`,
      problem: 'runs cannot be sorted by it',
    });
  const alias = sql.ref(`s${index}`);
  const isMetric = key.entity === 'metric';
  return {
    rank: sql`case when ${alias}.run_id is null then ${sql.lit(missing)} else ${isMetric ? sql`${alias}.is_nan` : sql.lit(present)} end`,
    value: sql`coalesce(${alias}.value, ${isMetric ? sql`0` : sql`''`})`,
    join: sql`left join ${sql.table(table)} ${alias} on ${alias}.run_id = r.id and ${alias}.key_id = ${keyIdOf(key.key)}`,
  };
}

/** Every match, or every candidate that matches, sorted. */
async function sortAll(plan: Plan, candidates: readonly number[] | undefined): Promise<readonly Found[]> {
  const columns = plan.order.map(sortColumn);
  const [first] = plan.order;
  const among = candidates === undefined ? sql`` : sql`and ${inList(plan.db.dialect, sql.ref('r.id'), candidates)}`;
  const keys = plan.order.flatMap((key, i) => [
    { name: `rank${i}`, ascending: true },
    { name: `value${i}`, ascending: key.ascending },
  ]);
  keys.push({ name: 'tie', ascending: first.ascending }, { name: 'id', ascending: first.ascending });
  const inner = sql`select r.id,
      ${sql.join(columns.map((c, i) => sql`${c.rank} as ${sql.ref(`rank${i}`)}, ${c.value} as ${sql.ref(`value${i}`)}`))},
      case when ${columns[0]?.rank ?? sql.lit(present)} = ${sql.lit(missing)} then r.start_at else 0 end as tie
    from tracking_run r ${sql.join(
      columns.map((c) => c.join),
      sql` `,
    )}
    where ${inList(plan.db.dialect, sql.ref('r.experiment_id'), plan.experiments)} ${among} and ${plan.where}`;
  const rows = await scan(
    plan.db,
    sql<Record<string, TokenCell>>`select * from (${inner}) as matches where ${afterKeys(keys, plan.after)}
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
