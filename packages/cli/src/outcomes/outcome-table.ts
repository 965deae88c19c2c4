/**
 * Outcomes of a file beside the predictions that they belong to, in an embedded DuckDB that spills to disk: memory stays
 * bounded whatever the length of the file and of the prediction log.
 *
 * Ids are compared as text. Numbers of Parquet and JSON lines are spelled as the request's JSON spells them (7, not 7.0); CSV is
 * taken as it is written, so that 007 stays another id than 7.
 */
import { rmSync } from 'node:fs';
import { mkdtemp, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAnalytics, sqlName, sqlText } from '@slipway/server/analytics';
import { shown, usage } from '../arguments.ts';

type Connection = Awaited<ReturnType<ReturnType<typeof createAnalytics>['connect']>>;

export interface OutcomeColumns {
  readonly id: string;
  readonly label: string;
  /** When each outcome was known; `nowAt` for all where there is no such column. */
  readonly at: string | undefined;
  readonly nowAt: number;
  /** The value that means 1, all others 0; without it labels are numbers, or classes in their own words. */
  readonly positive: string | undefined;
}

export interface SeenPrediction {
  readonly id: string;
  readonly key: string;
  /** Event time. */
  readonly at: number;
}

/** What becomes of an outcome whose id several predictions carry. */
export const severalChoices = ['skip', 'newest', 'all'] as const;
export type Several = (typeof severalChoices)[number];

export interface OutcomeCounts {
  /** Rows with an outcome. */
  readonly outcomes: number;
  /** Rows whose label is empty: not known yet. */
  readonly open: number;
  /** Rows without a prediction, and the first of their ids. */
  readonly unknown: number;
  readonly unknownIds: readonly string[];
  /** Rows with more predictions than one. */
  readonly several: number;
}

export interface OutcomeLabel {
  readonly predictionId: string;
  /** A number where it is spelled as one; a class otherwise. */
  readonly value: number | string;
  readonly at: number;
}

/** `key` is what the file has in its column of ids. */
export type KeyedOutcome = Omit<OutcomeLabel, 'predictionId'> & { readonly key: string };

export interface OutcomeTable extends AsyncDisposable {
  /** True when the file names predictions by their own ids. */
  readonly isByPredictionId: boolean;
  addPredictions(predictions: readonly SeenPrediction[]): Promise<void>;
  /** Pairs outcomes with the predictions added. */
  join(): Promise<OutcomeCounts>;
  /** Outcomes that are known, in the order of the file, in parts of at most `size`, for a server that joins them. */
  outcomes(size: number): AsyncGenerator<readonly KeyedOutcome[]>;
  /** Rows with an outcome, and without. */
  countRows(): Promise<Pick<OutcomeCounts, 'outcomes' | 'open'>>;
  /** Labels of pairs in the order of the file, in parts of at most `size`. */
  labels(several: Several, size: number): AsyncGenerator<readonly OutcomeLabel[]>;
}

/** Of DuckDB; the rest of the process takes about 450 MB more, with 800,000 predictions as with 1,600,000. */
const memoryLimit = '192MB';
const threads = 2;
const unknownShown = 3;
/** Whole numbers up to here are the same as text and as doubles. */
const exactMax = 9_007_199_254_740_991;

export async function openOutcomes(path: string, columns: OutcomeColumns): Promise<OutcomeTable> {
  const source = await sourceOf(path);
  const tempFolder = await mkdtemp(join(tmpdir(), 'slipway-outcomes-'));
  const analytics = createAnalytics({ memoryLimit, threads, tempFolder });
  const connection = await analytics.connect();
  const remove = (): void => rmSync(tempFolder, { recursive: true, force: true });
  // Ctrl-C ends the process without closing anything.
  process.once('exit', remove);
  const close = async (): Promise<void> => {
    connection.closeSync();
    await analytics[Symbol.asyncDispose]();
    remove();
    process.off('exit', remove);
  };
  try {
    await readOutcomes(connection, { path, source, columns });
    const ids = await one(
      connection,
      `SELECT coalesce(bool_and(starts_with(key, 'prd_')), false) AS own FROM outcomes`,
    );
    await connection.run('CREATE TABLE predictions (id VARCHAR, key VARCHAR, made_at DOUBLE)');
    // A prediction cannot be told its outcome before it was made.
    const isBefore = columns.at === undefined ? 'true' : 'p.made_at <= o.known_at';
    return {
      isByPredictionId: ids['own'] === true,
      outcomes: (size) => keyed(connection, size),
      countRows: () => countRows(connection),
      addPredictions: (predictions) => addPredictions(connection, predictions),
      join: () => joinOutcomes(connection, isBefore),
      labels: (several, size) => labelsOf(connection, several, size),
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function sourceOf(path: string): Promise<string> {
  if ((await stat(path)).isDirectory()) throw usage(`${path} is a folder, not a file with outcomes`);
  const file = sqlText(path);
  if (path.endsWith('.parquet')) return `read_parquet(${file})`;
  if (/\.(?:ndjson|jsonl)$/.test(path)) return `read_json(${file}, format = 'newline_delimited', sample_size = -1)`;
  if (path.endsWith('.csv'))
    return `read_csv(${file}, header = true, delim = ',', quote = '"', escape = '"', nullstr = '', skip = 0, all_varchar = true)`;
  throw usage(`${path} is no file of outcomes: its name must end in .csv, .parquet, .ndjson or .jsonl`);
}

interface Reading {
  readonly path: string;
  readonly source: string;
  readonly columns: OutcomeColumns;
}

/** Fills `outcomes` (place from 1, key, label, number, known_at; no label: not known yet, no number: a class). Throws where a row cannot be an outcome: nothing was sent yet. */
async function readOutcomes(connection: Connection, reading: Reading): Promise<void> {
  const { path, source, columns } = reading;
  const types = new Map(
    (await all(connection, path, `DESCRIBE SELECT * FROM ${source}`)).map((row) => [
      textOf(row['column_name']),
      textOf(row['column_type']),
    ]),
  );
  const text = (flag: string, name: string): string => {
    const type = types.get(name);
    if (type !== undefined) return textSql(sqlName(name), type);
    throw usage(`${flag} is "${shown(name)}", and ${path} has no such column; it has ${[...types.keys()].join(', ')}`);
  };
  const id = text('--id', columns.id);
  const label = text('--label', columns.label);
  const at = columns.at === undefined ? `'${columns.nowAt}'` : text('--at', columns.at);
  await guarded(
    path,
    connection.run(`
      CREATE TABLE outcomes AS
      SELECT place, key, label, at_text, ${numberSql(columns.positive)} AS number, ${instantSql} AS known_at
      FROM (SELECT row_number() OVER () AS place, ${id} AS key, ${label} AS label, ${at} AS at_text FROM ${source})`),
  );
  const [bad] = await all(
    connection,
    path,
    `SELECT place::DOUBLE AS place, key, at_text FROM outcomes
     WHERE key IS NULL OR (label IS NOT NULL AND known_at IS NULL) ORDER BY place LIMIT 1`,
  );
  if (bad === undefined) return;
  const place = `row ${Number(bad['place'])} of ${path}`;
  if (bad['key'] === null) throw usage(`${place} has no ${columns.id}: every outcome needs the id of its prediction`);
  throw usage(
    `${place} has ${columns.at ?? 'at'} "${shown(textOf(bad['at_text']))}": write an instant such as 2013-07-01T13:00:00Z (UTC unless it has a zone), or milliseconds since 1970`,
  );
}

function textSql(column: string, type: string): string {
  if (type === 'VARCHAR') return column;
  if (type.startsWith('TIMESTAMP')) return `CAST(epoch_ms(${column}) AS VARCHAR)`;
  if (type === 'DOUBLE' || type === 'FLOAT')
    return `CASE WHEN ${column} = trunc(${column}) AND abs(${column}) <= ${exactMax} THEN CAST(CAST(${column} AS BIGINT) AS VARCHAR) ELSE CAST(${column} AS VARCHAR) END`;
  return `CAST(${column} AS VARCHAR)`;
}

function numberSql(positive: string | undefined): string {
  if (positive !== undefined)
    return `CASE WHEN label IS NULL THEN NULL ELSE (label = ${sqlText(positive)})::DOUBLE END`;
  return `CASE WHEN isfinite(TRY_CAST(label AS DOUBLE)) THEN TRY_CAST(label AS DOUBLE) END`;
}

const instantSql = `CASE WHEN regexp_full_match(at_text, '\\d{1,16}') THEN CAST(at_text AS DOUBLE) ELSE epoch_ms(TRY_CAST(at_text AS TIMESTAMPTZ))::DOUBLE END`;

async function addPredictions(connection: Connection, predictions: readonly SeenPrediction[]): Promise<void> {
  const appender = await connection.createAppender('predictions');
  for (const { id, key, at } of predictions) {
    appender.appendVarchar(id);
    appender.appendVarchar(key);
    appender.appendDouble(at);
    appender.endRow();
  }
  appender.closeSync();
}

async function joinOutcomes(connection: Connection, isBefore: string): Promise<OutcomeCounts> {
  await connection.run(`
    CREATE TABLE pairs AS
    SELECT o.place, o.label, o.number, o.known_at, p.id, count(*) OVER (PARTITION BY o.place) AS several,
      row_number() OVER (PARTITION BY o.place ORDER BY p.made_at DESC, p.id DESC) AS rank
    FROM outcomes o JOIN predictions p ON o.key = p.key AND ${isBefore} WHERE o.label IS NOT NULL`);
  const counts = await one(
    connection,
    `SELECT (SELECT count(label) FROM outcomes)::DOUBLE AS outcomes, (SELECT count(*) - count(label) FROM outcomes)::DOUBLE AS open,
       (SELECT count(*) FROM pairs WHERE rank = 1)::DOUBLE AS known, (SELECT count(*) FROM pairs WHERE rank = 1 AND several > 1)::DOUBLE AS several`,
  );
  const unknown = await connection.runAndReadAll(
    `SELECT key FROM outcomes o WHERE label IS NOT NULL AND NOT EXISTS (SELECT 1 FROM pairs p WHERE p.place = o.place) ORDER BY place LIMIT ${unknownShown}`,
  );
  const outcomes = Number(counts['outcomes']);
  return {
    outcomes,
    open: Number(counts['open']),
    unknown: outcomes - Number(counts['known']),
    unknownIds: unknown.getRowObjectsJS().map((row) => textOf(row['key'])),
    several: Number(counts['several']),
  };
}

const wanted: Readonly<Record<Several, string>> = { skip: 'several = 1', newest: 'rank = 1', all: 'true' };

async function* labelsOf(
  connection: Connection,
  several: Several,
  size: number,
): AsyncGenerator<readonly OutcomeLabel[]> {
  const parts = rowsOf(
    connection,
    `SELECT id AS name, label, number, known_at FROM pairs WHERE ${wanted[several]} ORDER BY place, id`,
    size,
  );
  for await (const part of parts) yield part.map(({ name, ...rest }) => ({ ...rest, predictionId: name }));
}

async function* keyed(connection: Connection, size: number): AsyncGenerator<readonly KeyedOutcome[]> {
  const parts = rowsOf(
    connection,
    'SELECT key AS name, label, number, known_at FROM outcomes WHERE label IS NOT NULL ORDER BY place',
    size,
  );
  for await (const part of parts) yield part.map(({ name, ...rest }) => ({ ...rest, key: name }));
}

type NamedOutcome = Omit<OutcomeLabel, 'predictionId'> & { readonly name: string };

async function* rowsOf(connection: Connection, sql: string, size: number): AsyncGenerator<readonly NamedOutcome[]> {
  const result = await connection.stream(sql);
  let part: NamedOutcome[] = [];
  for await (const rows of result.yieldRowObjectJs()) {
    for (const row of rows) {
      const { number, label } = row;
      const value = typeof number === 'number' ? number : textOf(label);
      part.push({ name: textOf(row['name']), value, at: Number(row['known_at']) });
      if (part.length === size) {
        yield part;
        part = [];
      }
    }
  }
  if (part.length > 0) yield part;
}

async function countRows(connection: Connection): Promise<Pick<OutcomeCounts, 'outcomes' | 'open'>> {
  const counts = await one(
    connection,
    'SELECT count(label)::DOUBLE AS outcomes, (count(*) - count(label))::DOUBLE AS open FROM outcomes',
  );
  return { outcomes: Number(counts['outcomes']), open: Number(counts['open']) };
}

type Row = Readonly<Record<string, unknown>>;

const textOf = (cell: unknown): string => (typeof cell === 'string' ? cell : '');

async function one(connection: Connection, sql: string): Promise<Row> {
  const [row] = (await connection.runAndReadAll(sql)).getRowObjectsJS();
  return row ?? {};
}

async function all(connection: Connection, path: string, sql: string): Promise<readonly Row[]> {
  return (await guarded(path, connection.runAndReadAll(sql))).getRowObjectsJS();
}

/** DuckDB's first sentence says what is wrong with the file; the rest speaks of its own options. */
async function guarded<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const [first] = (error instanceof Error ? error.message : String(error)).split('\n');
    throw usage(`${path} cannot be read: ${first ?? ''}`);
  }
}
