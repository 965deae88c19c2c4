/** Foreign protocols over the modules, and the paths that are taken before the framework. */
import type { ForeignProtocol, HotPaths } from '../platform/http/foreign.ts';
import { mlflowProtocol } from '../compat/mlflow/index.ts';
import { mlflowScoringProtocol } from '../compat/mlflow-scoring/index.ts';
import { createHotPaths, openInferenceProtocol } from '../compat/open-inference/index.ts';
import { createScoringPort } from '../modules/serving/index.ts';
import { version } from '../version.ts';
import type { Modules } from './modules.ts';
import type { Platform } from './platform.ts';

/** Upper bounds, seconds. */
const predictionBuckets = [0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1];

export interface Protocols {
  readonly protocols: readonly ForeignProtocol[];
  readonly hot: HotPaths;
}

export function createProtocols(platform: Platform, modules: Modules): Protocols {
  const { clock, log, metrics, objects } = platform;
  const scoring = createScoringPort(modules.serving);
  const seconds = metrics.histogram(
    'slipway_prediction_seconds',
    'Time from the first byte of a prediction request to its answer.',
    predictionBuckets,
  );
  return {
    protocols: [
      mlflowProtocol({ tracking: modules.tracking, registry: modules.registry, objects }),
      mlflowScoringProtocol({
        scoring,
        signature: async (model, number) => (await modules.registry.getVersion(model, number)).signature,
      }),
      openInferenceProtocol({ scoring, version }),
    ],
    hot: createHotPaths({
      scoring,
      now: () => clock.monotonic(),
      observe: (endpoint, status, took) => seconds.observe({ endpoint, status: String(status) }, took),
      report: (error) => log.error('a prediction failed', { error }),
    }),
  };
}
