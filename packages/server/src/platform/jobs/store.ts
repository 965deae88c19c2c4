/** What the database knows of jobs: their migrations and writes. */
import { fileURLToPath } from 'node:url';
import { operation } from '../db/db.ts';
import type { StoreModule } from '../db/db.ts';
import { leaseOperations } from './leases.ts';
import { clearNotices, takeNotices } from './notices.ts';
import { removeSchedule, runSchedules, setSchedule } from './schedules.ts';
import { sweepLimit, table } from './tables.ts';

/** Forgets jobs that ended long ago. */
export const forgetJobs = operation('jobs.forget', async (trx, input: { endedBefore: number }): Promise<number> => {
  const old = table(trx)
    .selectFrom('jobs_job')
    .select('id')
    .where('ended_at', '<', input.endedBefore)
    .where('notice_at', 'is', null)
    .orderBy('ended_at')
    .limit(sweepLimit);
  const result = await table(trx).deleteFrom('jobs_job').where('id', 'in', old).executeTakeFirst();
  return Number(result.numDeletedRows);
});

export const jobsStore: StoreModule = {
  name: 'jobs',
  migrations: fileURLToPath(new URL('./migrations/', import.meta.url)),
  operations: [...leaseOperations, takeNotices, clearNotices, forgetJobs, setSchedule, removeSchedule, runSchedules],
};
