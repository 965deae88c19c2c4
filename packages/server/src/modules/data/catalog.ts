/** Look-ups of datasets and versions: by name, by word, by page. Reads the database and nothing else. */
import type { Dataset, DatasetVersion, DatasetVersionSummary } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import type { Kysely } from 'kysely';
import { pageOf } from '../../lib/page.ts';
import type { Page, PageRequest } from '../../lib/page.ts';
import { decodePageToken, encodePageToken, fingerprintOf } from '../../lib/page-token.ts';
import type { VersionWord } from './reference.ts';
import type { DatasetRow, DataTables, StoredVersion, VersionRow } from './store.ts';
import { findDataset, listFiles, readSchema } from './store.ts';

const summaryOf = (dataset: string, row: VersionRow): DatasetVersionSummary => ({
  id: row.id,
  dataset,
  number: row.number,
  digest: row.digest,
  rowCount: row.row_count,
  sizeBytes: row.size_bytes,
  fileCount: row.file_count,
  createdAt: row.created_at,
  createdBy: row.created_by,
});

export const versionOf = (dataset: string, stored: StoredVersion): DatasetVersion => ({
  ...summaryOf(dataset, stored.row),
  files: [...stored.files],
  schema: [...stored.schema],
});

export interface Catalog {
  /** Throws `not_found`. */
  get(name: string): Promise<Dataset>;
  list(page: PageRequest): Promise<Page<Dataset>>;
  describe(row: DatasetRow): Promise<Dataset>;
  versions(name: string, page: PageRequest): Promise<Page<DatasetVersionSummary>>;
  /** Throws `not_found`, and says which versions there are. */
  getVersion(name: string, word: VersionWord): Promise<StoredVersion>;
  /** The latest version; undefined when there is none, or no such dataset. */
  findLatest(name: string): Promise<StoredVersion | undefined>;
  findVersionById(id: string): Promise<DatasetVersion | undefined>;
  isReferenced(digest: string): Promise<boolean>;
  /** Versions with a file of these bytes, newest first. */
  versionsWith(digest: string, limit: number): Promise<readonly VersionWithFile[]>;
}

export interface VersionWithFile {
  readonly dataset: string;
  readonly number: number;
  /** What the file is called there. */
  readonly file: string;
  readonly sizeBytes: number;
}

type Tables = () => Kysely<DataTables>;

async function mustFind(tables: Tables, name: string): Promise<DatasetRow> {
  const row = await findDataset(tables(), name);
  if (row) return row;
  throw new SlipwayError('not_found', { noun: 'dataset', name, remedy: '`slipway data list` shows what there is.' });
}

async function findVersionRow(tables: Tables, dataset: DatasetRow, word: VersionWord): Promise<VersionRow | undefined> {
  const query = tables().selectFrom('data_version').selectAll().where('dataset_id', '=', dataset.id);
  if (typeof word === 'string' && word !== 'latest') {
    return query.where('digest', '=', word).orderBy('number', 'desc').limit(1).executeTakeFirst();
  }
  return query.where('number', '=', word === 'latest' ? dataset.latest_number : word).executeTakeFirst();
}

async function getVersion(tables: Tables, name: string, word: VersionWord): Promise<StoredVersion> {
  const dataset = await mustFind(tables, name);
  const row = await findVersionRow(tables, dataset, word);
  if (row) return { row, files: await listFiles(tables(), row.id), schema: readSchema(row) };
  const remedy =
    dataset.latest_number === 0
      ? `Dataset "${name}" is empty: \`slipway data add ${name} FILE\` makes its first version.`
      : `Dataset "${name}" has the versions 1 to ${dataset.latest_number}.`;
  throw new SlipwayError('not_found', { noun: 'dataset version', name: `${name}@${word}`, remedy });
}

async function datasetOf(tables: Tables, row: DatasetRow): Promise<Dataset> {
  const latest = row.latest_number === 0 ? undefined : await findVersionRow(tables, row, 'latest');
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    ...(row.project === null ? {} : { project: row.project }),
    createdAt: row.created_at,
    createdBy: row.created_by,
    ...(latest === undefined ? {} : { latest: summaryOf(row.name, latest) }),
  };
}

async function listDatasets(tables: Tables, page: PageRequest): Promise<Page<Dataset>> {
  const fingerprint = fingerprintOf('datasets.list');
  let query = tables()
    .selectFrom('data_dataset')
    .selectAll()
    .orderBy('name')
    .limit(page.limit + 1);
  if (page.pageToken !== undefined) {
    const [name] = decodePageToken(page.pageToken, fingerprint, 1);
    query = query.where('name', '>', String(name));
  }
  const rows = await query.execute();
  const found = pageOf(
    rows,
    page.limit,
    (row) => encodePageToken(fingerprint, [row.name]),
    (row) => row,
  );
  return { ...found, items: await Promise.all(found.items.map((row) => datasetOf(tables, row))) };
}

async function listVersions(tables: Tables, name: string, page: PageRequest): Promise<Page<DatasetVersionSummary>> {
  const dataset = await mustFind(tables, name);
  const fingerprint = fingerprintOf(['datasets.versions', dataset.id]);
  const below =
    page.pageToken === undefined
      ? dataset.latest_number + 1
      : Number(decodePageToken(page.pageToken, fingerprint, 1)[0]);
  if (!Number.isSafeInteger(below)) throw new SlipwayError('page_token_invalid', { token: page.pageToken });
  const rows = await tables()
    .selectFrom('data_version')
    .selectAll()
    .where('dataset_id', '=', dataset.id)
    .where('number', '<', below)
    .orderBy('number', 'desc')
    .limit(page.limit + 1)
    .execute();
  return pageOf(
    rows,
    page.limit,
    (row) => encodePageToken(fingerprint, [row.number]),
    (row) => summaryOf(name, row),
  );
}

async function findLatest(tables: Tables, dataset: string): Promise<StoredVersion | undefined> {
  const row = await tables()
    .selectFrom('data_dataset')
    .innerJoin('data_version', (j) =>
      j
        .onRef('data_version.dataset_id', '=', 'data_dataset.id')
        .onRef('data_version.number', '=', 'data_dataset.latest_number'),
    )
    .selectAll('data_version')
    .where('data_dataset.name', '=', dataset)
    .executeTakeFirst();
  return row && { row, files: await listFiles(tables(), row.id), schema: readSchema(row) };
}

async function findVersionById(tables: Tables, id: string): Promise<DatasetVersion | undefined> {
  const row = await tables().selectFrom('data_version').selectAll().where('id', '=', id).executeTakeFirst();
  if (!row) return undefined;
  const { name } = await tables()
    .selectFrom('data_dataset')
    .select('name')
    .where('id', '=', row.dataset_id)
    .executeTakeFirstOrThrow();
  return versionOf(name, { row, files: await listFiles(tables(), id), schema: readSchema(row) });
}

async function isReferenced(tables: Tables, digest: string): Promise<boolean> {
  const row = await tables()
    .selectFrom('data_version_file')
    .select('name')
    .where('digest', '=', digest)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

async function versionsWith(tables: Tables, digest: string, limit: number): Promise<readonly VersionWithFile[]> {
  const rows = await tables()
    .selectFrom('data_version_file as f')
    .innerJoin('data_version as v', 'v.id', 'f.version_id')
    .innerJoin('data_dataset as d', 'd.id', 'v.dataset_id')
    .where('f.digest', '=', digest)
    .select(['d.name as dataset', 'v.number', 'f.name as file', 'f.size_bytes'])
    .orderBy('v.created_at', 'desc')
    .orderBy('v.number', 'desc')
    .limit(limit)
    .execute();
  return rows.map(({ size_bytes, ...row }) => ({ ...row, sizeBytes: size_bytes }));
}

export function createCatalog(tables: Tables): Catalog {
  return {
    get: async (name) => datasetOf(tables, await mustFind(tables, name)),
    list: (page) => listDatasets(tables, page),
    describe: (row) => datasetOf(tables, row),
    versions: (name, page) => listVersions(tables, name, page),
    getVersion: (name, word) => getVersion(tables, name, word),
    findLatest: (name) => findLatest(tables, name),
    findVersionById: (id) => findVersionById(tables, id),
    isReferenced: (digest) => isReferenced(tables, digest),
    versionsWith: (digest, limit) => versionsWith(tables, digest, limit),
  };
}
