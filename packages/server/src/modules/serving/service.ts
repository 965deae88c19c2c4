/**
 * Serving: endpoints in memory over their rows in the store. What is deployed is loaded before it is committed, so a version
 * that cannot be served is refused while the old one goes on; after a restart every deployed version is loaded again.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type {
  Deployment,
  Endpoint,
  EndpointSeries,
  EndpointSummary,
  Prediction,
  PredictionRecord,
  Rollout,
  RolloutProgress,
  TrafficShare,
  Trial,
} from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import type { JudgedTask } from '../../lib/judged-task.ts';
import type { Page, PageRequest } from '../../lib/page.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Db } from '../../platform/db/db.ts';
import type { Ids } from '../../platform/ids.ts';
import type { Log } from '../../platform/log.ts';
import { createSweepLoop } from '../../platform/sweep-loop.ts';
import { deploy } from './deployment-store.ts';
import type { EndpointRuntime, PredictionRow } from './endpoint-runtime.ts';
import { predict } from './endpoint-runtime.ts';
import type { JoinedLabels } from './label-store.ts';
import { joinLabels, planJoin } from './label-store.ts';
import type { GivenLabel, LabelTargets, WhichPredictions } from './label-targets.ts';
import { findTargets } from './label-targets.ts';
import type { LabelledColumns } from './labelled-columns.ts';
import type { LabelledRange, Labels } from './labels.ts';
import { createLabels } from './labels.ts';
import { labelValues } from './label-values.ts';
import type { AnsweredRows, RowsToAnswer } from './row-answers.ts';
import { answerRows } from './row-answers.ts';
import type { LiveEndpoints } from './live-endpoints.ts';
import { createLiveEndpoints, versionsOf } from './live-endpoints.ts';
import type { ModelLoader } from './model-loader.ts';
import { createModelLoader } from './model-loader.ts';
import type { FeaturePort, RegistryPort } from './ports.ts';
import { openLookup } from './prediction-log.ts';
import type { PredictionQuery } from './prediction-pages.ts';
import { findPredictions } from './prediction-pages.ts';
import { createPredictionRecords } from './prediction-records.ts';
import type { ServingQueries } from './queries.ts';
import { createQueries } from './queries.ts';
import type { ServingOperations } from './rollout-store.ts';
import type { RolloutRequest, Rollouts } from './rollouts.ts';
import { createRollouts, sweepEveryMs } from './rollouts.ts';
import type { DecidedApproval } from './rollouts.ts';
import type { EndpointRow } from './rows.ts';
import { endpointOf } from './rows.ts';
import type { SummaryWindow } from './endpoint-summary.ts';
import { summaryOf, summaryWindow } from './endpoint-summary.ts';
import type { SeriesQuery } from './series.ts';
import { createSeriesReader } from './series.ts';
import { createSeriesMarks, rolloutsMarked } from './series-marks.ts';
import { endpointsTopic } from './store.ts';
import type { SeenInputs, TrialInputs } from './trial.ts';
import { readSeenInputs, tryInputs } from './trial.ts';
import { createVersionAnswers } from './version-answers.ts';
import type { PairRange, VersionPair } from './version-pairs.ts';
import { readVersionPairs, taskOf } from './version-pairs.ts';

export interface ServingDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly features: FeaturePort;
  readonly registry: RegistryPort;
  readonly operations: ServingOperations;
  /** Where the prediction logs lie. */
  readonly folder: string;
}

export interface WantedDeployment {
  readonly traffic: readonly { readonly version: number | string; readonly percent: number }[];
  readonly shadow?: number | string | undefined;
  readonly reason: string;
}

export interface LabelOptions {
  readonly watermark?: number | undefined;
  readonly actor: string;
  /** Which predictions an id of a caller's means; the newest unless said. */
  readonly which?: WhichPredictions | undefined;
  /** Says what would happen, and nothing does. */
  readonly isDryRun?: boolean;
}

export interface LabelOutcome extends JoinedLabels, Omit<LabelTargets, 'labels'> {}

export interface FoundPage extends Page<PredictionRecord> {
  readonly scanned: number;
  /** The bound of one request ended it before the page was full. */
  readonly isScanBound: boolean;
}

export interface SummaryPage extends SummaryWindow, Page<EndpointSummary> {}

export interface Serving {
  /** Loads every deployed endpoint and takes running rollouts up again. */
  start(): Promise<void>;
  stop(): Promise<void>;
  list(page: PageRequest): Promise<Page<Endpoint>>;
  get(name: string): Promise<Endpoint>;
  deployments(name: string, page: PageRequest): Promise<Page<Deployment>>;
  findDeployment(id: string): Promise<Deployment | undefined>;
  findDeploymentOf(endpoint: string, number: number): Promise<Deployment | undefined>;
  deploy(name: string, wanted: WantedDeployment, actor: string): Promise<Deployment>;
  /** Synchronous: throws `not_found`, `endpoint_not_deployed`, `inputs_invalid`, feature errors, `prediction_log_failed`. */
  predict(name: string, rows: readonly PredictionRow[]): Prediction[];
  /** The loaded endpoint, for protocols that check against its signature. */
  runtime(name: string): EndpointRuntime;
  /** Resolves when what was predicted so far would survive a power cut; undefined for endpoints that do not ask for it. */
  settled(name: string): Promise<void> | undefined;
  /** Resolves when everything that the judge of this endpoint decided so far is carried out. */
  decided(name: string): Promise<void>;
  /** Labels of predictions that are not in the log are counted, and kept nowhere. */
  label(name: string, labels: readonly GivenLabel[], options: LabelOptions): Promise<LabelOutcome>;
  /** A page of logged predictions: see prediction-search.ts. */
  predictions(name: string, query: PredictionQuery): Promise<FoundPage>;
  series(name: string, query: SeriesQuery): Promise<EndpointSeries>;
  /** What the endpoints of one page of `list` answered lately: see endpoint-summary.ts. */
  summary(page: PageRequest, windowMs: number): Promise<SummaryPage>;
  /** Scores by every loaded version, off the log. */
  try(name: string, inputs: TrialInputs): Trial;
  seenInputs(name: string): Promise<SeenInputs>;
  prediction(id: string): Promise<PredictionRecord>;
  /** Records of a range of event time, or an even share of them, with their labels (NaN where none came), for monitoring. */
  readLabelled(name: string, range: LabelledRange): Promise<LabelledColumns>;
  /** Labelled predictions of classes or quantiles that two versions both scored, or an even share of them. */
  versionPairs(name: string, range: PairRange): Promise<readonly VersionPair[]>;
  /** What its outcomes are judged by. */
  task(name: string): JudgedTask;
  /** A text that is another one whenever `readLabelled` of the range may be; the log is not read for it. */
  markLabelled(name: string, range: Pick<LabelledRange, 'from' | 'to'>): Promise<string>;
  /** Event time of the first prediction at or after an instant; of several before `enough` any one. */
  findNextPrediction(name: string, at: number, enough?: number): Promise<number | undefined>;
  /** Scores rows that are complete in these columns (training rows): for references, off the prediction log. */
  scoreRows(model: string, version: number, columns: readonly ScoredColumn[]): Promise<Float64Array | undefined>;
  /** What the version says of rows beyond their scores; undefined where it has no ONNX file. */
  answerRows(model: string, version: number, rows: RowsToAnswer): Promise<AnsweredRows | undefined>;
  /** Answers the running rollout when it is the same; throws `rollout_running` when it is another. */
  startRollout(name: string, request: RolloutRequest, actor: string): Promise<Rollout>;
  rollouts(name: string, page: PageRequest): Promise<Page<Rollout>>;
  rollout(id: string): Promise<Rollout>;
  cancelRollout(id: string, actor: string): Promise<Rollout>;
  readonly holdRollout: Rollouts['hold'];
  readonly resumeRollout: Rollouts['resume'];
  readonly rollBack: Rollouts['rollBack'];
  rolloutProgress(id: string): Promise<RolloutProgress>;
  /** A request for approval was decided: the rollout that waits for it ends. Told twice, it happens once. */
  settleApproval(decided: DecidedApproval): Promise<void>;
}

export interface ScoredColumn {
  readonly name: string;
  readonly values: Float64Array;
}

/** Rows scored between two turns of the event loop: about 2 ms. */
const rowsPerTurn = 1000;

interface Parts extends ServingDeps {
  readonly live: LiveEndpoints;
  readonly queries: ServingQueries;
  readonly labels: Labels;
  readonly rollouts: Rollouts;
  readonly loader: ModelLoader;
}

export function createServing(deps: ServingDeps): Serving {
  const parts = createParts(deps);
  const { db, clock, ids, log, live, queries, labels, rollouts } = parts;
  const answers = createVersionAnswers(parts.loader);
  const series = createSeriesReader({ labels, answers, now: () => clock.now() });
  const marks = createSeriesMarks();
  const records = createPredictionRecords(answers);
  const closers: (() => void)[] = [];
  const sweeps = createSweepLoop(deps, { of: 'rollouts', everyMs: sweepEveryMs, pass: () => rollouts.sweep() });

  return {
    start: async () => {
      const rows = await declare(parts);
      for (const row of rows) if (row.retired_at === null) await take(parts, row);
      closers.push(
        db.onWake(endpointsTopic, () => {
          declare(parts).catch((error: unknown) => log.error('endpoints could not be read again', { error }));
        }),
      );
      sweeps.start();
    },
    stop: async () => {
      sweeps.stop();
      for (const close of closers) close();
      await live.close();
    },
    list: queries.list,
    get: queries.get,
    findDeployment: queries.findDeployment,
    findDeploymentOf: queries.findDeploymentOf,
    deployments: queries.deployments,
    deploy: (name, wanted, actor) => rollouts.inOrder(name, () => deployInOrder(parts, { name, wanted, actor })),
    predict: (name, rows) => predict(live.must(name), rows, { clock, ids }),
    runtime: live.must,
    settled: (name) => {
      const endpoint = live.must(name);
      return endpoint.spec.durability === 'power' ? endpoint.log.synced() : undefined;
    },
    decided: live.idle,
    label: async (name, given, { watermark, actor, which = 'newest', isDryRun = false }) => {
      await queries.mustRow(name);
      const values = labelValues(name, live.find(name), given);
      const lookup = live.find(name)?.log.lookup ?? openLookup(live.logFolder(name), log);
      const { labels: found, ...counts } = await findTargets(lookup, values, { endpoint: name, which });
      const wanted = { endpoint: name, labels: found, watermark };
      if (isDryRun) return { ...(await planJoin(db, wanted)), ...counts };
      const joined = await db.write(joinLabels, { ...wanted, actor });
      series.forget(
        name,
        found.map((label) => label.predictionId),
      );
      const endpoint = live.find(name);
      if (endpoint !== undefined) rollouts.label(endpoint, joined.joined);
      return { ...joined, ...counts };
    },
    predictions: async (name, query) => {
      await queries.mustRow(name);
      const endpoint = live.must(name);
      const { items, nextPageToken, scanned, isScanBound } = await findPredictions(endpoint, labels, query);
      return {
        items: await records.of(endpoint, items),
        ...(nextPageToken === undefined ? {} : { nextPageToken }),
        scanned,
        isScanBound,
      };
    },
    series: async (name, query) => {
      await queries.mustRow(name);
      const endpoint = live.must(name);
      const [counted, { items }] = await Promise.all([
        series.read(endpoint, query),
        queries.rollouts(name, { limit: rolloutsMarked }),
      ]);
      return { ...counted, marks: await marks.of(endpoint.log, items, counted) };
    },
    summary: async (page, windowMs) => {
      const { items, ...next } = await queries.names(page);
      const window = summaryWindow(
        items.map((name) => live.find(name)),
        windowMs,
        clock.now(),
      );
      return {
        ...window,
        ...next,
        items: await Promise.all(items.map((name) => summaryOf(name, live.find(name), window))),
      };
    },
    try: (name, inputs) => tryInputs(live.must(name), inputs, clock),
    seenInputs: async (name) => {
      await queries.mustRow(name);
      return readSeenInputs(live.must(name));
    },
    prediction: async (id) => {
      for (const endpoint of live.all()) {
        const record = await endpoint.log.find(id);
        if (record === undefined) continue;
        const label = (await labels.of(endpoint, [id])).get(id);
        const [read] = await records.of(endpoint, [{ record, label }]);
        if (read !== undefined) return read;
      }
      throw new SlipwayError('not_found', {
        noun: 'prediction',
        name: id,
        remedy: 'Every answer of an endpoint carries its prediction id.',
      });
    },
    readLabelled: async (name, range) => labels.readLabelled(live.must(name), range),
    versionPairs: async (name, range) => readVersionPairs({ labels, answers }, live.must(name), range),
    task: (name) => taskOf(live.must(name)),
    markLabelled: async (name, range) => labels.mark(live.must(name), range),
    findNextPrediction: async (name, at, enough) => live.must(name).log.findNextAt(at, enough),
    scoreRows: (model, version, columns) => scoreRows(parts, { model, version, columns }),
    answerRows: async (model, version, rows) => {
      const scorer = await parts.loader.loadScorer(model, version, rows.names);
      return scorer && answerRows(scorer, rows);
    },
    startRollout: rollouts.start,
    rollouts: queries.rollouts,
    rollout: queries.rollout,
    cancelRollout: rollouts.cancel,
    holdRollout: rollouts.hold,
    resumeRollout: rollouts.resume,
    rollBack: rollouts.rollBack,
    rolloutProgress: rollouts.progress,
    settleApproval: rollouts.settle,
  };
}

function createParts(deps: ServingDeps): Parts {
  const { db, clock, ids, log, operations, folder } = deps;
  const loader = createModelLoader(deps);
  const queries = createQueries(db);
  const labels = createLabels(db);
  const live = createLiveEndpoints({
    folder,
    clock,
    log,
    loadArm: loader.loadArm,
    onMove: (name, move) => rollouts.carryOut(name, move),
  });
  const { numberOf } = loader;
  const rollouts = createRollouts({ db, clock, ids, log, operations, live, queries, labels, numberOf });
  return { ...deps, loader, queries, labels, live, rollouts };
}

async function declare({ queries, live }: Parts): Promise<EndpointRow[]> {
  const rows = await queries.endpointRows();
  live.declare(new Map(rows.map((row) => [row.name, row.retired_at === null ? endpointOf(row).spec : undefined])));
  return rows;
}

/** Loads a declared endpoint as it was deployed. One that cannot be loaded answers why, and does not stop the others. */
async function take({ queries, live, log, rollouts }: Parts, row: EndpointRow): Promise<void> {
  if (row.deployment === null) return;
  try {
    const deployment = await queries.findDeploymentOf(row.name, row.deployment);
    if (deployment === undefined) throw new Error(`deployment ${row.deployment} of ${row.name} is not in the store`);
    const endpoint = live.open(row.name, endpointOf(row).spec);
    await live.load(endpoint, versionsOf(deployment));
    live.use(endpoint, deployment);
    const rollout = await queries.findRunning(row.name);
    if (rollout) await rollouts.takeUp(endpoint, rollout);
  } catch (error) {
    live.fail(row.name, error);
    log.error('an endpoint could not be loaded; it answers this error until it is deployed again', {
      endpoint: row.name,
      error,
    });
  }
}

async function deployInOrder(
  { db, ids, live, queries, loader }: Parts,
  { name, wanted, actor }: { readonly name: string; readonly wanted: WantedDeployment; readonly actor: string },
): Promise<Deployment> {
  const row = await queries.mustRow(name);
  if (row.retired_at !== null) throw new SlipwayError('endpoint_retired', { endpoint: name });
  const { spec } = endpointOf(row);
  const traffic: TrafficShare[] = [];
  for (const { version, percent } of wanted.traffic) {
    traffic.push({ version: await loader.numberOf(spec, version), percent });
  }
  const sum = traffic.reduce((n, t) => n + t.percent, 0);
  if (Math.abs(sum - 100) > 1e-6 || new Set(traffic.map((t) => t.version)).size !== traffic.length) {
    throw new SlipwayError('traffic_invalid', { endpoint: name, sum, versions: traffic.length });
  }
  const shadow = wanted.shadow === undefined ? undefined : await loader.numberOf(spec, wanted.shadow);
  const endpoint = live.open(name, spec);
  await live.load(endpoint, [...traffic.map((t) => t.version), ...(shadow === undefined ? [] : [shadow])]);
  const id = ids.next('deployment');
  const rollout = undefined;
  const deployment = await db.write(deploy, {
    id,
    endpoint: name,
    traffic,
    shadow,
    rollout,
    reason: wanted.reason,
    actor,
  });
  live.use(endpoint, deployment);
  return deployment;
}

async function scoreRows(
  { loader }: Parts,
  { model, version, columns }: { model: string; version: number; columns: readonly ScoredColumn[] },
): Promise<Float64Array | undefined> {
  const scorer = await loader.loadScorer(
    model,
    version,
    columns.map((c) => c.name),
  );
  if (scorer === undefined) return undefined;
  const sources = scorer.columns.map((column) => columns.find((c) => c.name === column.name)?.values);
  if (sources.some((source) => source === undefined)) return undefined;
  const scores = new Float64Array(columns[0]?.values.length ?? 0);
  for (let row = 0; row < scores.length; row++) {
    sources.forEach((source, i) => scorer.setNumber(i, source?.[row] ?? Number.NaN));
    scores[row] = scorer.score();
    if (row % rowsPerTurn === rowsPerTurn - 1) await nextTurn();
  }
  return scores;
}
