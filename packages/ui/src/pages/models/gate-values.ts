/** What a check of a gate compares: the figure of the version, of the champion on the same rows, and of a simpler model. */
import type { Estimate, GateCheck, GateEvidence } from '@slipway/contract';

export interface CheckFigures {
  readonly metric: string;
  readonly own: Estimate | undefined;
  /** The champion's on the same rows: the candidate's less their paired difference. */
  readonly champion: number | undefined;
  readonly simpler: { readonly name: string; readonly value: number } | undefined;
}

/** `auc.min`, `beats.logistic.auc`, `champion.logLoss`: the metric that each is about. */
function metricOf(name: string): string {
  const [kind = '', ...rest] = name.split('.');
  if (kind === 'beats') return rest.slice(1).join('.');
  if (kind === 'champion') return rest.join('.');
  return name.split('.').slice(0, -1).join('.');
}

export function figuresOf({ name }: GateCheck, evidence: GateEvidence | undefined): CheckFigures {
  const metric = metricOf(name);
  const own = evidence?.metrics[metric];
  const difference = evidence?.paired?.differences[metric];
  const [kind, baseline] = name.split('.');
  const named = kind === 'beats' && baseline !== undefined ? baseline : Object.keys(evidence?.baselines ?? {})[0];
  const simpler = named === undefined ? undefined : evidence?.baselines[named]?.[metric];
  return {
    metric,
    own,
    champion: own === undefined || difference === undefined ? undefined : own.value - difference.value,
    simpler: named === undefined || simpler === undefined ? undefined : { name: named, value: simpler.value },
  };
}
