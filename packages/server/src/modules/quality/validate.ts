/**
 * Runs a suite over tables: one scan per table for all rules, and one more over a table in which row rules or groups
 * failed, to bring the first failing rows. A rule that the data cannot answer (a column is missing, a comparison with another
 * type) fails with its problem and stops no other rule.
 */
import type { ColumnSchema, ExpectationResult } from '@slipway/contract';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Check } from './check.ts';
import { compileTable } from './compile.ts';
import type { SampleWish } from './scan-sql.ts';
import { sampleSql, scanSql } from './scan-sql.ts';
import type { CompileContext } from './scope.ts';
import type { CheckRow } from './outcome.ts';
import { outcomeOf, problemOutcome } from './outcome.ts';
import type { ParsedSuite, ParsedTable } from './suite.ts';

/** At most this many failing rows are shown for one expectation. */
const sampleLimit = 5;

/** A table to be checked: an SQL relation with these columns, `filename` and `file_row_number`. */
export interface TableSource {
  readonly relation: string;
  readonly schema: readonly ColumnSchema[];
  /** In the order of the version: name for people, path as `filename` shows it. */
  readonly files: readonly { readonly name: string; readonly path: string }[];
}

export interface ValidateOptions {
  readonly suite: ParsedSuite;
  readonly tables: ReadonlyMap<string, TableSource>;
  readonly connect: () => Promise<DuckDBConnection>;
  readonly signal?: AbortSignal | undefined;
}

type Rows = Record<string, unknown>[];

async function query(connection: DuckDBConnection, sql: string): Promise<Rows> {
  const reader = await connection.runAndReadAll(sql);
  return reader.getRowObjectsJS();
}

/** The rows of one check out of the scan's wide rows. */
function rowsOf(rows: Rows, index: number): CheckRow[] {
  return rows.map((row) => {
    const get = (what: string): unknown => row[`c${index}_${what}`];
    return {
      filename: typeof row['filename'] === 'string' ? row['filename'] : undefined,
      n: get('n'),
      considered: get('considered'),
      missing: get('missing'),
      unexpected: get('unexpected'),
      observed: get('observed'),
      holds: get('holds'),
      excess: get('excess'),
      present: get('present'),
    };
  });
}

interface Answer {
  readonly check: Check;
  readonly rows: readonly CheckRow[];
}

interface Scan {
  readonly answers: readonly Answer[];
  readonly problems: ReadonlyMap<Check, string>;
}

interface ScanInput {
  readonly source: TableSource;
  readonly checks: readonly Check[];
  readonly perFile: boolean;
  readonly signal: AbortSignal | undefined;
}

/** One scan for all; when the database refuses it, one scan for each, so that only the guilty rules fail. */
async function scan(connection: DuckDBConnection, input: ScanInput): Promise<Scan> {
  const { source, checks, perFile, signal } = input;
  const run = async (some: readonly Check[]): Promise<Answer[]> => {
    const rows = await query(connection, scanSql(source.relation, some, perFile));
    return some.map((check, i) => ({ check, rows: rowsOf(rows, i) }));
  };
  try {
    return { answers: await run(checks), problems: new Map() };
  } catch (cause) {
    signal?.throwIfAborted();
    if (checks.length === 0) throw cause;
  }
  const answers: Answer[] = [];
  const problems = new Map<Check, string>();
  for (const check of checks) {
    try {
      answers.push(...(await run([check])));
    } catch (cause) {
      signal?.throwIfAborted();
      problems.set(check, databaseProblem(cause));
    }
  }
  // When nothing at all can be asked, the data is at fault and not the rules.
  if (answers.length === 0) await query(connection, `SELECT count(*) FROM ${source.relation}`);
  return { answers, problems };
}

/** The first line of DuckDB's message; the rest repeats SQL that the user did not write. */
function databaseProblem(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  return (message.split('\n')[0] ?? message).slice(0, 300);
}

async function samplesOf(
  connection: DuckDBConnection,
  source: TableSource,
  failing: readonly SampleWish[],
): Promise<Map<Check, Record<string, unknown>[]>> {
  const wishes = failing.filter(({ check }) => check.kind === 'rows' || check.kind === 'groups');
  const samples = new Map<Check, Record<string, unknown>[]>();
  if (wishes.length === 0) return samples;
  const paths = source.files.map((f) => f.path);
  const [row] = await query(connection, sampleSql(source.relation, wishes, { paths, limit: sampleLimit }));
  const names = new Map(source.files.map((f) => [f.path, f.name]));
  wishes.forEach(({ check }, i) => {
    const list = row?.[`c${i}`];
    if (!Array.isArray(list)) return;
    samples.set(
      check,
      list.map((item: Readonly<Record<string, unknown>>) => {
        const { __file: path, ...values } = item;
        const plain = Object.fromEntries(Object.entries(values).map(([k, v]) => [k, plainValue(v)]));
        return path === undefined
          ? plain
          : { file: typeof path === 'string' ? (names.get(path) ?? null) : null, ...plain };
      }),
    );
  });
  return samples;
}

/** A database value as JSON: exact integers as numbers where they fit, instants as ISO text in UTC. */
export function plainValue(value: unknown): string | number | boolean | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (value instanceof Date) return Number.isFinite(value.getTime()) ? value.toISOString() : null;
  return JSON.stringify(value, (_, v: unknown) => (typeof v === 'bigint' ? v.toString() : v));
}

async function validateTable(
  connection: DuckDBConnection,
  table: ParsedTable,
  input: Omit<ScanInput, 'checks'>,
): Promise<ExpectationResult[]> {
  const { source, perFile } = input;
  const context: CompileContext = { table, schema: source.schema, perFile };
  const compiled = compileTable(context);
  const { answers, problems } = await scan(connection, { ...input, checks: compiled.checks });
  const names = new Map(source.files.map((f) => [f.path, f.name]));
  const files = perFile ? source.files.map((f) => f.name) : undefined;
  const results = new Map(
    answers.map(({ check, rows }) => {
      const named = rows.map((r) => ({ ...r, filename: r.filename === undefined ? undefined : names.get(r.filename) }));
      return [check.rule, { check, result: outcomeOf(check, named, files) }] as const;
    }),
  );
  const failing = [...results.values()]
    .filter(({ result }) => !result.success)
    .map(({ check, result }): SampleWish => {
      const failed = result.failedFiles?.map((f) => f.file);
      return { check, paths: failed && source.files.filter((f) => failed.includes(f.name)).map((f) => f.path) };
    });
  const samples = await samplesOf(connection, source, failing);
  return table.rules.map((rule) => {
    const done = results.get(rule);
    if (done !== undefined) return { ...done.result, samples: samples.get(done.check) ?? [] };
    const failed = compiled.checks.find((c) => c.rule === rule);
    const problem = compiled.problems.get(rule) ?? (failed && problems.get(failed)) ?? 'it could not be run';
    return problemOutcome(rule, problem);
  });
}

/** The results in the order of the suite. `signal` interrupts the running scan. */
export async function validate(options: ValidateOptions): Promise<ExpectationResult[]> {
  const { suite, tables, signal } = options;
  const connection = await options.connect();
  const interrupt = (): void => connection.interrupt();
  signal?.addEventListener('abort', interrupt, { once: true });
  try {
    const results: ExpectationResult[] = [];
    for (const table of suite.tables) {
      const source = tables.get(table.table);
      if (source === undefined) continue;
      signal?.throwIfAborted();
      results.push(...(await validateTable(connection, table, { source, perFile: suite.each === 'file', signal })));
    }
    signal?.throwIfAborted();
    return results;
  } finally {
    signal?.removeEventListener('abort', interrupt);
    connection.closeSync();
  }
}
