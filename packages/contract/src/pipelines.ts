import { z } from 'zod';
import { Digest, Instant, Name, PageQuery } from './names.ts';
import { routes } from './route.ts';

/** What an artifact port carries. The kind decides what may be connected, not how the bytes look. */
export const artifactKinds = ['dataset', 'table', 'model', 'metrics', 'report', 'file'] as const;
export const ArtifactKind = z.enum(artifactKinds);
export type ArtifactKind = z.infer<typeof ArtifactKind>;

/** Bytes that a step made or reads, by digest. `meta` is small JSON that later steps and people read without the bytes. */
export const ArtifactRef = z.object({
  kind: ArtifactKind,
  name: z.string().min(1).max(200),
  /** Of the bytes; of the version's manifest for a dataset. */
  digest: Digest,
  sizeBytes: z.int().min(0),
  meta: z.record(z.string(), z.json()).optional(),
});
export type ArtifactRef = z.infer<typeof ArtifactRef>;

export const GraphPort = z.discriminatedUnion('port', [
  z.object({ port: z.literal('parameter'), schema: z.record(z.string(), z.json()) }),
  z.object({ port: z.literal('artifact'), kind: ArtifactKind }),
  z.object({ port: z.literal('list'), kind: ArtifactKind }),
]);
export type GraphPort = z.infer<typeof GraphPort>;

/** Where an input's value comes from. */
export type GraphSource =
  | { readonly value: z.core.util.JSONType }
  | { readonly parameter: string }
  | { readonly dataset: string }
  | { readonly step: string; readonly output: string }
  | { readonly list: readonly GraphSource[] };
export const GraphSource: z.ZodType<GraphSource> = z.union([
  z.strictObject({ value: z.json() }),
  z.strictObject({ parameter: z.string().max(200) }),
  z.strictObject({ dataset: z.string().min(1).max(400) }),
  z.strictObject({ step: z.string().max(200), output: z.string().max(200) }),
  z.strictObject({ list: z.array(z.lazy(() => GraphSource)).max(1000) }),
]);

export const RetryPolicy = z.object({
  /** Runs in all, the first one included. */
  attempts: z.int().min(1).max(20),
  /** Delay before attempt n + 1: base * 2^(n-1), at most `delayMaxMs`. */
  delayMs: z.int().min(0).max(3_600_000),
  delayMaxMs: z.int().min(0).max(86_400_000),
});
export type RetryPolicy = z.infer<typeof RetryPolicy>;

export const StepKind = z.enum(['function', 'shell', 'python', 'noop']);
export type StepKind = z.infer<typeof StepKind>;

export const GraphNode = z.object({
  id: Name,
  /** Id of the step definition; several nodes may run one definition. */
  step: Name,
  kind: StepKind,
  inputs: z.record(z.string(), GraphSource),
  inputPorts: z.record(z.string(), GraphPort),
  outputs: z.record(z.string(), GraphPort),
  /** Steps that must have succeeded first although no value flows. */
  after: z.array(z.string()).max(1000),
  cache: z.enum(['content', 'never']),
  retry: RetryPolicy,
  timeoutMs: z
    .int()
    .min(100)
    .max(7 * 86_400_000),
  /** Identity of the code that runs: the project's files, or a ready-made step with its settings. */
  code: z.string().min(1).max(200),
  /** Command line of a shell or python step; `{name}` is replaced by an input's value or local path, `{out:name}` by an output's path. */
  argv: z.array(z.string().max(4000)).max(200).optional(),
});
export type GraphNode = z.infer<typeof GraphNode>;

/** A pipeline as plain data: hashable, diffable, made without running anything. Nodes stand in an order in which they can run. */
export const PipelineGraph = z.object({
  id: Name,
  description: z.string().max(2000).optional(),
  /** JSON Schema of the parameters, an object type. */
  params: z.record(z.string(), z.json()),
  nodes: z.array(GraphNode).min(1).max(5000),
});
export type PipelineGraph = z.infer<typeof PipelineGraph>;

/** What a project declares for one pipeline. */
export const PipelineSpec = z.object({
  graph: PipelineGraph,
  /** The file of the bundle that exports the pipeline. */
  file: z.string().min(1).max(500),
  /** The code bundle: digest of its manifest. */
  bundle: Digest,
});
export type PipelineSpec = z.infer<typeof PipelineSpec>;

export const Pipeline = z.object({
  name: z.string(),
  description: z.string().optional(),
  project: z.string(),
  graph: PipelineGraph,
  graphDigest: Digest,
  bundle: Digest,
  file: z.string(),
  appliedAt: Instant,
  lastRun: z.object({ id: z.string(), state: z.string(), startedAt: Instant }).optional(),
});
export type Pipeline = z.infer<typeof Pipeline>;

export const pipelineRunStates = ['running', 'cancelling', 'succeeded', 'failed', 'cancelled'] as const;
export const PipelineRunState = z.enum(pipelineRunStates);
export type PipelineRunState = z.infer<typeof PipelineRunState>;

/**
 * waiting: a step that it needs has not succeeded yet · queued: free to run, a job waits for a slot · running: an attempt
 * holds a lease · retrying: an attempt failed, the next one waits for its delay · cancelling: asked to stop, within its grace.
 */
export const stepStates = [
  'waiting',
  'queued',
  'running',
  'retrying',
  'cancelling',
  'succeeded',
  'reused',
  'failed',
  'skipped',
  'cancelled',
] as const;
export const StepState = z.enum(stepStates);
export type StepState = z.infer<typeof StepState>;

export const StepOutput = z.union([z.object({ artifact: ArtifactRef }), z.object({ value: z.json() })]);
export type StepOutput = z.infer<typeof StepOutput>;

export const StepAttempt = z.object({
  number: z.int(),
  startedAt: Instant,
  finishedAt: Instant.optional(),
  /** Why this attempt ended without success. */
  problem: z.string().optional(),
});
export type StepAttempt = z.infer<typeof StepAttempt>;

export const StepRun = z.object({
  step: z.string(),
  state: StepState,
  /** Why it ran or was reused, for people: "reused: same code 3f2a, same inputs" or "ran: input `data` changed". */
  reason: z.string().optional(),
  attempt: z.int(),
  attempts: z.array(StepAttempt),
  problem: z.string().optional(),
  /** Code of the refusal that ended it, such as `step_said_no` of a gate or a validation. */
  problemCode: z.string().optional(),
  outputs: z.record(z.string(), StepOutput),
  /** Tracking run that the step logged to. */
  runId: z.string().optional(),
  progress: z.object({ fraction: z.number(), message: z.string() }).optional(),
  queuedAt: Instant.optional(),
  startedAt: Instant.optional(),
  finishedAt: Instant.optional(),
});
export type StepRun = z.infer<typeof StepRun>;

export const PinnedDataset = z.object({
  ref: z.string(),
  dataset: z.string(),
  number: z.int(),
  digest: Digest,
  id: z.string().optional(),
});
export type PinnedDataset = z.infer<typeof PinnedDataset>;

export const PipelineRun = z.object({
  id: z.string(),
  pipeline: z.string(),
  state: PipelineRunState,
  params: z.record(z.string(), z.json()),
  reason: z.string().optional(),
  startedBy: z.string(),
  startedAt: Instant,
  finishedAt: Instant.optional(),
  deadlineAt: Instant,
  problem: z.string().optional(),
  bundle: Digest,
  graphDigest: Digest,
  commit: z.string().optional(),
  datasets: z.array(PinnedDataset),
  /** The run that this one repeats from some step on. */
  rerunOf: z.string().optional(),
});
export type PipelineRun = z.infer<typeof PipelineRun>;

export const PipelineRunDetail = PipelineRun.extend({ graph: PipelineGraph, steps: z.array(StepRun) });
export type PipelineRunDetail = z.infer<typeof PipelineRunDetail>;

const runParams = z.object({ run: z.string().min(1).max(100) });
const pipelineParams = z.object({ pipeline: Name });

export const pipelinesRoutes = routes({
  'pipelines.list': {
    method: 'GET',
    path: '/api/pipelines',
    permission: 'pipelines.read',
    summary: 'The pipelines that projects declare',
    query: PageQuery,
    response: z.object({ items: z.array(Pipeline.omit({ graph: true })), nextPageToken: z.string().optional() }),
  },
  'pipelines.get': {
    method: 'GET',
    path: '/api/pipelines/{pipeline}',
    permission: 'pipelines.read',
    summary: 'One pipeline with its graph',
    params: pipelineParams,
    response: Pipeline,
  },
  'pipelines.run': {
    method: 'POST',
    path: '/api/pipelines/{pipeline}/runs',
    permission: 'pipelines.run',
    summary: 'Start a run: dataset versions are pinned now, the graph and the code are those applied now',
    params: pipelineParams,
    body: z.object({
      params: z.record(z.string(), z.json()).default({}),
      reason: z.string().max(1000).optional(),
      /** A second request with the same key answers with the run of the first. */
      idempotencyKey: z.string().min(1).max(200).optional(),
      /** False runs every step again although its result is known. */
      cache: z.boolean().default(true),
    }),
    status: 201,
    response: PipelineRun,
  },
  'pipelineRuns.list': {
    method: 'GET',
    path: '/api/pipeline-runs',
    permission: 'pipelines.read',
    summary: 'Pipeline runs, newest first',
    query: PageQuery.extend({ pipeline: Name.optional(), state: PipelineRunState.optional() }),
    response: z.object({ items: z.array(PipelineRun), nextPageToken: z.string().optional() }),
  },
  'pipelineRuns.get': {
    method: 'GET',
    path: '/api/pipeline-runs/{run}',
    permission: 'pipelines.read',
    summary: 'One run with the state, reason, outputs and times of every step',
    params: runParams,
    response: PipelineRunDetail,
  },
  'pipelineRuns.cancel': {
    method: 'POST',
    path: '/api/pipeline-runs/{run}/cancel',
    permission: 'pipelines.run',
    summary: 'Stop a run: running steps get SIGTERM, then SIGKILL after their grace',
    params: runParams,
    response: PipelineRun,
  },
  'pipelineRuns.rerun': {
    method: 'POST',
    path: '/api/pipeline-runs/{run}/rerun',
    permission: 'pipelines.run',
    summary: 'Start a new run that keeps what succeeded and runs the rest, or everything from one step on',
    params: runParams,
    body: z.object({ from: Name.optional(), reason: z.string().max(1000).optional() }),
    status: 201,
    response: PipelineRun,
  },
  'pipelineRuns.log': {
    method: 'GET',
    path: '/api/pipeline-runs/{run}/steps/{step}/log',
    permission: 'pipelines.read',
    summary: 'What the newest attempt of a step printed',
    params: runParams.extend({ step: Name }),
    query: z.object({ attempt: z.coerce.number().int().min(1).optional() }),
    response: 'text',
  },
  'pipelineRuns.followLog': {
    method: 'GET',
    path: '/api/pipeline-runs/{run}/steps/{step}/log/events',
    permission: 'pipelines.read',
    summary: 'What a step prints, as it prints it, until the step ends',
    params: runParams.extend({ step: Name }),
    response: 'events',
  },
  'pipelineRuns.artifact': {
    method: 'GET',
    path: '/api/pipeline-runs/{run}/steps/{step}/outputs/{output}',
    permission: 'pipelines.read',
    summary: 'The bytes of an artifact that a step made',
    params: runParams.extend({ step: Name, output: z.string().min(1).max(200) }),
    response: 'bytes',
  },
});
