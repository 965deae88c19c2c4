/** Inputs and outputs of steps, with links to where each value came from and to its bytes. */
import type { ArtifactRef, GraphSource, PipelineRunDetail, StepOutput, StepRun } from '@slipway/contract';
import type { ReactElement, ReactNode } from 'react';
import { Link } from 'react-router';
import { pathOf } from '../../api/client.ts';
import { placeOfId, to } from '../../frame/places.ts';
import { bytes, count, short } from '../../words.ts';

/** An id becomes a link, a number gets its thin spaces, anything else is its JSON. */
export function Value({ value }: { value: unknown }): ReactElement {
  if (value === undefined) return <span className="t3">not set</span>;
  if (typeof value === 'string') {
    const place = placeOfId(value);
    if (place === undefined) return <span className="mono">{short(value)}</span>;
    return (
      <Link className="mono" to={place} title={value}>
        {short(value)}
      </Link>
    );
  }
  if (typeof value === 'number') return <>{Number.isInteger(value) ? count(value) : Number(value.toPrecision(4))}</>;
  return <code>{JSON.stringify(value)}</code>;
}

interface SourceProps {
  readonly source: GraphSource;
  readonly run?: PipelineRunDetail | undefined;
  readonly linkTo: (step: string) => string;
}

/** Where an input comes from; in a run also what it was. */
export function Source({ source, run, linkTo }: SourceProps): ReactElement {
  if ('value' in source) return <Value value={source.value} />;
  if ('parameter' in source) {
    return (
      <>
        <span className="t3">parameter {source.parameter}</span>
        {run !== undefined && (
          <>
            {' '}
            <Value value={run.params[source.parameter]} />
          </>
        )}
      </>
    );
  }
  if ('dataset' in source) {
    const pinned = run?.datasets.find((d) => d.ref === source.dataset);
    if (pinned === undefined) return <span>dataset {source.dataset}</span>;
    return (
      <Link to={to.dataset(pinned.dataset, pinned.number)} title={pinned.digest}>
        {pinned.dataset}@{pinned.number}
      </Link>
    );
  }
  if ('list' in source) {
    return (
      <ul>
        {source.list.map((one, i) => (
          <li key={i}>
            <Source source={one} run={run} linkTo={linkTo} />
          </li>
        ))}
      </ul>
    );
  }
  const made = run?.steps.find((s) => s.step === source.step)?.outputs[source.output];
  return (
    <>
      <Link to={linkTo(source.step)} preventScrollReset>
        {source.step}
      </Link>{' '}
      <span className="t3">{source.output}</span>
      {made !== undefined && 'artifact' in made && <Digest digest={made.artifact.digest} />}
    </>
  );
}

const Digest = ({ digest }: { digest: string }): ReactElement => (
  <span className="mono t3" title={digest}>
    {' '}
    {short(digest)}
  </span>
);

interface OutputProps {
  readonly run: string;
  readonly step: StepRun;
  readonly name: string;
  readonly output: StepOutput;
}

export function Output({ run, step, name, output }: OutputProps): ReactElement {
  if ('value' in output) return <Value value={output.value} />;
  const { artifact } = output;
  const href = pathOf('pipelineRuns.artifact', { params: { run, step: step.step, output: name } });
  return (
    <>
      {artifact.kind === 'dataset' ? (
        artifact.name
      ) : (
        <a href={href} download={artifact.name}>
          {artifact.name}
        </a>
      )}{' '}
      <span className="t3">
        {artifact.kind}, {bytes(artifact.sizeBytes)}
      </span>
      <Digest digest={artifact.digest} />
      <Meta artifact={artifact} />
    </>
  );
}

/** The plain facts that the step noted beside its bytes. */
function Meta({ artifact }: { artifact: ArtifactRef }): ReactNode {
  const facts = Object.entries(artifact.meta ?? {}).filter(
    ([, value]) => typeof value === 'number' || typeof value === 'string',
  );
  if (facts.length === 0) return null;
  return (
    <span className="row wrap pl-meta">
      {facts.map(([key, value]) => (
        <span key={key}>
          <span className="t3">{key}</span> <Value value={value} />
        </span>
      ))}
    </span>
  );
}
