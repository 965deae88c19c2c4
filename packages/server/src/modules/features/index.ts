/** The door of the features module: definitions, the online state, reading, training sets. */
import { featuresRoutes } from '@slipway/contract';
import type { Binding } from '../../platform/http/binding.ts';
import { bind } from '../../platform/http/binding.ts';
import type { Features } from './service.ts';

export type { Definition } from './definition.ts';
export { parseDefinition, parseDefinitionText } from './definition.ts';
export type { Parity, ParityExample } from './parity.ts';
export type { FeatureReader, Features, FeaturesDeps } from './service.ts';
export { createFeatures } from './service.ts';
export { featureSetKind, featuresStore } from './store.ts';
export type { TableInput, TrainingSet, TrainingSetInput } from './training-set.ts';
export { buildTrainingSet } from './training-set.ts';

export function featuresBinding(features: Features): Binding {
  return bind(featuresRoutes, {
    'featureSets.list': ({ query }) => features.list(query),
    'featureSets.get': ({ params }) => features.get(params.set),
    'featureSets.push': ({ params, body }) => features.push({ ...params, ...body }),
    'featureSets.backfill': ({ params, body }, { actor }) => features.backfill({ ...params, ...body, actor }),
    'featureSets.feed': async ({ params, body }) => {
      await features.feed({ ...params, ...body });
      return { fedUntil: body.until };
    },
    'featureSets.requests': ({ params, body }) => features.requests({ ...params, ...body }),
    'featureSets.read': ({ params, body }) => features.read({ ...params, ...body }),
    'featureSets.parity': ({ params, body }) => features.parity({ ...params, ...body }),
  });
}
