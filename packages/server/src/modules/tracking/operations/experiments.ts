import { SlipwayError } from '@slipway/contract';
import type { Trx } from '../../../platform/db/db.ts';
import { operation } from '../../../platform/db/db.ts';
import type { TrackingTables } from '../tables.ts';

export interface ExperimentRow {
  readonly id: number;
  readonly uid: string;
  readonly name: string;
  readonly deleted_at: number | null;
}

export async function mustExperiment(trx: Trx, uid: string): Promise<ExperimentRow> {
  const row = await trx
    .tables<TrackingTables>()
    .selectFrom('tracking_experiment')
    .select(['id', 'uid', 'name', 'deleted_at'])
    .where('uid', '=', uid)
    .executeTakeFirst();
  if (row) return row;
  throw new SlipwayError('not_found', { noun: 'experiment', name: uid, remedy: 'GET /api/experiments lists them.' });
}

async function refuseSameName(trx: Trx, name: string): Promise<void> {
  const there = await trx
    .tables<TrackingTables>()
    .selectFrom('tracking_experiment')
    .select('id')
    .where('name', '=', name)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  if (there) throw new SlipwayError('already_exists', { noun: 'experiment', name });
}

export interface NewExperiment {
  readonly uid: string;
  readonly name: string;
  readonly description: string | undefined;
  readonly artifactLocation: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
  readonly actor: string;
}

/** Two creations of one name at once on PostgreSQL: one fails on a unique index, and the caller of `Db.write` tries again. */
export const createExperiment = operation('tracking.create-experiment', async (trx, input: NewExperiment) => {
  await refuseSameName(trx, input.name);
  const tables = trx.tables<TrackingTables>();
  const last = await tables
    .selectFrom('tracking_experiment')
    .select('id')
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst();
  const id = (last?.id ?? 0) + 1;
  await tables
    .insertInto('tracking_experiment')
    .values({
      id,
      uid: input.uid,
      name: input.name,
      description: input.description ?? null,
      artifact_location: input.artifactLocation ?? null,
      created_at: trx.now,
      updated_at: trx.now,
      deleted_at: null,
    })
    .execute();
  const tags = Object.entries(input.tags).map(([key, value]) => ({ experiment_id: id, key, value }));
  if (tags.length > 0) await tables.insertInto('tracking_experiment_tag').values(tags).execute();
  await trx.emit({ kind: 'experiment.created', actor: input.actor, subject: input.uid, body: { name: input.name } });
});

export const updateExperiment = operation(
  'tracking.update-experiment',
  async (trx, input: { uid: string; name?: string; description?: string; actor: string }) => {
    const row = await mustExperiment(trx, input.uid);
    if (row.deleted_at !== null) throw new SlipwayError('experiment_deleted', { experiment: row.name });
    if (input.name !== undefined && input.name !== row.name) await refuseSameName(trx, input.name);
    await trx
      .tables<TrackingTables>()
      .updateTable('tracking_experiment')
      .set({
        ...(input.name === undefined ? {} : { name: input.name }),
        ...(input.description === undefined ? {} : { description: input.description }),
        updated_at: trx.now,
      })
      .where('id', '=', row.id)
      .execute();
    if (input.name !== undefined && input.name !== row.name) {
      await trx.emit({
        kind: 'experiment.renamed',
        actor: input.actor,
        subject: input.uid,
        body: { from: row.name, to: input.name },
      });
    }
  },
);

/** Marks the experiment and its live runs deleted with one instant; restore revives exactly the runs that bear it. */
export const deleteExperiment = operation(
  'tracking.delete-experiment',
  async (trx, input: { uid: string; actor: string }) => {
    const row = await mustExperiment(trx, input.uid);
    if (row.deleted_at !== null) {
      throw new SlipwayError('not_found', {
        noun: 'experiment',
        name: input.uid,
        remedy: 'It is deleted already; restore it to use it again.',
      });
    }
    const tables = trx.tables<TrackingTables>();
    await tables
      .updateTable('tracking_experiment')
      .set({ deleted_at: trx.now, updated_at: trx.now })
      .where('id', '=', row.id)
      .execute();
    await tables
      .updateTable('tracking_run')
      .set({ deleted_at: trx.now })
      .where('experiment_id', '=', row.id)
      .where('deleted_at', 'is', null)
      .execute();
    await trx.emit({ kind: 'experiment.deleted', actor: input.actor, subject: input.uid, body: { name: row.name } });
  },
);

export const restoreExperiment = operation(
  'tracking.restore-experiment',
  async (trx, input: { uid: string; actor: string }) => {
    const row = await mustExperiment(trx, input.uid);
    if (row.deleted_at === null) {
      throw new SlipwayError('not_found', {
        noun: 'deleted experiment',
        name: input.uid,
        remedy: 'It is active; there is nothing to restore.',
      });
    }
    await refuseSameName(trx, row.name);
    const tables = trx.tables<TrackingTables>();
    await tables
      .updateTable('tracking_experiment')
      .set({ deleted_at: null, updated_at: trx.now })
      .where('id', '=', row.id)
      .execute();
    await tables
      .updateTable('tracking_run')
      .set({ deleted_at: null })
      .where('experiment_id', '=', row.id)
      .where('deleted_at', '=', row.deleted_at)
      .execute();
    await trx.emit({ kind: 'experiment.restored', actor: input.actor, subject: input.uid, body: { name: row.name } });
  },
);

/** Sets tags (a text) and removes them (null). Resolves to the keys that were to be removed and were not there. */
export const tagExperiment = operation(
  'tracking.tag-experiment',
  async (trx, input: { uid: string; tags: Readonly<Record<string, string | null>> }): Promise<string[]> => {
    const row = await mustExperiment(trx, input.uid);
    if (row.deleted_at !== null) throw new SlipwayError('experiment_deleted', { experiment: row.name });
    const tables = trx.tables<TrackingTables>();
    const missing: string[] = [];
    for (const [key, value] of Object.entries(input.tags)) {
      if (value === null) {
        const gone = await tables
          .deleteFrom('tracking_experiment_tag')
          .where('experiment_id', '=', row.id)
          .where('key', '=', key)
          .returning('key')
          .executeTakeFirst();
        if (!gone) missing.push(key);
      } else {
        await tables
          .insertInto('tracking_experiment_tag')
          .values({ experiment_id: row.id, key, value })
          .onConflict((c) => c.columns(['experiment_id', 'key']).doUpdateSet({ value }))
          .execute();
      }
    }
    await tables.updateTable('tracking_experiment').set({ updated_at: trx.now }).where('id', '=', row.id).execute();
    return missing;
  },
);
