/** What a run logs: points of metrics, params, tags, datasets, models; one by one or in batches. */
import { paramValueLimitChars, tagValueLimitChars } from '@slipway/contract';
import type { LoggedPoint, ModelPoint, Tracking } from '../../modules/tracking/index.ts';
import { invalidParameter, MlflowError } from './errors.ts';
import { runIdToWire } from './ids.ts';
import { runNameTag } from './map.ts';
import { modelIdOf, runIdOf, truncated } from './request-fields.ts';
import type { Endpoint } from './route.ts';
import type { Fields } from './wire.ts';

const metricsPerBatchMax = 1000;
const paramsPerBatchMax = 100;
const tagsPerBatchMax = 100;

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

export function loggingEndpoints(tracking: Tracking): Endpoint[] {
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
