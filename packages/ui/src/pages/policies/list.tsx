/** All policies in words, with what each last did. */
import type { Policy } from '@slipway/contract';
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import { useAsk, useAskPages } from '../../api/queries.ts';
import { DataTable } from '../../components/data-table.tsx';
import { PageHead, Panel } from '../../components/layout.tsx';
import { EmptyState } from '../../components/states.tsx';
import { StatusBadge } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { useView } from '../../frame/view.tsx';
import { fullInstant, instant, plural } from '../../words.ts';
import { LoadedPages, rowsOf } from '../../components/loaded-pages.tsx';
import { FiringResult } from './firing-result.tsx';
import { specWords } from './policy-words.ts';
import './policies.css';

export function Page(): ReactElement {
  const query = { limit: 100 };
  const policies = useAskPages('policies.list', { query });
  useView('slipway policy list', 'policies.list', { query });
  const rows = rowsOf(policies);
  return (
    <>
      <PageHead title="Policies" sentence={rows === undefined ? undefined : sentenceOf(rows)} />
      <Panel
        title="Policies"
        caption="when something happens, do something; each firing is on record with its cause"
        flush
      >
        <LoadedPages query={policies}>
          {(items, more) =>
            items.length === 0 ? (
              <EmptyState title="No policies yet" command="slipway apply">
                slipway.yaml declares them: when an alert fires, retrain; when a challenger is named, roll it out.
              </EmptyState>
            ) : (
              <DataTable
                label="Policies"
                rows={items}
                rowKey={(p) => p.name}
                href={(p) => to.policy(p.name)}
                more={more}
                columns={[
                  { key: 'name', head: 'Policy', cell: (p) => <Link to={to.policy(p.name)}>{p.name}</Link> },
                  {
                    key: 'words',
                    head: 'What it does',
                    cell: (p) => <div className="policy-words">{specWords(p.spec)}</div>,
                  },
                  {
                    key: 'approval',
                    head: 'Acts',
                    cell: (p) =>
                      p.retiredAt !== undefined ? 'retired' : p.spec.approval ? 'when approved' : 'by itself',
                  },
                  { key: 'last', head: 'Last firing', cell: (p) => <LastFiring policy={p.name} /> },
                ]}
              />
            )
          }
        </LoadedPages>
      </Panel>
    </>
  );
}

function sentenceOf(rows: readonly Policy[]): string {
  if (rows.length === 0) return 'Nothing happens by itself yet.';
  const asking = rows.filter((p) => p.spec.approval).length;
  const who =
    asking === 0
      ? 'all act by themselves'
      : asking === rows.length
        ? 'all ask first'
        : `${asking} of them ${asking === 1 ? 'asks' : 'ask'} first`;
  return `${rows.length === 1 ? '1 policy' : `${rows.length} policies`}; ${rows.length === 1 ? (asking === 1 ? 'it asks first' : 'it acts by itself') : who}.`;
}

function LastFiring({ policy }: { policy: string }): ReactElement {
  const firings = useAsk('policies.firings', { params: { policy }, query: { limit: 20 } });
  const [last] = firings.data?.items ?? [];
  const waiting = firings.data?.items.filter((f) => f.state === 'waiting').length ?? 0;
  if (firings.data === undefined) return <span className="t3">{firings.error === null ? 'asking' : 'not known'}</span>;
  if (last === undefined) return <span className="t3">never</span>;
  return (
    <span className="row">
      <StatusBadge plain state={last.state} />
      <time title={fullInstant(last.createdAt)}>{instant(last.createdAt)}</time>
      <FiringResult firing={last} />
      {waiting > 0 && <StatusBadge state={{ tone: 'wait', word: `${plural(waiting, 'firing')} to approve` }} />}
    </span>
  );
}
