/** Which steps a run was waiting for: from the one that ended last, back over whatever each had to wait for longest. */
import type { StepRun } from '@slipway/contract';

export interface CriticalPath {
  /** In the order in which they ran. */
  readonly steps: readonly string[];
  /** Of those steps together, without their time in the queue. */
  readonly ranMs: number;
}

type Ran = Pick<StepRun, 'step' | 'startedAt' | 'finishedAt'>;

/** Undefined where fewer than two steps ran one after the other. What was reused took no time and ends the path. */
export function criticalPathOf(
  needs: ReadonlyMap<string, readonly string[]>,
  runs: readonly Ran[],
): CriticalPath | undefined {
  const ran = new Map(
    runs.flatMap(({ step, startedAt, finishedAt }) =>
      startedAt === undefined || finishedAt === undefined ? [] : [[step, { startedAt, finishedAt }] as const],
    ),
  );
  const lastOf = (steps: readonly string[]): string | undefined =>
    steps
      .filter((step) => ran.has(step))
      .toSorted((a, b) => (ran.get(b)?.finishedAt ?? 0) - (ran.get(a)?.finishedAt ?? 0))[0];
  const steps: string[] = [];
  let ranMs = 0;
  // A graph has no cycles, and each step is visited once at most.
  for (let at = lastOf([...ran.keys()]); at !== undefined;) {
    const times = ran.get(at);
    steps.unshift(at);
    ranMs += times === undefined ? 0 : times.finishedAt - times.startedAt;
    at = lastOf(needs.get(at) ?? []);
  }
  return steps.length < 2 ? undefined : { steps, ranMs };
}
