/**
 * Compiles the rules of one table to SQL. Each rule becomes a few aggregate columns of one SELECT (`scan-sql.ts`): counts with
 * FILTER for row rules, the aggregate itself for the others. Rules that look at other rows (uniqueness, groups, previous row)
 * read window columns of an inner SELECT, which DuckDB computes in the same pass over the files. Only the columns that some rule
 * names are read.
 */
import type { ColumnSchema, Expectation } from '@slipway/contract';
import { aggregate, groupCheck, isAggregateSpec } from './aggregate-rules.ts';
import type { Check, CheckBase } from './check.ts';
import { columnsOf } from './expression.ts';
import { excessOf, outside } from './range.ts';
import { isRowSpec, rowParts } from './row-rules.ts';
import type { CompileContext, Value } from './scope.ts';
import { and, literal, merge, RuleProblem, Scope } from './scope.ts';
import type { Rule } from './suite.ts';

export interface Compiled {
  readonly checks: readonly Check[];
  readonly problems: ReadonlyMap<Rule, string>;
}

/** Rules about the columns alone are settled without a scan. */
function schemaCheck(spec: Expectation, rule: Rule, schema: readonly ColumnSchema[]): Check | undefined {
  const base = { kind: 'schema', rule, windows: [], shown: [] } as const;
  const names = schema.map((c) => c.name);
  if (spec.type === 'expect_column_to_exist') {
    const success = names.includes(spec.column);
    return { ...base, success, observed: success ? 'there' : 'missing' };
  }
  if (spec.type === 'expect_table_columns_to_match_set') {
    const missing = spec.column_set.filter((c) => !names.includes(c));
    const extra = spec.exact_match ? names.filter((c) => !spec.column_set.includes(c)) : [];
    const found = [...missing.map((c) => `${c} missing`), ...extra.map((c) => `${c} not expected`)];
    return { ...base, success: found.length === 0, observed: found.length === 0 ? 'all there' : found.join(', ') };
  }
  if (spec.type === 'expect_column_values_to_be_of_type') {
    const found = schema.find((c) => c.name === spec.column)?.type;
    return { ...base, success: found === spec.type_.toUpperCase(), observed: found ?? 'missing' };
  }
  return undefined;
}

function compileRule(scope: Scope, context: CompileContext, rule: Rule): Check {
  const { spec } = rule;
  const schema = schemaCheck(spec, rule, context.schema);
  if (schema !== undefined) return schema;
  const where: Value =
    rule.where === undefined
      ? { sql: 'TRUE', level: 0, windows: [] }
      : ((v) => ({ ...v, sql: `coalesce(${v.sql}, false)` }))(scope.expr(rule.where));
  const present = (names: readonly string[]): CheckBase['shown'] => {
    const all = [...new Set([...context.table.key.filter((k) => scope.has(k)), ...names])];
    return all.map((name) => ({ name, sql: scope.get(name).sql }));
  };
  if (isRowSpec(spec)) {
    const parts = rowParts(scope, spec, rule, where);
    const shown = present([...parts.shown, ...(rule.where === undefined ? [] : columnsOf(rule.where))]);
    const shownValues = shown.map((s) => scope.get(s.name));
    return {
      kind: 'rows',
      rule,
      windows: merge([where, ...parts.values, ...shownValues]).windows,
      shown,
      elements: where.sql,
      considered: and(where.sql, parts.considered),
      unexpected: and(where.sql, parts.considered, parts.unexpected),
      observed: parts.observed,
      mostly: spec.mostly,
    };
  }
  const filter = where.sql === 'TRUE' ? '' : ` FILTER (WHERE ${where.sql})`;
  if (spec.type === 'expect_column_distinct_values_to_contain_set') {
    const v = scope.get(spec.column);
    const present = spec.value_set.map((x) => `count(*) FILTER (WHERE ${and(where.sql, `${v.sql} = ${literal(x)}`)})`);
    return {
      kind: 'contains',
      rule,
      windows: merge([where, v]).windows,
      shown: [],
      elements: where.sql,
      present,
      values: spec.value_set,
    };
  }
  if (!isAggregateSpec(spec)) throw new RuleProblem(`"${spec.type}" is not known`);
  if ('group_by' in spec && spec.group_by !== undefined) {
    return groupCheck(scope, rule, { ...spec, group_by: spec.group_by }, where);
  }
  const v: Value = 'column' in spec ? scope.get(spec.column) : { sql: '1', level: 0, windows: [] };
  const value = aggregate(spec, v.sql, filter);
  return {
    kind: 'aggregate',
    rule,
    windows: merge([where, v]).windows,
    shown: [],
    elements: where.sql,
    missing: and(where.sql, `${v.sql} IS NULL`),
    value,
    holds: `NOT coalesce(${outside(value, spec)}, true)`,
    excess: excessOf(value, spec),
  };
}

/** Compiles every rule; a rule that names what is not there becomes a problem of its own and stops no other. */
export function compileTable(context: CompileContext): Compiled {
  const scope = new Scope(context);
  const problems = new Map<Rule, string>();
  const broken = new Map<string, string>();
  for (const computed of context.table.computed) {
    try {
      scope.declare(computed);
    } catch (cause) {
      if (!(cause instanceof RuleProblem)) throw cause;
      broken.set(computed.name, cause.message);
    }
  }
  const checks: Check[] = [];
  for (const rule of context.table.rules) {
    try {
      checks.push(compileRule(scope, context, rule));
    } catch (cause) {
      if (!(cause instanceof RuleProblem)) throw cause;
      const culprit = [...broken].find(([name]) => cause.message.endsWith(`"${name}"`));
      problems.set(rule, culprit === undefined ? cause.message : `computed value "${culprit[0]}": ${culprit[1]}`);
    }
  }
  return { checks, problems };
}
