/** This version against another one, by default the champion, on the labelled predictions that both of them scored. */
import type { Endpoint, ModelVersion, RegisteredModel, VersionComparison } from '@slipway/contract';
import type { ReactElement } from 'react';
import { useAsk } from '../../api/queries.ts';
import type { ComparedFigure } from '../../components/compared-figures.ts';
import { comparedFigures } from '../../components/compared-figures.ts';
import { Panel } from '../../components/layout.tsx';
import { EmptyState, Skeleton } from '../../components/states.tsx';
import { ArmMark, StatusBadge } from '../../components/status.tsx';
import type { Arm, Status } from '../../components/status.tsx';
import { count, day } from '../../words.ts';
import { pairsOf, useAgainst } from './against-choice.ts';
import { GateFigures } from './gate-figures.tsx';

interface AgainstProps {
  readonly version: ModelVersion;
  readonly model: RegisteredModel;
  readonly endpoints: readonly Endpoint[];
}

export function Against(props: AgainstProps): ReactElement {
  const { version, model, endpoints } = props;
  const { others, chosen, isPending, choose } = useAgainst(version, model);
  const champion = model.aliases['champion'];
  const endpoint = endpoints[0];
  const body =
    isPending && others.length === 0 ? (
      <Skeleton />
    ) : chosen === undefined ? (
      <EmptyState title="There is no other version">A comparison needs two.</EmptyState>
    ) : endpoint === undefined ? (
      <EmptyState title="No endpoint serves this model" command={`slipway endpoint deploy NAME ${model.name}@champion`}>
        Versions are compared on predictions that both scored: in a rollout, in its shadow, or in a canary.
      </EmptyState>
    ) : (
      <Comparison
        endpoint={endpoint}
        subject={version.number}
        // The champion stays on its side, also on its own page: the server's words are about it.
        champion={champion === version.number ? version.number : chosen}
        challenger={champion === version.number ? chosen : version.number}
        incumbent={champion === version.number || champion === chosen ? 'champion' : 'reference'}
      />
    );
  return (
    <Panel
      title="Which is better?"
      caption="on pairs with labels"
      flush
      actions={
        others.length > 0 && (
          <select
            className="input against"
            aria-label="Compare with"
            value={chosen}
            onChange={(event) => choose(event.target.value)}
          >
            {others.map((n) => (
              <option key={n} value={n}>
                against v{n}
                {n === champion ? ', champion' : ''}
              </option>
            ))}
          </select>
        )
      }
    >
      {body}
      {chosen !== undefined && Number.isFinite(chosen) && <GateFigures version={version} other={chosen} />}
    </Panel>
  );
}

interface ComparisonProps {
  readonly endpoint: Endpoint;
  /** The version that the page is about; it is one of the two. */
  readonly subject: number;
  readonly champion: number;
  readonly challenger: number;
  /** Whether the one that is compared with is the champion now. */
  readonly incumbent: Arm;
}

function Comparison({ endpoint, subject, champion, challenger, incumbent }: ComparisonProps): ReactElement {
  const compared = useAsk('monitoring.compare', pairsOf(endpoint, { champion, challenger }));
  if (compared.data !== undefined) return <Compared found={compared.data} subject={subject} incumbent={incumbent} />;
  if (compared.error === null) return <Skeleton />;
  return (
    <EmptyState title={`Nothing to compare v${challenger} and v${champion} on`}>{compared.error.message}</EmptyState>
  );
}

const words: Readonly<Record<VersionComparison['verdict'], string>> = {
  better: 'better',
  'not-better': 'not better',
  worse: 'worse',
  undecided: 'undecided',
};

/** Good or bad for the version that the page is about: that an older one is worse is good for the champion. */
function verdictOf({ verdict, challenger }: VersionComparison, subject: number): Status {
  const isOwn = challenger === subject;
  const word = `v${challenger} ${words[verdict]}`;
  if (verdict === 'undecided') return { tone: 'wait', word };
  if (verdict === 'not-better') return { tone: 'idle', word };
  return (verdict === 'better') === isOwn ? { tone: 'ok', word } : { tone: isOwn ? 'bad' : 'warn', word };
}

function Compared({
  found,
  subject,
  incumbent,
}: {
  found: VersionComparison;
  subject: number;
  incumbent: Arm;
}): ReactElement {
  const figures = comparedFigures(found);
  return (
    <>
      <div className="padded stack">
        <p className="sm">
          <StatusBadge state={verdictOf(found, subject)} /> v{found.challenger} against v{found.champion}:{' '}
          {found.sentence}
        </p>
        <p className="xs t3">
          {count(found.count)} predictions
          {found.task === 'binary' && `, ${count(found.positives)} with a true outcome`}, at {found.endpoint} up to{' '}
          {day(found.to)}
        </p>
      </div>
      <div className="scroll" tabIndex={0}>
        <table className="tbl" aria-label="Scores of both versions on the same predictions">
          <thead>
            <tr>
              <th scope="col">Measure</th>
              <th scope="col" className="num">
                <ArmMark arm="challenger" /> v{found.challenger}
              </th>
              <th scope="col" className="num">
                <ArmMark arm={incumbent} /> v{found.champion}
              </th>
              <th scope="col" className="num">
                Difference
              </th>
            </tr>
          </thead>
          <tbody>
            {figures.map(({ name, champion, challenger, write, writeChange }) => (
              <tr key={name}>
                <td>{name}</td>
                <td className="num m">{write(challenger)}</td>
                <td className="num t2">{write(champion)}</td>
                <td className="num">{writeChange(challenger - champion)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div className="padded stack">
        <p className="xs t3">
          Differences with 95 % intervals; the line is zero, each on its own scale. Higher is better for AUC, accuracy
          and coverage, lower for losses and errors.
        </p>
        {figures.flatMap(({ name, difference, byDay, writeChange }) => [
          ...(difference === undefined
            ? []
            : [<Difference key={name} name={`${name}, by row`} estimate={difference} write={writeChange} />]),
          ...(byDay === undefined
            ? []
            : [
                <Difference
                  key={`${name} by day`}
                  name={`${name}, days kept together`}
                  estimate={byDay}
                  write={writeChange}
                />,
              ]),
        ])}
        {found.warnings.map((warning) => (
          <p className="xs t2" key={warning}>
            Mind: {warning}.
          </p>
        ))}
      </div>
    </>
  );
}

const middle = 50;

/** A difference with its 95 % interval against zero, each on a scale of its own. */
function Difference({
  name,
  estimate,
  write,
}: {
  name: string;
  estimate: NonNullable<ComparedFigure['difference']>;
  write: ComparedFigure['writeChange'];
}): ReactElement {
  const { value, low, high } = estimate;
  const reach = Math.max(Math.abs(value), Math.abs(low ?? 0), Math.abs(high ?? 0)) * 1.15 || 1;
  const at = (v: number): string => `${middle + (v / reach) * middle}%`;
  return (
    <div>
      <div className="row between sm">
        <span>{name}</span>
        <span className="t2">
          {write(value)}{' '}
          {low === null || high === null ? 'no interval: too few days' : `(${write(low)} to ${write(high)})`}
        </span>
      </div>
      <svg className="forest" aria-hidden="true">
        <line className="zero" x1={at(0)} x2={at(0)} y1="2" y2="24" />
        {low !== null && high !== null && <line className="span" x1={at(low)} x2={at(high)} y1="13" y2="13" />}
        <circle className="point" cx={at(value)} cy="13" r="4" />
      </svg>
    </div>
  );
}
