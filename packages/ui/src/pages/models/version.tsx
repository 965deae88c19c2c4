/** One version: whether it may be used, why, where it comes from, what it is made of, and how it stands to the champion. */
import type { Endpoint, ModelVersion, RegisteredModel } from '@slipway/contract';
import type { ReactElement, ReactNode } from 'react';
import { useEffect } from 'react';
import { Link, useNavigate, useParams } from 'react-router';
import { useAsk } from '../../api/queries.ts';
import { Icon } from '../../components/icon.tsx';
import { Grid, PageHead, Panel } from '../../components/layout.tsx';
import { EmptyState, Loaded } from '../../components/states.tsx';
import { StatusBadge } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { useView } from '../../frame/view.tsx';
import { count, fullInstant, instant, short, signed } from '../../words.ts';
import { SetAlias } from './alias.tsx';
import { checkWords, roomOf } from './bounds.ts';
import { Against } from './against.tsx';
import { closestOf, GateTable } from './gate-table.tsx';
import { LineageChain } from './lineage.tsx';
import { Aliases, GateBadge, gateWords } from './marks.tsx';
import './models.css';
import { Files, Signature, Tags } from './parts.tsx';

/** A version's judgement is looked for among so many of the newest. */
const gatesRead = 100;

export function Page(): ReactElement {
  const { model: name = '', version: reference = '' } = useParams();
  const params = { model: name, version: reference };
  const version = useAsk('models.getVersion', { params });
  const model = useAsk('models.get', { params: { model: name } });
  useView(`slipway model show ${name} ${reference}`, 'models.getVersion', { params });
  return (
    <Loaded query={version} lines={10}>
      {(found) => <Loaded query={model}>{(of) => <VersionPage version={found} model={of} />}</Loaded>}
    </Loaded>
  );
}

function VersionPage({ version, model }: { version: ModelVersion; model: RegisteredModel }): ReactElement {
  const endpoints = useAsk('endpoints.list', { query: { limit: 50 } });
  const serving = (endpoints.data?.items ?? []).filter((e) => e.spec.model === model.name);
  return (
    <>
      <PageHead
        title={`${model.name} v${version.number}`}
        badges={
          <>
            {version.aliases.length > 0 && <Aliases aliases={version.aliases} />}
            <GateBadge gate={version.gate} />
            {version.status !== 'ready' && <StatusBadge state={version.status} />}
            <ServingBadges version={version} endpoints={serving} />
          </>
        }
        sentence={sentenceOf(version, model)}
        actions={
          <>
            <Siblings version={version} latest={model.latestNumber} />
            <Link className="btn" to={to.why('version', `${version.model}/${version.number}`)}>
              <Icon name="why" />
              Where it comes from
            </Link>
            <SetAlias model={model} version={version} />
          </>
        }
      />
      <Grid>
        <LineageChain version={version} endpoints={serving} />
        <div className="stacked version-main">
          <GatePanel version={version} />
          <Files version={version} />
          <Signature version={version} />
        </div>
        <div className="version-side">
          <Against version={version} model={model} endpoints={serving} />
        </div>
        <Tags version={version} />
      </Grid>
    </>
  );
}

function ServingBadges({
  version,
  endpoints,
}: {
  version: ModelVersion;
  endpoints: readonly Endpoint[];
}): ReactElement {
  return (
    <>
      {endpoints.flatMap(({ name, deployment }) => {
        const share = deployment?.traffic.find((t) => t.version === version.number);
        return share === undefined
          ? []
          : [
              <StatusBadge
                key={name}
                state={{ tone: 'run', word: `Serving ${share.percent} % of ${name}`, icon: 'endpoint' }}
              />,
            ];
      })}
    </>
  );
}

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);

/** The numbers before and after, also by `[` and `]`; a number that was deleted says so on its page. */
function Siblings({ version, latest }: { version: ModelVersion; latest: number }): ReactElement {
  const navigate = useNavigate();
  const { model, number } = version;
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === '[' && number > 1) void navigate(to.version(model, number - 1));
      if (event.key === ']' && number < latest) void navigate(to.version(model, number + 1));
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [navigate, model, number, latest]);
  return (
    <>
      {number > 1 && (
        <Link className="btn ghost" to={to.version(model, number - 1)} title="The version before">
          v{number - 1} <kbd>[</kbd>
        </Link>
      )}
      {number < latest && (
        <Link className="btn ghost" to={to.version(model, number + 1)} title="The version after">
          v{number + 1} <kbd>]</kbd>
        </Link>
      )}
    </>
  );
}

function sentenceOf(version: ModelVersion, model: RegisteredModel): ReactNode {
  const champion = model.aliases['champion'];
  const { pipelineRun } = version.lineage;
  return (
    <>
      Registered <time title={fullInstant(version.createdAt)}>{instant(version.createdAt)}</time>{' '}
      {pipelineRun === undefined ? (
        `by ${version.createdBy}`
      ) : (
        <>
          by pipeline run <Link to={to.pipelineRun(pipelineRun)}>{short(pipelineRun)}</Link>
        </>
      )}
      ; {version.gate === undefined ? 'no gate was judged for it' : gateWords(version.gate)}.{' '}
      {champion === undefined ? (
        'There is no champion yet.'
      ) : champion === version.number ? (
        'It is the champion.'
      ) : (
        <>
          Champion is <Link to={to.version(model.name, champion)}>v{champion}</Link>.
        </>
      )}{' '}
      {version.description}
    </>
  );
}

function GatePanel({ version }: { version: ModelVersion }): ReactElement {
  const { gate } = version;
  const judged = useAsk(
    'models.gates',
    { params: { model: version.model }, query: { limit: gatesRead } },
    { enabled: gate !== undefined },
  );
  if (gate === undefined) {
    return (
      <Panel title="Gate" flush>
        <EmptyState title="No gate was judged for this version">
          A protected alias refuses it. Versions that come from a pipeline with a gate step bring their judgement along.
        </EmptyState>
      </Panel>
    );
  }
  const found = judged.data?.items.find((g) => g.id === gate.id);
  const rows = Object.values(found?.evidence.metrics ?? {})[0]?.n;
  const closest = closestOf(gate.checks);
  const failed = gate.checks.filter((c) => !c.passed);
  return (
    <Panel
      title="Gate"
      caption={
        found === undefined
          ? gateWords(gate)
          : `judged ${instant(found.createdAt)}${rows === undefined ? '' : ` on ${count(rows)} rows`}`
      }
      flush
      actions={found?.runId !== undefined && <Link to={to.run(found.runId)}>its run</Link>}
    >
      <GateTable checks={gate.checks} evidence={found?.evidence} />
      <div className="padded stack">
        {failed.map((check) => (
          <div className="note bad" key={check.name}>
            <Icon name="bad" />
            <p>{check.sentence}</p>
          </div>
        ))}
        {failed.length === 0 && closest !== undefined && (
          <div className="note ok">
            <Icon name="ok" />
            <p>
              <b>The closest call is {checkWords(closest.name).what}</b>, with {signed(roomOf(closest), 4)} of room.{' '}
              {closest.sentence}
            </p>
          </div>
        )}
      </div>
    </Panel>
  );
}
