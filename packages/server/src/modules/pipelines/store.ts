/** What the database knows of pipelines: their declaration, and the writes of runs and steps. */
import { join } from 'node:path';
import type { PipelineSpec } from '@slipway/contract';
import type { AnyOperation, StoreModule, Trx } from '../../platform/db/db.ts';
import type { PipelinesTables } from './rows.ts';
import { cancelRun, startRun } from './run-writes.ts';
import { beginStep, expireStep, failStep, finishStep } from './step-writes.ts';

/** A project declares a pipeline: the graph is kept by digest, so runs of older graphs stay readable. */
export async function applyPipeline(
  trx: Trx,
  change: {
    readonly name: string;
    readonly spec: PipelineSpec;
    readonly graphDigest: string;
    readonly project: string;
    readonly actor: string;
  },
): Promise<void> {
  const tables = trx.tables<PipelinesTables>();
  await tables
    .insertInto('pipelines_graph')
    .values({ digest: change.graphDigest, body: JSON.stringify(change.spec.graph) })
    .onConflict((conflict) => conflict.column('digest').doNothing())
    .execute();
  const row = {
    project: change.project,
    graph_digest: change.graphDigest,
    file: change.spec.file,
    bundle: change.spec.bundle,
    applied_at: trx.now,
    applied_by: change.actor,
  };
  await tables
    .insertInto('pipelines_pipeline')
    .values({ name: change.name, ...row })
    .onConflict((conflict) => conflict.column('name').doUpdateSet(row))
    .execute();
  await trx.emit({
    kind: 'pipeline.applied',
    actor: change.actor,
    subject: `pipeline:${change.name}`,
    body: { project: change.project, graph: change.graphDigest, bundle: change.spec.bundle },
  });
}

export async function removePipeline(
  trx: Trx,
  change: { readonly name: string; readonly actor: string },
): Promise<void> {
  await trx.tables<PipelinesTables>().deleteFrom('pipelines_pipeline').where('name', '=', change.name).execute();
  await trx.emit({ kind: 'pipeline.removed', actor: change.actor, subject: `pipeline:${change.name}`, body: {} });
}

export const pipelinesStore: StoreModule = {
  name: 'pipelines',
  migrations: join(import.meta.dirname, 'migrations'),
  // Each is called through its own handle, which keeps its types.
  operations: [startRun, beginStep, finishStep, failStep, cancelRun, expireStep] as unknown as readonly AnyOperation[],
};
