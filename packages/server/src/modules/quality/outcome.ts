/** From the counts of a scan to the result of an expectation: success by the rules of `mostly`, the worst file, a sentence for people. */
import type { Expectation, ExpectationResult, FileOutcome } from '@slipway/contract';
import type { Check } from './check.ts';
import type { Rule } from './suite.ts';
import { columnOf } from './suite.ts';

/** What the scan said of one check in one file (or over all files, without `filename`). Values are as the database gives them. */
export interface CheckRow {
  readonly filename: string | undefined;
  readonly n: unknown;
  readonly considered: unknown;
  readonly missing: unknown;
  readonly unexpected: unknown;
  readonly observed: unknown;
  readonly holds: unknown;
  readonly excess: unknown;
  readonly present: unknown;
}

type Result = Omit<ExpectationResult, 'samples'>;

interface Part {
  readonly file: string | undefined;
  readonly elementCount: number;
  readonly missingCount: number;
  readonly unexpectedCount: number;
  readonly success: boolean;
  readonly observed: number | string | null | undefined;
  /** How far outside; undefined when it is not a number. */
  readonly excess: number | undefined;
}

const int = (value: unknown): number => (typeof value === 'bigint' || typeof value === 'number' ? Number(value) : 0);
const finite = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) ? value : undefined;

function observedValue(value: unknown): number | string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function partOf(check: Check, row: CheckRow): Part {
  const elementCount = int(row.n);
  const base = { file: row.filename, elementCount, missingCount: 0, excess: finite(row.excess) };
  switch (check.kind) {
    case 'rows': {
      const considered = int(row.considered);
      const unexpectedCount = int(row.unexpected);
      const success = considered === 0 || (considered - unexpectedCount) / considered >= check.mostly;
      const observed = check.observed === undefined ? undefined : observedValue(row.observed);
      // Among files the one with the largest failing share is the worst.
      const excess = considered === 0 ? undefined : unexpectedCount / considered;
      return { ...base, missingCount: elementCount - considered, unexpectedCount, success, observed, excess };
    }
    case 'aggregate': {
      const success = row.holds === true;
      const observed = observedValue(row.observed);
      return { ...base, missingCount: int(row.missing), unexpectedCount: success ? 0 : 1, success, observed };
    }
    case 'groups': {
      const unexpectedCount = int(row.unexpected);
      return { ...base, unexpectedCount, success: unexpectedCount === 0, observed: observedValue(row.observed) };
    }
    case 'contains': {
      const present = Array.isArray(row.present) ? row.present : [];
      const absent = check.values.filter((_, i) => int(present[i]) === 0);
      const observed = absent.length === 0 ? 'all present' : `without ${absent.map(String).join(', ')}`;
      return { ...base, unexpectedCount: absent.length, success: absent.length === 0, observed };
    }
    case 'schema':
      return { ...base, unexpectedCount: check.success ? 0 : 1, success: check.success, observed: check.observed };
  }
}

/** Outside before inside, then farther before nearer. */
function worse(a: Part, b: Part): Part {
  if (a.success !== b.success) return a.success ? b : a;
  return (b.excess ?? Number.NEGATIVE_INFINITY) > (a.excess ?? Number.NEGATIVE_INFINITY) ? b : a;
}

/** The denominator of the unexpected percentage: considered rows, groups, wanted values. */
function base(check: Check, parts: readonly Part[]): number {
  if (check.kind === 'contains') return check.values.length * parts.length;
  if (check.kind === 'aggregate' || check.kind === 'schema') return parts.length;
  return parts.reduce((sum, p) => sum + p.elementCount - p.missingCount, 0);
}

/**
 * `files` names the files in order when the suite is judged per file; the table passes when each file does. A schema check says the
 * same of every file.
 */
export function outcomeOf(check: Check, rows: readonly CheckRow[], files: readonly string[] | undefined): Result {
  const { spec } = check.rule;
  // A file without rows forms no group in the scan, and is judged all the same.
  const absent = (files ?? []).filter((name) => !rows.some((r) => r.filename === name));
  const wanted = [...rows, ...absent.map((filename) => ({ ...emptyRow(check), filename }))];
  if (wanted.length === 0) wanted.push(emptyRow(check));
  const order = new Map(files?.map((name, i) => [name, i]));
  const parts = wanted
    .map((row) => partOf(check, row))
    .sort((a, b) => (order.get(a.file ?? '') ?? 0) - (order.get(b.file ?? '') ?? 0));
  const worst = parts.reduce(worse);
  const sum = (pick: (p: Part) => number): number => parts.reduce((total, p) => total + pick(p), 0);
  const success = parts.every((p) => p.success);
  const perFile = files !== undefined && files.length > 1 && check.kind !== 'schema';
  const unexpectedCount = check.kind === 'schema' ? worst.unexpectedCount : sum((p) => p.unexpectedCount);
  const of = check.kind === 'schema' ? 1 : base(check, parts);
  const observed = check.kind === 'rows' && worst.observed !== undefined ? sum((p) => int(p.observed)) : worst.observed;
  const result: Result = {
    ...headOf(check.rule),
    success,
    elementCount: sum((p) => p.elementCount),
    missingCount: sum((p) => p.missingCount),
    unexpectedCount,
    unexpectedPercent: of === 0 ? 0 : (100 * unexpectedCount) / of,
    ...(observed === undefined ? {} : { observed }),
    bound: boundText(spec),
    sentence: '',
    ...(perFile && !success ? { failedFiles: parts.filter((p) => !p.success).map(fileOutcome) } : {}),
  };
  return { ...result, sentence: sentenceOf(check, result, parts) };
}

function emptyRow(check: Check): CheckRow {
  const { spec } = check.rule;
  const isCount = spec.type === 'expect_table_row_count_to_be_between' && check.kind === 'aggregate';
  const holds = isCount && !(Number(spec.min_value ?? 0) > 0 || Number(spec.max_value ?? 0) < 0);
  const counts = { n: 0, considered: 0, missing: 0, unexpected: 0 };
  return { filename: undefined, ...counts, observed: isCount ? 0 : null, holds, excess: null, present: [] };
}

function fileOutcome(part: Part): FileOutcome {
  return {
    file: part.file ?? '',
    success: part.success,
    elementCount: part.elementCount,
    unexpectedCount: part.unexpectedCount,
    ...(part.observed === undefined ? {} : { observed: part.observed }),
  };
}

function headOf(rule: Rule): Pick<Result, 'id' | 'table' | 'type' | 'column' | 'severity' | 'notes'> {
  const column = columnOf(rule.spec);
  return {
    id: rule.id,
    table: rule.table,
    type: rule.spec.type,
    severity: rule.spec.severity,
    ...(column === undefined ? {} : { column }),
    ...(rule.spec.notes === undefined ? {} : { notes: rule.spec.notes }),
  };
}

export function problemOutcome(rule: Rule, problem: string): ExpectationResult {
  return {
    ...headOf(rule),
    success: false,
    elementCount: 0,
    missingCount: 0,
    unexpectedCount: 0,
    unexpectedPercent: 0,
    bound: boundText(rule.spec),
    sentence: `${rule.table}: ${boundText(rule.spec)} could not be checked: ${problem}.`,
    samples: [],
    problem,
  };
}

function list(values: readonly (string | number | boolean)[]): string {
  const shown = values.slice(0, 8).map(String).join(', ');
  return values.length > 8 ? `${shown}, … (${values.length} in all)` : shown;
}

/** Kept as digits that a reader can compare: at most six significant ones. */
function short(value: number | string | null): string {
  if (typeof value !== 'number') return value ?? 'nothing';
  return Number.isInteger(value) ? value.toLocaleString('en-US') : String(Number(value.toPrecision(6)));
}

interface RangeText {
  readonly min_value?: number | string | undefined;
  readonly max_value?: number | string | undefined;
  readonly strict_min: boolean;
  readonly strict_max: boolean;
  readonly bounds?: Readonly<Record<string, unknown>> | undefined;
  readonly group_by?: readonly string[] | undefined;
}

function rangeText(range: RangeText): string {
  const each = range.group_by === undefined ? '' : ` for each ${range.group_by.join(', ')}`;
  if (range.bounds !== undefined) return `within the range of its ${range.group_by?.[0] ?? 'group'}`;
  const low = range.strict_min ? 'more than' : 'at least';
  const high = range.strict_max ? 'less than' : 'at most';
  if (range.min_value === undefined) return `${high} ${range.max_value}${each}`;
  if (range.max_value === undefined) return `${low} ${range.min_value}${each}`;
  if (range.strict_min || range.strict_max) return `${low} ${range.min_value} and ${high} ${range.max_value}${each}`;
  return `between ${range.min_value} and ${range.max_value}${each}`;
}

/** What is expected, in words, with the table's names. */
export function boundText(spec: Expectation): string {
  const words = ruleText(spec);
  const share =
    'mostly' in spec && spec.mostly < 1 ? ` for at least ${Number((spec.mostly * 100).toPrecision(6))} %` : '';
  const where = spec.where === undefined ? '' : ` where ${spec.where}`;
  return `${words}${share}${where}`;
}

function ruleText(spec: Expectation): string {
  switch (spec.type) {
    case 'expect_column_values_to_not_be_null':
      return `${spec.column} is not null`;
    case 'expect_column_values_to_be_null':
      return `${spec.column} is null`;
    case 'expect_column_values_to_be_in_set':
      return `${spec.column} is one of ${list(spec.value_set)}`;
    case 'expect_column_values_to_not_be_in_set':
      return `${spec.column} is none of ${list(spec.value_set)}`;
    case 'expect_column_values_to_be_between':
      return `${spec.column} is ${rangeText(spec)}`;
    case 'expect_column_values_to_match_regex':
      return `${spec.column} matches ${spec.regex}`;
    case 'expect_column_values_to_not_match_regex':
      return `${spec.column} does not match ${spec.regex}`;
    case 'expect_column_value_lengths_to_be_between':
      return `the length of ${spec.column} is ${rangeText(spec)}`;
    case 'expect_column_values_to_be_unique':
      return `${spec.column} is unique`;
    case 'expect_compound_columns_to_be_unique':
      return `(${spec.column_list.join(', ')}) is unique`;
    case 'expect_column_pair_values_to_be_equal':
      return `${spec.column_A} equals ${spec.column_B}`;
    case 'expect_column_pair_values_a_to_be_greater_than_b':
      return `${spec.column_A} is ${spec.or_equal ? 'at least' : 'greater than'} ${spec.column_B}`;
    case 'expect_row_condition':
      return spec.condition;
    case 'expect_table_row_count_to_be_between':
      return `the number of rows is ${rangeText(spec)}`;
    case 'expect_column_distinct_values_to_contain_set':
      return `${spec.column} has each of ${list(spec.value_set)}`;
    case 'expect_column_to_exist':
      return `there is a column ${spec.column}`;
    case 'expect_table_columns_to_match_set':
      return `the columns are ${spec.exact_match ? '' : 'at least '}${list(spec.column_set)}`;
    case 'expect_column_values_to_be_of_type':
      return `${spec.column} is of type ${spec.type_}`;
    case 'expect_column_mean_to_be_between':
    case 'expect_column_median_to_be_between':
    case 'expect_column_min_to_be_between':
    case 'expect_column_max_to_be_between':
    case 'expect_column_sum_to_be_between':
    case 'expect_column_stdev_to_be_between':
    case 'expect_column_spread_to_be_between':
    case 'expect_column_unique_value_count_to_be_between':
    case 'expect_column_proportion_of_unique_values_to_be_between':
    case 'expect_column_proportion_of_non_null_values_to_be_between': {
      const what = /^expect_column_(.+)_to_be_between$/.exec(spec.type)?.[1]?.replaceAll('_', ' ') ?? spec.type;
      return `the ${what} of ${spec.column} is ${rangeText(spec)}`;
    }
  }
}

/** Counts of the failing files alone, when there are several: rows that other files may have are not what failed. */
function sentenceOf(check: Check, result: Result, parts: readonly Part[]): string {
  const expected = `${result.table}: ${result.bound}`;
  if (result.success) return `${expected}: holds.`;
  const failing = result.failedFiles === undefined ? parts : parts.filter((p) => !p.success);
  const where = result.failedFiles === undefined ? '' : ` (in ${list(failing.map((p) => p.file ?? ''))})`;
  const sum = (pick: (p: Part) => number): number => failing.reduce((total, p) => total + pick(p), 0);
  const unexpected = sum((p) => p.unexpectedCount);
  const of = sum((p) => p.elementCount - p.missingCount);
  switch (check.kind) {
    case 'rows': {
      const rows = unexpected === 1 ? 'row does' : 'rows do';
      const repeated =
        check.observed === undefined ? '' : `; ${short(sum((p) => int(p.observed)))} of them repeat an earlier row`;
      return `${expected}: ${short(unexpected)} of ${short(of)} ${rows} not hold${where}${repeated}.`;
    }
    case 'groups': {
      const groups = unexpected === 1 ? 'group does' : 'groups do';
      return `${expected}: ${short(unexpected)} of ${short(of)} ${groups} not hold, the worst is ${short(result.observed ?? null)}${where}.`;
    }
    case 'aggregate':
    case 'contains':
    case 'schema':
      return `${expected}: found ${short(result.observed ?? null)}${where}.`;
  }
}
