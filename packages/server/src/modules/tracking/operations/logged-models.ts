/** Logged models: what a run produced with `log_model`, before and besides registration. */
import { SlipwayError } from '@slipway/contract';
import type { Trx } from '../../../platform/db/db.ts';
import { operation } from '../../../platform/db/db.ts';
import type { TrackingTables } from '../tables.ts';
import { mustExperiment } from './experiments.ts';

export const loggedModelStatuses = ['pending', 'ready', 'failed'] as const;
export type LoggedModelStatus = (typeof loggedModelStatuses)[number];

export interface NewLoggedModel {
  readonly uid: string;
  readonly experimentUid: string;
  readonly name: string;
  readonly modelType: string | undefined;
  readonly runId: string | undefined;
  readonly user: string | undefined;
  readonly params: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly actor: string;
}

async function mustModel(trx: Trx, uid: string): Promise<{ readonly id: number; readonly name: string }> {
  const row = await trx
    .tables<TrackingTables>()
    .selectFrom('tracking_model')
    .select(['id', 'name'])
    .where('uid', '=', uid)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  if (row) return row;
  throw new SlipwayError('not_found', {
    noun: 'logged model',
    name: uid,
    remedy: 'It may have been deleted; log the model again.',
  });
}

async function writeFacts(
  trx: Trx,
  id: number,
  kind: 'param' | 'tag',
  facts: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [key, value] of Object.entries(facts)) {
    await trx
      .tables<TrackingTables>()
      .insertInto('tracking_model_fact')
      .values({ model_id: id, kind, key, value })
      .onConflict((c) => c.columns(['model_id', 'kind', 'key']).doUpdateSet({ value }))
      .execute();
  }
}

export const createLoggedModel = operation('tracking.create-logged-model', async (trx, input: NewLoggedModel) => {
  const experiment = await mustExperiment(trx, input.experimentUid);
  if (experiment.deleted_at !== null) throw new SlipwayError('experiment_deleted', { experiment: experiment.name });
  const { id } = await trx
    .tables<TrackingTables>()
    .insertInto('tracking_model')
    .values({
      uid: input.uid,
      experiment_id: experiment.id,
      name: input.name,
      status: loggedModelStatuses.indexOf('pending'),
      status_message: null,
      model_type: input.modelType ?? null,
      run_uid: input.runId ?? null,
      user_id: input.user ?? null,
      created_at: trx.now,
      updated_at: trx.now,
      deleted_at: null,
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  await writeFacts(trx, id, 'param', input.params);
  await writeFacts(trx, id, 'tag', input.tags);
  await trx.emit({
    kind: 'logged-model.created',
    actor: input.actor,
    subject: input.uid,
    body: { name: input.name, runId: input.runId ?? null },
  });
});

export interface LoggedModelChange {
  readonly uid: string;
  readonly status?: LoggedModelStatus;
  readonly params?: Readonly<Record<string, string>>;
  readonly tags?: Readonly<Record<string, string>>;
  readonly removeTag?: string;
  readonly isDeleted?: boolean;
  readonly actor: string;
}

export const changeLoggedModel = operation('tracking.change-logged-model', async (trx, input: LoggedModelChange) => {
  const model = await mustModel(trx, input.uid);
  const tables = trx.tables<TrackingTables>();
  await tables
    .updateTable('tracking_model')
    .set({
      updated_at: trx.now,
      ...(input.status === undefined ? {} : { status: loggedModelStatuses.indexOf(input.status) }),
      ...(input.isDeleted ? { deleted_at: trx.now } : {}),
    })
    .where('id', '=', model.id)
    .execute();
  await writeFacts(trx, model.id, 'param', input.params ?? {});
  await writeFacts(trx, model.id, 'tag', input.tags ?? {});
  if (input.removeTag !== undefined) {
    await tables
      .deleteFrom('tracking_model_fact')
      .where('model_id', '=', model.id)
      .where('kind', '=', 'tag')
      .where('key', '=', input.removeTag)
      .execute();
  }
  if (input.status === 'ready' || input.status === 'failed' || input.isDeleted) {
    const kind = input.isDeleted ? 'logged-model.deleted' : `logged-model.${input.status}`;
    await trx.emit({ kind, actor: input.actor, subject: input.uid, body: { name: model.name } });
  }
});

export interface ModelPoint {
  readonly model: string;
  readonly run: string;
  readonly key: string;
  readonly value: number;
  readonly step: number;
  readonly at: number;
  readonly datasetName: string;
  readonly datasetDigest: string;
}

/** Metrics that were logged about a model: the newest per key and dataset is kept. */
export const logModelMetrics = operation(
  'tracking.log-model-metrics',
  async (trx, input: { readonly points: readonly ModelPoint[] }) => {
    const ids = new Map<string, number>();
    for (const point of input.points) {
      const id = ids.get(point.model) ?? (await mustModel(trx, point.model)).id;
      ids.set(point.model, id);
      const isNan = Number.isNaN(point.value);
      await trx
        .tables<TrackingTables>()
        .insertInto('tracking_model_metric')
        .values({
          model_id: id,
          key: point.key,
          dataset_name: point.datasetName,
          dataset_digest: point.datasetDigest,
          run_uid: point.run,
          value: isNan ? 0 : point.value,
          is_nan: isNan ? 1 : 0,
          step: point.step,
          ts: point.at,
        })
        .onConflict((c) =>
          c
            .columns(['model_id', 'key', 'dataset_name', 'dataset_digest'])
            .doUpdateSet((e) => ({
              run_uid: e.ref('excluded.run_uid'),
              value: e.ref('excluded.value'),
              is_nan: e.ref('excluded.is_nan'),
              step: e.ref('excluded.step'),
              ts: e.ref('excluded.ts'),
            }))
            .where((e) =>
              e(
                e.refTuple('excluded.step', 'excluded.ts'),
                '>=',
                e.refTuple('tracking_model_metric.step', 'tracking_model_metric.ts'),
              ),
            ),
        )
        .execute();
    }
  },
);
