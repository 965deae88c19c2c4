/**
 * The ten stages of the loop. Where a stage has many things, the ledger says which one changed last: one look into its index
 * by kind instead of a walk over the things.
 */
import type { Loop } from '@slipway/contract';
import type { Ledger, LedgerEvent } from '../platform/ledger/ledger.ts';
import { existing } from './existing.ts';
import type { Modules } from './modules.ts';

const attentionMax = 20;
const validationsLookedAt = 10;
const refusedMax = 2;
const windowsShown = 26;
/** Policies whose last firings are compared. */
const policiesLookedAt = 20;
const one = { limit: 1 } as const;
/** Events of simulations that are looked past for the last real one. */
const simulatedMax = 200;

export function createLoop(ledger: Ledger, modules: Modules): () => Promise<Loop> {
  const { data, quality, features, pipelines, registry, serving, monitoring, automation } = modules;
  const lastOf = (kind: string, limit: number): Promise<LedgerEvent[]> =>
    ledger.list({ kinds: [kind], order: 'desc', limit });
  const isReal = ({ body }: LedgerEvent): boolean => body['simulationOf'] === undefined;
  const last = async (kind: string): Promise<LedgerEvent | undefined> => {
    const [newest] = await lastOf(kind, 1);
    if (newest === undefined || isReal(newest)) return newest;
    return (await lastOf(kind, simulatedMax)).find(isReal);
  };
  /** The thing that the event's body names; it may have been deleted since. */
  const ofLast = async <T>(kind: string, key: string, get: (name: string) => Promise<T>): Promise<T | undefined> => {
    const name = (await last(kind))?.body[key];
    return typeof name === 'string' ? existing(get(name)) : undefined;
  };
  const firstOf = async <T>(page: Promise<{ readonly items: readonly T[] }>): Promise<T | undefined> =>
    (await page).items[0];

  const windowsOf = async (): Promise<Loop['monitor']> => {
    const monitor =
      (await ofLast('monitor.window-judged', 'monitor', async (name) => name)) ??
      (await firstOf(monitoring.list(one)))?.name;
    if (monitor === undefined) return undefined;
    const page = await existing(monitoring.summaries(monitor, { limit: windowsShown }));
    return page === undefined ? undefined : { monitor, windows: page.items };
  };
  const endpointOf = async (): Promise<Loop['serve']> =>
    (await ofLast('deployment.created', 'endpoint', (name) => serving.get(name))) ?? firstOf(serving.list(one));
  return async () => {
    const [
      dataset,
      validations,
      featureSet,
      run,
      gateModel,
      version,
      rollout,
      endpoint,
      monitor,
      policy,
      alerts,
      approvals,
      endpoints,
    ] = await Promise.all([
      ofLast('dataset.version-created', 'dataset', (name) => data.get(name)),
      quality.listValidations({ limit: validationsLookedAt }),
      ofLast('feature-set.applied', 'set', (name) => features.get(name)),
      firstOf(pipelines.listRuns(one)),
      ofLast('gate.evaluated', 'model', async (name) => name),
      lastVersion(last, modules),
      lastRollout(last, modules),
      endpointOf(),
      windowsOf(),
      lastPolicy(automation),
      monitoring.alerts({ limit: attentionMax, state: 'open' }),
      modules.approvals.list({ limit: attentionMax, state: 'waiting' }),
      serving.list({ limit: 2 }),
    ]);
    const question = endpoints.items.length === 1 ? endpoints.items[0]?.spec.description : undefined;
    const gate = gateModel === undefined ? undefined : await firstOf(registry.listGates({ model: gateModel, ...one }));
    const validate = validations.items[0];
    return {
      ...(dataset && { data: dataset }),
      ...(validate && { validate }),
      ...(featureSet && { features: featureSet }),
      ...(run && { train: run }),
      ...(gate && { gate }),
      ...(version && { register: version }),
      ...(rollout && { rollout }),
      ...(endpoint && { serve: endpoint }),
      ...(question !== undefined && question !== '' && { question }),
      ...(monitor && { monitor }),
      ...(policy && { policy }),
      attention: {
        alerts: alerts.items,
        refused: validations.items.filter((v) => !v.success).slice(0, refusedMax),
        approvals: approvals.items,
      },
    };
  };
}

/** The policy that fired last, else the first one. */
async function lastPolicy(automation: Modules['automation']): Promise<Loop['policy']> {
  const { items } = await automation.list({ limit: policiesLookedAt });
  const firings = await Promise.all(
    items.map(async ({ name }) => (await existing(automation.firings(name, one)))?.items ?? []),
  );
  const [firing] = firings.flat().toSorted((a, b) => b.createdAt - a.createdAt);
  const policy = firing?.policy ?? items[0]?.name;
  return policy === undefined ? undefined : { policy, ...(firing && { firing }) };
}

type Last = (kind: string) => Promise<LedgerEvent | undefined>;

async function lastVersion(last: Last, { registry }: Modules): Promise<Loop['register']> {
  const body = (await last('model.version-created'))?.body;
  const model = body?.['model'];
  const number = body?.['number'];
  if (typeof model !== 'string' || typeof number !== 'number') return undefined;
  return existing(registry.getVersion(model, String(number)));
}

async function lastRollout(last: Last, { serving }: Modules): Promise<Loop['rollout']> {
  const id = (await last('rollout.started'))?.subject;
  return id === undefined ? undefined : existing(serving.rollout(id));
}
