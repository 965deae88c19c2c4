/** Endpoints, the deployments that split their traffic, rollouts with their judge, predictions and labels. */
import { z } from 'zod';
import { Duration } from './duration.ts';
import { Instant, Name, PageQuery } from './names.ts';
import { routes } from './route.ts';

export const RolloutStage = z.strictObject({
  name: Name,
  /** Share of the traffic that the candidate answers; 0 is a shadow: it is scored, and answers nobody. */
  percent: z.number().min(0).max(99),
  /** Requests in this stage before the next one. */
  minRequests: z.int().min(0).max(1e9).default(0),
  /** Labelled pairs since the rollout began before the next stage (or, after the last one, the decision). */
  minLabels: z.int().min(0).max(1e9).default(0),
  /** Wall time after which a stage that is still waiting ends the rollout without promotion. */
  deadline: Duration.default(7 * 86_400_000),
});
export type RolloutStage = z.output<typeof RolloutStage>;

/** What a model answers, and so what its versions are compared by. */
export const modelTasks = ['binary', 'classes', 'number', 'quantiles'] as const;
export const ModelTask = z.enum(modelTasks);
export type ModelTask = z.infer<typeof ModelTask>;

/** A threshold with its unit and its limits, which its message names. */
const threshold = (unit: string, min: number, max: number): z.ZodNumber =>
  z
    .number({ error: `a number: ${unit}, from ${min} to ${max}` })
    .min(min, `${unit}, from ${min} to ${max}`)
    .max(max, `${unit}, from ${min} to ${max}`);
const standardErrors = threshold('in standard errors', 0, 10);
const nats = (min: number): z.ZodNumber => threshold('mean log loss in nats', min, 10);

/**
 * What promotes a candidate, and what of its outcomes rolls it back. Each threshold belongs to the tasks that are named: a rollout
 * of another task refuses it.
 */
export const RolloutRule = z.strictObject({
  /** Two classes: one-sided z that the AUC difference must pass. */
  aucZ: standardErrors.default(1.96),
  /** Two classes: largest acceptable upper bound of the difference of the mean log loss. */
  logLossMargin: nats(0).default(0.005),
  /** Other tasks: one-sided z that the fall of log loss, squared error or pinball loss must pass; 1.96 unless said. */
  lossZ: standardErrors.optional(),
  /** Several classes: largest acceptable fall of the accuracy; 0.02 unless said. */
  accuracyMargin: threshold('share of the answers that are right', 0, 1).optional(),
  /** Numbers: largest acceptable rise of the mean absolute error, as a share of the incumbent's root mean squared error; 0.02 unless said. */
  errorMargin: threshold("share of the incumbent's root mean squared error", 0, 10).optional(),
  /** Quantiles: largest acceptable fall of the coverage of intervals; 0.05 unless said. */
  coverageMargin: threshold('share of the outcomes inside the interval', 0, 1).optional(),
  /** Classes: smallest rise of the mean log loss that the guard of the outcomes acts on; 0.08 unless said. */
  logLossHarm: nats(0.001).optional(),
  /** Numbers and quantiles: smallest rise of the error that the guards of the outcomes act on; 0.1 of the incumbent's unless said. */
  errorHarm: threshold("share of the incumbent's error", 0.001, 10).optional(),
});
export type RolloutRule = z.output<typeof RolloutRule>;

/** What holds where a rule does not say. */
export const ruleDefaults = {
  aucZ: 1.96,
  logLossMargin: 0.005,
  lossZ: 1.96,
  accuracyMargin: 0.02,
  errorMargin: 0.02,
  coverageMargin: 0.05,
  logLossHarm: 0.08,
  errorHarm: 0.1,
} as const satisfies Required<RolloutRule>;

/** Tasks that a threshold belongs to. */
export const ruleTasks: Readonly<Record<keyof RolloutRule, readonly ModelTask[]>> = {
  aucZ: ['binary'],
  logLossMargin: ['binary'],
  lossZ: ['classes', 'number', 'quantiles'],
  accuracyMargin: ['classes'],
  errorMargin: ['number'],
  coverageMargin: ['quantiles'],
  logLossHarm: ['binary', 'classes'],
  errorHarm: ['number', 'quantiles'],
};

export const RolloutPlan = z.strictObject({
  stages: z.array(RolloutStage).min(1).max(10),
  rule: RolloutRule.default({ aucZ: ruleDefaults.aucZ, logLossMargin: ruleDefaults.logLossMargin }),
  /** The alias that a promotion moves. */
  alias: z.string().max(255).default('champion'),
  /** Local days of this zone are the clusters of the judge: flights of one day share their weather. */
  zone: z.string().max(64).default('UTC'),
});
export type RolloutPlan = z.output<typeof RolloutPlan>;

/** What a project declares for one endpoint. */
export const EndpointSpec = z.strictObject({
  model: z.string().min(1).max(250),
  description: z.string().max(2000).default(''),
  /** Features are read from this service at the request's instant; without it the request brings the model's inputs. */
  features: z.strictObject({ set: Name, service: Name }).optional(),
  /** Versions that take other features: their registered lineage must name the service. */
  rollout: RolloutPlan.optional(),
  /** `process`: a prediction outlives a killed server. `power`: it outlives a power cut too, and waits for the disk. */
  durability: z.enum(['process', 'power']).default('process'),
  /** Rows replayed beside this endpoint: policies overlook what happens to it, and taken out of use it leaves nothing behind. */
  simulationOf: Name.optional(),
});
export type EndpointSpec = z.output<typeof EndpointSpec>;

export const TrafficShare = z.object({ version: z.int().min(1), percent: z.number().min(0).max(100) });
export type TrafficShare = z.infer<typeof TrafficShare>;

export const Deployment = z.object({
  id: z.string(),
  endpoint: Name,
  number: z.int(),
  traffic: z.array(TrafficShare),
  /** Scored on every request, answers nobody. */
  shadow: z.int().optional(),
  rollout: z.string().optional(),
  reason: z.string(),
  createdAt: Instant,
  createdBy: z.string(),
});
export type Deployment = z.infer<typeof Deployment>;

export const Endpoint = z.object({
  id: z.string(),
  name: Name,
  spec: EndpointSpec,
  project: z.string(),
  createdAt: Instant,
  retiredAt: Instant.optional(),
  deployment: Deployment.optional(),
  /** Labels are complete up to here (event time), as far as reported. */
  labelWatermarkAt: Instant.optional(),
  labelCount: z.int(),
  runningRollout: z.string().optional(),
});
export type Endpoint = z.infer<typeof Endpoint>;

export const rolloutStates = ['running', 'promoted', 'rejected', 'rolled-back', 'cancelled'] as const;

export const RolloutDecision = z.object({
  at: Instant,
  stage: z.string(),
  /** `held`: the judge looked and could not decide yet. `on-hold` and `resumed`: somebody stopped the clock, and let it go on. */
  verdict: z.enum([
    'started',
    'advanced',
    'held',
    'on-hold',
    'resumed',
    'promoted',
    'rejected',
    'rolled-back',
    'cancelled',
  ]),
  sentence: z.string(),
  /** Requests and labelled pairs since the rollout began, requests that the candidate answered. */
  requests: z.int(),
  canaryRequests: z.int(),
  labelledPairs: z.int(),
  evidence: z.record(z.string(), z.number().nullable()).optional(),
  /** The request for approval that a decision to promote waits for. */
  approval: z.string().optional(),
  /** That approval was given while the rollout was on hold: it is promoted when it is resumed. */
  isApproved: z.boolean().optional(),
});
export type RolloutDecision = z.infer<typeof RolloutDecision>;

/** Somebody stopped the clock of a rollout: the split stays as it is and nothing is promoted; guards still roll back. */
export const RolloutHold = z.object({
  at: Instant,
  by: z.string(),
  reason: z.string(),
  /** What the stage had left of its deadline; it goes on with it. */
  stageLeftMs: z.int(),
});
export type RolloutHold = z.infer<typeof RolloutHold>;

export const Rollout = z.object({
  id: z.string(),
  endpoint: Name,
  candidate: z.int(),
  incumbent: z.int(),
  plan: RolloutPlan,
  state: z.enum(rolloutStates),
  /** Index into the plan's stages. */
  stage: z.int(),
  startedAt: Instant,
  startedBy: z.string(),
  /** When the stage, or while it is on hold the hold, ends the rollout without promotion. */
  deadlineAt: Instant,
  hold: RolloutHold.optional(),
  finishedAt: Instant.optional(),
  decisions: z.array(RolloutDecision),
  /** The guard that stopped it. */
  guard: z.string().optional(),
  /** What both versions answer; missing of rollouts before it was kept, which were of two classes. */
  task: ModelTask.optional(),
  /** Extra loss that the candidate's answers cost, summed over its labelled requests: log loss, absolute error, or pinball loss. */
  harm: z.number().optional(),
});
export type Rollout = z.infer<typeof Rollout>;

const InputValue = z.union([z.number(), z.string().max(2000), z.boolean(), z.null()]);

const InstanceId = z.string().min(1).max(200);

export const Instance = z.object({
  /** The caller's own id: rows of one id go to one version, and predictions are found and labelled by it. */
  id: InstanceId.optional(),
  /** Event time; the server's clock unless said. */
  at: Instant.optional(),
  /** Entity keys and request inputs of the feature service, or the model's own inputs. */
  inputs: z.record(z.string(), InputValue),
});
export type Instance = z.infer<typeof Instance>;

/** Most rows of one prediction request. */
export const instancesPerRequestMax = 1000;

export const Prediction = z.object({
  id: z.string(),
  score: z.number(),
  version: z.int(),
  /** Of three classes or more: the most probable one, whose probability is the score, and the probability of each. */
  label: z.union([z.string(), z.number()]).optional(),
  probabilities: z.record(z.string(), z.number()).optional(),
  /** Of a model of quantiles, by level; the score is the one nearest to a half. */
  quantiles: z.record(z.string(), z.number()).optional(),
});
export type Prediction = z.infer<typeof Prediction>;

export const PredictionRecord = z.object({
  id: z.string(),
  endpoint: Name,
  /** Event time. */
  at: Instant,
  /** When the server answered. */
  servedAt: Instant,
  deployment: z.int(),
  model: z.string(),
  version: z.int(),
  score: z.number(),
  /** Computed again from the logged inputs; missing where the version cannot be loaded any more. */
  class: Prediction.shape.label,
  probabilities: Prediction.shape.probabilities,
  quantiles: Prediction.shape.quantiles,
  isCanary: z.boolean(),
  shadow: z
    .object({
      version: z.int(),
      score: z.number(),
      class: Prediction.shape.label,
      probabilities: Prediction.shape.probabilities,
      quantiles: Prediction.shape.quantiles,
    })
    .optional(),
  /** The version on trial that was asked and could not score; the incumbent answered. */
  fault: z.enum(['shadow', 'candidate']).optional(),
  latencyUs: z.int(),
  /** The caller's own id, where the request had one. */
  instanceId: z.string().optional(),
  inputs: z.record(z.string(), InputValue),
  /** As the model saw them, before its own rounding to float32; null is missing. */
  features: z.record(z.string(), z.number().nullable()),
  /** Of classes `value` is the place of the class among the model's, and `class` its word. */
  label: z.object({ value: z.number(), class: z.union([z.string(), z.number()]).optional(), at: Instant }).optional(),
});
export type PredictionRecord = z.infer<typeof PredictionRecord>;

/** `event`: when it happened. `received`: when the server answered; the two differ in replays and for late data. */
export const predictionClocks = ['event', 'received'] as const;
/** Who answered: the candidate of a rollout, or the version that was there. */
export const predictionArms = ['incumbent', 'candidate'] as const;
const QueryFlag = z.enum(['true', 'false']).transform((value) => value === 'true');

const endpointParams = z.object({ endpoint: Name });
const rolloutParams = z.object({ rollout: z.string().min(1).max(100) });
const Reason = z.string().trim().min(1).max(1000);
const holdMaxMs = 30 * 86_400_000;
const Candidate = z.union([z.int().min(1), z.string().min(1).max(255)]);

export const servingRoutes = routes({
  'endpoints.list': {
    method: 'GET',
    path: '/api/endpoints',
    permission: 'serving.read',
    summary: 'The endpoints with their current deployment',
    query: PageQuery,
    response: z.object({ items: z.array(Endpoint), nextPageToken: z.string().optional() }),
  },
  'endpoints.get': {
    method: 'GET',
    path: '/api/endpoints/{endpoint}',
    permission: 'serving.read',
    summary: 'One endpoint',
    params: endpointParams,
    response: Endpoint,
  },
  'endpoints.deploy': {
    method: 'POST',
    path: '/api/endpoints/{endpoint}/deployments',
    permission: 'serving.deploy',
    summary: 'Send traffic to these versions from now on',
    params: endpointParams,
    body: z.strictObject({
      traffic: z
        .array(z.strictObject({ version: Candidate, percent: z.number().min(0).max(100) }))
        .min(1)
        .max(10),
      shadow: Candidate.optional(),
      reason: z.string().max(1000).default(''),
    }),
    status: 201,
    response: Deployment,
  },
  'endpoints.deployments': {
    method: 'GET',
    path: '/api/endpoints/{endpoint}/deployments',
    permission: 'serving.read',
    summary: 'The deployments of an endpoint, newest first',
    params: endpointParams,
    query: PageQuery,
    response: z.object({ items: z.array(Deployment), nextPageToken: z.string().optional() }),
  },
  'endpoints.predict': {
    method: 'POST',
    path: '/api/endpoints/{endpoint}/predict',
    permission: 'serving.predict',
    summary: 'Score instances; each answer is in the prediction log before it is sent',
    params: endpointParams,
    body: z.strictObject({ instances: z.array(Instance).min(1).max(instancesPerRequestMax) }),
    bodyLimitBytes: 8 * 1024 * 1024,
    response: z.object({ predictions: z.array(Prediction) }),
  },
  'endpoints.label': {
    method: 'POST',
    path: '/api/endpoints/{endpoint}/labels',
    permission: 'serving.predict',
    summary:
      'Outcomes of predictions, as late as they come; the same one again changes nothing, another value corrects it',
    params: endpointParams,
    body: z.strictObject({
      labels: z
        .array(
          z
            .strictObject({
              predictionId: z.string().min(1).max(60).optional(),
              /** The caller's own id, as the request had it: its newest prediction made up to `at` (event time), or all. */
              instanceId: InstanceId.optional(),
              /** A class in its own word, 0 or 1 (1 is the positive class), or the number that was predicted. */
              value: z.union([z.number(), z.string().min(1).max(1000)]),
              /** When the outcome was known. */
              at: Instant,
            })
            .refine(
              ({ predictionId, instanceId }) => (predictionId === undefined) !== (instanceId === undefined),
              'name the prediction by predictionId, or by the instanceId of its request: one of the two',
            ),
        )
        .max(10_000),
      /** Which predictions an instanceId means where several have it; `skip`: none of them. */
      which: z.enum(['newest', 'all', 'skip']).default('newest'),
      /** Says what would happen, and nothing does. */
      isDryRun: z.boolean().default(false),
      /** Event time up to which labels are complete. Never moves back. */
      watermark: Instant.optional(),
    }),
    bodyLimitBytes: 4 * 1024 * 1024,
    response: z.object({
      joined: z.int(),
      corrected: z.int(),
      repeated: z.int(),
      /** Labels without a prediction in the log; they are not kept. */
      unknown: z.int(),
      /** The first of their ids. */
      unknownIds: z.array(z.string()),
      /** Labels whose instanceId several predictions have. */
      several: z.int(),
      watermark: Instant.optional(),
    }),
  },
  'endpoints.predictions': {
    method: 'GET',
    path: '/api/endpoints/{endpoint}/predictions',
    permission: 'serving.read',
    summary: 'Search the logged predictions: filters, either clock, oldest or newest first, keyset pages',
    params: endpointParams,
    query: z.object({
      /** Of the clock below; `to` is not included. */
      from: z.coerce.number().int().min(0).default(0),
      to: z.coerce.number().int().min(0).max(8_640_000_000_000_000).optional(),
      clock: z.enum(predictionClocks).default('event'),
      order: z.enum(['oldest', 'newest']).default('oldest'),
      version: z.coerce.number().int().min(1).optional(),
      arm: z.enum(predictionArms).optional(),
      /** A version on trial could not score. */
      fault: QueryFlag.optional(),
      labelled: QueryFlag.optional(),
      scoreMin: z.coerce.number().optional(),
      scoreMax: z.coerce.number().optional(),
      latencyMinUs: z.coerce.number().int().min(0).optional(),
      latencyMaxUs: z.coerce.number().int().min(0).optional(),
      /** The beginning of prediction ids, `prd_01m7…`. */
      id: z
        .string()
        .regex(/^(prd_)?[0-9a-hjkmnp-tv-z]{0,26}$/, 'the beginning of a prediction id, such as prd_01m7z8')
        .optional(),
      /** The caller's own id, whole. */
      instanceId: InstanceId.optional(),
      /** Text that the inputs contain, as JSON writes them. */
      text: z.string().max(200).optional(),
      limit: z.coerce.number().int().min(1).max(1000).default(100),
      pageToken: z.string().max(2000).optional(),
    }),
    response: z.object({
      items: z.array(PredictionRecord),
      nextPageToken: z.string().optional(),
      /** Records that were looked at for this page. */
      scanned: z.int(),
      /** The page ended at the bound of one request before it was full: the next page goes on from there. */
      isScanBound: z.boolean(),
    }),
  },
  'predictions.get': {
    method: 'GET',
    path: '/api/predictions/{prediction}',
    permission: 'serving.read',
    summary: 'One logged prediction with its features and, when it came, its label',
    params: z.object({ prediction: z.string().min(1).max(60) }),
    response: PredictionRecord,
  },
  'rollouts.start': {
    method: 'POST',
    path: '/api/endpoints/{endpoint}/rollouts',
    permission: 'serving.deploy',
    summary: 'Let a version replace the incumbent, stage by stage, under the judge',
    params: endpointParams,
    body: z.strictObject({ candidate: Candidate, plan: RolloutPlan.optional() }),
    status: 201,
    response: Rollout,
  },
  'rollouts.list': {
    method: 'GET',
    path: '/api/endpoints/{endpoint}/rollouts',
    permission: 'serving.read',
    summary: 'The rollouts of an endpoint, newest first',
    params: endpointParams,
    query: PageQuery,
    response: z.object({ items: z.array(Rollout), nextPageToken: z.string().optional() }),
  },
  'rollouts.get': {
    method: 'GET',
    path: '/api/rollouts/{rollout}',
    permission: 'serving.read',
    summary: 'One rollout with every decision and its evidence',
    params: rolloutParams,
    response: Rollout,
  },
  'rollouts.hold': {
    method: 'POST',
    path: '/api/rollouts/{rollout}/hold',
    permission: 'serving.deploy',
    summary: 'Stop the clock of a rollout: the split stays, nothing is promoted, guards still roll back',
    params: rolloutParams,
    body: z.strictObject({
      reason: Reason,
      /** Not resumed within this time, the rollout ends without promotion. */
      for: Duration.refine((ms) => ms >= 60_000 && ms <= holdMaxMs, 'from 1m to 30d').default(7 * 86_400_000),
    }),
    response: Rollout,
  },
  'rollouts.resume': {
    method: 'POST',
    path: '/api/rollouts/{rollout}/resume',
    permission: 'serving.deploy',
    summary: 'Let a rollout on hold go on, with the time that its stage had left',
    params: rolloutParams,
    body: z.strictObject({ reason: z.string().trim().max(1000).default('') }),
    response: Rollout,
  },
  'rollouts.rollBack': {
    method: 'POST',
    path: '/api/rollouts/{rollout}/roll-back',
    permission: 'serving.deploy',
    summary: 'Roll back now: all traffic goes to the incumbent, and the reason to the ledger',
    params: rolloutParams,
    body: z.strictObject({ reason: Reason }),
    response: Rollout,
  },
  'rollouts.cancel': {
    method: 'POST',
    path: '/api/rollouts/{rollout}/cancel',
    permission: 'serving.deploy',
    summary: 'Stop a rollout: all traffic goes back to the incumbent',
    params: rolloutParams,
    response: Rollout,
  },
});
