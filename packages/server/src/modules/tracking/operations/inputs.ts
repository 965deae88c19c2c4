/** What a run read and made: datasets, models. */
import { SlipwayError } from '@slipway/contract';
import { operation } from '../../../platform/db/db.ts';
import type { TrackingTables } from '../tables.ts';
import { mustActiveRun } from './runs.ts';

export interface InputDataset {
  readonly name: string;
  readonly digest: string;
  readonly sourceType?: string | undefined;
  readonly source?: string | undefined;
  readonly schema?: string | undefined;
  readonly profile?: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
}

export interface LinkInput {
  readonly uid: string;
  readonly datasets: readonly InputDataset[];
  readonly modelInputs: readonly string[];
  readonly modelOutputs: readonly { readonly model: string; readonly step: number }[];
}

export const linkInputs = operation('tracking.link-inputs', async (trx, input: LinkInput) => {
  const run = await mustActiveRun(trx, input.uid);
  const tables = trx.tables<TrackingTables>();
  for (const dataset of input.datasets) {
    await tables
      .insertInto('tracking_dataset')
      .values({
        experiment_id: run.experiment_id,
        name: dataset.name,
        digest: dataset.digest,
        source_type: dataset.sourceType ?? null,
        source: dataset.source ?? null,
        schema: dataset.schema ?? null,
        profile: dataset.profile ?? null,
      })
      .onConflict((c) => c.columns(['experiment_id', 'name', 'digest']).doNothing())
      .execute();
    const { id } = await tables
      .selectFrom('tracking_dataset')
      .select('id')
      .where('experiment_id', '=', run.experiment_id)
      .where('name', '=', dataset.name)
      .where('digest', '=', dataset.digest)
      .executeTakeFirstOrThrow();
    await tables
      .insertInto('tracking_input')
      .values({ run_id: run.id, dataset_id: id, tags: JSON.stringify(dataset.tags) })
      .onConflict((c) => c.columns(['run_id', 'dataset_id']).doNothing())
      .execute();
  }
  const links = [
    ...input.modelInputs.map((model) => ({ model, step: 0, direction: 'input' as const })),
    ...input.modelOutputs.map((output) => ({ ...output, direction: 'output' as const })),
  ];
  for (const link of links) {
    const model = await tables
      .selectFrom('tracking_model')
      .select('id')
      .where('uid', '=', link.model)
      .executeTakeFirst();
    if (!model)
      throw new SlipwayError('not_found', {
        noun: 'logged model',
        name: link.model,
        remedy: 'Create it before linking it.',
      });
    await tables
      .insertInto('tracking_model_link')
      .values({ run_id: run.id, direction: link.direction, model_uid: link.model, step: link.step })
      .onConflict((c) => c.columns(['run_id', 'direction', 'model_uid']).doUpdateSet({ step: link.step }))
      .execute();
  }
});
