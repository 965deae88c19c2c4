/** Where a version comes from and where it serves: a graph, and the same as a list. */
import type { ModelVersion, VersionLineage } from '@slipway/contract';
import type { ReactElement } from 'react';
import { lazy, Suspense } from 'react';
import { Link } from 'react-router';
import { useAsk } from '../../api/queries.ts';
import { DataTable } from '../../components/data-table.tsx';
import { Panel } from '../../components/layout.tsx';
import { Loaded, Skeleton } from '../../components/states.tsx';
import { useViewState } from '../../components/use-view-state.ts';
import { to } from '../../frame/places.ts';
import { short } from '../../words.ts';
import { boxOf } from './lineage-boxes.ts';

const Graph = lazy(async () => ({ default: (await import('./lineage-graph.tsx')).LineageGraph }));

export function Lineage({ version }: { version: ModelVersion }): ReactElement {
  const view = useViewState();
  const isList = view.get('lineage') === 'list';
  const params = { model: version.model, version: String(version.number) };
  const lineage = useAsk('models.lineage', { params });
  return (
    <Panel
      title="Where it comes from"
      caption={
        lineage.data !== undefined && lineage.data.nodes.length < 2
          ? 'its registration says nothing of it'
          : 'from the data to the traffic'
      }
      actions={
        <>
          <div className="seg" role="tablist" aria-label="Form of the lineage">
            {(['graph', 'list'] as const).map((form) => (
              <button
                key={form}
                type="button"
                role="tab"
                aria-selected={isList === (form === 'list')}
                onClick={() => view.set({ lineage: form === 'list' ? 'list' : undefined })}
              >
                {form === 'list' ? 'List' : 'Graph'}
              </button>
            ))}
          </div>
          <Link to={to.why('version', `${version.model}/${version.number}`)}>Full lineage</Link>
        </>
      }
      flush
    >
      <Loaded query={lineage} lines={3}>
        {(found) =>
          isList ? (
            <LineageList lineage={found} />
          ) : (
            <Suspense fallback={<Skeleton lines={3} />}>
              <Graph lineage={found} />
            </Suspense>
          )
        }
      </Loaded>
    </Panel>
  );
}

function LineageList({ lineage: { nodes, edges } }: { lineage: VersionLineage }): ReactElement {
  const nameOf = (id: string): string => nodes.find((node) => node.id === id)?.name ?? id;
  const before = (id: string): string =>
    edges
      .filter((edge) => edge.to === id)
      .map((edge) => nameOf(edge.from))
      .join(', ');
  return (
    <DataTable
      label="Lineage"
      rows={nodes}
      rowKey={(node) => node.id}
      columns={[
        { key: 'kind', head: 'What', cell: (node) => boxOf(node).kind },
        {
          key: 'name',
          head: 'Name',
          cell: (node) => {
            const { href, name } = boxOf(node);
            return href === undefined ? <b className="m">{name}</b> : <Link to={href}>{name}</Link>;
          },
          value: (node) => node.name,
        },
        { key: 'fact', head: 'Fact', cell: (node) => node.fact ?? <span className="t3">none</span> },
        {
          key: 'digest',
          head: 'Digest',
          cell: (node) =>
            node.digest === undefined ? (
              <span className="t3">none</span>
            ) : (
              <code title={node.digest}>{short(node.digest)}</code>
            ),
          value: (node) => node.digest,
        },
        {
          key: 'from',
          head: 'Made from',
          cell: (node) => before(node.id) || <span className="t3">nothing before it</span>,
        },
      ]}
    />
  );
}
