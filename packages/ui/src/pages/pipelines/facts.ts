/** What a run and its graph come to, in figures and words. */
import type {
  GraphNode,
  GraphSource,
  PipelineGraph,
  PipelineRun,
  PipelineRunDetail,
  StepRun,
  StepState,
} from '@slipway/contract';
import type { Status } from '../../components/status.tsx';
import { statusOf } from '../../components/status.tsx';
import { duration } from '../../words.ts';

const over: ReadonlySet<StepState> = new Set(['succeeded', 'reused', 'failed', 'skipped', 'cancelled']);

export const isStepOver = (state: StepState): boolean => over.has(state);

export const isRunOver = (run: Pick<PipelineRun, 'state'>): boolean =>
  run.state !== 'running' && run.state !== 'cancelling';

export const stepStatus = (state: StepState): Status =>
  state === 'retrying' ? { tone: 'warn', word: 'Retrying' } : statusOf(state);

/** Every step that a value or an order makes this one wait for. */
export function needsOf(node: GraphNode): readonly string[] {
  const found = new Set(node.after);
  const walk = (source: GraphSource): void => {
    if ('step' in source) found.add(source.step);
    else if ('list' in source) source.list.forEach(walk);
  };
  Object.values(node.inputs).forEach(walk);
  return [...found];
}

/** The step and all that need it, directly or not, in the order of the graph. */
export function fromStepOn(graph: PipelineGraph, step: string): readonly string[] {
  const found = new Set([step]);
  // Nodes stand in an order in which they can run, so one pass sees them all.
  for (const node of graph.nodes) if (needsOf(node).some((need) => found.has(need))) found.add(node.id);
  return [...found];
}

export const elapsedOf = (run: PipelineRun, now: number): number =>
  Math.max(0, (run.finishedAt ?? now) - run.startedAt);

/** `4 cached, 1 succeeded, 2 running`. */
export function stepCounts(steps: readonly StepRun[]): string {
  const counts = new Map<string, number>();
  for (const { state } of steps) {
    const { word } = stepStatus(state);
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return [...counts].map(([word, n]) => `${n} ${word.toLowerCase()}`).join(', ');
}

/** The middle one of the finished, succeeded runs; nothing to say of none. */
export function usualDuration(runs: readonly PipelineRun[]): { readonly ms: number; readonly of: number } | undefined {
  const times = runs
    .flatMap((r) => (r.state === 'succeeded' && r.finishedAt !== undefined ? [r.finishedAt - r.startedAt] : []))
    .toSorted((a, b) => a - b);
  const ms = times[Math.floor(times.length / 2)];
  return ms === undefined ? undefined : { ms, of: times.length };
}

export const firstLine = (text: string): string => text.split('\n', 1)[0] ?? '';

/** One sentence: how it ended, or what it does now. */
export function runSentence(run: PipelineRunDetail, now: number): string {
  const took = duration(elapsedOf(run, now));
  const failed = run.steps.find((s) => s.state === 'failed');
  if (run.state === 'succeeded') return `All ${run.steps.length} steps are done, in ${took}: ${stepCounts(run.steps)}.`;
  if (run.state === 'failed' && failed !== undefined)
    return `Stopped after ${took} because ${failed.step} failed: ${stepCounts(run.steps)}.`;
  if (run.state === 'failed') return `Failed after ${took}: ${firstLine(run.problem ?? stepCounts(run.steps))}`;
  if (run.state === 'cancelled') return `Cancelled after ${took}: ${stepCounts(run.steps)}.`;
  const active = run.steps.filter((s) => s.state === 'running').map((s) => s.step);
  const doing = active.length === 0 ? 'No step runs at this moment' : `${active.join(', ')} is running`;
  return `${doing}, ${took} after the start: ${stepCounts(run.steps)}.`;
}

/** The step that a reader most likely wants: the one asked for, else what failed, else what runs, else the last one. */
export function stepInFocus(run: PipelineRunDetail, asked: string | undefined): StepRun | undefined {
  const by = (test: (s: StepRun) => boolean): StepRun | undefined => run.steps.find(test);
  return (
    by((s) => s.step === asked) ??
    by((s) => s.state === 'failed') ??
    by((s) => s.state === 'running') ??
    run.steps.findLast((s) => s.startedAt !== undefined) ??
    run.steps[0]
  );
}
