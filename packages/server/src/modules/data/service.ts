/** Datasets: check a file, keep its bytes, record the version. Reading: versions, profiles, bytes, and relations for SQL. */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type {
  ColumnSchema,
  Dataset,
  DatasetDiff,
  DatasetFile,
  DatasetProfile,
  DatasetVersion,
  DatasetVersionSummary,
  PutFileAnswer,
} from '@slipway/contract';
import { idToHex, isId, SlipwayError } from '@slipway/contract';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Analytics } from '../../platform/analytics/analytics.ts';
import type { Db } from '../../platform/db/db.ts';
import type { Ids } from '../../platform/ids.ts';
import type { Objects } from '../../platform/objects/objects.ts';
import { decodePageToken, encodePageToken, fingerprintOf } from '../../lib/page-token.ts';
import { relationSql } from './format.ts';
import { inspectFile } from './inspect.ts';
import { diffVersions, schemaProblem } from './manifest.ts';
import { profileColumns } from './profile.ts';
import type { VersionWord } from './reference.ts';
import { matchesPattern, parseDatasetRef, parseVersionWord } from './reference.ts';
import type { DatasetRow, DataTables, StoredVersion, VersionRow } from './store.ts';
import { createDataset, findDataset, listFiles, putFile, readSchema, removeFile, saveProfile } from './store.ts';

export interface Page<T> {
  readonly items: T[];
  readonly nextPageToken?: string;
}

export interface PageRequest {
  readonly limit: number;
  readonly pageToken?: string | undefined;
}

/** A version, or a selection of its files, with what an engine needs to read it. */
export interface ResolvedDataset extends DatasetVersion {
  /** Local paths, in the order of `files`, each different. The names end in no extension: use `relation`, or read by the file's name. */
  readonly paths: readonly string[];
  /** An SQL relation with the columns of `schema`, `filename` (one of `paths`) and `file_row_number`. */
  readonly relation: string;
}

export interface Data {
  list(page: PageRequest): Promise<Page<Dataset>>;
  get(dataset: string): Promise<Dataset>;
  create(input: { name: string; description: string; actor: string }): Promise<Dataset>;
  /** Throws `data_format_wrong`, `schema_mismatch`, `disk_full`; nothing is kept then. */
  putFile(input: {
    dataset: string;
    file: string;
    bytes: AsyncIterable<Uint8Array>;
    actor: string;
  }): Promise<PutFileAnswer>;
  removeFile(input: { dataset: string; file: string; actor: string }): Promise<DatasetVersion>;
  versions(dataset: string, page: PageRequest): Promise<Page<DatasetVersionSummary>>;
  /** `word`: latest, a number or a digest. */
  version(dataset: string, word: string): Promise<DatasetVersion>;
  findVersionById(id: string): Promise<DatasetVersion | undefined>;
  profile(dataset: string, word: string): Promise<DatasetProfile>;
  openFile(
    dataset: string,
    word: string,
    file: string,
  ): Promise<{ file: DatasetFile; bytes: AsyncIterable<Uint8Array> }>;
  diff(dataset: string, from: string, to: string): Promise<DatasetDiff>;
  /** `flights`, `flights@3`, `flights@latest/2013-0*.parquet`; `files` narrows further. Throws when no file is selected. */
  resolve(ref: string, options?: { readonly files?: readonly string[] | undefined }): Promise<ResolvedDataset>;
  /** Whether any version still has an object with this digest. */
  isReferenced(digest: string): Promise<boolean>;
}

export interface DataDeps {
  readonly db: Db;
  readonly ids: Ids;
  readonly objects: Objects;
  readonly analytics: Analytics;
  /** Uploads lie here until they are checked; on the same disk as the objects, so that keeping them is a rename. */
  readonly uploadFolder: string;
}

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

const versionOf = (dataset: string, stored: StoredVersion): DatasetVersion => ({
  ...summaryOf(dataset, stored.row),
  files: [...stored.files],
  schema: [...stored.schema],
});

/** Files with equal bytes are one object: each later one is given another spelling of its path, so that `filename` tells them apart. */
function distinctPaths(paths: readonly string[]): string[] {
  const seen = new Map<string, number>();
  return paths.map((path) => {
    const times = seen.get(path) ?? 0;
    seen.set(path, times + 1);
    return times === 0 ? path : `${dirname(path)}/${'./'.repeat(times)}${basename(path)}`;
  });
}

const noFile = (dataset: string, number: number, file: string): SlipwayError =>
  new SlipwayError('not_found', {
    noun: 'file',
    name: file,
    remedy: `Version ${number} of dataset "${dataset}" has no file of that name.`,
  });

export function createData(deps: DataDeps): Data {
  const { db, ids, objects, analytics } = deps;
  const tables = () => db.read<DataTables>();

  const mustFind = async (name: string): Promise<DatasetRow> => {
    const row = await findDataset(tables(), name);
    if (row) return row;
    throw new SlipwayError('not_found', { noun: 'dataset', name, remedy: '`slipway data list` shows what there is.' });
  };

  const findVersionRow = async (dataset: DatasetRow, word: VersionWord): Promise<VersionRow | undefined> => {
    const query = tables().selectFrom('data_version').selectAll().where('dataset_id', '=', dataset.id);
    if (typeof word === 'string' && word !== 'latest') {
      return query.where('digest', '=', word).orderBy('number', 'desc').limit(1).executeTakeFirst();
    }
    return query.where('number', '=', word === 'latest' ? dataset.latest_number : word).executeTakeFirst();
  };

  const getVersion = async (name: string, word: VersionWord): Promise<StoredVersion> => {
    const dataset = await mustFind(name);
    const row = await findVersionRow(dataset, word);
    if (row) return { row, files: await listFiles(tables(), row.id), schema: readSchema(row) };
    const remedy =
      dataset.latest_number === 0
        ? `Dataset "${name}" is empty: \`slipway data add ${name} FILE\` makes its first version.`
        : `Dataset "${name}" has the versions 1 to ${dataset.latest_number}.`;
    throw new SlipwayError('not_found', { noun: 'dataset version', name: `${name}@${word}`, remedy });
  };

  const datasetOf = async (row: DatasetRow): Promise<Dataset> => {
    const latest = row.latest_number === 0 ? undefined : await findVersionRow(row, 'latest');
    return {
      id: row.id,
      name: row.name,
      description: row.description,
      ...(row.project === null ? {} : { project: row.project }),
      createdAt: row.created_at,
      createdBy: row.created_by,
      ...(latest === undefined ? {} : { latest: summaryOf(row.name, latest) }),
    };
  };

  const list = async (page: PageRequest): Promise<Page<Dataset>> => {
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
    const shown = rows.slice(0, page.limit);
    const next = rows.length > page.limit ? shown.at(-1) : undefined;
    const items = await Promise.all(shown.map(datasetOf));
    return { items, ...(next === undefined ? {} : { nextPageToken: encodePageToken(fingerprint, [next.name]) }) };
  };

  const versions = async (name: string, page: PageRequest): Promise<Page<DatasetVersionSummary>> => {
    const dataset = await mustFind(name);
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
    const items = rows.slice(0, page.limit).map((row) => summaryOf(name, row));
    const next = rows.length > page.limit ? items.at(-1) : undefined;
    return { items, ...(next === undefined ? {} : { nextPageToken: encodePageToken(fingerprint, [next.number]) }) };
  };

  const connected = async <T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> => {
    const connection = await analytics.connect();
    try {
      return await work(connection);
    } finally {
      connection.closeSync();
    }
  };

  const resolve: Data['resolve'] = async (ref, options = {}) => {
    const { dataset, version: word, files: pattern } = parseDatasetRef(ref);
    const stored = await getVersion(dataset, word);
    const patterns = options.files;
    const files = stored.files.filter(
      (f) =>
        (pattern === undefined || matchesPattern(f.name, pattern)) &&
        (patterns === undefined || patterns.some((p) => matchesPattern(f.name, p))),
    );
    if (files.length === 0) {
      throw noFile(
        dataset,
        stored.row.number,
        [pattern, ...(patterns ?? [])].filter((p) => p !== undefined).join(', '),
      );
    }
    const paths = distinctPaths(await Promise.all(files.map((f) => objects.path(f.digest))));
    const named = files.map((f, i) => ({ name: f.name, path: paths[i] ?? '' }));
    const rowCount = files.reduce((sum, f) => sum + f.rowCount, 0);
    const sizeBytes = files.reduce((sum, f) => sum + f.sizeBytes, 0);
    const whole = versionOf(dataset, stored);
    return { ...whole, files, rowCount, sizeBytes, paths, relation: relationSql(named, stored.schema) };
  };

  const profile = async (dataset: string, word: string): Promise<DatasetProfile> => {
    const { row } = await getVersion(dataset, parseVersionWord(word));
    const head = { dataset, version: row.number, digest: row.digest };
    const known = await tables()
      .selectFrom('data_profile')
      .select('content')
      .where('digest', '=', row.digest)
      .executeTakeFirst();
    // Written by this store from the value computed below.
    if (known) return { ...head, ...(JSON.parse(known.content) as Pick<DatasetProfile, 'rowCount' | 'columns'>) };
    const { relation, ...shape } = await resolve(`${dataset}@${row.number}`);
    const content = await connected((connection) => profileColumns(connection, relation, shape));
    await db.write(saveProfile, { digest: row.digest, content: JSON.stringify(content) });
    return { ...head, ...content };
  };

  return {
    list,
    get: async (name) => datasetOf(await mustFind(name)),
    create: async ({ name, description, actor }) =>
      datasetOf(await db.write(createDataset, { id: ids.next('dataset'), name, description, actor })),
    putFile: createPutFile({ ...deps, tables, connected }),
    removeFile: async ({ dataset, file, actor }) =>
      versionOf(dataset, await db.write(removeFile, { versionId: ids.next('datasetVersion'), dataset, file, actor })),
    versions,
    version: async (dataset, word) => versionOf(dataset, await getVersion(dataset, parseVersionWord(word))),
    findVersionById: async (id) => {
      const row = await tables().selectFrom('data_version').selectAll().where('id', '=', id).executeTakeFirst();
      if (!row) return undefined;
      const { name } = await tables()
        .selectFrom('data_dataset')
        .select('name')
        .where('id', '=', row.dataset_id)
        .executeTakeFirstOrThrow();
      return versionOf(name, { row, files: await listFiles(tables(), id), schema: readSchema(row) });
    },
    profile,
    openFile: async (dataset, word, name) => {
      const { row, files } = await getVersion(dataset, parseVersionWord(word));
      const file = files.find((f) => f.name === name);
      if (!file) throw noFile(dataset, row.number, name);
      return { file, bytes: await objects.open(file.digest) };
    },
    diff: async (dataset, from, to) => {
      const [a, b] = [
        await getVersion(dataset, parseVersionWord(from)),
        await getVersion(dataset, parseVersionWord(to)),
      ];
      return diffVersions(versionOf(dataset, a), versionOf(dataset, b));
    },
    resolve,
    isReferenced: async (digest) => {
      const row = await tables()
        .selectFrom('data_version_file')
        .select('name')
        .where('digest', '=', digest)
        .limit(1)
        .executeTakeFirst();
      return row !== undefined;
    },
  };
}

interface PutDeps extends DataDeps {
  readonly tables: () => ReturnType<typeof readTables>;
  readonly connected: <T>(work: (connection: DuckDBConnection) => Promise<T>) => Promise<T>;
}
const readTables = (db: Db) => db.read<DataTables>();

/** Streams to a file while hashing it. */
async function receive(bytes: AsyncIterable<Uint8Array>, path: string): Promise<string> {
  const hash = createHash('sha256');
  const hashed = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of bytes) {
      hash.update(chunk);
      yield chunk;
    }
  };
  try {
    await pipeline(hashed, createWriteStream(path, { flags: 'wx' }));
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && (cause.code === 'ENOSPC' || cause.code === 'EDQUOT')) {
      throw new SlipwayError('disk_full', { location: path }, { cause });
    }
    throw cause;
  }
  return `sha256:${hash.digest('hex')}`;
}

/** An upload older than this belongs to no running request. */
const staleUploadMs = 24 * 3_600_000;

const idTimeMs = (id: string): number => parseInt(idToHex('datasetVersion', id).slice(0, 12), 16);

/** Removes what a killed server left: uploads are named by ids, and ids tell their time. */
async function sweepUploads(folder: string, newestId: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (isId('datasetVersion', name) && idTimeMs(newestId) - idTimeMs(name) > staleUploadMs) {
      await rm(join(folder, name), { force: true });
    }
  }
}

/**
 * The order is what makes a refused upload leave nothing behind: the bytes wait outside the object store until the file was read and
 * fits the dataset, then they are kept, then the version is recorded. A crash between the last two leaves an object that
 * nothing refers to, which garbage collection removes.
 */
function createPutFile(deps: PutDeps): Data['putFile'] {
  const { db, ids, objects, tables, connected, uploadFolder } = deps;
  let isSwept = false;

  const standing = async (dataset: string): Promise<StoredVersion | undefined> => {
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
  };

  const check = async (path: string, input: { dataset: string; file: string }, latest: StoredVersion | undefined) => {
    const others = latest?.files.some((f) => f.name !== input.file) ? latest.schema : undefined;
    const facts = await connected((c) => inspectFile(c, { name: input.file, path, wanted: others }));
    const problem = others && schemaProblem(others, facts.schema);
    if (problem !== undefined) throw new SlipwayError('schema_mismatch', { ...input, problem });
    return facts;
  };

  return async ({ dataset, file: name, bytes, actor }) => {
    const versionId = ids.next('datasetVersion');
    await mkdir(uploadFolder, { recursive: true });
    if (!isSwept) await sweepUploads(uploadFolder, versionId);
    isSwept = true;
    const path = join(uploadFolder, versionId);
    try {
      const digest = await receive(bytes, path);
      const latest = await standing(dataset);
      const same = latest?.files.some((f) => f.name === name && f.digest === digest);
      if (latest && same) return { version: versionOf(dataset, latest), stored: false, unchanged: true };
      const { rowCount, schema }: { rowCount: number; schema: readonly ColumnSchema[] } = await check(
        path,
        { dataset, file: name },
        latest,
      );
      const kept = await objects.putFile(path);
      const file: DatasetFile = { name, digest, sizeBytes: kept.sizeBytes, rowCount };
      const input = { datasetId: ids.next('dataset'), versionId, dataset, file, schema, actor };
      const { version, unchanged } = await db.write(putFile, input);
      return { version: versionOf(dataset, version), stored: kept.stored, unchanged };
    } finally {
      await rm(path, { force: true });
    }
  };
}
