/**
 * Jobs and schedules: each ordered job ends, in one recorded outcome; a success has its effect exactly once; an outcome of
 * a lost lease counts for nothing; every tick of a schedule gives one job.
 */
import { sql } from 'kysely';
import { createJobs } from '../../../packages/server/src/platform/jobs/create-jobs.ts';
import type { JobContext, NewJob } from '../../../packages/server/src/platform/jobs/jobs.ts';
import type { JobRow, JobsTables } from '../../../packages/server/src/platform/jobs/tables.ts';
import { cancelSubject } from '../../../packages/server/src/platform/jobs/leases.ts';
import { setSchedule } from '../../../packages/server/src/platform/jobs/schedules.ts';
import { jobState } from '../../../packages/server/src/platform/jobs/tables.ts';
import type { Server } from '../cluster.ts';
import type { Bench, Scenario, ScenarioRun } from '../scenario.ts';
import { finishWithEffect, listEffects, listOrders, orderJob } from '../sim-store.ts';

const orderCount = 60;
const attempts = 6;
const minuteMs = 60_000;
const schedule = {
  name: 'minutes',
  cron: '* * * * *',
  timeZone: 'UTC',
  kind: 'tick',
  subject: 'minutes',
  payload: {},
  deadlineMs: 30 * minuteMs,
};

/** What a job does, drawn when it is ordered. */
interface Task {
  readonly key: string;
  readonly workMs: number;
  /** Attempts that throw, counted from the first. */
  readonly failures: number;
  /** Whether the handler records its outcome itself, with an effect, as modules do. */
  readonly hasEffect: boolean;
}

export const jobsScenario: Scenario = {
  name: 'jobs',
  what: 'leases, fences, retries, cancelling, deadlines, schedules',
  busyMs: 100_000,
  faults: [3, 9],
  create,
};

function create(bench: Bench): ScenarioRun {
  const { world, random, auditor } = bench;
  const acknowledged = new Set<string>();
  /** Handlers that were started, as `job/fence`: no lease may be given out twice. */
  const begun = new Map<string, number>();
  const told = new Map<number, number>();
  /** The fence with which a success was recorded. */
  const recorded = new Map<number, number>();

  const boot = (server: Server): void => {
    const jobs = createJobs({
      db: server.db,
      clock: server.machine.clock,
      log: server.log,
      owner: server.name,
      random: server.random.fork('backoff').next,
    });
    const onFailed = async (context: { readonly jobId: number }): Promise<void> => {
      told.set(context.jobId, (told.get(context.jobId) ?? 0) + 1);
    };
    jobs.register('work', {
      slots: 3,
      onFailed,
      run: async (context) => {
        const claim = `${context.jobId}/${context.fence}`;
        begun.set(claim, (begun.get(claim) ?? 0) + 1);
        if (await work(server, context)) recorded.set(context.jobId, context.fence);
      },
    });
    jobs.register('tick', { slots: 2, onFailed, run: () => server.machine.clock.sleep(5) });
    jobs.start();
  };

  const clients = async (): Promise<void> => {
    const orders = Array.from({ length: orderCount }, (_, i) => `order-${String(i).padStart(3, '0')}`);
    await Promise.all([
      bench.cluster().write(setSchedule, schedule),
      ...orders.map(async (key) => {
        await world.sleep(random.between(0, 80_000));
        await bench.cluster().write(orderJob, { key, job: drawJob(bench, key) });
        acknowledged.add(key);
        if (!random.chance(0.15)) return;
        await world.sleep(random.between(0, 20_000));
        await bench.cluster().write(cancelSubject, { subject: key });
      }),
    ]);
  };

  return {
    boot,
    clients,
    isQuiet: async () => (await open(auditor)).length === 0,
    watch: async () =>
      (await open(auditor))
        .filter((row) => row.state !== jobState.ready && (row.lease_owner === null || row.lease_until === null))
        .map((row) => `job ${row.id} is held by nobody`),
    audit: async () => {
      const rows = await auditor.read<JobsTables>().selectFrom('jobs_job').selectAll().orderBy('id').execute();
      const effects = new Map((await listEffects(auditor, 'job')).map((effect) => [effect.key, effect.count]));
      const orders = new Map((await listOrders(auditor)).map((order) => [order.key, order.job]));
      const problems: string[] = [];
      for (const key of acknowledged) if (!orders.has(key)) problems.push(`${key} was acknowledged and is lost`);
      for (const row of rows) problems.push(...auditJob(row, { effects, told, recorded }));
      for (const [claim, count] of begun)
        if (count > 1) problems.push(`the lease ${claim} was given out ${count} times`);
      const events = await sql<{ subject: string; count: number }>`
        select subject, count(*) as count from ledger_event where kind = 'sim.done' group by subject`.execute(
        auditor.read(),
      );
      for (const { subject, count } of events.rows) {
        if (Number(count) !== (effects.get(subject) ?? 0)) problems.push(`${subject} has ${count} events of its end`);
      }
      if (events.rows.length !== effects.size) problems.push(`${effects.size} effects, ${events.rows.length} events`);
      return [...problems, ...auditTicks(rows)];
    },
  };
}

function drawJob({ random }: Bench, key: string): NewJob {
  const task: Task = {
    key,
    workMs: random.chance(0.2) ? random.between(5000, 30_000) : random.between(0, 800),
    failures: random.chance(0.25) ? random.between(1, 3) : random.chance(0.1) ? attempts : 0,
    hasEffect: random.chance(0.6),
  };
  return {
    kind: 'work',
    subject: key,
    payload: { ...task },
    deadlineMs: random.chance(0.1) ? 20_000 : 25 * minuteMs,
    maxAttempts: attempts,
    priority: random.between(0, 2),
  };
}

/** True when it recorded its outcome itself. */
async function work(server: Server, context: JobContext): Promise<boolean> {
  // Written by drawJob.
  const task = context.payload as unknown as Task;
  await server.machine.clock.sleep(task.workMs, context.signal);
  if (context.attempt <= task.failures) throw new Error(`attempt ${context.attempt} fails`);
  if (!task.hasEffect) return false;
  await server.db.write(finishWithEffect, { id: context.jobId, fence: context.fence, key: task.key });
  return true;
}

async function open(db: Bench['auditor']): Promise<JobRow[]> {
  return db
    .read<JobsTables>()
    .selectFrom('jobs_job')
    .selectAll()
    .where('state', 'in', [jobState.ready, jobState.leased, jobState.cancelling])
    .execute();
}

function auditJob(
  row: JobRow,
  seen: {
    readonly effects: ReadonlyMap<string, number>;
    readonly told: ReadonlyMap<number, number>;
    readonly recorded: ReadonlyMap<number, number>;
  },
): string[] {
  const problems: string[] = [];
  const say = (problem: string): void => void problems.push(`job ${row.id} (${row.subject}) ${problem}`);
  if (row.ended_at === null) say('has not ended');
  if (row.attempt > row.max_attempts) say(`was tried ${row.attempt} times, ${row.max_attempts} are allowed`);
  if (row.state !== jobState.done && !seen.told.has(row.id)) say('ended without success, and nobody was told');
  if (row.state === jobState.done && seen.told.has(row.id)) say('succeeded, and was reported as failed');
  const by = seen.recorded.get(row.id);
  if (by !== undefined && by !== row.fence) say(`was finished under fence ${by}, the lease of then was ${row.fence}`);
  if (row.kind !== 'work') return problems;
  const task = JSON.parse(row.payload) as Task;
  const effects = seen.effects.get(task.key) ?? 0;
  if (effects > 1) say(`had its effect ${effects} times`);
  if (row.state === jobState.done && task.hasEffect && effects !== 1) say('succeeded without its effect');
  if (row.state === jobState.failed && effects > 0) say('failed, but had its effect');
  return problems;
}

function auditTicks(rows: readonly JobRow[]): string[] {
  const ticks = rows
    .filter((row) => row.kind === 'tick')
    .map((row) => Number((JSON.parse(row.payload) as { scheduledAt?: unknown }).scheduledAt))
    .sort((a, b) => a - b);
  const problems: string[] = [];
  for (const [i, at] of ticks.entries()) {
    const before = ticks[i - 1];
    if (before === undefined) continue;
    if (at === before) problems.push(`the tick ${new Date(at).toISOString()} came twice`);
    else if (at - before !== minuteMs) problems.push(`ticks are missing before ${new Date(at).toISOString()}`);
  }
  if (ticks.length === 0) problems.push('no tick came');
  return problems;
}
