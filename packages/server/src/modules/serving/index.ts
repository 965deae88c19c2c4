/** The door of serving: endpoints, deployments, rollouts, predictions, labels. */
import { servingRoutes, servingViewRoutes } from '@slipway/contract';
import type { Binding } from '../../platform/http/binding.ts';
import { bind } from '../../platform/http/binding.ts';
import type { Serving } from './service.ts';

export type { ServingClientDeps } from './clients/index.ts';
export { servingClientsBinding } from './clients/index.ts';
export type { EndpointRuntime, NumberRow, PredictionRow } from './endpoint-runtime.ts';
export type { FeaturePort, FeatureReader, RegistryPort } from './ports.ts';
export type { Serving, ServingDeps } from './service.ts';
export type { HotPathDeps, HotProtocol, HotRequest } from './hot-path.ts';
export { createHotPaths } from './hot-path.ts';
export { createPredictPath } from './predict-path.ts';
export type { EndpointInputs, InputColumn, ScoringPort } from './scoring-port.ts';
export { createScoringPort } from './scoring-port.ts';
export { createServing } from './service.ts';

export function servingBinding(serving: Serving): Binding {
  return bind(
    { ...servingRoutes, ...servingViewRoutes },
    {
      'endpoints.list': ({ query }) => serving.list(query),
      'endpoints.get': ({ params }) => serving.get(params.endpoint),
      'endpoints.deploy': ({ params, body }, { actor }) => serving.deploy(params.endpoint, body, actor),
      'endpoints.deployments': ({ params, query }) => serving.deployments(params.endpoint, query),
      'endpoints.predict': async ({ params, body }) => {
        const predictions = serving.predict(params.endpoint, body.instances);
        await serving.settled(params.endpoint);
        return { predictions };
      },
      'endpoints.label': async ({ params, body }, { actor }) => {
        const { labels, ...options } = body;
        const { joined, ...rest } = await serving.label(params.endpoint, labels, { ...options, actor });
        return { joined: joined.length, ...rest };
      },
      'endpoints.predictions': ({ params, query }) => {
        const { from, to = Number.MAX_SAFE_INTEGER, clock, order, labelled, limit, pageToken, ...filter } = query;
        return serving.predictions(params.endpoint, { from, to, clock, order, labelled, limit, pageToken, filter });
      },
      'predictions.get': ({ params }) => serving.prediction(params.prediction),
      'endpoints.summary': async ({ query: { window, ...page } }) => {
        const { items, ...rest } = await serving.summary(page, window);
        return { ...rest, items: [...items] };
      },
      'endpoints.series': ({ params, query }) => serving.series(params.endpoint, query),
      'endpoints.try': async ({ params, body }) => serving.try(params.endpoint, body),
      'endpoints.inputs': async ({ params }) => ({
        endpoint: params.endpoint,
        ...(await serving.seenInputs(params.endpoint)),
      }),
      'rollouts.progress': ({ params }) => serving.rolloutProgress(params.rollout),
      'rollouts.start': ({ params, body }, { actor }) => serving.startRollout(params.endpoint, body, actor),
      'rollouts.list': ({ params, query }) => serving.rollouts(params.endpoint, query),
      'rollouts.get': ({ params }) => serving.rollout(params.rollout),
      'rollouts.hold': ({ params, body }, { actor }) =>
        serving.holdRollout(params.rollout, { reason: body.reason, forMs: body.for }, actor),
      'rollouts.resume': ({ params, body }, { actor }) => serving.resumeRollout(params.rollout, body.reason, actor),
      'rollouts.rollBack': ({ params, body }, { actor }) => serving.rollBack(params.rollout, body.reason, actor),
      'rollouts.cancel': ({ params }, { actor }) => serving.cancelRollout(params.rollout, actor),
    },
  );
}
