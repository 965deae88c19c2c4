import { SlipwayError, trackingRoutes } from '@slipway/contract';
import type { Clock } from '../../platform/clock.ts';
import type { Binding } from '../../platform/http/binding.ts';
import { bind, Stream } from '../../platform/http/binding.ts';
import type { Objects } from '../../platform/objects/objects.ts';
import type { Tracking } from './index.ts';
import { metricNumber } from './read.ts';

export interface TrackingRouteDeps {
  readonly tracking: Tracking;
  readonly objects: Objects;
  readonly clock: Clock;
}

/** A page token of an empty list is left out, so that `nextPageToken` being there means that there is more. */
export function trackingBinding({ tracking, objects, clock }: TrackingRouteDeps): Binding {
  const experimentIds = async (named: string | undefined): Promise<readonly string[] | undefined> => {
    if (named === undefined) return undefined;
    if (named.startsWith('exp_')) return [(await tracking.getExperiment(named)).id];
    const found = await tracking.findExperimentByName(named);
    if (found) return [found.id];
    throw new SlipwayError('not_found', {
      noun: 'experiment',
      name: named,
      remedy: 'GET /api/experiments lists them.',
    });
  };
  return bind(trackingRoutes, {
    'experiments.list': ({ query }) => tracking.searchExperiments(query),
    'experiments.create': ({ body }, { actor }) => tracking.createExperiment({ ...body, actor }),
    'runs.list': async ({ query: { experiment, filter, orderBy, limit, pageToken } }) =>
      tracking.searchRuns({
        experimentIds: await experimentIds(experiment),
        filter,
        order: orderBy === undefined ? [] : orderBy.split(',').map((key) => key.trim()),
        limit,
        pageToken,
      }),
    'runs.create': async ({ body }, { actor }) => {
      const { id } = body.experiment.startsWith('exp_')
        ? await tracking.getExperiment(body.experiment)
        : await tracking.ensureExperiment(body.experiment, actor);
      return tracking.createRun({ ...body, experimentId: id, user: actor, actor });
    },
    'runs.get': ({ params }) => tracking.getRun(params.run),
    'runs.log': async ({ params, body }) => {
      const now = clock.now();
      await tracking.log(params.run, {
        metrics: body.metrics.map((m) => ({ ...m, value: metricNumber(m.value), at: m.at ?? now })),
        params: body.params,
        tags: body.tags,
      });
      return {
        metrics: body.metrics.length,
        params: Object.keys(body.params).length,
        tags: Object.keys(body.tags).length,
      };
    },
    'runs.end': ({ params, body }, { actor }) => tracking.endRun(params.run, body.status, actor, body.endedAt),
    'runs.history': ({ params, query }) => tracking.history({ ...params, ...query }),
    'runs.artifacts': async ({ params, query }) => {
      await tracking.getRun(params.run);
      return { items: await tracking.artifacts.list(params.run, query.path) };
    },
    'runs.putArtifact': async ({ params, body }) => {
      const run = await tracking.getRun(params.run);
      if (run.lifecycle === 'deleted') throw new SlipwayError('run_deleted', { run: params.run });
      return tracking.artifacts.put(params.run, params.path, body);
    },
    'runs.getArtifact': async ({ params }) => {
      const file = await tracking.artifacts.get(params.run, params.path);
      return new Stream(await objects.open(file.digest), {
        'content-type': 'application/octet-stream',
        'content-disposition': 'attachment',
        'content-length': String(file.sizeBytes),
        etag: `"${file.digest}"`,
      });
    },
  });
}
