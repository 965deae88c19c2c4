/**
 * Compiles the rules of one table to SQL, so that one scan answers all of them.
 *
 * Each rule becomes a few aggregate columns of one SELECT: counts with FILTER for row rules, the aggregate itself for the
 * others. Rules that look at other rows (uniqueness, groups, previous row) read window columns of an inner SELECT, which
 * DuckDB computes in the same pass over the files. Only the columns that some rule names are read.
 *
 *   SELECT filename, <aggregates of every rule> FROM (SELECT *, <windows> FROM <relation>) GROUP BY filename
 *
 * `relation` is any SQL relation with the columns of `schema` and beside them `filename` and `file_row_number`.
 */
import type { ColumnSchema, Expectation } from '@slipway/contract';
import { sqlName, sqlText } from '../../platform/analytics/analytics.ts';
import { columnsOf, expressionSql } from './expression.ts';
import type { Expr } from './expression.ts';
import type { Computed, ParsedTable, Rule } from './suite.ts';

/** The rule cannot be asked of this data; the message says why. */
export class RuleProblem extends Error {}

/** A window column: computed at `level`, from columns of lower levels. */
interface Window {
  readonly name: string;
  readonly level: number;
  readonly sql: string;
}

interface Value {
  readonly sql: string;
  readonly level: number;
  /** Windows that must be present, transitively. */
  readonly windows: readonly Window[];
}

interface Base {
  readonly rule: Rule;
  readonly windows: readonly Window[];
  /** Names shown in samples, with their SQL. */
  readonly shown: readonly { readonly name: string; readonly sql: string }[];
}

export type Check = Base &
  (
    | {
        readonly kind: 'rows';
        /** Rows that count as elements, rows with a value among them, and those that break the rule: SQL booleans. */
        readonly elements: string;
        readonly considered: string;
        readonly unexpected: string;
        /** An aggregate shown as observed value, where one says more than the count. */
        readonly observed: string | undefined;
        readonly mostly: number;
      }
    | {
        readonly kind: 'aggregate';
        readonly elements: string;
        readonly missing: string;
        readonly value: string;
        readonly holds: string;
        /** How far outside its range, in units of the value; negative inside. NULL when it is not a number. */
        readonly excess: string;
      }
    | {
        readonly kind: 'groups';
        /** True on one row of each group. */
        readonly elements: string;
        readonly unexpected: string;
        readonly value: string;
        readonly excess: string;
      }
    | {
        readonly kind: 'contains';
        readonly elements: string;
        readonly present: readonly string[];
        readonly values: readonly unknown[];
      }
    | { readonly kind: 'schema'; readonly success: boolean; readonly observed: string }
  );

export interface CompileContext {
  readonly table: ParsedTable;
  readonly schema: readonly ColumnSchema[];
  /** Windows must not look across files. */
  readonly perFile: boolean;
}

export interface Compiled {
  readonly checks: readonly Check[];
  readonly problems: ReadonlyMap<Rule, string>;
}

const literal = (value: string | number | boolean): string => {
  if (typeof value === 'string') return sqlText(value);
  if (typeof value === 'boolean') return value ? 'TRUE' : 'FALSE';
  return Number.isSafeInteger(value) ? String(value) : `CAST('${value}' AS DOUBLE)`;
};

/** Names of a table: raw columns and computed values, each with SQL, window level and the windows it needs. */
class Scope {
  readonly #values = new Map<string, Value>();
  readonly #perFile: boolean;
  readonly #table: string;
  #windowCount = 0;
  constructor(context: CompileContext) {
    this.#perFile = context.perFile;
    this.#table = context.table.table;
    for (const column of context.schema) {
      this.#values.set(column.name, { sql: sqlName(column.name), level: 0, windows: [] });
    }
  }

  get(name: string): Value {
    const value = this.#values.get(name);
    if (value !== undefined) return value;
    throw new RuleProblem(`table "${this.#table}" has no column or computed value "${name}"`);
  }
  has(name: string): boolean {
    return this.#values.has(name);
  }
  expr(expr: Expr): Value {
    const parts = [...columnsOf(expr)].map((name) => this.get(name));
    return { ...merge(parts), sql: expressionSql(expr, (name) => this.get(name).sql) };
  }
  /** Adds a window column over `parts`; `over` is what stands between the parentheses of OVER, without the partition. */
  window(call: string, parts: readonly Value[], partition: readonly string[], order = ''): Value {
    const merged = merge(parts);
    const by = this.#perFile ? ['filename', ...partition] : partition;
    const name = `__w${this.#windowCount++}`;
    const partitionSql = by.length > 0 ? `PARTITION BY ${by.join(', ')}` : '';
    const window = { name, level: merged.level + 1, sql: `${call} OVER (${partitionSql} ${order})` };
    return { sql: sqlName(name), level: window.level, windows: [...merged.windows, window] };
  }
  declare(computed: Computed): void {
    if (this.has(computed.name))
      throw new RuleProblem(`"${computed.name}" is the name of a column or computed value already`);
    const value = this.expr(computed.value);
    if (computed.kind === 'expression') {
      this.#values.set(computed.name, value);
      return;
    }
    const per = computed.per.map((name) => this.get(name));
    const partition = per.map((p) => p.sql);
    if (computed.kind === 'previous') {
      const order = this.get(computed.order);
      const sql = `lag(${value.sql})`;
      this.#values.set(computed.name, this.window(sql, [value, order, ...per], partition, `ORDER BY ${order.sql}`));
      return;
    }
    const call = computed.kind === 'median' ? 'median' : 'avg';
    this.#values.set(computed.name, this.window(`${call}(${value.sql})`, [value, ...per], partition));
  }
}

function merge(values: readonly Value[]): Omit<Value, 'sql'> {
  return {
    level: Math.max(0, ...values.map((v) => v.level)),
    windows: [...new Set(values.flatMap((v) => v.windows))],
  };
}

const and = (...parts: readonly string[]): string => {
  const real = parts.filter((p) => p !== 'TRUE');
  return real.length === 0 ? 'TRUE' : real.map((p) => `(${p})`).join(' AND ');
};

interface Range {
  readonly min_value?: string | number | undefined;
  readonly max_value?: string | number | undefined;
  readonly strict_min: boolean;
  readonly strict_max: boolean;
}

function outside(value: string, range: Range): string {
  const low =
    range.min_value === undefined ? [] : [`${value} ${range.strict_min ? '<=' : '<'} ${literal(range.min_value)}`];
  const high =
    range.max_value === undefined ? [] : [`${value} ${range.strict_max ? '>=' : '>'} ${literal(range.max_value)}`];
  return [...low, ...high].map((x) => `(${x})`).join(' OR ');
}

function excessOf(value: string, range: { min_value?: unknown; max_value?: unknown }): string {
  const sides: string[] = [];
  if (typeof range.min_value === 'number') sides.push(`${literal(range.min_value)} - ${value}`);
  if (typeof range.max_value === 'number') sides.push(`${value} - ${literal(range.max_value)}`);
  const allNumbers = [range.min_value, range.max_value].every((b) => b === undefined || typeof b === 'number');
  if (sides.length === 0 || !allNumbers) return 'CAST(NULL AS DOUBLE)';
  return `CAST(${sides.length === 1 ? sides[0] : `greatest(${sides.join(', ')})`} AS DOUBLE)`;
}

type RowSpec = Extract<Expectation, { mostly: number }>;

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

function rowParts(scope: Scope, spec: RowSpec, rule: Rule, where: Value): RowParts {
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

type AggregateSpec = Exclude<
  Expectation,
  | RowSpec
  | { value_set: unknown }
  | { type: 'expect_column_to_exist' | 'expect_table_columns_to_match_set' | 'expect_column_values_to_be_of_type' }
>;

/** The aggregate as SQL, given the FILTER clause that narrows it. */
function aggregate(spec: AggregateSpec, v: string, filter: string): string {
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

function groupCheck(
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

function isRowSpec(spec: Expectation): spec is RowSpec {
  return 'mostly' in spec;
}

function compileRule(scope: Scope, context: CompileContext, rule: Rule): Check {
  const { spec } = rule;
  const schema = schemaCheck(spec, rule, context.schema);
  if (schema !== undefined) return schema;
  const where: Value =
    rule.where === undefined
      ? { sql: 'TRUE', level: 0, windows: [] }
      : ((v) => ({ ...v, sql: `coalesce(${v.sql}, false)` }))(scope.expr(rule.where));
  const present = (names: readonly string[]): Base['shown'] => {
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

function isAggregateSpec(spec: Expectation): spec is AggregateSpec {
  return spec.type.endsWith('_to_be_between') && !isRowSpec(spec);
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

/** The relation with the window columns that these checks need. */
function inner(relation: string, checks: readonly Check[]): string {
  const windows = [...new Set(checks.flatMap((c) => c.windows))];
  const levels = [...new Set(windows.map((w) => w.level))].sort((a, b) => a - b);
  let from = relation;
  for (const level of levels) {
    const columns = windows.filter((w) => w.level === level).map((w) => `${w.sql} AS ${sqlName(w.name)}`);
    from = `(SELECT *, ${columns.join(', ')} FROM ${from})`;
  }
  return from;
}

/** One SELECT that answers all checks: a row per file when `perFile`, else one row. Columns are `c<check>_<what>`. */
export function scanSql(relation: string, checks: readonly Check[], perFile: boolean): string {
  const columns: string[] = perFile ? ['filename'] : [];
  const count = (condition: string): string => `count(*) FILTER (WHERE ${condition})`;
  checks.forEach((check, i) => {
    const put = (what: string, sql: string): void => void columns.push(`${sql} AS c${i}_${what}`);
    switch (check.kind) {
      case 'rows':
        put('n', count(check.elements));
        put('considered', count(check.considered));
        put('unexpected', count(check.unexpected));
        if (check.observed !== undefined) put('observed', check.observed);
        return;
      case 'aggregate':
        put('n', count(check.elements));
        put('missing', count(check.missing));
        put('observed', check.value);
        put('holds', check.holds);
        put('excess', check.excess);
        return;
      case 'groups':
        put('n', count(check.elements));
        put('unexpected', count(and(check.elements, check.unexpected)));
        put(
          'observed',
          `coalesce(arg_max(${check.value}, (${check.unexpected}, ${check.excess})) FILTER (WHERE ${check.elements}), min(${check.value}) FILTER (WHERE ${check.elements}))`,
        );
        put('excess', `max(${check.excess}) FILTER (WHERE ${check.elements})`);
        return;
      case 'contains':
        put('n', count(check.elements));
        put('present', `[${check.present.join(', ')}]`);
        return;
      case 'schema':
        return;
    }
  });
  if (columns.length === (perFile ? 1 : 0)) columns.push('count(*) AS rows');
  return `SELECT ${columns.join(',\n  ')}\nFROM ${inner(relation, checks)}${perFile ? '\nGROUP BY filename' : ''}`;
}

/** The rows that break a check (one of each group that does), as a relation and a condition on it. Undefined where no row can be named. */
export function failingRowsSql(
  relation: string,
  check: Check,
): { readonly relation: string; readonly condition: string } | undefined {
  if (check.kind !== 'rows' && check.kind !== 'groups') return undefined;
  const condition = check.kind === 'rows' ? check.unexpected : and(check.elements, check.unexpected);
  return { relation: inner(relation, [check]), condition };
}

/** A check whose failing rows are wanted, from these files only (all, when undefined). */
export interface SampleWish {
  readonly check: Check;
  readonly paths: readonly string[] | undefined;
}

/** One SELECT that brings the first failing rows (or groups) of these checks, in the order of `paths` and of the rows in each file. */
export function sampleSql(
  relation: string,
  wishes: readonly SampleWish[],
  options: { readonly paths: readonly string[]; readonly limit: number },
): string {
  const list = (paths: readonly string[]): string => paths.map(sqlText).join(', ');
  const place = `(list_position([${list(options.paths)}], filename), file_row_number)`;
  const columns = wishes.map(({ check, paths }, i) => {
    if (check.kind !== 'rows' && check.kind !== 'groups') return `NULL AS c${i}`;
    const fields = check.shown.map((s) => `${sqlName(s.name)} := ${s.sql}`);
    if (options.paths.length > 1) fields.push(`__file := filename`);
    const failing = check.kind === 'rows' ? check.unexpected : and(check.elements, check.unexpected);
    const here = paths === undefined ? 'TRUE' : `filename IN (${list(paths)})`;
    return `arg_min(struct_pack(${fields.join(', ')}), ${place}, ${options.limit}) FILTER (WHERE ${and(failing, here)}) AS c${i}`;
  });
  const checks = wishes.map((w) => w.check);
  return `SELECT ${columns.join(',\n  ')}\nFROM ${inner(relation, checks)}`;
}
