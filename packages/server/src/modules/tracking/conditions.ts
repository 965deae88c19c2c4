/**
 * Filters as SQL over the alias `r` of tracking_run. A comparison on a metric, param or tag is a key look-up by EXISTS; a
 * comparison on a key that a run lacks is false whatever the operator, IS NULL aside.
 */
import { runStatuses } from '@slipway/contract';
import type { RawBuilder } from 'kysely';
import { sql } from 'kysely';
import type { Comparison, Filter, FilterLanguage, FilterTest } from '../../lib/search-filter/search-filter.ts';
import type { FilterSource } from '../../lib/search-filter/filter-sql.ts';
import {
  compared,
  filterCondition,
  inList,
  numberCondition,
  textCondition,
} from '../../lib/search-filter/filter-sql.ts';
import { filterError } from '../../lib/search-filter/search-filter.ts';
import { valueHead } from './tables.ts';

type Sql = RawBuilder<unknown>;

export const runLanguage: FilterLanguage = {
  entities: {
    metrics: 'metric',
    metric: 'metric',
    params: 'param',
    param: 'param',
    parameters: 'param',
    parameter: 'param',
    tags: 'tag',
    tag: 'tag',
    attributes: 'attribute',
    attribute: 'attribute',
    attr: 'attribute',
    run: 'attribute',
    datasets: 'dataset',
    dataset: 'dataset',
  },
  defaultEntity: 'attribute',
};

export const keyIdOf = (key: string): Sql => sql`(select id from tracking_key where name = ${key})`;

function refuse(source: FilterSource, comparison: Comparison, problem: string): never {
  throw filterError(source.text, comparison.position, problem);
}

function keyedText(source: FilterSource, comparison: Comparison, table: string): Sql {
  const { test } = comparison;
  const at = sql`select 1 from ${sql.table(table)} t where t.run_id = r.id and t.key_id = ${keyIdOf(comparison.key)}`;
  if (test.op === 'is null') return sql`not exists (${at})`;
  if (test.op === 'is not null') return sql`exists (${at})`;
  return sql`exists (${at} and ${textCondition(source, comparison, sql.ref('t.value'))})`;
}

function statusCondition(source: FilterSource, comparison: Comparison): Sql {
  const { test } = comparison;
  const codes = (keep: (status: string) => boolean): Sql =>
    inList(
      source.dialect,
      sql.ref('r.status'),
      runStatuses.flatMap((status, code) => (keep(status) ? [code] : [])),
    );
  if (test.op === 'in' || test.op === 'not in')
    return codes((status) => test.values.includes(status) === (test.op === 'in'));
  if (test.op === '=' || test.op === '!=') return codes((status) => (status === test.value) === (test.op === '='));
  return refuse(
    source,
    comparison,
    `a status is compared with =, !=, IN or NOT IN and one of ${runStatuses.join(', ')}`,
  );
}

function attributeCondition(source: FilterSource, comparison: Comparison): Sql {
  switch (comparison.key) {
    case 'id':
      return textCondition(source, comparison, sql.ref('r.uid'));
    case 'name':
      return textCondition(source, comparison, sql.ref('r.name'));
    case 'user':
      return textCondition(source, comparison, sql.ref('r.user_id'));
    case 'status':
      return statusCondition(source, comparison);
    case 'startedAt':
      return numberCondition(source, comparison, sql.ref('r.start_at'));
    case 'endedAt':
      return numberCondition(source, comparison, sql.ref('r.end_at'));
    default:
      return refuse(
        source,
        comparison,
        `"${comparison.key}" is not an attribute of a run; use id, name, user, status, startedAt or endedAt`,
      );
  }
}

const datasetTagPrefix = 'tag.';

function datasetCondition(source: FilterSource, comparison: Comparison): Sql {
  const { key } = comparison;
  const column = (): Sql => {
    if (key === 'name' || key === 'digest') return sql.ref(`d.${key}`);
    if (!key.startsWith(datasetTagPrefix))
      return refuse(source, comparison, `"${key}" is not an attribute of a dataset; use name, digest or tag.<key>`);
    const tag = key.slice(datasetTagPrefix.length);
    return source.dialect === 'postgres'
      ? sql`(i.tags::json ->> ${tag})`
      : sql`json_extract(i.tags, ${`$."${tag.replaceAll('"', '')}"`})`;
  };
  return sql`exists (select 1 from tracking_input i join tracking_dataset d on d.id = i.dataset_id
    where i.run_id = r.id and ${textCondition(source, comparison, column())})`;
}

function comparisonCondition(source: FilterSource, comparison: Comparison): Sql {
  switch (comparison.entity) {
    case 'metric': {
      const isNotEqual = comparison.test.op === '!=';
      const value = numberCondition(source, comparison, sql.ref('m.value'));
      return sql`exists (select 1 from tracking_metric_latest m where m.run_id = r.id
        and m.key_id = ${keyIdOf(comparison.key)} and ${isNotEqual ? sql`(m.is_nan = 1 or ${value})` : sql`m.is_nan = 0 and ${value}`})`;
    }
    case 'param':
      return keyedText(source, comparison, 'tracking_param');
    case 'tag':
      return keyedText(source, comparison, 'tracking_tag');
    case 'dataset':
      return datasetCondition(source, comparison);
    default:
      return attributeCondition(source, comparison);
  }
}

export const runCondition = (source: FilterSource, filter: Filter): RawBuilder<unknown> =>
  filterCondition(filter, (comparison) => comparisonCondition(source, comparison));

/** The comparisons that every match must satisfy. */
export function conjuncts(filter: Filter | undefined): readonly Comparison[] {
  if (filter === undefined) return [];
  if (filter.kind === 'comparison') return [filter];
  return filter.kind === 'and' ? filter.parts.flatMap((part) => conjuncts(part)) : [];
}

/**
 * The index range of one comparison, as a statement that selects `run_id`; undefined when no index serves it. A superset
 * of the matches: the filter itself is still applied.
 */
export function indexRange(comparison: Comparison, experiments: RawBuilder<unknown>): Sql | undefined {
  const { test, key } = comparison;
  if (comparison.entity === 'metric' && isMetricRange(test)) {
    return sql`select run_id from tracking_metric_latest where ${experiments} and key_id = ${keyIdOf(key)}
      and is_nan = 0 and ${compared(sql.ref('value'), test.op, test.value)}`;
  }
  if (
    (comparison.entity === 'param' || comparison.entity === 'tag') &&
    test.op === '=' &&
    typeof test.value === 'string'
  ) {
    return sql`select run_id from ${sql.table(`tracking_${comparison.entity}`)} where ${experiments}
      and key_id = ${keyIdOf(key)} and value_head = ${valueHead(test.value)}`;
  }
  return undefined;
}

function isMetricRange(
  test: FilterTest,
): test is { readonly op: '=' | '<' | '<=' | '>' | '>='; readonly value: number } {
  return ['=', '<', '<=', '>', '>='].includes(test.op) && 'value' in test && typeof test.value === 'number';
}
