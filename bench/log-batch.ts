/** The MLflow protocol's log-batch with 1000 metrics, 16 writers at once, against both servers. */
import { Agent, request } from 'node:http';
import type { BenchContext, BenchEntry, BenchResult } from './entry.ts';
import { treeCpuS } from './process-tree.ts';
import type { RunningServer } from './servers.ts';
import { mlflowVersion, startMlflow, startSlipway } from './servers.ts';

const writers = 16;
const metricsPerBatch = 1000;
/** Metric names per run; a batch brings 50 new steps of each. */
const keys = 20;
/** Batches per writer and burst: about a second of work for each server. */
const batchesPerWriter = { slipway: 12, mlflow: 1 };
const speedUpMin = 20;

const agent = new Agent({ keepAlive: true, maxSockets: writers });

async function post(url: string, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const sent = request(url, { method: 'POST', agent, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        if (response.statusCode === 200) resolve(text);
        else reject(new Error(`${url} answered ${response.statusCode}: ${text.slice(0, 500)}`));
      });
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** A started server with one run per writer, and how far their steps have come. */
interface Target extends AsyncDisposable {
  readonly server: RunningServer;
  readonly runIds: readonly string[];
  readonly batchesPerWriter: number;
  nextStep: number;
}

async function openTarget(server: RunningServer, perWriter: number): Promise<Target> {
  const runIds: string[] = [];
  for (let writer = 0; writer < writers; writer++) {
    const body = JSON.stringify({ experiment_id: '0', start_time: Date.now(), run_name: `writer-${writer}` });
    const answer = await post(`${server.url}/api/2.0/mlflow/runs/create`, body);
    // The protocol's answer to runs/create.
    const { run } = JSON.parse(answer) as { readonly run: { readonly info: { readonly run_id: string } } };
    runIds.push(run.info.run_id);
  }
  return {
    server,
    runIds,
    batchesPerWriter: perWriter,
    nextStep: 0,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function batchBody(runId: string, firstStep: number): string {
  const metrics = Array.from({ length: metricsPerBatch }, (_, index) => {
    const step = firstStep + Math.floor(index / keys);
    return { key: `metric_${index % keys}`, value: Math.sin(step + index), timestamp: 1_700_000_000_000 + step, step };
  });
  return JSON.stringify({ run_id: runId, metrics });
}

interface Burst {
  readonly batchesPerS: number;
  readonly cpuMsPerBatch: number;
}

async function burst(target: Target): Promise<Burst> {
  const { server, runIds } = target;
  const bodies = runIds.map((runId) =>
    Array.from({ length: target.batchesPerWriter }, (_, batch) =>
      batchBody(runId, target.nextStep + (batch * metricsPerBatch) / keys),
    ),
  );
  target.nextStep += (target.batchesPerWriter * metricsPerBatch) / keys;
  const url = `${server.url}/api/2.0/mlflow/runs/log-batch`;
  const cpuBefore = await treeCpuS(server.pid);
  const before = performance.now();
  await Promise.all(
    bodies.map(async (own) => {
      for (const body of own) await post(url, body);
    }),
  );
  const wallS = (performance.now() - before) / 1000;
  const batches = writers * target.batchesPerWriter;
  return {
    batchesPerS: batches / wallS,
    cpuMsPerBatch: (((await treeCpuS(server.pid)) - cpuBefore) * 1000) / batches,
  };
}

async function run({ rounds, cacheFolder, say }: BenchContext): Promise<BenchResult> {
  await using opened = new AsyncDisposableStack();
  const notRun: { peer: string; reason: string }[] = [];
  const targets = new Map<string, Target>();
  const slipway = opened.use(await openTarget(await startSlipway(), batchesPerWriter.slipway));
  targets.set('Slipway', slipway);
  const peer = `mlflow server ${mlflowVersion}`;
  try {
    targets.set(peer, opened.use(await openTarget(await startMlflow(cacheFolder), batchesPerWriter.mlflow)));
  } catch (error) {
    notRun.push({ peer, reason: error instanceof Error ? error.message : String(error) });
  }
  const bursts = new Map<string, Burst[]>();
  for (let round = -1; round < rounds; round++) {
    for (const [name, target] of targets) {
      say(round < 0 ? `warm-up: ${name}` : `round ${round + 1} of ${rounds}: ${name}`);
      const measured = await burst(target);
      if (round >= 0) bursts.set(name, [...(bursts.get(name) ?? []), measured]);
    }
  }
  const subjects = (key: keyof Burst): { name: string; samples: number[] }[] =>
    [...bursts].map(([name, samples]) => ({ name, samples: samples.map((sample) => sample[key]) }));
  return {
    tables: [
      {
        title: `log-batch of ${metricsPerBatch} metrics, ${writers} writers`,
        unit: 'batches per second (more is better)',
        subjects: subjects('batchesPerS'),
        goals: [{ against: peer, atLeast: speedUpMin }],
      },
      {
        title: 'The same',
        unit: 'server CPU milliseconds per batch (less is better)',
        subjects: subjects('cpuMsPerBatch'),
        goals: [],
      },
    ],
    notRun,
    notes: [
      `Both servers run all the time, each on SQLite in a folder of its own; bursts take turns. Every writer has its own run with ${keys} metric names and sends new steps only. Slipway answers after the commit is on disk.`,
    ],
  };
}

export const logBatch: BenchEntry = {
  name: 'log-batch',
  question: 'How many batches of 1000 metrics per second does a tracking server take from 16 writers?',
  run,
};
