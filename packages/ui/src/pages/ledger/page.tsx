/** Everything that ever changed, newest first: who did what to which thing, and whether the chain holds. */
import type { LedgerRow } from '@slipway/contract';
import type { ReactElement } from 'react';
import type { Reply } from '../../api/client.ts';
import { useAsk } from '../../api/queries.ts';
import { downloadSheet } from '../../components/download.ts';
import { EventList } from '../../components/event-list.tsx';
import { Grid, PageHead, Panel } from '../../components/layout.tsx';
import { EmptyState, Loaded } from '../../components/states.tsx';
import type { ViewState } from '../../components/use-view-state.ts';
import { useViewState } from '../../components/use-view-state.ts';
import { useBounds } from '../../frame/time-range.ts';
import { useView } from '../../frame/view.tsx';
import { count, plural } from '../../words.ts';
import { OpenedEvent } from './event.tsx';
import type { LedgerFilter } from './filter.tsx';
import { commandOf, Filter, filterOf } from './filter.tsx';
import './ledger.css';
import { Verify } from './verify.tsx';

const pageRows = 100;

export function Page(): ReactElement {
  const view = useViewState();
  const filter = filterOf(view, useBounds());
  const before = Number(view.get('before')) || undefined;
  const open = view.get('open');
  const query = { limit: pageRows, ...filter, ...(before === undefined ? {} : { before }) };
  const ledger = useAsk('ledger.list', { query }, { keep: true });
  useView(commandOf(filter, before), 'ledger.list', { query });
  const head = ledger.data?.headSeq;
  return (
    <>
      <PageHead
        title="Ledger"
        sentence={
          head === undefined
            ? 'Every change, in order, each event sealed with the one before it.'
            : `${count(head)} events, each sealed with the one before it: nothing can be changed or left out unseen.`
        }
        actions={<Verify />}
      />
      <Grid>
        <Panel title="Events" caption={captionOf(filter)} span={open === undefined ? 12 : 8} flush>
          <Filter filter={filter} view={view} />
          <Loaded query={ledger} lines={10}>
            {(page) => <Events page={page} isFirst={before === undefined} view={view} />}
          </Loaded>
        </Panel>
        {open !== undefined && <OpenedEvent seq={Number(open)} close={() => view.set({ open: undefined })} />}
      </Grid>
    </>
  );
}

const captionOf = (filter: LedgerFilter): string =>
  Object.keys(filter).length === 0 ? 'newest first' : 'those asked for, newest first';

interface EventsProps {
  readonly page: Reply<'ledger.list'>;
  readonly isFirst: boolean;
  readonly view: ViewState;
}

function Events({ page: { items, searchedToSeq }, isFirst, view }: EventsProps): ReactElement {
  const last = items.at(-1);
  const next = items.length === pageRows ? last?.seq : searchedToSeq;
  return (
    <>
      {items.length === 0 && (
        <EmptyState title={searchedToSeq === undefined ? 'No event is like this' : 'None in this stretch'}>
          {searchedToSeq === undefined
            ? 'A kind is a whole word such as alias.moved, or a noun such as alias; a subject may be a part of one.'
            : `Looked back to event ${count(searchedToSeq)}; older ones may match.`}
        </EmptyState>
      )}
      <EventList rows={items} />
      <div className="tf">
        <span>
          {plural(items.length, 'event')}
          {searchedToSeq !== undefined && items.length > 0 && `, looked back to #${count(searchedToSeq)}`}
        </span>
        {!isFirst && (
          <button type="button" className="btn sm" data-key="[" onClick={() => view.set({ before: undefined })}>
            Newest
          </button>
        )}
        {next !== undefined && next > 1 && (
          <button type="button" className="btn sm" data-key="]" onClick={() => view.set({ before: String(next) })}>
            Older than #{count(next)}
          </button>
        )}
        {items.length > 0 && (
          <span className="export">
            <button
              type="button"
              className="btn sm ghost"
              aria-label="CSV of the events"
              title="These events with their digests; slipway ledger export has all of them"
              onClick={() => downloadSheet('ledger events', sheetOf(items))}
            >
              CSV
            </button>
          </span>
        )}
      </div>
    </>
  );
}

const sheetOf = (rows: readonly LedgerRow[]): Parameters<typeof downloadSheet>[1] => ({
  head: ['seq', 'at', 'actor', 'kind', 'subject', 'body', 'digest', 'chain'],
  rows: rows.map((row) => [
    row.seq,
    new Date(row.at).toISOString(),
    row.actor,
    row.kind,
    row.subject,
    JSON.stringify(row.body),
    row.digest,
    row.chain,
  ]),
});
