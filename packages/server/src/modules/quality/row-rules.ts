/** Rules that each row keeps or breaks by itself, or by comparison with others (uniqueness). */
import type { Expectation } from '@slipway/contract';
import { sqlText } from '../../platform/analytics/analytics.ts';
import { columnsOf } from './expression.ts';
import { outside } from './range.ts';
import type { Scope, Value } from './scope.ts';
import { and, literal, RuleProblem } from './scope.ts';
import type { Rule } from './suite.ts';

export type RowSpec = Extract<Expectation, { mostly: number }>;

interface RowParts {
  readonly values: readonly Value[];
  readonly considered: string;
  readonly unexpected: string;
  readonly observed?: string;
  readonly shown: readonly string[];
}

function uniqueParts(scope: Scope, where: Value, columns: readonly string[]): RowParts {
  const values = columns.map((c) => scope.get(c));
  const filter = where.sql === 'TRUE' ? '' : ` FILTER (WHERE ${where.sql})`;
  const size = scope.window(
    `count(*)${filter}`,
    [where, ...values],
    values.map((v) => v.sql),
  );
  const considered = values.map((v) => `${v.sql} IS NOT NULL`).join(' OR ');
  const rows = and(where.sql, considered, `${size.sql} > 1`);
  return {
    values: [size],
    considered,
    unexpected: `${size.sql} > 1`,
    // Rows that repeat an earlier one: all members of the groups, less one for each group.
    observed: `count(*) FILTER (WHERE ${rows}) - CAST(round(coalesce(sum(1.0 / ${size.sql}) FILTER (WHERE ${rows}), 0)) AS BIGINT)`,
    shown: columns,
  };
}

export function rowParts(scope: Scope, spec: RowSpec, rule: Rule, where: Value): RowParts {
  const one = (column: string, unexpected: (v: string) => string): RowParts => {
    const v = scope.get(column);
    return { values: [v], considered: `${v.sql} IS NOT NULL`, unexpected: unexpected(v.sql), shown: [column] };
  };
  switch (spec.type) {
    case 'expect_column_values_to_not_be_null':
    case 'expect_column_values_to_be_null': {
      const v = scope.get(spec.column);
      const bad = spec.type === 'expect_column_values_to_be_null' ? 'IS NOT NULL' : 'IS NULL';
      return { values: [v], considered: 'TRUE', unexpected: `${v.sql} ${bad}`, shown: [spec.column] };
    }
    case 'expect_column_values_to_be_in_set':
      return one(spec.column, (v) => `${v} NOT IN (${spec.value_set.map(literal).join(', ')})`);
    case 'expect_column_values_to_not_be_in_set':
      return one(spec.column, (v) => `${v} IN (${spec.value_set.map(literal).join(', ')})`);
    case 'expect_column_values_to_be_between':
      return one(spec.column, (v) => outside(v, spec));
    case 'expect_column_value_lengths_to_be_between':
      return one(spec.column, (v) => outside(`length(${v})`, spec));
    case 'expect_column_values_to_match_regex':
      return one(spec.column, (v) => `NOT regexp_matches(${v}, ${sqlText(spec.regex)})`);
    case 'expect_column_values_to_not_match_regex':
      return one(spec.column, (v) => `regexp_matches(${v}, ${sqlText(spec.regex)})`);
    case 'expect_column_values_to_be_unique':
      return uniqueParts(scope, where, [spec.column]);
    case 'expect_compound_columns_to_be_unique':
      return uniqueParts(scope, where, spec.column_list);
    case 'expect_column_pair_values_to_be_equal':
    case 'expect_column_pair_values_a_to_be_greater_than_b': {
      const [a, b] = [scope.get(spec.column_A), scope.get(spec.column_B)];
      const equal = spec.type === 'expect_column_pair_values_to_be_equal';
      const op = equal ? '=' : spec.or_equal ? '>=' : '>';
      const considered = equal
        ? `${a.sql} IS NOT NULL OR ${b.sql} IS NOT NULL`
        : and(`${a.sql} IS NOT NULL`, `${b.sql} IS NOT NULL`);
      return {
        values: [a, b],
        considered,
        unexpected: `NOT coalesce(${a.sql} ${op} ${b.sql}, false)`,
        shown: [spec.column_A, spec.column_B],
      };
    }
    case 'expect_row_condition': {
      if (rule.condition === undefined) throw new RuleProblem('the condition is missing');
      const v = scope.expr(rule.condition);
      return {
        values: [v],
        considered: `${v.sql} IS NOT NULL`,
        unexpected: `NOT ${v.sql}`,
        shown: [...columnsOf(rule.condition)],
      };
    }
  }
}

export function isRowSpec(spec: Expectation): spec is RowSpec {
  return 'mostly' in spec;
}
