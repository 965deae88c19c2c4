/** What waits for a person, each with its case and its decision; below it what was decided, by whom and why. */
import type { Approval } from '@slipway/contract';
import type { ReactElement, ReactNode } from 'react';
import { Link } from 'react-router';
import { useAsk, useAskPages } from '../../api/queries.ts';
import { DataTable } from '../../components/data-table.tsx';
import { Grid, PageHead, Panel } from '../../components/layout.tsx';
import { LoadedPages } from '../../components/loaded-pages.tsx';
import { EmptyState, Loaded } from '../../components/states.tsx';
import { StatusBadge } from '../../components/status.tsx';
import { useViewState } from '../../components/use-view-state.ts';
import { to } from '../../frame/places.ts';
import { useView } from '../../frame/view.tsx';
import { fullInstant, instant, plural } from '../../words.ts';
import './approvals.css';
import { ApprovalBox } from './box.tsx';
import { capital, lapseWords, wishWords } from './words.ts';

/** Boxes at once; who has more to decide works through them from the newest. */
const openMax = 50;
const decidedStates = ['approved', 'rejected', 'lapsed', 'withdrawn'] as const;
const words = { approved: 'Approved', rejected: 'Rejected', lapsed: 'Lapsed', withdrawn: 'Withdrawn' } as const;

export function Page(): ReactElement {
  const query = { state: 'waiting', limit: openMax } as const;
  const open = useAsk('approvals.list', { query });
  useView(`slipway approval list --limit ${openMax}`, 'approvals.list', { query });
  return (
    <>
      <PageHead
        title="Approvals"
        sentence={open.data === undefined ? undefined : sentenceOf(open.data.items, open.data.nextPageToken)}
      />
      <Loaded query={open} lines={8}>
        {({ items }) => (
          <Grid>
            {items.length === 0 ? (
              <Panel title="Waiting" flush>
                <EmptyState
                  title="Nothing waits for you"
                  command="aliases: { champion: { approval: { lapsesAfter: 3d } } }"
                >
                  A model in slipway.yaml may ask for an approval before an alias of it moves, and a policy before it
                  acts. Requests then stand here, with what speaks for and against them.
                </EmptyState>
              </Panel>
            ) : (
              <div className="approvals-open">
                {items.map((approval) => (
                  <ApprovalBox key={approval.id} approval={approval} />
                ))}
              </div>
            )}
            <DecidedList />
          </Grid>
        )}
      </Loaded>
    </>
  );
}

function sentenceOf(items: readonly Approval[], nextPageToken: string | undefined): ReactNode {
  const [first] = items;
  if (first === undefined) return 'Nothing waits for a decision.';
  const soonest = items.toSorted((a, b) => a.lapsesAt - b.lapsesAt)[0] ?? first;
  return (
    <>
      {nextPageToken === undefined ? '' : 'More than '}
      {plural(items.length, 'request')} {items.length === 1 ? 'waits' : 'wait'} for a decision; the first to lapse is{' '}
      <Link to={to.approval(soonest.id)}>{wishWords(soonest)}</Link>, {lapseWords(soonest.lapsesAt, Date.now())}.
    </>
  );
}

function DecidedList(): ReactElement {
  const view = useViewState();
  const given = view.get('state');
  const state = decidedStates.find((known) => known === given);
  const decided = useAskPages('approvals.list', { query: { limit: 50, ...(state === undefined ? {} : { state }) } });
  return (
    <Panel
      title="Decided"
      caption="newest first"
      flush
      actions={
        <select
          className="input"
          aria-label="State"
          value={state ?? ''}
          onChange={(event) => view.set({ state: event.target.value === '' ? undefined : event.target.value })}
        >
          <option value="">All</option>
          {decidedStates.map((one) => (
            <option key={one} value={one}>
              {words[one]}
            </option>
          ))}
        </select>
      }
    >
      <LoadedPages query={decided}>
        {(all, more) => {
          const rows = all.filter((approval) => approval.state !== 'waiting');
          return rows.length === 0 && more === undefined ? (
            <EmptyState title="Nothing was decided yet">
              Each decision stays here and in the ledger, with who took it and why.
            </EmptyState>
          ) : (
            <DataTable
              label="Decided"
              rows={rows}
              rowKey={(a) => a.id}
              href={(a) => to.approval(a.id)}
              more={more}
              columns={[
                {
                  key: 'state',
                  head: 'Decision',
                  cell: (a) => <StatusBadge plain state={a.state} />,
                  value: (a) => a.state,
                },
                { key: 'what', head: 'What', cell: whatCell, value: wishWords },
                { key: 'asked', head: 'Asked by', cell: (a) => a.askedBy },
                {
                  key: 'by',
                  head: 'Decided by',
                  cell: (a) => a.decidedBy ?? <span className="t3">nobody</span>,
                  value: (a) => a.decidedBy,
                },
                {
                  key: 'why',
                  head: 'Why',
                  cell: (a) => (
                    <div className="approval-what">{a.decision ?? <span className="t3">not said</span>}</div>
                  ),
                  value: (a) => a.decision,
                },
                { key: 'at', head: 'When', cell: whenCell, value: (a) => a.decidedAt },
              ]}
            />
          );
        }}
      </LoadedPages>
    </Panel>
  );
}

const whatCell = (approval: Approval): ReactElement => (
  <div className="approval-what">
    <Link to={to.approval(approval.id)}>{capital(wishWords(approval))}</Link>
  </div>
);

const whenCell = ({ decidedAt, askedAt }: Approval): ReactElement => (
  <time title={fullInstant(decidedAt ?? askedAt)}>{instant(decidedAt ?? askedAt)}</time>
);
