import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LedgerVerdict } from '../../platform/ledger/ledger.ts';
import { createVerify } from './verify.ts';

/** A chain of `headSeq` events of which `badSeq` was altered. */
const verifyOf = (chain: { headSeq: number; badSeq?: number | undefined }, asked: number[]) =>
  createVerify({
    verify: async ({ afterSeq = 0, limit = chain.headSeq } = {}): Promise<LedgerVerdict> => {
      asked.push(afterSeq);
      const verifiedSeq = Math.min(chain.headSeq, afterSeq + limit);
      const { headSeq, badSeq } = chain;
      if (badSeq !== undefined && badSeq > afterSeq && badSeq <= verifiedSeq)
        return { ok: false, events: badSeq - 1 - afterSeq, firstBadSeq: badSeq, problem: 'altered' };
      return { ok: true, events: verifiedSeq - afterSeq, headSeq, headChain: '', verifiedSeq };
    },
  });

test('a verification goes on from where the chain is known to hold, and from nowhere else', async () => {
  const chain: { headSeq: number; badSeq?: number } = { headSeq: 100 };
  const asked: number[] = [];
  const verify = verifyOf(chain, asked);
  await verify({ after: 'known', limit: 30 });
  await verify({ after: 'known', limit: 30 });
  // Beyond what is known: it says nothing of 61 to 80.
  await verify({ after: 80 });
  await verify({ after: 20, limit: 50 });
  await verify({ after: 'known' });
  chain.headSeq = 120;
  await verify({ after: 'known' });
  assert.deepEqual(asked, [0, 30, 80, 20, 70, 100]);
});

test('what was found broken is not known to hold any more', async () => {
  const chain: { headSeq: number; badSeq?: number } = { headSeq: 100 };
  const asked: number[] = [];
  const verify = verifyOf(chain, asked);
  await verify({ after: 'known' });
  chain.badSeq = 15;
  assert.equal((await verify({ after: 0 })).ok, false);
  const again = await verify({ after: 'known' });
  assert.deepEqual([asked.at(-1), again.ok ? undefined : again.firstBadSeq], [14, 15]);
});
