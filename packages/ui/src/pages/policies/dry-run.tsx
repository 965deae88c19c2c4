/** The policy as it is declared now, over the events of the past; beside it what really happened then. */
import type { PolicyFiring } from '@slipway/contract';
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import type { Reply } from '../../api/client.ts';
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
            <>
              <Timeline firings={firings} fired={fired} />
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
                  {
                    key: 'at',
                    head: 'Event time',
                    cell: (f) => <time title={fullInstant(f.at)}>{instant(f.at)}</time>,
                  },
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
            </>
          )
        }
      </Loaded>
    </Panel>
  );
}

type Would = Reply<'policies.dryRun'>['firings'][number];

/** Beyond this many, the earliest are in the table alone. */
const pointsMax = 200;

/** Each event at its time: what the policy would have done above the line, what it did below. */
function Timeline({ firings, fired }: { firings: readonly Would[]; fired: readonly PolicyFiring[] }): ReactElement {
  const shown = firings.slice(-pointsMax);
  const first = Math.min(...shown.map((f) => f.at));
  const last = Math.max(...shown.map((f) => f.at));
  const placeOf = (at: number): string => `${last === first ? 50 : ((at - first) / (last - first)) * 100}%`;
  return (
    <div className="dry">
      <p className="m">{verdictOf(firings, fired)}</p>
      <ol className="dry-line" aria-label="What would have happened, by event time">
        {shown.map((f) => {
          const real = fired.find((r) => r.causeSeq === f.causeSeq);
          const { tone, word } = would[f.state];
          return (
            <li key={f.causeSeq} style={{ left: placeOf(f.at) }}>
              <Link
                className={`would ${tone}`}
                to={to.ledgerEvent(f.causeSeq)}
                title={`${instant(f.at)}: ${word}; it did ${real === undefined ? 'nothing' : statusOf(real.state).word}. ${f.reason}`}
              >
                <span className="sr">
                  {instant(f.at)}: {word}
                </span>
              </Link>
              {real !== undefined && <i className={`did ${real.state}`} aria-hidden="true" />}
            </li>
          );
        })}
      </ol>
      <div className="dry-ends xs t3">
        <span>{instant(first)}</span>
        <span>above: it would; below: it did</span>
        <span>{last === first ? '' : instant(last)}</span>
      </div>
    </div>
  );
}

function verdictOf(firings: readonly Would[], fired: readonly PolicyFiring[]): string {
  const of = (state: Would['state']): number => firings.filter((f) => f.state === state).length;
  const parts = [
    ...(of('acting') > 0 ? [`acted ${times(of('acting'))}`] : []),
    ...(of('waiting') > 0 ? [`asked ${times(of('waiting'))}`] : []),
    ...(of('skipped') > 0 ? [`held back ${times(of('skipped'))}`] : []),
  ];
  const did = fired.filter((f) => f.state !== 'skipped').length;
  return `As declared now it would have ${parts.join(', ')}; it really acted or asked ${times(did)}.`;
}

const times = (n: number): string => (n === 0 ? 'never' : n === 1 ? 'once' : `${n} times`);
