/** Letting a waiting firing act, or refusing it; what it would do is said first. */
import type { PolicyFiring } from '@slipway/contract';
import type { ReactElement } from 'react';
import { useState } from 'react';
import { Link } from 'react-router';
import { useChange } from '../../api/queries.ts';
import { Confirm } from '../../components/confirm.tsx';
import { to } from '../../frame/places.ts';
import { actionWords } from './policy-words.ts';

const reasonMaxChars = 1000;

export function Decide({ firing }: { firing: PolicyFiring }): ReactElement {
  const [open, setOpen] = useState<'approve' | 'reject' | undefined>(undefined);
  const approve = useChange('approvals.approve');
  const reject = useChange('approvals.reject');
  const close = (): void => setOpen(undefined);
  const params = { approval: `firing-${firing.id}` };
  const field = {
    label: 'Reason (kept in the ledger)',
    placeholder: 'Why now, or why not',
    maxChars: reasonMaxChars,
    isRequired: true,
  };
  const bodyOf = (reason: string | undefined): { reason: string } => ({ reason: reason ?? '' });
  const what = actionWords(firing.action, true);
  const cause = (
    <p className="sm">
      Caused by event #{firing.causeSeq}: {firing.reason}.
    </p>
  );
  return (
    <span className="row">
      <Link to={to.approval(params.approval)}>the case</Link>
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
          reason={field}
          confirm={(reason) => approve.mutate({ params, body: bodyOf(reason) }, { onSuccess: close })}
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
          reason={field}
          close={close}
          confirm={(reason) => reject.mutate({ params, body: bodyOf(reason) }, { onSuccess: close })}
        >
          <p>The policy will not {what}. It asks again when the next event fits.</p>
          {cause}
        </Confirm>
      )}
    </span>
  );
}
