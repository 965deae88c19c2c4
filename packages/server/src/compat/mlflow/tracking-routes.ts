/** What MLflow calls tracking: the routes of experiments, runs and logging, histories of metrics, lists of artifacts. */
import { SlipwayError } from '@slipway/contract';
import type { Tracking } from '../../modules/tracking/index.ts';
import { experimentEndpoints } from './experiment-routes.ts';
import { runArtifactUri } from './ids.ts';
import { loggingEndpoints } from './logging-routes.ts';
import { runIdOf, tokenOf } from './request-fields.ts';
import type { Endpoint } from './route.ts';
import { runEndpoints } from './run-routes.ts';
import { listed } from './wire.ts';

/** One page of our own history, when the client asked for all of it at once. */
const historyPage = 25_000;

function metricEndpoints(tracking: Tracking): Endpoint[] {
  return [
    {
      method: 'GET',
      path: '/mlflow/metrics/get-history',
      permission: 'tracking.read',
      handle: async ({ fields }) => {
        const run = runIdOf(fields);
        const key = fields.text('metric_key');
        const asked = fields.findInt('max_results');
        const metrics: unknown[] = [];
        let pageToken = tokenOf(fields);
        do {
          const page = await tracking.history({
            run,
            key,
            limit: Math.min(asked ?? historyPage, historyPage),
            pageToken,
          });
          metrics.push(...page.items.map((p) => ({ key, value: p.value, timestamp: p.at, step: p.step })));
          pageToken = page.nextPageToken;
        } while (asked === undefined && pageToken !== undefined);
        return { metrics: listed(metrics), next_page_token: pageToken };
      },
    },
    {
      method: 'GET',
      path: '/mlflow/artifacts/list',
      permission: 'tracking.read',
      handle: async ({ fields }) => {
        const run = await tracking.getRun(runIdOf(fields));
        const items = await tracking.artifacts.list(run.id, (fields.findText('path') ?? '').replace(/\/+$/, ''));
        return {
          root_uri: runArtifactUri(run.experimentId, run.id, run.artifactLocation),
          files: listed(items.map((a) => ({ path: a.path, is_dir: a.isFolder, file_size: a.sizeBytes }))),
        };
      },
    },
    ...(['presigned-upload-url', 'presigned-download-url'] as const).map((name): Endpoint => ({
      method: 'POST',
      path: `/mlflow/artifacts/${name}`,
      permission: 'tracking.read',
      handle: () =>
        Promise.reject(
          new SlipwayError('conflict', {
            problem: 'Files of this server go through its artifact proxy; there are no presigned URLs.',
          }),
        ),
    })),
  ];
}

export const trackingEndpoints = (tracking: Tracking): Endpoint[] => [
  ...experimentEndpoints(tracking),
  ...runEndpoints(tracking),
  ...loggingEndpoints(tracking),
  ...metricEndpoints(tracking),
];
