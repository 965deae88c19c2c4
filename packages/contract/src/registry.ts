/** Registered models, their immutable versions, aliases, and the gates that a version must pass. */
import { z } from 'zod';
import { ApprovalFacts, ApprovalRule } from './approvals.ts';
import { Estimate } from './estimate.ts';
import { Digest, Instant, PageQuery } from './names.ts';
import { routes } from './route.ts';
import { ArtifactPath } from './tracking.ts';

/** Names of registered models come from other people's training code too, so only what would break a reference is refused. */
export const ModelName = z
  .string()
  .min(1)
  .max(250)
  .regex(/^[^/:@\p{Cc}]+$/u, 'no slash, colon, at-sign or control character');

export const Alias = z
  .string()
  .max(255)
  .regex(/^[\w-]+$/, 'letters, digits, underscore and dash')
  .refine((alias) => alias.toLowerCase() !== 'latest' && !/^v\d+$/i.test(alias), '"latest" and "v1" are reserved');

const Measured = z.union([z.number().transform((value): Estimate => ({ value })), Estimate]);

/** One bound on one metric. `interval` says which end of the 95 % interval must meet it; the value itself unless said. */
export const GateBound = z
  .object({
    min: z.number().optional(),
    max: z.number().optional(),
    interval: z.enum(['low', 'high', 'value']).default('value'),
  })
  .refine((bound) => bound.min !== undefined || bound.max !== undefined, 'a bound needs min or max');

const nonInferior = z.object({ nonInferior: z.number().min(0) });

/** `nonInferior 0.005`: the upper end of the 95 % interval of the paired difference must stay below the margin. */
const ChampionBound = z.union([
  nonInferior,
  z
    .string()
    .regex(/^nonInferior\s+\d*\.?\d+$/, 'write "nonInferior 0.005"')
    .transform((text) => ({ nonInferior: Number(text.split(/\s+/)[1]) })),
]);

export const GateSpec = z.object({
  protected: z.array(Alias).min(1).default(['champion']),
  checks: z
    .object({
      beats: z.record(z.string(), z.record(z.string(), z.number())).optional(),
      champion: z.record(z.string(), ChampionBound).optional(),
    })
    .catchall(GateBound),
});
export type GateSpec = z.output<typeof GateSpec>;

/** `models.<name>.aliases` of slipway.yaml: what is asked of whoever moves an alias, besides the gate. */
export const AliasRules = z.record(Alias, z.strictObject({ approval: ApprovalRule }));
export type AliasRules = z.output<typeof AliasRules>;

export const GateEvidence = z.object({
  metrics: z.record(z.string(), Measured),
  /** What simpler models reach on the same rows. */
  baselines: z.record(z.string(), z.record(z.string(), Measured)).default({}),
  /** Candidate minus champion on the same rows, per metric. */
  paired: z.object({ champion: z.int().min(1), differences: z.record(z.string(), Measured) }).optional(),
});
export type GateEvidence = z.output<typeof GateEvidence>;

export const GateCheck = z.object({
  name: z.string(),
  observed: z.number().optional(),
  bound: z.number().optional(),
  passed: z.boolean(),
  sentence: z.string(),
});
export type GateCheck = z.infer<typeof GateCheck>;

export const Gate = z.object({
  id: z.string(),
  model: z.string(),
  passed: z.boolean(),
  checks: z.array(GateCheck),
  evidence: GateEvidence,
  specDigest: Digest,
  runId: z.string().optional(),
  candidate: z.string().optional(),
  /** The version that was registered with this gate. */
  version: z.int().optional(),
  createdAt: Instant,
});
export type Gate = z.infer<typeof Gate>;

export const ModelFile = z.object({ path: z.string(), digest: Digest, sizeBytes: z.int() });
export type ModelFile = z.infer<typeof ModelFile>;

/** Where a version comes from. Every member is optional: what is unknown is left out, never guessed. */
export const Lineage = z.object({
  pipelineRun: z.string().optional(),
  step: z.string().optional(),
  trainingSetDigest: z.string().optional(),
  datasetVersions: z
    .array(z.object({ dataset: z.string(), number: z.int(), digest: z.string(), id: z.string().optional() }))
    .optional(),
  featureService: z.object({ set: z.string(), service: z.string(), digest: z.string() }).optional(),
  codeDigest: z.string().optional(),
  commit: z.string().optional(),
});
export type Lineage = z.infer<typeof Lineage>;

/** Of one version's lineage as JSON: the event of the version carries it, and an event has at most 64 KiB. */
export const lineageBytesMax = 32 * 1024;
const NewLineage = Lineage.refine(
  (lineage) => new TextEncoder().encode(JSON.stringify(lineage)).length <= lineageBytesMax,
  `at most ${lineageBytesMax} bytes of JSON`,
);

export const ModelSignature = z.object({
  inputs: z.array(z.record(z.string(), z.json())).optional(),
  outputs: z.array(z.record(z.string(), z.json())).optional(),
  params: z.array(z.record(z.string(), z.json())).optional(),
});
export type ModelSignature = z.infer<typeof ModelSignature>;

export const ModelVersion = z.object({
  id: z.string(),
  model: z.string(),
  number: z.int(),
  status: z.enum(['pending', 'ready', 'failed']),
  description: z.string().optional(),
  runId: z.string().optional(),
  /** Digest of the one file, or of the canonical JSON of `files` when there are several. Absent for prompts. */
  artifactDigest: Digest.optional(),
  files: z.array(ModelFile),
  /** The ONNX file among `files`, where there is exactly one. */
  onnx: ModelFile.optional(),
  flavor: z.string(),
  signature: ModelSignature.optional(),
  lineage: Lineage,
  gate: z.object({ id: z.string(), passed: z.boolean(), checks: z.array(GateCheck) }).optional(),
  aliases: z.array(z.string()),
  /** Aliases that it gets when somebody approves, with the request of each. */
  approvals: z.record(z.string(), z.string()).optional(),
  tags: z.record(z.string(), z.string()),
  /** A label from before aliases: None, Staging, Production or Archived. */
  stage: z.string(),
  /** Where the client that registered it said that it lies. */
  source: z.string().optional(),
  loggedModelId: z.string().optional(),
  createdAt: Instant,
  updatedAt: Instant,
  createdBy: z.string(),
});
export type ModelVersion = z.infer<typeof ModelVersion>;

export const RegisteredModel = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string().optional(),
  gate: GateSpec.optional(),
  /** Aliases that move only with an approval, and who may give it. */
  approvals: z.record(z.string(), ApprovalRule).optional(),
  aliases: z.record(z.string(), z.int()),
  latestNumber: z.int(),
  tags: z.record(z.string(), z.string()),
  /** The project folder that declares it. */
  project: z.string().optional(),
  createdAt: Instant,
  updatedAt: Instant,
});
export type RegisteredModel = z.infer<typeof RegisteredModel>;

/** A request to move an alias. It is decided by a person; the move happens with the decision. */
export const AliasApproval = ApprovalFacts.extend({
  kind: z.literal('alias'),
  model: z.string(),
  alias: z.string(),
  version: z.int(),
  /** What the alias named when it was asked; absent where it named nothing. */
  previous: z.int().optional(),
  gate: z.object({ id: z.string(), passed: z.boolean(), checks: z.array(GateCheck) }).optional(),
});
export type AliasApproval = z.infer<typeof AliasApproval>;

/** `moved`, or `waiting` for somebody's approval: then the alias names what it named before. */
export const AliasAnswer = z.object({
  model: z.string(),
  alias: z.string(),
  version: z.int(),
  previous: z.int().optional(),
  state: z.enum(['moved', 'waiting']),
  approval: AliasApproval.optional(),
});
export type AliasAnswer = z.infer<typeof AliasAnswer>;

export const modelStages = ['None', 'Staging', 'Production', 'Archived'] as const;

const ModelParams = z.object({ model: z.string().max(250) });
const VersionParams = ModelParams.extend({ version: z.string().max(255) });
const texts = z.record(z.string().min(1).max(250), z.string().max(100_000));

export const registryRoutes = routes({
  'models.list': {
    method: 'GET',
    path: '/api/models',
    permission: 'registry.read',
    summary: 'Lists registered models by name',
    query: PageQuery,
    response: z.object({ items: z.array(RegisteredModel), nextPageToken: z.string().optional() }),
  },
  'models.create': {
    method: 'POST',
    path: '/api/models',
    permission: 'registry.write',
    summary: 'Registers a model name',
    body: z.object({ name: ModelName, description: z.string().max(5000).optional(), tags: texts.default({}) }),
    response: RegisteredModel,
    status: 201,
  },
  'models.get': {
    method: 'GET',
    path: '/api/models/{model}',
    permission: 'registry.read',
    summary: 'One registered model with its aliases and its gate',
    params: ModelParams,
    response: RegisteredModel,
  },
  'models.versions': {
    method: 'GET',
    path: '/api/models/{model}/versions',
    permission: 'registry.read',
    summary: 'The versions of a model, newest first',
    params: ModelParams,
    query: PageQuery,
    response: z.object({ items: z.array(ModelVersion), nextPageToken: z.string().optional() }),
  },
  'models.createVersion': {
    method: 'POST',
    path: '/api/models/{model}/versions',
    permission: 'registry.write',
    summary:
      'Registers a version from files of a run or from one stored object. The model is created when it does not exist.',
    params: ModelParams,
    body: z
      .object({
        runId: z.string().max(64).optional(),
        /** A file or folder of the run. */
        artifactPath: ArtifactPath.optional(),
        /** A stored object: one model file. */
        digest: Digest.optional(),
        fileName: ArtifactPath.default('model.onnx'),
        flavor: z.string().max(64).optional(),
        description: z.string().max(5000).optional(),
        lineage: NewLineage.default({}),
        gateId: z.string().max(64).optional(),
        signature: ModelSignature.optional(),
        tags: texts.default({}),
        aliases: z.array(Alias).max(20).default([]),
      })
      .refine(
        (body) => (body.digest === undefined) !== (body.artifactPath === undefined || body.runId === undefined),
        'give either digest, or runId with artifactPath',
      ),
    response: ModelVersion,
    status: 201,
  },
  'models.getVersion': {
    method: 'GET',
    path: '/api/models/{model}/versions/{version}',
    permission: 'registry.read',
    summary: 'One version, by number, by alias, or `latest`',
    params: VersionParams,
    response: ModelVersion,
  },
  'models.getFile': {
    method: 'GET',
    path: '/api/models/{model}/versions/{version}/files/{path+}',
    permission: 'registry.read',
    summary: 'The bytes of one file of a version',
    params: VersionParams.extend({ path: ArtifactPath }),
    response: 'bytes',
  },
  'models.setAlias': {
    method: 'PUT',
    path: '/api/models/{model}/aliases/{alias}',
    permission: 'registry.promote',
    summary:
      'Points an alias at a version. A protected alias takes only a version whose gate passed; one that asks for approval is not moved yet: the answer has the request.',
    params: ModelParams.extend({ alias: Alias }),
    body: z.object({ version: z.int().min(1), reason: z.string().max(1000).optional() }),
    response: AliasAnswer,
  },
  'models.deleteAlias': {
    method: 'DELETE',
    path: '/api/models/{model}/aliases/{alias}',
    permission: 'registry.promote',
    summary: 'Removes an alias, unless moving it asks for approval',
    params: ModelParams.extend({ alias: z.string().max(255) }),
    response: z.object({ removed: z.boolean() }),
  },
  'models.gates': {
    method: 'GET',
    path: '/api/models/{model}/gates',
    permission: 'registry.read',
    summary: 'The gates that were judged for a model, newest first',
    params: ModelParams,
    query: PageQuery,
    response: z.object({ items: z.array(Gate), nextPageToken: z.string().optional() }),
  },
  'models.judgeGate': {
    method: 'POST',
    path: '/api/models/{model}/gates',
    permission: 'registry.write',
    summary: 'Judges evidence against the gate that the model declares, and records the verdict',
    params: ModelParams,
    body: z.object({
      runId: z.string().max(64).optional(),
      candidate: z.string().max(500).optional(),
      evidence: GateEvidence,
    }),
    response: Gate,
    status: 201,
  },
  'models.setStage': {
    method: 'PUT',
    path: '/api/models/{model}/versions/{version}/stage',
    permission: 'registry.promote',
    summary: 'Sets the stage of a version: a label from before aliases, for clients that still read it',
    params: VersionParams,
    body: z.strictObject({
      stage: z.enum(modelStages),
      /** Moves the versions that hold the stage now to Archived. */
      archiveExisting: z.boolean().default(false),
    }),
    response: ModelVersion,
  },
  'modelVersions.list': {
    method: 'GET',
    path: '/api/model-versions',
    permission: 'registry.read',
    summary: 'Versions of all models, newest first; those that one run made with `runId`',
    query: PageQuery.extend({ runId: z.string().max(64).optional() }),
    response: z.object({ items: z.array(ModelVersion), nextPageToken: z.string().optional() }),
  },
  'gates.get': {
    method: 'GET',
    path: '/api/gates/{gate}',
    permission: 'registry.read',
    summary: 'One judged gate with its evidence',
    params: z.object({ gate: z.string().max(64) }),
    response: Gate,
  },
});
