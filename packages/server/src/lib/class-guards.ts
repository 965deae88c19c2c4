/**
 * Do the classes that a canary names look like the incumbent's? Two guards that need no labels, with looks at a few fixed
 * canary counts, as the guard of scores has (`sequential.ts`).
 *
 *   mix        the classes of the canary's requests against those of the others: chi-square test, rare classes together. It takes a small p, a large distance between the arms, and a large one between both models on the
 *              same requests, since the first requests of a canary may all come from one hour.
 *   agreement  on each of the canary's requests, what the incumbent gives for its own class less what it gives for the
 *              canary's: by how much the accuracy falls if the incumbent's probabilities are right. That two models of a hard
 *              question disagree costs little; names that were mixed up cost nearly everything, whatever the mix.
 *
 * Under equal models agreement cannot fire; false alarms of the mix are at most looks * p. Cost: O(classes) a look.
 */
import { chiSquareTest } from './drift.ts';
import { topOf } from './judged-task.ts';
import { defaultLooks } from './sequential.ts';

/** Total variation: the share of requests that would have to change their class. Between the arms, and on the same requests. */
export const mixDistanceMin = 0.35;
export const mixShiftMin = 0.25;
/** Fall of the accuracy, by the incumbent's own probabilities. */
export const agreementFallMin = 0.2;
/** The fall must be certain to be above this. */
const agreementFallSure = 0.1;
/** One-sided, 5e-5. */
export const agreementZMin = 3.9;
const mixPMax = 1e-4;
const controlMin = 30;
/** Expected in the canary's arm, below which a class counts with the other rare ones. */
const expectedMin = 5;

export interface ClassLook {
  /** Canary requests seen at this look. */
  readonly at: number;
  readonly mix: {
    readonly distance: number;
    readonly p: number;
    readonly shift: number;
    readonly fired: boolean;
  };
  readonly agreement: { readonly fall: number; readonly z: number; readonly agreed: number; readonly fired: boolean };
}

export interface ClassGuards {
  /** One request with the probabilities of the arm that stands for it, and those of the other model where it was asked. */
  add(isCanary: boolean, own: ArrayLike<number>, other?: ArrayLike<number>): ClassLook | undefined;
  canaryCount(): number;
  nextLookAt(): number | undefined;
}

export function createClassGuards(classes: number, looks: readonly number[] = defaultLooks): ClassGuards {
  const canary = new Float64Array(classes);
  const control = new Float64Array(classes);
  /** Classes of both models on the canary's requests. */
  const own = new Float64Array(classes);
  const other = new Float64Array(classes);
  const last = looks.at(-1) ?? 0;
  let [canaryCount, controlCount, pairs, agreed] = [0, 0, 0, 0];
  let [fallSum, fallSquares] = [0, 0];
  let next = 0;
  const count = (into: Float64Array, top: number): void => {
    into[top] = (into[top] ?? 0) + 1;
  };
  const addPair = (ours: number, theirs: ArrayLike<number>): void => {
    const top = topOf(theirs);
    count(own, ours);
    count(other, top);
    const fall = (theirs[top] ?? 0) - (theirs[ours] ?? 0);
    pairs++;
    if (top === ours) agreed++;
    fallSum += fall;
    fallSquares += fall * fall;
  };
  const agreementNow = (): ClassLook['agreement'] => {
    if (pairs < 2) return { fall: Number.NaN, z: Number.NaN, agreed: Number.NaN, fired: false };
    const fall = fallSum / pairs;
    const error = Math.sqrt(Math.max(0, fallSquares / pairs - fall * fall) / (pairs - 1));
    const z = error > 0 ? (fall - agreementFallSure) / error : fall > agreementFallSure ? Infinity : 0;
    return { fall, z, agreed: agreed / pairs, fired: fall > agreementFallMin && z > agreementZMin };
  };
  return {
    canaryCount: () => canaryCount,
    nextLookAt: () => looks[next],
    add: (isCanary, values, otherValues) => {
      if (next >= looks.length) return undefined;
      const top = topOf(values);
      if (!isCanary) {
        count(control, top);
        controlCount++;
      } else if (canaryCount < last) {
        count(canary, top);
        canaryCount++;
        if (otherValues !== undefined) addPair(top, otherValues);
      }
      if (canaryCount < (looks[next] ?? Infinity) || controlCount < controlMin) return undefined;
      next++;
      const { distance, p } = mixTest(canary, control);
      const shift = pairs === 0 ? Number.NaN : distanceOf(own, other);
      const isShifted = pairs === 0 || shift > mixShiftMin;
      const mix = { distance, p, shift, fired: distance > mixDistanceMin && p < mixPMax && isShifted };
      return { at: canaryCount, mix, agreement: agreementNow() };
    },
  };
}

const sumOf = (counts: Float64Array): number => counts.reduce((a, b) => a + b, 0);

/** Total variation between two lists of counts of the same classes. */
function distanceOf(a: Float64Array, b: Float64Array): number {
  const [n, m] = [sumOf(a), sumOf(b)];
  return a.reduce((sum, count, k) => sum + Math.abs(count / n - (b[k] ?? 0) / m), 0) / 2;
}

/** Are both counts of one mix? Classes that are rare in the smaller sample `a` count as one. */
function mixTest(a: Float64Array, b: Float64Array): { readonly distance: number; readonly p: number } {
  const share = sumOf(a) / (sumOf(a) + sumOf(b));
  const ours: number[] = [0];
  const theirs: number[] = [0];
  a.forEach((count, k) => {
    const beside = b[k] ?? 0;
    if (share * (count + beside) >= expectedMin) {
      ours.push(count);
      theirs.push(beside);
    } else {
      ours[0] = (ours[0] ?? 0) + count;
      theirs[0] = (theirs[0] ?? 0) + beside;
    }
  });
  const { p } = chiSquareTest(ours, theirs);
  return { distance: distanceOf(a, b), p: Number.isNaN(p) ? 1 : p };
}
