/** Monitors of endpoints, the windows they judged, and the alerts that came of it. */
import { z } from 'zod';
import { Duration } from './duration.ts';
import { JudgedNumber } from './estimate.ts';
import { Instant, Name, PageQuery } from './names.ts';
import { routes } from './route.ts';
import { versionComparisonRoutes } from './version-comparison.ts';

const GapRule = z.strictObject({
  /** Smallest |observed rate - mean score|. */
  gap: z.number().min(0).max(1),
  /** Smallest |z| of it. */
  z: z.number().min(0),
});

const RiseRule = z.strictObject({
  /** Smallest rise of the loss above its reference, as a share of it. */
  rise: z.number().min(0),
  /** Smallest z of the rise. */
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
  /** A copy of this monitor, for a simulation: policies overlook its alerts, and taken out of use it leaves nothing behind. */
  simulationOf: Name.optional(),
  /** Fewest labelled predictions on which quality is judged. */
  labelledMin: z.int().min(20).default(200),
  alert: GapRule.default({ gap: 0.06, z: 4 }),
  warning: GapRule.default({ gap: 0.04, z: 3 }),
  /** Several classes and numbers: the mean log loss, or the root mean squared error, against what it is expected to be. */
  loss: z
    .strictObject({
      /** That of the version's gate unless said. */
      reference: z.number().positive().optional(),
      alert: RiseRule.default({ rise: 0.5, z: 4 }),
      warning: RiseRule.default({ rise: 0.25, z: 3 }),
    })
    .default({ alert: { rise: 0.5, z: 4 }, warning: { rise: 0.25, z: 3 } }),
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

/** Why a silence is kept, and until when alerts of a monitor (or one of them) trigger no policy. They are recorded all the same. */
export const Silence = z.object({
  id: z.string(),
  monitor: Name,
  /** The only alert that it is about; all of the monitor's unless set. */
  alert: z.string().optional(),
  /** It ends by itself here, in wall time. */
  until: Instant,
  reason: z.string(),
  createdAt: Instant,
  createdBy: z.string(),
  /** Set when somebody ended it early. */
  endedAt: Instant.optional(),
  endedBy: z.string().optional(),
});
export type Silence = z.infer<typeof Silence>;

/** Longest silence: what should be quiet for longer should be declared otherwise. */
export const silenceDaysMax = 365;

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
  /** The silence of the whole monitor that ends last, while there is one. */
  silence: Silence.optional(),
});
export type Monitor = z.infer<typeof Monitor>;

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
  /** Share of rows outside the reference's 1st to 99th percentile; 0.02 is ordinary. 0 for text. */
  beyondShare: z.number(),
  /** A number unless set. */
  kind: z.enum(['number', 'text']).optional(),
  /** Text: share of rows whose value training never had; null where training had too many values to tell. */
  newShare: z.number().nullable().optional(),
  /** Text: the most frequent of those values. */
  newValues: z.array(z.object({ value: z.string(), count: z.int() })).optional(),
});
export type ColumnDriftRow = z.infer<typeof ColumnDriftRow>;

const ThenNow = z.object({ reference: z.int(), window: z.int() });

/** How a column lay in the training data and lies in a window: rows in the same bins, or of the same values. */
export const DriftFigure = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('number'),
    name: z.string(),
    /** One more than bins. Bin i holds edges[i] <= value < edges[i + 1]; an open end holds everything beyond it too. At most 61. */
    edges: z.array(z.number()),
    reference: z.array(z.int()),
    window: z.array(z.int()),
    isOpenBelow: z.boolean(),
    isOpenAbove: z.boolean(),
    missing: ThenNow,
  }),
  z.object({
    kind: z.literal('text'),
    name: z.string(),
    /** The 20 most frequent of training. */
    values: z.array(ThenNow.extend({ value: z.string() })),
    other: ThenNow,
    /** Values that training never had. */
    new: ThenNow,
    missing: ThenNow,
  }),
]);
export type DriftFigure = z.infer<typeof DriftFigure>;

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
  /** Several classes: `calibration` is that of the most probable class; how often it was right. */
  accuracy: JudgedNumber.optional(),
  /** A model of numbers, which has no `calibration`. */
  numbers: z
    .object({
      meanPredicted: z.number(),
      meanObserved: z.number(),
      /** Mean of observed minus predicted, in units of the reference loss (of the residuals' own spread without one). */
      gap: z.number(),
      z: z.number().nullable(),
      rmse: JudgedNumber,
      /** Of quantiles: the share of outcomes between the outermost levels, and the share that these promise. */
      coverage: JudgedNumber.extend({ promised: z.number() }).optional(),
    })
    .optional(),
  /** What the log loss of several classes, or the root mean squared error, was expected to be. */
  referenceLoss: z.number().optional(),
  scoreDrift: ColumnDriftRow.optional(),
  /** Every feature, the furthest beyond its own threshold first. */
  drift: z.array(ColumnDriftRow),
});
export type MonitorWindow = z.infer<typeof MonitorWindow>;

/** One window without its columns, for lines over a long time. */
export const WindowSummary = MonitorWindow.omit({ scoreDrift: true, drift: true, sentence: true }).extend({
  /** Columns that had drifted. */
  drifted: z.int(),
});
export type WindowSummary = z.infer<typeof WindowSummary>;

/** A window that waits for its outcomes. */
export const PendingWindow = z.object({ from: Instant, to: Instant, judgedFrom: Instant });
export type PendingWindow = z.infer<typeof PendingWindow>;

export const HeatCell = z.object({
  status: ColumnDriftRow.shape.status,
  psi: z.number(),
  threshold: z.number(),
  ratio: z.number(),
});
export type HeatCell = z.infer<typeof HeatCell>;

/** Drift of columns over windows. `cells` are in the order of `windows`; null where a column was not measured. */
export const DriftHeat = z.object({
  windows: z.array(MonitorWindow.pick({ id: true, from: true, to: true, version: true, verdict: true })),
  columns: z.array(
    z.object({ name: z.string(), kind: z.enum(['number', 'text']), cells: z.array(HeatCell.nullable()) }),
  ),
  /** Columns that there are; those that went furthest in any of the windows are shown. */
  columnCount: z.int(),
});
export type DriftHeat = z.infer<typeof DriftHeat>;

/** A window with every column's distribution then and now. */
export const WindowDrift = z.object({
  window: MonitorWindow.pick({ id: true, from: true, to: true, model: true, version: true, used: true }),
  /** Rows of the training data that the reference was made from. */
  referenceRows: z.int(),
  scoreDrift: ColumnDriftRow.optional(),
  drift: z.array(ColumnDriftRow),
  figures: z.array(DriftFigure),
});
export type WindowDrift = z.infer<typeof WindowDrift>;

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
  /** The silence under which it fired last, so that no policy was triggered. */
  silence: z.string().optional(),
});
export type Alert = z.infer<typeof Alert>;

/** Settings to try, as a query; those that are left out are as declared. */
export const MonitorSettings = z.strictObject({
  window: z.enum(['hour', 'day', 'week', 'month']).optional(),
  zone: z.string().max(64).optional(),
  /** Milliseconds. */
  labelGrace: z.coerce.number().int().min(0).optional(),
  labelledMin: z.coerce.number().int().min(20).optional(),
  alertGap: z.coerce.number().min(0).max(1).optional(),
  alertZ: z.coerce.number().min(0).optional(),
  warningGap: z.coerce.number().min(0).max(1).optional(),
  warningZ: z.coerce.number().min(0).optional(),
  driftWarns: z.enum(['yes', 'no']).optional(),
  /** Event time; from the oldest of the newest 60 judged windows unless said. */
  from: z.coerce.number().int().min(0).optional(),
  to: z.coerce.number().int().min(0).optional(),
});
export type MonitorSettings = z.output<typeof MonitorSettings>;

/** Most windows of one backtest, and how long it may take. */
export const backtestWindowsMax = 60;
export const backtestTimeMs = 30_000;

export const BacktestWindow = MonitorWindow.pick({
  from: true,
  to: true,
  version: true,
  verdict: true,
  sentence: true,
  count: true,
  labelled: true,
  coverage: true,
  calibration: true,
  numbers: true,
}).extend({
  drifted: z.array(z.string()),
  /** What the monitor said of the same window in life. */
  really: z.enum(windowVerdicts).optional(),
});
export type BacktestWindow = z.infer<typeof BacktestWindow>;

export const BacktestAlert = z.object({
  version: z.int(),
  severity: z.enum(['warning', 'alert']),
  /** Ends of the windows that opened it, raised it to an alert, and resolved it. */
  openedAt: Instant,
  raisedAt: Instant.optional(),
  resolvedAt: Instant.optional(),
  windows: z.int(),
  sentence: z.string(),
});
export type BacktestAlert = z.infer<typeof BacktestAlert>;

/** What a monitor would have said with other settings, over the predictions that are logged. Nothing of it is kept. */
export const Backtest = z.object({
  monitor: Name,
  settings: MonitorSpec,
  windows: z.array(BacktestWindow),
  alerts: z.array(BacktestAlert),
  /** Alerts that the monitor really raised in that time. */
  really: z.array(Alert),
  /** Set when there are more windows than one backtest looks at, or it took too long: where to go on. */
  nextFrom: Instant.optional(),
});
export type Backtest = z.infer<typeof Backtest>;

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
  'monitors.history': {
    method: 'GET',
    path: '/api/monitors/{monitor}/history',
    permission: 'monitoring.read',
    summary: 'Quality of the judged windows with intervals and label coverage, newest first, and the windows that wait',
    params: monitorParams,
    query: PageQuery,
    response: z.object({
      items: z.array(WindowSummary),
      nextPageToken: z.string().optional(),
      /** On the first page only. */
      pending: z.array(PendingWindow),
    }),
  },
  'monitors.heat': {
    method: 'GET',
    path: '/api/monitors/{monitor}/heat',
    permission: 'monitoring.read',
    summary: 'Drift of each column in each of the newest windows',
    params: monitorParams,
    query: z.object({
      windows: z.coerce.number().int().min(1).max(104).default(26),
      columns: z.coerce.number().int().min(1).max(200).default(20),
    }),
    response: DriftHeat,
  },
  'monitors.drift': {
    method: 'GET',
    path: '/api/monitors/{monitor}/windows/{window}/drift',
    permission: 'monitoring.read',
    summary: 'Every column of a judged window beside the training data, in the same bins',
    params: monitorParams.extend({ window: z.string().min(1).max(100) }),
    response: WindowDrift,
  },
  'monitors.backtest': {
    method: 'GET',
    path: '/api/monitors/{monitor}/backtest',
    permission: 'monitoring.read',
    summary: 'What the monitor would have said with other settings; keeps nothing',
    params: monitorParams,
    query: MonitorSettings,
    response: Backtest,
  },
  'silences.create': {
    method: 'POST',
    path: '/api/monitors/{monitor}/silences',
    permission: 'monitoring.write',
    summary: 'Alerts of a monitor, or one of them, trigger no policy until an instant; they are recorded all the same',
    params: monitorParams,
    body: z.strictObject({
      until: Instant,
      reason: z.string().trim().min(1).max(2000),
      alert: z.string().min(1).max(100).optional(),
    }),
    response: Silence,
    status: 201,
  },
  'silences.list': {
    method: 'GET',
    path: '/api/monitors/{monitor}/silences',
    permission: 'monitoring.read',
    summary: 'The silences of a monitor, newest first',
    params: monitorParams,
    query: PageQuery,
    response: z.object({ items: z.array(Silence), nextPageToken: z.string().optional() }),
  },
  'silences.end': {
    method: 'POST',
    path: '/api/silences/{silence}/end',
    permission: 'monitoring.write',
    summary: 'End a silence early',
    params: z.object({ silence: z.string().min(1).max(100) }),
    response: Silence,
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
  ...versionComparisonRoutes,
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
