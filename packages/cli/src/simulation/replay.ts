/** Replays rows through the endpoint of a simulation, and waits for what its monitors judge. */
import type { MonitorWindow } from '@slipway/contract';
import type { Session } from '../command.ts';
import { CommandFailure } from '../failure.ts';
import type { Simulation, SimulationPlan } from './project.ts';
import type { HeldRows } from './rows.ts';
import type { Schedule } from './schedule.ts';

const rowsPerRequest = 500;
const labelsPerRequest = 5000;
/** As a request takes it. */
const idLengthMax = 200;
const pollMs = 200;
/** For the policies to act; they go on with what they began. */
const actingLimitMs = 30_000;
/** An alert is in the ledger a little later than in the list. */
const calmPolls = 3;
/** For the monitors to judge what is complete. */
const judgingLimitMs = 120_000;

/** Events in their order; outcomes follow when they are due, and windows are complete one after the other. */
export async function replay(
  { client, output, signal }: Session,
  plan: SimulationPlan,
  { name, featureSet }: Simulation,
): Promise<void> {
  const { schedule, rows, inputs, labelsAfterMs } = plan;
  const { events, edges } = schedule;
  const params = { endpoint: name };
  const startedAt = performance.now();
  const waiting: { predictionId: string; value: number | string; at: number }[] = [];
  const label = async (until: number): Promise<void> => {
    waiting.sort((a, b) => a.at - b.at);
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
      const instances = part.map(({ row, at }, i) => ({ ...idOf(rows, row), at, inputs: inputs[first + i] ?? {} }));
      // What was known by the last of them: each reads what was known at its own instant.
      if (featureSet !== undefined)
        await client.featureSets.feed(
          { params: { set: featureSet }, body: { until: part.at(-1)?.at ?? end } },
          { signal },
        );
      const { predictions } = await client.endpoints.predict({ params, body: { instances } }, { signal });
      for (const [i, { row, at }] of part.entries())
        waiting.push({
          predictionId: predictions[i]?.id ?? '',
          value: rows.labels[row] ?? 0,
          at: rows.labelsKnownAt?.[row] ?? at + labelsAfterMs,
        });
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

const idOf = ({ ids }: HeldRows, row: number): { readonly id?: string } => {
  const id = ids?.[row];
  return id === undefined || id === '' || id.length > idLengthMax ? {} : { id };
};

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

/**
 * Resolves when the copies of the policies have acted on everything that fits them since `after`, or after half a minute:
 * taken out of use, they act no more.
 */
export async function policiesActed(
  { client, output, signal }: Session,
  { policies }: Simulation,
  after: number,
): Promise<void> {
  const until = performance.now() + actingLimitMs;
  let calm = 0;
  while (policies.length > 0 && calm < calmPolls && performance.now() < until) {
    signal.throwIfAborted();
    const open = await Promise.all(
      policies.map(async (policy) => {
        const wanted = await client.policies.dryRun({ params: { policy }, query: { after, limit: 10_000 } });
        const { items } = await client.policies.firings({ params: { policy }, query: { limit: 1000 } });
        return items.length < wanted.firings.length || items.some(({ state }) => state === 'acting');
      }),
    );
    calm = open.includes(true) ? 0 : calm + 1;
    output.progress('the policies act');
    await pause(pollMs, signal);
  }
}
