/** One request to decide about: what, why, for, against, if wrong, who may, until when; and the decision with its reason. */
import type { Approval } from '@slipway/contract';
import type { FormEvent, ReactElement } from 'react';
import { useEffect, useState } from 'react';
import { Link } from 'react-router';
import { useAsk, useChange } from '../../api/queries.ts';
import { Icon } from '../../components/icon.tsx';
import { Panel } from '../../components/layout.tsx';
import { ErrorNote } from '../../components/states.tsx';
import { StatusBadge } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { fullInstant, instant } from '../../words.ts';
import './approvals.css';
import { CaseOf } from './evidence.tsx';
import { capital, hindrance, lapseWords, whoMayWords, wishWords } from './words.ts';

const reasonMaxChars = 1000;
const tickMs = 30_000;

/** Moves on by itself, so that a page that stays open does not offer what has lapsed. */
function useNow(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), tickMs);
    return () => clearInterval(timer);
  }, []);
  return now;
}

interface BoxProps {
  readonly approval: Approval;
  readonly span?: number;
  /** On its own page there is no link to it. */
  readonly isOwnPage?: boolean;
}

export function ApprovalBox({ approval, span = 12, isOwnPage = false }: BoxProps): ReactElement {
  const now = useNow();
  const isOpen = approval.state === 'waiting' && approval.lapsesAt > now;
  return (
    <Panel
      title={
        <>
          Approval <StatusBadge state={approval.state === 'waiting' && !isOpen ? 'lapsed' : approval.state} />
        </>
      }
      span={span}
      actions={isOwnPage ? undefined : <Link to={to.approval(approval.id)}>its page</Link>}
    >
      <div className="stack approval">
        <p className="approval-wish">
          {capital(wishWords(approval))}
          {approval.kind === 'alias' && (
            <>
              {' '}
              <span className="t2">
                (now{' '}
                {approval.previous === undefined ? (
                  'nothing'
                ) : (
                  <Link to={to.version(approval.model, approval.previous)}>v{approval.previous}</Link>
                )}
                )
              </span>
            </>
          )}
        </p>
        <p className="t2">
          Asked <time title={fullInstant(approval.askedAt)}>{instant(approval.askedAt)}</time> by {approval.askedBy}
          {approval.kind === 'alias' && approval.reason !== undefined ? `: ${approval.reason}` : '.'}
        </p>
        <CaseOf approval={approval} />
        <dl className="kv case">
          <dt>Who may</dt>
          <dd>{whoMayWords(approval)}</dd>
          {approval.state === 'waiting' && (
            <>
              <dt>Lapses</dt>
              <dd>
                <time title={fullInstant(approval.lapsesAt)}>{instant(approval.lapsesAt)}</time>,{' '}
                {lapseWords(approval.lapsesAt, now)}; then nothing happens
              </dd>
            </>
          )}
        </dl>
        {isOpen ? <DecisionForm approval={approval} /> : <Decided approval={approval} />}
      </div>
    </Panel>
  );
}

function DecisionForm({ approval }: { approval: Approval }): ReactElement {
  const { data: server } = useAsk('server.info', {});
  const approve = useChange('approvals.approve');
  const reject = useChange('approvals.reject');
  const [reason, setReason] = useState('');
  const given = reason.trim();
  const isOwn = server?.actor === approval.askedBy;
  const hindered = hindrance(approval, server?.actor);
  const isPending = approve.isPending || reject.isPending;
  const request = { params: { approval: approval.id }, body: { reason: given } };
  const onSubmit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    if (isPending || given === '') return;
    const isYes = (event.nativeEvent as SubmitEvent).submitter?.getAttribute('value') === 'approve';
    (isYes ? approve : reject).mutate(request);
  };
  const error = approve.error ?? reject.error;
  return (
    <form className="stack" onSubmit={onSubmit} aria-label={`Decide about ${approval.id}`}>
      {hindered !== undefined && (
        <div className="note wait">
          <Icon name="user" />
          <p>{hindered}</p>
        </div>
      )}
      {hindered === undefined && isOwn && (
        <div className="note warn">
          <Icon name="warn" />
          <p>You asked for this yourself. As the owner at this machine you may approve it; the ledger will say so.</p>
        </div>
      )}
      <label className="stack field">
        <span className="sm m">
          Reason <span className="t3">(kept in the ledger)</span>
        </span>
        <textarea
          className="input"
          rows={2}
          required
          maxLength={reasonMaxChars}
          value={reason}
          placeholder="Why now, or why not"
          onChange={(event) => setReason(event.currentTarget.value)}
        />
      </label>
      {error !== null && <ErrorNote error={error} />}
      <div className="row wrap">
        <button type="submit" value="approve" className="btn pri" disabled={isPending || hindered !== undefined}>
          {approval.kind === 'alias' ? `Approve v${approval.version} as ${approval.alias}` : 'Approve the action'}
        </button>
        <button type="submit" value="reject" className="btn danger" disabled={isPending}>
          {isOwn ? 'Withdraw it' : 'Refuse'}
        </button>
      </div>
    </form>
  );
}

function Decided({ approval }: { approval: Approval }): ReactElement {
  const { state, decidedBy, decidedAt, decision, isOwn } = approval;
  if (decidedBy === undefined)
    return (
      <p className="t2">
        {state === 'approved'
          ? 'Approved.'
          : 'Nobody decided in time, so nothing happened. Whoever still wants it asks again.'}
      </p>
    );
  const verb = state === 'approved' ? 'Approved' : state === 'withdrawn' ? 'Withdrawn' : 'Refused';
  return (
    <div className={state === 'approved' ? 'note ok' : 'note'}>
      <Icon name={state === 'approved' ? 'ok' : 'info'} />
      <div>
        <p>
          {verb} by {decidedBy}
          {decidedAt !== undefined && (
            <>
              {' '}
              <time title={fullInstant(decidedAt)}>{instant(decidedAt)}</time>
            </>
          )}
          {decision === undefined ? '.' : `: ${decision}`}
        </p>
        {isOwn === true && state === 'approved' && (
          <p className="t2">They had asked for it themselves, as the owner at the machine.</p>
        )}
      </div>
    </div>
  );
}
