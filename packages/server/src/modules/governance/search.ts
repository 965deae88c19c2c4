/**
 * Pages of the ledger. Kinds and subjects have an index; who, when and a part of a subject have none, so such a search looks
 * through a bounded stretch of events and says how far it came: the next page goes on from there.
 */
import type { LedgerRow } from '@slipway/contract';
import type { Ledger, LedgerEvent } from '../../platform/ledger/ledger.ts';

/** About 100 ms of looking on SQLite. */
export const searchedMax = 100_000;

interface LedgerSearch {
  readonly after?: number | undefined;
  readonly before?: number | undefined;
  readonly kind?: string | undefined;
  readonly subject?: string | undefined;
  readonly actor?: string | undefined;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly q?: string | undefined;
  readonly limit: number;
}

interface LedgerPage {
  readonly items: LedgerRow[];
  readonly headSeq: number;
  readonly searchedToSeq?: number;
}

export async function searchLedger(ledger: Ledger, query: LedgerSearch): Promise<LedgerPage> {
  const { after, before, kind, limit } = query;
  const { seq: headSeq } = await ledger.head();
  const isBounded = [query.actor, query.from, query.to, query.q].some((part) => part !== undefined);
  const top = Math.min(before ?? headSeq + 1, headSeq + 1);
  // Upwards from a cursor, the stretch lies above it.
  const floor = Math.max(0, top - 1 - searchedMax);
  const ceiling = Math.min(top, (after ?? 0) + searchedMax + 1);
  const items = await ledger.list({
    afterSeq: isBounded && after === undefined ? floor : after,
    beforeSeq: isBounded && after !== undefined ? ceiling : before,
    kinds: kind?.includes('.') === true ? [kind] : undefined,
    noun: kind?.includes('.') === false ? kind : undefined,
    subject: query.subject,
    actor: query.actor,
    fromAt: query.from,
    toAt: query.to,
    text: query.q,
    limit,
    order: after === undefined ? 'desc' : 'asc',
  });
  const isCut = items.length < limit && (after === undefined ? floor > 0 : ceiling <= headSeq);
  const stop = after === undefined ? floor + 1 : ceiling - 1;
  return { items: items.map(rowOf), headSeq, ...(isBounded && isCut ? { searchedToSeq: stop } : {}) };
}

/** JSON out of the ledger is JSON into it: the body was checked when it was written. */
const rowOf = (event: LedgerEvent): LedgerRow => ({ ...event, body: event.body as Record<string, never> });
