/**
 * A training set: the rows of a service's label table, each with the vector that the online engine would have served at its
 * t, its label, and when the label was known. Written as Parquet:
 *
 *   row_id VARCHAR, at BIGINT (ms), label, label_known_at BIGINT (ms), one DOUBLE per feature, the extra inputs
 *
 * or, where they were asked for, the label table's own columns and one DOUBLE per feature beside them.
 *
 * Built by replay (replay.ts); a sample of the rows is computed a second time by the compiled join, and the count of cells
 * whose bits differ is part of the result. Nothing here needs a server: steps run it in their own process.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import { SlipwayError } from '@slipway/contract';
import type { Analytics } from '../../platform/analytics/analytics.ts';
import { sqlName, sqlText } from '../../platform/analytics/analytics.ts';
import type { Relations } from './compile-sql.ts';
import { trainingSpineSql } from './compile-sql.ts';
import { parseDefinition } from './definition.ts';
import { createEngine } from './online.ts';
import type { Parity } from './parity.ts';
import { bySql, compareBits } from './parity.ts';
import type { Plan, ServicePlan, TableColumn, TableSchemas } from './plan.ts';
import { createPlan } from './plan.ts';
import { problemAt } from './problem.ts';
import { replay } from './replay.ts';

/** Parquet files in order, or anything that can stand after FROM. */
export type TableInput = readonly string[] | { readonly sql: string };

export interface TrainingSetInput {
  /** A definition in any of its forms; it is checked. */
  readonly definition: unknown;
  readonly service: string;
  readonly tables: Readonly<Record<string, TableInput>>;
  /** Nothing known at or after this instant (ms) is used: later rows are left out, later labels are null. */
  readonly labelKnownBeforeMs?: number | undefined;
  readonly outFile: string;
  /** The file has the label table's own columns beside the features, in place of id, instant, label and extra inputs. */
  readonly withOwnColumns?: boolean | undefined;
  /** Rows so soon after the first one are left out: windows that reach further back are not full there. Nothing unless said. */
  readonly warmUpMs?: number | undefined;
  /** Rows to compute both ways; 500 unless said. */
  readonly paritySample?: number | undefined;
  readonly analytics: Analytics;
}

export interface TrainingSet {
  readonly rowCount: number;
  /** Rows of the label table without an instant, which were left out. */
  readonly refusedCount: number;
  readonly labelledCount: number;
  /** Of the file's bytes. */
  readonly digest: string;
  readonly serviceDigest: string;
  /** Features, in the order of the vector. */
  readonly names: readonly string[];
  readonly extra: readonly string[];
  readonly parity: Parity;
}

const paritySampleDefault = 500;

export const relationOf = (table: TableInput): string =>
  'sql' in table ? table.sql : `read_parquet([${table.map(sqlText).join(', ')}])`;

export async function describeTables(
  connection: DuckDBConnection,
  tables: Readonly<Record<string, TableInput>>,
): Promise<TableSchemas> {
  const schemas = new Map<string, readonly TableColumn[]>();
  for (const [name, table] of Object.entries(tables)) {
    const rows = (await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${relationOf(table)}`)).getRows();
    schemas.set(
      name,
      rows.map(([column, type]) => ({ name: String(column), type: String(type) })),
    );
  }
  return schemas;
}

/** The relations of a plan's sources over tables whose rows follow the declared known_at. */
export function relationsOf(tables: Readonly<Record<string, TableInput>>): Relations {
  return ({ table }) => {
    const input = tables[table];
    assert.ok(input, `the plan was made with table ${table}`);
    return { sql: relationOf(input), isLog: false };
  };
}

export async function buildTrainingSet(input: TrainingSetInput): Promise<TrainingSet> {
  const connection = await input.analytics.connect();
  try {
    return await build(input, connection);
  } finally {
    for (const table of ['spine', 'sample', 'vectors']) await connection.run(`DROP TABLE IF EXISTS training_${table}`);
    connection.closeSync();
  }
}

async function build(input: TrainingSetInput, connection: DuckDBConnection): Promise<TrainingSet> {
  const { analytics, tables } = input;
  const definition = parseDefinition(input.definition);
  const plan = createPlan(definition, await describeTables(connection, tables), [input.service]);
  const service = plan.services.get(input.service);
  assert.ok(service, 'createPlan refuses an unknown service');
  const { rows } = service;
  if (!rows || !(service.at ?? rows.at)) {
    const missing = rows ? 'at' : 'rows';
    const place = ['services', input.service];
    throw problemAt(
      place,
      missing,
      'is missing, or its table was not given',
      'A training set needs `at`, `rows`, and the table that rows names.',
    );
  }
  const own = input.withOwnColumns === true ? await columnsOf(connection, tables[rows.table] ?? []) : undefined;
  refuseClash(service, own ?? [...ownColumns, ...rows.extra]);
  const relations = relationsOf(tables);
  const { rowCount, refusedCount } = await writeSpine(connection, {
    plan,
    service,
    relation: relationOf(tables[rows.table] ?? []),
    input,
  });
  const engine = createEngine(plan);
  const spine = 'training_spine';
  const { values } = await replay({ engine, service, connect: () => analytics.connect(), relations, spine, rowCount });
  const names = service.features.map(({ name }) => name);
  await writeVectors(connection, values, names);
  const labelled = await writeFile(connection, {
    service,
    extra: rows.extra,
    names,
    own,
    outFile: input.outFile,
  });
  const sample = await sampleRows(connection, input.paritySample ?? paritySampleDefault);
  const again =
    sample.length === 0
      ? new Float64Array(0)
      : await bySql(connection, { plan, service, relations, spine: 'training_sample', form: 'direct' });
  const width = names.length;
  const first = new Float64Array(sample.length * width);
  sample.forEach((row, i) => first.set(values.subarray((row - 1) * width, row * width), i * width));
  return {
    rowCount,
    refusedCount,
    labelledCount: labelled,
    digest: await fileDigest(input.outFile),
    serviceDigest: service.digest,
    names,
    extra: rows.extra,
    parity: compareBits(first, again, names),
  };
}

const ownColumns = ['row_id', 'at', 'label', 'label_known_at'];

const columnsOf = async (connection: DuckDBConnection, table: TableInput): Promise<readonly string[]> =>
  (await describeTables(connection, { table })).get('table')?.map(({ name }) => name) ?? [];

/** DuckDB tells names apart without regard to case. */
function refuseClash(service: ServicePlan, others: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of [...others, ...service.features.map((feature) => feature.name)]) {
    if (seen.has(name.toLowerCase()))
      throw problemAt(
        ['services', service.name],
        name,
        'would name two columns of the training set',
        'Rename the feature, or leave it out of `extra`.',
      );
    seen.add(name.toLowerCase());
  }
}

/** `training_spine`: the rows to build, numbered from 1 in the order of the label table. */
async function writeSpine(
  connection: DuckDBConnection,
  { plan, service, relation, input }: { plan: Plan; service: ServicePlan; relation: string; input: TrainingSetInput },
): Promise<{ rowCount: number; refusedCount: number }> {
  const cutUs = input.labelKnownBeforeMs === undefined ? undefined : input.labelKnownBeforeMs * 1000;
  const all = trainingSpineSql(plan, service, { relation, withOwn: input.withOwnColumns === true });
  const until = cutUs === undefined ? '' : `AND _t < ${cutUs}`;
  const from =
    input.warmUpMs === undefined
      ? ''
      : `AND _t >= (SELECT min(_t) FROM (${all})) + ${Math.round(input.warmUpMs * 1000)}`;
  await connection.run(
    `CREATE OR REPLACE TABLE training_spine AS SELECT * REPLACE (row_number() OVER (ORDER BY _row) AS _row) FROM (${all}) WHERE _t IS NOT NULL ${until} ${from} ORDER BY _row`,
  );
  if (cutUs !== undefined) {
    await connection.run(
      `UPDATE training_spine SET _label = NULL, _label_known_us = NULL WHERE _label_known_us IS NULL OR _label_known_us >= ${cutUs}`,
    );
  }
  const counts = (
    await connection.runAndReadAll(
      `SELECT (SELECT count(*) FROM training_spine), (SELECT count(*) FROM (${all}) WHERE _t IS NULL)`,
    )
  ).getRows()[0];
  return { rowCount: Number(counts?.[0]), refusedCount: Number(counts?.[1]) };
}

/** Rows in one chunk of the appender: DuckDB's vector size. */
const chunkRows = 2048;

async function writeVectors(
  connection: DuckDBConnection,
  values: Float64Array,
  names: readonly string[],
): Promise<void> {
  const { DOUBLE, BIGINT, DuckDBDataChunk } = await import('@duckdb/node-api');
  const width = names.length;
  const rowCount = width === 0 ? 0 : values.length / width;
  await connection.run(
    `CREATE OR REPLACE TABLE training_vectors (_row BIGINT, ${names.map((name) => `${sqlName(name)} DOUBLE`).join(', ')})`,
  );
  const appender = await connection.createAppender('training_vectors');
  const types = [BIGINT, ...names.map(() => DOUBLE)];
  for (let from = 0; from < rowCount; from += chunkRows) {
    const count = Math.min(chunkRows, rowCount - from);
    const chunk = DuckDBDataChunk.create(types, count);
    chunk.setColumnValues(
      0,
      Array.from({ length: count }, (_, i) => BigInt(from + i + 1)),
    );
    for (let f = 0; f < width; f++) {
      const column: (number | null)[] = [];
      for (let i = 0; i < count; i++) {
        const value = values[(from + i) * width + f] as number;
        column.push(Number.isNaN(value) ? null : value);
      }
      chunk.setColumnValues(f + 1, column);
    }
    appender.appendDataChunk(chunk);
  }
  appender.closeSync();
}

/** Writes the Parquet file and returns the count of rows with a label. */
async function writeFile(
  connection: DuckDBConnection,
  options: {
    service: ServicePlan;
    extra: readonly string[];
    names: readonly string[];
    own: readonly string[] | undefined;
    outFile: string;
  },
): Promise<number> {
  const { service, extra, names, own, outFile } = options;
  const labelType = { bool: 'TINYINT', int: 'BIGINT' }[String(service.rows?.label?.value.type)] ?? 'DOUBLE';
  const features = names.map((name) => `v.${sqlName(name)}`);
  const columns = own
    ? [...own.map((name) => `s._own.${sqlName(name)}`), ...features]
    : [
        's._id AS row_id',
        's._t // 1000 AS "at"',
        `CAST(s._label AS ${labelType}) AS label`,
        's._label_known_us // 1000 AS label_known_at',
        ...features,
        ...extra.map((name) => `s.${sqlName(`in_${name}`)} AS ${sqlName(name)}`),
      ];
  await connection.run(
    `COPY (SELECT ${columns.join(', ')} FROM training_spine s JOIN training_vectors v ON v._row = s._row ORDER BY s._row)
     TO ${sqlText(outFile)} (FORMAT parquet, COMPRESSION zstd)`,
  );
  const counts = `SELECT (SELECT count(*) FROM read_parquet(${sqlText(outFile)})), count(*), count(_label) FROM training_spine`;
  const [written, expected, labelled] = ((await connection.runAndReadAll(counts)).getRows()[0] ?? []).map(Number);
  assert.equal(written, expected, 'every row of the spine is written once');
  return labelled ?? 0;
}

/** `training_sample`: rows chosen by a hash of their id, so that the same rows are checked again; returns their numbers. */
async function sampleRows(connection: DuckDBConnection, count: number): Promise<number[]> {
  if (!Number.isSafeInteger(count) || count < 0)
    throw new SlipwayError('config_invalid', {
      setting: 'paritySample',
      value: count,
      rule: 'it must be a count of rows',
    });
  await connection.run(
    `CREATE OR REPLACE TABLE training_sample AS SELECT * REPLACE (row_number() OVER (ORDER BY _row) AS _row), _row AS _whole
     FROM (SELECT * FROM training_spine ORDER BY md5(_id || ':' || _row) LIMIT ${count}) ORDER BY _row`,
  );
  const rows = (
    await connection.runAndReadAll('SELECT CAST(_whole AS DOUBLE) FROM training_sample ORDER BY _row')
  ).getRows();
  return rows.map(([row]) => Number(row));
}

async function fileDigest(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return `sha256:${hash.digest('hex')}`;
}
