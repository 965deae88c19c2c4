/** Logged models: the model entity of MLflow 3. */
import type { LoggedModelStatus, Tracking } from '../../modules/tracking/index.ts';
import { invalidParameter } from './errors.ts';
import { loggedModelFilter } from './filters.ts';
import { experimentIdFromWire, modelArtifactUri, runIdFromWire } from './ids.ts';
import { wireLoggedModel } from './map.ts';
import type { Endpoint } from './route.ts';
import { experimentIdOf, limitOf, modelIdOf, tokenOf } from './request-fields.ts';
import type { Fields } from './wire.ts';
import { listed } from './wire.ts';

const paramsPerRequestMax = 100;

const statuses: Readonly<Record<string, LoggedModelStatus>> = {
  LOGGED_MODEL_PENDING: 'pending',
  LOGGED_MODEL_READY: 'ready',
  LOGGED_MODEL_UPLOAD_FAILED: 'failed',
};

function paramsOf(fields: Fields): Record<string, string> {
  const params = fields.pairs('params');
  if (Object.keys(params).length > paramsPerRequestMax)
    throw invalidParameter(`A logged model request can contain at most ${paramsPerRequestMax} params.`);
  return params;
}

export function loggedModelEndpoints(tracking: Tracking): Endpoint[] {
  const at = '/mlflow/logged-models';
  const one = `${at}/{model_id}`;
  const read = 'tracking.read';
  const write = 'tracking.write';
  const idOf = (fields: Fields): string => modelIdOf(fields.text('model_id'));
  return [
    {
      method: 'POST',
      path: at,
      permission: write,
      handle: async ({ fields, actor }) => {
        const name = fields.findText('name');
        if (name !== undefined && /[/:.%"']/.test(name))
          throw invalidParameter(
            `Invalid model name '${name}'. It must not contain a slash, colon, dot, percent sign or quote.`,
          );
        const sourceRun = fields.findText('source_run_id');
        const runId = sourceRun === undefined ? undefined : runIdFromWire(sourceRun);
        const run = runId === undefined ? undefined : await tracking.getRun(runId);
        const model = await tracking.createLoggedModel({
          experimentUid: experimentIdOf(fields),
          name: name === undefined || name === '' ? (run?.name ?? 'model') : name,
          modelType: fields.findText('model_type'),
          runId,
          user: run?.user ?? actor,
          params: paramsOf(fields),
          tags: fields.pairs('tags'),
          actor,
        });
        return { model: wireLoggedModel(model) };
      },
    },
    {
      method: 'GET',
      path: one,
      permission: read,
      handle: async ({ fields }) => ({
        model: wireLoggedModel(
          await tracking.getLoggedModel(idOf(fields), { allowDeleted: fields.bool('allow_deleted') }),
        ),
      }),
    },
    {
      method: 'PATCH',
      path: one,
      permission: write,
      handle: async ({ fields, actor }) => {
        const wire = fields.text('status');
        const status = Object.hasOwn(statuses, wire) ? statuses[wire] : undefined;
        if (status === undefined) throw fields.invalid('status', wire);
        return { model: wireLoggedModel(await tracking.changeLoggedModel({ uid: idOf(fields), status, actor })) };
      },
    },
    {
      method: 'DELETE',
      path: one,
      permission: write,
      handle: async ({ fields, actor }) => {
        await tracking.changeLoggedModel({ uid: idOf(fields), isDeleted: true, actor });
        return {};
      },
    },
    {
      method: 'POST',
      path: `${one}/params`,
      permission: write,
      handle: async ({ fields, actor }) => {
        await tracking.changeLoggedModel({ uid: idOf(fields), params: paramsOf(fields), actor });
        return {};
      },
    },
    {
      method: 'PATCH',
      path: `${one}/tags`,
      permission: write,
      handle: async ({ fields, actor }) => ({
        model: wireLoggedModel(
          await tracking.changeLoggedModel({ uid: idOf(fields), tags: fields.pairs('tags'), actor }),
        ),
      }),
    },
    {
      method: 'DELETE',
      path: `${one}/tags/{tag_key}`,
      permission: write,
      handle: async ({ fields, actor }) => ({
        model: wireLoggedModel(
          await tracking.changeLoggedModel({ uid: idOf(fields), removeTag: fields.text('tag_key'), actor }),
        ),
      }),
    },
    {
      method: 'POST',
      path: `${at}/search`,
      permission: read,
      handle: async ({ fields }) => {
        const [order] = fields.list('order_by');
        const field = order?.findText('field_name') ?? 'creation_timestamp';
        if (!/^(?:attributes\.)?(?:creation_timestamp|creation_time)$/.test(field))
          throw invalidParameter(`Logged models are sorted by creation_timestamp only; got '${field}'.`);
        const filterText = fields.findText('filter') ?? '';
        const page = await tracking.searchLoggedModels({
          experimentIds: fields.texts('experiment_ids').flatMap((wire) => experimentIdFromWire(wire) ?? []),
          filter: loggedModelFilter(filterText) ?? '',
          ascending: order?.bool('ascending') ?? false,
          limit: limitOf(fields, 100, 1000),
          pageToken: tokenOf(fields),
        });
        return { models: listed(page.items.map(wireLoggedModel)), next_page_token: page.nextPageToken };
      },
    },
    {
      method: 'GET',
      path: `${one}/artifacts/directories`,
      permission: read,
      handle: async ({ fields }) => {
        const model = await tracking.getLoggedModel(idOf(fields));
        const path = (fields.findText('artifact_directory_path') ?? '').replace(/\/+$/, '');
        const items = await tracking.artifacts.list(model.id, path);
        return {
          root_uri: modelArtifactUri(model.experimentId, model.id, model.artifactLocation),
          files: listed(items.map((a) => ({ path: a.path, is_dir: a.isFolder, file_size: a.sizeBytes }))),
        };
      },
    },
  ];
}
