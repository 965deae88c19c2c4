/** News that are owed to handlers: their job failed, passed its deadline or was cancelled without them. */
import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import { operation } from '../db/db.ts';
import { sweepLimit, table } from './tables.ts';

export interface Notice {
  readonly id: number;
  readonly kind: string;
  readonly subject: string;
  readonly payload: string;
  readonly attempt: number;
  readonly fence: number;
  readonly reason: 'failed' | 'cancelled' | 'deadline';
  readonly message: string;
}

/**
 * The kind as an expression, so that SQLite drives from the few rows with a notice and not from all rows of the kind (it has
 * no statistics that tell them apart).
 */
export const kindOf: RawBuilder<string> = sql<string>`kind || ''`;

/** Takes the news that are owed to handlers of these kinds, and puts them off so that no other process takes them too. */
export const takeNotices = operation(
  'jobs.take-notices',
  async (trx, input: { kinds: readonly string[]; retryMs: number }): Promise<Notice[]> => {
    const rows = await table(trx)
      .selectFrom('jobs_job')
      .selectAll()
      .where('notice_at', '<=', trx.now)
      .where(kindOf, 'in', input.kinds)
      .orderBy('notice_at')
      .limit(sweepLimit)
      .execute();
    for (const row of rows) {
      await table(trx)
        .updateTable('jobs_job')
        .set({ notice_at: trx.now + input.retryMs })
        .where('id', '=', row.id)
        .execute();
    }
    return rows.map((row) => ({
      id: row.id,
      kind: row.kind,
      subject: row.subject,
      payload: row.payload,
      attempt: row.attempt,
      fence: row.fence,
      // The store writes nothing else into this column.
      reason: (row.end_reason ?? 'failed') as Notice['reason'],
      message: row.error ?? '',
    }));
  },
);

export const clearNotices = operation(
  'jobs.clear-notices',
  async (trx, input: { ids: readonly number[] }): Promise<void> => {
    for (const id of input.ids) {
      await table(trx).updateTable('jobs_job').set({ notice_at: null }).where('id', '=', id).execute();
    }
  },
);
