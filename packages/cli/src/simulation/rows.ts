/** Rows with their outcomes to replay: those that the pipeline held out, or a table of the caller's. */
import { createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { EndpointInterface, ModelVersion } from '@slipway/contract';
import { sqlName, sqlText } from '@slipway/server/analytics';
import { z } from 'zod';
import { usage } from '../arguments.ts';
import type { Session } from '../command.ts';
import type { Row, Scratch } from '../init/scratch.ts';
import { openScratch } from '../init/scratch.ts';
import type { Cell, Inputs } from './shift.ts';

export interface HeldRows {
  /** In the order of their time, where they have one. */
  readonly inputs: readonly Inputs[];
  /** Classes in their own words, or numbers. */
  readonly labels: readonly (number | string)[];
  readonly times: readonly number[] | undefined;
  /** Of the rows themselves, where they have any. */
  readonly ids?: readonly (string | undefined)[];
  /** When each outcome became known, where the data say so. */
  readonly labelsKnownAt?: readonly (number | undefined)[];
  /** `802 rows that split-table held out`. */
  readonly words: string;
}

export interface RowsWanted {
  /** A file, or a dataset such as `customers@2`; what the pipeline held out unless said. */
  readonly from: string | undefined;
  readonly label: string | undefined;
  readonly at: string | undefined;
  readonly limit: number;
}

type Client = Session['client'];
export type Shape = Pick<EndpointInterface, 'inputs' | 'answer'>;

interface Source {
  /** What DuckDB reads. */
  readonly sql: string;
  readonly label: string | undefined;
  readonly at: string | undefined;
  readonly words: string;
}

/** Throws where there are no rows, or they lack a column, and says which flag names it. */
export async function readHeldRows(
  client: Client,
  { version, shape }: { readonly version: ModelVersion; readonly shape: Shape },
  wanted: RowsWanted,
): Promise<HeldRows> {
  await using scratch = await openScratch();
  const source =
    wanted.from === undefined
      ? await heldOut({ client, scratch }, version)
      : await tableOf({ client, scratch }, wanted.from, wanted.limit);
  const label = wanted.label ?? source.label ?? targetOf(version);
  const at = wanted.at ?? source.at;
  const types = new Map(
    (await scratch.rows(`DESCRIBE SELECT * FROM ${source.sql}`)).map((row) => [
      text(row['column_name']),
      text(row['column_type']),
    ]),
  );
  const typeOf = (flag: string, name: string | undefined): string => {
    const type = name === undefined ? undefined : types.get(name);
    if (type !== undefined) return type;
    const has = `${source.words} have ${[...types.keys()].join(', ')}`;
    throw usage(
      name === undefined ? `say with ${flag} which column has the outcome: ${has}` : `${flag} "${name}": ${has}`,
    );
  };
  const columns = shape.inputs.map(
    ({ name, type }) => `${inputSql(name, type, typeOf('an input of the model,', name))} AS ${sqlName(`in ${name}`)}`,
  );
  const isNumber = shape.answer.kind === 'number' || shape.answer.kind === 'quantiles';
  const labelType = typeOf('--label', label);
  const outcome = isNumber ? `TRY_CAST(${sqlName(label ?? '')} AS DOUBLE)` : wordSql(sqlName(label ?? ''), labelType);
  const time = at === undefined ? 'NULL' : instantSql(sqlName(at), typeOf('--at', at));
  const rows = await scratch.rows(
    `SELECT * FROM (SELECT ${[...columns, `${outcome} AS "the label"`, `${time} AS "the time"`].join(', ')} FROM ${source.sql})
     WHERE "the label" IS NOT NULL${at === undefined ? '' : ' AND "the time" IS NOT NULL ORDER BY "the time"'} LIMIT ${wanted.limit}`,
  );
  if (rows.length === 0)
    throw usage(
      `${source.words} have no row with an outcome in "${label ?? ''}"${at === undefined ? '' : ` and a time in "${at}"`}`,
    );
  return {
    inputs: rows.map((row) => inputsOf(row, shape.inputs)),
    labels: rows.map((row) => (typeof row['the label'] === 'number' ? row['the label'] : text(row['the label']))),
    times: at === undefined ? undefined : rows.map((row) => Number(row['the time'])),
    words: `${rows.length.toLocaleString('en-US')} ${source.words}`,
  };
}

const text = (cell: unknown): string => (typeof cell === 'string' ? cell : '');

function inputsOf(row: Row, columns: Shape['inputs']): Inputs {
  return Object.fromEntries(
    columns.map(({ name }): [string, Cell] => {
      const cell = row[`in ${name}`];
      const isCell = typeof cell === 'number' || typeof cell === 'string' || typeof cell === 'boolean';
      return [name, isCell ? cell : null];
    }),
  );
}

function inputSql(name: string, type: Shape['inputs'][number]['type'], stored: string): string {
  const column = sqlName(name);
  switch (type) {
    case 'number':
      return stored === 'BOOLEAN' ? `CAST(${column} AS INTEGER)::DOUBLE` : `TRY_CAST(${column} AS DOUBLE)`;
    case 'text':
      return wordSql(column, stored);
    case 'boolean':
      return `CASE WHEN ${column} IS NULL THEN NULL ELSE lower(CAST(${column} AS VARCHAR)) IN ('true', 't', '1', '1.0', 'yes') END`;
    case 'instant':
      return instantSql(column, stored);
  }
}

/** Whole numbers as people write them: 7, not 7.0. */
const wordSql = (column: string, stored: string): string =>
  stored === 'DOUBLE' || stored === 'FLOAT'
    ? `CASE WHEN ${column} = trunc(${column}) THEN CAST(CAST(${column} AS BIGINT) AS VARCHAR) ELSE CAST(${column} AS VARCHAR) END`
    : `CAST(${column} AS VARCHAR)`;

/** Milliseconds since 1970 UTC. */
export function instantSql(column: string, stored: string): string {
  if (/^(?:DOUBLE|FLOAT|BIGINT|INTEGER|UBIGINT)/.test(stored)) return `CAST(${column} AS DOUBLE)`;
  return `epoch_ms(TRY_CAST(${column} AS TIMESTAMP))::DOUBLE`;
}

/** What the model of a table predicts, as its signature says it. */
export function targetOf({ signature }: ModelVersion): string | undefined {
  const name = signature?.outputs?.[0]?.['name'];
  return typeof name === 'string' ? name : undefined;
}

export interface Reading {
  readonly client: Client;
  readonly scratch: Scratch;
}

const Column = z.object({ name: z.string(), kind: z.string() });
/** As table steps describe their rows. */
export const HeldMeta = z.object({
  target: z.string(),
  aside: z.array(Column),
  columns: z.array(Column),
  split: z.object({ side: z.literal('holdout'), by: z.string(), column: z.string().optional() }),
});

export const bringRows = 'bring rows with --rows: a file, or a dataset such as customers@2';

export interface HeldArtifact {
  /** The step that held them out. */
  readonly step: string;
  readonly meta: unknown;
  /** What DuckDB reads. */
  readonly sql: string;
}

/** Brings the held-out rows whose description fits. Throws where no pipeline made the version, or none of its steps has such. */
export async function heldArtifact(
  { client, scratch }: Reading,
  version: ModelVersion,
  fits: (output: string, meta: unknown) => boolean,
): Promise<HeldArtifact> {
  const { pipelineRun } = version.lineage;
  if (pipelineRun === undefined)
    throw usage(
      `${version.model}/${version.number} was made by no pipeline, so no rows were held out for it: ${bringRows}`,
    );
  const run = await client.pipelineRuns.get({ params: { run: pipelineRun } });
  for (const { step, outputs } of run.steps) {
    for (const [output, made] of Object.entries(outputs ?? {})) {
      if (!('artifact' in made) || !fits(output, made.artifact.meta)) continue;
      const file = join(scratch.folder, 'rows.parquet');
      await pipeline(
        await client.pipelineRuns.artifact({ params: { run: pipelineRun, step, output } }),
        createWriteStream(file),
      );
      return { step, meta: made.artifact.meta, sql: `read_parquet(${sqlText(file)})` };
    }
  }
  throw usage(`no step of run ${pipelineRun} kept rows that it held out: ${bringRows}`);
}

async function heldOut(reading: Reading, version: ModelVersion): Promise<Source> {
  const { step, meta, sql } = await heldArtifact(reading, version, (_, meta) => HeldMeta.safeParse(meta).success);
  const { target, split, aside, columns } = HeldMeta.parse(meta);
  const dates = [...aside, ...columns].filter(({ kind }) => kind === 'date');
  const at = split.by === 'time' ? split.column : dates[0]?.name;
  return { sql, label: target, at, words: `rows that ${step} held out` };
}

async function tableOf({ client, scratch }: Reading, from: string, limit: number): Promise<Source> {
  const isFile = await stat(from).then(
    (found) => found.isFile(),
    () => false,
  );
  const none = { label: undefined, at: undefined };
  const name = sqlText(from);
  if (isFile && from.endsWith('.parquet')) return { ...none, sql: `read_parquet(${name})`, words: `rows of ${from}` };
  if (isFile && /\.(?:ndjson|jsonl)$/.test(from))
    return { ...none, sql: `read_json(${name}, format = 'newline_delimited')`, words: `rows of ${from}` };
  if (isFile) return { ...none, sql: `read_csv(${name}, header = true, sample_size = -1)`, words: `rows of ${from}` };
  const dataset = /^(?<dataset>[a-z0-9][\w.-]*)(?:@(?<version>[\w-]+))?$/i.exec(from)?.groups;
  if (dataset?.['dataset'] === undefined)
    throw usage(`--rows ${from} is no file, and no dataset (customers, customers@2)`);
  await datasetFile(
    { client, scratch },
    { dataset: dataset['dataset'], version: dataset['version'] ?? 'latest' },
    limit,
  );
  const file = sqlText(join(scratch.folder, 'rows.ndjson'));
  return { ...none, sql: `read_json(${file}, format = 'newline_delimited')`, words: `rows of ${from}` };
}

const pageRows = 200;

async function datasetFile(
  { client, scratch }: Reading,
  params: { readonly dataset: string; readonly version: string },
  limit: number,
): Promise<void> {
  const lines = async function* (): AsyncGenerator<string> {
    let read = 0;
    let pageToken: string | undefined;
    do {
      const query = { limit: pageRows, ...(pageToken === undefined ? {} : { pageToken }) };
      const page = await client.datasets.rows({ params, query });
      for (const { values } of page.items)
        yield `${JSON.stringify(Object.fromEntries(page.columns.map(({ name }, i) => [name, values[i]])))}\n`;
      read += page.items.length;
      pageToken = page.nextPageToken;
    } while (pageToken !== undefined && read < limit);
  };
  await pipeline(lines, createWriteStream(join(scratch.folder, 'rows.ndjson')));
}
