/** Feature sets: what a project declares, the online state that is kept from it, reads, and the parity check. */
import { z } from 'zod';
import { Digest, Instant, Name, PageQuery } from './names.ts';
import { routes } from './route.ts';

const FeatureName = z
  .string()
  .regex(/^[A-Za-z_]\w{0,99}$/, 'a letter or underscore, then letters, digits and underscores');
/** A cell of a table, a key or a request input. Instants are integer milliseconds since 1970 UTC or ISO 8601 text. */
const Cell = z.union([z.number(), z.string().max(1000), z.boolean(), z.null()]);

export const FeatureColumn = z.object({
  name: z.string(),
  view: z.string(),
  /** In canonical spelling. */
  expression: z.string(),
  source: z.string().optional(),
  /** `exact`: online and offline values are equal to the bit. */
  class: z.literal('exact'),
});
export type FeatureColumn = z.output<typeof FeatureColumn>;

export const FeatureService = z.object({
  name: z.string(),
  /** Of everything that the values depend on: a model version records it, and serving refuses another. */
  digest: Digest,
  /** In the order of the vector. */
  features: z.array(FeatureColumn),
  /** How a training row gets its instant. */
  at: z.string().optional(),
  /** The table that training rows come from. */
  rowsTable: z.string().optional(),
  extra: z.array(z.string()),
});
export type FeatureService = z.output<typeof FeatureService>;

export const FeatureState = z.object({
  /** `empty`: backfill first. `filling`: a backfill runs, pushes wait. `failed`: see `problem`. */
  status: z.enum(['empty', 'filling', 'ready', 'failed']),
  problem: z.string().optional(),
  /** The instant that the state stands at; a read before it is refused. */
  nowAt: z.number().optional(),
  /** What it was filled from. */
  backfill: z.object({ tables: z.record(z.string(), z.string()), until: Instant }).optional(),
  sources: z.record(
    z.string(),
    z.object({
      rows: z.int(),
      /** Rows that came after a later one of their source. */
      lateRows: z.int(),
      keys: z.int(),
      /** Sums that left the exact range of integers and read as null. */
      overflows: z.int(),
    }),
  ),
});
export type FeatureState = z.output<typeof FeatureState>;

export const FeatureSetSummary = z.object({
  name: Name,
  digest: Digest,
  project: z.string().optional(),
  /** The endpoint that is imitated, where the set is the copy that a simulation reads. */
  simulationOf: Name.optional(),
  updatedAt: Instant,
  services: z.array(z.string()),
});
export type FeatureSetSummary = z.output<typeof FeatureSetSummary>;

export const FeatureSet = FeatureSetSummary.omit({ services: true }).extend({
  /** The canonical definition. */
  definition: z.record(z.string(), z.unknown()),
  /** What a request may carry: entities, then request inputs. */
  inputs: z.array(z.object({ name: z.string(), type: z.string() })),
  sources: z.array(z.object({ name: z.string(), table: z.string() })),
  services: z.array(FeatureService),
  state: FeatureState,
});
export type FeatureSet = z.output<typeof FeatureSet>;

/** Most rows of one push. */
export const featureRowsMax = 10_000;
export const PushRows = z.strictObject({
  /** Rows with the columns of the source's table; columns that no source reads may be left out. */
  rows: z.array(z.record(z.string(), Cell)).min(1).max(featureRowsMax),
  /**
   * When the platform learnt of the rows: the later of it and the source's own known_at counts. Unless said, the source's
   * rule counts alone. What comes after a read is known after that read in any case.
   */
  at: Instant.optional(),
  /** A batch with an id that was taken already is answered again and not taken twice. */
  batchId: z.string().min(1).max(200).optional(),
});
export const PushAnswer = z.object({
  accepted: z.int(),
  /** Rows that the source's `where` leaves out, or that have no event time. */
  ignored: z.int(),
  /** Latest effective known_at of the accepted rows: from this instant on a read sees them all. */
  knownAt: z.number().optional(),
});
export type PushAnswer = z.output<typeof PushAnswer>;

export const BackfillRequest = z.strictObject({
  /** A dataset reference for each table of the definition; tables not named are taken as `<table>@latest`. */
  tables: z.record(Name, z.string().min(1).max(400)).default({}),
  /** Rows known up to and including this instant. Push what is known later. */
  until: Instant,
});

const Inputs = z.record(z.string(), Cell);
export const FeatureRead = z.strictObject({
  keys: Inputs.default({}),
  request: Inputs.default({}),
  /** Event time; the server's clock unless said. It never goes back. */
  at: Instant.optional(),
});
export const FeatureVector = z.object({
  names: z.array(z.string()),
  values: z.array(z.number().nullable()),
  at: Instant,
  /** Of the service. */
  digest: Digest,
});
export type FeatureVector = z.output<typeof FeatureVector>;

/** Most vectors of one parity check. */
export const parityRowsMax = 5000;
export const ParityRequest = z.strictObject({
  tables: z.record(Name, z.string().min(1).max(400)).default({}),
  predictions: z
    .array(
      z.strictObject({
        at: Instant,
        keys: Inputs.default({}),
        request: Inputs.default({}),
        values: z.array(z.number().nullable()),
      }),
    )
    .min(1)
    .max(parityRowsMax),
});
export const ParityReport = z.object({
  rows: z.int(),
  cells: z.int(),
  /** Cells whose bits differ. Any is a defect. */
  different: z.int(),
  examples: z.array(
    z.object({ row: z.int(), feature: z.string(), online: z.number().nullable(), offline: z.number().nullable() }),
  ),
});
export type ParityReport = z.output<typeof ParityReport>;

/** Most requests of one page. */
export const featureRequestsMax = 5000;
/** Requests as the rows of a service make them: what its label table says that somebody asked, and when. */
export const FeatureRequestsQuery = z.strictObject({
  /** A dataset reference for the label table; `<table>@latest` unless said. Others are ignored. */
  tables: z.record(Name, z.string().min(1).max(400)).default({}),
  /** Rows whose instant lies at or after this one, and before `to`. */
  from: Instant.optional(),
  to: Instant.optional(),
  /** Columns of the label table that are answered besides. */
  columns: z.array(z.string().min(1).max(200)).max(500).default([]),
  limit: z.int().min(1).max(featureRequestsMax).default(1000),
  pageToken: z.string().max(100).optional(),
});
export const FeatureRequest = z.object({
  id: z.string().nullable(),
  at: Instant,
  /** Keys and request inputs, as a request carries them. */
  inputs: z.record(z.string(), Cell),
  label: z.number().nullable(),
  labelKnownAt: Instant.nullable(),
  /** Instants and dates in milliseconds. */
  columns: z.record(z.string(), Cell),
});
export type FeatureRequest = z.output<typeof FeatureRequest>;

const SetParams = z.object({ set: Name });
const ServiceParams = z.object({ set: Name, service: FeatureName });

export const featuresRoutes = routes({
  'featureSets.list': {
    method: 'GET',
    path: '/api/feature-sets',
    permission: 'features.read',
    summary: 'Lists the feature sets, by name',
    query: PageQuery,
    response: z.object({ items: z.array(FeatureSetSummary), nextPageToken: z.string().optional() }),
  },
  'featureSets.get': {
    method: 'GET',
    path: '/api/feature-sets/{set}',
    permission: 'features.read',
    summary: 'A feature set: definition, services with their ordered features and digests, and the online state',
    params: SetParams,
    response: FeatureSet,
  },
  'featureSets.push': {
    method: 'POST',
    path: '/api/feature-sets/{set}/sources/{source}/rows',
    permission: 'features.write',
    summary: 'Gives events to the online state. Answered after they are on disk; all rows are taken, or none.',
    params: z.object({ set: Name, source: FeatureName }),
    body: PushRows,
    response: PushAnswer,
    bodyLimitBytes: 16 * 1024 * 1024,
  },
  'featureSets.backfill': {
    method: 'POST',
    path: '/api/feature-sets/{set}/backfill',
    permission: 'features.write',
    summary: 'Fills the online state from dataset versions. Replaces what was there when it is done.',
    params: SetParams,
    body: BackfillRequest,
    response: FeatureState,
  },
  'featureSets.feed': {
    method: 'POST',
    path: '/api/feature-sets/{set}/feed',
    permission: 'features.write',
    summary: 'Gives the copy that a simulation reads the rows of its dataset versions that were known by an instant',
    params: SetParams,
    body: z.strictObject({ until: Instant }),
    response: z.object({ fedUntil: Instant }),
  },
  'featureSets.requests': {
    method: 'POST',
    path: '/api/feature-sets/{set}/services/{service}/requests',
    permission: 'data.read',
    summary: 'The rows of the label table of a service as requests, by their instant, with the outcome of each',
    params: ServiceParams,
    body: FeatureRequestsQuery,
    response: z.object({ items: z.array(FeatureRequest), nextPageToken: z.string().optional() }),
  },
  'featureSets.read': {
    method: 'POST',
    path: '/api/feature-sets/{set}/services/{service}/read',
    permission: 'features.read',
    summary: 'Reads one vector of a service as of an instant',
    params: ServiceParams,
    body: FeatureRead,
    response: FeatureVector,
  },
  'featureSets.parity': {
    method: 'POST',
    path: '/api/feature-sets/{set}/services/{service}/parity',
    permission: 'features.read',
    summary: 'Computes served vectors a second time by the point-in-time join and counts the cells whose bits differ',
    params: ServiceParams,
    body: ParityRequest,
    response: ParityReport,
    bodyLimitBytes: 16 * 1024 * 1024,
  },
});
