/** The chain from a thing to the bytes and the commit that it came from: every link with its facts. */
import type { Reason } from '@slipway/contract';
import type { ReactElement } from 'react';
import { Link, useParams } from 'react-router';
import { useAsk } from '../../api/queries.ts';
import type { IconName } from '../../components/icon.tsx';
import { Icon } from '../../components/icon.tsx';
import { PageHead, Panel } from '../../components/layout.tsx';
import { EmptyState, Loaded } from '../../components/states.tsx';
import { to } from '../../frame/places.ts';
import { useView } from '../../frame/view.tsx';
import { plural, short } from '../../words.ts';
import './why.css';

type Kind = 'prediction' | 'version' | 'run' | 'dataset-version' | 'deployment' | 'pipeline-run' | 'rollout' | 'alert';
const kinds: readonly Kind[] = [
  'prediction',
  'version',
  'run',
  'dataset-version',
  'deployment',
  'pipeline-run',
  'rollout',
  'alert',
];

const icons: Readonly<Record<string, IconName>> = {
  prediction: 'endpoint',
  version: 'model',
  run: 'exp',
  'dataset-version': 'data',
  deployment: 'endpoint',
  'pipeline-run': 'pipeline',
  rollout: 'branch',
  alert: 'bell',
  file: 'doc',
  event: 'ledger',
};

export function Page(): ReactElement {
  const { kind: given = '', '*': rest = '' } = useParams();
  const kind = kinds.find((k) => k === given);
  if (kind === undefined)
    return <EmptyState title={`"${given}" cannot be explained`}>Known are {kinds.join(', ')}.</EmptyState>;
  return <Chain kind={kind} id={decodeURIComponent(rest)} />;
}

function Chain({ kind, id }: { kind: Kind; id: string }): ReactElement {
  const reason = useAsk('why.get', { params: { kind, id } });
  useView(`slipway why ${kind} ${id}`, 'why.get', { params: { kind, id } });
  return (
    <>
      <PageHead
        title={`Why ${kind.replace('-', ' ')} ${short(id)}`}
        sentence={reason.data === undefined ? 'Where it came from, link by link.' : sentenceOf(reason.data)}
      />
      <Panel title="The chain" caption="what each thing was made of, down to digests and the commit">
        <Loaded query={reason} lines={10}>
          {(data) => (
            <ul className="chain">
              <LinkOf reason={data} />
            </ul>
          )}
        </Loaded>
      </Panel>
    </>
  );
}

function sentenceOf(reason: Reason): string {
  const all = flatten(reason);
  const datasets = new Set(all.filter((r) => r.kind === 'dataset-version').map((r) => r.title));
  const commit = all.map((r) => r.facts['commit']).find((c) => typeof c === 'string');
  const parts = [
    `${plural(all.length, 'link')} to the origin`,
    ...(datasets.size === 0 ? [] : [`${plural(datasets.size, 'dataset version')}`]),
    ...(typeof commit === 'string' ? [`code at commit ${commit.slice(0, 10)}`] : []),
  ];
  return `${parts.join(', ')}.`;
}

const flatten = (reason: Reason): Reason[] => [reason, ...reason.because.flatMap(flatten)];

function placeOf({ kind, id }: Reason): string | undefined {
  if (kind === 'version') {
    const cut = id.lastIndexOf('/');
    return cut > 0 ? to.version(id.slice(0, cut), id.slice(cut + 1)) : undefined;
  }
  if (kind === 'dataset-version') {
    const cut = id.lastIndexOf('@');
    return cut > 0 ? to.dataset(id.slice(0, cut), id.slice(cut + 1)) : undefined;
  }
  if (kind === 'run') return to.run(id);
  if (kind === 'pipeline-run') return to.pipelineRun(id);
  if (kind === 'rollout') return to.rollout(id);
  return undefined;
}

function LinkOf({ reason }: { reason: Reason }): ReactElement {
  const place = placeOf(reason);
  const facts = Object.entries(reason.facts).filter(([, value]) => value !== null);
  return (
    <li>
      <details open>
        <summary>
          <Icon name={icons[reason.kind] ?? 'link'} />
          <b>{reason.title}</b>
        </summary>
        {place !== undefined && (
          <Link className="open" to={place}>
            Open {reason.kind.replace('-', ' ')}
          </Link>
        )}
        {facts.length > 0 && (
          <dl className="kv">
            {facts.map(([name, value]) => (
              <Fact key={name} name={name} value={String(value)} />
            ))}
          </dl>
        )}
        {reason.because.length > 0 && (
          <ul>
            {reason.because.map((cause, i) => (
              <LinkOf key={`${cause.kind} ${cause.id} ${i}`} reason={cause} />
            ))}
          </ul>
        )}
      </details>
    </li>
  );
}

function Fact({ name, value }: { name: string; value: string }): ReactElement {
  const isMono = /sha256:|^[0-9a-f]{40}$|^\{|=/.test(value);
  return (
    <>
      <dt>{name}</dt>
      <dd className={isMono ? 'mono' : ''}>{value}</dd>
    </>
  );
}
