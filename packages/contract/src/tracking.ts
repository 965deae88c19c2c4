/** Experiments, runs and what they record. Numbers keep their value on the wire: NaN and the infinities travel as strings. */
import { z } from 'zod';
import { Digest, Instant, PageQuery } from './names.ts';
import { routes } from './route.ts';

export const metricKeyLimitChars = 250;
export const paramValueLimitChars = 6000;
export const tagValueLimitChars = 8000;
export const metricsPerLogMax = 1000;
export const paramsPerLogMax = 1000;
export const tagsPerLogMax = 1000;
export const artifactPathLimitChars = 1000;

/** A metric's value. JSON has no NaN and no infinity, so these three are strings. */
export const MetricValue = z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity'])]);
export type MetricValue = z.infer<typeof MetricValue>;

/** Keys of metrics, params and tags: no empty part, no `..`, so that they can be shown as a tree of folders. */
export const TrackingKey = z
  .string()
  .min(1)
  .max(metricKeyLimitChars)
  .regex(/^[\p{L}\p{N}_.:/ -]+$/u, 'letters, digits, underscore, dot, dash, colon, space and slash');

export const ArtifactPath = z
  .string()
  .min(1)
  .max(artifactPathLimitChars)
  .refine(
    (path) => path.split('/').every((part) => part !== '' && part !== '.' && part !== '..') && !/[\\\0]/.test(path),
    'a relative path with forward slashes, without empty, "." or ".." parts',
  );

export const Metric = z.object({
  key: TrackingKey,
  value: MetricValue,
  step: z.int().default(0),
  at: Instant.optional(),
});
export type Metric = z.output<typeof Metric>;

export const runStatuses = ['running', 'scheduled', 'finished', 'failed', 'killed'] as const;
export const RunStatus = z.enum(runStatuses);
export type RunStatus = z.infer<typeof RunStatus>;

export const Lifecycle = z.enum(['active', 'deleted']);
export type Lifecycle = z.infer<typeof Lifecycle>;

export const Experiment = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string().optional(),
  lifecycle: Lifecycle,
  /** Where clients keep the files of its runs themselves, when that is not this server. */
  artifactLocation: z.string().optional(),
  createdAt: Instant,
  updatedAt: Instant,
  tags: z.record(z.string(), z.string()),
});
export type Experiment = z.infer<typeof Experiment>;

export const DatasetInput = z.object({
  name: z.string(),
  digest: z.string(),
  sourceType: z.string().optional(),
  source: z.string().optional(),
  schema: z.string().optional(),
  profile: z.string().optional(),
  tags: z.record(z.string(), z.string()),
});
export type DatasetInput = z.infer<typeof DatasetInput>;

export const RunMetric = z.object({ key: z.string(), value: MetricValue, step: z.int(), at: Instant });
export type RunMetric = z.infer<typeof RunMetric>;

/** Metrics that come with a run; `runs.metrics` pages through all. */
export const runMetricsMax = 1000;
export const Run = z.object({
  id: z.string(),
  experiment: z.string(),
  experimentId: z.string(),
  name: z.string(),
  status: RunStatus,
  lifecycle: Lifecycle,
  startedAt: Instant,
  endedAt: Instant.optional(),
  user: z.string().optional(),
  /** The latest value of each metric: the one with the greatest (step, at, value). */
  metrics: z.array(RunMetric),
  /** How many metrics the run has, where they are more than those here, which are then the first by their keys. */
  metricCount: z.int().optional(),
  params: z.record(z.string(), z.string()),
  tags: z.record(z.string(), z.string()),
  datasets: z.array(DatasetInput),
  /** Logged models that the run read and made. */
  modelInputs: z.array(z.string()),
  modelOutputs: z.array(z.object({ model: z.string(), step: z.int() })),
  artifactLocation: z.string().optional(),
});
export type Run = z.infer<typeof Run>;

export const Artifact = z.object({
  path: z.string(),
  isFolder: z.boolean(),
  sizeBytes: z.int().optional(),
  digest: Digest.optional(),
});
export type Artifact = z.infer<typeof Artifact>;

export const runKeyKinds = ['metric', 'param', 'tag'] as const;
export const RunKeyKind = z.enum(runKeyKinds);
export type RunKeyKind = z.infer<typeof RunKeyKind>;

/** A key that some run of an experiment logged. */
export const RunKey = z.object({
  kind: RunKeyKind,
  key: z.string(),
  /** When a run last logged it, to the hour. */
  seenAt: Instant,
});
export type RunKey = z.infer<typeof RunKey>;

/** Counts are exact up to here; more are only known to be more. */
export const exactCountMax = 10_000;
export const RunCount = z.object({ count: z.int(), isExact: z.boolean() });
export type RunCount = z.infer<typeof RunCount>;

export const sampledRunsMax = 50;
/** Over all runs of one request, which keeps an answer below 1 MB. */
export const sampledPointsMax = 15_000;
/** One run's share of a chart. Column i of each array is one point, or the points of one stretch of steps. */
export const SampledSeries = z.object({
  run: z.string(),
  /** How many points lie within the range that was asked for. */
  pointCount: z.int(),
  /** True where every point is there; else each entry sums up a stretch. */
  isExact: z.boolean(),
  firstSteps: z.array(z.int()),
  lastSteps: z.array(z.int()),
  /** When the first point of the stretch was logged. */
  at: z.array(Instant),
  /** The least and the greatest value; null where the stretch has none but NaN. */
  low: z.array(MetricValue.nullable()),
  high: z.array(MetricValue.nullable()),
  counts: z.array(z.int()),
});
export type SampledSeries = z.infer<typeof SampledSeries>;

export const viewNameLimitChars = 200;
export const viewQueryLimitChars = 8000;
export const SavedView = z.object({
  id: z.string(),
  name: z.string(),
  /** What stands after `?` in the console's address of the runs. */
  query: z.string(),
  author: z.string(),
  createdAt: Instant,
  updatedAt: Instant,
});
export type SavedView = z.infer<typeof SavedView>;

const ViewName = z
  .string()
  .min(1)
  .max(viewNameLimitChars)
  .refine((name) => name.trim() === name && !name.includes('\0'), 'no blanks at its ends, no NUL character');
const ViewParams = z.object({ view: z.string().max(64) });

export const projectedKeysMax = 100;
const ColumnList = z
  .string()
  .max(10_000)
  .transform((text) => text.split(',').filter((part) => part !== ''))
  .pipe(z.array(z.string().regex(/^[mpt]:./, 'm:, p: or t: and a key')).max(projectedKeysMax));

const RunParams = z.object({ run: z.string().max(64) });
const keysAndTexts = z.record(TrackingKey, z.string().max(tagValueLimitChars));

export const trackingRoutes = routes({
  'experiments.list': {
    method: 'GET',
    path: '/api/experiments',
    permission: 'tracking.read',
    summary: 'Lists experiments, newest first',
    query: PageQuery.extend({ filter: z.string().max(4000).optional() }),
    response: z.object({ items: z.array(Experiment), nextPageToken: z.string().optional() }),
  },
  'experiments.create': {
    method: 'POST',
    path: '/api/experiments',
    permission: 'tracking.write',
    summary: 'Creates an experiment',
    body: z.object({
      name: z.string().min(1).max(500),
      description: z.string().max(5000).optional(),
      tags: keysAndTexts.default({}),
    }),
    response: Experiment,
    status: 201,
  },
  'runs.list': {
    method: 'GET',
    path: '/api/runs',
    permission: 'tracking.read',
    summary:
      'Searches runs: filter such as `metrics.auc > 0.7 and (params.model = "gbt" or tags.kind = "refit")`, orderBy such as `metrics.auc desc`',
    query: PageQuery.extend({
      experiment: z.string().max(500).optional(),
      filter: z.string().max(20_000).optional(),
      orderBy: z.string().max(2000).optional(),
      /**
       * Only these metrics (`m:auc`), params (`p:rate`) and tags (`t:kind`) of each run, separated by commas, and no inputs:
       * a page of runs stays small whatever they logged. Everything unless given.
       */
      columns: ColumnList.optional(),
    }),
    response: z.object({ items: z.array(Run), nextPageToken: z.string().optional() }),
  },
  'runs.count': {
    method: 'GET',
    path: '/api/run-count',
    permission: 'tracking.read',
    summary: 'How many runs match: exact to 10 000, beyond that only that they are more',
    query: z.object({ experiment: z.string().max(500).optional(), filter: z.string().max(20_000).optional() }),
    response: RunCount,
  },
  'runs.keys': {
    method: 'GET',
    path: '/api/run-keys',
    permission: 'tracking.read',
    summary: 'The metric, param and tag keys that runs of an experiment (or of any) logged, by kind and name',
    query: PageQuery.extend({
      experiment: z.string().max(500).optional(),
      kind: RunKeyKind.optional(),
      /** Keys that begin so, capitals as they stand. */
      prefix: z.string().max(metricKeyLimitChars).optional(),
      /** Keys with this anywhere in them, whatever the capitals. */
      contains: z.string().max(metricKeyLimitChars).optional(),
    }),
    response: z.object({ items: z.array(RunKey), nextPageToken: z.string().optional() }),
  },
  'runs.values': {
    method: 'GET',
    path: '/api/run-values',
    permission: 'tracking.read',
    summary:
      'Distinct values of one param or tag in an experiment, or in the experiments that used it last, in their order, without those of 64 characters and more',
    query: z.object({
      experiment: z.string().max(500).optional(),
      kind: z.enum(['param', 'tag']),
      key: z.string().min(1).max(metricKeyLimitChars),
      prefix: z.string().max(64).default(''),
      limit: z.coerce.number().int().min(1).max(100).default(20),
    }),
    response: z.object({ items: z.array(z.string()) }),
  },
  'runs.sample': {
    method: 'GET',
    path: '/api/run-samples',
    permission: 'tracking.read',
    summary:
      'One metric of several runs for a chart: every point where they are few, else the least and greatest value of each stretch of steps',
    query: z.object({
      /** Ids, separated by commas. */
      runs: z
        .string()
        .max(sampledRunsMax * 40)
        .transform((text) => [...new Set(text.split(',').filter((id) => id !== ''))])
        .pipe(z.array(z.string()).min(1).max(sampledRunsMax)),
      key: z.string().min(1).max(metricKeyLimitChars),
      /** Entries per run at most; fewer where the runs together would pass 15 000. */
      points: z.coerce.number().int().min(2).max(2000).default(500),
      fromStep: z.coerce.number().int().optional(),
      toStep: z.coerce.number().int().optional(),
    }),
    response: z.object({ items: z.array(SampledSeries) }),
  },
  'runs.create': {
    method: 'POST',
    path: '/api/runs',
    permission: 'tracking.write',
    summary: 'Starts a run. The experiment is created when it does not exist.',
    body: z.object({
      experiment: z.string().min(1).max(500),
      name: z.string().min(1).max(250).optional(),
      startedAt: Instant.optional(),
      tags: keysAndTexts.default({}),
    }),
    response: Run,
    status: 201,
  },
  'runs.get': {
    method: 'GET',
    path: '/api/runs/{run}',
    permission: 'tracking.read',
    summary: 'One run with its latest metrics (the first 1 000 of them), params, tags and inputs',
    params: RunParams,
    response: Run,
  },
  'runs.log': {
    method: 'POST',
    path: '/api/runs/{run}/log',
    permission: 'tracking.write',
    summary: 'Logs metrics, params and tags together: all of them or, when one is refused, none',
    params: RunParams,
    body: z.object({
      metrics: z.array(Metric).max(metricsPerLogMax).default([]),
      params: z.record(TrackingKey, z.string().max(paramValueLimitChars)).default({}),
      tags: keysAndTexts.default({}),
    }),
    response: z.object({ metrics: z.int(), params: z.int(), tags: z.int() }),
  },
  'runs.end': {
    method: 'POST',
    path: '/api/runs/{run}/end',
    permission: 'tracking.write',
    summary: 'Ends a run',
    params: RunParams,
    body: z.object({ status: z.enum(['finished', 'failed', 'killed']), endedAt: Instant.optional() }),
    response: Run,
  },
  'runs.metrics': {
    method: 'GET',
    path: '/api/runs/{run}/metrics',
    permission: 'tracking.read',
    summary: 'The latest value of each metric of a run, in the order of their keys',
    params: RunParams,
    query: z.object({
      /** Only keys that have this in them, whatever the case of its letters. */
      contains: z.string().max(metricKeyLimitChars).optional(),
      limit: z.coerce.number().int().min(1).max(5000).default(200),
      pageToken: z.string().max(2000).optional(),
    }),
    response: z.object({ items: z.array(RunMetric), nextPageToken: z.string().optional() }),
  },
  'runs.history': {
    method: 'GET',
    path: '/api/runs/{run}/metrics/{key+}',
    permission: 'tracking.read',
    summary: 'Every point of one metric, in the order of (at, step, value)',
    params: RunParams.extend({ key: z.string().max(metricKeyLimitChars) }),
    query: z.object({
      limit: z.coerce.number().int().min(1).max(25_000).default(10_000),
      pageToken: z.string().max(2000).optional(),
    }),
    response: z.object({
      items: z.array(z.object({ value: MetricValue, step: z.int(), at: Instant })),
      nextPageToken: z.string().optional(),
    }),
  },
  'runs.artifacts': {
    method: 'GET',
    path: '/api/runs/{run}/artifacts',
    permission: 'tracking.read',
    summary: 'The files and folders directly below a path of the run',
    params: RunParams,
    query: z.object({ path: z.string().max(artifactPathLimitChars).default('') }),
    response: z.object({ items: z.array(Artifact) }),
  },
  'runs.putArtifact': {
    method: 'PUT',
    path: '/api/runs/{run}/artifacts/{path+}',
    permission: 'tracking.write',
    summary: 'Stores one file of a run',
    params: RunParams.extend({ path: ArtifactPath }),
    body: 'bytes',
    bodyLimitBytes: Infinity,
    response: Artifact,
  },
  'runs.getArtifact': {
    method: 'GET',
    path: '/api/runs/{run}/artifacts/{path+}',
    permission: 'tracking.read',
    summary: 'The bytes of one file of a run',
    params: RunParams.extend({ path: ArtifactPath }),
    response: 'bytes',
  },
  'runs.previewArtifact': {
    method: 'GET',
    path: '/api/runs/{run}/preview/{path+}',
    permission: 'tracking.read',
    summary:
      'An HTML or SVG file of a run, to be shown in a frame: its policy denies it scripts, requests and an origin',
    params: RunParams.extend({ path: ArtifactPath }),
    response: 'bytes',
  },
  'views.list': {
    method: 'GET',
    path: '/api/views',
    permission: 'tracking.read',
    summary: 'Saved views of runs, newest first',
    query: PageQuery,
    response: z.object({ items: z.array(SavedView), nextPageToken: z.string().optional() }),
  },
  'views.create': {
    method: 'POST',
    path: '/api/views',
    permission: 'tracking.write',
    summary: 'Saves a view of runs under a name',
    body: z.object({ name: ViewName, query: z.string().max(viewQueryLimitChars) }),
    response: SavedView,
    status: 201,
  },
  'views.update': {
    method: 'PATCH',
    path: '/api/views/{view}',
    permission: 'tracking.write',
    summary: 'Renames a saved view, or saves another query under its name',
    params: ViewParams,
    body: z.object({ name: ViewName.optional(), query: z.string().max(viewQueryLimitChars).optional() }),
    response: SavedView,
  },
  'views.delete': {
    method: 'DELETE',
    path: '/api/views/{view}',
    permission: 'tracking.write',
    summary: 'Deletes a saved view; it can be restored',
    params: ViewParams,
    response: z.object({}),
  },
  'views.restore': {
    method: 'POST',
    path: '/api/views/{view}/restore',
    permission: 'tracking.write',
    summary: 'Brings a deleted view back',
    params: ViewParams,
    response: SavedView,
  },
});
