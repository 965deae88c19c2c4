/** The policy as it is declared now, over the events of the past; beside it what really happened then. */
import type { PolicyFiring } from '@slipway/contract';
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import { useAsk } from '../../api/queries.ts';
import { DataTable } from '../../components/data-table.tsx';
import { Panel } from '../../components/layout.tsx';
import { EmptyState, Loaded } from '../../components/states.tsx';
import { StatusBadge, statusOf } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { fullInstant, instant, plural } from '../../words.ts';

const eventsMax = 10_000;
const would = {
  acting: { tone: 'ok', word: 'Would act' },
  waiting: { tone: 'wait', word: 'Would ask' },
  skipped: { tone: 'idle', word: 'Would hold back' },
} as const;

export function DryRun({ policy, fired }: { policy: string; fired: readonly PolicyFiring[] }): ReactElement {
  const dry = useAsk('policies.dryRun', { params: { policy }, query: { limit: eventsMax } });
  return (
    <Panel
      title="Dry run on history"
      caption={
        dry.data === undefined
          ? 'nothing is done'
          : `as declared now, ${plural(dry.data.events, 'event')} of its kind looked at; nothing is done`
      }
      flush
    >
      <Loaded query={dry}>
        {({ firings, events }) =>
          firings.length === 0 ? (
            <EmptyState title="It would have done nothing">
              {events === 0 ? 'No event of its kind has happened yet.' : 'None of the events fits what it asks for.'}
            </EmptyState>
          ) : (
            <DataTable
              label="Dry run"
              rows={firings}
              rowKey={(f) => String(f.causeSeq)}
              columns={[
                {
                  key: 'cause',
                  head: 'Cause',
                  cell: (f) => <Link to={to.ledgerEvent(f.causeSeq)}>event #{f.causeSeq}</Link>,
                },
                { key: 'at', head: 'Event time', cell: (f) => <time title={fullInstant(f.at)}>{instant(f.at)}</time> },
                { key: 'would', head: 'It would', cell: (f) => <StatusBadge plain state={would[f.state]} /> },
                {
                  key: 'did',
                  head: 'It did',
                  cell: (f) => {
                    const real = fired.find((r) => r.causeSeq === f.causeSeq);
                    return real === undefined ? <span className="t3">nothing</span> : statusOf(real.state).word;
                  },
                },
                { key: 'reason', head: 'Why', cell: (f) => <div className="firing-said">{f.reason}</div> },
              ]}
            />
          )
        }
      </Loaded>
    </Panel>
  );
}
