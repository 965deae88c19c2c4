/** Stopping a rollout, with what it does said first. */
import { Modal } from '@mantine/core';
import type { Rollout } from '@slipway/contract';
import type { ReactElement } from 'react';
import { useState } from 'react';
import { useChange } from '../../api/queries.ts';
import { ErrorNote } from '../../components/states.tsx';

export function CancelRollout({ rollout }: { rollout: Rollout }): ReactElement {
  const [isOpen, setOpen] = useState(false);
  const cancel = useChange('rollouts.cancel');
  const { candidate, incumbent, endpoint, id } = rollout;
  return (
    <>
      <button type="button" className="btn danger" onClick={() => setOpen(true)}>
        Cancel rollout
      </button>
      <Modal opened={isOpen} onClose={() => setOpen(false)} title={`Cancel the rollout of v${candidate}`} centered>
        <div className="col" style={{ gap: 'var(--s-5)' }}>
          <p>
            From the next request on v{incumbent} answers everything on {endpoint}. v{candidate} is no longer scored,
            and what the judge has counted so far is not taken up again: another rollout starts from nothing. The
            decision goes to the ledger under your name.
          </p>
          {cancel.error !== null && <ErrorNote error={cancel.error} />}
          <div className="row" style={{ justifyContent: 'flex-end' }}>
            <button type="button" className="btn" onClick={() => setOpen(false)}>
              Let it run
            </button>
            <button
              type="button"
              className="btn danger"
              disabled={cancel.isPending}
              onClick={() => cancel.mutate({ params: { rollout: id } }, { onSuccess: () => setOpen(false) })}
            >
              Send all traffic to v{incumbent}
            </button>
          </div>
        </div>
      </Modal>
    </>
  );
}
