/** Verification of the ledger that remembers how far the chain was found to hold, for as long as the server runs. */
import type { Ledger, LedgerVerdict } from '../../platform/ledger/ledger.ts';

export interface VerifyRange {
  /** `known` goes on from there. */
  readonly after: number | 'known';
  readonly limit?: number | undefined;
}

export function createVerify(ledger: Pick<Ledger, 'verify'>): (range: VerifyRange) => Promise<LedgerVerdict> {
  let knownSeq = 0;
  return async ({ after, limit }) => {
    const afterSeq = after === 'known' ? knownSeq : after;
    const verdict = await ledger.verify({ afterSeq, limit });
    if (!verdict.ok) knownSeq = Math.min(knownSeq, verdict.firstBadSeq - 1);
    // A range that begins beyond says nothing of what lies between.
    else if (afterSeq <= knownSeq) knownSeq = Math.max(knownSeq, verdict.verifiedSeq);
    return verdict;
  };
}
