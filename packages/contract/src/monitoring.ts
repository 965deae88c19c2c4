/** Monitors of endpoints, the windows they judged, and the alerts that came of it. */
import { z } from 'zod';
import { Duration } from './duration.ts';
import { Instant, Name, PageQuery } from './names.ts';
import { routes } from './route.ts';

const GapRule = z.strictObject({
  /** Smallest |observed rate - mean score|. */
  gap: z.number().min(0).max(1),
  /** Smallest |z| of it. */
  z: z.number().min(0),
});

/** What a project declares for one monitor. */
export const MonitorSpec = z.strictObject({
  endpoint: Name,
  window: z.enum(['hour', 'day', 'week', 'month']).default('week'),
  /** IANA time zone in which windows begin and days are told apart. */
  zone: z.string().max(64).default('UTC'),
  /** A window is judged when labels are complete up to this long after its end. */
  labelGrace: Duration.default(86_400_000),
  /** Fewest labelled predictions on which quality is judged. */
  labelledMin: z.int().min(20).default(200),
  alert: GapRule.default({ gap: 0.06, z: 4 }),
  warning: GapRule.default({ gap: 0.04, z: 3 }),
  drift: z
    .strictObject({
      reference: z.literal('training').default('training'),
      thresholds: z.literal('calibrated').default('calibrated'),
      /** Whether a drifted column makes the window a warning. */
      warns: z.boolean().default(true),
    })
    .default({ reference: 'training', thresholds: 'calibrated', warns: true }),
});
export type MonitorSpec = z.output<typeof MonitorSpec>;

export const Monitor = z.object({
  id: z.string(),
  name: Name,
  endpoint: Name,
  spec: MonitorSpec,
  project: z.string(),
  createdAt: Instant,
  /** Set when its declaration was removed: it judges no more. */
  retiredAt: Instant.optional(),
  /** Labels are complete up to here, as far as reported. */
  labelWatermarkAt: Instant.optional(),
});
export type Monitor = z.infer<typeof Monitor>;

/** An estimate with its 95 % interval; `by: clusters` when rows of one local day were not taken as independent. */
export const JudgedNumber = z.object({
  value: z.number(),
  low: z.number().nullable(),
  high: z.number().nullable(),
  standardError: z.number().nullable(),
  by: z.enum(['rows', 'clusters']),
  clusters: z.int().optional(),
});
export type JudgedNumber = z.infer<typeof JudgedNumber>;

export const ColumnDriftRow = z.object({
  name: z.string(),
  /** `season`: away from training, but no further or no faster than training weeks were. `drift`: further, and by a jump. */
  status: z.enum(['ordinary', 'season', 'drift', 'too-few-rows', 'no-reference']),
  psi: z.number(),
  /** 1.5 times the largest PSI of an ordinary week of the training data, never below the noise at this size. */
  threshold: z.number(),
  ratio: z.number(),
  /** PSI to the last window in which it had not drifted. */
  step: z.number().nullable(),
  ks: z.number().nullable(),
  /** Wasserstein distance in standard deviations of the reference. */
  wassersteinPerSd: z.number().nullable(),
  mean: z.number().nullable(),
  referenceMean: z.number().nullable(),
  nullShare: z.number(),
  referenceNullShare: z.number(),
  /** Share of rows outside the reference's 1st to 99th percentile; 0.02 is ordinary. */
  beyondShare: z.number(),
});
export type ColumnDriftRow = z.infer<typeof ColumnDriftRow>;

export const windowVerdicts = ['ok', 'warning', 'alert', 'too-few-labels'] as const;

export const MonitorWindow = z.object({
  id: z.string(),
  monitor: Name,
  endpoint: Name,
  model: z.string(),
  /** The version that served most of the window; others are left out of its figures. */
  version: z.int(),
  from: Instant,
  to: Instant,
  judgedAt: Instant,
  verdict: z.enum(windowVerdicts),
  sentence: z.string(),
  /** Predictions in the window. */
  count: z.int(),
  /** Of these, scored by `version` (at most 20,000 are used). */
  used: z.int(),
  labelled: z.int(),
  coverage: z.number(),
  calibration: z
    .object({
      meanScore: z.number(),
      observedRate: z.number(),
      gap: z.number(),
      /** Rows taken as independent given their scores. */
      z: z.number().nullable(),
      /** Clustered by local day. */
      dayStandardError: z.number().nullable(),
      dayP: z.number().nullable(),
      ece: z.number(),
    })
    .optional(),
  auc: JudgedNumber.optional(),
  logLoss: JudgedNumber.optional(),
  scoreDrift: ColumnDriftRow.optional(),
  /** Every feature, the furthest beyond its own threshold first. */
  drift: z.array(ColumnDriftRow),
});
export type MonitorWindow = z.infer<typeof MonitorWindow>;

export const Alert = z.object({
  id: z.string(),
  monitor: Name,
  endpoint: Name,
  model: z.string(),
  version: z.int(),
  severity: z.enum(['warning', 'alert']),
  state: z.enum(['open', 'acknowledged', 'resolved']),
  /** Event time: the end of the window that raised it. */
  at: Instant,
  windowId: z.string(),
  windowFrom: Instant,
  windowTo: Instant,
  /** Windows in a row that showed it. */
  windows: z.int(),
  sentence: z.string(),
  openedAt: Instant,
  acknowledgedAt: Instant.optional(),
  acknowledgedBy: z.string().optional(),
  note: z.string().optional(),
  resolvedAt: Instant.optional(),
});
export type Alert = z.infer<typeof Alert>;

const PairedNumber = JudgedNumber.extend({ z: z.number().nullable(), p: z.number().nullable() });

/** Two versions on the same labelled predictions. Differences are challenger - champion. */
export const VersionComparison = z.object({
  endpoint: Name,
  champion: z.int(),
  challenger: z.int(),
  from: Instant,
  to: Instant,
  count: z.int(),
  positives: z.int(),
  scores: z.object({
    champion: z.object({ auc: z.number(), logLoss: z.number(), ece: z.number(), meanScore: z.number() }),
    challenger: z.object({ auc: z.number(), logLoss: z.number(), ece: z.number(), meanScore: z.number() }),
  }),
  dAuc: PairedNumber,
  dAucByDay: PairedNumber,
  dLogLoss: PairedNumber,
  dLogLossByDay: PairedNumber,
  /** One-sided 95 % upper bound of the log-loss difference. */
  dLogLossUpperBound: z.number(),
  minimumDetectableLogLoss: z.number(),
  verdict: z.enum(['better', 'not-better', 'worse', 'undecided']),
  sentence: z.string(),
  warnings: z.array(z.string()),
});
export type VersionComparison = z.infer<typeof VersionComparison>;

const monitorParams = z.object({ monitor: Name });

export const monitoringRoutes = routes({
  'monitors.list': {
    method: 'GET',
    path: '/api/monitors',
    permission: 'monitoring.read',
    summary: 'The monitors that projects declare',
    query: PageQuery,
    response: z.object({ items: z.array(Monitor), nextPageToken: z.string().optional() }),
  },
  'monitors.get': {
    method: 'GET',
    path: '/api/monitors/{monitor}',
    permission: 'monitoring.read',
    summary: 'One monitor',
    params: monitorParams,
    response: Monitor,
  },
  'monitors.windows': {
    method: 'GET',
    path: '/api/monitors/{monitor}/windows',
    permission: 'monitoring.read',
    summary: 'The windows that a monitor judged, newest first',
    params: monitorParams,
    query: PageQuery,
    response: z.object({ items: z.array(MonitorWindow), nextPageToken: z.string().optional() }),
  },
  'monitors.evaluate': {
    method: 'POST',
    path: '/api/monitors/{monitor}/evaluate',
    permission: 'monitoring.write',
    summary:
      'Judge every window whose labels are complete; or, with from and to, measure that range without recording anything',
    params: monitorParams,
    body: z
      .strictObject({ from: Instant.optional(), to: Instant.optional() })
      .refine((range) => (range.from === undefined) === (range.to === undefined), 'give both from and to, or neither'),
    response: z.object({ windows: z.array(MonitorWindow), recorded: z.boolean() }),
  },
  'monitoring.compare': {
    method: 'GET',
    path: '/api/endpoints/{endpoint}/comparison',
    permission: 'monitoring.read',
    summary: 'Two versions on the labelled predictions that both of them scored',
    params: z.object({ endpoint: Name }),
    query: z.object({
      champion: z.coerce.number().int().min(1),
      challenger: z.coerce.number().int().min(1),
      from: z.coerce.number().int().min(0),
      to: z.coerce.number().int().min(0),
      zone: z.string().max(64).default('UTC'),
    }),
    response: VersionComparison,
  },
  'alerts.list': {
    method: 'GET',
    path: '/api/alerts',
    permission: 'monitoring.read',
    summary: 'Alerts, newest first',
    query: PageQuery.extend({
      state: z.enum(['open', 'acknowledged', 'resolved']).optional(),
      monitor: Name.optional(),
    }),
    response: z.object({ items: z.array(Alert), nextPageToken: z.string().optional() }),
  },
  'alerts.get': {
    method: 'GET',
    path: '/api/alerts/{alert}',
    permission: 'monitoring.read',
    summary: 'One alert',
    params: z.object({ alert: z.string().min(1).max(100) }),
    response: Alert,
  },
  'alerts.acknowledge': {
    method: 'POST',
    path: '/api/alerts/{alert}/acknowledge',
    permission: 'monitoring.write',
    summary: 'Say that somebody looks after it',
    params: z.object({ alert: z.string().min(1).max(100) }),
    body: z.strictObject({ note: z.string().max(2000).optional() }),
    response: Alert,
  },
});
