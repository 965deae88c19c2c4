/** From the data to the traffic, in one line; each box is fixed by its digest and leads to its page. */
import type { Endpoint, ModelVersion } from '@slipway/contract';
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import { Icon } from '../../components/icon.tsx';
import { Panel } from '../../components/layout.tsx';
import { to } from '../../frame/places.ts';
import { short } from '../../words.ts';

interface Box {
  readonly kind: string;
  readonly name: string;
  readonly below: string;
  readonly href?: string | undefined;
  readonly isHere?: boolean;
}

export function LineageChain({
  version,
  endpoints,
}: {
  version: ModelVersion;
  endpoints: readonly Endpoint[];
}): ReactElement {
  const boxes = [...causesOf(version), here(version), ...effectsOf(version, endpoints)];
  return (
    <Panel
      title="Where it comes from"
      caption={
        boxes.length > 1
          ? 'from the data to the traffic; Full lineage has every link'
          : 'its registration says nothing of it'
      }
      actions={<Link to={to.why('version', `${version.model}/${version.number}`)}>Full lineage</Link>}
      flush
    >
      {/* Focusable, so that it can be scrolled with the keys. */}
      <ol className="lin" tabIndex={0} aria-label="Lineage">
        {boxes.map((box, i) => (
          <li key={`${box.kind} ${box.name}`}>
            <BoxOf box={box} />
            {i < boxes.length - 1 && <Icon name="arrow" small />}
          </li>
        ))}
      </ol>
    </Panel>
  );
}

function BoxOf({ box }: { box: Box }): ReactElement {
  const inside = (
    <>
      <span>{box.kind}</span>
      <b>{box.name}</b>
      <span className="mono">{box.below}</span>
    </>
  );
  if (box.href !== undefined) {
    return (
      <Link className="box" to={box.href}>
        {inside}
      </Link>
    );
  }
  return (
    <div className={box.isHere === true ? 'box here' : 'box'} aria-current={box.isHere === true ? 'page' : undefined}>
      {inside}
    </div>
  );
}

function causesOf({ lineage, runId }: ModelVersion): readonly Box[] {
  const { datasetVersions = [], featureService, trainingSetDigest, pipelineRun, commit, codeDigest } = lineage;
  const code = commit === undefined ? codeDigest : `commit ${commit.slice(0, 7)}`;
  return [
    ...datasetVersions.map(({ dataset, number, digest }) => ({
      kind: 'dataset version',
      name: `${dataset}@${number}`,
      below: short(digest),
      href: to.dataset(dataset, number),
    })),
    ...(featureService === undefined
      ? []
      : [
          {
            kind: 'feature service',
            name: `${featureService.set}/${featureService.service}`,
            below: short(featureService.digest),
            href: to.featureSet(featureService.set),
          },
        ]),
    ...(trainingSetDigest === undefined
      ? []
      : [{ kind: 'training set', name: 'rows as they were', below: short(trainingSetDigest) }]),
    ...(pipelineRun === undefined
      ? []
      : [
          {
            kind: 'pipeline run',
            name: short(pipelineRun),
            below: code === undefined ? '' : short(code),
            href: to.pipelineRun(pipelineRun),
          },
        ]),
    ...(runId === undefined
      ? []
      : [{ kind: 'run', name: lineage.step ?? 'run', below: short(runId), href: to.run(runId) }]),
  ];
}

const here = ({ model, number, artifactDigest }: ModelVersion): Box => ({
  kind: 'model version',
  name: `${model} v${number}`,
  below: artifactDigest === undefined ? 'no files' : short(artifactDigest),
  isHere: true,
});

const effectsOf = ({ number }: ModelVersion, endpoints: readonly Endpoint[]): readonly Box[] =>
  endpoints.flatMap(({ name, deployment }) => {
    const share = deployment?.traffic.find((t) => t.version === number);
    if (deployment === undefined || share === undefined) return [];
    return [
      {
        kind: 'deployment',
        name: `${name} d-${deployment.number}`,
        below: `${share.percent} % of traffic`,
        href: to.endpoint(name),
      },
    ];
  });
