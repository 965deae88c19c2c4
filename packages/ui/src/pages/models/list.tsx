/** Registered models: which version each alias names, and whether a gate guards it. */
import type { RegisteredModel } from '@slipway/contract';
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import { useAskPages } from '../../api/queries.ts';
import { DataTable } from '../../components/data-table.tsx';
import { PageHead } from '../../components/layout.tsx';
import type { More } from '../../components/loaded-pages.tsx';
import { LoadedPages, rowsOf } from '../../components/loaded-pages.tsx';
import { EmptyState } from '../../components/states.tsx';
import { AliasBadge } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { useView } from '../../frame/view.tsx';
import { fullInstant, instant, plural } from '../../words.ts';
import { boundsOf } from './bounds.ts';
import './models.css';

export function Page(): ReactElement {
  const models = useAskPages('models.list', { query: { limit: 100 } });
  useView('slipway model list', 'models.list', { query: { limit: 100 } });
  const items = rowsOf(models) ?? [];
  return (
    <>
      <PageHead title="Models" sentence={items.length === 0 ? undefined : sentenceOf(items, models.hasNextPage)} />
      <LoadedPages query={models} lines={6}>
        {(rows, more) =>
          rows.length === 0 ? (
            <EmptyState title="No models yet" command="slipway pipeline run train">
              A model appears when a pipeline registers its first version, or when an MLflow script calls
              register_model.
            </EmptyState>
          ) : (
            <section className="panel">
              <ModelTable rows={rows} more={more} />
            </section>
          )
        }
      </LoadedPages>
    </>
  );
}

function ModelTable({ rows, more }: { rows: readonly RegisteredModel[]; more: More | undefined }): ReactElement {
  return (
    <DataTable
      label="Models"
      rows={rows}
      rowKey={(m) => m.name}
      href={(m) => to.model(m.name)}
      more={more}
      columns={[
        { key: 'name', head: 'Model', cell: (m) => <Link to={to.model(m.name)}>{m.name}</Link> },
        { key: 'aliases', head: 'Aliases', cell: (m) => <NamedVersions model={m} /> },
        { key: 'latest', head: 'Latest', isNumber: true, cell: (m) => `v${m.latestNumber}` },
        { key: 'gate', head: 'Gate', cell: gateCell },
        { key: 'approvals', head: 'Asks for approval', cell: asksCell, isExtra: true },
        { key: 'about', head: 'What it says', isExtra: true, cell: (m) => <About model={m} /> },
        {
          key: 'changed',
          head: 'Changed',
          cell: (m) => <time title={fullInstant(m.updatedAt)}>{instant(m.updatedAt)}</time>,
        },
      ]}
    />
  );
}

function sentenceOf(models: readonly RegisteredModel[], hasMore: boolean): string {
  const guarded = models.filter((m) => m.gate !== undefined).length;
  const champions = models.filter((m) => m.aliases['champion'] !== undefined).length;
  return `${hasMore ? 'More than ' : ''}${plural(models.length, 'model')}: ${champions} with a champion, ${guarded} guarded by a gate.`;
}

function NamedVersions({ model }: { model: RegisteredModel }): ReactElement {
  const aliases = Object.entries(model.aliases);
  if (aliases.length === 0) return <span className="t3">none</span>;
  return (
    <span className="row">
      {aliases.map(([alias, version]) => (
        <span className="row" key={alias}>
          <AliasBadge alias={alias} />
          <Link to={to.version(model.name, version)}>v{version}</Link>
        </span>
      ))}
    </span>
  );
}

const gateCell = (model: RegisteredModel): ReactElement =>
  model.gate === undefined ? (
    <span className="t3">none declared</span>
  ) : (
    <span>
      {plural(boundsOf(model.gate).length, 'bound')} for {model.gate.protected.join(', ')}
    </span>
  );

const asksCell = ({ approvals = {} }: RegisteredModel): ReactElement =>
  Object.keys(approvals).length === 0 ? (
    <span className="t3">no</span>
  ) : (
    <span>{Object.keys(approvals).join(', ')}</span>
  );

const About = ({ model }: { model: RegisteredModel }): ReactElement => (
  <span className="el about" title={model.description}>
    {model.description ?? <span className="t3">not set</span>}
  </span>
);
