/** Experiments, listed and searched. */
import type { Experiment } from '@slipway/contract';
import type { RawBuilder } from 'kysely';
import { SlipwayError } from '@slipway/contract';
import { sql } from 'kysely';
import { decodePageToken, encodePageToken, fingerprintOf } from '../../lib/page-token.ts';
import type { Comparison, Filter, FilterLanguage, OrderKey } from '../../lib/search-filter/search-filter.ts';
import { filterError } from '../../lib/search-filter/search-filter.ts';
import type { Db } from '../../platform/db/db.ts';
import type { FilterSource } from '../../lib/search-filter/filter-sql.ts';
import { filterCondition, numberCondition, textCondition } from '../../lib/search-filter/filter-sql.ts';
import { hydrateExperiments, scan } from './read.ts';
import type { TrackingTables } from './tables.ts';

export const experimentLanguage: FilterLanguage = {
  entities: { tags: 'tag', tag: 'tag', attributes: 'attribute', attribute: 'attribute', attr: 'attribute' },
  defaultEntity: 'attribute',
};

const columns: Readonly<Record<string, string>> = {
  id: 'e.id',
  name: 'e.name',
  createdAt: 'e.created_at',
  updatedAt: 'e.updated_at',
};

function condition(source: FilterSource, comparison: Comparison): RawBuilder<unknown> {
  const { entity, key } = comparison;
  if (entity === 'tag') {
    const at = sql`select 1 from tracking_experiment_tag t where t.experiment_id = e.id and t.key = ${key}`;
    if (comparison.test.op === 'is null') return sql`not exists (${at})`;
    return sql`exists (${at} and ${textCondition(source, comparison, sql.ref('t.value'))})`;
  }
  if (key === 'name') return textCondition(source, comparison, sql.ref('e.name'));
  if (key === 'id') return textCondition(source, comparison, sql.ref('e.uid'));
  if (key === 'createdAt' || key === 'updatedAt')
    return numberCondition(source, comparison, sql.ref(columns[key] ?? 'e.created_at'));
  throw filterError(
    source.text,
    comparison.position,
    `"${key}" is not an attribute of an experiment; use id, name, createdAt or updatedAt`,
  );
}

export interface ExperimentSearch {
  readonly filter: Filter | undefined;
  readonly filterText: string;
  readonly order: readonly OrderKey[];
  readonly lifecycle: 'active' | 'deleted' | 'all';
  readonly limit: number;
  readonly pageToken: string | undefined;
}

/** One sort key and then the id: experiments are few, so one plan serves all. */
export async function searchExperiments(
  db: Db,
  search: ExperimentSearch,
): Promise<{ items: Experiment[]; nextPageToken?: string }> {
  const [order = { entity: 'attribute', key: 'createdAt', ascending: false }] = search.order;
  const column = Object.hasOwn(columns, order.key) ? columns[order.key] : undefined;
  if (order.entity !== 'attribute' || column === undefined)
    throw new SlipwayError('order_invalid', { value: order.key, problem: `use ${Object.keys(columns).join(', ')}` });
  const way = order.ascending ? sql`asc` : sql`desc`;
  const fingerprint = fingerprintOf(['experiments', search.filterText, order, search.lifecycle]);
  const after =
    search.pageToken === undefined
      ? sql`true`
      : sql`(${sql.ref(column)}, e.id) ${order.ascending ? sql`>` : sql`<`} (${sql.join(decodePageToken(search.pageToken, fingerprint, 2))})`;
  const lifecycle = {
    active: sql`e.deleted_at is null`,
    deleted: sql`e.deleted_at is not null`,
    all: sql`true`,
  }[search.lifecycle];
  const source: FilterSource = { text: search.filterText, dialect: db.dialect };
  const filter = search.filter === undefined ? sql`true` : filterCondition(search.filter, (c) => condition(source, c));
  const rows = await scan(
    db,
    sql<TrackingTables['tracking_experiment'] & { sort: string | number }>`
      select e.*, ${sql.ref(column)} as sort from tracking_experiment e where ${lifecycle} and ${filter} and ${after}
      order by ${sql.ref(column)} ${way}, e.id ${way} limit ${search.limit + 1}`,
  );
  const page = rows.slice(0, search.limit);
  const last = page.at(-1);
  return {
    items: await hydrateExperiments(db, page),
    ...(rows.length > search.limit && last !== undefined
      ? { nextPageToken: encodePageToken(fingerprint, [last.sort, last.id]) }
      : {}),
  };
}
