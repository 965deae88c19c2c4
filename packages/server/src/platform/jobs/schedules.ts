/** Schedules queue jobs at the ticks of a cron line in a time zone. */
import { operation } from '../db/db.ts';
import type { Trx } from '../db/db.ts';
import { nextTick, ticksBetween } from './cron.ts';
import { enqueue } from './enqueue.ts';
import type { Schedule } from './jobs.ts';
import { jobsTopic, sweepLimit, table } from './tables.ts';

/** Most ticks of one schedule that are made up for after a standstill; older ones are left out and logged. */
const missedTickLimit = 100;

/** Sets a schedule. One that only changes what it starts keeps its next tick. */
export async function putSchedule(trx: Trx, schedule: Schedule): Promise<void> {
  const existing = await table(trx)
    .selectFrom('jobs_schedule')
    .selectAll()
    .where('name', '=', schedule.name)
    .executeTakeFirst();
  const isSameTime = existing?.cron === schedule.cron && existing.time_zone === schedule.timeZone;
  const row = {
    cron: schedule.cron,
    time_zone: schedule.timeZone,
    kind: schedule.kind,
    subject: schedule.subject,
    payload: JSON.stringify(schedule.payload),
    deadline_ms: schedule.deadlineMs,
    missed: schedule.missed ?? 'each',
    next_at: isSameTime ? existing.next_at : nextTick(schedule, trx.now),
  } as const;
  await table(trx)
    .insertInto('jobs_schedule')
    .values({ name: schedule.name, ...row })
    .onConflict((conflict) => conflict.column('name').doUpdateSet(row))
    .execute();
  trx.wake(jobsTopic);
}

export async function dropSchedule(trx: Trx, name: string): Promise<void> {
  await table(trx).deleteFrom('jobs_schedule').where('name', '=', name).execute();
}

export const setSchedule = operation('jobs.set-schedule', async (trx, input: Schedule): Promise<void> => {
  await putSchedule(trx, input);
});

export const removeSchedule = operation('jobs.remove-schedule', async (trx, input: { name: string }): Promise<void> => {
  await dropSchedule(trx, input.name);
});

/** Queues a job for each tick that has come, and moves the schedules on in the same commit: no tick is lost or doubled. */
export const runSchedules = operation(
  'jobs.run-schedules',
  async (trx): Promise<{ readonly queued: number; readonly skipped: number }> => {
    let due = table(trx)
      .selectFrom('jobs_schedule')
      .selectAll()
      .where('next_at', '<=', trx.now)
      .orderBy('name')
      .limit(sweepLimit);
    if (trx.dialect === 'postgres') due = due.forUpdate().skipLocked();
    let queued = 0;
    let skipped = 0;
    for (const row of await due.execute()) {
      const spec = { cron: row.cron, timeZone: row.time_zone };
      const limit = row.missed === 'latest' ? 1 : missedTickLimit;
      const missed = ticksBetween(spec, { firstAt: row.next_at, untilMs: trx.now, limit });
      skipped += row.missed === 'latest' ? 0 : missed.skipped;
      for (const tick of missed.ticks) {
        await enqueue(trx, {
          kind: row.kind,
          subject: row.subject,
          // Written by putSchedule from an object.
          payload: { ...(JSON.parse(row.payload) as Record<string, unknown>), scheduledAt: tick },
          dedupeKey: `schedule:${row.name}:${tick}`,
          deadlineMs: row.deadline_ms,
        });
        queued += 1;
      }
      await table(trx)
        .updateTable('jobs_schedule')
        .set({ next_at: missed.nextAt })
        .where('name', '=', row.name)
        .execute();
    }
    return { queued, skipped };
  },
);
