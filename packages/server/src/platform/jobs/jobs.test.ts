import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SlipwayError } from '@slipway/contract';
import { createSystemClock } from '../clock.ts';
import type { Clock } from '../clock.ts';
import { operation } from '../db/db.ts';
import type { Db } from '../db/db.ts';
import { dbTest, eachDatabase } from '../db/testing.ts';
import { createLog } from '../log.ts';
import { createJobs } from './create-jobs.ts';
import { nextTick } from './cron.ts';
import type { JobContext, JobKind, Jobs, NewJob } from './jobs.ts';
import { enqueue } from './enqueue.ts';
import { claimJobs, failAttempt, finish, finishJob, heartbeat, sweepJobs } from './leases.ts';
import { jobsStore } from './store.ts';
import { jobState } from './tables.ts';
import type { JobsTables } from './tables.ts';

const system = createSystemClock();
const log = createLog({ level: 'error', now: () => 0, write: () => {} });

const add = operation('test.add', async (trx, input: NewJob): Promise<number> => enqueue(trx, input));
const addAndFail = operation('test.add-and-fail', async (trx, input: NewJob): Promise<void> => {
  await enqueue(trx, input);
  throw new SlipwayError('conflict', { problem: 'on purpose' });
});
/** Records a success where the job's outcome is recorded, as modules do it. */
const succeed = operation(
  'test.succeed',
  async (trx, input: { id: number; fence: number; subject: string }): Promise<void> => {
    await finishJob(trx, { id: input.id, fence: input.fence });
    await trx.emit({ kind: 'test.succeeded', actor: 'system', subject: input.subject, body: {} });
  },
);

interface Opened {
  readonly db: Db;
  /** Moves the wall clock on. */
  readonly shift: (ms: number) => void;
  readonly clock: Clock;
  readonly sealed: () => Promise<void>;
}

interface Bench extends Opened {
  readonly jobs: (owner: string, kinds?: Readonly<Record<string, JobKind>>) => Jobs;
}

interface TestTime {
  /** The wall clock moves by `shift` alone, so that a slow machine meets no tick of its own. */
  readonly standsStill?: boolean;
  /** Without the backstop of the loop only what wakes it helps. */
  readonly polls?: boolean;
}

/** The backstop of the loop, milliseconds. */
const pollMs = 1000;

async function withBench(opened: Opened, run: (bench: Bench) => Promise<void>): Promise<void> {
  const { db, clock } = opened;
  const started: Jobs[] = [];
  try {
    await run({
      ...opened,
      jobs: (owner, kinds = {}) => {
        const jobs = createJobs({ db, clock, log, owner, random: () => 0.01 });
        for (const [kind, handler] of Object.entries(kinds)) jobs.register(kind, handler);
        jobs.start();
        started.push(jobs);
        return jobs;
      },
    });
  } finally {
    await Promise.all(started.map((jobs) => jobs.stop(0)));
  }
}

const job = (subject: string, more: Partial<NewJob> = {}): NewJob => ({
  kind: 'work',
  subject,
  payload: { n: 1 },
  deadlineMs: 60_000,
  ...more,
});

async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = system.now() + 60_000;
  while (!(await condition())) {
    assert(system.now() < deadline, `waited in vain until ${what}`);
    await system.sleep(2);
  }
}

const stateOf = async (jobs: Jobs, id: number): Promise<string> => (await jobs.find(id))?.state ?? 'missing';
const aborted = (context: JobContext): Promise<never> =>
  new Promise((_, reject) => context.signal.addEventListener('abort', () => reject(context.signal.reason as Error)));

const iso = (ms: number): string => new Date(ms).toISOString();

for (const [what, cron, timeZone, after, expected] of [
  [
    'a skipped hour ticks once, later',
    '30 2 * * *',
    'Europe/Berlin',
    '2026-03-28T12:00Z',
    ['03-29T01:00', '03-30T00:30'],
  ],
  ['a doubled hour ticks once', '30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00Z', ['10-25T00:30', '10-26T01:30']],
  ['hourly over a skipped hour', '0 * * * *', 'Europe/Berlin', '2026-03-29T00:30Z', ['03-29T01:00', '03-29T02:00']],
  [
    'hourly over a doubled hour',
    '0 * * * *',
    'Europe/Berlin',
    '2026-10-24T23:30Z',
    ['10-25T00:00', '10-25T01:00', '10-25T02:00'],
  ],
  ['a zone behind UTC', '30 1 * * *', 'America/New_York', '2026-10-31T12:00Z', ['11-01T05:30', '11-02T06:30']],
  ['the last of a month is reached', '0 0 31 * *', 'UTC', '2026-08-31T12:00Z', ['10-31T00:00', '12-31T00:00']],
] as const) {
  test(`cron: ${what}`, () => {
    let at = Date.parse(after);
    for (const tick of expected) {
      at = nextTick({ cron, timeZone }, at);
      assert.equal(iso(at), `2026-${tick}:00.000Z`);
    }
  });
}

for (const [cron, timeZone] of [
  ['* * * *', 'UTC'],
  ['* * * * * *', 'UTC'],
  ['61 * * * *', 'UTC'],
  ['@daily', 'UTC'],
  ['0 0 30 2 *', 'UTC'],
  ['0 0 * * *', 'Mars/Olympus'],
] as const) {
  test(`cron: "${cron}" in ${timeZone} is refused`, () => {
    assert.throws(() => nextTick({ cron, timeZone }, 0), { code: 'schedule_invalid' });
  });
}

eachDatabase((name, openDb) => {
  const jobsTest = (title: string, run: (bench: Bench) => Promise<void>, time: TestTime = {}): void => {
    let offset = 0;
    const startedAt = system.now();
    const clock: Clock = {
      ...system,
      now: () => (time.standsStill === true ? startedAt : system.now()) + offset,
      after: (delayMs, callback) =>
        time.polls === false && delayMs >= pollMs ? () => undefined : system.after(delayMs, callback),
    };
    const shift = (ms: number): void => void (offset += ms);
    const options = { modules: [jobsStore], operations: [add, addAndFail, succeed], clock };
    dbTest(`${name}: ${title}`, openDb, options, async (_, { db, sealed }) =>
      withBench({ db, sealed, clock, shift }, run),
    );
  };

  const runsSoon = async (bench: Bench): Promise<void> => {
    const { db, jobs } = bench;
    const seen: JobContext[] = [];
    const runtime = jobs('a', { work: { slots: 1, run: async (context) => void seen.push(context) } });
    await assert.rejects(db.write(addAndFail, job('run:0')), { code: 'conflict' });
    const id = await db.write(add, job('run:1', { payload: { deep: [1, { x: 'y' }] } }));
    await until(async () => (await stateOf(runtime, id)) === 'done', 'the job was done');
    assert.deepEqual(
      seen.map((c) => [c.jobId, c.subject, c.attempt, c.fence, c.payload]),
      [[id, 'run:1', 1, 1, { deep: [1, { x: 'y' }] }]],
    );
    assert.deepEqual(
      (await runtime.list({ limit: 10 })).map((r) => r.subject),
      ['run:1'],
    );
  };
  jobsTest('a job exists exactly when its mutation does, runs soon, and records its end', runsSoon, { polls: false });

  jobsTest('the same dedupe key gives the same job while it is unfinished, and a new one after', async (bench) => {
    const { db, jobs } = bench;
    const first = await db.write(add, job('a', { dedupeKey: 'k' }));
    assert.equal(await db.write(add, job('b', { dedupeKey: 'k' })), first);
    assert.notEqual(await db.write(add, job('b', { dedupeKey: 'other' })), first);
    const gate = Promise.withResolvers<void>();
    const runtime = jobs('a', { work: { slots: 5, run: () => gate.promise } });
    await until(async () => (await stateOf(runtime, first)) === 'leased', 'the job runs');
    assert.equal(await db.write(add, job('b', { dedupeKey: 'k' })), first);
    gate.resolve();
    await until(async () => (await stateOf(runtime, first)) === 'done', 'the job is done');
    assert.notEqual(await db.write(add, job('b', { dedupeKey: 'k' })), first);
  });

  jobsTest(
    'a throwing handler is called again with backoff until its attempts are used up; onFailed is called once',
    async (bench) => {
      const { db, jobs } = bench;
      const attempts: number[] = [];
      const ends: string[] = [];
      const runtime = jobs('a', {
        work: {
          slots: 1,
          backoff: { baseMs: 100, maxMs: 1000 },
          run: async (context) => {
            attempts.push(context.attempt);
            throw new Error(`attempt ${context.attempt} broke`);
          },
          onFailed: async (context, reason) => void ends.push(`${context.subject} ${reason.state} ${reason.message}`),
        },
      });
      const id = await db.write(add, job('run:1', { maxAttempts: 3 }));
      await until(() => ends.length > 0, 'onFailed was called');
      await system.sleep(50);
      assert.deepEqual(attempts, [1, 2, 3]);
      assert.deepEqual(ends, ['run:1 failed attempt 3 broke']);
      assert.equal((await runtime.find(id))?.error, 'attempt 3 broke');
    },
  );

  jobsTest('an error that another try cannot mend is not tried again', async (bench) => {
    const { db, jobs } = bench;
    let calls = 0;
    const runtime = jobs('a', {
      work: {
        slots: 1,
        run: async () => {
          calls += 1;
          throw new SlipwayError('not_found', { noun: 'dataset', name: 'x', remedy: '' });
        },
      },
    });
    const id = await db.write(add, job('run:1'));
    await until(async () => (await stateOf(runtime, id)) === 'failed', 'the job failed');
    assert.equal(calls, 1);
  });

  jobsTest('onFailed that throws is called again, also by the next process', async (bench) => {
    const { db, jobs, shift } = bench;
    let calls = 0;
    const kind: JobKind = {
      slots: 1,
      run: () => Promise.reject(new SlipwayError('conflict', { problem: 'no' })),
      onFailed: async () => {
        calls += 1;
        if (calls === 1) throw new Error('not now');
      },
    };
    const first = jobs('a', { work: kind });
    await db.write(add, job('run:1'));
    await until(() => calls === 1, 'onFailed was called');
    await first.stop(0);
    jobs('b', { work: kind });
    shift(31_000);
    await until(() => calls === 2, 'onFailed was called again');
    await system.sleep(1100);
    shift(31_000);
    await system.sleep(1100);
    assert.equal(calls, 2);
  });

  jobsTest('no more than the slots run at once, higher priority first', async (bench) => {
    const { db, jobs } = bench;
    const order: string[] = [];
    let live = 0;
    let most = 0;
    for (let i = 0; i < 12; i++) await db.write(add, job(`p${i % 3}`, { priority: i % 3 }));
    jobs('a', {
      work: {
        slots: 3,
        run: async (context) => {
          order.push(context.subject);
          most = Math.max(most, ++live);
          await system.sleep(5);
          live -= 1;
        },
      },
    });
    await until(() => order.length === 12 && live === 0, 'all jobs ran');
    assert.equal(most, 3);
    assert.deepEqual(order, [...Array(4).fill('p2'), ...Array(4).fill('p1'), ...Array(4).fill('p0')]);
  });

  jobsTest('a job does not run before its time', async (bench) => {
    const { db, jobs, clock } = bench;
    const runAt = clock.now() + 150;
    let ranAt = 0;
    jobs('a', { work: { slots: 1, run: async () => void (ranAt = clock.now()) } });
    await db.write(add, job('run:1', { runAt }));
    await until(() => ranAt > 0, 'the job ran');
    assert(ranAt >= runAt, `ran ${runAt - ranAt} ms before its time`);
  });

  jobsTest('an old fence changes nothing: not finish, not fail, not the heartbeat', async (bench) => {
    const { db, jobs, shift } = bench;
    const runtime = jobs('observer');
    const id = await db.write(add, job('run:1'));
    const claim = { leaseMs: 15_000, wants: [{ kind: 'work', count: 5 }] };
    const [old] = await db.write(claimJobs, { ...claim, owner: 'slow' });
    assert.equal(old?.id, id);
    assert.deepEqual(await db.write(claimJobs, { ...claim, owner: 'other' }), []);
    shift(16_000);
    await until(async () => (await runtime.find(id))?.state === 'ready', 'the lease was taken away');
    const [current] = await db.write(claimJobs, { ...claim, owner: 'fast' });
    assert(current !== undefined && current.fence > old.fence && current.attempt === 2);
    assert.equal(await db.write(finish, { id, fence: old.fence, result: 'late' }), false);
    await assert.rejects(db.write(succeed, { id, fence: old.fence, subject: 'run:1' }), { code: 'job_lease_lost' });
    const failing = { id, fence: old.fence, message: 'late', isRetryable: true, delayMs: 0 };
    assert.equal(await db.write(failAttempt, failing), undefined);
    assert.deepEqual(await db.write(heartbeat, { owner: 'slow', leaseMs: 15_000, ids: [id] }), []);
    assert.equal(await stateOf(runtime, id), 'leased');
    assert.equal(await db.write(finish, { id, fence: current.fence, result: 'first' }), true);
    assert.equal(
      await db.write(finish, { id, fence: current.fence, result: 'again' }),
      true,
      'a repeated finish is harmless',
    );
    const row = await db.read<JobsTables>().selectFrom('jobs_job').selectAll().executeTakeFirstOrThrow();
    assert.equal(row.result, '"first"');
  });

  jobsTest('a poison job whose worker dies each time ends after its attempts', async (bench) => {
    const { db, shift } = bench;
    const id = await db.write(add, job('run:1', { maxAttempts: 2, deadlineMs: 10_000_000 }));
    for (let round = 0; round < 2; round++) {
      const claimed = await db.write(claimJobs, {
        owner: `w${round}`,
        leaseMs: 15_000,
        wants: [{ kind: 'work', count: 1 }],
      });
      assert.equal(claimed.length, 1);
      shift(16_000);
      await db.write(sweepJobs, {});
    }
    const row = await db
      .read<JobsTables>()
      .selectFrom('jobs_job')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirstOrThrow();
    assert.deepEqual([row.state, row.attempt, row.end_reason], [jobState.failed, 2, 'failed']);
  });

  jobsTest('cancelling: waiting jobs end at once, running ones when they notice', async (bench) => {
    const { db, jobs } = bench;
    const ends: string[] = [];
    const runtime = jobs('a', {
      work: { slots: 1, run: aborted, onFailed: async (c, reason) => void ends.push(`${c.jobId} ${reason.state}`) },
    });
    const running = await db.write(add, job('run:1'));
    const waiting = await db.write(add, job('run:1'));
    const other = await db.write(add, job('run:2', { runAt: system.now() + 60_000 }));
    await until(async () => (await stateOf(runtime, running)) === 'leased', 'the first job runs');
    assert.equal(await runtime.cancel('run:1'), 2);
    await until(async () => (await stateOf(runtime, running)) === 'cancelled', 'the running job ended');
    assert.equal(await stateOf(runtime, waiting), 'cancelled');
    assert.equal(await stateOf(runtime, other), 'ready');
    await until(() => ends.length === 2, 'both ends were told');
    assert.deepEqual(ends.sort(), [`${running} cancelled`, `${waiting} cancelled`].sort());
    assert.equal(await runtime.cancel('run:1'), 0);
  });

  jobsTest('a handler that ignores its cancellation is given up after the grace', async (bench) => {
    const { db, jobs, shift } = bench;
    const gate = Promise.withResolvers<void>();
    const runtime = jobs('a', { work: { slots: 1, run: () => gate.promise } });
    const id = await db.write(add, job('run:1'));
    await until(async () => (await stateOf(runtime, id)) === 'leased', 'the job runs');
    await runtime.cancel('run:1');
    assert.equal(await stateOf(runtime, id), 'cancelling');
    shift(11_000);
    await until(async () => (await stateOf(runtime, id)) === 'cancelled', 'the job was given up');
    gate.resolve();
    await system.sleep(20);
    assert.equal(await stateOf(runtime, id), 'cancelled');
  });

  jobsTest('a job that passes its deadline is aborted, and ends as failed with that reason', async (bench) => {
    const { db, jobs } = bench;
    const ends: string[] = [];
    const onFailed: JobKind['onFailed'] = async (context, reason) =>
      void ends.push(`${context.subject} ${reason.state}`);
    const runtime = jobs('a', { work: { slots: 1, run: aborted, onFailed } });
    const id = await db.write(add, job('runs', { deadlineMs: 100 }));
    await db.write(add, job('waits', { deadlineMs: 100 }));
    await until(() => ends.length === 2, 'both ended');
    assert.deepEqual(ends.sort(), ['runs deadline', 'waits deadline']);
    assert.match((await runtime.find(id))?.error ?? '', /by its deadline, 100 ms/);
  });

  jobsTest('stopping gives work back at once and does not count the interruption as an attempt', async (bench) => {
    const { db, jobs } = bench;
    const first = jobs('a', { work: { slots: 1, run: aborted } });
    const id = await db.write(add, job('run:1'));
    await until(async () => (await stateOf(first, id)) === 'leased', 'the job runs');
    await first.stop(0);
    assert.deepEqual([await stateOf(first, id), (await first.find(id))?.attempt], ['ready', 0]);
    const attempts: number[] = [];
    const second = jobs('b', { work: { slots: 1, run: async (c) => void attempts.push(c.attempt) } });
    await until(async () => (await stateOf(second, id)) === 'done', 'the job was resumed');
    assert.deepEqual(attempts, [1]);
  });

  jobsTest('stopping waits for what ends within the grace', async (bench) => {
    const { db, jobs } = bench;
    const runtime = jobs('a', { work: { slots: 1, run: () => system.sleep(60) } });
    const id = await db.write(add, job('run:1'));
    await until(async () => (await stateOf(runtime, id)) === 'leased', 'the job runs');
    await runtime.stop(2000);
    assert.equal(await stateOf(runtime, id), 'done');
  });

  jobsTest(
    'leases of a dead server are taken over at start where there is one server, else when they expire',
    async (bench) => {
      const { db, jobs, shift } = bench;
      const id = await db.write(add, job('run:1'));
      await db.write(claimJobs, { owner: 'dead', leaseMs: 15_000, wants: [{ kind: 'work', count: 1 }] });
      const startedAt = system.monotonic();
      const runtime = jobs('alive', { work: { slots: 1, run: async (c) => c.attempt } });
      // Many servers may share a PostgreSQL workspace: there, only an expired lease tells that its owner is dead.
      if (db.dialect === 'postgres') {
        await system.sleep(100);
        assert.equal(await stateOf(runtime, id), 'leased');
        shift(16_000);
      }
      await until(async () => (await stateOf(runtime, id)) === 'done', 'the job was taken over');
      // Not by waiting for the lease to run out.
      assert(system.monotonic() - startedAt < 12_000);
      assert.equal((await runtime.find(id))?.attempt, 2);
    },
  );

  jobsTest('every state that is not final has a deadline, and those that are leased a lease', async (bench) => {
    const { db, jobs } = bench;
    const runtime = jobs('a', { work: { slots: 1, run: () => new Promise(() => {}) } });
    const states: string[] = [];
    const look = async (): Promise<void> => {
      const row = await db.read<JobsTables>().selectFrom('jobs_job').selectAll().executeTakeFirstOrThrow();
      states.push((await runtime.find(row.id))?.state ?? '');
      assert(row.deadline_at > 0);
      assert.equal(row.lease_until !== null, row.state === jobState.leased || row.state === jobState.cancelling);
    };
    const id = await db.write(add, job('run:1', { runAt: system.now() + 100 }));
    await look();
    await until(async () => (await stateOf(runtime, id)) === 'leased', 'the job runs');
    await look();
    await runtime.cancel('run:1');
    await look();
    assert.deepEqual(states, ['ready', 'leased', 'cancelling']);
  });

  jobsTest('under random faults and restarts each job has exactly one recorded success', async (bench) => {
    const { db, jobs } = bench;
    const count = 150;
    let seed = 7;
    const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
    const handler: JobKind = {
      slots: 6,
      backoff: { baseMs: 10, maxMs: 20 },
      run: async (context) => {
        await system.sleep(random() * 4);
        if (random() < 0.2) throw new Error('fault before the work');
        await db.write(succeed, { id: context.jobId, fence: context.fence, subject: context.subject });
        if (random() < 0.2) throw new Error('fault after the work');
      },
    };
    for (let i = 0; i < count; i++) await db.write(add, job(`run:${i}`, { maxAttempts: 1000 }));
    let generation = 0;
    let runtime = jobs('g0', { work: handler });
    const left = async (): Promise<number> =>
      (await db.read<JobsTables>().selectFrom('jobs_job').select('id').where('state', '!=', jobState.done).execute())
        .length;
    while ((await left()) > 0) {
      await system.sleep(40 + random() * 80);
      await runtime.stop(0);
      runtime = jobs(`g${++generation}`, { work: handler });
      assert(generation < 400, 'the jobs do not come to an end');
    }
    const recorded = async (): Promise<string[]> =>
      (
        await db.read<{ ledger_event: { subject: string } }>().selectFrom('ledger_event').select('subject').execute()
      ).map((event) => event.subject);
    // PostgreSQL seals events shortly after their commit.
    await until(async () => (await recorded()).length >= count, 'every success is sealed');
    assert.deepEqual((await recorded()).sort(), Array.from({ length: count }, (_, i) => `run:${i}`).sort());
  });

  jobsTest(
    'schedules: each tick gives one job, over restarts and standstills, and changing the payload moves no tick',
    async (bench) => {
      const { db, shift, clock } = bench;
      shift(60_000 - (clock.now() % 60_000) + 1000);
      // A handler that a stopping server interrupts is called again: what counts is that its tick is the same.
      const ticks = new Set<number>();
      const kind: JobKind = {
        slots: 4,
        run: async (context) => void ticks.add(Number(context.payload['scheduledAt'])),
      };
      const schedule = {
        name: 's',
        cron: '* * * * *',
        timeZone: 'UTC',
        kind: 'tick',
        subject: 's',
        payload: { a: 1 },
        deadlineMs: 1e7,
      };
      let runtime = bench.jobs('g0', { tick: kind });
      const from = clock.now();
      await runtime.setSchedule(schedule);
      await assert.rejects(runtime.setSchedule({ ...schedule, cron: 'x' }), { code: 'schedule_invalid' });
      for (const [generation, minutes] of [1, 1, 5, 2].entries()) {
        if (generation % 2 === 1) await runtime.stop(0);
        shift(minutes * 60_000);
        if (generation % 2 === 1) runtime = bench.jobs(`g${generation + 1}`, { tick: kind });
        await runtime.setSchedule({ ...schedule, payload: { a: generation } });
        const expected = Math.floor((clock.now() - from + 1000) / 60_000);
        await until(() => ticks.size >= expected, `tick ${expected} came`);
      }
      assert.deepEqual(
        [...ticks].sort((a, b) => a - b).map((at) => at - Math.min(...ticks)),
        Array.from({ length: 9 }, (_, i) => i * 60_000),
      );
      await runtime.setSchedule({ ...schedule, missed: 'latest' });
      shift(7 * 60_000);
      await until(() => ticks.size === 10, 'the latest tick came');
      await runtime.removeSchedule('s');
      shift(5 * 60_000);
      await system.sleep(1200);
      assert.equal(ticks.size, 10);
      const queued = await db.read<JobsTables>().selectFrom('jobs_job').select('id').execute();
      assert.equal(queued.length, 10, 'each tick gave one job');
    },
    { standsStill: true },
  );
});
