/** Writes that change who answers: every one makes a numbered deployment and its event. */
import type { Deployment, TrafficShare } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import type { Trx } from '../../platform/db/db.ts';
import { operation } from '../../platform/db/db.ts';
import type { DeploymentRow, EndpointRow, ServingTables } from './rows.ts';
import { deploymentOf, simulationFacts } from './rows.ts';

export interface NewDeployment {
  readonly id: string;
  readonly endpoint: string;
  readonly traffic: readonly TrafficShare[];
  readonly shadow: number | undefined;
  readonly rollout: string | undefined;
  readonly reason: string;
  readonly actor: string;
}

export async function mustEndpoint(trx: Trx, name: string): Promise<EndpointRow> {
  const row = await trx
    .tables<ServingTables>()
    .selectFrom('serving_endpoint')
    .selectAll()
    .where('name', '=', name)
    .executeTakeFirst();
  if (!row)
    throw new SlipwayError('not_found', {
      noun: 'endpoint',
      name,
      remedy: '`slipway endpoint list` shows them; slipway.yaml declares them.',
    });
  if (row.retired_at !== null) throw new SlipwayError('endpoint_retired', { endpoint: name });
  return row;
}

/** Who answers now. Throws `endpoint_not_deployed` when nobody does. */
export async function currentDeployment(trx: Trx, endpoint: string): Promise<Deployment> {
  const { deployment } = await mustEndpoint(trx, endpoint);
  const row = await trx
    .tables<ServingTables>()
    .selectFrom('serving_deployment')
    .selectAll()
    .where('endpoint', '=', endpoint)
    .where('number', '=', deployment ?? 0)
    .executeTakeFirst();
  if (row) return deploymentOf(row);
  throw new SlipwayError('endpoint_not_deployed', { endpoint });
}

/** Makes the next deployment of an endpoint and its event. Used by every write that changes traffic. */
export async function addDeployment(trx: Trx, wanted: NewDeployment): Promise<Deployment> {
  const tables = trx.tables<ServingTables>();
  const endpoint = await mustEndpoint(trx, wanted.endpoint);
  const row: DeploymentRow = {
    endpoint: wanted.endpoint,
    number: (endpoint.deployment ?? 0) + 1,
    id: wanted.id,
    traffic: JSON.stringify(wanted.traffic),
    shadow: wanted.shadow ?? null,
    rollout: wanted.rollout ?? null,
    reason: wanted.reason,
    created_at: trx.now,
    created_by: wanted.actor,
  };
  await tables.insertInto('serving_deployment').values(row).execute();
  await tables
    .updateTable('serving_endpoint')
    .set({ deployment: row.number })
    .where('name', '=', wanted.endpoint)
    .execute();
  await trx.emit({
    kind: 'deployment.created',
    actor: wanted.actor,
    subject: wanted.id,
    body: {
      endpoint: wanted.endpoint,
      number: row.number,
      traffic: wanted.traffic,
      shadow: row.shadow,
      rollout: row.rollout,
      reason: wanted.reason,
      ...simulationFacts(endpoint),
    },
  });
  return deploymentOf(row);
}

export const deploy = operation('serving.deploy', async (trx, wanted: NewDeployment): Promise<Deployment> => {
  const running = await trx
    .tables<ServingTables>()
    .selectFrom('serving_rollout')
    .select('id')
    .where('endpoint', '=', wanted.endpoint)
    .where('state', '=', 'running')
    .executeTakeFirst();
  if (running) throw new SlipwayError('rollout_running', { endpoint: wanted.endpoint, rollout: running.id });
  return addDeployment(trx, wanted);
});
