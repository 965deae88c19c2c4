/** The project of a simulation: an endpoint of its own with copies of the monitors, which end when nobody renews them. */
import type { Endpoint, Monitor, Policy, ProjectManifest, ResourceDeclaration } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import { z } from 'zod';
import type { Session } from '../command.ts';
import type { CopiedFeatures } from './feature-rows.ts';
import type { HeldRows } from './rows.ts';
import type { Schedule } from './schedule.ts';
import type { Inputs } from './shift.ts';

type Client = Session['client'];

export interface SimulationPlan {
  readonly endpoint: Endpoint;
  readonly version: number;
  readonly monitors: readonly Monitor[];
  /** Copies of these act on what the simulation shows; none unless asked for. */
  readonly policies: readonly Policy[];
  readonly rows: HeldRows;
  /** Where the endpoint's features come from a service. */
  readonly features: CopiedFeatures | undefined;
  /** As they are sent, one for each event of the schedule. */
  readonly inputs: readonly Inputs[];
  readonly schedule: Schedule;
  readonly labelsAfterMs: number;
  /** Rows a second; as fast as the server answers unless said. */
  readonly rate: number | undefined;
  /** Event time in so many times real time. */
  readonly speed: number | undefined;
}

export interface Simulation {
  /** Its endpoint, and the project that it is declared in. */
  readonly name: string;
  /** The copy of the feature set; none where the endpoint reads none. */
  readonly featureSet: string | undefined;
  /** The copy of each monitor. */
  readonly copies: ReadonlyMap<string, string>;
  /** The copies of the policies. */
  readonly policies: readonly string[];
}

/** A simulation whose command was killed ends by itself after this time. */
const leaseMs = 120_000;
const renewEveryMs = 30_000;
/** One that was kept for a look. */
export const keptMs: number = 7 * 86_400_000;

/** Names are new each time: two simulations may run at once, and none meets what an earlier one left. */
export function simulationOf(
  { endpoint, monitors, policies, features }: Pick<SimulationPlan, 'endpoint' | 'monitors' | 'policies' | 'features'>,
  now: number,
): Simulation {
  const suffix = `simulation-${now.toString(36)}`;
  return {
    name: `${endpoint.name}-${suffix}`,
    featureSet: features === undefined ? undefined : `${features.set.name}_${suffix.replace('-', '_')}`,
    copies: new Map(monitors.map(({ name }) => [name, `${name}-${suffix}`])),
    policies: policies.map(({ name }) => `${name}-${suffix}`),
  };
}

export interface Declared {
  /** Leaves it in use for a week. */
  keep(): Promise<void>;
  /** Takes everything out of use. */
  destroy(): Promise<void>;
}

/** Declares it, and goes on renewing it. */
export async function declareSimulation(
  client: Client,
  plan: SimulationPlan,
  simulation: Simulation,
): Promise<Declared> {
  const params = { project: simulation.name };
  const manifest = { resources: resourcesOf(plan, simulation), bundle: [] };
  const apply = (keepMs: number, expected: Pick<ProjectManifest, 'expectedApply'>) =>
    client.projects.apply({
      params,
      body: { ...manifest, ...expected, simulation: { of: plan.endpoint.name, keepMs } },
    });
  const { applyNumber: expectedApply } = await apply(leaseMs, { expectedApply: 0 });
  const timer = setInterval(() => {
    // One that somebody ended is not begun again; whoever asks it next is told that it is gone.
    apply(leaseMs, { expectedApply }).catch((error: unknown) => {
      if (error instanceof SlipwayError && error.status < 500) clearInterval(timer);
    });
  }, renewEveryMs);
  timer.unref();
  return {
    keep: async () => {
      clearInterval(timer);
      await apply(keptMs, { expectedApply });
    },
    destroy: async () => {
      clearInterval(timer);
      await destroySimulation(client, simulation);
    },
  };
}

/** Larger histories are read in minutes. */
const fillingMs = 600_000;

/** Takes the version into use that the real endpoint serves, with what was known before the first row. */
export async function deploySimulation(
  client: Client,
  { endpoint, version, features }: SimulationPlan,
  { name, featureSet }: Simulation,
): Promise<void> {
  if (features !== undefined && featureSet !== undefined)
    await client.featureSets.backfill(
      { params: { set: featureSet }, body: { tables: features.tables, until: features.until } },
      { timeoutMs: fillingMs },
    );
  await client.endpoints.deploy({
    params: { endpoint: name },
    body: { traffic: [{ version, percent: 100 }], reason: `simulation of ${endpoint.name}` },
  });
}

export async function destroySimulation(client: Client, { name }: Simulation): Promise<void> {
  try {
    await client.projects.destroy({ params: { project: name } });
  } catch (error) {
    // It was never declared, or somebody else ended it.
    if (!(error instanceof SlipwayError) || error.code !== 'not_found') throw error;
  }
}

function resourcesOf(plan: SimulationPlan, simulation: Simulation): ResourceDeclaration[] {
  const { endpoint, monitors, policies, features } = plan;
  const { name, copies, featureSet } = simulation;
  const { model, durability } = endpoint.spec;
  const read =
    features === undefined || featureSet === undefined
      ? {}
      : { features: { set: featureSet, service: features.service } };
  const resources = [
    ...(features === undefined || featureSet === undefined
      ? []
      : [{ kind: 'feature-set', name: featureSet, spec: { ...features.set.definition, features: featureSet } }]),
    { kind: 'endpoint', name, spec: { model, durability, ...read, simulationOf: endpoint.name } },
    ...monitors.map((monitor) => ({
      kind: 'monitor',
      name: copies.get(monitor.name) ?? '',
      // Windows of a simulation are cut in UTC.
      spec: { ...monitor.spec, zone: 'UTC', endpoint: name, simulationOf: monitor.name },
    })),
    ...policies.map((policy, i) => ({
      kind: 'policy',
      name: simulation.policies[i] ?? '',
      spec: copiedPolicy(policy, plan, simulation),
    })),
  ];
  return resources.map((one) => ({ ...one, spec: jsonOf(one.spec) }));
}

/** As it travels: what is undefined is left out. */
const jsonOf = (spec: unknown): ResourceDeclaration['spec'] => z.json().parse(JSON.parse(JSON.stringify(spec)));

/** The same, of the copies: what happens in a simulation concerns only policies that ask for it. */
function copiedPolicy(
  { spec }: Policy,
  { endpoint, monitors }: SimulationPlan,
  { name, copies }: Simulation,
): Policy['spec'] {
  const where = Object.fromEntries(
    Object.entries(spec.where).map(([path, value]) => {
      if (value === endpoint.name) return [path, name];
      return [path, typeof value === 'string' ? (copies.get(value) ?? value) : value];
    }),
  );
  const of = [endpoint.name, ...monitors.map((monitor) => monitor.name)];
  const action =
    'rollout' in spec.do && spec.do.rollout.endpoint === endpoint.name
      ? { rollout: { ...spec.do.rollout, endpoint: name } }
      : spec.do;
  return {
    ...spec,
    where: { ...where, simulationOf: of },
    do: action,
  };
}
