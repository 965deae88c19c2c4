/** One model: its versions with their aliases and verdicts, what its gate asks for, and what was judged lately. */
import type { Gate, ModelVersion, RegisteredModel } from '@slipway/contract';
import type { ReactElement, ReactNode } from 'react';
import { Link, useParams } from 'react-router';
import { useAsk, useAskPages } from '../../api/queries.ts';
import { DataTable } from '../../components/data-table.tsx';
import { Grid, PageHead, Pairs, Panel } from '../../components/layout.tsx';
import type { More } from '../../components/loaded-pages.tsx';
import { LoadedPages } from '../../components/loaded-pages.tsx';
import { EmptyState, Loaded } from '../../components/states.tsx';
import { AliasBadge, StatusBadge } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { useView } from '../../frame/view.tsx';
import { bytes, fullInstant, instant, plural, short } from '../../words.ts';
import { RemoveAlias } from './alias.tsx';
import { boundsOf, checkWords } from './bounds.ts';
import { Aliases, GateBadge, gateWords } from './marks.tsx';
import './models.css';
import { Moves } from './moves.tsx';

const gatesShown = 10;

export function Page(): ReactElement {
  const { model: name = '' } = useParams();
  const model = useAsk('models.get', { params: { model: name } });
  useView(`slipway model versions ${name}`, 'models.versions', { params: { model: name } });
  return <Loaded query={model}>{(found) => <ModelPage model={found} />}</Loaded>;
}

function ModelPage({ model }: { model: RegisteredModel }): ReactElement {
  return (
    <>
      <PageHead title={model.name} sentence={sentenceOf(model)} />
      <Grid>
        <Versions model={model} />
        <Bounds model={model} />
        <div className="stacked" style={{ gridColumn: 'span 5' }}>
          <AliasList model={model} />
          <About model={model} />
        </div>
        <Moves model={model.name} />
        <Judgements model={model} />
      </Grid>
    </>
  );
}

function sentenceOf(model: RegisteredModel): ReactNode {
  const champion = model.aliases['champion'];
  return (
    <>
      {champion === undefined ? (
        'No version is champion yet'
      ) : (
        <>
          <Link to={to.version(model.name, champion)}>v{champion}</Link> is champion
        </>
      )}
      {model.latestNumber === 0
        ? '; none is registered. '
        : model.latestNumber === champion
          ? ', the latest one. '
          : `; the latest is v${model.latestNumber}. `}
      {model.description}
    </>
  );
}

function Versions({ model }: { model: RegisteredModel }): ReactElement {
  const versions = useAskPages('models.versions', { params: { model: model.name }, query: { limit: 50 } });
  return (
    <Panel title="Versions" caption="newest first; a version never changes" flush>
      <LoadedPages query={versions}>
        {(rows, more) =>
          rows.length === 0 ? (
            <EmptyState title="No versions yet">
              A pipeline step or an MLflow script registers the first one.
            </EmptyState>
          ) : (
            <VersionTable rows={rows} more={more} />
          )
        }
      </LoadedPages>
    </Panel>
  );
}

function VersionTable({ rows, more }: { rows: readonly ModelVersion[]; more: More | undefined }): ReactElement {
  return (
    <DataTable
      label="Versions"
      rows={rows}
      rowKey={(v) => v.id}
      href={(v) => to.version(v.model, v.number)}
      more={more}
      columns={[
        {
          key: 'number',
          head: 'Version',
          cell: (v) => <Link to={to.version(v.model, v.number)}>v{v.number}</Link>,
        },
        { key: 'aliases', head: 'Aliases', cell: aliasesCell, value: (v) => v.aliases.join(' ') },
        { key: 'gate', head: 'Gate', cell: (v) => <GateBadge plain gate={v.gate} /> },
        { key: 'data', head: 'Trained on', cell: trainedOn },
        { key: 'run', head: 'From', cell: fromCell },
        { key: 'flavor', head: 'Kind', cell: (v) => v.flavor },
        {
          key: 'size',
          head: 'Size',
          isNumber: true,
          cell: (v) => bytes(v.files.reduce((sum, f) => sum + f.sizeBytes, 0)),
        },
        {
          key: 'at',
          head: 'Registered',
          cell: (v) => <time title={fullInstant(v.createdAt)}>{instant(v.createdAt)}</time>,
        },
      ]}
    />
  );
}

const aliasesCell = ({ aliases, approvals = {} }: ModelVersion): ReactNode => (
  <span className="row wrap">
    {(aliases.length > 0 || Object.keys(approvals).length === 0) && <Aliases aliases={aliases} />}
    {Object.entries(approvals).map(([alias, id]) => (
      <Link key={id} to={to.approval(id)}>
        <StatusBadge state={{ tone: 'wait', word: `${alias} asked for` }} />
      </Link>
    ))}
  </span>
);

function trainedOn({ lineage }: ModelVersion): ReactNode {
  const versions = lineage.datasetVersions ?? [];
  if (versions.length === 0) return <span className="t3">not recorded</span>;
  return versions.map(({ dataset, number }, i) => (
    <span key={dataset}>
      {i > 0 && ', '}
      <Link to={to.dataset(dataset, number)}>
        {dataset}@{number}
      </Link>
    </span>
  ));
}

function fromCell({ lineage, runId }: ModelVersion): ReactNode {
  if (lineage.pipelineRun !== undefined)
    return <Link to={to.pipelineRun(lineage.pipelineRun)}>{short(lineage.pipelineRun)}</Link>;
  if (runId !== undefined) return <Link to={to.run(runId)}>{short(runId)}</Link>;
  return <span className="t3">not recorded</span>;
}

function Bounds({ model }: { model: RegisteredModel }): ReactElement {
  const { gate } = model;
  if (gate === undefined) {
    return (
      <Panel title="Gate" span={7} flush>
        <EmptyState title="No gate guards this model">
          Declare one under models in slipway.yaml; then a protected alias takes only versions that passed it.
        </EmptyState>
      </Panel>
    );
  }
  const bounds = boundsOf(gate);
  return (
    <Panel
      title="Gate"
      caption={`${plural(bounds.length, 'bound')} that a version must meet to be ${gate.protected.join(' or ')}`}
      span={7}
      flush
    >
      <table className="tbl top0" aria-label="Bounds of the gate">
        <thead>
          <tr>
            <th scope="col">Metric</th>
            <th scope="col">What is asked</th>
          </tr>
        </thead>
        <tbody>
          {bounds.map(({ name, sentence }) => (
            <tr key={name}>
              <td className="m wrap">{checkWords(name).what.split(' ')[0]}</td>
              <td className="wrap">{sentence}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}

function AliasList({ model }: { model: RegisteredModel }): ReactElement {
  const aliases = Object.entries(model.aliases);
  return (
    <Panel title="Aliases" caption="movable names" flush>
      {aliases.length === 0 ? (
        <EmptyState title="No aliases yet" command={`slipway model alias ${model.name} champion ${model.latestNumber}`}>
          An alias names the version that is in use.
        </EmptyState>
      ) : (
        <ul>
          {aliases.map(([alias, version]) => (
            <li className="named" key={alias}>
              <AliasBadge alias={alias} />
              <Link to={to.version(model.name, version)}>v{version}</Link>
              <span className="t3 sm grow">{guardsOf(model, alias)}</span>
              {model.approvals?.[alias] === undefined && <RemoveAlias model={model} alias={alias} />}
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

/** What stands before a move of this alias. */
function guardsOf(model: RegisteredModel, alias: string): string {
  const guards = [
    ...(model.gate?.protected.includes(alias) === true ? ['guarded by the gate'] : []),
    ...(model.approvals?.[alias] === undefined ? [] : ['moves with an approval']),
  ];
  return guards.join(', ');
}

function About({ model }: { model: RegisteredModel }): ReactElement {
  return (
    <Panel title="About">
      <Pairs
        pairs={[
          { name: 'Registered', value: fullInstant(model.createdAt) },
          { name: 'Declared by', value: model.project === undefined ? 'no project' : `project ${model.project}` },
          ...Object.entries(model.tags).map(([name, value]) => ({ name: `tag ${name}`, value })),
        ]}
      />
    </Panel>
  );
}

function Judgements({ model }: { model: RegisteredModel }): ReactElement {
  const gates = useAsk('models.gates', { params: { model: model.name }, query: { limit: gatesShown } });
  return (
    <Panel title="Judged lately" caption={`the last ${gatesShown} judgements, with what failed`} flush>
      <Loaded query={gates}>
        {({ items }) =>
          items.length === 0 ? (
            <EmptyState title="Nothing was judged yet">A pipeline that trains sends its evidence here.</EmptyState>
          ) : (
            <DataTable
              label="Judgements"
              rows={items}
              rowKey={(g) => g.id}
              columns={[
                {
                  key: 'at',
                  head: 'Judged',
                  cell: (g) => <time title={fullInstant(g.createdAt)}>{instant(g.createdAt)}</time>,
                },
                {
                  key: 'verdict',
                  head: 'Verdict',
                  cell: (g) => <StatusBadge plain state={{ tone: g.passed ? 'ok' : 'bad', word: gateWords(g) }} />,
                },
                { key: 'version', head: 'Became', cell: becameCell },
                { key: 'run', head: 'Evidence of', cell: evidenceCell },
                { key: 'why', head: 'What failed', cell: failedCell },
              ]}
            />
          )
        }
      </Loaded>
    </Panel>
  );
}

const becameCell = (gate: Gate): ReactNode =>
  gate.version === undefined ? (
    <span className="t3">no version</span>
  ) : (
    <Link to={to.version(gate.model, gate.version)}>v{gate.version}</Link>
  );

const evidenceCell = (gate: Gate): ReactNode =>
  gate.runId === undefined ? (
    (gate.candidate ?? <span className="t3">not recorded</span>)
  ) : (
    <Link to={to.run(gate.runId)}>{short(gate.runId)}</Link>
  );

function failedCell(gate: Gate): ReactNode {
  const failed = gate.checks.filter((c) => !c.passed);
  if (failed.length === 0) return <span className="t3">nothing</span>;
  return <span className="wrap-cell">{failed.map((c) => c.sentence).join(' ')}</span>;
}
