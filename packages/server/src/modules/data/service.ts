/** Datasets: check a file, keep its bytes, record the version. Reading: versions, profiles, bytes, and relations for SQL. */
import { basename, dirname } from 'node:path';
import type {
  ColumnPair,
  DataRows,
  Dataset,
  DatasetDiff,
  DatasetFile,
  DatasetProfile,
  DatasetVersion,
  DatasetVersionSummary,
  PutFileAnswer,
} from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import type { Analytics } from '../../platform/analytics/analytics.ts';
import type { Db } from '../../platform/db/db.ts';
import type { Ids } from '../../platform/ids.ts';
import type { Objects } from '../../platform/objects/objects.ts';
import type { Page, PageRequest } from '../../lib/page.ts';
import type { Catalog } from './catalog.ts';
import { createCatalog, versionOf } from './catalog.ts';
import { compareVersions } from './compare.ts';
import { relationSql } from './format.ts';
import { diffVersions } from './manifest.ts';
import { profileColumns } from './profile.ts';
import { matchesPattern, parseDatasetRef, parseVersionWord } from './reference.ts';
import type { DataTables, StoredVersion } from './store.ts';
import type { RowPage, RowSource, RowsRequest } from './rows.ts';
import { readRows } from './rows.ts';
import { createDataset, removeFile, saveComparison, saveProfile } from './store.ts';
import type { Upload } from './upload.ts';
import { createUpload } from './upload.ts';

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
  putFile(upload: Upload): Promise<PutFileAnswer>;
  removeFile(input: { dataset: string; file: string; actor: string }): Promise<DatasetVersion>;
  versions(dataset: string, page: PageRequest): Promise<Page<DatasetVersionSummary>>;
  /** `word`: latest, a number or a digest. */
  version(dataset: string, word: string): Promise<DatasetVersion>;
  findVersionById(id: string): Promise<DatasetVersion | undefined>;
  /** `against`: another version, whose columns are then counted in the same bins. */
  profile(dataset: string, word: string, against?: string): Promise<DatasetProfile>;
  /** Throws `columns_invalid`. */
  rows(dataset: string, word: string, request: RowsRequest): Promise<DataRows>;
  /** Rows of a selection for which a condition holds. The caller answers for the SQL of its filter. */
  pageRows(source: RowSource, request: RowsRequest): Promise<RowPage>;
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
  readonly versionsWith: Catalog['versionsWith'];
}

export interface DataDeps {
  readonly db: Db;
  readonly ids: Ids;
  readonly objects: Objects;
  readonly analytics: Analytics;
  /** Uploads lie here until they are checked; on the same disk as the objects, so that keeping them is a rename. */
  readonly uploadFolder: string;
}

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
  const { db, ids, objects } = deps;
  const catalog = createCatalog(() => db.read<DataTables>());
  const getVersion = (dataset: string, word: string): Promise<StoredVersion> =>
    catalog.getVersion(dataset, parseVersionWord(word));
  const resolve: Data['resolve'] = (ref, options = {}) => resolveFiles({ catalog, objects }, ref, options.files);

  return {
    list: (page) => catalog.list(page),
    get: (dataset) => catalog.get(dataset),
    create: async ({ name, description, actor }) =>
      catalog.describe(await db.write(createDataset, { id: ids.next('dataset'), name, description, actor })),
    putFile: createUpload({ ...deps, catalog }),
    removeFile: async ({ dataset, file, actor }) =>
      versionOf(dataset, await db.write(removeFile, { versionId: ids.next('datasetVersion'), dataset, file, actor })),
    versions: (dataset, page) => catalog.versions(dataset, page),
    version: async (dataset, word) => versionOf(dataset, await getVersion(dataset, word)),
    findVersionById: (id) => catalog.findVersionById(id),
    profile: async (dataset, word, against) => {
      const version = await resolve(`${dataset}@${(await getVersion(dataset, word)).row.number}`);
      if (against === undefined) return profileOf(deps, version);
      return comparedProfile(
        deps,
        version,
        await resolve(`${dataset}@${(await getVersion(dataset, against)).row.number}`),
      );
    },
    rows: async (dataset, word, request) => {
      const version = await resolve(`${dataset}@${(await getVersion(dataset, word)).row.number}`);
      const page = await pageRows(deps, version, request);
      return { dataset, version: version.number, rowCount: version.rowCount, ...page };
    },
    pageRows: (source, request) => pageRows(deps, source, request),
    openFile: async (dataset, word, name) => {
      const { row, files } = await getVersion(dataset, word);
      const file = files.find((f) => f.name === name);
      if (!file) throw noFile(dataset, row.number, name);
      return { file, bytes: await objects.open(file.digest) };
    },
    diff: async (dataset, from, to) => {
      const [a, b] = [await getVersion(dataset, from), await getVersion(dataset, to)];
      return diffVersions(versionOf(dataset, a), versionOf(dataset, b));
    },
    resolve,
    isReferenced: (digest) => catalog.isReferenced(digest),
    versionsWith: (digest, limit) => catalog.versionsWith(digest, limit),
  };
}

async function resolveFiles(
  deps: { readonly catalog: Catalog; readonly objects: Objects },
  ref: string,
  patterns: readonly string[] | undefined,
): Promise<ResolvedDataset> {
  const { dataset, version: word, files: pattern } = parseDatasetRef(ref);
  const stored = await deps.catalog.getVersion(dataset, word);
  const files = stored.files.filter(
    (f) =>
      (pattern === undefined || matchesPattern(f.name, pattern)) &&
      (patterns === undefined || patterns.some((p) => matchesPattern(f.name, p))),
  );
  if (files.length === 0) {
    const asked = [pattern, ...(patterns ?? [])].filter((p) => p !== undefined).join(', ');
    throw noFile(dataset, stored.row.number, asked);
  }
  const paths = distinctPaths(await Promise.all(files.map((f) => deps.objects.path(f.digest))));
  const named = files.map((f, i) => ({ name: f.name, path: paths[i] ?? '' }));
  const rowCount = files.reduce((sum, f) => sum + f.rowCount, 0);
  const sizeBytes = files.reduce((sum, f) => sum + f.sizeBytes, 0);
  const whole = versionOf(dataset, stored);
  return { ...whole, files, rowCount, sizeBytes, paths, relation: relationSql(named, stored.schema) };
}

async function pageRows(deps: DataDeps, source: RowSource, request: RowsRequest): Promise<RowPage> {
  const connection = await deps.analytics.connect();
  try {
    return await readRows(connection, source, request);
  } finally {
    connection.closeSync();
  }
}

const stored = <T>(content: string): T => JSON.parse(content) as T;

/** Computed once for each content; later asked of the database. */
async function profileOf(deps: DataDeps, version: ResolvedDataset): Promise<DatasetProfile> {
  const { db, analytics } = deps;
  const { digest, dataset } = version;
  const head = { dataset, version: version.number, digest };
  const known = await db
    .read<DataTables>()
    .selectFrom('data_profile')
    .select('content')
    .where('digest', '=', digest)
    .executeTakeFirst();
  // Written by this store from the value computed below.
  if (known) return { ...head, ...stored<Pick<DatasetProfile, 'rowCount' | 'columns'>>(known.content) };
  const connection = await analytics.connect();
  try {
    const content = await profileColumns(connection, version.relation, version);
    await db.write(saveProfile, { digest, content: JSON.stringify(content) });
    return { ...head, ...content };
  } finally {
    connection.closeSync();
  }
}

/** Computed once for each pair of contents. */
async function comparedProfile(
  deps: DataDeps,
  version: ResolvedDataset,
  other: ResolvedDataset,
): Promise<DatasetProfile> {
  const [now, before] = [await profileOf(deps, version), await profileOf(deps, other)];
  const against = { version: other.number, digest: other.digest, rowCount: before.rowCount };
  const known = await deps.db
    .read<DataTables>()
    .selectFrom('data_comparison')
    .select('content')
    .where('digest', '=', version.digest)
    .where('against_digest', '=', other.digest)
    .executeTakeFirst();
  // Written by this store from the value computed below.
  if (known) return { ...now, against: { ...against, columns: stored<ColumnPair[]>(known.content) } };
  const connection = await deps.analytics.connect();
  try {
    const columns = await compareVersions(connection, { ...version, ...now }, { ...other, ...before });
    const key = { digest: version.digest, against_digest: other.digest };
    await deps.db.write(saveComparison, { ...key, content: JSON.stringify(columns) });
    return { ...now, against: { ...against, columns } };
  } finally {
    connection.closeSync();
  }
}
