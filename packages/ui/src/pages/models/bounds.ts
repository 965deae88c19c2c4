/** The bounds of a gate in words, and which way each of its checks points. */
import type { GateCheck, GateEvidence, GateSpec } from '@slipway/contract';

export interface BoundWords {
  /** As the judge names the check. */
  readonly name: string;
  readonly sentence: string;
}

const ends = { low: 'the low end of its 95 % interval ', high: 'the high end of its 95 % interval ', value: '' };

/** A wish per line: `auc: the low end of its 95 % interval must be at least 0.7`. */
export function boundsOf(gate: GateSpec): readonly BoundWords[] {
  const { beats = {}, champion = {}, ...metrics } = gate.checks;
  return [
    ...Object.entries(metrics).flatMap(([metric, bound]) =>
      (['min', 'max'] as const).flatMap((side) => {
        const limit = bound[side];
        if (limit === undefined) return [];
        return [
          {
            name: `${metric}.${side}`,
            sentence: `${ends[bound.interval]}must be ${side === 'min' ? 'at least' : 'at most'} ${limit}`,
          },
        ];
      }),
    ),
    ...Object.entries(beats).flatMap(([baseline, margins]) =>
      Object.entries(margins).map(([metric, margin]) => ({
        name: `beats.${baseline}.${metric}`,
        sentence: `must be better than the simpler model "${baseline}" on the same rows by at least ${margin}`,
      })),
    ),
    ...Object.entries(champion).map(([metric, bound]) => ({
      name: `champion.${metric}`,
      sentence: `must not be worse than the champion on the same rows by ${marginOf(bound)} or more, counting the worse end of the 95 % interval of the difference`,
    })),
  ];
}

/** On the wire it may still be the short form, `nonInferior 0.005`. */
const marginOf = (bound: { readonly nonInferior: number } | string): string =>
  typeof bound === 'string' ? (bound.split(/\s+/)[1] ?? bound) : String(bound.nonInferior);

/** `auc.min`: ROC area at the top; the judge's names are kept beside these words. */
export function checkWords(name: string): { readonly what: string; readonly direction: 'min' | 'max' } {
  const parts = name.split('.');
  const [kind = '', ...rest] = parts;
  if (kind === 'beats') return { what: `${rest.slice(1).join('.')} over ${rest[0] ?? ''}`, direction: 'min' };
  if (kind === 'champion') return { what: `${rest.join('.')} against champion`, direction: 'max' };
  return { what: parts.slice(0, -1).join('.'), direction: parts.at(-1) === 'max' ? 'max' : 'min' };
}

export const mustBe = (check: GateCheck): string => {
  if (check.bound === undefined) return 'not set';
  const { direction } = checkWords(check.name);
  const isAgainstChampion = check.name.startsWith('champion.');
  return `${isAgainstChampion ? 'below' : direction === 'min' ? 'at least' : 'at most'} ${check.bound}`;
};

/** What is left to the bound; negative beyond it. */
export function roomOf({ name, observed, bound }: GateCheck): number | undefined {
  if (observed === undefined || bound === undefined) return undefined;
  return checkWords(name).direction === 'min' ? observed - bound : bound - observed;
}

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** The 95 % interval behind a check, where the evidence has one. */
export function intervalOf(name: string, evidence: GateEvidence | undefined): Interval | undefined {
  const [kind, ...rest] = name.split('.');
  if (kind === 'beats') return undefined;
  if (kind === 'champion') {
    const difference = evidence?.paired?.differences[rest.join('.')];
    if (difference?.low === undefined || difference.high === undefined) return undefined;
    return { low: difference.low, high: difference.high };
  }
  const estimate = evidence?.metrics[checkWords(name).what];
  return estimate?.low === undefined || estimate.high === undefined
    ? undefined
    : { low: estimate.low, high: estimate.high };
}

const lowWords: ReadonlySet<string> = new Set(
  'loss losses brier ece error errors rmse mae mse mape smape deviance latency cost costs logloss'.split(' '),
);

/** As the judge has it (modules/registry/gate.ts): what measures loss, error or cost is better when smaller. */
export function isLowerBetter(metric: string): boolean {
  const words = metric.replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2').split(/[^A-Za-z0-9]+/);
  return words.some((word) => lowWords.has(word.toLowerCase()));
}
