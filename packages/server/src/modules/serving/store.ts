/** The tables and writes of serving, and the endpoint as a thing that projects declare. */
import { join } from 'node:path';
import type { EndpointSpec } from '@slipway/contract';
import { EndpointSpec as EndpointSpecSchema, SlipwayError } from '@slipway/contract';
import { z } from 'zod';
import type { StoreModule } from '../../platform/db/db.ts';
import type { ResourceKind } from '../projects/index.ts';
import { deploy } from './deployment-store.ts';
import { holdRollout, resumeRollout } from './hold-store.ts';
import { joinLabels } from './label-store.ts';
import type { ServingOperations } from './rollout-store.ts';
import { advanceRollout, cancelOfRetired, noteDecision, startRollout } from './rollout-store.ts';
import type { ServingTables } from './rows.ts';

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
    await trx
      .tables<ServingTables>()
      .updateTable('serving_endpoint')
      .set({ retired_at: trx.now })
      .where('name', '=', change.name)
      .execute();
    await trx.emit({ kind: 'endpoint.retired', actor: change.actor, subject: `endpoint:${change.name}`, body: {} });
    trx.wake(endpointsTopic);
  },
};

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
