/** Ends simulations whose time is over: whoever started one renews it, so one that nobody renews was left behind. */
import type { Clock } from '../../platform/clock.ts';
import type { Db } from '../../platform/db/db.ts';
import type { Log } from '../../platform/log.ts';
import type { SweepLoop } from '../../platform/sweep-loop.ts';
import { createSweepLoop } from '../../platform/sweep-loop.ts';
import type { ProjectOperations, ProjectTables } from './store.ts';

export interface SimulationSweep extends SweepLoop {
  /** One pass; resolves to how many it ended. */
  sweep(): Promise<number>;
}

const sweepEveryMs = 15_000;

export function createSimulationSweep(deps: {
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Log;
  readonly operations: Pick<ProjectOperations, 'expire'>;
}): SimulationSweep {
  const { db, clock, log, operations } = deps;
  const sweep = async (): Promise<number> => {
    // Most of the time there is none: the writer is not asked then.
    const due = await db
      .read<ProjectTables>()
      .selectFrom('projects_project')
      .select('name')
      .where('expires_at', '<=', clock.now())
      .limit(1)
      .executeTakeFirst();
    return due === undefined ? 0 : db.write(operations.expire, {});
  };
  const pass = async (): Promise<void> => {
    const count = await sweep();
    if (count > 0) log.info('simulations that nobody renewed are over', { count });
  };
  return { sweep, ...createSweepLoop(deps, { of: 'simulations', everyMs: sweepEveryMs, pass }) };
}
