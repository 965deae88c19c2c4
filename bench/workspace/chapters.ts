/** What happens in a generated workspace: each chapter writes one kind of thing at one instant of the story. */
import type { GateEvidence, MonitorWindow } from '@slipway/contract';
import { digestOfJson } from '../../packages/server/src/lib/digest.ts';
import type { Random } from '../../packages/server/src/lib/random.ts';
import { recordWindow } from '../../packages/server/src/modules/monitoring/store.ts';
import { recordGate } from '../../packages/server/src/modules/registry/operations/gates.ts';
import { createVersion } from '../../packages/server/src/modules/registry/operations/versions.ts';
import { createExperiment } from '../../packages/server/src/modules/tracking/operations/experiments.ts';
import { logBatch } from '../../packages/server/src/modules/tracking/operations/log.ts';
import { createRun, updateRun } from '../../packages/server/src/modules/tracking/operations/runs.ts';
import { pointColumns } from '../../packages/server/src/modules/tracking/points.ts';
import type { LoggedPoint } from '../../packages/server/src/modules/tracking/points.ts';
import type { Ids } from '../../packages/server/src/platform/ids.ts';
import type { BulkWriter } from './bulk.ts';
import { featureNames, servedEndpoints } from './predictions.ts';
import type { WorkspaceSize } from './size.ts';

export interface Story {
  readonly size: WorkspaceSize;
  readonly bulk: BulkWriter;
  readonly ids: Ids;
  readonly random: Random;
  /** The one stored model file, which every version and step output names. */
  readonly modelFile: { readonly digest: string; readonly sizeBytes: number };
  readonly graphDigests: readonly string[];
  readonly bundle: string;
}

const people = ['ann', 'bo', 'chidi', 'dara', 'eli'];
const families = ['gbt', 'linear', 'forest', 'mlp'];
/** Runs between two whose loss is logged a thousand times. */
const longRunEvery = 500;
const longRunPoints = 1000;
const usualPoints = 8;
/** Points of one request, as the API allows. */
const pointsPerLog = 1000;
/** One run in so many carries a param that hardly any other has. */
const rareEvery = 2000;
const failedShare = 0.04;

export const experimentName = (index: number): string => (index === 0 ? 'sweep' : `experiment-${index}`);

export async function makeExperiments({ bulk, ids, size }: Story, at: number): Promise<string[]> {
  const uids: string[] = [];
  for (let i = 0; i < size.experiments; i++) {
    const uid = ids.next('experiment');
    const tags = { team: people[i % people.length] ?? '' };
    await bulk.write(at, createExperiment, {
      uid,
      name: experimentName(i),
      description: undefined,
      artifactLocation: undefined,
      tags,
      actor: 'owner',
    });
    uids.push(uid);
  }
  return uids;
}

/** A falling loss and a rising quality, `count` points of each. */
function curves(random: Random, count: number, at: number): LoggedPoint[] {
  const floor = 0.2 + 0.3 * random.float();
  const points: LoggedPoint[] = [];
  for (let step = 0; step < count; step++) {
    const done = (step + 1) / count;
    const loss = floor + 0.5 * Math.exp(-4 * done) + 0.01 * random.normal();
    points.push({ key: 'loss', value: loss, step, at: at + step * 1000 });
    points.push({ key: 'auc', value: 1 - loss * 0.8, step, at: at + step * 1000 });
  }
  return points;
}

export interface RunChapter {
  readonly index: number;
  readonly at: number;
  readonly experiment: string;
  readonly pipelineRun: string | undefined;
}

/** Half of the runs are of the first experiment. Answers the run's id. */
export async function makeRun(story: Story, chapter: RunChapter): Promise<string> {
  const { bulk, ids, random, size } = story;
  const { index, at } = chapter;
  const uid = ids.next('run');
  const user = people[random.below(people.length)];
  await bulk.write(at, createRun, {
    uid,
    experimentUid: chapter.experiment,
    name: `trial-${index}`,
    startAt: at,
    user,
    tags: {
      team: user ?? '',
      ...(chapter.pipelineRun === undefined ? {} : { 'slipway.pipelineRun': chapter.pipelineRun }),
    },
    actor: 'owner',
  });
  const count = index % longRunEvery === 0 ? longRunPoints : usualPoints;
  const last = { step: count, at: at + count * 1000 };
  const metrics = [
    ...curves(random, count, at),
    { key: 'accuracy', value: 0.6 + 0.4 * random.float(), ...last },
    { key: 'f1', value: 0.5 + 0.5 * random.float(), ...last },
    { key: 'latency_ms', value: 1 + 10 * random.float(), ...last },
  ];
  const params: Record<string, string> = {
    model: families[Math.min(random.below(8), 3)] ?? 'mlp',
    learning_rate: String(10 ** -(1 + random.below(4))),
    depth: String(3 + random.below(8)),
    batch: String(32 << random.below(4)),
    features: String(8 + random.below(24)),
    seed: String(index),
    ...(index % rareEvery === 7 ? { note: 'golden' } : {}),
  };
  await bulk.write(at, logBatch, { uid, metrics: pointColumns(metrics.slice(0, pointsPerLog)), params, tags: {} });
  for (let from = pointsPerLog; from < metrics.length; from += pointsPerLog) {
    const part = metrics.slice(from, from + pointsPerLog);
    await bulk.write(at, logBatch, { uid, metrics: pointColumns(part), params: {}, tags: {} });
  }
  if (index < size.runs - 5) {
    const status = random.float() < failedShare ? 'failed' : 'finished';
    await bulk.write(at, updateRun, { uid, status, endAt: last.at, actor: 'owner' });
  }
  return uid;
}

/** One run with one very long series. */
export async function makeLongSeries(
  { bulk, ids, size, random }: Story,
  at: number,
  experiment: string,
): Promise<string> {
  const uid = ids.next('run');
  const run = {
    uid,
    experimentUid: experiment,
    name: 'long-series',
    startAt: at,
    user: 'ann',
    tags: {},
    actor: 'owner',
  };
  await bulk.write(at, createRun, run);
  let value = 1;
  for (let from = 0; from < size.longSeriesPoints; from += pointsPerLog) {
    const count = Math.min(pointsPerLog, size.longSeriesPoints - from);
    const points = Array.from({ length: count }, (_, i): LoggedPoint => {
      value += 0.01 * random.normal() - value / 1e5;
      return { key: 'loss', value, step: from + i, at: at + (from + i) * 10 };
    });
    await bulk.write(at, logBatch, { uid, metrics: pointColumns(points), params: {}, tags: {} });
  }
  await bulk.write(at, updateRun, { uid, status: 'finished', endAt: at + size.longSeriesPoints * 10, actor: 'owner' });
  return uid;
}

export const modelName = (index: number): string => servedEndpoints[index] ?? `model-${String(index).padStart(4, '0')}`;

/** Every other version is of the first model, so that one has very many. */
export async function makeVersion(
  { bulk, ids, random, size, modelFile }: Story,
  chapter: { readonly index: number; readonly at: number; readonly run: string; readonly pipelineRun: string },
): Promise<void> {
  const { index, at, run } = chapter;
  const first = index < size.models ? index : index % 2 === 0 ? 0 : index % size.models;
  const model = modelName(first);
  const evidence: GateEvidence = {
    metrics: { auc: { value: 0.7 + 0.2 * random.float(), low: 0.65, high: 0.95, n: 2000 }, logLoss: { value: 0.4 } },
    baselines: {},
  };
  // Only the first model declares a gate.
  const gateId = first === 0 ? ids.next('gate') : undefined;
  if (gateId !== undefined)
    await bulk.write(at, recordGate, { uid: gateId, model, runId: run, candidate: run, evidence, actor: 'owner' });
  await bulk.write(at, createVersion, {
    uid: ids.next('modelVersion'),
    model,
    newModelUid: ids.next('model'),
    files: [{ path: 'model.onnx', ...modelFile }],
    artifactDigest: modelFile.digest,
    flavor: 'onnx',
    signature: undefined,
    lineage: { pipelineRun: chapter.pipelineRun, step: 'step-19' },
    description: undefined,
    runId: run,
    loggedModelId: undefined,
    source: undefined,
    gateId,
    tags: { team: people[index % people.length] ?? '' },
    aliases: index < size.models ? ['champion'] : index % 5 === 0 ? ['challenger'] : [],
    actor: 'owner',
  });
}

/** Ended runs as rows: their operations exist to record one attempt at a time against its job. */
export function makePipelineRun(
  { bulk, ids, random, size, modelFile, graphDigests, bundle }: Story,
  chapter: { readonly index: number; readonly at: number; readonly trackingRun: string },
): string {
  const { index, at } = chapter;
  const run = ids.next('pipelineRun');
  const count = size.stepsPerPipelineRun;
  const failsAt = random.float() < failedShare ? random.below(count) : count;
  const place = index % graphDigests.length;
  const step = (i: number): string => `step-${i}`;
  const end = at + Math.min(failsAt + 1, count) * 2000;
  bulk.insert('pipelines_run', {
    id: run,
    pipeline: `pipeline-${place}`,
    graph_digest: graphDigests[place],
    bundle,
    file: 'pipeline.ts',
    state: failsAt < count ? 'failed' : 'succeeded',
    params: JSON.stringify({ month: index % 12 }),
    datasets: '[]',
    use_cache: 1,
    reason: index % 7 === 0 ? 'scheduled' : null,
    problem: failsAt < count ? `Step "${step(failsAt)}" failed: out of memory` : null,
    open_steps: 0,
    started_by: index % 3 === 0 ? 'policy:retrain' : 'owner',
    started_at: at,
    finished_at: end,
    deadline_at: at + 86_400_000,
    commit_id: null,
    rerun_of: null,
    idempotency_key: null,
  });
  const outputs = JSON.stringify({ out: { artifact: { kind: 'file', name: 'out', ...modelFile } } });
  for (let i = 0; i < count; i++) {
    const begins = at + i * 2000;
    const state = i < failsAt ? 'succeeded' : i === failsAt ? 'failed' : 'skipped';
    const isRun = state !== 'skipped';
    bulk.insert('pipelines_step', {
      run,
      step: step(i),
      position: i,
      state,
      blockers: 0,
      is_forced: 0,
      is_inline: 0,
      attempt: isRun ? 1 : 0,
      failures: state === 'failed' ? 1 : 0,
      job_id: null,
      fence: null,
      pid: null,
      pid_started: null,
      reason: isRun ? 'ran: nothing like it ran before' : null,
      problem: state === 'failed' ? 'out of memory' : null,
      cache_parts: null,
      outputs: state === 'succeeded' ? outputs : null,
      tracking_run: i === count - 1 && isRun ? chapter.trackingRun : null,
      queued_at: isRun ? begins : null,
      started_at: isRun ? begins + 100 : null,
      finished_at: begins + 2000,
      deadline_at: null,
    });
    if (i > 0) bulk.insert('pipelines_edge', { run, from_step: step(i - 1), to_step: step(i) });
    if (isRun) {
      const problem = state === 'failed' ? 'out of memory' : null;
      const attempt = { started_at: begins + 100, finished_at: begins + 2000, problem };
      bulk.insert('pipelines_attempt', { run, step: step(i), number: 1, ...attempt });
    }
  }
  return run;
}

/** The events that the operations of a pipeline run would have written. */
export async function tellPipelineRun(
  { bulk, size, bundle, modelFile, graphDigests }: Story,
  chapter: { readonly index: number; readonly at: number; readonly run: string },
): Promise<void> {
  const { index, at, run } = chapter;
  const pipeline = `pipeline-${index % graphDigests.length}`;
  await bulk.inside(at, async (trx) => {
    await trx.emit({
      kind: 'pipeline-run.started',
      actor: 'owner',
      subject: run,
      body: { pipeline, params: {}, bundle },
    });
    for (let i = 0; i < size.stepsPerPipelineRun; i++) {
      const step = `step-${i}`;
      const body = { pipeline, step, state: 'succeeded', attempt: 1, outputs: { out: modelFile.digest } };
      await trx.emit({ kind: 'step.finished', actor: `step:${run}/${step}`, subject: run, body });
    }
    const body = { pipeline, state: 'succeeded', problem: null };
    await trx.emit({ kind: 'pipeline-run.finished', actor: 'owner', subject: run, body });
  });
}

const hourMs = 3_600_000;

/** An ordinary window of the hourly monitor; every fortieth is an alert. */
export async function makeWindow({ bulk, ids, random }: Story, index: number, from: number): Promise<void> {
  const to = from + hourMs;
  const column = (name: string) => ({
    name,
    status: 'ordinary' as const,
    psi: 0.02 * random.float(),
    threshold: 0.05,
    ratio: 0.3,
    step: 0.01,
    ks: 0.02,
    wassersteinPerSd: 0.03,
    mean: random.float(),
    referenceMean: 0.5,
    nullShare: 0,
    referenceNullShare: 0,
    beyondShare: 0.02,
  });
  const verdict = index % 40 === 39 ? 'alert' : 'ok';
  const window: MonitorWindow = {
    id: ids.next('monitorWindow'),
    monitor: 'delay-hourly',
    endpoint: servedEndpoints[0],
    model: modelName(0),
    version: 1,
    from,
    to,
    judgedAt: to,
    verdict,
    sentence: `Hour of ${new Date(from).toISOString()}: predicted 0.281, observed 0.279.`,
    count: 1600,
    used: 1600,
    labelled: 400,
    coverage: 0.25,
    drift: featureNames.map(column),
  };
  await bulk.write(to, recordWindow, {
    window,
    memory: {},
    figures: { referenceRows: 0, columns: [] },
    alertId: ids.next('alert'),
  });
}

/** A chain of steps, as many as every run has. */
export function graphOf(
  name: string,
  steps: number,
): { readonly id: string; readonly digest: string; readonly graph: object } {
  const graph = {
    id: name,
    params: { type: 'object', properties: { month: { type: 'number' } } },
    nodes: Array.from({ length: steps }, (_, i) => ({
      id: `step-${i}`,
      step: 'step',
      kind: 'noop',
      inputs: {},
      inputPorts: {},
      outputs: { out: { port: 'artifact', kind: 'file' } },
      after: i === 0 ? [] : [`step-${i - 1}`],
      cache: 'content',
      retry: { attempts: 1, delayMs: 0, delayMaxMs: 0 },
      timeoutMs: 60_000,
      code: 'noop',
    })),
  };
  return { id: name, digest: digestOfJson(graph), graph };
}
