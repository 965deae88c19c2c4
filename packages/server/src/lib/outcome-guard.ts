/**
 * Do the labelled pairs show that the candidate harms, where the task is several classes, a number or quantiles? Its main
 * and its side loss (`judged-task.ts`) are each looked at a few fixed counts of pairs, and a guard fires where the rise is
 * certain *and* large: labels of a few hours share their weather, so that certainty alone would stop healthy candidates.
 * Large is a share of what the incumbent's own losses are like, so that units do not matter.
 */
import { nominalCoverage, scaleOf } from './judged-task.ts';
import type { Losses } from './judged-task.ts';
import type { LossTask } from './paired-loss.ts';
import { createLookGuard } from './sequential.ts';

const looks: readonly number[] = [100, 200, 300, 500, 750, 1000, 1500, 2500, 4000, 6000, 10_000];
/** One-sided: keeps two losses at eleven looks together below 0.5 %, also with Student's tail at a hundred pairs. */
export const outcomeZBound = 3.6;
/** Rise of the mean log loss in nats, where the task is classes. */
export const logLossHarmMin = 0.08;
/** Rise of the losses of numbers and quantiles, as a share of the incumbent's. */
export const errorHarmMin = 0.1;
/** Fall of the accuracy, or of the coverage of intervals. */
const shareHarmMin = 0.05;

export interface OutcomeHarm {
  /** Smallest rise that matters: nats for classes, shares of the incumbent's spread or loss otherwise. */
  readonly harmMin?: number | undefined;
}

/** One loss between its looks; the rise is in the unit of its scale. */
export interface LossStanding {
  readonly loss: keyof Losses;
  readonly z: number;
  readonly rise: number;
  readonly riseMin: number;
  readonly count: number;
  readonly nextLookAt: number | undefined;
}

export interface OutcomeFiring {
  readonly loss: keyof Losses;
  readonly at: number;
  readonly z: number;
  readonly rise: number;
}

export interface OutcomeGuard {
  add(candidate: Losses, incumbent: Losses): OutcomeFiring | undefined;
  standing(loss: keyof Losses): LossStanding;
}

export function createOutcomeGuard(task: LossTask, { harmMin }: OutcomeHarm = {}): OutcomeGuard {
  const guards = { main: createLookGuard(looks, outcomeZBound), side: createLookGuard(looks, outcomeZBound) };
  const riseMins = riseMinsOf(task, harmMin);
  let incumbentMain = 0;
  let missed = 0;
  const riseOf = (loss: keyof Losses): number => {
    const { [loss]: unit } = scaleOf(task, incumbentMain / guards.main.count());
    const mean = guards[loss].mean();
    return mean === 0 ? 0 : mean / unit;
  };
  /** Narrower intervals than the incumbent's are no harm while they cover what they promise. */
  const isHarm = (loss: keyof Losses): boolean =>
    loss === 'main' ||
    task.kind !== 'quantiles' ||
    missed / guards.side.count() > 1 - nominalCoverage(task.levels) + shareHarmMin;
  return {
    add: (candidate, incumbent) => {
      incumbentMain += incumbent.main;
      missed += candidate.side;
      const found = {
        main: guards.main.add(candidate.main - incumbent.main),
        side: guards.side.add(candidate.side - incumbent.side),
      };
      for (const loss of ['main', 'side'] as const) {
        const look = found[loss];
        const rise = riseOf(loss);
        if (look?.fired === true && rise > riseMins[loss] && isHarm(loss)) {
          return { loss, at: look.at, z: look.z, rise };
        }
      }
      return undefined;
    },
    standing: (loss) => ({
      loss,
      z: guards[loss].z(),
      rise: guards[loss].count() === 0 ? Number.NaN : riseOf(loss),
      riseMin: riseMins[loss],
      count: guards[loss].count(),
      nextLookAt: guards[loss].nextLookAt(),
    }),
  };
}

/** Errors that are larger by a share have squares that are larger by twice it, about. */
function riseMinsOf(task: LossTask, harmMin: number | undefined): Losses {
  switch (task.kind) {
    case 'classes':
      return { main: harmMin ?? logLossHarmMin, side: shareHarmMin };
    case 'number': {
      const side = harmMin ?? errorHarmMin;
      return { main: 2 * side, side };
    }
    case 'quantiles':
      return { main: harmMin ?? errorHarmMin, side: shareHarmMin };
  }
}
