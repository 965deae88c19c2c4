/** The values of a step's inputs when it starts: parameters, earlier outputs, pinned dataset versions, and where their bytes lie. */
import assert from 'node:assert/strict';
import type { ArtifactRef, GraphNode, GraphSource, PinnedDataset, StepOutput } from '@slipway/contract';
import { datasetRef } from 'slipway';
import { z } from 'zod';
import type { Objects } from '../../platform/objects/objects.ts';
import type { InputValue } from './cache-key.ts';
import type { DatasetPort } from './ports.ts';
import type { StepTask } from './step-task.ts';

export interface RunValues {
  readonly params: Readonly<Record<string, unknown>>;
  readonly datasets: readonly PinnedDataset[];
  /** Outputs of the steps that have succeeded. */
  readonly outputs: ReadonlyMap<string, Readonly<Record<string, StepOutput>>>;
}

export function inputValues(node: GraphNode, values: RunValues): Record<string, InputValue> {
  return Object.fromEntries(
    Object.entries(node.inputs).map(([name, source]) => [
      name,
      'list' in source ? { list: source.list.map((s) => valueOf(s, values)) } : valueOf(source, values),
    ]),
  );
}

function valueOf(source: GraphSource, values: RunValues): StepOutput {
  if ('value' in source) return { value: source.value };
  // An optional parameter that was not given is null.
  if ('parameter' in source) return { value: z.json().parse(values.params[source.parameter] ?? null) };
  if ('dataset' in source) {
    const pinned = values.datasets.find((d) => d.ref === source.dataset);
    assert(pinned, `dataset ${source.dataset} was pinned when the run started`);
    return { artifact: artifactOfDataset(pinned) };
  }
  assert('step' in source, 'a list holds no lists');
  const output = values.outputs.get(source.step)?.[source.output];
  assert(output, `step ${source.step} succeeded with an output ${source.output}`);
  return output;
}

/** `flights@latest/2013-01.parquet` pinned to version 3 is `flights@3/2013-01.parquet`. */
export function pinnedRef(pinned: PinnedDataset): string {
  const slash = pinned.ref.indexOf('/');
  return `${pinned.dataset}@${pinned.number}${slash < 0 ? '' : pinned.ref.slice(slash)}`;
}

function artifactOfDataset(pinned: PinnedDataset): ArtifactRef {
  return {
    kind: 'dataset',
    name: pinned.dataset,
    digest: pinned.digest,
    sizeBytes: 0,
    meta: { ref: pinnedRef(pinned), dataset: pinned.dataset, version: pinned.number },
  };
}

const artifactsOf = (value: InputValue): ArtifactRef[] => {
  if ('list' in value) return value.list.flatMap((item) => ('artifact' in item ? [item.artifact] : []));
  return 'artifact' in value ? [value.artifact] : [];
};

/** Local files for everything that the step may read. */
export async function locate(
  inputs: Readonly<Record<string, InputValue>>,
  from: { readonly objects: Objects; readonly datasets: DatasetPort },
): Promise<Pick<StepTask, 'files' | 'datasets'>> {
  const files: StepTask['files'] = {};
  const datasets: StepTask['datasets'] = {};
  for (const artifact of Object.values(inputs).flatMap(artifactsOf)) {
    if (artifact.kind !== 'dataset') {
      files[artifact.digest] ??= await from.objects.path(artifact.digest);
      continue;
    }
    const ref = datasetRef(artifact);
    const found = await from.datasets.resolve(ref);
    const { dataset, number: version, digest, paths, relation } = found;
    datasets[ref] ??= { dataset, version, digest, paths: [...paths], relation };
  }
  return { files, datasets };
}
