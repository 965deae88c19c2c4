/** A server with the scoring protocols over real models and a real prediction log, without the registry around them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Deployment, ModelSignature } from '@slipway/contract';
import { EndpointSpec, SlipwayError } from '@slipway/contract';
import type { EndpointRuntime } from '../../modules/serving/endpoint-runtime.ts';
import { createArm, predict } from '../../modules/serving/endpoint-runtime.ts';
import { createHotPaths, createPredictPath, createScoringPort } from '../../modules/serving/index.ts';
import type { FeatureReader } from '../../modules/serving/ports.ts';
import { openPredictionLog } from '../../modules/serving/prediction-log.ts';
import { createScorer } from '../../modules/serving/scorer.ts';
import { createAuth } from '../../platform/auth/auth.ts';
import { authStore } from '../../platform/auth/store.ts';
import { createSystemClock } from '../../platform/clock.ts';
import { openTestDb, testLog } from '../../platform/db/testing.ts';
import { noHotPaths } from '../../platform/http/foreign.ts';
import { createHttpServer } from '../../platform/http/server.ts';
import { createIds } from '../../platform/ids.ts';
import { createMetrics } from '../../platform/telemetry/metrics.ts';
import { createTraces } from '../../platform/telemetry/traces.ts';
import { mlflowScoringProtocol } from '../mlflow-scoring/index.ts';
import { createInferPath, openInferenceProtocol } from './index.ts';

export interface TestModel {
  readonly endpoint: string;
  /** ONNX file; undefined for an endpoint without a deployment. */
  readonly file: Uint8Array | undefined;
  readonly features?: FeatureReader;
  /** As the model was registered; protocols that know types check against it. */
  readonly signature?: ModelSignature;
}

export interface ScoringServer extends AsyncDisposable {
  readonly url: string;
  readonly endpoint: (name: string) => EndpointRuntime;
  readonly metricsText: () => string;
}

export interface ScoringServerOptions {
  readonly models: readonly TestModel[];
  /** False mounts the routes alone: the same requests then go through the framework. */
  readonly isHot: boolean;
  /** False wants a token of every request. */
  readonly trustLoopback?: boolean;
}

export async function startScoringServer(options: ScoringServerOptions): Promise<ScoringServer> {
  const clock = createSystemClock();
  const log = testLog();
  const ids = createIds(clock);
  const folder = mkdtempSync(join(tmpdir(), 'slipway-scoring-'));
  const { db, close } = await openTestDb({ modules: [authStore], clock, log });
  const runtimes = new Map<string, EndpointRuntime>();
  for (const model of options.models) runtimes.set(model.endpoint, createRuntime(model, { folder, clock, log }));
  const mustRuntime = (name: string): EndpointRuntime => {
    const runtime = runtimes.get(name);
    if (runtime === undefined) throw new SlipwayError('not_found', { noun: 'endpoint', name, remedy: '' });
    return runtime;
  };
  const scoring = createScoringPort({
    runtime: mustRuntime,
    predict: (name, instances) => predict(mustRuntime(name), instances, { clock, ids }),
    settled: async () => undefined,
  });
  const signatures = new Map(options.models.map((model) => [model.endpoint, model.signature]));
  const signature = async (model: string): Promise<ModelSignature | undefined> => signatures.get(model);
  const metrics = createMetrics();
  const seconds = metrics.histogram('prediction_seconds', 'Time to answer a prediction.', [0.001, 0.01]);
  const traces = createTraces({ endpoint: undefined, clock, log });
  const hotDeps = {
    scoring,
    clock,
    series: (endpoint: string, status: number) => seconds.series({ endpoint, status: String(status) }),
    report: (error: unknown) => log.error('prediction failed', { error }),
  };
  const hot = createHotPaths(hotDeps, [createPredictPath(scoring), createInferPath(scoring)]);
  const http = await createHttpServer({
    bindings: [],
    protocols: [openInferenceProtocol({ scoring, version: '0.0.0' }), mlflowScoringProtocol({ scoring, signature })],
    hot: options.isHot ? hot : noHotPaths,
    auth: createAuth({ db, clock, trustLoopback: options.trustLoopback ?? true, allowedHosts: [] }),
    clock,
    log,
    metrics,
    traces,
  });
  const port = await http.listen('127.0.0.1', 0);
  return {
    url: `http://127.0.0.1:${port}`,
    endpoint: mustRuntime,
    metricsText: () => metrics.text(),
    [Symbol.asyncDispose]: async () => {
      await http.close(1000);
      await traces.stop();
      for (const runtime of runtimes.values()) runtime.log.close();
      await close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function createRuntime(
  { endpoint, file, features }: TestModel,
  deps: { folder: string; clock: ReturnType<typeof createSystemClock>; log: ReturnType<typeof testLog> },
): EndpointRuntime {
  const log = openPredictionLog({ folder: join(deps.folder, endpoint), endpoint, clock: deps.clock, log: deps.log });
  const traffic = file === undefined ? [] : [{ version: 3, percent: 100 }];
  const runtime: EndpointRuntime = {
    name: endpoint,
    spec: EndpointSpec.parse({ model: endpoint }),
    log,
    deployment: file === undefined ? undefined : deploymentOf(endpoint, traffic),
    traffic,
    shadow: undefined,
    arms: new Map(),
    rollout: undefined,
    onMove: () => undefined,
  };
  if (file !== undefined) {
    const scorer = createScorer({
      model: endpoint,
      version: 3,
      bytes: file,
      signatureNames: undefined,
      featureNames: features?.names,
    });
    runtime.arms.set(3, createArm(3, scorer, features));
    log.useFeatures(features?.names ?? scorer.columns.map((column) => column.name));
  }
  return runtime;
}

function deploymentOf(endpoint: string, traffic: Deployment['traffic']): Deployment {
  return { id: 'dep_test', endpoint, number: 1, traffic, reason: 'test', createdAt: 0, createdBy: 'test' };
}
