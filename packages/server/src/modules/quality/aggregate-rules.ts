/** Rules about one figure of the whole table, or of each group of its rows. */
import type { Expectation } from '@slipway/contract';
import { sqlText } from '../../platform/analytics/analytics.ts';
import type { Check } from './check.ts';
import { excessOf, outside } from './range.ts';
import type { RowSpec } from './row-rules.ts';
import { isRowSpec } from './row-rules.ts';
import type { Scope, Value } from './scope.ts';
import { and, literal, merge } from './scope.ts';
import type { Rule } from './suite.ts';

export type AggregateSpec = Exclude<
  Expectation,
  | RowSpec
  | { value_set: unknown }
  | { type: 'expect_column_to_exist' | 'expect_table_columns_to_match_set' | 'expect_column_values_to_be_of_type' }
>;

/** The aggregate as SQL, given the FILTER clause that narrows it. */
export function aggregate(spec: AggregateSpec, v: string, filter: string): string {
  const call = (name: string): string => `${name}(${v})${filter}`;
  const asNumber = (name: string): string => `${name}(CAST(${v} AS DOUBLE))${filter}`;
  switch (spec.type) {
    case 'expect_table_row_count_to_be_between':
      return `count(*)${filter}`;
    case 'expect_column_mean_to_be_between':
      return asNumber('avg');
    case 'expect_column_median_to_be_between':
      return call('median');
    case 'expect_column_min_to_be_between':
      return call('min');
    case 'expect_column_max_to_be_between':
      return call('max');
    case 'expect_column_sum_to_be_between':
      return call('sum');
    case 'expect_column_stdev_to_be_between':
      return asNumber('stddev_samp');
    case 'expect_column_spread_to_be_between':
      return `(${call('max')} - ${call('min')})`;
    case 'expect_column_unique_value_count_to_be_between':
      return `count(DISTINCT ${v})${filter}`;
    case 'expect_column_proportion_of_unique_values_to_be_between':
      return `coalesce(count(DISTINCT ${v})${filter} / count(${v})${filter}, 0)`;
    case 'expect_column_proportion_of_non_null_values_to_be_between':
      return `(count(${v})${filter} / count(*)${filter})`;
  }
}

/** The same aggregate as a window: the spread and the share are made of two calls, each with its own OVER. */
function groupWindow(
  scope: Scope,
  spec: AggregateSpec,
  of: { readonly value: Value; readonly where: Value; readonly groups: readonly Value[] },
): Value {
  const { value, where, groups } = of;
  const partition = groups.map((g) => g.sql);
  const parts = [value, where, ...groups];
  const filter = where.sql === 'TRUE' ? '' : ` FILTER (WHERE ${where.sql})`;
  const over = (sql: string): Value => scope.window(`${sql}${filter}`, parts, partition);
  const both = (a: string, op: string, b: string): Value => {
    const [left, right] = [over(a), over(b)];
    return { ...merge([left, right]), sql: `(${left.sql} ${op} ${right.sql})` };
  };
  if (spec.type === 'expect_column_spread_to_be_between') return both(`max(${value.sql})`, '-', `min(${value.sql})`);
  if (spec.type === 'expect_column_proportion_of_non_null_values_to_be_between')
    return both(`count(${value.sql})`, '/', 'count(*)');
  return scope.window(aggregate(spec, value.sql, filter), parts, partition);
}

export function groupCheck(
  scope: Scope,
  rule: Rule,
  spec: AggregateSpec & { group_by: readonly string[] },
  where: Value,
): Check {
  const groups = spec.group_by.map((g) => scope.get(g));
  const source: Value = 'column' in spec ? scope.get(spec.column) : { sql: 'NULL', level: 0, windows: [] };
  const value = groupWindow(scope, spec, { value: source, where, groups });
  const first = scope.window(
    'row_number()',
    [where, ...groups],
    [...groups.map((g) => g.sql), ...(where.sql === 'TRUE' ? [] : [where.sql])],
  );
  const elements = and(where.sql, `${first.sql} = 1`);
  const own = 'bounds' in spec ? spec.bounds : undefined;
  const bad =
    own === undefined
      ? outside(value.sql, spec)
      : `NOT coalesce(${ownRange(groups[0]?.sql ?? '', value.sql, own)}, false)`;
  return {
    kind: 'groups',
    rule,
    windows: merge([value, first, where, ...groups]).windows,
    elements,
    unexpected: `coalesce(${bad}, true)`,
    value: value.sql,
    excess: own === undefined ? excessOf(value.sql, spec) : 'CAST(NULL AS DOUBLE)',
    shown: [
      ...spec.group_by.map((name, i) => ({ name, sql: groups[i]?.sql ?? 'NULL' })),
      { name: 'observed', sql: value.sql },
    ],
  };
}

function ownRange(
  group: string,
  value: string,
  bounds: Readonly<Record<string, readonly [string | number, string | number]>>,
): string {
  const cases = Object.entries(bounds).map(
    ([key, [low, high]]) => `WHEN ${sqlText(key)} THEN ${value} >= ${literal(low)} AND ${value} <= ${literal(high)}`,
  );
  return `CASE CAST(${group} AS VARCHAR) ${cases.join(' ')} END`;
}

export function isAggregateSpec(spec: Expectation): spec is AggregateSpec {
  return spec.type.endsWith('_to_be_between') && !isRowSpec(spec);
}
