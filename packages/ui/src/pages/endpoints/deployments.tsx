/** Every change of traffic, newest first, with who made it and why. */
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import { useAskPages } from '../../api/queries.ts';
import { DataTable } from '../../components/data-table.tsx';
import { Panel } from '../../components/layout.tsx';
import { EmptyState } from '../../components/states.tsx';
import { Traffic } from '../../components/traffic.tsx';
import { to } from '../../frame/places.ts';
import { fullInstant, instant } from '../../words.ts';
import { LoadedPages } from '../../components/loaded-pages.tsx';

export function Deployments({ endpoint }: { endpoint: string }): ReactElement {
  const deployments = useAskPages('endpoints.deployments', { params: { endpoint }, query: { limit: 20 } });
  return (
    <Panel title="Deployments" caption="every change of traffic, newest first" flush>
      <LoadedPages query={deployments}>
        {(rows, more) =>
          rows.length === 0 ? (
            <EmptyState title="Nothing was deployed yet" command={`slipway endpoint deploy ${endpoint} VERSION`}>
              Sending traffic to a version makes the first one.
            </EmptyState>
          ) : (
            <DataTable
              label="Deployments"
              rows={rows}
              rowKey={(d) => d.id}
              href={(d) => to.why('deployment', d.id)}
              more={more}
              columns={[
                {
                  key: 'number',
                  head: 'No.',
                  isNumber: true,
                  cell: (d) => <Link to={to.why('deployment', d.id)}>{d.number}</Link>,
                },
                {
                  key: 'at',
                  head: 'Since',
                  cell: (d) => <time title={fullInstant(d.createdAt)}>{instant(d.createdAt)}</time>,
                },
                { key: 'traffic', head: 'Traffic', cell: (d) => <Traffic endpoint={{ deployment: d }} /> },
                { key: 'by', head: 'By', cell: (d) => d.createdBy },
                {
                  key: 'rollout',
                  head: 'Rollout',
                  isExtra: true,
                  cell: (d) =>
                    d.rollout === undefined ? (
                      <span className="t3">none</span>
                    ) : (
                      <Link to={to.rollout(d.rollout)}>open</Link>
                    ),
                },
                {
                  key: 'reason',
                  head: 'Why',
                  isExtra: true,
                  cell: (d) => (
                    <div className="el inputs-of t2" title={d.reason}>
                      {d.reason === '' ? <span className="t3">not said</span> : d.reason}
                    </div>
                  ),
                },
              ]}
            />
          )
        }
      </LoadedPages>
    </Panel>
  );
}
