/** Everything that ever changed, newest first: who did what to which thing, and whether the chain holds. */
import type { LedgerRow, LedgerVerdict } from '@slipway/contract';
import type { ReactElement } from 'react';
import { useState } from 'react';
import { Link, useSearchParams } from 'react-router';
import { ask } from '../../api/client.ts';
import { ApiError } from '../../api/client.ts';
import { useAsk } from '../../api/queries.ts';
import { EventList, eventWords } from '../../components/event-list.tsx';
import { Icon } from '../../components/icon.tsx';
import { Grid, PageHead, Pairs, Panel } from '../../components/layout.tsx';
import { EmptyState, ErrorNote, Loaded } from '../../components/states.tsx';
import { placeOfSubject, to } from '../../frame/places.ts';
import { useView } from '../../frame/view.tsx';
import { count, fullInstant } from '../../words.ts';

const pageRows = 100;

export function Page(): ReactElement {
  const [search, setSearch] = useSearchParams();
  const kind = search.get('kind') ?? '';
  const subject = search.get('subject') ?? '';
  const before = search.get('before');
  const open = search.get('open');
  const query = {
    limit: pageRows,
    ...(kind === '' ? {} : { kind }),
    ...(subject === '' ? {} : { subject }),
    ...(before === null ? {} : { before: Number(before) }),
  };
  const ledger = useAsk('ledger.list', { query }, { keep: true });
  const flags = [...(kind === '' ? [] : [`--kind ${kind}`]), ...(subject === '' ? [] : [`--subject ${subject}`])];
  useView(['slipway ledger list', ...flags].join(' '), 'ledger.list', { query });
  const change = (changes: Readonly<Record<string, string | undefined>>): void => {
    const next = new URLSearchParams(search);
    for (const [name, value] of Object.entries(changes)) {
      if (value === undefined || value === '') next.delete(name);
      else next.set(name, value);
    }
    setSearch(next);
  };
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
        <Panel
          title="Events"
          span={open === null ? 12 : 8}
          flush
          actions={<Filters kind={kind} subject={subject} change={change} />}
        >
          <Loaded query={ledger} lines={10}>
            {({ items }) =>
              items.length === 0 ? (
                <EmptyState title="No event is like this">
                  Kinds are whole words such as alias.moved; subjects are whole too.
                </EmptyState>
              ) : (
                <>
                  <EventList rows={items} />
                  <Pager rows={items} isFirst={before === null} change={change} />
                </>
              )
            }
          </Loaded>
        </Panel>
        {open !== null && <Opened seq={Number(open)} close={() => change({ open: undefined })} />}
      </Grid>
    </>
  );
}

interface FiltersProps {
  readonly kind: string;
  readonly subject: string;
  readonly change: (changes: Readonly<Record<string, string | undefined>>) => void;
}

function Filters({ kind, subject, change }: FiltersProps): ReactElement {
  return (
    <form
      className="row"
      key={`${kind} ${subject}`}
      onSubmit={(event) => {
        event.preventDefault();
        const data = new FormData(event.currentTarget);
        const text = (name: string): string => {
          const value = data.get(name);
          return typeof value === 'string' ? value.trim() : '';
        };
        change({ kind: text('kind'), subject: text('subject'), before: undefined });
      }}
    >
      <input
        className="input"
        data-filter
        name="kind"
        defaultValue={kind}
        aria-label="Kind"
        placeholder="Kind, such as alias.moved"
      />
      <input className="input" name="subject" defaultValue={subject} aria-label="Subject" placeholder="Subject" />
      <button type="submit" className="btn sm">
        Filter
      </button>
    </form>
  );
}

function Pager({
  rows,
  isFirst,
  change,
}: {
  rows: readonly LedgerRow[];
  isFirst: boolean;
  change: FiltersProps['change'];
}): ReactElement {
  const last = rows.at(-1);
  return (
    <div className="tf">
      {!isFirst && (
        <button type="button" className="btn sm" onClick={() => change({ before: undefined })}>
          Newest
        </button>
      )}
      {last !== undefined && rows.length === pageRows && (
        <button type="button" className="btn sm" onClick={() => change({ before: String(last.seq) })}>
          Older than #{count(last.seq)}
        </button>
      )}
    </div>
  );
}

function Opened({ seq, close }: { seq: number; close: () => void }): ReactElement {
  // The event itself and nothing else: the one after its predecessor.
  const found = useAsk('ledger.list', { query: { after: Math.max(0, seq - 1), limit: 1 } });
  return (
    <Panel
      title={`Event #${count(seq)}`}
      span={4}
      actions={
        <button type="button" className="btn sm ghost icon" aria-label="Close" onClick={close}>
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
  return (
    <div className="stack">
      <Pairs
        pairs={[
          { name: 'What', value: eventWords(row.kind) },
          { name: 'On', value: place === undefined ? row.subject : <Link to={place}>{row.subject}</Link> },
          { name: 'By', value: row.actor },
          { name: 'When', value: fullInstant(row.at) },
          { name: 'Digest', value: <code className="digest">{row.digest}</code> },
          { name: 'Chain', value: <code className="digest">{row.chain}</code> },
        ]}
      />
      <pre className="code">{JSON.stringify(row.body, null, 2)}</pre>
      <p className="row">
        <Link className="btn sm" to={to.ledgerEvent(row.seq - 1)}>
          Before
        </Link>
        <Link className="btn sm" to={to.ledgerEvent(row.seq + 1)}>
          After
        </Link>
      </p>
    </div>
  );
}

type Checked = { readonly verdict: LedgerVerdict } | { readonly error: ApiError } | 'checking' | undefined;

function Verify(): ReactElement {
  const [checked, setChecked] = useState<Checked>(undefined);
  const verify = (): void => {
    setChecked('checking');
    ask('ledger.verify', {}).then(
      (verdict) => setChecked({ verdict }),
      (error: unknown) => {
        if (error instanceof ApiError) setChecked({ error });
      },
    );
  };
  return (
    <>
      {checked === 'checking' && <span className="t3">Recomputing every digest</span>}
      {typeof checked === 'object' && 'error' in checked && <ErrorNote error={checked.error} />}
      {typeof checked === 'object' && 'verdict' in checked && <Verdict verdict={checked.verdict} />}
      <button type="button" className="btn" onClick={verify} disabled={checked === 'checking'}>
        <Icon name="shield" small />
        Verify the chain
      </button>
    </>
  );
}

function Verdict({ verdict }: { verdict: LedgerVerdict }): ReactElement {
  return verdict.ok ? (
    <span className="bdg ok" role="status">
      <Icon name="ok" />
      Holds, {count(verdict.events)} events
    </span>
  ) : (
    <span className="bdg bad" role="alert">
      <Icon name="bad" />
      Broken at #{count(verdict.firstBadSeq)}: {verdict.problem}
    </span>
  );
}
