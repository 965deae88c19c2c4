/** The stages of the demo. Each drives the server through its public API and tells what it found; nothing is computed here that the product does not say. */
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import type { MonitorWindow, PipelineRunDetail, Rollout, VersionComparison } from '@slipway/contract';
import type { Client } from 'slipway';
import { applyFolder } from '../commands/project.ts';
import { count, seconds, shortDigest } from '../output.ts';
import { readProjectFolder } from '../project-folder.ts';
import type { Narrator, Told } from './narrator.ts';
import type { Feed, Flight, History, ReplayState, ReplayStats } from './replay.ts';
import { replay, sendLabels } from './replay.ts';
import { followRun, stepSeconds, waitForRollout, waitForRun } from './waiting.ts';

export interface Scene {
  readonly client: Client;
  readonly url: string;
  /** examples/flights */
  readonly project: string;
  readonly narrator: Narrator;
}

export const endpoint = 'flight-delay';
export const featureSet = 'flights';
const monitor = 'flight-delay-weekly';
const zone = 'America/New_York';

type Live = (text: string) => void;
const pad = (month: number): string => String(month).padStart(2, '0');
const fixed = (value: number | null | undefined, digits = 3): string =>
  value === null || value === undefined ? '-' : value.toFixed(digits);
const signed = (value: number, digits = 3): string => `${value >= 0 ? '+' : ''}${value.toFixed(digits)}`;
const day = (at: number): string => new Date(at).toISOString().slice(5, 10);

export async function addMonths(
  scene: Scene,
  months: readonly number[],
  live: Live,
): Promise<{ stored: number; rows: number }> {
  let stored = 0;
  let rows = 0;
  for (const dataset of ['flights', 'weather']) {
    for (const month of months) {
      const file = `2013-${pad(month)}.parquet`;
      live(`${dataset} ${file}`);
      const answer = await scene.client.datasets.putFile({
        params: { dataset, file },
        body: createReadStream(join(scene.project, 'data', dataset, file)),
      });
      if (answer.stored) stored++;
      rows = answer.version.rowCount;
    }
  }
  return { stored, rows };
}

export async function dataStage(scene: Scene, live: Live) {
  await addMonths(scene, [1, 2, 3], live);
  const again = await addMonths(scene, [1], live);
  const flights = await scene.client.datasets.version({ params: { dataset: 'flights', version: 'latest' } });
  const weather = await scene.client.datasets.version({ params: { dataset: 'weather', version: 'latest' } });
  return {
    sentence: `flights@${flights.number} ${count(flights.rowCount, 'row')} (${shortDigest(flights.digest)}), weather@${weather.number} ${count(weather.rowCount, 'row')}; January again: ${again.stored === 0 ? 'nothing stored' : `${again.stored} objects stored`}`,
    figures: {
      flights: {
        version: flights.number,
        rows: flights.rowCount,
        digest: flights.digest,
        columns: flights.schema.length,
      },
      weather: { version: weather.number, rows: weather.rowCount, digest: weather.digest },
      storedAgain: again.stored,
    },
  };
}

export async function applyStage(scene: Scene) {
  const folder = await readProjectFolder(scene.project);
  const output = {
    json: true,
    result: () => undefined,
    note: () => undefined,
    progress: () => undefined,
    endProgress: () => undefined,
  };
  const applied = await applyFolder({ client: scene.client, output }, folder);
  const again = await applyFolder({ client: scene.client, output }, folder);
  const created = applied.diffs.filter((d) => d.action === 'create').length;
  const changedAgain = again.diffs.filter((d) => d.action !== 'none').length;
  return {
    sentence: `${count(created, 'resource')} from examples/flights, code ${shortDigest(applied.bundleDigest)}, commit ${folder.manifest.source?.commit.slice(0, 12) ?? 'none'}; applied again: ${changedAgain === 0 ? 'nothing to do' : `${changedAgain} changed`}`,
    figures: {
      created,
      changedAgain,
      bundleDigest: applied.bundleDigest,
      commit: folder.manifest.source?.commit ?? null,
    },
  };
}

/** A month that came in wrong stops the pipeline before anything is learnt from it. */
export async function brokenStage(scene: Scene, live: Live) {
  const { client } = scene;
  const broken = join(scene.project, 'data', 'broken');
  for (const dataset of ['flights', 'weather']) {
    await client.datasets.putFile({
      params: { dataset, file: '2013-06.parquet' },
      body: createReadStream(join(broken, `${dataset}-2013-06.parquet`)),
    });
  }
  const started = await client.pipelines.run({
    params: { pipeline: 'train' },
    body: { params: { until: '2013-04-01T04:00:00Z' }, reason: 'a month came in that is broken' },
  });
  const run = await waitForRun(client, started.id, live);
  const [summary] = (await client.validations.list({ query: { limit: 1 } })).items;
  const validation = summary && (await client.validations.get({ params: { validation: summary.id } }));
  for (const dataset of ['flights', 'weather'])
    await client.datasets.removeFile({ params: { dataset, file: '2013-06.parquet' } });
  const failed = validation?.results.filter((r) => !r.success) ?? [];
  const started_ = run.steps.filter((s) => s.startedAt !== undefined).length;
  const [worst] = [...failed].sort((a, b) => b.unexpectedCount - a.unexpectedCount);
  const sample = worst?.samples[0];
  return {
    sentence: `a broken month arrives: ${failed.length} of ${validation?.evaluated ?? 0} expectations fail, run ${run.state} after ${started_} of ${run.steps.length} steps`,
    details: [
      ...failed.slice(0, 4).map((r) => r.sentence),
      ...(failed.length > 4 ? [`… and ${failed.length - 4} more`] : []),
      ...(sample === undefined ? [] : [`for example ${JSON.stringify(sample).slice(0, 140)}`]),
    ],
    figures: {
      evaluated: validation?.evaluated ?? 0,
      failed: failed.map((r) => ({ id: r.id, unexpected: r.unexpectedCount })),
      runState: run.state,
      stepsStarted: started_,
    },
  };
}

interface RowsFacts {
  readonly rowCount: number;
  readonly parity: { readonly rows: number; readonly cells: number; readonly different: number };
  readonly features: readonly string[];
}

/** Starts the training run; the stages that follow tell its parts. */
export async function trainStages(scene: Scene): Promise<PipelineRunDetail> {
  const { client, narrator } = scene;
  const params = { until: '2013-04-01T04:00:00Z', holdoutDays: 14 };
  const started = await client.pipelines.run({
    params: { pipeline: 'train' },
    body: { params, reason: 'first model' },
  });
  const until = (step: string, live: Live): Promise<PipelineRunDetail> => followRun(client, started.id, step, live);

  await narrator.stage('validate', async (live) => {
    const run = await until('check-flights', live);
    const meta = artifactMeta(run, 'check-flights', 'report') as { evaluated?: number; failed?: number };
    return {
      sentence: `${meta.evaluated ?? 0} expectations over flights and weather in one scan a table: ${meta.failed ?? 0} failed (${stepSeconds(run, 'check-flights')})`,
      figures: { ...meta },
    };
  });
  await narrator.stage('features', async (live) => {
    const run = await until('split-by-time', live);
    // What the ready-made step says of its own outputs.
    const rows = {
      ...artifactMeta(run, 'labelled-flights', 'rows'),
      ...artifactMeta(run, 'labelled-flights', 'report'),
    } as unknown as RowsFacts;
    const { parity } = rows;
    return {
      sentence: `${count(rows.rowCount, 'row')} x ${rows.features.length} features as of two hours before departure; ${count(parity.cells, 'cell')} computed a second time by the other way: ${parity.different} differ (${stepSeconds(run, 'labelled-flights')})`,
      figures: { rows: rows.rowCount, features: rows.features.length, parity },
    };
  });
  await narrator.stage('train', async (live) => {
    const run = await until('evaluate', live);
    const fits = run.steps.filter((s) => s.step.startsWith('train-trees-'));
    const best = artifactMeta(run, 'choose-best', 'model') as {
      setting?: { leaves?: number; rounds?: number; learningRate?: number };
    };
    return {
      sentence: `${fits.length} settings in parallel (${fits.map((s) => `${s.step.replace('train-trees-', '')} ${stepSeconds(run, s.step)}`).join(', ')}), carrier x hour table and logistic regression beside them`,
      figures: { settings: fits.map((s) => s.step), best: best.setting ?? null },
    };
  });
  return narrator
    .stage('gate', async (live) => {
      const run = await waitForRun(client, started.id, live);
      if (run.state !== 'succeeded')
        throw new Error(
          `training ended as ${run.state}: ${run.problem ?? run.steps.find((s) => s.problem)?.problem ?? ''}`,
        );
      const version = await client.models.getVersion({ params: { model: endpoint, version: 'champion' } });
      const checks = version.gate?.checks ?? [];
      return {
        sentence: `${checks.filter((c) => c.passed).length} of ${checks.length} checks pass on two weeks that training never saw -> refit -> ${endpoint} version ${version.number}, alias champion`,
        details: checks.map((c) => `${c.passed ? 'pass' : 'FAIL'}  ${c.sentence}`),
        figures: { version: version.number, checks, digest: version.artifactDigest ?? null, run: run.id },
      };
    })
    .then(() => waitForRun(client, started.id, () => undefined));
}

function artifactMeta(run: PipelineRunDetail, step: string, output: string): Readonly<Record<string, unknown>> {
  const found = run.steps.find((s) => s.step === step)?.outputs[output];
  return found !== undefined && 'artifact' in found ? (found.artifact.meta ?? {}) : {};
}

export async function deployStage(scene: Scene, until: number, live: Live) {
  const { client } = scene;
  live('feature state from January to March');
  const state = await client.featureSets.backfill(
    { params: { set: featureSet }, body: { tables: {}, until } },
    { timeoutMs: 300_000 },
  );
  const made = await client.endpoints.deploy({
    params: { endpoint },
    body: { traffic: [{ version: 'champion', percent: 100 }], reason: 'first model' },
  });
  const rows = Object.values(state.sources).reduce((n, s) => n + s.rows, 0);
  return {
    sentence: `endpoint ${endpoint}: version ${made.traffic[0]?.version} takes 100 %; online features hold ${count(rows, 'event')} up to ${new Date(until).toISOString().slice(0, 16)}Z`,
    figures: { deployment: made.number, traffic: made.traffic, sourceRows: rows },
  };
}

export interface MonthOptions {
  readonly history: History;
  readonly feeds: readonly Feed[];
  readonly state: ReplayState;
  readonly from: number;
  readonly to: number;
  readonly wants: (flight: Flight) => boolean;
  readonly afterHour?: (at: number) => Promise<boolean>;
}

export function replayMonth(scene: Scene, month: MonthOptions, live: Live): Promise<ReplayStats> {
  return replay({ client: scene.client, url: scene.url, endpoint, featureSet, live, ...month }, month.state);
}

/** Outcomes that are still in the air, until labels are complete up to `at`. */
export function deliverLabels(scene: Scene, state: ReplayState, at: number): Promise<number> {
  return sendLabels({ client: scene.client, endpoint }, state, at);
}

export function replaySentence(name: string, stats: ReplayStats): string {
  return `${name}: ${count(stats.requests, 'request')} in event order, p50 ${stats.p50Ms.toFixed(2)} ms, p99 ${stats.p99Ms.toFixed(2)} ms, ${Math.round(stats.requestsPerSecond).toLocaleString('en-US')} per second on one connection; ${count(stats.rowsPushed, 'event')} to the features`;
}

export const replayFigures = ({ served: _, ...figures }: ReplayStats) => figures;

/** Served vectors computed again by the point-in-time join over the datasets: equal to the bit, or a defect. */
export async function parityStage(scene: Scene, tables: Readonly<Record<string, string>>, rows: number) {
  const { client } = scene;
  const { items } = await client.endpoints.predictions({ params: { endpoint }, query: { limit: rows } });
  const known = new Set((await client.featureSets.get({ params: { set: featureSet } })).inputs.map((i) => i.name));
  const predictions = items.map((p) => ({
    at: p.at,
    keys: Object.fromEntries(Object.entries(p.inputs).filter(([k]) => known.has(k))),
    values: Object.values(p.features),
  }));
  const report = await client.featureSets.parity(
    { params: { set: featureSet, service: 'delay_risk' }, body: { tables, predictions } },
    { timeoutMs: 120_000 },
  );
  return {
    sentence: `${count(report.rows, 'served vector')} computed again from the datasets: ${report.different} of ${count(report.cells, 'cell')} differ`,
    figures: report,
  };
}

export function drawWindow(w: MonitorWindow): string {
  const gap =
    w.calibration === undefined
      ? '-'
      : `gap ${signed(w.calibration.gap)} z ${fixed(w.calibration.z, 1)} (by day ±${fixed(w.calibration.dayStandardError)})`;
  const interval = (n: { value: number; low: number | null; high: number | null } | undefined): string =>
    n === undefined ? '-' : `${fixed(n.value)} [${fixed(n.low)}, ${fixed(n.high)}]`;
  return `${day(w.from)}  ${w.verdict.padEnd(8)} n ${String(w.used).padStart(4)}, ${(w.coverage * 100).toFixed(1)} % labelled  ${gap}  AUC ${interval(w.auc)}  log loss ${interval(w.logLoss)}  score PSI ${fixed(w.scoreDrift?.psi)}`;
}

export async function judgedWindows(scene: Scene, atLeast: number): Promise<MonitorWindow[]> {
  for (let i = 0; i < 600; i++) {
    const { items } = await scene.client.monitors.windows({ params: { monitor }, query: { limit: 100 } });
    if (items.length >= atLeast) return items.reverse();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`monitor ${monitor} judged fewer than ${atLeast} windows in a minute`);
}

export function driftSentence(windows: readonly MonitorWindow[]): string {
  const last = windows.at(-1);
  const season =
    last?.drift.filter((d) => d.status === 'season').map((d) => `${d.name} (PSI ${d.psi.toFixed(2)})`) ?? [];
  const drifted =
    last?.drift
      .filter((d) => d.status === 'drift')
      .map((d) => `${d.name} (PSI ${d.psi.toFixed(2)}, its own bound ${d.threshold.toFixed(2)})`) ?? [];
  const parts = [
    drifted.length === 0
      ? 'no feature drifted beyond what ordinary weeks show'
      : `beyond ordinary weeks: ${drifted.slice(0, 4).join(', ')}`,
    ...(season.length === 0 ? [] : [`season, not drift: ${season.slice(0, 4).join(', ')}`]),
  ];
  return parts.join('; ');
}

export interface Retrained {
  readonly run: PipelineRunDetail;
  readonly rollout: Rollout | undefined;
}

/** What the policy started when the alert fired: found in its firings, then watched like any run. */
export async function retrainStage(
  scene: Scene,
  live: Live,
): Promise<Told<Retrained & Readonly<Record<string, unknown>>>> {
  const { client } = scene;
  const firing = await waitForFiring(client, 'retrain-on-decay', live);
  const run = await waitForRun(client, firing.run, live);
  const alert = (await client.alerts.list({ query: { limit: 10, monitor } })).items.find((a) => a.severity === 'alert');
  if (run.state !== 'succeeded') {
    const problem = run.steps.find((s) => s.problem !== undefined)?.problem ?? run.problem ?? '';
    return {
      sentence: `alert -> policy retrain-on-decay -> run ${run.state}: ${problem}`,
      figures: { run, rollout: undefined },
    };
  }
  const version = await client.models.getVersion({ params: { model: endpoint, version: 'challenger' } });
  const paired = version.gate?.checks.find((c) => /champion/i.test(c.name));
  const rollout = await waitForRollout(client, endpoint, version.number);
  return {
    sentence: `alert of the last week -> policy retrain-on-decay -> the same pipeline on all months so far (${seconds((run.finishedAt ?? 0) - run.startedAt)}) -> version ${version.number}, alias challenger -> policy roll-out-challenger -> ${rollout === undefined ? 'no rollout' : 'rollout'}`,
    details: [
      ...(alert === undefined ? [] : [`alert: ${alert.sentence}`]),
      ...(paired === undefined ? [] : [`on rows that neither was trained on: ${paired.sentence}`]),
    ],
    figures: { run, rollout, alert: alert?.id ?? null, version: version.number },
  };
}

async function waitForFiring(client: Client, policy: string, live: Live): Promise<{ run: string }> {
  for (let i = 0; i < 600; i++) {
    const { items } = await client.policies.firings({ params: { policy }, query: { limit: 20 } });
    const failed = items.find((f) => f.state === 'failed');
    if (failed) throw new Error(`policy ${policy} could not act: ${failed.problem ?? ''}`);
    const run = items.find((f) => f.state === 'done')?.result?.['run'];
    if (typeof run === 'string') return { run };
    live(`waiting for policy ${policy}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`policy ${policy} did not fire within a minute`);
}

export async function compare(
  scene: Scene,
  versions: { champion: number; challenger: number },
  range: { from: number; to: number },
): Promise<TwoClassComparison> {
  const compared = await scene.client.monitoring.compare(
    { params: { endpoint }, query: { ...versions, ...range, zone } },
    { timeoutMs: 120_000 },
  );
  if (compared.task !== 'binary') throw new Error(`the demo's versions answer ${compared.task}`);
  return compared;
}

/** A flight is late, or it is not. */
type TwoClassComparison = Extract<VersionComparison, { readonly task: 'binary' }>;

/** Where the newer version helped, where it did not, and what these rows cannot tell. */
export function verdictLines({ dAuc, dLogLossByDay, scores, minimumDetectableLogLoss }: TwoClassComparison): string[] {
  const { champion, challenger } = scores;
  const said = (isGood: boolean, isBad: boolean, text: string): string =>
    `${isGood ? 'helped' : isBad ? 'did harm' : 'not shown'}: ${text}`;
  const eceChange = challenger.ece - champion.ece;
  return [
    said((dAuc.z ?? 0) > 1.96, (dAuc.z ?? 0) < -1.96, `ranking, AUC ${signed(dAuc.value, 4)} (z ${fixed(dAuc.z, 1)})`),
    said(
      dLogLossByDay.value < 0 && (dLogLossByDay.p ?? 1) < 0.05,
      dLogLossByDay.value > 0 && (dLogLossByDay.p ?? 1) < 0.05,
      `log loss ${signed(dLogLossByDay.value, 4)} with days as the unit (p ${fixed(dLogLossByDay.p, 2)}); were rows independent, ${minimumDetectableLogLoss.toFixed(4)} would show`,
    ),
    // No interval: an error of calibration is biased upwards by its own bins.
    `${eceChange < -0.005 ? 'helped' : eceChange > 0.005 ? 'did not help' : 'no change'}: calibration error ${fixed(champion.ece)} -> ${fixed(challenger.ece)}`,
  ];
}

export function comparisonSentence(c: TwoClassComparison): string {
  const { champion, challenger } = c.scores;
  return `${count(c.count, 'labelled pair')}: AUC ${fixed(champion.auc)} -> ${fixed(challenger.auc)}, log loss ${fixed(champion.logLoss)} -> ${fixed(challenger.logLoss)}`;
}
