/** Experiments, runs, metrics. */
import type { Experiment, RunStatus } from '@slipway/contract';
import { paramValueLimitChars, runStatuses, SlipwayError, tagValueLimitChars } from '@slipway/contract';
import type { LoggedPoint, ModelPoint, Tracking } from '../../modules/tracking/index.ts';
import { invalidParameter, MlflowError } from './errors.ts';
import { experimentFilter, experimentOrder, runFilter, runOrder } from './filters.ts';
import {
  experimentIdFromWire,
  experimentIdToWire,
  modelIdFromWire,
  runArtifactUri,
  runIdFromWire,
  runIdToWire,
} from './ids.ts';
import { runNameTag, wireExperiment, wireRun, wireRunInfo } from './map.ts';
import type { Endpoint } from './route.ts';
import type { Fields } from './wire.ts';
import { listed } from './wire.ts';

export const searchMax = 50_000;
export const searchDefault = 1000;
export const metricsPerBatchMax = 1000;
export const paramsPerBatchMax = 100;
export const tagsPerBatchMax = 100;
/** One page of our own history, when the client asked for all of it at once. */
const historyPage = 25_000;

export function experimentIdOf(fields: Fields, name = 'experiment_id'): string {
  const wire = fields.text(name);
  const id = experimentIdFromWire(wire);
  if (id !== undefined) return id;
  throw new MlflowError('RESOURCE_DOES_NOT_EXIST', `No Experiment with id=${wire.slice(0, 100)} exists`);
}

export function runIdOf(fields: Fields): string {
  const wire = fields.findText('run_id') ?? fields.findText('run_uuid') ?? '';
  if (wire === '') throw fields.missing('run_id');
  const id = runIdFromWire(wire);
  if (id !== undefined) return id;
  throw new MlflowError('RESOURCE_DOES_NOT_EXIST', `Run with id=${wire.slice(0, 100)} not found`);
}

export function modelIdOf(wire: string): string {
  const id = modelIdFromWire(wire);
  if (id !== undefined) return id;
  throw new MlflowError('RESOURCE_DOES_NOT_EXIST', `Logged model with ID '${wire.slice(0, 100)}' not found.`);
}

export function limitOf(fields: Fields, fallback: number, max: number): number {
  const limit = fields.findInt('max_results') ?? fallback;
  if (limit >= 1 && limit <= max) return limit;
  throw invalidParameter(
    `Invalid value ${limit} for parameter 'max_results' supplied. It must be at least 1 and at most ${max}.`,
  );
}

export const tokenOf = (fields: Fields): string | undefined => {
  const token = fields.findText('page_token');
  return token === '' ? undefined : token;
};

const lifecycles = { ACTIVE_ONLY: 'active', DELETED_ONLY: 'deleted', ALL: 'all' } as const;

function lifecycleOf(fields: Fields, name: string): 'active' | 'deleted' | 'all' {
  const value = fields.raw(name);
  if (value === undefined) return 'active';
  // By name, or by the number that the protocol's enum gives it, from 1.
  const found = Object.entries(lifecycles).find(([key], i) => value === key || value === i + 1 || value === `${i + 1}`);
  if (found === undefined) throw fields.invalid(name, value);
  return found[1];
}

const truncated = (texts: Readonly<Record<string, string>>, limitChars: number): Record<string, string> =>
  Object.fromEntries(Object.entries(texts).map(([key, value]) => [key, value.slice(0, limitChars)]));

interface Point extends LoggedPoint {
  readonly model: Omit<ModelPoint, 'run'> | undefined;
}

function pointOf(fields: Fields): Point {
  const point = {
    key: fields.text('key'),
    value: fields.double('value'),
    step: fields.findInt('step') ?? 0,
    at: fields.int('timestamp'),
  };
  const modelId = fields.findText('model_id');
  if (modelId === undefined || modelId === '') return { ...point, model: undefined };
  const dataset = {
    datasetName: fields.findText('dataset_name') ?? '',
    datasetDigest: fields.findText('dataset_digest') ?? '',
  };
  return { ...point, model: { ...point, ...dataset, model: modelIdOf(modelId) } };
}

async function logPoints(
  tracking: Tracking,
  run: string,
  batch: {
    readonly points: readonly Point[];
    readonly params?: Record<string, string>;
    readonly tags?: Record<string, string>;
  },
): Promise<void> {
  const { points, params = {}, tags = {} } = batch;
  await tracking.log(run, {
    metrics: points.map(({ key, value, step, at }) => ({ key, value, step, at })),
    params: truncated(params, paramValueLimitChars),
    tags: truncated(tags, tagValueLimitChars),
    name: tags[runNameTag],
  });
  await tracking.logModelMetrics(points.flatMap(({ model }) => (model === undefined ? [] : [{ ...model, run }])));
}

function statusOf(fields: Fields): RunStatus | undefined {
  const wire = fields.findText('status');
  if (wire === undefined) return undefined;
  const status = runStatuses.find((known) => known === wire.toLowerCase());
  if (status === undefined) throw fields.invalid('status', wire);
  return status;
}

function experimentEndpoints(tracking: Tracking): Endpoint[] {
  const byName = async (fields: Fields): Promise<Experiment> => {
    const name = fields.text('experiment_name');
    const found = await tracking.findExperimentByName(name);
    if (found) return found;
    throw new MlflowError('RESOURCE_DOES_NOT_EXIST', `Could not find experiment with name '${name}'`);
  };
  const search: Endpoint['handle'] = async ({ fields }) => {
    const filterText = fields.findText('filter') ?? '';
    const page = await tracking.searchExperiments({
      filter: experimentFilter(filterText),
      filterText,
      order: experimentOrder(fields.texts('order_by')),
      lifecycle: lifecycleOf(fields, 'view_type'),
      limit: limitOf(fields, 0, searchMax),
      pageToken: tokenOf(fields),
    });
    return { experiments: listed(page.items.map(wireExperiment)), next_page_token: page.nextPageToken };
  };
  const at = '/mlflow/experiments';
  const read = 'tracking.read';
  const write = 'tracking.write';
  return [
    {
      method: 'GET',
      path: `${at}/get-by-name`,
      permission: read,
      handle: async ({ fields }) => ({ experiment: wireExperiment(await byName(fields)) }),
    },
    {
      method: 'GET',
      path: `${at}/get`,
      permission: read,
      handle: async ({ fields }) => ({
        experiment: wireExperiment(await tracking.getExperiment(experimentIdOf(fields))),
      }),
    },
    {
      method: 'POST',
      path: `${at}/create`,
      permission: write,
      handle: async ({ fields, actor }) => {
        const name = fields.text('name');
        if (name.length > 500) throw invalidParameter('Experiment name exceeds the maximum length of 500 characters');
        const location = fields.findText('artifact_location')?.replace(/\/+$/, '');
        const artifactLocation = location === '' ? undefined : location;
        const made = await tracking.createExperiment({ name, artifactLocation, tags: fields.pairs('tags'), actor });
        return { experiment_id: experimentIdToWire(made.id) };
      },
    },
    { method: 'POST', path: `${at}/search`, permission: read, handle: search },
    { method: 'GET', path: `${at}/search`, permission: read, handle: search },
    {
      method: 'POST',
      path: `${at}/delete`,
      permission: write,
      handle: async ({ fields, actor }) => {
        await tracking.deleteExperiment(experimentIdOf(fields), actor);
        return {};
      },
    },
    {
      method: 'POST',
      path: `${at}/restore`,
      permission: write,
      handle: async ({ fields, actor }) => {
        await tracking.restoreExperiment(experimentIdOf(fields), actor);
        return {};
      },
    },
    {
      method: 'POST',
      path: `${at}/update`,
      permission: write,
      handle: async ({ fields, actor }) => {
        await tracking.updateExperiment(experimentIdOf(fields), { name: fields.text('new_name') }, actor);
        return {};
      },
    },
    {
      method: 'POST',
      path: `${at}/set-experiment-tag`,
      permission: write,
      handle: async ({ fields }) => {
        await tracking.tagExperiment(experimentIdOf(fields), { [fields.text('key')]: fields.findText('value') ?? '' });
        return {};
      },
    },
    {
      method: 'POST',
      path: `${at}/delete-experiment-tag`,
      permission: write,
      handle: async ({ fields }) => {
        const key = fields.text('key');
        const missing = await tracking.tagExperiment(experimentIdOf(fields), { [key]: null });
        if (missing.length > 0) throw new MlflowError('RESOURCE_DOES_NOT_EXIST', `No tag with name: ${key}`);
        return {};
      },
    },
  ];
}

function runEndpoints(tracking: Tracking): Endpoint[] {
  const at = '/mlflow/runs';
  const read = 'tracking.read';
  const write = 'tracking.write';
  return [
    {
      method: 'POST',
      path: `${at}/create`,
      permission: write,
      handle: async ({ fields, actor }) => {
        const tags = fields.pairs('tags');
        const named = fields.findText('run_name');
        const tagged = tags[runNameTag];
        if (named !== undefined && named !== '' && tagged !== undefined && named !== tagged) {
          throw invalidParameter(
            `Both 'run_name' argument and '${runNameTag}' tag are specified, but with different values (run_name='${named}', ${runNameTag}='${tagged}').`,
          );
        }
        const name = named === undefined || named === '' ? tagged : named;
        const run = await tracking.createRun({
          experimentId: fields.has('experiment_id') ? experimentIdOf(fields) : (experimentIdFromWire('0') ?? ''),
          name: name === '' ? undefined : name?.slice(0, 250),
          startedAt: fields.findInt('start_time'),
          user: fields.findText('user_id') ?? tags['mlflow.user'],
          tags: truncated(tags, tagValueLimitChars),
          actor,
        });
        return { run: wireRun(run) };
      },
    },
    {
      method: 'GET',
      path: `${at}/get`,
      permission: read,
      handle: async ({ fields }) => ({ run: wireRun(await tracking.getRun(runIdOf(fields))) }),
    },
    {
      method: 'POST',
      path: `${at}/update`,
      permission: write,
      handle: async ({ fields, actor }) => {
        const status = statusOf(fields);
        const endAt = fields.findInt('end_time');
        const name = fields.findText('run_name');
        const uid = runIdOf(fields);
        if (name !== undefined && name !== '') await tracking.log(uid, { tags: { [runNameTag]: name } });
        const run = await tracking.updateRun({
          uid,
          actor,
          ...(status === undefined ? {} : { status }),
          ...(endAt !== undefined ? { endAt } : status === 'running' ? { endAt: null } : {}),
          ...(name === undefined || name === '' ? {} : { name }),
        });
        return { run_info: wireRunInfo(run) };
      },
    },
    {
      method: 'POST',
      path: `${at}/delete`,
      permission: write,
      handle: async ({ fields, actor }) => {
        await tracking.deleteRun(runIdOf(fields), actor);
        return {};
      },
    },
    {
      method: 'POST',
      path: `${at}/restore`,
      permission: write,
      handle: async ({ fields, actor }) => {
        await tracking.restoreRun(runIdOf(fields), actor);
        return {};
      },
    },
    {
      method: 'POST',
      path: `${at}/search`,
      permission: read,
      handle: async ({ fields }) => {
        const experimentIds = fields.texts('experiment_ids').flatMap((wire) => experimentIdFromWire(wire) ?? []);
        const filterText = fields.findText('filter') ?? '';
        const page = await tracking.searchRuns({
          experimentIds,
          filter: runFilter(filterText),
          filterText,
          order: runOrder(fields.texts('order_by')),
          lifecycle: lifecycleOf(fields, 'run_view_type'),
          limit: limitOf(fields, searchDefault, searchMax),
          pageToken: tokenOf(fields),
        });
        return { runs: listed(page.items.map(wireRun)), next_page_token: page.nextPageToken };
      },
    },
    ...loggingEndpoints(tracking),
  ];
}

function loggingEndpoints(tracking: Tracking): Endpoint[] {
  const at = '/mlflow/runs';
  const write = 'tracking.write';
  return [
    {
      method: 'POST',
      path: `${at}/log-metric`,
      permission: write,
      handle: async ({ fields }) => {
        await logPoints(tracking, runIdOf(fields), { points: [pointOf(fields)] });
        return {};
      },
    },
    {
      method: 'POST',
      path: `${at}/log-parameter`,
      permission: write,
      handle: async ({ fields }) => {
        const params = { [fields.text('key')]: fields.findText('value') ?? '' };
        await logPoints(tracking, runIdOf(fields), { points: [], params });
        return {};
      },
    },
    {
      method: 'POST',
      path: `${at}/set-tag`,
      permission: write,
      handle: async ({ fields }) => {
        const tags = { [fields.text('key')]: fields.findText('value') ?? '' };
        await logPoints(tracking, runIdOf(fields), { points: [], tags });
        return {};
      },
    },
    {
      method: 'POST',
      path: `${at}/delete-tag`,
      permission: write,
      handle: async ({ fields }) => {
        const key = fields.text('key');
        const run = runIdOf(fields);
        if (await tracking.deleteTag(run, key)) return {};
        throw new MlflowError('RESOURCE_DOES_NOT_EXIST', `No tag with name: ${key} in run with id ${runIdToWire(run)}`);
      },
    },
    {
      method: 'POST',
      path: `${at}/log-batch`,
      permission: write,
      handle: async ({ fields }) => {
        const run = runIdOf(fields);
        const points = fields.list('metrics').map(pointOf);
        const given = fields.list('params').map((pair) => pair.text('key'));
        const params = fields.pairs('params');
        const tags = fields.pairs('tags');
        refuseMany('metrics', points.length, metricsPerBatchMax);
        refuseMany('params', given.length, paramsPerBatchMax);
        refuseMany('tags', Object.keys(tags).length, tagsPerBatchMax);
        const twice = given.filter((key, i) => given.indexOf(key) !== i);
        if (twice.length > 0)
          throw invalidParameter(`Duplicate parameter keys have been submitted: [${twice.join(', ')}]`);
        await logPoints(tracking, run, { points, params, tags });
        return {};
      },
    },
    {
      method: 'POST',
      path: `${at}/log-inputs`,
      permission: write,
      handle: async ({ fields }) => {
        await tracking.linkInputs({
          uid: runIdOf(fields),
          datasets: fields.list('datasets').map((input) => {
            const dataset = input.object('dataset');
            return {
              name: dataset.text('name'),
              digest: dataset.text('digest'),
              sourceType: dataset.findText('source_type'),
              source: dataset.findText('source'),
              schema: dataset.findText('schema'),
              profile: dataset.findText('profile'),
              tags: input.pairs('tags'),
            };
          }),
          modelInputs: fields.list('models').map((model) => modelIdOf(model.text('model_id'))),
          modelOutputs: [],
        });
        return {};
      },
    },
    {
      method: 'POST',
      path: `${at}/outputs`,
      permission: write,
      handle: async ({ fields }) => {
        const modelOutputs = fields
          .list('models')
          .map((model) => ({ model: modelIdOf(model.text('model_id')), step: model.findInt('step') ?? 0 }));
        await tracking.linkInputs({ uid: runIdOf(fields), datasets: [], modelInputs: [], modelOutputs });
        return {};
      },
    },
    {
      method: 'POST',
      path: `${at}/log-model`,
      permission: write,
      handle: async ({ fields }) => {
        const uid = runIdOf(fields);
        const entry: unknown = parsedModel(fields.text('model_json'));
        const run = await tracking.getRun(uid);
        const tag = 'mlflow.log-model.history';
        const history = [...(JSON.parse(run.tags[tag] ?? '[]') as unknown[]), entry];
        // The tag is bounded: the newest entries that fit are kept.
        while (history.length > 1 && JSON.stringify(history).length > tagValueLimitChars) history.shift();
        const value = JSON.stringify(history);
        if (value.length <= tagValueLimitChars) await tracking.log(uid, { tags: { [tag]: value } });
        return {};
      },
    },
  ];
}

function refuseMany(noun: string, count: number, max: number): void {
  if (count > max)
    throw invalidParameter(
      `A batch logging request can contain at most ${max} ${noun}. Got ${count} ${noun}. Please split up ${noun} across multiple requests and try again.`,
    );
}

function parsedModel(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalidParameter(
      'Malformed model info. \n {model_json} \n is not a valid JSON.'.replace('{model_json}', text.slice(0, 200)),
    );
  }
}

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
  ...metricEndpoints(tracking),
];
