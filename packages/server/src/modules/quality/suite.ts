/** A suite as declared, checked beyond its shape: expressions parse, names are declared before use, ids are unique, ranges have a bound. */
import type { ComputedValue, Expectation, SuiteSpec } from '@slipway/contract';
import { SlipwayError, SuiteSpec as SuiteSchema } from '@slipway/contract';
import type { z } from 'zod';
import type { Expr } from './expression.ts';
import { ExpressionError, parseExpression } from './expression.ts';

export type Computed =
  | { readonly name: string; readonly kind: 'expression'; readonly value: Expr }
  | {
      readonly name: string;
      readonly kind: 'previous';
      readonly value: Expr;
      readonly per: readonly string[];
      readonly order: string;
    }
  | { readonly name: string; readonly kind: 'median' | 'mean'; readonly value: Expr; readonly per: readonly string[] };

/** One expectation with its id, its place in the suite and its parsed expressions. */
export interface Rule {
  readonly id: string;
  readonly table: string;
  readonly spec: Expectation;
  readonly where: Expr | undefined;
  /** Of `expect_row_condition`. */
  readonly condition: Expr | undefined;
}

export interface ParsedTable {
  readonly table: string;
  readonly key: readonly string[];
  readonly computed: readonly Computed[];
  readonly rules: readonly Rule[];
}

export interface ParsedSuite {
  readonly each: 'table' | 'file';
  readonly tables: readonly ParsedTable[];
}

const fail = (path: string, problem: string): never => {
  throw new SlipwayError('suite_invalid', { path, problem });
};

function zodProblem(error: z.ZodError): { path: string; problem: string } {
  let issue = error.issues[0];
  const path = [...(issue?.path ?? [])];
  // A union's own message says only "Invalid input": the deepest issue of its closest branch says what is wrong.
  while (issue?.code === 'invalid_union' && issue.errors.length > 0) {
    const branches = issue.errors.filter((b) => b.length > 0);
    const closest = branches.sort((a, b) => (b[0]?.path.length ?? 0) - (a[0]?.path.length ?? 0))[0];
    if (closest?.[0] === undefined) break;
    issue = closest[0];
    path.push(...issue.path);
  }
  return { path: path.map(String).join('.') || '(the whole suite)', problem: issue?.message ?? 'it has another shape' };
}

/** The declared content without its parsed form: what is stored and hashed. Throws `suite_invalid` with the path. */
export function parseSuiteSpec(value: unknown): SuiteSpec {
  const parsed = SuiteSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path, problem } = zodProblem(parsed.error);
  return fail(path, unknownType(value, path) ?? problem);
}

/** A misspelt type answers with the name that was meant. */
function unknownType(value: unknown, path: string): string | undefined {
  if (!path.endsWith('.type')) return undefined;
  let at: unknown = value;
  for (const step of path.split('.')) at = typeof at === 'object' && at !== null ? Reflect.get(at, step) : undefined;
  const known = expectationTypes();
  const near = known
    .filter((k) => typeof at === 'string' && distance(k, at) <= 6)
    .sort((a, b) => distance(a, String(at)) - distance(b, String(at)));
  return `there is no expectation "${String(at)}"; ${near[0] === undefined ? `there are ${known.join(', ')}` : `did you mean ${near[0]}?`}`;
}

function expectationTypes(): string[] {
  return SuiteSchema.shape.tables.valueType.shape.expectations.element.options.map((o) => o.shape.type.value);
}

/** Levenshtein distance; for short names only. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

function expression(text: string, path: string): Expr {
  try {
    return parseExpression(text);
  } catch (cause) {
    if (cause instanceof ExpressionError) return fail(path, cause.message);
    throw cause;
  }
}

function parseComputed(name: string, value: ComputedValue, path: string): Computed {
  if (typeof value === 'string') return { name, kind: 'expression', value: expression(value, path) };
  if ('previous' in value) {
    const inner = expression(value.previous, `${path}.previous`);
    return { name, kind: 'previous', value: inner, per: value.per ?? [], order: value.order };
  }
  const kind = 'median' in value ? 'median' : 'mean';
  const inner = expression('median' in value ? value.median : value.mean, `${path}.${kind}`);
  return { name, kind, value: inner, per: value.per };
}

/** What an expectation is mainly about, for ids and messages. */
export function columnOf(spec: Expectation): string | undefined {
  if ('column' in spec) return spec.column;
  if ('column_A' in spec) return `${spec.column_A}, ${spec.column_B}`;
  if ('column_list' in spec) return spec.column_list.join(', ');
  return undefined;
}

function madeId(table: string, spec: Expectation): string {
  const column = columnOf(spec)?.replaceAll(/[^A-Za-z0-9]+/g, '-');
  return [table, column, spec.type.slice('expect_'.length)]
    .filter((x) => x !== undefined)
    .join('.')
    .slice(0, 100);
}

function checkBounds(spec: Expectation, path: string): void {
  if (!('min_value' in spec || 'max_value' in spec || spec.type.endsWith('_to_be_between'))) return;
  const range = spec as { min_value?: unknown; max_value?: unknown; bounds?: unknown; group_by?: readonly string[] };
  if (range.bounds !== undefined) {
    if (range.group_by?.length !== 1) fail(`${path}.bounds`, 'bounds per group need group_by with exactly one column');
  } else if (range.min_value === undefined && range.max_value === undefined) {
    fail(path, 'a range needs min_value, max_value or both');
  }
}

/** Parses every expression of a suite. Throws `suite_invalid` with the path of what is wrong. */
export function parseSuite(spec: SuiteSpec): ParsedSuite {
  const seen = new Set<string>();
  const tables = Object.entries(spec.tables).map(([table, content]): ParsedTable => {
    const base = `tables.${table}`;
    const computed = Object.entries(content.computed).map(([name, value]) =>
      parseComputed(name, value, `${base}.computed.${name}`),
    );
    const rules = content.expectations.map((expectation, index): Rule => {
      const path = `${base}.expectations.${index}`;
      checkBounds(expectation, path);
      let id = expectation.id ?? madeId(table, expectation);
      for (let n = 2; expectation.id === undefined && seen.has(id); n++) id = `${madeId(table, expectation)}.${n}`;
      if (seen.has(id)) fail(`${path}.id`, `"${id}" is used twice in the suite`);
      seen.add(id);
      return {
        id,
        table,
        spec: expectation,
        where: expectation.where === undefined ? undefined : expression(expectation.where, `${path}.where`),
        condition:
          expectation.type === 'expect_row_condition'
            ? expression(expectation.condition, `${path}.condition`)
            : undefined,
      };
    });
    return { table, key: content.key, computed, rules };
  });
  if (tables.length === 0) fail('tables', 'a suite needs at least one table');
  return { each: spec.each, tables };
}
