/**
 * The sealer on PostgreSQL: moves events from `ledger_pending` to `ledger_event` and chains them, in one transaction under
 * the lock of the head row. Writers never wait for it, and any number may run: the lock orders them. One that dies leaves
 * the pending rows where they are, for the next.
 *
 * Order: an event whose writer had seen another's commit has the higher pending id, and a sealer's snapshot that holds the
 * later one holds the earlier one too, so it gets the higher sequence number.
 */
import type pg from 'pg';
import { chainAfter } from '../ledger/chain.ts';

/** Events moved per transaction. */
export const sealBatch = 2000;

interface PendingRow {
  readonly id: number;
  readonly at: number;
  readonly actor: string;
  readonly kind: string;
  readonly subject: string;
  readonly body: string;
  readonly digest: Buffer;
}

const takeSql = `
  with taken as (
    delete from ledger_pending where id in (select id from ledger_pending order by id limit ${sealBatch})
    returning id, at, actor, kind, subject, body, digest)
  select * from taken order by id`;
const insertSql = `
  insert into ledger_event (seq, at, actor, kind, subject, body, digest, chain)
  select * from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[], $8::bytea[])`;

/** Seals one batch. Returns the newest sequence number and how many events it moved. */
export async function sealPending(client: pg.ClientBase): Promise<{ readonly seq: number; readonly count: number }> {
  await client.query('begin isolation level read committed');
  try {
    const head = (
      await client.query<{ seq: number; chain: Buffer }>('select seq, chain from ledger_head where id = 0 for update')
    ).rows[0];
    if (head === undefined) throw new Error('The ledger has no head row');
    const pending = (await client.query<PendingRow>(takeSql)).rows;
    let { seq } = head;
    let chain: Uint8Array = head.chain;
    if (pending.length > 0) {
      const seqs: number[] = [];
      const chains: Buffer[] = [];
      for (const event of pending) {
        seq += 1;
        chain = chainAfter(chain, seq, event.digest);
        seqs.push(seq);
        chains.push(Buffer.from(chain));
      }
      await client.query(insertSql, [
        seqs,
        pending.map((event) => event.at),
        pending.map((event) => event.actor),
        pending.map((event) => event.kind),
        pending.map((event) => event.subject),
        pending.map((event) => event.body),
        pending.map((event) => event.digest),
        chains,
      ]);
      await client.query('update ledger_head set seq = $1, chain = $2 where id = 0', [seq, Buffer.from(chain)]);
    }
    await client.query('commit');
    return { seq, count: pending.length };
  } catch (error) {
    await client.query('rollback').catch(() => {});
    throw error;
  }
}
