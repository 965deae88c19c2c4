/** The feature sets that projects declare. */
import type { FeatureSetSummary } from '@slipway/contract';
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import { useAsk } from '../../api/queries.ts';
import { DataTable } from '../../components/data-table.tsx';
import { PageHead, Panel } from '../../components/layout.tsx';
import { EmptyState, Loaded } from '../../components/states.tsx';
import { StatusBadge } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { useView } from '../../frame/view.tsx';
import { count, fullInstant, instant, plural, short } from '../../words.ts';
import { rowsIn, stateStatus } from './facts.ts';

export function Page(): ReactElement {
  const sets = useAsk('featureSets.list', { query: { limit: 500 } });
  useView('slipway feature list', 'featureSets.list', {});
  return (
    <>
      <PageHead title="Features" sentence={sets.data === undefined ? '' : sentenceOf(sets.data.items)} />
      <Panel title="Feature sets" caption="one definition for training rows and for requests" flush>
        <Loaded query={sets}>
          {({ items }) =>
            items.length === 0 ? (
              <EmptyState title="No feature sets yet" command="slipway apply">
                A project declares one in features.yaml: sources, views over them, and services that models are trained
                on.
              </EmptyState>
            ) : (
              <DataTable
                label="Feature sets"
                rows={items}
                rowKey={(s) => s.name}
                href={(s) => to.featureSet(s.name)}
                columns={[
                  { key: 'name', head: 'Feature set', cell: (s) => <Link to={to.featureSet(s.name)}>{s.name}</Link> },
                  { key: 'state', head: 'Online state', cell: (s) => <State name={s.name} /> },
                  { key: 'services', head: 'Services', cell: (s) => s.services.join(', ') },
                  { key: 'project', head: 'Project', isExtra: true, cell: (s) => s.project ?? 'none' },
                  {
                    key: 'digest',
                    head: 'Digest',
                    isExtra: true,
                    cell: (s) => (
                      <span className="mono t3" title={s.digest}>
                        {short(s.digest)}
                      </span>
                    ),
                  },
                  {
                    key: 'at',
                    head: 'Applied',
                    isNumber: true,
                    cell: (s) => <time title={fullInstant(s.updatedAt)}>{instant(s.updatedAt)}</time>,
                  },
                ]}
              />
            )
          }
        </Loaded>
      </Panel>
    </>
  );
}

function sentenceOf(sets: readonly FeatureSetSummary[]): string {
  if (sets.length === 0) return 'No project declares features yet.';
  const services = sets.reduce((n, s) => n + s.services.length, 0);
  return `${plural(sets.length, 'feature set')} with ${plural(services, 'service')}; each service gives one vector, the same in training and when served.`;
}

function State({ name }: { name: string }): ReactElement {
  const set = useAsk('featureSets.get', { params: { set: name } });
  if (set.data === undefined) return <span className="t3">{set.error === null ? '' : 'not known'}</span>;
  const { state } = set.data;
  return (
    <span className="row">
      <StatusBadge plain state={stateStatus[state.status]} />
      <span className="t3">{count(rowsIn(state))} rows</span>
    </span>
  );
}
