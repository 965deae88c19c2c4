/** What a policy did: the event that caused it, what was done with that event's values, and what came of it. */
import type { PolicyFiring } from '@slipway/contract';
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import { DataTable } from '../../components/data-table.tsx';
import { StatusBadge } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { fullInstant, instant } from '../../words.ts';
import type { More } from '../endpoints/loaded-pages.tsx';
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
          head: 'Cause',
          cell: (f) => <Link to={to.ledgerEvent(f.causeSeq)}>event #{f.causeSeq}</Link>,
        },
        { key: 'at', head: 'Event time', cell: (f) => <time title={fullInstant(f.at)}>{instant(f.at)}</time> },
        {
          key: 'what',
          head: 'What and why',
          cell: (f) => (
            <div className="firing-said">
              {capital(actionWords(f.action, true))}
              <br />
              <span className={f.problem === undefined ? 't3' : 'bad'}>{f.problem ?? f.reason}</span>
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
          head: 'Decided by',
          isExtra: true,
          cell: (f) => f.decidedBy ?? <span className="t3">{f.state === 'waiting' ? 'nobody yet' : 'the policy'}</span>,
        },
        {
          key: 'fired',
          head: 'Fired',
          isExtra: true,
          cell: (f) => <time title={fullInstant(f.createdAt)}>{instant(f.createdAt)}</time>,
        },
      ]}
    />
  );
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
