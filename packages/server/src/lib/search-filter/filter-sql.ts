/**
 * Parts of search filters as SQL for both databases: comparisons with a column, lists of any length, and the tree's AND, OR and NOT.
 * Text comparison is by value; LIKE is case-sensitive on both databases, ILIKE on neither.
 */
import type { RawBuilder } from 'kysely';
import { sql } from 'kysely';
import type { Comparison, ComparisonOperator, Filter } from './search-filter.ts';
import { filterError } from './search-filter.ts';

type Dialect = 'sqlite' | 'postgres';
type Sql = RawBuilder<unknown>;

/** `column in (…)` for a list of any length. */
export function inList(
  dialect: Dialect,
  column: RawBuilder<unknown>,
  values: readonly string[] | readonly number[],
): RawBuilder<boolean> {
  const json = JSON.stringify(values);
  if (dialect === 'sqlite') return sql`${column} in (select value from json_each(${json}))`;
  // The type of an empty list is not known, and nothing is in it.
  if (values.length === 0) return sql`false`;
  const type = sql.raw(typeof values[0] === 'number' ? 'bigint' : 'text');
  // An array is computed once and looked up by index; a plain subquery may become a scan with a hash.
  return sql`${column} = any(array(select value::${type} from json_array_elements_text(${json}::json)))`;
}

/** What a comparison's refusal is reported with. */
export interface FilterSource {
  readonly text: string;
  readonly dialect: Dialect;
}

function refuse(source: FilterSource, comparison: Comparison, problem: string): never {
  throw filterError(source.text, comparison.position, problem);
}

const operators: Readonly<Record<string, Sql>> = {
  '=': sql`=`,
  '!=': sql`<>`,
  '<': sql`<`,
  '<=': sql`<=`,
  '>': sql`>`,
  '>=': sql`>=`,
};

export function compared(column: Sql, op: ComparisonOperator, value: string | number): Sql {
  return sql`${column} ${operators[op] as Sql} ${value}`; // callers pass the six symbols only
}

export function numberCondition(source: FilterSource, comparison: Comparison, column: Sql): Sql {
  const { test, key } = comparison;
  if (!('value' in test) || typeof test.value !== 'number' || test.op === 'like' || test.op === 'ilike')
    return refuse(source, comparison, `"${key}" is a number: compare it with =, !=, <, <=, > or >= and a bare number`);
  // PostgreSQL would read 0.5 as the type of the column, which may be an integer.
  return source.dialect === 'postgres'
    ? sql`${column} ${operators[test.op]} ${test.value}::float8`
    : compared(column, test.op, test.value);
}

/** GLOB is SQLite's case-sensitive LIKE. */
const globOf = (pattern: string): string => pattern.replace(/[*?[]/g, '[$&]').replaceAll('%', '*').replaceAll('_', '?');

function likeCondition(dialect: Dialect, column: Sql, op: 'like' | 'ilike', pattern: string): Sql {
  if (dialect === 'postgres')
    return op === 'like' ? sql`${column} like ${pattern} escape ''` : sql`${column} ilike ${pattern} escape ''`;
  return op === 'like' ? sql`${column} glob ${globOf(pattern)}` : sql`${column} like ${pattern}`;
}

/** The value as text; LIKE and ordered comparison included where `isOrdered`. */
export function textCondition(source: FilterSource, comparison: Comparison, column: Sql): Sql {
  const { test, key } = comparison;
  const quoted = (): never => refuse(source, comparison, `"${key}" is a text: put the value in quotes`);
  switch (test.op) {
    case 'is null':
      return sql`${column} is null`;
    case 'is not null':
      return sql`${column} is not null`;
    case 'in':
    case 'not in': {
      const values = test.values.map((value) => (typeof value === 'string' ? value : quoted()));
      const among = inList(source.dialect, column, values);
      return test.op === 'in' ? among : sql`not (${among})`;
    }
    case 'like':
    case 'ilike':
      if (typeof test.value !== 'string') return quoted();
      return likeCondition(source.dialect, column, test.op, test.value);
    case '=':
    case '!=':
      if (typeof test.value !== 'string') return quoted();
      return compared(column, test.op, test.value);
    case '<':
    case '<=':
    case '>':
    case '>=':
      return refuse(source, comparison, `"${key}" is a text: use =, !=, LIKE, ILIKE, IN, NOT IN or IS NULL`);
  }
}

export function filterCondition(
  filter: Filter,
  one: (comparison: Comparison) => RawBuilder<unknown>,
): RawBuilder<unknown> {
  switch (filter.kind) {
    case 'comparison':
      return sql`(${one(filter)})`;
    case 'not':
      // An unknown (a comparison with a missing value) is false, so its negation is true.
      return sql`(not (${filterCondition(filter.part, one)} is true))`;
    case 'and':
      return sql`(${sql.join(
        filter.parts.map((p) => filterCondition(p, one)),
        sql` and `,
      )})`;
    case 'or':
      return sql`(${sql.join(
        filter.parts.map((p) => filterCondition(p, one)),
        sql` or `,
      )})`;
  }
}
