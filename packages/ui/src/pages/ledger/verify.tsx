/** Recomputes every digest in ranges, so that the page says how far it is and can be left. */
import type { LedgerVerdict } from '@slipway/contract';
import type { ReactElement } from 'react';
import { useEffect, useRef, useState } from 'react';
import { ApiError, ask } from '../../api/client.ts';
import { Icon } from '../../components/icon.tsx';
import { ErrorNote } from '../../components/states.tsx';
import { count } from '../../words.ts';

/** About 150 ms of hashing on the server. */
const rangeEvents = 20_000;

type State =
  | { readonly is: 'asked'; readonly verifiedSeq: number; readonly headSeq: number }
  | { readonly is: 'done'; readonly verdict: LedgerVerdict }
  | { readonly is: 'refused'; readonly error: ApiError };

export function Verify(): ReactElement {
  const [state, setState] = useState<State | undefined>(undefined);
  const stop = useRef<AbortController>(undefined);
  useEffect(() => () => stop.current?.abort(), []);
  const verify = async (): Promise<void> => {
    const mine = new AbortController();
    stop.current = mine;
    setState({ is: 'asked', verifiedSeq: 0, headSeq: 0 });
    try {
      let verdict = await ask('ledger.verify', { query: { limit: rangeEvents } }, mine.signal);
      while (verdict.ok && verdict.verifiedSeq < verdict.headSeq) {
        setState({ is: 'asked', verifiedSeq: verdict.verifiedSeq, headSeq: verdict.headSeq });
        verdict = await ask(
          'ledger.verify',
          { query: { after: verdict.verifiedSeq, limit: rangeEvents } },
          mine.signal,
        );
      }
      setState({ is: 'done', verdict });
    } catch (error) {
      if (error instanceof ApiError) setState({ is: 'refused', error });
    }
  };
  return (
    <>
      {state?.is === 'asked' && (
        <label className="row t3 sm">
          {state.headSeq === 0 ? 'Recomputing every digest' : `${count(state.verifiedSeq)} of ${count(state.headSeq)}`}
          <progress className="lg-progress" max={Math.max(1, state.headSeq)} value={state.verifiedSeq} />
        </label>
      )}
      {state?.is === 'refused' && <ErrorNote error={state.error} />}
      {state?.is === 'done' && <Verdict verdict={state.verdict} />}
      <button type="button" className="btn" onClick={() => void verify()} disabled={state?.is === 'asked'}>
        <Icon name="shield" small />
        Verify the chain
      </button>
    </>
  );
}

function Verdict({ verdict }: { verdict: LedgerVerdict }): ReactElement {
  return verdict.ok ? (
    <span className="bdg ok" role="status">
      <Icon name="ok" />
      Holds, {count(verdict.verifiedSeq)} events
    </span>
  ) : (
    <span className="bdg bad" role="alert">
      <Icon name="bad" />
      Broken at #{count(verdict.firstBadSeq)}: {verdict.problem}
    </span>
  );
}
