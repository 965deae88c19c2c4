/** Letting a waiting firing act, or refusing it; what it would do is said first. */
import { Modal } from '@mantine/core';
import type { PolicyFiring } from '@slipway/contract';
import type { FormEvent, ReactElement } from 'react';
import { useState } from 'react';
import { useChange } from '../../api/queries.ts';
import { ErrorNote } from '../../components/states.tsx';
import { actionWords } from './policy-words.ts';

export function Decide({ firing }: { firing: PolicyFiring }): ReactElement {
  const [open, setOpen] = useState<'approve' | 'reject' | undefined>(undefined);
  const [reason, setReason] = useState('');
  const approve = useChange('policies.approve');
  const reject = useChange('policies.reject');
  const close = (): void => setOpen(undefined);
  const params = { policy: firing.policy, firing: firing.id };
  const onSubmit = (event: FormEvent): void => {
    event.preventDefault();
    if (open === 'approve') approve.mutate({ params }, { onSuccess: close });
    else reject.mutate({ params, body: reason.trim() === '' ? {} : { reason: reason.trim() } }, { onSuccess: close });
  };
  const error = open === 'approve' ? approve.error : reject.error;
  const what = actionWords(firing.action, true);
  return (
    <span className="row">
      <button type="button" className="btn sm" onClick={() => setOpen('approve')}>
        Approve
      </button>
      <button type="button" className="btn sm danger" onClick={() => setOpen('reject')}>
        Reject
      </button>
      <Modal
        opened={open !== undefined}
        onClose={close}
        title={`${open === 'reject' ? 'Reject' : 'Approve'} firing ${firing.id}`}
        centered
      >
        <form className="col" style={{ gap: 'var(--s-5)' }} onSubmit={onSubmit}>
          <p>
            {open === 'reject'
              ? `The policy will not ${what}. It asks again when the next event fits.`
              : `The policy will ${what}, at once. Your name goes to the ledger with it.`}
          </p>
          <p className="sm t2">
            Caused by event #{firing.causeSeq}: {firing.reason}.
          </p>
          {open === 'reject' && (
            <label className="col" style={{ gap: 4 }}>
              <span className="sm t2">Reason</span>
              <textarea
                className="input"
                maxLength={1000}
                value={reason}
                placeholder="for the ledger"
                onChange={(e) => setReason(e.currentTarget.value)}
              />
            </label>
          )}
          {error !== null && <ErrorNote error={error} />}
          <div className="row" style={{ justifyContent: 'flex-end' }}>
            <button type="button" className="btn" onClick={close}>
              Let it wait
            </button>
            <button
              type="submit"
              className={open === 'reject' ? 'btn danger' : 'btn pri'}
              disabled={approve.isPending || reject.isPending}
            >
              {open === 'reject' ? 'Reject it' : 'Approve it'}
            </button>
          </div>
        </form>
      </Modal>
    </span>
  );
}
