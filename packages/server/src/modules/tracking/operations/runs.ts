import type { RunStatus } from '@slipway/contract';
import { runStatuses, SlipwayError } from '@slipway/contract';
import type { Kysely } from 'kysely';
import type { Trx } from '../../../platform/db/db.ts';
import { operation } from '../../../platform/db/db.ts';
import type { TrackingTables } from '../tables.ts';
import { valueHead } from '../tables.ts';
import { mustExperiment } from './experiments.ts';
import { keyIds } from './keys.ts';

export interface RunRow {
  readonly id: number;
  readonly uid: string;
  readonly experiment_id: number;
  readonly name: string;
  readonly status: number;
  readonly start_at: number;
  readonly end_at: number | null;
  readonly deleted_at: number | null;
}

/** `lock` keeps writers of one run apart on PostgreSQL until this transaction ends; SQLite has one writer anyway. */
export async function mustRun(trx: Trx, uid: string, lock: 'share' | 'update' | 'none' = 'none'): Promise<RunRow> {
  let query = trx
    .tables<TrackingTables>()
    .selectFrom('tracking_run')
    .select(['id', 'uid', 'experiment_id', 'name', 'status', 'start_at', 'end_at', 'deleted_at'])
    .where('uid', '=', uid);
  if (trx.dialect === 'postgres' && lock === 'share') query = query.forShare();
  if (trx.dialect === 'postgres' && lock === 'update') query = query.forUpdate();
  const row = await query.executeTakeFirst();
  if (row) return row;
  throw new SlipwayError('not_found', { noun: 'run', name: uid, remedy: 'GET /api/runs lists them.' });
}

export async function mustActiveRun(trx: Trx, uid: string, lock: 'share' | 'update' = 'update'): Promise<RunRow> {
  const row = await mustRun(trx, uid, lock);
  if (row.deleted_at !== null) throw new SlipwayError('run_deleted', { run: uid });
  return row;
}

export interface NewRun {
  readonly uid: string;
  readonly experimentUid: string;
  readonly name: string;
  readonly startAt: number;
  readonly user: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
  readonly actor: string;
}

export const createRun = operation('tracking.create-run', async (trx, input: NewRun) => {
  const experiment = await mustExperiment(trx, input.experimentUid);
  if (experiment.deleted_at !== null) throw new SlipwayError('experiment_deleted', { experiment: experiment.name });
  const tables = trx.tables<TrackingTables>();
  const { id } = await tables
    .insertInto('tracking_run')
    .values({
      uid: input.uid,
      experiment_id: experiment.id,
      name: input.name,
      status: runStatuses.indexOf('running'),
      start_at: input.startAt,
      end_at: null,
      deleted_at: null,
      user_id: input.user ?? null,
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  await writeTags(trx, { id, experiment_id: experiment.id }, input.tags);
  await trx.emit({
    kind: 'run.started',
    actor: input.actor,
    subject: input.uid,
    body: { experiment: experiment.name, name: input.name },
  });
});

/** Inserts or replaces tags of a run. */
export async function writeTags(
  trx: Trx,
  run: { readonly id: number; readonly experiment_id: number },
  tags: Readonly<Record<string, string>>,
): Promise<void> {
  const entries = Object.entries(tags);
  if (entries.length === 0) return;
  const ids = await keyIds(
    trx,
    entries.map(([key]) => key),
    { experiment: run.experiment_id, kind: 'tag' },
  );
  const rows = entries.map(([key, value]) => ({
    run_id: run.id,
    key_id: ids.get(key) as number, // keyIds answers every key that it was asked for
    experiment_id: run.experiment_id,
    value,
    value_head: valueHead(value),
  }));
  for (let i = 0; i < rows.length; i += 100) {
    await trx
      .tables<TrackingTables>()
      .insertInto('tracking_tag')
      .values(rows.slice(i, i + 100))
      .onConflict((c) =>
        c.columns(['run_id', 'key_id']).doUpdateSet((e) => ({
          value: e.ref('excluded.value'),
          value_head: e.ref('excluded.value_head'),
        })),
      )
      .execute();
  }
}

export interface RunChange {
  readonly uid: string;
  readonly status?: RunStatus;
  /** null clears it: a run that was resumed has no end. */
  readonly endAt?: number | null;
  readonly name?: string;
  readonly actor: string;
}

const terminal: readonly RunStatus[] = ['finished', 'failed', 'killed'];

export const updateRun = operation('tracking.update-run', async (trx, input: RunChange) => {
  const run = await mustActiveRun(trx, input.uid);
  const tables = trx.tables<TrackingTables>();
  const status = input.status === undefined ? run.status : runStatuses.indexOf(input.status);
  await tables
    .updateTable('tracking_run')
    .set({
      status,
      ...(input.endAt === undefined ? {} : { end_at: input.endAt }),
      ...(input.name === undefined ? {} : { name: input.name }),
    })
    .where('id', '=', run.id)
    .execute();
  const isEnding = input.status !== undefined && status !== run.status && terminal.includes(input.status);
  if (!isEnding) return;
  const points = await countPoints(tables, run.id);
  await trx.emit({
    kind: 'run.finished',
    actor: input.actor,
    subject: input.uid,
    body: { status: input.status, name: input.name ?? run.name, points },
  });
});

/** By series where they are counted, which a run of a million points needs. */
async function countPoints(tables: Kysely<TrackingTables>, run: number): Promise<number> {
  const series = await tables
    .selectFrom('tracking_metric_latest')
    .select((e) => [e.fn.min('point_count').as('least'), e.fn.sum('point_count').as('points')])
    .where('run_id', '=', run)
    .executeTakeFirst();
  if (Number(series?.least ?? 0) >= 0) return Number(series?.points ?? 0);
  const { points } = await tables
    .selectFrom('tracking_metric_point')
    .select((e) => e.fn.countAll().as('points'))
    .where('run_id', '=', run)
    .executeTakeFirstOrThrow();
  return Number(points);
}

export const deleteRun = operation('tracking.delete-run', async (trx, input: { uid: string; actor: string }) => {
  const run = await mustRun(trx, input.uid, 'update');
  if (run.deleted_at !== null) return;
  await trx
    .tables<TrackingTables>()
    .updateTable('tracking_run')
    .set({ deleted_at: trx.now })
    .where('id', '=', run.id)
    .execute();
  await trx.emit({ kind: 'run.deleted', actor: input.actor, subject: input.uid, body: { name: run.name } });
});

export const restoreRun = operation('tracking.restore-run', async (trx, input: { uid: string; actor: string }) => {
  const run = await mustRun(trx, input.uid, 'update');
  if (run.deleted_at === null) return;
  await trx
    .tables<TrackingTables>()
    .updateTable('tracking_run')
    .set({ deleted_at: null })
    .where('id', '=', run.id)
    .execute();
  await trx.emit({ kind: 'run.restored', actor: input.actor, subject: input.uid, body: { name: run.name } });
});

/** Resolves to false when the run has no such tag. */
export const deleteTag = operation(
  'tracking.delete-tag',
  async (trx, input: { uid: string; key: string }): Promise<boolean> => {
    const run = await mustActiveRun(trx, input.uid);
    const tables = trx.tables<TrackingTables>();
    const gone = await tables
      .deleteFrom('tracking_tag')
      .where('run_id', '=', run.id)
      .where('key_id', 'in', tables.selectFrom('tracking_key').select('id').where('name', '=', input.key))
      .returning('key_id')
      .executeTakeFirst();
    return gone !== undefined;
  },
);
