/** A small store module for the tests of the database itself. */
import { fileURLToPath } from 'node:url';
import { sql } from 'kysely';
import { SlipwayError } from '@slipway/contract';
import { operation } from '../db.ts';
import type { StoreModule } from '../db.ts';

export interface Wide {
  id: number;
  big: bigint;
  ratio: number;
  bytes: Uint8Array;
  text: string;
}

export interface CounterTables {
  counter: { name: string; value: number };
  wide: Wide;
}

export const putCounter = operation(
  'counter.put',
  async (trx, input: { name: string; value: number }): Promise<number> => {
    await trx
      .tables<CounterTables>()
      .insertInto('counter')
      .values(input)
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ value: input.value }))
      .execute();
    await trx.emit({
      kind: 'counter.put',
      actor: 'owner',
      subject: `counter:${input.name}`,
      body: { value: input.value },
    });
    return input.value;
  },
);

/** Reads, then writes one more: only right when writes do not interleave. */
export const increment = operation('counter.increment', async (trx, input: { name: string }): Promise<number> => {
  const tables = trx.tables<CounterTables>();
  const row = await tables.selectFrom('counter').select('value').where('name', '=', input.name).executeTakeFirst();
  const value = (row?.value ?? 0) + 1;
  if (row === undefined) await tables.insertInto('counter').values({ name: input.name, value }).execute();
  else await tables.updateTable('counter').set({ value }).where('name', '=', input.name).execute();
  return value;
});

export const failAfterWriting = operation('counter.fail', async (trx, input: { name: string }): Promise<void> => {
  await trx.tables<CounterTables>().insertInto('counter').values({ name: input.name, value: 1 }).execute();
  await trx.emit({ kind: 'counter.put', actor: 'owner', subject: `counter:${input.name}`, body: {} });
  throw new SlipwayError('already_exists', { noun: 'counter', name: input.name });
});

export const waitOutside = operation('counter.wait', async (trx, input: { name: string }): Promise<void> => {
  await trx.tables<CounterTables>().insertInto('counter').values({ name: input.name, value: 1 }).execute();
  await new Promise((resolve) => setTimeout(resolve, 20));
});

export const echoWide = operation('counter.wide', async (trx, input: Wide): Promise<Wide> => {
  return trx.tables<CounterTables>().insertInto('wide').values(input).returningAll().executeTakeFirstOrThrow();
});

export const crashWriter = operation('counter.crash', async (trx): Promise<void> => {
  await sql`select 1`.execute(trx.tables());
  process.exit(7);
});

export const wakeTopic = operation('counter.wake', async (trx): Promise<void> => {
  trx.wake('counting');
});

export const counterStore: StoreModule = {
  name: 'counter',
  migrations: fileURLToPath(new URL('./counter-migrations/', import.meta.url)),
  operations: [putCounter, increment, failAfterWriting, waitOutside, echoWide, wakeTopic, crashWriter],
};
