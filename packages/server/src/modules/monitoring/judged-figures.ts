/** Figures of a window as they are kept and written. */
import type { JudgedNumber } from '@slipway/contract';
import type { Judged } from '../../lib/intervals.ts';

/** Of the rows whose label came: [labelled] each, `rows` their places in the window. */
export interface Labelled {
  readonly rows: number[];
  readonly scores: number[];
  readonly labels: number[];
  readonly days: number[];
}

export function numberOf(judged: Judged): JudgedNumber {
  return {
    value: judged.estimate,
    low: finite(judged.lower),
    high: finite(judged.upper),
    standardError: finite(judged.standardError),
    by: judged.by,
    ...(judged.clusters === undefined ? {} : { clusters: judged.clusters }),
  };
}

/** JSON has no NaN: what could not be computed is null. */
export const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);

export const fixed = (value: number): string => (Number.isNaN(value) ? '?' : value.toFixed(3));
export const signed = (value: number): string => `${value < 0 ? '-' : '+'}${Math.abs(value).toFixed(3)}`;
