/** Datasets, their versions, schema and profile. A version is an ordered set of named files; its digest is its identity. */
import { z } from 'zod';
import { Digest, Instant, Name, PageQuery } from './names.ts';
import { routes } from './route.ts';

/** Free text; PostgreSQL cannot hold the character NUL. */
const Description = z
  .string()
  .max(2000)
  .refine((text) => !text.includes('\u0000'), 'it has the character NUL, which cannot be stored');

/** One path segment that ends in .parquet, .csv, .ndjson or .jsonl. */
export const FileName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._=-]{0,199}\.(parquet|csv|ndjson|jsonl)$/,
    'letters, digits, dot, dash, underscore and =, ending in .parquet, .csv, .ndjson or .jsonl, at most 210 characters',
  );

export const ColumnSchema = z.object({
  name: z.string(),
  /** DuckDB's name of the type: INTEGER, DOUBLE, VARCHAR, TIMESTAMP, … */
  type: z.string(),
  /** Whether a null occurs (or cannot be ruled out). */
  nullable: z.boolean(),
});
export type ColumnSchema = z.output<typeof ColumnSchema>;

export const DatasetFile = z.object({ name: FileName, digest: Digest, sizeBytes: z.int(), rowCount: z.int() });
export type DatasetFile = z.output<typeof DatasetFile>;

export const DatasetVersionSummary = z.object({
  id: z.string(),
  dataset: Name,
  number: z.int().min(1),
  digest: Digest,
  rowCount: z.int(),
  sizeBytes: z.int(),
  fileCount: z.int(),
  createdAt: Instant,
  createdBy: z.string(),
});
export type DatasetVersionSummary = z.output<typeof DatasetVersionSummary>;

export const DatasetVersion = DatasetVersionSummary.extend({
  files: z.array(DatasetFile),
  schema: z.array(ColumnSchema),
});
export type DatasetVersion = z.output<typeof DatasetVersion>;

export const Dataset = z.object({
  id: z.string(),
  name: Name,
  description: z.string(),
  /** The project whose slipway.yaml declares it. */
  project: z.string().optional(),
  createdAt: Instant,
  createdBy: z.string(),
  latest: DatasetVersionSummary.optional(),
});
export type Dataset = z.output<typeof Dataset>;

const Value = z.union([z.number(), z.string(), z.boolean(), z.null()]);

/** Most bins of one histogram. */
export const histogramBinsMax = 24;

/** How many values lie in each bin of equal width, and outside of all of them. */
export const Histogram = z.object({
  /** One more than bins, ascending. Bin i holds edges[i] <= value < edges[i + 1], the last one its upper edge too. Instants are milliseconds since 1970 UTC. */
  edges: z.array(z.number()),
  counts: z.array(z.int()),
  below: z.int(),
  above: z.int(),
  /** NaN and infinities. */
  nonFinite: z.int(),
});
export type Histogram = z.output<typeof Histogram>;

export const ColumnProfile = z.object({
  name: z.string(),
  type: z.string(),
  nullCount: z.int(),
  /** Distinct values: exact up to a million rows, an estimate above. */
  distinctApprox: z.int(),
  min: Value,
  max: Value,
  /** Numbers only; NaN and infinities are left out. */
  mean: z.number().nullable(),
  std: z.number().nullable(),
  quantiles: z.record(z.string(), z.number()).nullable(),
  /** The most frequent values, of columns with few distinct ones or of text. */
  top: z.array(z.object({ value: Value, count: z.int() })),
  /** Of numbers, dates and timestamps: bins from the 1 % to the 99 % quantile, or over the whole range of instants. Profiles made before it was kept have none. */
  histogram: Histogram.optional(),
});
export type ColumnProfile = z.output<typeof ColumnProfile>;

/** One column in two versions, counted in the same bins or for the same values. */
export const ColumnPair = z.object({
  name: z.string(),
  /** The column in the version compared with. */
  before: ColumnProfile,
  bins: z.object({ now: Histogram, before: Histogram }).optional(),
  /** The most frequent values of either version. */
  values: z.array(z.object({ value: Value, now: z.int(), before: z.int() })).optional(),
  /** Population stability index over these bins or values, everything else and nulls; null where there are neither. */
  psi: z.number().nullable(),
});
export type ColumnPair = z.output<typeof ColumnPair>;

export const DatasetProfile = z.object({
  dataset: Name,
  version: z.int(),
  digest: Digest,
  rowCount: z.int(),
  columns: z.array(ColumnProfile),
  /** The version compared with, and the columns that both have. */
  against: z.object({ version: z.int(), digest: Digest, rowCount: z.int(), columns: z.array(ColumnPair) }).optional(),
});
export type DatasetProfile = z.output<typeof DatasetProfile>;

export const DatasetDiff = z.object({
  dataset: Name,
  from: z.int(),
  to: z.int(),
  files: z.array(
    z.object({
      name: z.string(),
      change: z.enum(['added', 'removed', 'changed']),
      rowCountFrom: z.int().nullable(),
      rowCountTo: z.int().nullable(),
    }),
  ),
  columns: z.array(
    z.object({
      name: z.string(),
      change: z.enum(['added', 'removed', 'type', 'nullable']),
      from: z.string().nullable(),
      to: z.string().nullable(),
    }),
  ),
  rowCountFrom: z.int(),
  rowCountTo: z.int(),
  sizeBytesFrom: z.int(),
  sizeBytesTo: z.int(),
});
export type DatasetDiff = z.output<typeof DatasetDiff>;

/** Most rows of one page. */
export const dataRowsMax = 200;

/** Which rows and columns of a version are wanted. */
export const DataRowsQuery = z.object({
  /** A JSON array of column names; the first 50 columns unless said. */
  columns: z.string().max(20_000).optional(),
  limit: z.coerce.number().int().min(1).max(dataRowsMax).default(50),
  pageToken: z.string().max(2000).optional(),
});

export const DataRow = z.object({
  file: z.string(),
  /** Place in its file, from 1. */
  row: z.int(),
  /** In the order of `columns`. Instants are ISO text; numbers beyond 2^53, NaN and nested values are text. */
  values: z.array(Value),
  /** Columns of which only the first 1,000 characters are shown. */
  cut: z.array(z.string()).optional(),
});
export type DataRow = z.output<typeof DataRow>;

/** Rows of a version in the order of its files. A page ends early when it holds 1 MiB. */
export const DataRows = z.object({
  dataset: Name,
  version: z.int(),
  /** Rows of the version, or those that the expectation found failing. */
  rowCount: z.int(),
  columns: z.array(z.object({ name: z.string(), type: z.string() })),
  items: z.array(DataRow),
  nextPageToken: z.string().optional(),
});
export type DataRows = z.output<typeof DataRows>;

/** Most readers of one kind that are listed, newest first. */
export const datasetReadersMax = 100;

/** Who read a version. Each list holds the newest; `hasMore` names the lists that are cut. */
export const DatasetReaders = z.object({
  dataset: Name,
  version: z.int(),
  pipelineRuns: z.array(
    z.object({
      id: z.string(),
      pipeline: z.string(),
      state: z.string(),
      startedAt: Instant,
      reason: z.string().optional(),
    }),
  ),
  /** Runs of experiments that steps of those pipeline runs made. */
  trainingRuns: z.array(z.object({ id: z.string(), pipelineRun: z.string(), step: z.string() })),
  /** Their lineage names the version. */
  modelVersions: z.array(
    z.object({ model: z.string(), number: z.int(), aliases: z.array(z.string()), createdAt: Instant }),
  ),
  validations: z.array(
    z.object({
      id: z.string(),
      suite: z.string(),
      success: z.boolean(),
      evaluated: z.int(),
      failed: z.int(),
      warnings: z.int(),
      createdAt: Instant,
    }),
  ),
  hasMore: z.array(z.enum(['pipelineRuns', 'trainingRuns', 'modelVersions', 'validations'])),
});
export type DatasetReaders = z.output<typeof DatasetReaders>;

export const PutFileAnswer = z.object({
  version: DatasetVersion,
  /** False when these bytes were in the object store already. */
  stored: z.boolean(),
  /** True when the latest version already had exactly this file: no version was made. */
  unchanged: z.boolean(),
});
export type PutFileAnswer = z.output<typeof PutFileAnswer>;

const DatasetParams = z.object({ dataset: Name });
/** `latest`, a number, or a digest. */
const VersionWord = z
  .string()
  .regex(/^(latest|[1-9][0-9]{0,8}|sha256:[0-9a-f]{64})$/, '"latest", a version number, or sha256: and 64 hex digits');
const VersionParams = z.object({ dataset: Name, version: VersionWord });

export const dataRoutes = routes({
  'datasets.list': {
    method: 'GET',
    path: '/api/datasets',
    permission: 'data.read',
    summary: 'Lists the datasets, by name, each with its latest version',
    query: PageQuery,
    response: z.object({ items: z.array(Dataset), nextPageToken: z.string().optional() }),
  },
  'datasets.create': {
    method: 'POST',
    path: '/api/datasets',
    permission: 'data.write',
    summary: 'Creates an empty dataset; the first file that is put creates it too',
    body: z.strictObject({ name: Name, description: Description.default('') }),
    response: Dataset,
    status: 201,
  },
  'datasets.get': {
    method: 'GET',
    path: '/api/datasets/{dataset}',
    permission: 'data.read',
    summary: 'A dataset with its latest version',
    params: DatasetParams,
    response: Dataset,
  },
  'datasets.putFile': {
    method: 'PUT',
    path: '/api/datasets/{dataset}/files/{file}',
    permission: 'data.write',
    summary:
      'Adds or replaces one file (Parquet, CSV with a header line, or newline-delimited JSON, by extension) and makes a new version',
    params: z.object({ dataset: Name, file: FileName }),
    body: 'bytes',
    response: PutFileAnswer,
    bodyLimitBytes: Infinity,
  },
  'datasets.removeFile': {
    method: 'DELETE',
    path: '/api/datasets/{dataset}/files/{file}',
    permission: 'data.write',
    summary: 'Makes a new version without this file. Older versions keep it.',
    params: z.object({ dataset: Name, file: FileName }),
    response: DatasetVersion,
  },
  'datasets.versions': {
    method: 'GET',
    path: '/api/datasets/{dataset}/versions',
    permission: 'data.read',
    summary: 'Lists the versions of a dataset, newest first',
    params: DatasetParams,
    query: PageQuery,
    response: z.object({ items: z.array(DatasetVersionSummary), nextPageToken: z.string().optional() }),
  },
  'datasets.version': {
    method: 'GET',
    path: '/api/datasets/{dataset}/versions/{version}',
    permission: 'data.read',
    summary: 'One version with its files and schema',
    params: VersionParams,
    response: DatasetVersion,
  },
  'datasets.profile': {
    method: 'GET',
    path: '/api/datasets/{dataset}/versions/{version}/profile',
    permission: 'data.read',
    summary:
      'Counts, range, mean, quantiles, histogram and frequent values of every column; computed once per version. With `against`, both versions in the same bins.',
    params: VersionParams,
    query: z.object({ against: VersionWord.optional() }),
    response: DatasetProfile,
  },
  'datasets.rows': {
    method: 'GET',
    path: '/api/datasets/{dataset}/versions/{version}/rows',
    permission: 'data.read',
    summary: 'A page of rows of a version, in the order of its files',
    params: VersionParams,
    query: DataRowsQuery,
    response: DataRows,
  },
  'datasets.usedBy': {
    method: 'GET',
    path: '/api/datasets/{dataset}/versions/{version}/used-by',
    permission: 'data.read',
    summary: 'Which pipeline runs, training runs, model versions and validations read a version',
    params: VersionParams,
    response: DatasetReaders,
  },
  'datasets.file': {
    method: 'GET',
    path: '/api/datasets/{dataset}/versions/{version}/files/{file}',
    permission: 'data.read',
    summary: 'The bytes of one file of a version',
    params: z.object({ dataset: Name, version: VersionWord, file: FileName }),
    response: 'bytes',
  },
  'datasets.diff': {
    method: 'GET',
    path: '/api/datasets/{dataset}/diff',
    permission: 'data.read',
    summary: 'What differs between two versions: files, columns, rows, bytes',
    params: DatasetParams,
    query: z.object({ from: VersionWord, to: VersionWord.default('latest') }),
    response: DatasetDiff,
  },
});
