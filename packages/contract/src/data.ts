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
});
export type ColumnProfile = z.output<typeof ColumnProfile>;

export const DatasetProfile = z.object({
  dataset: Name,
  version: z.int(),
  digest: Digest,
  rowCount: z.int(),
  columns: z.array(ColumnProfile),
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
    summary: 'Counts, range, mean, quantiles and frequent values of every column; computed once per version',
    params: VersionParams,
    response: DatasetProfile,
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
