/** Datasets, versions and their file lists in the database. Loaded by the writer: nothing heavy here. */
import { join } from 'node:path';
import type { ColumnSchema, DatasetFile } from '@slipway/contract';
import { dataRoutes, SlipwayError } from '@slipway/contract';
import type { Kysely } from 'kysely';
import type { z } from 'zod';
import { declaredId } from '../../lib/declared-id.ts';
import type { StoreModule, Trx } from '../../platform/db/db.ts';
import { operation } from '../../platform/db/db.ts';
import type { ResourceKind } from '../projects/index.ts';
import type { Manifest } from './manifest.ts';
import { manifestDigest, withFile } from './manifest.ts';

export interface DatasetRow {
  id: string;
  name: string;
  description: string;
  project: string | null;
  latest_number: number;
  created_at: number;
  created_by: string;
}

export interface VersionRow {
  id: string;
  dataset_id: string;
  number: number;
  digest: string;
  row_count: number;
  size_bytes: number;
  file_count: number;
  column_schema: string;
  created_at: number;
  created_by: string;
}

interface VersionFileRow {
  version_id: string;
  place: number;
  name: string;
  digest: string;
  size_bytes: number;
  row_count: number;
}

export interface DataTables {
  data_dataset: DatasetRow;
  data_version: VersionRow;
  data_version_file: VersionFileRow;
  data_profile: { digest: string; content: string; created_at: number };
  data_comparison: { digest: string; against_digest: string; content: string; created_at: number };
}

/** A version with everything that was stored of it. */
export interface StoredVersion extends Manifest {
  readonly row: VersionRow;
}

export async function findDataset(tables: Kysely<DataTables>, name: string): Promise<DatasetRow | undefined> {
  return tables.selectFrom('data_dataset').selectAll().where('name', '=', name).executeTakeFirst();
}

export async function listFiles(tables: Kysely<DataTables>, versionId: string): Promise<DatasetFile[]> {
  const rows = await tables
    .selectFrom('data_version_file')
    .selectAll()
    .where('version_id', '=', versionId)
    .orderBy('place')
    .execute();
  return rows.map((r) => ({ name: r.name, digest: r.digest, sizeBytes: r.size_bytes, rowCount: r.row_count }));
}

/** The columns as this store wrote them. */
export function readSchema(row: VersionRow): ColumnSchema[] {
  return JSON.parse(row.column_schema) as ColumnSchema[];
}

async function findLatest(tables: Kysely<DataTables>, dataset: DatasetRow): Promise<StoredVersion | undefined> {
  if (dataset.latest_number === 0) return undefined;
  const row = await tables
    .selectFrom('data_version')
    .selectAll()
    .where('dataset_id', '=', dataset.id)
    .where('number', '=', dataset.latest_number)
    .executeTakeFirstOrThrow();
  return { row, files: await listFiles(tables, row.id), schema: readSchema(row) };
}

async function insertDataset(
  trx: Trx,
  input: { id: string; name: string; description: string; project: string | null; actor: string },
): Promise<DatasetRow> {
  const row: DatasetRow = {
    id: input.id,
    name: input.name,
    description: input.description,
    project: input.project,
    latest_number: 0,
    created_at: trx.now,
    created_by: input.actor,
  };
  await trx.tables<DataTables>().insertInto('data_dataset').values(row).execute();
  await trx.emit({
    kind: 'dataset.created',
    actor: input.actor,
    subject: input.id,
    body: { dataset: input.name, description: input.description, project: input.project },
  });
  return row;
}

export const createDataset = operation(
  'data.create-dataset',
  async (trx, input: { id: string; name: string; description: string; actor: string }): Promise<DatasetRow> => {
    if (await findDataset(trx.tables<DataTables>(), input.name)) {
      throw new SlipwayError('already_exists', { noun: 'dataset', name: input.name });
    }
    return insertDataset(trx, { ...input, project: null });
  },
);

async function insertVersion(
  trx: Trx,
  dataset: DatasetRow,
  input: { id: string; manifest: Manifest; change: Readonly<Record<string, string>>; actor: string },
): Promise<StoredVersion> {
  const { files, schema } = input.manifest;
  const tables = trx.tables<DataTables>();
  const row: VersionRow = {
    id: input.id,
    dataset_id: dataset.id,
    number: dataset.latest_number + 1,
    digest: manifestDigest(input.manifest),
    row_count: files.reduce((sum, f) => sum + f.rowCount, 0),
    size_bytes: files.reduce((sum, f) => sum + f.sizeBytes, 0),
    file_count: files.length,
    column_schema: JSON.stringify(schema),
    created_at: trx.now,
    created_by: input.actor,
  };
  await tables.insertInto('data_version').values(row).execute();
  const rows = files.map((f, place) => ({
    version_id: row.id,
    place,
    name: f.name,
    digest: f.digest,
    size_bytes: f.sizeBytes,
    row_count: f.rowCount,
  }));
  // 500 rows of 6 values stay below the 32,766 parameters of one SQLite statement.
  for (let i = 0; i < rows.length; i += 500) {
    await tables
      .insertInto('data_version_file')
      .values(rows.slice(i, i + 500))
      .execute();
  }
  await tables.updateTable('data_dataset').set({ latest_number: row.number }).where('id', '=', dataset.id).execute();
  await trx.emit({
    kind: 'dataset.version-created',
    actor: input.actor,
    subject: row.id,
    body: {
      dataset: dataset.name,
      number: row.number,
      digest: row.digest,
      rowCount: row.row_count,
      fileCount: row.file_count,
      ...input.change,
    },
  });
  return { row, files, schema };
}

export interface PutFileInput {
  /** Ids to be used if a dataset or a version has to be made. */
  readonly datasetId: string;
  readonly versionId: string;
  readonly dataset: string;
  readonly file: DatasetFile;
  readonly schema: readonly ColumnSchema[];
  readonly actor: string;
}

/** Adds or replaces one file. The version that stands is answered when it has exactly this file already. */
export const putFile = operation(
  'data.put-file',
  async (trx, input: PutFileInput): Promise<{ version: StoredVersion; unchanged: boolean }> => {
    const tables = trx.tables<DataTables>();
    const { dataset: name, actor, file } = input;
    const found = await findDataset(tables, name);
    const latest = found && (await findLatest(tables, found));
    const same = latest?.files.find((f) => f.name === file.name);
    if (latest !== undefined && same?.digest === file.digest) return { version: latest, unchanged: true };
    const manifest = withFile(name, latest, input);
    const dataset =
      found ?? (await insertDataset(trx, { id: input.datasetId, name, description: '', project: null, actor }));
    const change = { [same === undefined ? 'added' : 'replaced']: file.name, file: file.digest };
    return {
      version: await insertVersion(trx, dataset, { id: input.versionId, manifest, change, actor }),
      unchanged: false,
    };
  },
);

const noDataset = (name: string): SlipwayError =>
  new SlipwayError('not_found', { noun: 'dataset', name, remedy: '`slipway data list` shows what there is.' });

export const removeFile = operation(
  'data.remove-file',
  async (trx, input: { versionId: string; dataset: string; file: string; actor: string }): Promise<StoredVersion> => {
    const tables = trx.tables<DataTables>();
    const dataset = await findDataset(tables, input.dataset);
    if (dataset === undefined) throw noDataset(input.dataset);
    const latest = await findLatest(tables, dataset);
    if (!latest?.files.some((f) => f.name === input.file)) {
      const remedy = `The latest version of dataset "${input.dataset}" has no such file.`;
      throw new SlipwayError('not_found', { noun: 'file', name: input.file, remedy });
    }
    const files = latest.files.filter((f) => f.name !== input.file);
    if (files.length === 0) {
      const problem = `"${input.file}" is the last file of dataset "${input.dataset}"; a version has at least one. Add another file first.`;
      throw new SlipwayError('conflict', { problem });
    }
    const manifest = { files, schema: latest.schema };
    const change = { removed: input.file };
    return insertVersion(trx, dataset, { id: input.versionId, manifest, change, actor: input.actor });
  },
);

export const saveProfile = operation(
  'data.save-profile',
  async (trx, input: { digest: string; content: string }): Promise<void> => {
    await trx
      .tables<DataTables>()
      .insertInto('data_profile')
      .values({ ...input, created_at: trx.now })
      .onConflict((c) => c.column('digest').doNothing())
      .execute();
  },
);

export const saveComparison = operation(
  'data.save-comparison',
  async (trx, input: { digest: string; against_digest: string; content: string }): Promise<void> => {
    await trx
      .tables<DataTables>()
      .insertInto('data_comparison')
      .values({ ...input, created_at: trx.now })
      .onConflict((c) => c.columns(['digest', 'against_digest']).doNothing())
      .execute();
  },
);

const DatasetSpec = dataRoutes['datasets.create'].body.omit({ name: true });
export type DatasetSpec = z.output<typeof DatasetSpec>;

/** `datasets:` of slipway.yaml. Removing the declaration leaves the dataset and its versions: data is never deleted by an apply. */
export const datasetKind: ResourceKind<DatasetSpec> = {
  kind: 'dataset',
  parse: (name, spec) => {
    const parsed = DatasetSpec.safeParse(spec ?? {});
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    const problem = `${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim();
    throw new SlipwayError('resource_invalid', { kind: 'dataset', name, problem });
  },
  apply: async (trx, { name, spec, project, actor }) => {
    const facts = { description: spec.description, project };
    const found = await findDataset(trx.tables<DataTables>(), name);
    if (found === undefined)
      await insertDataset(trx, { id: declaredId('dataset', trx.now, name), name, ...facts, actor });
    else await trx.tables<DataTables>().updateTable('data_dataset').set(facts).where('id', '=', found.id).execute();
  },
  remove: async (trx, { name }) => {
    await trx
      .tables<DataTables>()
      .updateTable('data_dataset')
      .set({ project: null })
      .where('name', '=', name)
      .execute();
  },
};

export const dataStore: StoreModule = {
  name: 'data',
  migrations: join(import.meta.dirname, 'migrations'),
  operations: [createDataset, putFile, removeFile, saveProfile, saveComparison],
};
