/** Stopping a rollout, with what it does said first. */
import type { Rollout } from '@slipway/contract';
import type { ReactElement } from 'react';
import { useState } from 'react';
import { useChange } from '../../api/queries.ts';
import { Confirm } from '../../components/confirm.tsx';

export function CancelRollout({ rollout }: { rollout: Rollout }): ReactElement {
  const [isOpen, setOpen] = useState(false);
  const cancel = useChange('rollouts.cancel');
  const close = (): void => setOpen(false);
  const { candidate, incumbent, endpoint, id } = rollout;
  return (
    <>
      <button type="button" className="btn danger" onClick={() => setOpen(true)}>
        Cancel rollout
      </button>
      {isOpen && (
        <Confirm
          title={`Cancel the rollout of v${candidate}`}
          verb={`Send all traffic to v${incumbent}`}
          keep="Let it run"
          isDanger
          change={cancel}
          close={close}
          confirm={() => cancel.mutate({ params: { rollout: id } }, { onSuccess: close })}
        >
          From the next request on v{incumbent} answers everything on {endpoint}. v{candidate} is no longer scored, and
          what the judge has counted so far is not taken up again: another rollout starts from nothing. The decision
          goes to the ledger under your name.
        </Confirm>
      )}
    </>
  );
}
