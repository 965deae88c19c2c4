/** All endpoints: who answers, what rolls out, how far the outcomes are known. */
import type { Endpoint } from '@slipway/contract';
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import { useAskPages } from '../../api/queries.ts';
import { DataTable } from '../../components/data-table.tsx';
import { PageHead, Panel } from '../../components/layout.tsx';
import { EmptyState } from '../../components/states.tsx';
import type { Status } from '../../components/status.tsx';
import { StatusBadge } from '../../components/status.tsx';
import { Traffic } from '../../components/traffic.tsx';
import { to } from '../../frame/places.ts';
import { useView } from '../../frame/view.tsx';
import { count, fullInstant, instant, plural } from '../../words.ts';
import { LoadedPages, rowsOf } from '../../components/loaded-pages.tsx';

export function endpointState({ deployment, retiredAt, runningRollout }: Endpoint): Status {
  if (retiredAt !== undefined) return { tone: 'idle', word: 'Retired' };
  if (deployment === undefined) return { tone: 'idle', word: 'Empty' };
  return runningRollout === undefined ? { tone: 'ok', word: 'Deployed' } : { tone: 'run', word: 'Rolling out' };
}

export function Page(): ReactElement {
  const query = { limit: 100 };
  const endpoints = useAskPages('endpoints.list', { query });
  useView('slipway endpoint list', 'endpoints.list', { query });
  const rows = rowsOf(endpoints);
  return (
    <>
      <PageHead title="Endpoints" sentence={rows === undefined ? undefined : sentenceOf(rows)} />
      <Panel title="Endpoints" caption="an address that one or more versions of a model answer" flush>
        <LoadedPages query={endpoints}>
          {(items, more) =>
            items.length === 0 ? (
              <EmptyState title="No endpoints yet" command={'slipway apply\nslipway endpoint deploy NAME VERSION'}>
                slipway.yaml declares them. Then a version is sent traffic, and its answers appear here.
              </EmptyState>
            ) : (
              <DataTable
                label="Endpoints"
                rows={items}
                rowKey={(e) => e.name}
                href={(e) => to.endpoint(e.name)}
                more={more}
                columns={[
                  { key: 'name', head: 'Endpoint', cell: (e) => <Link to={to.endpoint(e.name)}>{e.name}</Link> },
                  { key: 'state', head: 'State', cell: (e) => <StatusBadge plain state={endpointState(e)} /> },
                  { key: 'traffic', head: 'Traffic', cell: (e) => <Traffic endpoint={e} /> },
                  { key: 'model', head: 'Model', cell: (e) => <Link to={to.model(e.spec.model)}>{e.spec.model}</Link> },
                  {
                    key: 'features',
                    head: 'Features',
                    isExtra: true,
                    cell: (e) =>
                      e.spec.features === undefined ? (
                        <span className="t3">brought by the request</span>
                      ) : (
                        <Link to={to.featureSet(e.spec.features.set)}>{e.spec.features.service}</Link>
                      ),
                  },
                  { key: 'labels', head: 'Labels', isNumber: true, cell: (e) => count(e.labelCount) },
                  {
                    key: 'complete',
                    head: 'Complete to',
                    isExtra: true,
                    cell: ({ labelWatermarkAt: at }) =>
                      at === undefined ? (
                        <span className="t3">not reported</span>
                      ) : (
                        <time title={fullInstant(at)}>{instant(at)}</time>
                      ),
                  },
                  {
                    key: 'deployment',
                    head: 'Deployed',
                    isExtra: true,
                    cell: ({ deployment }) =>
                      deployment === undefined ? (
                        <span className="t3">not set</span>
                      ) : (
                        <time title={fullInstant(deployment.createdAt)}>{instant(deployment.createdAt)}</time>
                      ),
                  },
                ]}
              />
            )
          }
        </LoadedPages>
      </Panel>
    </>
  );
}

function sentenceOf(rows: readonly Endpoint[]): string {
  const deployed = rows.filter((e) => e.deployment !== undefined && e.retiredAt === undefined).length;
  const rolling = rows.filter((e) => e.runningRollout !== undefined).length;
  if (rows.length === 0) return 'Nothing can be asked for a prediction yet.';
  const who = `${deployed} of ${plural(rows.length, 'endpoint')} ${deployed === 1 ? 'answers' : 'answer'}`;
  return `${who}; ${rolling === 0 ? 'no rollout is under way' : `${plural(rolling, 'rollout')} under way`}.`;
}
