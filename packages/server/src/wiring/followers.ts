/**
 * What came of a thing, for `slipway why --onward`: bytes to dataset versions, to the pipeline runs that read them, to the
 * tracked runs and model versions that they made, to the deployments that answered with those. Titles and facts are those
 * of the explainers.
 */
import type { Endpoint } from '@slipway/contract';
import { datasetReadersMax } from '@slipway/contract';
import type { Explain, Reference } from '../modules/governance/index.ts';
import { existing } from './existing.ts';
import { createExplainers } from './explainers.ts';
import type { Modules } from './modules.ts';
import type { Platform } from './platform.ts';

/** Of each list that is followed; the walk itself has its own bounds. */
const followedMax = datasetReadersMax;

type Follow = (id: string) => Promise<readonly Reference[]>;

export function createFollowers(platform: Platform, modules: Modules): Readonly<Record<string, Explain>> {
  const explainers = createExplainers(platform, modules);
  const onward = (kind: string, follow: Follow): [string, Explain] => [
    kind,
    async (id) => {
      const found = await explainers[kind]?.(id);
      return found && { ...found, because: await follow(id) };
    },
  ];
  return {
    file: (digest) => explainFile(modules, digest),
    ...Object.fromEntries([
      onward('dataset-version', (id) => ofDatasetVersion(modules, id)),
      onward('pipeline-run', (id) => ofPipelineRun(modules, id)),
      onward('run', (id) => ofRun(modules, id)),
      onward('version', (id) => ofVersion(modules, id)),
      onward('deployment', async () => []),
    ]),
  };
}

async function explainFile({ data }: Modules, digest: string): ReturnType<Explain> {
  const versions = await data.versionsWith(digest, followedMax);
  const [newest] = versions;
  if (newest === undefined) return undefined;
  return {
    title: `file ${newest.file}`,
    facts: { digest, bytes: newest.sizeBytes },
    because: versions.map((v) => ({ kind: 'dataset-version', id: `${v.dataset}@${v.number}` })),
  };
}

async function ofDatasetVersion({ data, pipelines, registry }: Modules, id: string): Promise<readonly Reference[]> {
  const { id: version, dataset, number, digest } = await data.resolve(id);
  const [{ runs }, versions] = await Promise.all([
    pipelines.readersOf(version, followedMax),
    registry.versionsTrainedOn({ dataset, number, digest }, followedMax),
  ]);
  return [
    ...runs.map((run) => ({ kind: 'pipeline-run', id: run.id })),
    // Those of the runs come with them.
    ...versions
      .filter((v) => !runs.some((run) => run.id === v.lineage.pipelineRun))
      .map((v) => ({ kind: 'version', id: `${v.model}/${v.number}` })),
  ];
}

/** Of its tracked runs those that made a model version: the others end there. */
async function ofPipelineRun(modules: Modules, id: string): Promise<readonly Reference[]> {
  const run = await existing(modules.pipelines.getRun(id));
  const tracked = run?.steps.flatMap((step) => (step.runId === undefined ? [] : [step.runId])) ?? [];
  const made = await Promise.all(tracked.map((one) => ofRun(modules, one)));
  return tracked.filter((_, i) => (made[i]?.length ?? 0) > 0).map((one) => ({ kind: 'run', id: one }));
}

async function ofRun({ registry }: Modules, runId: string): Promise<readonly Reference[]> {
  const { items } = await registry.searchVersions({ runId, limit: followedMax });
  return items.map((v) => ({ kind: 'version', id: `${v.model}/${v.number}` }));
}

/** Deployments that sent it traffic, also in its shadow, newest first. */
async function ofVersion({ registry, serving }: Modules, id: string): Promise<readonly Reference[]> {
  const version = id.startsWith('mdv_') ? await registry.findVersionById(id) : await existing(registry.resolve(id));
  if (version === undefined) return [];
  const endpoints = await endpointsOf(serving, version.model);
  const lists = await Promise.all(endpoints.map(({ name }) => serving.deployments(name, { limit: followedMax })));
  return lists
    .flatMap(({ items }) => items)
    .filter((d) => d.shadow === version.number || d.traffic.some((arm) => arm.version === version.number))
    .map((d) => ({ kind: 'deployment', id: d.id }));
}

async function endpointsOf(serving: Modules['serving'], model: string): Promise<readonly Endpoint[]> {
  const found: Endpoint[] = [];
  let pageToken: string | undefined;
  do {
    const page = await serving.list({ limit: followedMax, pageToken });
    found.push(...page.items.filter((endpoint) => endpoint.spec.model === model));
    pageToken = page.nextPageToken;
  } while (pageToken !== undefined);
  return found;
}
