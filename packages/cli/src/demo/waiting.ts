/** Waiting for what the server does by itself, with what it says on the way. */
import type { PipelineRunDetail, Rollout } from '@slipway/contract';
import type { Client } from 'slipway';
import { seconds } from '../output.ts';

const pollMs = 100;
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, pollMs));
const over = new Set(['succeeded', 'reused', 'failed', 'skipped', 'cancelled']);
const runOver = new Set(['succeeded', 'failed', 'cancelled']);

function describe(run: PipelineRunDetail): string {
  const done = run.steps.filter((s) => over.has(s.state)).length;
  const busy = run.steps
    .filter((s) => s.state === 'running')
    .map((s) => (s.progress === undefined ? s.step : `${s.step} ${Math.round(s.progress.fraction * 100)} %`));
  return `${done} of ${run.steps.length} steps; ${busy.join(', ')}`;
}

/** Until the run has ended. */
export async function waitForRun(client: Client, id: string, live: (text: string) => void): Promise<PipelineRunDetail> {
  for (;;) {
    const run = await client.pipelineRuns.get({ params: { run: id } });
    if (runOver.has(run.state)) return run;
    live(describe(run));
    await pause();
  }
}

/** Until this step has ended; throws when the run fails first. */
export async function followRun(
  client: Client,
  id: string,
  step: string,
  live: (text: string) => void,
): Promise<PipelineRunDetail> {
  for (;;) {
    const run = await client.pipelineRuns.get({ params: { run: id } });
    const found = run.steps.find((s) => s.step === step);
    if (found !== undefined && (found.state === 'succeeded' || found.state === 'reused')) return run;
    if (runOver.has(run.state))
      throw new Error(
        `run ${id} ${run.state}: ${run.steps.find((s) => s.problem !== undefined)?.problem ?? run.problem ?? ''}`,
      );
    live(describe(run));
    await pause();
  }
}

export function stepSeconds(run: PipelineRunDetail, step: string): string {
  const found = run.steps.find((s) => s.step === step);
  return found?.startedAt === undefined || found.finishedAt === undefined
    ? '-'
    : seconds(found.finishedAt - found.startedAt);
}

/** The rollout of this candidate, as soon as it exists. */
export async function waitForRollout(
  client: Client,
  endpoint: string,
  candidate: number,
): Promise<Rollout | undefined> {
  for (let i = 0; i < 300; i++) {
    const { items } = await client.rollouts.list({ params: { endpoint }, query: { limit: 20 } });
    const found = items.find((r) => r.candidate === candidate);
    if (found) return found;
    await pause();
  }
  return undefined;
}

/** The rollout once it is no longer running, or as it stands after the patience is over. */
export async function settledRollout(client: Client, id: string, patienceMs: number): Promise<Rollout> {
  const startedAt = performance.now();
  for (;;) {
    const found = await client.rollouts.get({ params: { rollout: id } });
    if (found.state !== 'running' || performance.now() - startedAt > patienceMs) return found;
    await pause();
  }
}
