/** A chain of durable steps that do nothing: what claiming, recording and handing on cost. */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSystemClock } from '../packages/server/src/platform/clock.ts';
import { createSqliteDb } from '../packages/server/src/platform/db/sqlite.ts';
import { createJobs } from '../packages/server/src/platform/jobs/create-jobs.ts';
import { jobsStore } from '../packages/server/src/platform/jobs/store.ts';
import { createLog } from '../packages/server/src/platform/log.ts';
import type { BenchContext, BenchEntry, BenchResult } from './entry.ts';
import { begin, end } from './workers/step-operations.ts';

const stepsPerSample = 300;
const goalMs = 5;
const pageBytes = 4096;

/** Milliseconds for one small write and its sync: what no durable commit can beat. */
function syncMs(folder: string): number {
  const file = openSync(join(folder, 'floor'), 'w');
  const page = Buffer.alloc(pageBytes, 1);
  const before = performance.now();
  for (let i = 0; i < stepsPerSample; i++) {
    writeSync(file, page);
    fdatasyncSync(file);
  }
  const spentMs = performance.now() - before;
  closeSync(file);
  return spentMs / stepsPerSample;
}

async function run({ rounds, say }: BenchContext): Promise<BenchResult> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
  const clock = createSystemClock();
  const log = createLog({ level: 'error', now: () => clock.now() });
  const db = await createSqliteDb({
    file: join(folder, 'slipway.db'),
    modules: [jobsStore],
    writerEntry: new URL('./workers/step-writer.ts', import.meta.url),
    clock,
    log,
  });
  const jobs = createJobs({ db, clock, log, owner: `bench-${process.pid}` });
  let isDone = (): void => {};
  jobs.register('bench-step', {
    slots: 1,
    run: async ({ jobId, fence, subject, payload }) => {
      const left = Number(payload['left']);
      await db.write(end, { id: jobId, fence, subject, left });
      if (left === 0) isDone();
    },
  });
  jobs.start();
  const wallMs: number[] = [];
  const cpuMs: number[] = [];
  const floorMs: number[] = [];
  for (let round = -1; round < rounds; round++) {
    say(round < 0 ? 'warm-up' : `round ${round + 1} of ${rounds}`);
    const finished = new Promise<void>((resolve) => (isDone = resolve));
    const cpuBefore = process.cpuUsage();
    const before = performance.now();
    await db.write(begin, { subject: `chain-${round}`, left: stepsPerSample - 1 });
    await finished;
    const spentMs = performance.now() - before;
    const cpu = process.cpuUsage(cpuBefore);
    if (round < 0) continue;
    wallMs.push(spentMs / stepsPerSample);
    cpuMs.push((cpu.user + cpu.system) / 1000 / stepsPerSample);
    floorMs.push(syncMs(folder));
  }
  await jobs.stop(0);
  await db[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
  return {
    tables: [
      {
        title: 'One durable step in a chain',
        unit: 'milliseconds of wall time (less is better)',
        subjects: [
          { name: 'Slipway', samples: wallMs },
          { name: 'one 4 KiB write and fdatasync', samples: floorMs },
        ],
        goals: [{ atMost: goalMs }],
      },
      {
        title: 'The same',
        unit: 'CPU milliseconds of all threads',
        subjects: [{ name: 'Slipway', samples: cpuMs }],
        goals: [],
      },
    ],
    notRun: [],
    notes: [
      `A chain of ${stepsPerSample} jobs on SQLite with a synced write-ahead log and the writer in its thread, as the server runs: a commit that claims the step, and one that records its end, a ledger event and the next step.`,
      'The step itself does nothing and runs in the server; steps of pipelines run in processes of their own, whose start comes on top.',
    ],
  };
}

export const step: BenchEntry = { name: 'step', question: 'What does durability cost per step of a pipeline?', run };
