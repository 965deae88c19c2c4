/** Foreign protocols over the modules, and the paths that are taken before the framework. */
import type { ForeignProtocol, HotPaths } from '../platform/http/foreign.ts';
import { mlflowProtocol } from '../compat/mlflow/index.ts';
import { mlflowScoringProtocol } from '../compat/mlflow-scoring/index.ts';
import { createInferPath, openInferenceProtocol } from '../compat/open-inference/index.ts';
import { createHotPaths, createPredictPath, createScoringPort } from '../modules/serving/index.ts';
import type { Histogram } from '../platform/telemetry/metrics.ts';
import { version } from '../version.ts';
import type { Modules } from './modules.ts';
import type { Platform } from './platform.ts';

/** Upper bounds, seconds. */
const predictionBuckets = [0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1];

/** Endpoint names come from requests, so there is a bound. */
const seriesMax = 500;

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
    hot: createHotPaths(
      {
        scoring,
        clock,
        series: createSeries(seconds),
        report: (error) => log.error('a prediction failed', { error }),
      },
      [createPredictPath(scoring), createInferPath(scoring)],
    ),
  };
}

/** Series by endpoint and status, looked up once each. */
function createSeries(seconds: Histogram): (endpoint: string, status: number) => (took: number) => void {
  const known = new Map<string, (took: number) => void>();
  return (endpoint, status) => {
    const key = `${status} ${endpoint}`;
    const series = known.get(key) ?? seconds.series({ endpoint, status: String(status) });
    if (known.size < seriesMax) known.set(key, series);
    return series;
  };
}
