/** Questions that span the whole workspace, each answered at once: the loop, and the finder behind the palette. */
import { z } from 'zod';
import { Approval, PolicyFiring } from './automation.ts';
import { Dataset } from './data.ts';
import { FeatureSet } from './features.ts';
import { Alert, WindowSummary } from './monitoring.ts';
import { Name } from './names.ts';
import { PipelineRun } from './pipelines.ts';
import { ValidationSummary } from './quality.ts';
import { Gate, ModelVersion } from './registry.ts';
import { routes } from './route.ts';
import { Endpoint, Rollout } from './serving.ts';

/** The ten stages by what happened there last. A stage is left out while nothing has happened. */
export const Loop = z.object({
  data: Dataset.optional(),
  validate: ValidationSummary.optional(),
  features: FeatureSet.optional(),
  train: PipelineRun.optional(),
  gate: Gate.optional(),
  register: ModelVersion.optional(),
  rollout: Rollout.optional(),
  serve: Endpoint.optional(),
  /** What the only endpoint was declared to answer; left out where there are several, or it does not say. */
  question: z.string().optional(),
  /** Newest first, without their columns: ten times as much, and the first thing that the console asks. */
  monitor: z.object({ monitor: Name, windows: z.array(WindowSummary) }).optional(),
  /** Without a firing when a policy is declared and has not fired yet. */
  policy: z.object({ policy: Name, firing: PolicyFiring.optional() }).optional(),
  /** What waits for somebody, newest first, each list cut at its limit. */
  attention: z.object({
    alerts: z.array(Alert),
    refused: z.array(ValidationSummary),
    approvals: z.array(Approval),
  }),
});
export type Loop = z.infer<typeof Loop>;

export const foundKinds = [
  'dataset',
  'dataset-version',
  'validation',
  'feature-set',
  'pipeline',
  'pipeline-run',
  'experiment',
  'run',
  'model',
  'version',
  'endpoint',
  'deployment',
  'rollout',
  'prediction',
  'monitor',
  'alert',
  'policy',
  'object',
  'event',
] as const;

export const Found = z.object({
  kind: z.enum(foundKinds),
  /** What its address is made of: a name, or an id. */
  id: z.string(),
  name: z.string(),
  detail: z.string(),
});
export type Found = z.infer<typeof Found>;

export const consoleRoutes = routes({
  'loop.get': {
    method: 'GET',
    path: '/api/loop',
    permission: 'governance.read',
    summary: 'The ten stages of the loop with what each did last, and what waits for somebody',
    response: Loop,
  },
  'palette.search': {
    method: 'GET',
    path: '/api/palette',
    permission: 'governance.read',
    summary: 'Things by the start or a part of their name, by id, by digest, and events by subject',
    query: z.object({
      q: z.string().trim().min(1).max(300),
      limit: z.coerce.number().int().min(1).max(50).default(20),
    }),
    response: z.object({ items: z.array(Found) }),
  },
});
