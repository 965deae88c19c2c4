import { SlipwayError, trackingRoutes } from '@slipway/contract';
import type { Clock } from '../../platform/clock.ts';
import type { Binding, Handlers } from '../../platform/http/binding.ts';
import { bind, Stream } from '../../platform/http/binding.ts';
import type { Objects } from '../../platform/objects/objects.ts';
import type { Tracking } from './index.ts';
import type { RunColumns } from './read.ts';
import { metricNumber } from './read.ts';
import type { ViewStore } from './views.ts';

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
    'runs.list': async ({ query: { experiment, filter, orderBy, columns, limit, pageToken } }) =>
      tracking.searchRuns({
        experimentIds: await experimentIds(experiment),
        filter,
        order: orderBy === undefined ? [] : orderBy.split(',').map((key) => key.trim()),
        columns: columns && columnsOf(columns),
        limit,
        pageToken,
      }),
    ...catalogueHandlers(tracking, experimentIds),
    'runs.create': async ({ body }, { actor }) => {
      const { id } = body.experiment.startsWith('exp_')
        ? await tracking.getExperiment(body.experiment)
        : await tracking.ensureExperiment(body.experiment, actor);
      return tracking.createRun({ ...body, experimentId: id, user: actor, actor });
    },
    'runs.get': ({ params }) => tracking.getRunBrief(params.run),
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
      await tracking.getRunBrief(params.run);
      return { items: await tracking.artifacts.list(params.run, query.path) };
    },
    'runs.putArtifact': async ({ params, body }) => {
      const run = await tracking.getRunBrief(params.run);
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
    'runs.previewArtifact': async ({ params }) =>
      previewOf(params.path, await tracking.artifacts.get(params.run, params.path), objects),
    ...viewHandlers(tracking.views),
  });
}

type Catalogue = 'runs.count' | 'runs.keys' | 'runs.metrics' | 'runs.values' | 'runs.sample';

function catalogueHandlers(
  tracking: Tracking,
  experimentIds: (named: string | undefined) => Promise<readonly string[] | undefined>,
): Pick<Handlers<typeof trackingRoutes>, Catalogue> {
  return {
    'runs.count': async ({ query: { experiment, filter } }) =>
      tracking.countRuns({ experimentIds: await experimentIds(experiment), filter }),
    'runs.keys': async ({ query: { experiment, ...query } }) =>
      tracking.listKeys({ ...query, experimentId: (await experimentIds(experiment))?.[0] }),
    'runs.metrics': ({ params, query }) => tracking.listMetrics({ ...params, ...query }),
    'runs.values': async ({ query: { experiment, ...query } }) => ({
      items: await tracking.listValues({ ...query, experimentId: (await experimentIds(experiment))?.[0] }),
    }),
    'runs.sample': async ({ query }) => ({ items: await tracking.sample(query) }),
  };
}

function viewHandlers(
  views: ViewStore,
): Pick<Handlers<typeof trackingRoutes>, `views.${string}` & keyof typeof trackingRoutes> {
  return {
    'views.list': ({ query }) => views.list(query),
    'views.create': ({ body }, { actor }) => views.create({ ...body, actor }),
    'views.update': ({ params, body }, { actor }) => views.update({ uid: params.view, ...body, actor }),
    'views.delete': async ({ params }, { actor }) => {
      await views.delete(params.view, actor);
      return {};
    },
    'views.restore': ({ params }, { actor }) => views.restore(params.view, actor),
  };
}

const previewTypes: readonly (readonly [pattern: RegExp, type: string])[] = [
  [/\.html?$/i, 'text/html; charset=utf-8'],
  [/\.svg$/i, 'image/svg+xml; charset=utf-8'],
];

/** What a run stored is nobody's promise: no script, no request, no form, no origin, and only this server may frame it. */
const previewPolicy =
  "sandbox; default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

async function previewOf(
  path: string,
  file: { readonly digest: string; readonly sizeBytes: number },
  objects: Objects,
): Promise<Stream> {
  const type = previewTypes.find(([pattern]) => pattern.test(path))?.[1];
  if (type === undefined)
    throw new SlipwayError('request_invalid', {
      operation: 'runs.previewArtifact',
      problem: `only HTML and SVG files are shown in a frame; get "${path}" from /artifacts/ instead`,
    });
  return new Stream(await objects.open(file.digest), {
    'content-type': type,
    'content-length': String(file.sizeBytes),
    'x-frame-options': 'SAMEORIGIN',
    'content-security-policy': previewPolicy,
  });
}

/** `m:auc`, `p:rate`, `t:kind` by kind; the schema has checked their form. */
function columnsOf(columns: readonly string[]): RunColumns {
  const of = (prefix: string): string[] =>
    columns.filter((column) => column.startsWith(prefix)).map((column) => column.slice(prefix.length));
  return { metrics: of('m:'), params: of('p:'), tags: of('t:') };
}
