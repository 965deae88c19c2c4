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
import type { ViewState } from '../../components/use-view-state.ts';
import { useViewState } from '../../components/use-view-state.ts';
import { to } from '../../frame/places.ts';
import { useView } from '../../frame/view.tsx';
import { count, fullInstant, instant, short, signed } from '../../words.ts';
import { ApprovalBox } from '../approvals/box.tsx';
import { SetAlias } from './alias.tsx';
import { checkWords, roomOf } from './bounds.ts';
import { Against } from './against.tsx';
import { closestOf, GateTable } from './gate-table.tsx';
import { Card } from './card.tsx';
import { Lineage } from './lineage.tsx';
import { Aliases, GateBadge, gateWords } from './marks.tsx';
import './models.css';
import { Files, Tags } from './parts.tsx';
import { Signature } from './signature.tsx';
import { armsOf, useAgainst } from './against-choice.ts';
import { BetterWhere } from './better-where.tsx';
import { Calibration } from './calibration.tsx';
import { Deploy } from '../endpoints/deploy.tsx';

export function Page(): ReactElement {
  const { model: name = '', version: reference = '' } = useParams();
  const params = { model: name, version: reference };
  const version = useAsk('models.getVersion', { params });
  const model = useAsk('models.get', { params: { model: name } });
  const isCard = useViewState().get('tab') === 'card';
  useView(
    `slipway model ${isCard ? 'card' : 'show'} ${name} ${reference}`,
    isCard ? 'models.card' : 'models.getVersion',
    { params },
  );
  return (
    <Loaded query={version} lines={10}>
      {(found) => <Loaded query={model}>{(of) => <VersionPage version={found} model={of} />}</Loaded>}
    </Loaded>
  );
}

const tabs = [
  { key: 'evidence', word: 'Evidence' },
  { key: 'card', word: 'Model card' },
] as const;

function VersionPage({ version, model }: { version: ModelVersion; model: RegisteredModel }): ReactElement {
  const endpoints = useAsk('endpoints.list', { query: { limit: 50 } });
  const serving = (endpoints.data?.items ?? []).filter((e) => e.spec.model === model.name);
  const view = useViewState();
  const tab = view.get('tab') === 'card' ? 'card' : 'evidence';
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
            {serving.map((endpoint) => (
              <Deploy
                key={endpoint.name}
                endpoint={endpoint}
                version={version.number}
                word={serving.length === 1 ? 'Deploy' : `Deploy to ${endpoint.name}`}
              />
            ))}
            <SetAlias model={model} version={version} />
          </>
        }
      />
      <div className="tabs version-tabs" role="tablist" aria-label="Of the version">
        {tabs.map(({ key, word }) => (
          <button
            type="button"
            role="tab"
            key={key}
            aria-selected={tab === key}
            onClick={() => view.set({ tab: key === 'evidence' ? undefined : key })}
          >
            {word}
          </button>
        ))}
      </div>
      {tab === 'card' ? (
        <Card version={version} />
      ) : (
        <Grid>
          <Lineage version={version} />
          <div className="stacked version-main">
            <GatePanel version={version} />
            <Compared version={version} model={model} endpoint={serving[0]} view={view} />
            <Signature version={version} />
            <Files version={version} />
          </div>
          <div className="stacked version-side">
            <Waiting version={version} />
            <Against version={version} model={model} endpoints={serving} />
            <Serves version={version} endpoints={serving} />
          </div>
          <Tags version={version} />
        </Grid>
      )}
    </>
  );
}

interface ComparedProps {
  readonly version: ModelVersion;
  readonly model: RegisteredModel;
  readonly endpoint: Endpoint | undefined;
  readonly view: ViewState;
}

/** On pairs of an endpoint; without one, or without another version, the panel beside says so. */
function Compared({ version, model, endpoint, view }: ComparedProps): ReactElement | null {
  const { chosen } = useAgainst(version, model);
  if (endpoint === undefined || chosen === undefined || !Number.isFinite(chosen)) return null;
  const pair = {
    endpoint,
    subject: version.number,
    other: chosen,
    arms: armsOf(model, version.number, chosen),
  };
  return (
    <div className="version-pair">
      <BetterWhere {...pair} view={view} />
      <Calibration {...pair} />
    </div>
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

/** Requests for aliases that would go to this version, each with its decision in place. */
function Waiting({ version }: { version: ModelVersion }): ReactElement {
  return (
    <>
      {Object.values(version.approvals ?? {}).map((id) => (
        <WaitingBox key={id} id={id} />
      ))}
    </>
  );
}

function WaitingBox({ id }: { id: string }): ReactElement {
  const approval = useAsk('approvals.get', { params: { approval: id } });
  return <Loaded query={approval}>{(found) => <ApprovalBox approval={found} />}</Loaded>;
}

function Serves({ version, endpoints }: { version: ModelVersion; endpoints: readonly Endpoint[] }): ReactElement {
  const rows = endpoints.flatMap(({ name, deployment }) => {
    const share = deployment?.traffic.find((t) => t.version === version.number);
    const isShadow = share === undefined && deployment?.shadow === version.number;
    return deployment === undefined || (share === undefined && !isShadow) ? [] : [{ name, deployment, share }];
  });
  return (
    <Panel title="Where it serves" flush>
      {rows.length === 0 ? (
        <EmptyState
          title="Nowhere now"
          command={`slipway endpoint deploy ${endpoints[0]?.name ?? 'NAME'} ${version.number}`}
        >
          {endpoints.length === 0
            ? 'No endpoint serves this model.'
            : 'Endpoints of this model answer with other versions.'}
        </EmptyState>
      ) : (
        <ul>
          {rows.map(({ name, deployment, share }) => (
            <li className="named" key={name}>
              <Link to={to.endpoint(name)}>{name}</Link>
              <span className="grow t2">{share === undefined ? 'in the shadow' : `${share.percent} % of traffic`}</span>
              <span className="t3 sm">
                deployment {deployment.number},{' '}
                <time title={fullInstant(deployment.createdAt)}>{instant(deployment.createdAt)}</time>
              </span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

function sentenceOf(version: ModelVersion, model: RegisteredModel): ReactNode {
  const { pipelineRun } = version.lineage;
  return (
    <>
      {verdictOf(version, model)} Registered{' '}
      <time title={fullInstant(version.createdAt)}>{instant(version.createdAt)}</time>{' '}
      {pipelineRun === undefined ? (
        `by ${version.createdBy}`
      ) : (
        <>
          by pipeline run <Link to={to.pipelineRun(pipelineRun)}>{short(pipelineRun)}</Link>
        </>
      )}
      . {version.description}
    </>
  );
}

/** May it be used, and what stands between it and its use? */
function verdictOf(version: ModelVersion, model: RegisteredModel): ReactNode {
  const { gate, number, approvals = {} } = version;
  const champion = model.aliases['champion'];
  const [asked] = Object.entries(approvals);
  if (asked !== undefined) {
    const [alias, id] = asked;
    return (
      <>
        It becomes {alias} when somebody approves <Link to={to.approval(id)}>the request</Link>
        {gate === undefined ? '' : `; ${gateWords(gate)}`}.
      </>
    );
  }
  const now =
    champion === undefined ? (
      'there is no champion yet'
    ) : (
      <>
        champion is <Link to={to.version(model.name, champion)}>v{champion}</Link>
      </>
    );
  if (champion === number)
    return `It is the champion${gate === undefined ? ', and no gate was judged for it' : `: ${gateWords(gate)}`}.`;
  if (gate === undefined) return <>No gate was judged for it, so no figure speaks for it; {now}.</>;
  if (!gate.passed)
    return (
      <>
        It cannot take a protected alias: {gateWords(gate)}; {now}.
      </>
    );
  const isAsked = model.approvals?.['champion'] !== undefined;
  return (
    <>
      It may become champion{isAsked ? ' with an approval' : ''}: {gateWords(gate)}; {now}.
    </>
  );
}

function GatePanel({ version }: { version: ModelVersion }): ReactElement {
  const { gate } = version;
  const judged = useAsk('gates.get', { params: { gate: gate?.id ?? '' } }, { enabled: gate !== undefined });
  if (gate === undefined) {
    return (
      <Panel title="Gate" flush>
        <EmptyState title="No gate was judged for this version">
          A protected alias refuses it. Versions that come from a pipeline with a gate step bring their judgement along.
        </EmptyState>
      </Panel>
    );
  }
  const found = judged.data;
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
