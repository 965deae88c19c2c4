/** Who read a dataset version: asked of the modules that keep such things. */
import { datasetReadersMax } from '@slipway/contract';
import type { FindReaders } from '../modules/data/index.ts';
import type { Modules } from './modules.ts';

type Lists = 'pipelineRuns' | 'trainingRuns' | 'modelVersions' | 'validations';

export function createDatasetReaders({
  pipelines,
  registry,
  quality,
}: Pick<Modules, 'pipelines' | 'registry' | 'quality'>): FindReaders {
  return async ({ id, dataset, number, digest }) => {
    // One more than is shown says whether there are more.
    const limit = datasetReadersMax + 1;
    const [{ runs, trackingRuns }, versions, validations] = await Promise.all([
      pipelines.readersOf(id, limit),
      registry.versionsTrainedOn({ dataset, number, digest }, limit),
      quality.validationsOf(id, limit),
    ]);
    const found: Readonly<Record<Lists, readonly unknown[]>> = {
      pipelineRuns: runs,
      trainingRuns: trackingRuns,
      modelVersions: versions,
      validations,
    };
    const names: readonly Lists[] = ['pipelineRuns', 'trainingRuns', 'modelVersions', 'validations'];
    return {
      pipelineRuns: runs.slice(0, datasetReadersMax).map((run) => ({
        id: run.id,
        pipeline: run.pipeline,
        state: run.state,
        startedAt: run.startedAt,
        ...(run.reason === undefined ? {} : { reason: run.reason }),
      })),
      trainingRuns: trackingRuns.slice(0, datasetReadersMax),
      modelVersions: versions
        .slice(0, datasetReadersMax)
        .map(({ model, number: version, aliases, createdAt }) => ({ model, number: version, aliases, createdAt })),
      validations: validations
        .slice(0, datasetReadersMax)
        .map(({ id: validation, suite, success, evaluated, failed, warnings, createdAt }) => ({
          id: validation,
          suite,
          success,
          evaluated,
          failed,
          warnings,
          createdAt,
        })),
      hasMore: names.filter((name) => found[name].length > datasetReadersMax),
    };
  };
}
