/**
 * The ledger in the bar at the foot: how far its chain was recomputed and holds, by this server since it started. A little is
 * verified while the console is open; pressing it verifies up to the head.
 */
import type { LedgerVerdict } from '@slipway/contract';
import { useQuery } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import type { ApiError } from '../api/client.ts';
import { ask } from '../api/client.ts';
import { useStream } from '../api/events.ts';
import { Icon } from '../components/icon.tsx';
import { count } from '../words.ts';
import { to } from './places.ts';

/** About 35 ms of hashing on the server, in turns of 3 ms. */
const rangeEvents = 5000;
const everyMs = 30_000;

export function LedgerTail(): ReactElement {
  const { headSeq } = useStream();
  const { data, refetch } = useQuery<LedgerVerdict, ApiError>({
    // Not an operation's name: every event would verify anew.
    queryKey: ['ledger-verified'],
    queryFn: ({ signal }) => ask('ledger.verify', { query: { after: 'known', limit: rangeEvents } }, signal),
    refetchInterval: everyMs,
  });
  const verifyOn = async (): Promise<void> => {
    let now = await refetch();
    while (now.data?.ok === true && !now.isError && now.data.verifiedSeq < now.data.headSeq) now = await refetch();
  };
  if (data === undefined) return <Link to={to.ledger}>ledger #{count(headSeq)}</Link>;
  if (!data.ok)
    return (
      <Link className="bad" to={to.ledgerEvent(data.firstBadSeq)} title={data.problem}>
        <Icon name="bad" small />
        ledger broken at #{count(data.firstBadSeq)}
      </Link>
    );
  const isWhole = data.verifiedSeq === data.headSeq;
  return (
    <button
      type="button"
      className={isWhole ? 'link verified' : 'link'}
      title={`The head is #${count(headSeq)}. Press to verify up to it.`}
      onClick={() => void verifyOn()}
    >
      {isWhole && <Icon name="shield" small />}
      {isWhole ? 'ledger' : `ledger #${count(headSeq)},`} verified to #{count(data.verifiedSeq)}
    </button>
  );
}
