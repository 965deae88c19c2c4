/** Training sets inside a step: the feature set's definition comes from the server, the join runs here. */
import type { Client, FeatureBuilding, StepContext } from 'slipway';
import type { Analytics } from '../../platform/analytics/analytics.ts';

export function createStepFeatures(_from: {
  readonly client: Client;
  readonly dataset: StepContext['dataset'];
  readonly analytics: Analytics;
}): FeatureBuilding {
  return {
    buildTrainingSet: () => Promise.reject(new Error('this server has no feature sets')),
  };
}
