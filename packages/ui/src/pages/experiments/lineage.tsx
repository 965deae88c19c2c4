/** What a run came from and what came of it, as links. */
import type { ModelVersion, Run } from '@slipway/contract';
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import { useAsk } from '../../api/queries.ts';
import type { Pair } from '../../components/layout.tsx';
import { to } from '../../frame/places.ts';
import { short } from '../../words.ts';
import { CopyId } from './copy-id.tsx';

export function lineageOf(run: Run, versions: readonly ModelVersion[]): readonly Pair[] {
  const pipelineRun = run.tags['slipway.pipelineRun'];
  const step = run.tags['slipway.step'];
  return [
    {
      name: 'Experiment',
      value: (
        <Link dir="auto" to={`${to.experiments}?experiment=${encodeURIComponent(run.experiment)}`}>
          {run.experiment}
        </Link>
      ),
    },
    ...(pipelineRun === undefined
      ? []
      : [
          {
            name: step === undefined ? 'Pipeline run' : 'Made by',
            value: (
              <Link
                to={`${to.pipelineRun(pipelineRun)}${step === undefined ? '' : `?step=${encodeURIComponent(step)}`}`}
              >
                {step === undefined ? short(pipelineRun) : `step ${step} of ${short(pipelineRun)}`}
              </Link>
            ),
          },
        ]),
    ...listed(
      'Data',
      run.datasets.map((d) => <Input key={`${d.name} ${d.digest}`} name={d.name} digest={d.digest} />),
    ),
    ...listed(
      'Registered as',
      versions.map((v) => (
        <Link key={v.id} to={to.version(v.model, v.number)}>
          {v.model} v{v.number}
        </Link>
      )),
    ),
    ...listed(
      'Models read',
      run.modelInputs.map((id) => <CopyId key={id} id={id} noun="model" />),
    ),
    ...listed(
      'Models made',
      run.modelOutputs.map(({ model }) => <CopyId key={model} id={model} noun="model" />),
    ),
  ];
}

/** Nothing for none, else one line each under one name. */
const listed = (name: string, items: readonly ReactElement[]): readonly Pair[] =>
  items.length === 0 ? [] : [{ name, value: <span className="col">{items}</span> }];

/** Scripts name inputs as they like: only what this server keeps is a link. */
function Input({ name, digest }: { name: string; digest: string }): ReactElement {
  const datasets = useAsk('datasets.list', { query: { limit: 200 } });
  const isKept = datasets.data?.items.some((d) => d.name === name) === true;
  return (
    <span>
      {isKept ? <Link to={to.dataset(name)}>{name}</Link> : <span dir="auto">{name}</span>}{' '}
      <code className="t3" title={digest}>
        {short(digest)}
      </code>
    </span>
  );
}
