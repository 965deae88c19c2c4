/** What is computed from the prediction log and from a running judge: series by arm, trials, ranges of inputs, progress. */
import { z } from 'zod';
import { Duration } from './duration.ts';
import { Instant, Name, PageQuery } from './names.ts';
import { routes } from './route.ts';
import { ModelTask, Prediction, predictionArms, predictionClocks, RolloutDecision, rolloutStates } from './serving.ts';

/** Most buckets of one series, and the shortest bucket. */
export const seriesBucketsMax = 500;
const stepMinMs = 1000;

/** In a query everything is text. */
const QueryDuration = z.preprocess(
  (value) => (typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value),
  Duration,
);

const Values = z.array(z.number().nullable());

/** A step of a rollout. */
const SeriesMark = z.object({
  /** On the clock of the series. By event time: that of the first prediction that was answered after it. */
  at: Instant,
  rollout: z.string(),
  candidate: z.int(),
  verdict: RolloutDecision.shape.verdict,
  /** What the candidate answers from there on, where the step changes it. */
  percent: z.number().optional(),
});
export type SeriesMark = z.infer<typeof SeriesMark>;

export const EndpointSeries = z.object({
  endpoint: Name,
  by: z.enum(['arm', 'version']),
  clock: z.enum(predictionClocks),
  /** The window in whole buckets; `to` is not included. */
  from: Instant,
  to: Instant,
  stepMs: z.int(),
  /** Beginning of each bucket; all lists below have one member for each. */
  at: z.array(Instant),
  /** False where the bound of one request was reached: the oldest buckets are null, and are there when asked again. */
  isComplete: z.boolean(),
  /** Of the version that takes traffic: which of the figures of outcomes below there are. */
  task: ModelTask,
  series: z.array(
    z.object({
      key: z.string(),
      arm: z.enum(predictionArms).optional(),
      /** Versions that answered as this arm, in the window. */
      versions: z.array(z.int()),
      requests: Values,
      /** Requests that this version (the candidate of a rollout, or a shadow) was to score and could not. */
      faults: Values,
      /** Within 2 %. */
      latencyUsP50: Values,
      latencyUsP95: Values,
      latencyUsP99: Values,
      meanScore: Values,
      /** Requests whose label has come. */
      labelled: Values,
      /** Mean of the labels; not of several classes. */
      meanLabel: Values,
      /** Of classes. Of several, and of quantiles, an even sample of a long bucket is answered again for its figures. */
      logLoss: Values,
      /** Of several classes: how often the most probable one is right. */
      accuracy: Values,
      /** Of numbers, and of quantiles that of the middle one. */
      meanAbsoluteError: Values,
      rootMeanSquaredError: Values,
      /** Of quantiles: mean over the levels, and the share of outcomes between the outermost levels. */
      pinballLoss: Values,
      coverage: Values,
    }),
  ),
  /** Steps of the newest rollouts that lie in the window, without looks that decided nothing. */
  marks: z.array(SeriesMark),
});
export type EndpointSeries = z.infer<typeof EndpointSeries>;

/** One endpoint over the window of the answer that it is part of. */
export const EndpointSummary = z.object({
  endpoint: Name,
  /** Of each bucket. */
  requests: z.array(z.int()),
  /** Of the newest requests of the window, as many as `sampled` says; null where there are none. */
  latencyUsP50: z.number().nullable(),
  latencyUsP99: z.number().nullable(),
  /** Of those too: requests that a version on trial was to score and could not. */
  faults: z.int(),
  sampled: z.int(),
});
export type EndpointSummary = z.infer<typeof EndpointSummary>;

const hourMs = 3_600_000;
const summaryWindowMs = { min: 60_000, max: 31 * 24 * hourMs };

const TrialValue = z.union([z.number(), z.string().max(2000), z.boolean(), z.null()]);

export const Trial = z.object({
  endpoint: Name,
  /** Event time at which features were read. */
  at: Instant,
  /** Every version that is loaded: those with traffic, the shadow, both sides of a rollout. */
  answers: z.array(
    z.object({
      version: z.int(),
      role: z.enum(['incumbent', 'candidate', 'shadow', 'traffic']),
      percent: z.number(),
      score: z.number().optional(),
      /** Beside the score, as in predictions: of several classes, and of quantiles. */
      label: Prediction.shape.label,
      probabilities: Prediction.shape.probabilities,
      quantiles: Prediction.shape.quantiles,
      /** Why it cannot score these inputs. */
      problem: z.string().optional(),
      features: z.record(z.string(), z.number().nullable()),
    }),
  ),
  tookUs: z.int(),
});
export type Trial = z.infer<typeof Trial>;

export const SeenInput = z.object({
  name: z.string(),
  /** How often it was there and not null. */
  count: z.int(),
  missing: z.int(),
  /** Of numbers. */
  min: z.number().optional(),
  max: z.number().optional(),
  /** The most frequent texts and booleans. */
  values: z.array(z.object({ value: z.union([z.string(), z.boolean()]), count: z.int() })),
  /** All values that occurred are in the list. */
  isWhole: z.boolean(),
});
export type SeenInput = z.infer<typeof SeenInput>;

const LogEvidence = z.number().nullable();

export const guardNames = ['scores', 'class-mix', 'agreement', 'errors', 'sample-ratio', 'labels', 'mistakes'] as const;

export const GuardState = z.object({
  /** Of several classes `class-mix` and `agreement` stand for `scores`. Where there is a second loss, `mistakes` guards it. */
  guard: z.enum(guardNames),
  /** `log-evidence`: natural logarithm of an e-value. `z`: standard errors. `distance`: Kolmogorov-Smirnov, of classes total variation, of the last look. */
  scale: z.enum(['log-evidence', 'z', 'distance']),
  value: z.number().nullable(),
  /** It fires above this; scores and labels at a look only, and only where the effect is above its own bar. */
  bar: z.number(),
  /**
   * `scores`: shift in logits, or of numbers in standard deviations of the answers. `class-mix`: share of requests that
   * would have to be of another class. `agreement`: fall of the accuracy by the incumbent's probabilities. `labels`: rise of the mean
   * log loss, or as a share of the incumbent's loss. `mistakes`: share of wrong answers, of missed outcomes, of the incumbent's spread.
   */
  effect: z.object({ value: z.number().nullable(), bar: z.number() }).optional(),
  /** What it has counted: errors, requests, scores of the candidate, labelled pairs. */
  count: z.int(),
  /** The count at which it looks next; without one it looks always, or no more. */
  nextLookAt: z.int().optional(),
});
export type GuardState = z.infer<typeof GuardState>;

export const RolloutProgress = z.object({
  rollout: z.string(),
  at: Instant,
  state: z.enum(rolloutStates),
  stage: z.int(),
  isOnHold: z.boolean(),
  /** False for a rollout that has ended, and where the endpoint could not be loaded. */
  isJudging: z.boolean(),
  requests: z.int(),
  canaryRequests: z.int(),
  labelledPairs: z.int(),
  stageRequests: z.int(),
  /** How often the rule of promotion was applied. */
  looks: z.int(),
  /** Labelled pairs from which it is applied next. */
  nextLookAtPairs: z.int().optional(),
  task: ModelTask,
  /** Extra loss of the candidate's labelled answers, as in the rollout, and the upper end of its one-sided 95 % interval. */
  harm: z.number(),
  harmUpper: z.number().nullable(),
  guards: z.array(GuardState),
  /** As fast as this stage and its labels came so far. */
  requestsPerMinute: z.number(),
  pairsPerMinute: z.number(),
  /** When promotion can be decided at the earliest, at that pace; left out where nothing comes, or on hold. */
  earliestDecisionAt: Instant.optional(),
  /** How the evidence went: one member each for so many judged requests. Thinned, never smoothed. */
  trail: z.object({
    requests: z.array(z.int()),
    pairs: z.array(z.int()),
    errors: z.array(LogEvidence),
    sampleRatio: z.array(LogEvidence),
    /** z of the mean paired difference of the main loss (log loss, squared error, pinball loss): above 0 the candidate is worse. */
    labelsZ: z.array(z.number().nullable()),
  }),
});
export type RolloutProgress = z.infer<typeof RolloutProgress>;

const endpointParams = z.object({ endpoint: Name });

export const servingViewRoutes = routes({
  'endpoints.summary': {
    method: 'GET',
    path: '/api/endpoint-summary',
    permission: 'serving.read',
    summary:
      'Requests over time, latency and faults of every endpoint, in one window up to the newest prediction of them all, by the clock of the server',
    query: PageQuery.extend({
      window: QueryDuration.refine(
        (ms) => ms >= summaryWindowMs.min && ms <= summaryWindowMs.max,
        'from 1m to 31d',
      ).default(hourMs),
    }),
    response: z.object({
      from: Instant,
      /** Not included. */
      to: Instant,
      /** Length of a bucket: 30 of them make the window. */
      stepMs: z.int(),
      items: z.array(EndpointSummary),
      nextPageToken: z.string().optional(),
    }),
  },
  'endpoints.series': {
    method: 'GET',
    path: '/api/endpoints/{endpoint}/series',
    permission: 'serving.read',
    summary: 'Requests, faults, latency, scores and outcomes over time, by arm or version, from the prediction log',
    params: endpointParams,
    query: z.object({
      by: z.enum(['arm', 'version']).default('arm'),
      clock: z.enum(predictionClocks).default('event'),
      window: QueryDuration.refine((ms) => ms >= stepMinMs, 'at least 1s').default(86_400_000),
      /** About 60 buckets unless said. */
      step: QueryDuration.refine((ms) => ms >= stepMinMs, 'at least 1s').optional(),
      /** End of the window; the newest prediction unless said. */
      to: z.coerce.number().int().min(0).max(8_640_000_000_000_000).optional(),
    }),
    response: EndpointSeries,
  },
  'endpoints.try': {
    method: 'POST',
    path: '/api/endpoints/{endpoint}/try',
    permission: 'serving.try',
    summary: 'Score one instance by every loaded version: not logged, not counted, judged by nobody',
    params: endpointParams,
    body: z.strictObject({
      inputs: z.record(z.string(), TrialValue),
      /** Event time; where features are read the newest instant of their state unless said, and never later. */
      at: Instant.optional(),
    }),
    response: Trial,
  },
  'endpoints.inputs': {
    method: 'GET',
    path: '/api/endpoints/{endpoint}/inputs',
    permission: 'serving.read',
    summary: 'What the newest logged predictions brought as inputs: ranges of numbers, most frequent texts',
    params: endpointParams,
    response: z.object({
      endpoint: Name,
      rows: z.int(),
      /** Those whose request had an id of the caller's own. */
      withId: z.int(),
      inputs: z.array(SeenInput),
    }),
  },
  'rollouts.progress': {
    method: 'GET',
    path: '/api/rollouts/{rollout}/progress',
    permission: 'serving.read',
    summary: 'Where the judge of a rollout stands now: counts, guards, the next look, how the evidence went',
    params: z.object({ rollout: z.string().min(1).max(100) }),
    response: RolloutProgress,
  },
});
