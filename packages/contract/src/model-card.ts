/**
 * What other modules know of a version: its lineage as a graph, and its model card.
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
