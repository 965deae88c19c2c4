/**
 * Expectation suites and validation results.
 *
 * Expectation types carry the names of Great Expectations where it has one, and its rules: null values are not
 * considered (except by the two null rules), `mostly` is the share of considered values that must pass, nothing
 * considered means success. Values that a rule speaks of are columns or names declared under `computed`.
 */
import { z } from 'zod';
import { DataRows, DataRowsQuery } from './data.ts';
import { Digest, Instant, Name, PageQuery } from './names.ts';
import { routes } from './route.ts';

const Column = z.string().min(1).max(255);
const Columns = z.array(Column).min(1).max(20);
/** A boolean or numeric expression over columns: arithmetic, comparison, `and or not`, `is null`, `in`, `between`, a few functions. */
const Expression = z.string().min(1).max(2000);
const Literal = z.union([z.string().max(1000), z.number(), z.boolean()]);
const Bound = z.union([z.number(), z.string().max(100)]);

const common = {
  /** Unique within the suite; made from table, type and column when left out. */
  id: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/, 'letters, digits and . _ : - , at most 128 characters')
    .optional(),
  severity: z.enum(['error', 'warning']).default('error'),
  /** Why this is expected; shown when it fails. */
  notes: z.string().max(1000).optional(),
  /** Only rows for which this holds are looked at. */
  where: Expression.optional(),
};
const share = { mostly: z.number().min(0).max(1).default(1) };
const range = {
  min_value: Bound.optional(),
  max_value: Bound.optional(),
  strict_min: z.boolean().default(false),
  strict_max: z.boolean().default(false),
};
/** The aggregate is taken per group and every group must pass; `bounds` gives each group of one column its own range. */
const grouped = {
  group_by: Columns.optional(),
  bounds: z.record(z.string().max(255), z.tuple([Bound, Bound])).optional(),
};

const rule = <T extends string, S extends z.ZodRawShape>(type: T, shape: S) =>
  z.strictObject({ type: z.literal(type), ...common, ...shape });

export const Expectation = z.discriminatedUnion('type', [
  // row rules
  rule('expect_column_values_to_not_be_null', { column: Column, ...share }),
  rule('expect_column_values_to_be_null', { column: Column, ...share }),
  rule('expect_column_values_to_be_in_set', {
    column: Column,
    value_set: z.array(Literal).min(1).max(10_000),
    ...share,
  }),
  rule('expect_column_values_to_not_be_in_set', {
    column: Column,
    value_set: z.array(Literal).min(1).max(10_000),
    ...share,
  }),
  rule('expect_column_values_to_be_between', { column: Column, ...range, ...share }),
  rule('expect_column_values_to_match_regex', { column: Column, regex: z.string().min(1).max(1000), ...share }),
  rule('expect_column_values_to_not_match_regex', { column: Column, regex: z.string().min(1).max(1000), ...share }),
  rule('expect_column_value_lengths_to_be_between', { column: Column, ...range, ...share }),
  rule('expect_column_values_to_be_unique', { column: Column, ...share }),
  rule('expect_compound_columns_to_be_unique', { column_list: Columns, ...share }),
  rule('expect_column_pair_values_to_be_equal', { column_A: Column, column_B: Column, ...share }),
  rule('expect_column_pair_values_a_to_be_greater_than_b', {
    column_A: Column,
    column_B: Column,
    or_equal: z.boolean().default(false),
    ...share,
  }),
  rule('expect_row_condition', { condition: Expression, ...share }),
  // aggregates
  rule('expect_table_row_count_to_be_between', { ...range, ...grouped }),
  rule('expect_column_mean_to_be_between', { column: Column, ...range, ...grouped }),
  rule('expect_column_median_to_be_between', { column: Column, ...range, ...grouped }),
  rule('expect_column_min_to_be_between', { column: Column, ...range, ...grouped }),
  rule('expect_column_max_to_be_between', { column: Column, ...range, ...grouped }),
  rule('expect_column_sum_to_be_between', { column: Column, ...range, ...grouped }),
  rule('expect_column_stdev_to_be_between', { column: Column, ...range, ...grouped }),
  rule('expect_column_spread_to_be_between', { column: Column, ...range, ...grouped }),
  rule('expect_column_unique_value_count_to_be_between', { column: Column, ...range }),
  rule('expect_column_proportion_of_unique_values_to_be_between', { column: Column, ...range }),
  rule('expect_column_proportion_of_non_null_values_to_be_between', { column: Column, ...range, ...grouped }),
  rule('expect_column_distinct_values_to_contain_set', {
    column: Column,
    value_set: z.array(Literal).min(1).max(1000),
  }),
  // schema
  rule('expect_column_to_exist', { column: Column }),
  rule('expect_table_columns_to_match_set', {
    column_set: z.array(Column).min(1).max(10_000),
    exact_match: z.boolean().default(true),
  }),
  rule('expect_column_values_to_be_of_type', { column: Column, type_: z.string().min(1).max(100) }),
]);
export type Expectation = z.output<typeof Expectation>;

/** A named value: an expression, or a value taken from other rows of the same table (and, with `each: file`, of the same file). */
export const ComputedValue = z.union([
  Expression,
  z.strictObject({ previous: Expression, per: Columns.optional(), order: Column }),
  z.strictObject({ median: Expression, per: Columns }),
  z.strictObject({ mean: Expression, per: Columns }),
]);
export type ComputedValue = z.output<typeof ComputedValue>;

export const SuiteTable = z.strictObject({
  /** Columns shown with every failing row, beside the columns that the rule uses. */
  key: z.array(Column).max(20).default([]),
  computed: z.record(Name, ComputedValue).default({}),
  expectations: z.array(Expectation).min(1).max(2000),
});
export type SuiteTable = z.output<typeof SuiteTable>;

/** The content of expectations.yaml. */
export const SuiteSpec = z.strictObject({
  description: z.string().max(2000).optional(),
  /** `file`: every rule is judged in each file of the table on its own (a month, a day); `table`: over all files together. */
  each: z.enum(['table', 'file']).default('table'),
  tables: z.record(Name, SuiteTable),
});
export type SuiteSpec = z.output<typeof SuiteSpec>;

export const Suite = z.object({
  name: Name,
  digest: Digest,
  expectationCount: z.int(),
  tables: z.array(z.string()),
  spec: SuiteSpec,
  project: z.string().optional(),
  updatedAt: Instant,
});
export type Suite = z.output<typeof Suite>;

const Observed = z.union([z.number(), z.string(), z.null()]);

/** What one expectation came to in one file. */
export const FileOutcome = z.object({
  file: z.string(),
  success: z.boolean(),
  elementCount: z.int(),
  unexpectedCount: z.int(),
  observed: Observed.optional(),
});
export type FileOutcome = z.output<typeof FileOutcome>;

export const ExpectationResult = z.object({
  id: z.string(),
  table: z.string(),
  type: z.string(),
  column: z.string().optional(),
  success: z.boolean(),
  severity: z.enum(['error', 'warning']),
  /** Rows looked at (groups, for a grouped aggregate). */
  elementCount: z.int(),
  /** Of these, how many had no value and were not considered. */
  missingCount: z.int(),
  unexpectedCount: z.int(),
  /** Of the considered ones, in percent. */
  unexpectedPercent: z.number(),
  /** The value of an aggregate; with several files or groups the one that is worst. */
  observed: Observed.optional(),
  /** What was expected, in words: `between 80 and 4983 for at least 99.99 %`. */
  bound: z.string(),
  /** One sentence for people. */
  sentence: z.string(),
  notes: z.string().optional(),
  /** Up to five failing rows (or groups), first ones first. */
  samples: z.array(z.record(z.string(), z.unknown())),
  /** The files in which it failed, when the suite is judged per file. */
  failedFiles: z.array(FileOutcome).optional(),
  /** Set when the rule could not be run on this data: a missing column, values of another type. Counts as failed. */
  problem: z.string().optional(),
});
export type ExpectationResult = z.output<typeof ExpectationResult>;

export const ValidatedTable = z.object({
  table: z.string(),
  dataset: Name,
  versionId: z.string(),
  version: z.int(),
  digest: Digest,
  files: z.array(z.string()),
  rowCount: z.int(),
});
export type ValidatedTable = z.output<typeof ValidatedTable>;

export const ValidationSummary = z.object({
  id: z.string(),
  suite: Name,
  suiteDigest: Digest,
  /** No expectation of severity `error` failed. */
  success: z.boolean(),
  evaluated: z.int(),
  failed: z.int(),
  warnings: z.int(),
  datasetVersions: z.array(ValidatedTable),
  elapsedMs: z.number(),
  createdAt: Instant,
  createdBy: z.string(),
});
export type ValidationSummary = z.output<typeof ValidationSummary>;

export const ValidationResult = ValidationSummary.extend({ results: z.array(ExpectationResult) });
export type ValidationResult = z.output<typeof ValidationResult>;

export const ValidationRequest = z.strictObject({
  suite: Name,
  /** Table of the suite -> dataset reference: `flights@latest`, `flights@3/2013-0*.parquet`. */
  tables: z.record(Name, z.string().min(1).max(500)),
  /** Only these files of every table: names or patterns with `*`. */
  files: z.array(z.string().min(1).max(255)).min(1).max(1000).optional(),
});
export type ValidationRequest = z.output<typeof ValidationRequest>;

export const qualityRoutes = routes({
  'suites.list': {
    method: 'GET',
    path: '/api/suites',
    permission: 'quality.read',
    summary: 'Lists the expectation suites, by name',
    query: PageQuery,
    response: z.object({ items: z.array(Suite.omit({ spec: true })), nextPageToken: z.string().optional() }),
  },
  'suites.get': {
    method: 'GET',
    path: '/api/suites/{suite}',
    permission: 'quality.read',
    summary: 'An expectation suite with its expectations',
    params: z.object({ suite: Name }),
    response: Suite,
  },
  'validations.create': {
    method: 'POST',
    path: '/api/validations',
    permission: 'quality.write',
    summary: 'Checks dataset versions against a suite, one scan per table, and keeps the result',
    body: ValidationRequest,
    response: ValidationResult,
    status: 201,
  },
  'validations.list': {
    method: 'GET',
    path: '/api/validations',
    permission: 'quality.read',
    summary: 'Lists validations, newest first',
    query: PageQuery.extend({ suite: Name.optional() }),
    response: z.object({ items: z.array(ValidationSummary), nextPageToken: z.string().optional() }),
  },
  'validations.get': {
    method: 'GET',
    path: '/api/validations/{validation}',
    permission: 'quality.read',
    summary: 'One validation with the result of every expectation',
    params: z.object({ validation: z.string().max(40) }),
    response: ValidationResult,
  },
  'validations.rows': {
    method: 'GET',
    path: '/api/validations/{validation}/rows',
    permission: 'quality.read',
    summary: 'A page of the rows (or of one row of each group) that failed an expectation, read again from the version',
    params: z.object({ validation: z.string().max(40) }),
    query: DataRowsQuery.extend({ expectation: z.string().min(1).max(200) }),
    response: DataRows.extend({ expectation: z.string() }),
  },
});
