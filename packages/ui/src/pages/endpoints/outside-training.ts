/** Whether a value is one that training knew: outside of that a score is a guess. */
import type { TrainedOn } from '@slipway/contract';
import { figure } from '../../words.ts';

/** How a value lies outside of what training saw; undefined where it does not, or where that is not known. */
export function outsideTraining(
  value: string | number | boolean | null,
  trained: TrainedOn | undefined,
): string | undefined {
  if (trained === undefined || value === null) return undefined;
  const { min, max, distinct, values = [] } = trained;
  if (typeof value === 'number' && min !== undefined && max !== undefined) {
    if (value < min) return `Below ${figure(min)}, the lowest in training`;
    if (value > max) return `Above ${figure(max)}, the highest in training`;
  }
  if (typeof value === 'string' && distinct === values.length && !values.includes(value)) return 'Never in training';
  return undefined;
}
