/** The tables of the simulated clients: what was asked for, and what was done about it. */
import { join } from 'node:path';
import type { AnyOperation, Db, StoreModule, Trx } from '../../packages/server/src/platform/db/db.ts';
import { operation } from '../../packages/server/src/platform/db/db.ts';
import type { NewJob } from '../../packages/server/src/platform/jobs/jobs.ts';
import { enqueue } from '../../packages/server/src/platform/jobs/enqueue.ts';
import { finishJob } from '../../packages/server/src/platform/jobs/leases.ts';

export interface SimTables {
  sim_order: { key: string; job: number | null };
  sim_effect: { consumer: string; key: string; count: number; place: number };
}

async function order(trx: Trx, key: string, make: () => Promise<number | null>): Promise<boolean> {
  const tables = trx.tables<SimTables>();
  const found = await tables.selectFrom('sim_order').select('key').where('key', '=', key).executeTakeFirst();
  if (found !== undefined) return false;
  await tables
    .insertInto('sim_order')
    .values({ key, job: await make() })
    .execute();
  return true;
}

async function count(trx: Trx, consumer: string, key: string): Promise<number> {
  const tables = trx.tables<SimTables>();
  const done = await tables
    .updateTable('sim_effect')
    .set((eb) => ({ count: eb('count', '+', 1) }))
    .where('consumer', '=', consumer)
    .where('key', '=', key)
    .returning('count')
    .executeTakeFirst();
  if (done !== undefined) return done.count;
  const { last } = await tables
    .selectFrom('sim_effect')
    .select((eb) => eb.fn.coalesce(eb.fn.max('place'), eb.lit(0)).as('last'))
    .where('consumer', '=', consumer)
    .executeTakeFirstOrThrow();
  await tables
    .insertInto('sim_effect')
    .values({ consumer, key, count: 1, place: last + 1 })
    .execute();
  return 1;
}

/** Queues a job once per key, whatever the client was told about earlier tries. */
export const orderJob = operation('sim.order-job', async (trx, input: { key: string; job: NewJob }): Promise<boolean> =>
  order(trx, input.key, () => enqueue(trx, input.job)),
);

/** Writes a row and its event once per key. */
export const orderNote = operation(
  'sim.order-note',
  async (trx, input: { key: string; kind: string }): Promise<boolean> => {
    const isNew = await order(trx, input.key, async () => null);
    if (isNew) await trx.emit({ kind: input.kind, actor: 'client', subject: input.key, body: { key: input.key } });
    return isNew;
  },
);

/** What a module does at the end of its job: outcome, effect and event are one commit. */
export const finishWithEffect = operation(
  'sim.finish-with-effect',
  async (trx, input: { id: number; fence: number; key: string }): Promise<void> => {
    await finishJob(trx, { id: input.id, fence: input.fence });
    await count(trx, 'job', input.key);
    await trx.emit({ kind: 'sim.done', actor: 'system', subject: input.key, body: {} });
  },
);

/** What a consumer does with an event. */
export const takeEffect = operation('sim.take-effect', async (trx, input: { consumer: string; key: string }) =>
  count(trx, input.consumer, input.key),
);

export interface Effect {
  readonly key: string;
  readonly count: number;
}

/** In the order in which they were done first. */
export async function listEffects(db: Db, consumer: string): Promise<Effect[]> {
  return db
    .read<SimTables>()
    .selectFrom('sim_effect')
    .select(['key', 'count'])
    .where('consumer', '=', consumer)
    .orderBy('place')
    .execute();
}

export async function listOrders(db: Db): Promise<{ readonly key: string; readonly job: number | null }[]> {
  return db.read<SimTables>().selectFrom('sim_order').select(['key', 'job']).orderBy('key').execute();
}

export const simStore: StoreModule = {
  name: 'sim',
  migrations: join(import.meta.dirname, 'migrations'),
  // Each is called through its own handle, which keeps its types.
  operations: [orderJob, orderNote, finishWithEffect, takeEffect] as unknown as readonly AnyOperation[],
};
