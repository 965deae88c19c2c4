/** Saved views: a name for what stands in the address of the list of runs. */
import { SlipwayError } from '@slipway/contract';
import type { Trx } from '../../../platform/db/db.ts';
import { operation } from '../../../platform/db/db.ts';
import type { TrackingTables } from '../tables.ts';

interface ViewRow {
  readonly id: number;
  readonly name: string;
  readonly query: string;
  readonly deleted_at: number | null;
}

async function mustView(trx: Trx, uid: string, lifecycle: 'active' | 'deleted'): Promise<ViewRow> {
  const row = await trx
    .tables<TrackingTables>()
    .selectFrom('tracking_view')
    .select(['id', 'name', 'query', 'deleted_at'])
    .where('uid', '=', uid)
    .executeTakeFirst();
  if (row !== undefined && (row.deleted_at === null) === (lifecycle === 'active')) return row;
  throw new SlipwayError('not_found', {
    noun: lifecycle === 'active' ? 'saved view' : 'deleted view',
    name: uid,
    remedy: 'GET /api/views lists them.',
  });
}

async function refuseSameName(trx: Trx, name: string): Promise<void> {
  const there = await trx
    .tables<TrackingTables>()
    .selectFrom('tracking_view')
    .select('id')
    .where('name', '=', name)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  if (there !== undefined) throw new SlipwayError('already_exists', { noun: 'saved view', name });
}

export interface NewView {
  readonly uid: string;
  readonly name: string;
  readonly query: string;
  readonly actor: string;
}

export const createView = operation('tracking.create-view', async (trx, input: NewView) => {
  await refuseSameName(trx, input.name);
  await trx
    .tables<TrackingTables>()
    .insertInto('tracking_view')
    .values({
      uid: input.uid,
      name: input.name,
      query: input.query,
      author: input.actor,
      created_at: trx.now,
      updated_at: trx.now,
      deleted_at: null,
    })
    .execute();
  await trx.emit({ kind: 'view.saved', actor: input.actor, subject: input.uid, body: { name: input.name } });
});

export interface ViewChange {
  readonly uid: string;
  readonly name?: string | undefined;
  readonly query?: string | undefined;
  readonly actor: string;
}

export const updateView = operation('tracking.update-view', async (trx, input: ViewChange) => {
  const row = await mustView(trx, input.uid, 'active');
  const { name = row.name, query = row.query } = input;
  if (name === row.name && query === row.query) return;
  if (name !== row.name) await refuseSameName(trx, name);
  await trx
    .tables<TrackingTables>()
    .updateTable('tracking_view')
    .set({ name, query, updated_at: trx.now })
    .where('id', '=', row.id)
    .execute();
  await trx.emit({ kind: 'view.changed', actor: input.actor, subject: input.uid, body: { from: row.name, to: name } });
});

export const deleteView = operation('tracking.delete-view', async (trx, input: { uid: string; actor: string }) => {
  const row = await mustView(trx, input.uid, 'active');
  await trx
    .tables<TrackingTables>()
    .updateTable('tracking_view')
    .set({ deleted_at: trx.now })
    .where('id', '=', row.id)
    .execute();
  await trx.emit({ kind: 'view.deleted', actor: input.actor, subject: input.uid, body: { name: row.name } });
});

export const restoreView = operation('tracking.restore-view', async (trx, input: { uid: string; actor: string }) => {
  const row = await mustView(trx, input.uid, 'deleted');
  await refuseSameName(trx, row.name);
  await trx
    .tables<TrackingTables>()
    .updateTable('tracking_view')
    .set({ deleted_at: null })
    .where('id', '=', row.id)
    .execute();
  await trx.emit({ kind: 'view.restored', actor: input.actor, subject: input.uid, body: { name: row.name } });
});
