/**
 * The main job, end to end, on real data: `slipway demo`. Starts a real server on an empty folder and drives it through its
 * public API; every printed figure was computed in this run.
 */
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfig, startServer, verifyLedgerFile } from '@slipway/server';
import { createClient } from 'slipway';
import { drawReason } from '../commands/why.ts';
import { paint } from '../output.ts';
import type { StageRecord } from './narrator.ts';
import { createNarrator } from './narrator.ts';
import type { Feed, Flight, History, ReplayState, ReplayStats } from './replay.ts';
import { createReplayState, feedsOf, readHistory } from './replay.ts';
import type { Scene } from './stages.ts';
import {
  addMonths,
  applyStage,
  brokenStage,
  compare,
  comparisonSentence,
  dataStage,
  deliverLabels,
  deployStage,
  drawWindow,
  driftSentence,
  endpoint,
  judgedWindows,
  parityStage,
  replayFigures,
  replayMonth,
  replaySentence,
  retrainStage,
  trainStages,
  verdictLines,
} from './stages.ts';
import { settledRollout, waitForRun } from './waiting.ts';

export interface DemoOptions {
  /** examples/flights */
  readonly project: string;
  /** Keeps the workspace here instead of in a temporary folder. */
  readonly dir: string | undefined;
  readonly port: number;
  readonly json: boolean;
}

export interface DemoRecord {
  readonly url: string;
  readonly workspace: string;
  readonly seconds: number;
  readonly stages: readonly StageRecord[];
}

/** A server that the demo plays on. */
export interface Demo {
  readonly url: string;
  play(): Promise<DemoRecord>;
  /** Also in the middle of a stage: steps end, and a temporary workspace goes. */
  stop(): Promise<void>;
}

/** Local midnight of New York (daylight saving from 10 March to 3 November 2013) in UTC. */
const april = Date.parse('2013-04-01T04:00:00Z');
const may = Date.parse('2013-05-01T04:00:00Z');
const june = Date.parse('2013-06-01T04:00:00Z');
const midJune = Date.parse('2013-06-15T04:00:00Z');
const july = Date.parse('2013-07-01T04:00:00Z');
const hourMs = 3_600_000;
const stopGraceMs = 3000;
/** The last April week closes here, and labels are complete a day later. */
const lastWeekEnd = Date.parse('2013-04-29T04:00:00Z');

const everyNth =
  (every: number, offset: number) =>
  (flight: Flight): boolean =>
    flight.id % every === offset;

export async function startDemo(options: DemoOptions): Promise<Demo> {
  const startedAt = performance.now();
  const folder = options.dir ?? (await mkdtemp(join(tmpdir(), 'slipway-demo-')));
  const server = await startServer(readConfig({ dir: folder, port: options.port, logLevel: 'warn' }, {}));
  const { url } = server;
  const narrator = createNarrator({ quiet: options.json, startedAt });
  const client = createClient({ url, timeoutMs: 60_000 });
  if (!options.json)
    process.stdout.write(
      `Will this flight arrive more than 15 minutes late? ${paint('dim', `server ${url}, workspace ${folder}`)}\n\n`,
    );
  return {
    url,
    play: async () => {
      await play({ client, url, project: options.project, narrator }, folder);
      return { url, workspace: folder, seconds: (performance.now() - startedAt) / 1000, stages: narrator.records };
    },
    stop: async () => {
      await server.stop(stopGraceMs);
      if (options.dir === undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}

async function play(scene: Scene, folder: string): Promise<void> {
  const { narrator } = scene;
  await narrator.stage('data', (live) => dataStage(scene, live));
  await narrator.stage('apply', () => applyStage(scene));
  await narrator.stage('broken', (live) => brokenStage(scene, live));
  await trainStages(scene);
  await narrator.stage('deploy', (live) => deployStage(scene, april, live));

  const history = await readHistory(join(scene.project, 'data'), [1, 2, 3, 4, 5, 6], { at: april, day: '2013-04-01' });
  const past: Past = { history, feeds: feedsOf(history) };
  const state = createReplayState(april - 24 * hourMs);
  const aprilStats = await serveApril(scene, past, state);
  const decayed = await watchDecay(scene, past, state);
  const promoted = await rollOut(scene, past, state, decayed);
  await confirmInJune(scene, past, state, promoted);
  await harm(scene, past, state);
  await explain(scene, folder, aprilStats);
}

async function serveApril(scene: Scene, past: Past, state: ReplayState): Promise<ReplayStats> {
  const { narrator } = scene;
  let stats: ReplayStats | undefined;
  await narrator.stage('serve', async (live) => {
    stats = await replayMonth(
      scene,
      { ...past, state, from: april, to: lastWeekEnd + 24 * hourMs, wants: everyNth(5, 2) },
      live,
    );
    return { sentence: replaySentence('April, one flight in five', stats), figures: replayFigures(stats) };
  });
  await narrator.stage('parity', async (live) => {
    await addMonths(scene, [4], live);
    return parityStage(scene, {}, 500);
  });
  if (stats === undefined) throw new Error('April was not replayed');
  return stats;
}

/** What is replayed, and in which order each source learns it. */
interface Past {
  readonly history: History;
  readonly feeds: readonly Feed[];
}

interface Decayed {
  readonly run: string;
  readonly rollout: string | undefined;
  readonly candidate: number;
}

/** Labels come in; the monitor finds the decay; a policy retrains. The rest of April goes on being served meanwhile. */
async function watchDecay(scene: Scene, past: Past, state: ReplayState): Promise<Decayed> {
  const { narrator } = scene;
  await narrator.stage('monitor', async () => {
    await deliverLabels(scene, state, lastWeekEnd + 24 * hourMs);
    const windows = (await judgedWindows(scene, 4)).slice(-4);
    return {
      sentence: `${windows.length} weeks judged from late labels; ${driftSentence(windows)}`,
      details: windows.map(drawWindow),
      figures: { windows: windows.map(({ drift: _, ...w }) => w) },
    };
  });
  const { run, rollout } = await narrator.stage('retrain', (live) => retrainStage(scene, live));
  await narrator.stage('serve', async (live) => {
    const stats = await replayMonth(
      scene,
      { ...past, state, from: lastWeekEnd + 24 * hourMs, to: may, wants: () => false },
      live,
    );
    return {
      sentence: `the last days of April pass; ${stats.rowsPushed.toLocaleString('en-US')} events to the features`,
      figures: replayFigures(stats),
    };
  });
  return { run: run.id, rollout: rollout?.id, candidate: rollout?.candidate ?? 0 };
}

interface Promoted {
  readonly champion: number;
  readonly challenger: number;
  readonly isPromoted: boolean;
}

async function rollOut(scene: Scene, past: Past, state: ReplayState, decayed: Decayed): Promise<Promoted> {
  const { client, narrator } = scene;
  const id = decayed.rollout;
  return narrator.stage<Promoted & Readonly<Record<string, unknown>>>('rollout', async (live) => {
    const stats = await replayMonth(scene, { ...past, state, from: may, to: june, wants: everyNth(6, 2) }, live);
    await addMonths(scene, [5], live);
    await deliverLabels(scene, state, june);
    if (id === undefined) {
      return {
        sentence: `May, ${stats.requests.toLocaleString('en-US')} requests: version 1 serves on, for nothing passed its gate in April`,
        figures: { champion: 1, challenger: 1, isPromoted: false, replay: replayFigures(stats) },
      };
    }
    const rollout = await settledRollout(client, id, 5000);
    const champion = rollout.incumbent;
    const challenger = rollout.candidate;
    const alias = (await client.models.getVersion({ params: { model: endpoint, version: 'champion' } })).number;
    const last = rollout.decisions.at(-1);
    return {
      sentence: `May, ${stats.requests.toLocaleString('en-US')} requests scored by both: version ${challenger} ${rollout.state}; champion is version ${alias}`,
      details: rollout.decisions.map(
        (d) =>
          `${d.stage.padEnd(10)} ${d.verdict.padEnd(11)} after ${d.requests} requests, ${d.labelledPairs} labelled pairs: ${d.sentence}`,
      ),
      figures: {
        champion,
        challenger,
        isPromoted: rollout.state === 'promoted',
        rollout: rollout.id,
        decision: last?.sentence ?? null,
        replay: replayFigures(stats),
      },
    };
  });
}

async function confirmInJune(scene: Scene, past: Past, state: ReplayState, promoted: Promoted): Promise<void> {
  await scene.narrator.stage<Readonly<Record<string, unknown>>>('confirm', async (live) => {
    const stats = await replayMonth(scene, { ...past, state, from: june, to: midJune, wants: everyNth(5, 0) }, live);
    await deliverLabels(scene, state, midJune);
    if (promoted.champion === promoted.challenger)
      return {
        sentence: `June 1 to 14: ${stats.requests} requests; there is no second version to compare`,
        figures: replayFigures(stats),
      };
    const mayToJune = await compare(scene, promoted, { from: may, to: midJune });
    const onlyJune = await compare(scene, promoted, { from: june, to: midJune });
    return {
      sentence: `June 1 to 14, the old version in the shadow; ${comparisonSentence(onlyJune)}`,
      details: [
        ...verdictLines(onlyJune),
        `May and June together; ${comparisonSentence(mayToJune)}`,
        ...verdictLines(mayToJune),
        `the rule of promotion says of June alone: ${onlyJune.sentence}`,
      ],
      figures: { onlyJune, mayToJune, replay: replayFigures(stats) },
    };
  });
}

/** A version that is fine offline, and is served features in another unit: it must stop by itself. */
async function harm(scene: Scene, past: Past, state: ReplayState): Promise<void> {
  const { client, narrator } = scene;
  const version = await narrator.stage('harmful', async (live) => {
    const started = await client.pipelines.run({
      params: { pipeline: 'train-percent' },
      body: { params: { until: '2013-06-01T04:00:00Z', holdoutDays: 14 }, reason: 'rates in percent' },
    });
    const run = await waitForRun(client, started.id, live);
    if (run.state !== 'succeeded')
      throw new Error(
        `train-percent ended as ${run.state}: ${run.steps.find((s) => s.problem !== undefined)?.problem ?? ''}`,
      );
    const made = await client.models.getVersion({ params: { model: endpoint, version: 'latest' } });
    const auc = made.gate?.checks.find((c) => c.name.startsWith('auc'));
    return {
      sentence: `version ${made.number}: rates turned from percent into fractions in training, delivered in percent in serving; offline gate passed honestly (${auc?.sentence ?? ''})`,
      figures: { number: made.number },
    };
  });
  await narrator.stage('rollback', async (live) => {
    const rollout = await client.rollouts.start({
      params: { endpoint },
      body: {
        candidate: version.number,
        plan: { stages: [{ name: 'canary-10', percent: 10, minRequests: 5000 }], zone: 'America/New_York' },
      },
    });
    let ended = rollout;
    const stats = await replayMonth(
      scene,
      {
        ...past,
        state,
        from: midJune,
        to: july,
        wants: () => true,
        afterHour: async () => {
          ended = await client.rollouts.get({ params: { rollout: rollout.id } });
          return ended.state !== 'running';
        },
      },
      live,
    );
    const last = ended.decisions.at(-1);
    const deployed = await client.endpoints.get({ params: { endpoint } });
    const champion = await client.models.getVersion({ params: { model: endpoint, version: 'champion' } });
    return {
      sentence: `canary at 10 % from June 15, every flight: ${ended.state} by guard "${ended.guard ?? 'none'}" after ${last?.canaryRequests ?? 0} canary requests (${stats.requests} in all); version ${deployed.deployment?.traffic[0]?.version} serves on, champion is ${champion.number}`,
      details: [
        last?.sentence ?? '',
        `harm: ${last?.canaryRequests ?? 0} answers came from the harmful version; their labels so far cost ${(ended.harm ?? 0).toFixed(2)} log loss in all`,
      ].filter((t) => t !== ''),
      figures: {
        state: ended.state,
        guard: ended.guard ?? null,
        canaryRequests: last?.canaryRequests ?? 0,
        requests: stats.requests,
        harm: ended.harm ?? null,
      },
    };
  });
}

async function explain(scene: Scene, folder: string, april: ReplayStats): Promise<void> {
  const { client, narrator } = scene;
  const one = april.served.find((s) => s.flight.arrAt !== null) ?? april.served[0];
  if (one === undefined) throw new Error('April served nothing');
  await narrator.stage('why', async () => {
    const reason = await client.why.get({ params: { kind: 'prediction', id: one.id } });
    return {
      sentence: `slipway why prediction ${one.id}`,
      details: drawReason(reason)
        .split('\n')
        .map((line) => line.slice(0, 150)),
      figures: { prediction: one.id, reason },
    };
  });
  await narrator.stage('ledger', async () => {
    const verdict = await client.ledger.verify({}, { timeoutMs: 120_000 });
    const altered = await alterOneByte(folder);
    const found = altered.ok ? 'NOT found' : `found at event ${altered.firstBadSeq}`;
    return {
      sentence: `${verdict.ok ? `the chain of ${verdict.events} events holds` : `BROKEN: ${verdict.problem}`}; in a copy with one altered byte: ${found}`,
      figures: { verdict, altered },
    };
  });
}

/** Changes one byte of one event in a copy of the database, and verifies the copy. */
async function alterOneByte(folder: string): Promise<Awaited<ReturnType<typeof verifyLedgerFile>>> {
  const copy = await mkdtemp(join(tmpdir(), 'slipway-altered-'));
  try {
    const file = join(copy, 'slipway.db');
    await copyFile(join(folder, 'slipway.db'), file);
    await copyFile(join(folder, 'slipway.db-wal'), `${file}-wal`).catch(() => undefined);
    const bytes = await readFile(file);
    const at = bytes.lastIndexOf('"bundleDigest":"sha256:') + '"bundleDigest":"sha256:'.length;
    bytes.writeUInt8(bytes.readUInt8(at) === 0x30 ? 0x31 : 0x30, at);
    await writeFile(file, bytes);
    return await verifyLedgerFile(file);
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}
