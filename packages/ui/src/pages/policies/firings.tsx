/** What a policy did: the event that caused it, what was done with that event's values, and what came of it. */
import type { PolicyFiring } from '@slipway/contract';
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import { DataTable } from '../../components/data-table.tsx';
import { StatusBadge } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { fullInstant, instant } from '../../words.ts';
import type { More } from '../../components/loaded-pages.tsx';
import { Decide } from './decide.tsx';
import { FiringResult } from './firing-result.tsx';
import { actionWords } from './policy-words.ts';

export function Firings({ firings, more }: { firings: readonly PolicyFiring[]; more: More | undefined }): ReactElement {
  return (
    <DataTable
      label="Firings"
      rows={firings}
      rowKey={(f) => String(f.id)}
      more={more}
      columns={[
        { key: 'id', head: 'No.', isNumber: true, cell: (f) => f.id },
        { key: 'state', head: 'State', cell: (f) => <StatusBadge plain state={f.state} /> },
        {
          key: 'cause',
          head: 'Cause, event time',
          cell: (f) => (
            <>
              <Link to={to.ledgerEvent(f.causeSeq)}>event #{f.causeSeq}</Link>
              <br />
              <time className="t3" title={fullInstant(f.at)}>
                {instant(f.at)}
              </time>
            </>
          ),
        },
        {
          key: 'what',
          head: 'What and why',
          cell: (f) => (
            <div className="firing-said">
              {capital(actionWords(f.action, true))}
              <br />
              <span className={f.problem === undefined ? 't3' : 'bad'}>{capital(f.problem ?? f.reason)}</span>
            </div>
          ),
        },
        {
          key: 'result',
          head: 'Came of it',
          cell: (f) =>
            f.state === 'waiting' ? (
              <Decide firing={f} />
            ) : f.result === undefined ? (
              <span className="t3">nothing</span>
            ) : (
              <FiringResult firing={f} />
            ),
        },
        {
          key: 'by',
          head: 'Decided',
          isExtra: true,
          cell: (f) => (
            <>
              {f.decidedBy ?? (f.state === 'waiting' ? 'nobody yet' : 'the policy')}
              <br />
              <time className="t3" title={fullInstant(f.finishedAt ?? f.createdAt)}>
                {instant(f.finishedAt ?? f.createdAt)}
              </time>
            </>
          ),
        },
      ]}
    />
  );
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
