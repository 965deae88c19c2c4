/** From nothing to a server that answers, and what it holds while nothing happens. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildPackage } from '../tools/build.ts';
import type { BenchContext, BenchEntry, BenchResult, Subject } from './entry.ts';
import { startServer } from './processes.ts';
import { treeCpuS, treeRssMb } from './process-tree.ts';
import type { RunningServer } from './servers.ts';
import { mlflowVersion, startMlflow, startSlipway } from './servers.ts';

/** Time for start-up work to settle before memory is read. */
const idleMs = 3000;
const startMsMax = 60_000;
const readyMsMax = 1000;
const idleMbMax = 150;

interface Figures {
  readonly readyMs: number[];
  readonly cpuMs: number[];
  readonly rssMb: number[];
}

/** Slipway as `npm i -g` installs it, started where it was packed. */
async function startPacked(launcher: string): Promise<RunningServer> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-bench-'));
  const args = [launcher, 'up', '--port', '0', '--dir', join(folder, 'workspace'), '--log-level', 'warn'];
  const before = performance.now();
  const server = await startServer(
    { file: process.execPath, args },
    /ready.* at \S*?(http:\/\/[\d.]+:\d+)/,
    startMsMax,
  );
  return {
    url: server.found[1] ?? '',
    pid: server.child.pid ?? 0,
    readyMs: performance.now() - before,
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function measure(start: () => Promise<RunningServer>, figures: Figures): Promise<void> {
  await using server = await start();
  // The first is Slipway's, the second MLflow's.
  const answers = await Promise.all(['/api/ready', '/health'].map((path) => fetch(`${server.url}${path}`)));
  if (!answers.some((answer) => answer.ok)) throw new Error(`${server.url} is not ready`);
  figures.readyMs.push(server.readyMs);
  figures.cpuMs.push((await treeCpuS(server.pid)) * 1000);
  await sleep(idleMs);
  figures.rssMb.push(await treeRssMb(server.pid));
}

async function run({ rounds, cacheFolder, say }: BenchContext): Promise<BenchResult> {
  say('building the package');
  const launcher = join(await buildPackage(), '..', 'slipway', 'bin', 'slipway.js');
  const packed = (): Promise<RunningServer> => startPacked(launcher);
  const starts: Record<string, () => Promise<RunningServer>> = {
    Slipway: packed,
    'Slipway from sources': startSlipway,
    [`mlflow server ${mlflowVersion}`]: () => startMlflow(cacheFolder),
  };
  const notRun: { peer: string; reason: string }[] = [];
  const figures = new Map<string, Figures>();
  for (const [name, start] of Object.entries(starts)) {
    say(`${name}: a first start that fills caches`);
    try {
      await measure(start, { readyMs: [], cpuMs: [], rssMb: [] });
      figures.set(name, { readyMs: [], cpuMs: [], rssMb: [] });
    } catch (error) {
      if (start === packed || start === startSlipway) throw error;
      notRun.push({ peer: name, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  for (let round = 0; round < rounds; round++) {
    for (const [name, samples] of figures) {
      say(`round ${round + 1} of ${rounds}: ${name}`);
      await measure(starts[name] ?? packed, samples);
    }
  }
  const subjects = (key: keyof Figures): Subject[] =>
    [...figures].map(([name, samples]) => ({ name, samples: samples[key] }));
  return {
    tables: [
      {
        title: 'Process start to ready',
        unit: 'milliseconds of wall time (less is better)',
        subjects: subjects('readyMs'),
        goals: [{ atMost: readyMsMax }],
      },
      { title: 'The same', unit: 'CPU milliseconds of the process tree', subjects: subjects('cpuMs'), goals: [] },
      {
        title: `Idle, ${idleMs / 1000} s after the first answer`,
        unit: 'resident MB of the process tree (less is better)',
        subjects: subjects('rssMb'),
        goals: [{ atMost: idleMbMax }],
      },
    ],
    notRun,
    notes: [
      'Every sample starts on an empty folder; caches of compiled code are warm from one start before. Slipway is the package of `npm run build`, and beside it the sources as in development, both asked whether they are ready; a first page or scan adds a reader thread (25 MB). MLflow runs with its default workers on SQLite.',
    ],
  };
}

export const start: BenchEntry = {
  name: 'start',
  question: 'How long until a server answers, and what does it hold?',
  run,
};
