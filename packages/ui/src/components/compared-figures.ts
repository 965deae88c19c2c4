/** What a comparison of two versions measured, whichever task they have: names, figures and differences as they are written. */
import type { VersionComparison } from '@slipway/contract';
import { decimals, figure, percent, signed, signedFigure } from '../words.ts';

type PairedNumber = Extract<VersionComparison, { readonly task: 'binary' }>['dAuc'];

export interface ComparedFigure {
  readonly name: string;
  readonly champion: number;
  readonly challenger: number;
  readonly difference: PairedNumber | undefined;
  readonly byDay: PairedNumber | undefined;
  /** Of the figure, and of a difference of two. */
  readonly write: (value: number) => string;
  readonly writeChange: (value: number | null) => string;
}

const asRatio = { write: (v: number) => decimals(v, 4), writeChange: (v: number | null) => signed(v, 4) };
const asShare = {
  write: (v: number) => percent(v, 1),
  writeChange: (v: number | null) => (v === null ? 'not set' : `${signed(100 * v, 1)} points`),
};
const asNumber = { write: figure, writeChange: signedFigure };

const named = {
  'log-loss': { name: 'Log loss', ...asRatio },
  accuracy: { name: 'Accuracy', ...asShare },
  'root-mean-squared-error': { name: 'Root mean squared error', ...asNumber },
  'mean-absolute-error': { name: 'Mean absolute error', ...asNumber },
  'pinball-loss': { name: 'Pinball loss', ...asNumber },
  coverage: { name: 'Coverage of intervals', ...asShare },
} as const;

export function comparedFigures(found: VersionComparison): readonly ComparedFigure[] {
  if (found.task !== 'binary') {
    return found.figures.map(({ name, ...measured }) => ({ ...measured, ...named[name] }));
  }
  const { champion, challenger } = found.scores;
  const none = { difference: undefined, byDay: undefined };
  const of = (name: string, key: keyof typeof champion): ComparedFigure => ({
    name,
    champion: champion[key],
    challenger: challenger[key],
    ...none,
    ...asRatio,
  });
  return [
    { ...of('ROC AUC', 'auc'), difference: found.dAuc, byDay: found.dAucByDay },
    { ...of('Log loss', 'logLoss'), difference: found.dLogLoss, byDay: found.dLogLossByDay },
    of('Calibration error', 'ece'),
    of('Mean score', 'meanScore'),
  ];
}
