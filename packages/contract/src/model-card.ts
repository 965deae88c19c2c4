/**
 * What other modules know of a version: its lineage as a graph, its model card, and its inputs as training saw them.
 *
 * The model card: what a reader who did not make the model must know before using it, made from recorded facts alone. What
 * nothing recorded is not guessed; it stands in `unknown`.
 */
import { z } from 'zod';
import { Estimate } from './estimate.ts';
import { Instant } from './names.ts';
import { routes } from './route.ts';

const CardMetric = z.object({
  name: z.string(),
  estimate: Estimate,
  /** What simpler models reach on the same rows. */
  baselines: z.record(z.string(), Estimate),
  /** The bounds that the gate put on it, and whether they held. */
  bounds: z.array(z.object({ sentence: z.string(), passed: z.boolean() })),
});

export const ModelCard = z.object({
  model: z.string(),
  version: z.int(),
  versionId: z.string(),
  /** What the model is for, as declared. */
  purpose: z.string().optional(),
  /** What was said of this version. */
  description: z.string().optional(),
  aliases: z.array(z.string()),
  stage: z.string(),
  registeredAt: Instant,
  registeredBy: z.string(),
  artifactDigest: z.string().optional(),
  flavor: z.string(),
  sizeBytes: z.int(),
  data: z.array(
    z.object({
      dataset: z.string(),
      number: z.int(),
      digest: z.string(),
      rows: z.int().optional(),
    }),
  ),
  training: z.object({
    setDigest: z.string().optional(),
    rows: z.int().optional(),
    /** Event time of its first and last row. */
    from: Instant.optional(),
    to: Instant.optional(),
    settings: z.record(z.string(), z.string()),
  }),
  code: z.object({ digest: z.string().optional(), commit: z.string().optional(), pipelineRun: z.string().optional() }),
  features: z.object({
    service: z.object({ set: z.string(), service: z.string(), digest: z.string() }).optional(),
    names: z.array(z.string()),
  }),
  gate: z.object({ id: z.string(), passed: z.boolean(), judgedAt: Instant, rows: z.int().optional() }).optional(),
  metrics: z.array(CardMetric),
  /** Against the champion of then, on the same rows. */
  paired: z.object({ champion: z.int(), differences: z.record(z.string(), Estimate) }).optional(),
  serves: z.array(
    z.object({
      endpoint: z.string(),
      deployment: z.int(),
      percent: z.number(),
      isShadow: z.boolean(),
    }),
  ),
  monitors: z.array(
    z.object({
      monitor: z.string(),
      endpoint: z.string(),
      /** Of the last window that was judged for this version. */
      last: z.object({ from: Instant, to: Instant, status: z.string(), sentence: z.string() }).optional(),
      openAlerts: z.int(),
    }),
  ),
  /** What limits its use, in sentences that follow from the facts above. */
  limits: z.array(z.string()),
  /** What nothing recorded. */
  unknown: z.array(z.string()),
});
export type ModelCard = z.infer<typeof ModelCard>;

/** One thing that a version was made from, is, or came to. */
export const LineageNode = z.object({
  /** Unique within the answer. */
  id: z.string(),
  kind: z.enum(['dataset', 'training-set', 'features', 'pipeline-run', 'run', 'gate', 'version', 'endpoint']),
  /** As `slipway why` takes it, where it does. */
  ref: z.string(),
  name: z.string(),
  /** One fact beside the name: rows, a verdict, a share of traffic. */
  fact: z.string().optional(),
  digest: z.string().optional(),
});
export type LineageNode = z.infer<typeof LineageNode>;

export const VersionLineage = z.object({
  nodes: z.array(LineageNode),
  /** From what was there before to what was made of it. */
  edges: z.array(z.object({ from: z.string(), to: z.string() })),
});
export type VersionLineage = z.infer<typeof VersionLineage>;

/** What training saw of an input. */
export const TrainedOn = z.object({
  /** Rows in which it was not there. */
  missing: z.int(),
  /** Of numbers and instants, these in milliseconds since 1970 UTC. Absent where every row lacks it. */
  min: z.number().optional(),
  max: z.number().optional(),
  /** Of texts: how many different ones, and the most frequent of them first. */
  distinct: z.int().optional(),
  values: z.array(z.string()).optional(),
});
export type TrainedOn = z.infer<typeof TrainedOn>;

export const VersionInput = z.object({
  name: z.string(),
  /** In the words of the signature, else the type of the column in the training set. */
  type: z.string().optional(),
  /** False where the signature says that it may be left out. */
  isRequired: z.boolean().optional(),
  /** How the feature service makes it. Absent when the service was changed since. */
  expression: z.string().optional(),
  seen: TrainedOn.optional(),
});
export type VersionInput = z.infer<typeof VersionInput>;

/** What a version takes, in its own order. Nothing is guessed: what is not recorded is left out. */
export const VersionInputs = z.object({
  model: z.string(),
  version: z.int(),
  /** Rows of the training set that the figures are of. Absent where none is kept. */
  rows: z.int().optional(),
  inputs: z.array(VersionInput),
});
export type VersionInputs = z.infer<typeof VersionInputs>;

const VersionParams = z.object({ model: z.string().max(250), version: z.string().max(255) });

export const versionFactsRoutes = routes({
  'models.lineage': {
    method: 'GET',
    path: '/api/models/{model}/versions/{version}/lineage',
    permission: 'registry.read',
    summary: 'What a version was made from and where it serves, as nodes and edges',
    params: VersionParams,
    response: VersionLineage,
  },
  'models.inputs': {
    method: 'GET',
    path: '/api/models/{model}/versions/{version}/inputs',
    permission: 'registry.read',
    summary: 'What a version takes: name, type, how its feature service makes it, and what its training set had of it',
    params: VersionParams,
    response: VersionInputs,
  },
  'models.card': {
    method: 'GET',
    path: '/api/models/{model}/versions/{version}/card',
    permission: 'registry.read',
    summary: 'The model card of a version, made from recorded facts; what is not recorded is listed as unknown',
    params: VersionParams,
    response: ModelCard,
  },
  'models.cardText': {
    method: 'GET',
    path: '/api/models/{model}/versions/{version}/card.md',
    permission: 'registry.read',
    summary: 'The model card of a version as Markdown',
    params: VersionParams,
    response: 'text',
  },
});
