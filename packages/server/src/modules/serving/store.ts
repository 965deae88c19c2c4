/** The tables and writes of serving, and the endpoint as a thing that projects declare. */
import { join } from 'node:path';
import type { EndpointSpec } from '@slipway/contract';
import { EndpointSpec as EndpointSpecSchema, SlipwayError } from '@slipway/contract';
import { z } from 'zod';
import type { StoreModule, Trx } from '../../platform/db/db.ts';
import type { ResourceKind } from '../projects/index.ts';
import { deploy } from './deployment-store.ts';
import { holdRollout, resumeRollout } from './hold-store.ts';
import { joinLabels } from './label-store.ts';
import type { ServingOperations } from './rollout-store.ts';
import { advanceRollout, cancelOfRetired, noteDecision, startRollout } from './rollout-store.ts';
import type { ServingTables } from './rows.ts';
import { simulationFacts } from './rows.ts';

/** Rung when declarations of endpoints changed. */
export const endpointsTopic = 'serving.endpoints';

export { createServingOperations } from './rollout-store.ts';

export const endpointKind: ResourceKind<EndpointSpec> = {
  kind: 'endpoint',
  parse(name, spec) {
    const result = EndpointSpecSchema.safeParse(spec);
    if (!result.success)
      throw new SlipwayError('resource_invalid', { kind: 'endpoint', name, problem: z.prettifyError(result.error) });
    return result.data;
  },
  async apply(trx, change) {
    const tables = trx.tables<ServingTables>();
    const spec = JSON.stringify(change.spec);
    await tables
      .insertInto('serving_endpoint')
      .values({
        name: change.name,
        id: `edp_${change.name}`,
        project: change.project,
        spec,
        created_at: trx.now,
        retired_at: null,
        deployment: null,
        label_watermark_at: null,
        label_count: 0,
      })
      .onConflict((c) => c.column('name').doUpdateSet({ spec, project: change.project, retired_at: null }))
      .execute();
    await trx.emit({
      kind: 'endpoint.applied',
      actor: change.actor,
      subject: `endpoint:${change.name}`,
      body: { digest: change.digest, model: change.spec.model },
    });
    trx.wake(endpointsTopic);
  },
  async remove(trx, change) {
    await cancelOfRetired(trx, change.name, change.actor);
    const tables = trx.tables<ServingTables>();
    const row = await tables
      .selectFrom('serving_endpoint')
      .selectAll()
      .where('name', '=', change.name)
      .executeTakeFirst();
    const simulation = row === undefined ? {} : simulationFacts(row);
    if ('simulationOf' in simulation) await erase(trx, change.name);
    else
      await tables
        .updateTable('serving_endpoint')
        .set({ retired_at: trx.now })
        .where('name', '=', change.name)
        .execute();
    await trx.emit({
      kind: 'endpoint.retired',
      actor: change.actor,
      subject: `endpoint:${change.name}`,
      body: { ...simulation },
    });
    trx.wake(endpointsTopic);
  },
};

/** A simulation leaves nothing but its events; whoever has the log removes it. */
async function erase(trx: Trx, endpoint: string): Promise<void> {
  const tables = trx.tables<ServingTables>();
  for (const table of ['serving_label', 'serving_rollout', 'serving_deployment'] as const)
    await tables.deleteFrom(table).where('endpoint', '=', endpoint).execute();
  await tables.deleteFrom('serving_endpoint').where('name', '=', endpoint).execute();
}

export function servingStore(operations: ServingOperations): StoreModule {
  return {
    name: 'serving',
    migrations: join(import.meta.dirname, 'migrations'),
    operations: [
      deploy,
      startRollout,
      advanceRollout,
      noteDecision,
      holdRollout,
      resumeRollout,
      joinLabels,
      operations.endRollout,
    ],
  };
}
