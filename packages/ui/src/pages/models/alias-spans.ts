/** Moves of aliases out of ledger events, and the spans of time between them. */
import type { LedgerRow } from '@slipway/contract';

export interface AliasMove {
  readonly seq: number;
  readonly at: number;
  readonly actor: string;
  readonly model: string;
  readonly alias: string;
  readonly previous: number | undefined;
  /** Undefined where the alias was removed. */
  readonly version: number | undefined;
  readonly reason: string | undefined;
  readonly approval: string | undefined;
}

const numberOf = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);
const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

/** Undefined for events of another kind. */
export function moveOf({ seq, at, actor, kind, body }: LedgerRow): AliasMove | undefined {
  const [model, alias] = [textOf(body['model']), textOf(body['alias'])];
  if (!/^alias\.(moved|removed)$/.test(kind) || model === undefined || alias === undefined) return undefined;
  return {
    seq,
    at,
    actor,
    model,
    alias,
    previous: numberOf(body['previous']),
    version: numberOf(body['version']),
    reason: textOf(body['reason']),
    approval: textOf(body['approval']),
  };
}

export interface AliasSpan {
  readonly alias: string;
  readonly version: number;
  readonly from: number;
  readonly to: number;
}

/** `moves` newest first; the last span of each alias ends now, or with its removal. */
export function spansOf(moves: readonly AliasMove[], now: number): readonly AliasSpan[] {
  const spans: AliasSpan[] = [];
  const endOf = new Map<string, number>();
  for (const { alias, at, version } of moves) {
    if (version !== undefined) spans.push({ alias, version, from: at, to: endOf.get(alias) ?? now });
    endOf.set(alias, at);
  }
  return spans;
}
