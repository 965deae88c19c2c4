/** One event with its body, its digest and its place in the chain. */
import type { LedgerRow } from '@slipway/contract';
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import { useAsk } from '../../api/queries.ts';
import { eventWords } from '../../components/event-list.tsx';
import { Icon } from '../../components/icon.tsx';
import { Pairs, Panel } from '../../components/layout.tsx';
import { EmptyState, Loaded } from '../../components/states.tsx';
import { useViewState } from '../../components/use-view-state.ts';
import { placeOfSubject } from '../../frame/places.ts';
import { count, fullInstant } from '../../words.ts';

export function OpenedEvent({ seq, close }: { seq: number; close: () => void }): ReactElement {
  // The event itself and nothing else: the one after its predecessor.
  const found = useAsk('ledger.list', { query: { after: Math.max(0, seq - 1), limit: 1 } });
  return (
    <Panel
      title={`Event #${count(seq)}`}
      span={4}
      actions={
        <button type="button" className="btn sm ghost icon" aria-label="Close" data-key="Escape" onClick={close}>
          <Icon name="x" />
        </button>
      }
    >
      <Loaded query={found}>
        {({ items: [row] }) =>
          row === undefined || row.seq !== seq ? (
            <EmptyState title="There is no such event">
              The newest one has the number shown at the foot of the page.
            </EmptyState>
          ) : (
            <Details row={row} />
          )
        }
      </Loaded>
    </Panel>
  );
}

function Details({ row }: { row: LedgerRow }): ReactElement {
  const place = placeOfSubject(row.subject);
  const view = useViewState();
  return (
    <div className="stack">
      <Pairs
        pairs={[
          { name: 'What', value: eventWords(row.kind) },
          { name: 'On', value: place === undefined ? row.subject : <Link to={place}>{row.subject}</Link> },
          { name: 'By', value: <Link to={view.href({ actor: row.actor, before: undefined })}>{row.actor}</Link> },
          { name: 'When', value: fullInstant(row.at) },
          { name: 'Digest', value: <code className="digest">{row.digest}</code> },
          { name: 'Chain', value: <code className="digest">{row.chain}</code> },
        ]}
      />
      <pre className="code">{JSON.stringify(row.body, null, 2)}</pre>
      <p className="row">
        <Link className="btn sm" to={view.href({ open: String(row.seq - 1) })}>
          Before
        </Link>
        <Link className="btn sm" to={view.href({ open: String(row.seq + 1) })}>
          After
        </Link>
      </p>
    </div>
  );
}
