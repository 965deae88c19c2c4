/** Training sets inside a step: the feature set's definition comes from the server, the join runs here. */
import type { Client, FeatureBuilding, StepContext } from 'slipway';
import type { Analytics } from '../../platform/analytics/analytics.ts';

export function createStepFeatures(from: {
  readonly client: Client;
  readonly dataset: StepContext['dataset'];
  readonly analytics: Analytics;
}): FeatureBuilding {
  return {
    buildTrainingSet: async (request) => {
      // The one module that runs in steps too: its engine must be the one that serves. Loaded by steps that need it.
      const { buildTrainingSet } = await import('../features/index.ts');
      const { definition } = await from.client.featureSets.get({ params: { set: request.set } });
      const tables = Object.entries(request.tables).map(
        ([name, artifact]) => [name, { sql: from.dataset(artifact).relation }] as const,
      );
      return buildTrainingSet({
        definition,
        service: request.service,
        tables: Object.fromEntries(tables),
        outFile: request.outFile,
        labelKnownBeforeMs: request.labelKnownBeforeMs,
        paritySample: request.paritySample,
        withOwnColumns: request.withOwnColumns,
        warmUpMs: request.warmUpMs,
        analytics: from.analytics,
      });
    },
  };
}
