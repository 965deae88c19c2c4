/** Replays rows through an endpoint of their own, with copies of the monitors beside it, and takes both out of use again. */
import type { Endpoint, Monitor, MonitorWindow, Policy, ResourceDeclaration } from '@slipway/contract';
import { z } from 'zod';
import type { Session } from '../command.ts';
import { CommandFailure } from '../failure.ts';
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
  /** The copy of each monitor. */
  readonly copies: ReadonlyMap<string, string>;
}

const rowsPerRequest = 500;
const labelsPerRequest = 5000;
const pollMs = 200;
/** For the monitors to judge what is complete. */
const judgingLimitMs = 120_000;

/** Names are new each time: two simulations may run at once, and none meets what an earlier one left. */
export function simulationOf(
  { endpoint, monitors }: Pick<SimulationPlan, 'endpoint' | 'monitors'>,
  now: number,
): Simulation {
  const suffix = `simulation-${Math.floor(now / 1000).toString(36)}`;
  return {
    name: `${endpoint.name}-${suffix}`,
    copies: new Map(monitors.map(({ name }) => [name, `${name}-${suffix}`])),
  };
}

export async function declareSimulation(
  client: Client,
  plan: SimulationPlan,
  { name, copies }: Simulation,
): Promise<void> {
  const { endpoint, monitors, policies, schedule } = plan;
  const { model, durability } = endpoint.spec;
  const zone = schedule.layout.kind === 'even' ? { zone: 'UTC' } : {};
  const resources = [
    { kind: 'endpoint', name, spec: { model, durability, simulationOf: endpoint.name } },
    ...monitors.map((monitor) => ({
      kind: 'monitor',
      name: copies.get(monitor.name) ?? '',
      spec: { ...monitor.spec, ...zone, endpoint: name, simulationOf: monitor.name },
    })),
    ...policies.map((policy) => ({
      kind: 'policy',
      name: `${policy.name}${name.slice(endpoint.name.length)}`,
      spec: copiedPolicy(policy, plan, { name, copies }),
    })),
  ];
  const declared = resources.map((one) => ({ ...one, spec: jsonOf(one.spec) }));
  await client.projects.apply({ params: { project: name }, body: { resources: declared, bundle: [] } });
  const traffic = [{ version: plan.version, percent: 100 }];
  await client.endpoints.deploy({
    params: { endpoint: name },
    body: { traffic, reason: `simulation of ${endpoint.name}` },
  });
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

/** Events in their order; outcomes follow when they are due, and windows are complete one after the other. */
export async function replay(
  { client, output, signal }: Session,
  plan: SimulationPlan,
  { name }: Simulation,
): Promise<void> {
  const { schedule, rows, inputs, labelsAfterMs } = plan;
  const { events, edges } = schedule;
  const params = { endpoint: name };
  const startedAt = performance.now();
  const waiting: { predictionId: string; value: number | string; at: number }[] = [];
  const label = async (until: number): Promise<void> => {
    const due = waiting.findIndex(({ at }) => at > until);
    const labels = waiting.splice(0, due < 0 ? waiting.length : due);
    for (let i = 0; i < labels.length; i += labelsPerRequest)
      await client.endpoints.label({ params, body: { labels: labels.slice(i, i + labelsPerRequest) } }, { signal });
    await client.endpoints.label(
      { params, body: { labels: [], watermark: Math.max(0, until - labelsAfterMs) } },
      { signal },
    );
  };
  let sent = 0;
  for (const [window, end] of edges.slice(1).entries()) {
    while (sent < events.length && (events[sent]?.at ?? Infinity) < end) {
      signal.throwIfAborted();
      const first = sent;
      const part = events.slice(first, first + batchOf(plan)).filter(({ at }) => at < end);
      const instances = part.map(({ at }, i) => ({ at, inputs: inputs[first + i] ?? {} }));
      const { predictions } = await client.endpoints.predict({ params, body: { instances } }, { signal });
      for (const [i, { row, at }] of part.entries())
        waiting.push({ predictionId: predictions[i]?.id ?? '', value: rows.labels[row] ?? 0, at: at + labelsAfterMs });
      sent += part.length;
      output.progress(
        `window ${window + 1} of ${edges.length - 1}: ${sent.toLocaleString('en-US')} of ${events.length.toLocaleString('en-US')} rows`,
      );
      await pace(plan, { sent, at: part.at(-1)?.at ?? end, startedAt }, signal);
    }
    await label(end);
  }
  await label(lastLabelAt(plan));
  output.endProgress();
}

/** When every outcome is there, and every grace over. */
function lastLabelAt({ schedule, labelsAfterMs, monitors }: SimulationPlan): number {
  const graceMs = Math.max(0, ...monitors.map(({ spec }) => spec.labelGrace));
  return (schedule.edges.at(-1) ?? 0) + 2 * labelsAfterMs + graceMs + 1;
}

/** Small enough that a rate is kept second by second. */
const batchOf = ({ rate, speed }: SimulationPlan): number =>
  Math.max(1, Math.min(rowsPerRequest, Math.ceil(rate ?? rowsPerRequest), speed === undefined ? rowsPerRequest : 50));

async function pace(
  { rate, speed, schedule }: SimulationPlan,
  done: { readonly sent: number; readonly at: number; readonly startedAt: number },
  signal: AbortSignal,
): Promise<void> {
  const byRate = rate === undefined ? 0 : (done.sent / rate) * 1000;
  const bySpeed = speed === undefined ? 0 : (done.at - (schedule.events[0]?.at ?? 0)) / speed;
  const waitMs = done.startedAt + Math.max(byRate, bySpeed) - performance.now();
  if (waitMs > 0) await pause(waitMs, signal);
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
  signal.throwIfAborted();
}

/** Oldest first, once every window that has rows was judged. Throws when the monitor does not get there in two minutes. */
export async function judgedWindows(
  { client, output, signal }: Session,
  monitor: string,
  { events, edges }: Schedule,
): Promise<readonly MonitorWindow[]> {
  const wanted = edges.slice(1).filter((to, i) => events.some(({ at }) => at >= (edges[i] ?? 0) && at < to)).length;
  const until = performance.now() + judgingLimitMs;
  for (;;) {
    signal.throwIfAborted();
    const { items } = await client.monitors.windows({ params: { monitor }, query: { limit: 1000 } }, { signal });
    const { pending } = await client.monitors.history({ params: { monitor }, query: { limit: 1 } }, { signal });
    if (items.length >= wanted && pending.length === 0) return items.toReversed();
    if (performance.now() > until)
      throw new CommandFailure(
        'failed',
        `monitor ${monitor} judged ${items.length} of ${wanted} windows in ${judgingLimitMs / 1000} s: the server's log says what holds it up`,
      );
    output.progress(`${items.length} of ${wanted} windows judged`);
    await pause(pollMs, signal);
  }
}
