/** What speaks for a request, what against it, and what a wrong decision would cost: each from recorded facts. */
import type { AliasApproval, Approval, Gate, PolicyApproval, PolicyFiring } from '@slipway/contract';
import type { ReactElement, ReactNode } from 'react';
import { Link } from 'react-router';
import { useAsk } from '../../api/queries.ts';
import { Skeleton } from '../../components/states.tsx';
import { to } from '../../frame/places.ts';
import { count, decimals, plural, signed } from '../../words.ts';
import { checkWords, isLowerBetter, roomOf } from '../models/bounds.ts';
import { closestOf } from '../models/gate-table.tsx';
import { capital } from './words.ts';

export interface Case {
  readonly for: readonly string[];
  readonly against: readonly string[];
  readonly ifWrong: readonly string[];
}

export function CaseOf({ approval }: { approval: Approval }): ReactElement {
  return approval.kind === 'alias' ? <AliasCase approval={approval} /> : <PolicyCase approval={approval} />;
}

export function AliasCase({ approval }: { approval: AliasApproval }): ReactElement {
  const { gate } = approval;
  const judged = useAsk('gates.get', { params: { gate: gate?.id ?? '' } }, { enabled: gate !== undefined });
  const endpoints = useAsk('endpoints.list', { query: { limit: 100 } });
  const serving = (endpoints.data?.items ?? []).filter((e) => e.spec.model === approval.model);
  const [endpoint] = serving;
  const isCompared = endpoint !== undefined && approval.previous !== undefined;
  const compared = useAsk(
    'monitoring.compare',
    {
      params: { endpoint: endpoint?.name ?? '' },
      query: {
        champion: approval.previous ?? 1,
        challenger: approval.version,
        from: 0,
        to: endpoint?.labelWatermarkAt ?? endpoint?.createdAt ?? 0,
      },
    },
    { enabled: isCompared },
  );
  if (endpoints.isPending || (gate !== undefined && judged.isPending) || (isCompared && compared.isPending))
    return <Skeleton lines={3} />;
  const live = compared.data;
  const served = serving.flatMap(({ name, deployment }) =>
    (deployment?.traffic ?? []).map((t) => `${name} answers with v${t.version} for ${t.percent} % of its traffic`),
  );
  const isRollout = approval.askedBy === 'system:rollout-judge';
  return (
    <CaseList
      shown={{
        for: [
          ...gateFor(approval, judged.data),
          ...(live?.verdict === 'better' ? [`On ${count(live.count)} labelled predictions: ${live.sentence}`] : []),
        ],
        against: [
          ...gateAgainst(approval, judged.data),
          ...(live === undefined
            ? [`v${approval.version} and the version in use were not compared on labelled predictions.`]
            : [
                ...(live.verdict === 'better'
                  ? []
                  : [`On ${count(live.count)} labelled predictions: ${live.sentence}`]),
                ...live.warnings.map((warning) => `${capital(warning)}.`),
              ]),
        ],
        ifWrong: [
          isRollout
            ? `The rollout ends with v${approval.version} taking all traffic of its endpoint.`
            : `Whoever asks for ${approval.model}@${approval.alias} gets v${approval.version}. Traffic stays as it is deployed${served.length === 0 ? ': no endpoint serves this model' : `: ${served.join('; ')}`}.`,
          ...worstCase(judged.data),
          approval.previous === undefined
            ? 'There is no earlier version to go back to.'
            : `Going back means pointing ${approval.alias} at v${approval.previous} again, which asks for approval too.`,
        ],
      }}
    />
  );
}

function gateFor({ gate }: AliasApproval, judged: Gate | undefined): string[] {
  if (gate === undefined) return [];
  const passed = gate.checks.filter((check) => check.passed);
  if (passed.length === 0) return [];
  const better = passed.filter((check) => check.name.startsWith('champion.')).map((check) => check.sentence);
  const rows = Object.values(judged?.evidence.metrics ?? {}).find((metric) => metric.n !== undefined)?.n;
  return [
    `${passed.length} of ${plural(gate.checks.length, 'check')} of its gate passed${rows === undefined ? '' : `, on ${count(rows)} rows`}.`,
    ...better,
  ];
}

function gateAgainst({ gate, previous }: AliasApproval, judged: Gate | undefined): string[] {
  if (gate === undefined) return ['No gate was judged for this version: no figure speaks for it.'];
  const failed = gate.checks.filter((check) => !check.passed);
  if (failed.length > 0) return failed.map((check) => check.sentence);
  const closest = closestOf(gate.checks);
  const unproven = Object.entries(judged?.evidence.paired?.differences ?? {}).filter(
    ([, { low, high }]) => low !== undefined && high !== undefined && low <= 0 && high >= 0,
  );
  const compared = judged?.evidence.paired?.champion;
  return [
    ...(compared === undefined || previous === undefined || compared === previous
      ? []
      : [`Its gate compared it with v${compared}, not with v${previous}, which it would replace.`]),
    ...(closest === undefined
      ? []
      : [`The closest call is ${checkWords(closest.name).what}, with ${signed(roomOf(closest), 4)} of room.`]),
    ...unproven.map(
      ([metric, { low, high }]) =>
        `In ${metric} it is not shown to differ from v${judged?.evidence.paired?.champion ?? ''}: ${signed(low, 4)} to ${signed(high, 4)}.`,
    ),
  ];
}

/** The worse end of the intervals against the champion: what the measurement does not rule out. */
function worstCase(judged: Gate | undefined): string[] {
  const { paired } = judged?.evidence ?? {};
  if (paired === undefined) return [];
  return Object.entries(paired.differences).flatMap(([metric, { low, high }]) => {
    const worst = isLowerBetter(metric) ? high : low === undefined ? undefined : -low;
    if (worst === undefined || worst <= 0) return [];
    return [
      `The evidence does not rule out that ${metric} is worse by ${decimals(worst, 4)} than that of v${paired.champion}.`,
    ];
  });
}

/** Firings that are looked back on. */
const firingsRead = 20;

function PolicyCase({ approval }: { approval: PolicyApproval }): ReactElement {
  const firings = useAsk('policies.firings', { params: { policy: approval.policy }, query: { limit: firingsRead } });
  if (firings.isPending) return <Skeleton lines={3} />;
  const past = (firings.data?.items ?? []).filter((f) => f.id !== approval.firing && f.state !== 'waiting');
  return (
    <CaseList
      shown={{
        for: [
          `An event fits what the policy waits for${approval.reason === undefined ? '' : `: ${approval.reason}`}.`,
          ...pastFor(past),
        ],
        against: pastAgainst(past),
        ifWrong: [consequenceOf(approval.action)],
      }}
      cause={<Link to={to.ledgerEvent(approval.causeSeq)}>event #{approval.causeSeq}</Link>}
    />
  );
}

const stateCount = (past: readonly PolicyFiring[], state: PolicyFiring['state']): number =>
  past.filter((f) => f.state === state).length;

function pastFor(past: readonly PolicyFiring[]): string[] {
  const done = stateCount(past, 'done');
  return done === 0 ? [] : [`It acted ${plural(done, 'time')} before, and nothing went wrong in taking the action.`];
}

function pastAgainst(past: readonly PolicyFiring[]): string[] {
  const [failed, rejected, lapsed] = [
    stateCount(past, 'failed'),
    stateCount(past, 'rejected'),
    stateCount(past, 'lapsed'),
  ];
  return [
    ...(past.length === 0 ? ['It never acted before: nobody has seen what comes of it.'] : []),
    ...(failed > 0 ? [`${plural(failed, 'earlier action')} failed.`] : []),
    ...(rejected > 0 ? [`Somebody said no ${plural(rejected, 'time')} before.`] : []),
    ...(lapsed > 0 ? [`${plural(lapsed, 'earlier request')} lapsed.`] : []),
  ];
}

function consequenceOf(action: PolicyApproval['action']): string {
  if ('run' in action)
    return 'A pipeline run takes computing time. It changes nothing that serves until its version passes a gate and is rolled out.';
  if ('rollout' in action)
    return `Requests of ${action.rollout.endpoint} go to the candidate stage by stage; guards roll it back, and it can be cancelled.`;
  if ('alias' in action) return `Whoever asks for ${action.alias.model}@${action.alias.alias} gets another version.`;
  return `${action.webhook.url} is told, and what it does then is not known here.`;
}

function CaseList({ shown, cause }: { shown: Case; cause?: ReactNode }): ReactElement {
  return (
    <dl className="kv case">
      {cause !== undefined && (
        <>
          <dt>Cause</dt>
          <dd>{cause}</dd>
        </>
      )}
      <Side name="For" said={shown.for} nothing="Nothing that was recorded." />
      <Side name="Against" said={shown.against} nothing="Nothing that was recorded." />
      <Side name="If wrong" said={shown.ifWrong} nothing="Not known." />
    </dl>
  );
}

function Side({ name, said, nothing }: { name: string; said: readonly string[]; nothing: string }): ReactElement {
  return (
    <>
      <dt>{name}</dt>
      <dd>
        {said.length === 0 ? (
          <span className="t3">{nothing}</span>
        ) : (
          <ul className="said">
            {said.map((sentence) => (
              <li key={sentence}>{sentence}</li>
            ))}
          </ul>
        )}
      </dd>
    </>
  );
}
