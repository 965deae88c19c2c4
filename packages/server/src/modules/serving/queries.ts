/** Reads of endpoints, deployments and rollouts from the store. */
import type { Deployment, Endpoint, Rollout, RolloutProgress } from '@slipway/contract';
import { RolloutProgress as RolloutProgressSchema, SlipwayError } from '@slipway/contract';
import { pageOf } from '../../lib/page.ts';
import type { Page, PageRequest } from '../../lib/page.ts';
import type { Db } from '../../platform/db/db.ts';
import { unknownEndpoint } from './live-endpoints.ts';
import type { EndpointRow, ServingTables } from './rows.ts';
import { deploymentOf, endpointOf, rolloutOf } from './rows.ts';

export interface ServingQueries {
  endpointRows(): Promise<EndpointRow[]>;
  mustRow(name: string): Promise<EndpointRow>;
  readonly list: (page: PageRequest) => Promise<Page<Endpoint>>;
  /** Those of the same page. */
  readonly names: (page: PageRequest) => Promise<Page<string>>;
  readonly get: (name: string) => Promise<Endpoint>;
  readonly deployments: (name: string, page: PageRequest) => Promise<Page<Deployment>>;
  readonly findDeployment: (id: string) => Promise<Deployment | undefined>;
  readonly findDeploymentOf: (endpoint: string, number: number) => Promise<Deployment | undefined>;
  /** The number of the deployment with which a rollout began; its stages are the next ones. */
  firstDeploymentOf(rollout: string): Promise<number | undefined>;
  findRunning(endpoint: string): Promise<Rollout | undefined>;
  /** Running rollouts whose deadline has passed. */
  overdue(now: number): Promise<Rollout[]>;
  /** Running rollouts that wait for this request for approval. */
  waitingFor(approval: string): Promise<Rollout[]>;
  readonly rollouts: (name: string, page: PageRequest) => Promise<Page<Rollout>>;
  readonly rollout: (id: string) => Promise<Rollout>;
  /** How the evidence of an ended rollout went; undefined where it was not kept. */
  trail(id: string): Promise<RolloutProgress['trail'] | undefined>;
}

export function createQueries(db: Db): ServingQueries {
  const tables = () => db.read<ServingTables>();
  const mustRow = async (name: string): Promise<EndpointRow> => {
    const row = await tables().selectFrom('serving_endpoint').selectAll().where('name', '=', name).executeTakeFirst();
    if (!row) throw unknownEndpoint(name);
    return row;
  };
  const deploymentRows = () => tables().selectFrom('serving_deployment').selectAll();
  const rolloutRows = () => tables().selectFrom('serving_rollout').selectAll();
  const findDeploymentOf = async (endpoint: string, number: number): Promise<Deployment | undefined> => {
    const query = deploymentRows().where('endpoint', '=', endpoint).where('number', '=', number);
    const row = await query.executeTakeFirst();
    return row && deploymentOf(row);
  };
  const findRunning = async (endpoint: string): Promise<Rollout | undefined> => {
    const query = rolloutRows().where('endpoint', '=', endpoint).where('state', '=', 'running');
    const row = await query.executeTakeFirst();
    return row && rolloutOf(row);
  };
  const describe = async (row: EndpointRow): Promise<Endpoint> => {
    const deployment = row.deployment === null ? undefined : await findDeploymentOf(row.name, row.deployment);
    const rollout = await findRunning(row.name);
    return {
      ...endpointOf(row),
      ...(deployment === undefined ? {} : { deployment }),
      ...(rollout === undefined ? {} : { runningRollout: rollout.id }),
    };
  };
  const pageOfRows = async ({ limit, pageToken }: PageRequest): Promise<Page<EndpointRow>> => {
    const query = tables()
      .selectFrom('serving_endpoint')
      .selectAll()
      .orderBy('name')
      .limit(limit + 1);
    const rows = await (pageToken === undefined ? query : query.where('name', '>', pageToken)).execute();
    return pageOf(
      rows,
      limit,
      (row) => row.name,
      (row) => row,
    );
  };
  return {
    // As many as are declared: few. A scan would start a reader thread with the server, 25 MB before anybody needs it.
    endpointRows: () => tables().selectFrom('serving_endpoint').selectAll().execute(),
    mustRow,
    list: async (request) => {
      const page = await pageOfRows(request);
      return { ...page, items: await Promise.all(page.items.map(describe)) };
    },
    names: async (request) => {
      const page = await pageOfRows(request);
      return { ...page, items: page.items.map(({ name }) => name) };
    },
    get: async (name) => describe(await mustRow(name)),
    findDeploymentOf,
    findDeployment: async (id) => {
      const row = await deploymentRows().where('id', '=', id).executeTakeFirst();
      return row && deploymentOf(row);
    },
    firstDeploymentOf: async (rollout) => {
      const query = tables().selectFrom('serving_deployment').select('number').where('rollout', '=', rollout);
      return (await query.orderBy('number').limit(1).executeTakeFirst())?.number;
    },
    deployments: async (name, { limit, pageToken }) => {
      await mustRow(name);
      const query = deploymentRows()
        .where('endpoint', '=', name)
        .orderBy('number', 'desc')
        .limit(limit + 1);
      const rows = await (
        pageToken === undefined ? query : query.where('number', '<', Number(pageToken) || 0)
      ).execute();
      return pageOf(rows, limit, (row) => String(row.number), deploymentOf);
    },
    findRunning,
    overdue: async (now) => {
      const rows = await rolloutRows().where('state', '=', 'running').where('deadline_at', '<=', now).execute();
      return rows.map(rolloutOf);
    },
    // At most one per endpoint is running: few.
    waitingFor: async (approval) => {
      const rows = await rolloutRows().where('state', '=', 'running').execute();
      return rows.map(rolloutOf).filter((rollout) => rollout.decisions.some((d) => d.approval === approval));
    },
    rollouts: async (name, { limit, pageToken }) => {
      await mustRow(name);
      const query = rolloutRows()
        .where('endpoint', '=', name)
        .orderBy('id', 'desc')
        .limit(limit + 1);
      const rows = await (pageToken === undefined ? query : query.where('id', '<', pageToken)).execute();
      return pageOf(rows, limit, (row) => row.id, rolloutOf);
    },
    rollout: async (id) => {
      const row = await rolloutRows().where('id', '=', id).executeTakeFirst();
      if (!row) throw unknownRollout(id);
      return rolloutOf(row);
    },
    trail: async (id) => {
      const row = await tables().selectFrom('serving_rollout').select('trail').where('id', '=', id).executeTakeFirst();
      const trail = row?.trail ?? undefined;
      return trail === undefined ? undefined : RolloutProgressSchema.shape.trail.parse(JSON.parse(trail));
    },
  };
}

export function unknownRollout(id: string): SlipwayError {
  return new SlipwayError('not_found', {
    noun: 'rollout',
    name: id,
    remedy: '`slipway endpoint rollouts` shows them.',
  });
}
