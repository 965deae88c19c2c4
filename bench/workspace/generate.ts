/**
 * A large workspace, made in minutes: the same settings make the same one, which is kept in the system's temporary folder.
 *
 *   node bench/workspace/generate.ts [--scale 0.01] [--dir FOLDER]
 *
 * The database is written through the stores' operations in one thread, the prediction logs through serving's own writer in
 * another; at the end the ledger is verified. SQLite only: the other database is filled by the same operations.
 */
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { writeLinearModel } from '@slipway/onnx';
import { digestOfJson } from '../../packages/server/src/lib/digest.ts';
import { createRandom } from '../../packages/server/src/lib/random.ts';
import { deploy } from '../../packages/server/src/modules/serving/deployment-store.ts';
import { setWatermark } from '../../packages/server/src/modules/monitoring/store.ts';
import { joinLabels } from '../../packages/server/src/modules/serving/label-store.ts';
import { createSystemClock } from '../../packages/server/src/platform/clock.ts';
import { createSqliteDb } from '../../packages/server/src/platform/db/sqlite.ts';
import { createIds } from '../../packages/server/src/platform/ids.ts';
import { createLedger } from '../../packages/server/src/platform/ledger/create-ledger.ts';
import { moveCursor } from '../../packages/server/src/platform/ledger/store.ts';
import { createLog } from '../../packages/server/src/platform/log.ts';
import { createFileObjects } from '../../packages/server/src/platform/objects/file-objects.ts';
import { projectOperations, stores } from '../../packages/server/src/stores.ts';
import { openBulkWriter } from './bulk.ts';
import type { Story } from './chapters.ts';
import {
  graphOf,
  makeExperiments,
  makeLongSeries,
  makePipelineRun,
  makeRun,
  makeVersion,
  makeWindow,
  modelName,
  tellPipelineRun,
} from './chapters.ts';
import { coefficients, endpointOf, featureNames, predictionMaker, servedEndpoints } from './predictions.ts';
import type { WorkspaceSize } from './size.ts';
import { instantOf, sizeAt, sizeDigest, storyBeginsAt, storyEndsAt, storyMs } from './size.ts';

const dayMs = 86_400_000;
const hourMs = 3_600_000;
/** Labels come so long after their prediction. */
const labelDelayMs = dayMs;
/** Consumers of the ledger that a server starts; they have seen everything. */
const consumers = ['monitoring', 'automation'];
const clock = createSystemClock();
const log = createLog({ level: 'error', now: clock.now });

export interface Workspace {
  readonly folder: string;
  readonly isNew: boolean;
  readonly seconds: number;
}

/** The workspace of these settings, made unless it is there. */
export async function generateWorkspace(
  size: WorkspaceSize,
  options: { readonly say: (line: string) => void; readonly folder?: string | undefined },
): Promise<Workspace> {
  const folder = options.folder ?? join(tmpdir(), `slipway-workspace-${sizeDigest(size)}`);
  if (existsSync(join(folder, 'generated.json'))) return { folder, isNew: false, seconds: 0 };
  const startedAt = performance.now();
  const making = `${folder}.making`;
  rmSync(making, { recursive: true, force: true });
  mkdirSync(making, { recursive: true });
  const since = (): string => `${((performance.now() - startedAt) / 1000).toFixed(0)} s`;
  const say = (line: string): void => options.say(`${since()}: ${line}`);
  const predictions = writePredictionsApart(join(making, 'predictions'), size, say);
  await Promise.all([predictions, writeDatabase(making, size, say)]);
  const events = await verify(making);
  say(`the ledger holds, ${events} events`);
  const seconds = (performance.now() - startedAt) / 1000;
  writeFileSync(join(making, 'generated.json'), JSON.stringify({ ...size, events, seconds }));
  rmSync(folder, { recursive: true, force: true });
  renameSync(making, folder);
  return { folder, isNew: true, seconds };
}

function writePredictionsApart(folder: string, size: WorkspaceSize, say: (line: string) => void): Promise<void> {
  const worker = new Worker(new URL('../workers/write-predictions.ts', import.meta.url), {
    workerData: { folder, size },
  });
  return new Promise((resolve, reject) => {
    worker.on('message', (written: number) => say(`${written} predictions`));
    worker.once('error', reject);
    worker.once('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`the writer of predictions ended with ${code}`)),
    );
  });
}

async function writeDatabase(folder: string, size: WorkspaceSize, say: (line: string) => void): Promise<void> {
  const bulk = openBulkWriter(join(folder, 'slipway.db'), storyBeginsAt);
  const random = createRandom(size.seed);
  let now = storyBeginsAt;
  const ids = createIds({ ...clock, now: () => now }, (bytes) => {
    for (let i = 0; i < bytes.length; i++) bytes[i] = random.uint32() >>> 24;
  });
  const modelFile = await storeModel(folder);
  const graphs = Array.from({ length: size.pipelines }, (_, i) => graphOf(`pipeline-${i}`, size.stepsPerPipelineRun));
  const bundle = digestOfJson({ files: [] });
  const story: Story = { size, bulk, ids, random, modelFile, graphDigests: graphs.map((g) => g.digest), bundle };
  await declare(
    story,
    graphs.map((g) => ({ kind: 'pipeline', name: g.id, spec: { graph: g.graph, file: 'pipeline.ts', bundle } })),
  );
  await live(story, { say, setNow: (at) => (now = at) });
  const seen = bulk.events();
  for (const consumer of consumers) await bulk.write(storyEndsAt, moveCursor, { consumer, seq: seen });
  bulk.close();
}

async function storeModel(folder: string): Promise<{ readonly digest: string; readonly sizeBytes: number }> {
  const zeros = new Float64Array(coefficients.length);
  const bytes = writeLinearModel({
    kind: 'linear',
    featureNames,
    coefficients: Float64Array.from(coefficients),
    intercept: -1,
    link: 'logistic',
    imputed: zeros,
    mean: zeros,
    scale: new Float64Array(coefficients.length).fill(1),
    classLabels: [0, 1],
  });
  const objects = await createFileObjects({ folder: join(folder, 'objects'), clock, log });
  return objects.put(bytes);
}

/** The project that owns what is declared. */
async function declare({ bulk }: Story, pipelines: readonly Declared[]): Promise<void> {
  const gate = { checks: { auc: { min: 0.5 } } };
  const models = Array.from({ length: 3 }, (_, i) => ({
    kind: 'model',
    name: modelName(i),
    spec: i === 0 ? { gate } : {},
  }));
  const endpoints = servedEndpoints.map((name) => ({ kind: 'endpoint', name, spec: { model: name } }));
  const monitor = { kind: 'monitor', name: 'delay-hourly', spec: { endpoint: servedEndpoints[0], window: 'hour' } };
  const policy = {
    kind: 'policy',
    name: 'retrain',
    spec: { when: 'alert.fired', do: { run: { pipeline: 'pipeline-0', params: {} } }, approval: true },
  };
  const wanted = [...models, ...pipelines, ...endpoints, monitor, policy];
  await bulk.write(storyBeginsAt, projectOperations.apply, {
    project: 'generated',
    actor: 'owner',
    wanted: wanted.map((r) => ({ ...r, digest: digestOfJson(r.spec) })),
    bundleDigest: digestOfJson({ files: [] }),
    bundle: [],
    source: undefined,
    expectedApply: undefined,
    simulation: undefined,
  });
}

interface Declared {
  readonly kind: string;
  readonly name: string;
  readonly spec: unknown;
}

/** How many of `total` things ought to be there after `done` of `count` runs. */
const due = (total: number, done: number, count: number): number => Math.floor((total * done) / count);

/** Everything in the order of time: a run, and whatever else has become due. */
async function live(
  story: Story,
  { say, setNow }: { readonly say: (line: string) => void; readonly setNow: (at: number) => void },
): Promise<void> {
  const { size, bulk, random } = story;
  const experiments = await makeExperiments(story, storyBeginsAt);
  const labels = createLabelWriter(story);
  const made = { pipelineRuns: 0, versions: 0, windows: 0 };
  let pipelineRun = '';
  for (let index = 0; index < size.runs; index++) {
    const at = instantOf(index, size.runs);
    setNow(at);
    const place = index % 2 === 0 ? 0 : 1 + random.below(size.experiments - 1);
    const run = await makeRun(story, {
      index,
      at,
      experiment: experiments[place] ?? '',
      pipelineRun: pipelineRun || undefined,
    });
    pipelineRun = '';
    for (; made.pipelineRuns < due(size.pipelineRuns, index + 1, size.runs); made.pipelineRuns++) {
      pipelineRun = makePipelineRun(story, { index: made.pipelineRuns, at, trackingRun: run });
      await tellPipelineRun(story, { index: made.pipelineRuns, at, run: pipelineRun });
    }
    for (; made.versions < due(size.versions, index + 1, size.runs); made.versions++) {
      await makeVersion(story, { index: made.versions, at, run, pipelineRun });
      if (made.versions < servedEndpoints.length) await deployFirst(story, servedEndpoints[made.versions] ?? '', at);
    }
    for (; made.windows < due(size.windows, index + 1, size.runs); made.windows++) {
      await makeWindow(
        story,
        made.windows,
        storyBeginsAt + Math.floor(((made.windows / size.windows) * storyMs) / hourMs) * hourMs,
      );
    }
    await labels(at, due(size.events, index + 1, size.runs));
    if (index % 10_000 === 9999) say(`${index + 1} runs, ${bulk.events()} events`);
  }
  await makeLongSeries(story, storyEndsAt - dayMs, experiments[0] ?? '');
  await bulk.write(storyEndsAt, setWatermark, {
    endpoint: servedEndpoints[0],
    watermarkAt: storyEndsAt - labelDelayMs,
  });
}

async function deployFirst({ bulk, ids }: Story, endpoint: string, at: number): Promise<void> {
  const traffic = [{ version: 1, percent: 100 }];
  await bulk.write(at, deploy, {
    id: ids.next('deployment'),
    endpoint,
    traffic,
    shadow: undefined,
    rollout: undefined,
    reason: 'the first version',
    actor: 'owner',
  });
}

/** Joins labels, one request each, until the ledger has as many events as are due. */
function createLabelWriter({ bulk, size }: Story): (at: number, eventsDue: number) => Promise<void> {
  const maker = predictionMaker(size);
  const features = new Float64Array(featureNames.length);
  let next = 0;
  return async (at, eventsDue) => {
    const limit = Math.floor(((at - labelDelayMs - storyBeginsAt) / storyMs) * size.predictions);
    for (let left = eventsDue - bulk.events(); left > 0 && next < limit; left--) {
      maker.features(next, features);
      const value = maker.score(features) > ((next * 7919) % 1000) / 1000 ? 1 : 0;
      const label = { predictionId: maker.id(next), value, at: maker.at(next) + labelDelayMs };
      await bulk.write(at, joinLabels, {
        endpoint: endpointOf(next),
        labels: [label],
        watermark: undefined,
        actor: 'owner',
      });
      next += Math.max(1, Math.floor((limit - next) / left));
    }
  };
}

async function verify(folder: string): Promise<number> {
  await using db = await createSqliteDb({ file: join(folder, 'slipway.db'), modules: stores, clock, log, inline: {} });
  const verdict = await createLedger({ db, clock, log }).verify();
  if (!verdict.ok) throw new Error(`the generated ledger does not hold: ${verdict.problem}`);
  return verdict.events;
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { scale: { type: 'string', default: '1' }, dir: { type: 'string' } } });
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const made = await generateWorkspace(sizeAt(Number(values.scale)), { say, folder: values.dir });
  process.stdout.write(`${made.folder}\n`);
}
