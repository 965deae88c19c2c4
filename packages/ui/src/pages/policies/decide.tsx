/** Letting a waiting firing act, or refusing it; what it would do is said first. */
import type { PolicyFiring } from '@slipway/contract';
import type { ReactElement } from 'react';
import { useState } from 'react';
import { useChange } from '../../api/queries.ts';
import { Confirm } from '../../components/confirm.tsx';
import { actionWords } from './policy-words.ts';

const reasonMaxChars = 1000;

export function Decide({ firing }: { firing: PolicyFiring }): ReactElement {
  const [open, setOpen] = useState<'approve' | 'reject' | undefined>(undefined);
  const approve = useChange('policies.approve');
  const reject = useChange('policies.reject');
  const close = (): void => setOpen(undefined);
  const params = { policy: firing.policy, firing: firing.id };
  const what = actionWords(firing.action, true);
  const cause = (
    <p className="sm">
      Caused by event #{firing.causeSeq}: {firing.reason}.
    </p>
  );
  return (
    <span className="row">
      <button type="button" className="btn sm" onClick={() => setOpen('approve')}>
        Approve
      </button>
      <button type="button" className="btn sm danger" onClick={() => setOpen('reject')}>
        Reject
      </button>
      {open === 'approve' && (
        <Confirm
          title={`Approve firing ${firing.id}`}
          verb="Approve it"
          keep="Let it wait"
          change={approve}
          close={close}
          confirm={() => approve.mutate({ params }, { onSuccess: close })}
        >
          <p>The policy will {what}, at once. Your name goes to the ledger with it.</p>
          {cause}
        </Confirm>
      )}
      {open === 'reject' && (
        <Confirm
          title={`Reject firing ${firing.id}`}
          verb="Reject it"
          keep="Let it wait"
          isDanger
          change={reject}
          reason={{ label: 'Reason', placeholder: 'for the ledger', maxChars: reasonMaxChars }}
          close={close}
          confirm={(reason) =>
            reject.mutate({ params, body: reason === undefined ? {} : { reason } }, { onSuccess: close })
          }
        >
          <p>The policy will not {what}. It asks again when the next event fits.</p>
          {cause}
        </Confirm>
      )}
    </span>
  );
}
