/** Registered models, versions, aliases, stages. */
import type { ModelVersion, RegisteredModel } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import type { Registry, Stage, VersionFiles } from '../../modules/registry/index.ts';
import type { Tracking } from '../../modules/tracking/index.ts';
import { invalidParameter, MlflowError } from './errors.ts';
import { modelFilter, modelOrder, versionFilter, versionOrder, withoutPrompts } from './filters.ts';
import { modelIdFromWire, parseArtifactAddress, runIdFromWire, versionArtifactUri } from './ids.ts';
import { wireModel, wireVersion } from './map.ts';
import type { Endpoint } from './route.ts';
import { limitOf, modelIdOf, tokenOf } from './request-fields.ts';
import type { Fields, WireObject } from './wire.ts';
import { listed } from './wire.ts';

/** Versions looked through for the newest of each stage. */
const stageSearchMax = 1000;
const stageNames: readonly Stage[] = ['None', 'Staging', 'Production', 'Archived'];

function numberOf(fields: Fields): number {
  const wire = fields.text('version');
  if (/^[1-9]\d{0,9}$/.test(wire)) return Number(wire);
  throw invalidParameter(`Model version must be an integer, got '${wire.slice(0, 100)}'`);
}

function stageOf(fields: Fields, name: string, wire: string): Stage {
  const stage = stageNames.find((known) => known.toLowerCase() === wire.toLowerCase());
  if (stage !== undefined) return stage;
  throw invalidParameter(
    `Invalid Model Version stage: ${wire}. Value must be one of ${stageNames.join(', ')}. (parameter '${name}')`,
  );
}

/** What `source` of a new version points at. */
function filesOf(source: string, modelId: string | undefined): VersionFiles {
  if (modelId !== undefined) return { from: 'artifacts', owner: modelIdOf(modelId), path: '' };
  if (/(?:^|[/\\])\.\.(?:[/\\]|$)|%2e/i.test(source))
    throw invalidParameter(`Invalid model version source: '${source.slice(0, 200)}'.`);
  const [, scheme = '', rest = ''] = /^([a-z][a-z0-9+-]*):\/*(.*)$/i.exec(source) ?? [];
  switch (scheme.toLowerCase()) {
    case 'models':
      return modelIdFromWire(rest) === undefined
        ? { from: 'version', ref: rest }
        : { from: 'artifacts', owner: modelIdOf(rest), path: '' };
    case 'runs': {
      const [run = '', ...path] = rest.split('/');
      const owner = runIdFromWire(run);
      if (owner === undefined) throw invalidParameter(`Invalid model version source: '${source.slice(0, 200)}'.`);
      return { from: 'artifacts', owner, path: path.join('/').replace(/\/+$/, '') };
    }
    case 'mlflow-artifacts': {
      const address = parseArtifactAddress(rest);
      if (address === undefined || address.owner.kind === 'modelVersion')
        throw invalidParameter(
          `Invalid model version source: '${source.slice(0, 200)}'. It must lie below a run or a logged model of this server.`,
        );
      return { from: 'artifacts', owner: address.owner.id, path: address.path };
    }
    case '':
    case 'file':
    case 'http':
    case 'https':
      throw invalidParameter(
        `Invalid model version source: '${source.slice(0, 200)}'. To use a local path or a URL as a model version source, log the model to a run of this server first.`,
      );
    default:
      return { from: 'nothing' };
  }
}

const isPrompt = (tags: Readonly<Record<string, string>>): boolean => tags['mlflow.prompt.is_prompt'] === 'true';

/** MLflow's wording for a version that is not there; anything else passes through. */
async function orNoVersion<T>(model: string, version: string | number, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof SlipwayError) || error.code !== 'not_found' || error.details['noun'] === 'model')
      throw error;
    throw new MlflowError('RESOURCE_DOES_NOT_EXIST', `Model Version (name=${model}, version=${version}) not found`);
  }
}

interface Parts {
  readonly registry: Registry;
  readonly tracking: Tracking;
  readonly latestOf: (model: string, stages?: readonly Stage[]) => Promise<ModelVersion[]>;
  readonly modelAnswer: (model: RegisteredModel) => Promise<WireObject>;
}

export function registryEndpoints({ registry, tracking }: Pick<Parts, 'registry' | 'tracking'>): Endpoint[] {
  const latestOf: Parts['latestOf'] = async (model, stages = stageNames) => {
    const { items } = await registry.searchVersions({
      model,
      orderBy: 'number',
      ascending: false,
      limit: stageSearchMax,
    });
    return stages.flatMap((stage) => items.find((version) => version.stage === stage) ?? []);
  };
  const parts: Parts = {
    registry,
    tracking,
    latestOf,
    modelAnswer: async (model) => ({ registered_model: wireModel(model, await latestOf(model.name)) }),
  };
  return [...modelEndpoints(parts), ...aliasEndpoints(parts), ...versionEndpoints(parts)];
}

function modelEndpoints({ registry, latestOf, modelAnswer }: Parts): Endpoint[] {
  const at = '/mlflow/registered-models';
  const read = 'registry.read';
  const write = 'registry.write';
  const latest: Endpoint['handle'] = async ({ fields }) => {
    const { name } = await registry.getModel(fields.text('name'));
    const stages = fields.texts('stages').map((stage) => stageOf(fields, 'stages', stage));
    const found = await latestOf(name, stages.length === 0 ? stageNames : stages);
    return { model_versions: listed(found.map(wireVersion)) };
  };
  return [
    {
      method: 'POST',
      path: `${at}/create`,
      permission: write,
      handle: async ({ fields, actor }) =>
        modelAnswer(
          await registry.createModel({
            name: fields.text('name'),
            description: fields.findText('description'),
            tags: fields.pairs('tags'),
            actor,
          }),
        ),
    },
    {
      method: 'GET',
      path: `${at}/get`,
      permission: read,
      handle: async ({ fields }) => modelAnswer(await registry.getModel(fields.text('name'))),
    },
    {
      method: 'GET',
      path: `${at}/search`,
      permission: read,
      handle: async ({ fields }) => {
        const filterText = fields.findText('filter') ?? '';
        const [order] = modelOrder(fields.texts('order_by'));
        const page = await registry.searchModels({
          filter: withoutPrompts(modelFilter(filterText)),
          filterText,
          orderBy: order?.key,
          ascending: order?.ascending,
          limit: limitOf(fields, 100, 1000),
          pageToken: tokenOf(fields),
        });
        const models = await Promise.all(page.items.map(async (model) => wireModel(model, await latestOf(model.name))));
        return { registered_models: listed(models), next_page_token: page.nextPageToken };
      },
    },
    {
      method: 'PATCH',
      path: `${at}/update`,
      permission: write,
      handle: async ({ fields, actor }) =>
        modelAnswer(
          await registry.changeModel({
            name: fields.text('name'),
            description: fields.findText('description') ?? '',
            actor,
          }),
        ),
    },
    {
      method: 'POST',
      path: `${at}/rename`,
      permission: write,
      handle: async ({ fields, actor }) =>
        modelAnswer(await registry.changeModel({ name: fields.text('name'), rename: fields.text('new_name'), actor })),
    },
    {
      method: 'DELETE',
      path: `${at}/delete`,
      permission: write,
      handle: async ({ fields, actor }) => {
        await registry.deleteModel(fields.text('name'), actor);
        return {};
      },
    },
    {
      method: 'POST',
      path: `${at}/set-tag`,
      permission: write,
      handle: async ({ fields, actor }) => {
        const tags = { [fields.text('key')]: fields.findText('value') ?? '' };
        await registry.changeModel({ name: fields.text('name'), tags, actor });
        return {};
      },
    },
    {
      method: 'DELETE',
      path: `${at}/delete-tag`,
      permission: write,
      handle: async ({ fields, actor }) => {
        await registry.changeModel({ name: fields.text('name'), tags: { [fields.text('key')]: null }, actor });
        return {};
      },
    },
    { method: 'GET', path: `${at}/get-latest-versions`, permission: read, handle: latest },
    { method: 'POST', path: `${at}/get-latest-versions`, permission: read, handle: latest },
  ];
}

function aliasEndpoints({ registry }: Parts): Endpoint[] {
  const path = '/mlflow/registered-models/alias';
  return [
    {
      method: 'POST',
      path,
      permission: 'registry.promote',
      handle: async ({ fields, actor }) => {
        const model = fields.text('name');
        const version = numberOf(fields);
        const alias = fields.text('alias');
        const move = registry.moveAlias({ model, alias, version, actor });
        const { approval, previous } = await orNoVersion(model, version, move);
        if (approval === undefined) return {};
        // The protocol has no word for later: an answer without an error would say that the alias has moved.
        throw new MlflowError(
          'RESOURCE_CONFLICT',
          `Registered model alias ${alias} of ${model} moves only with an approval. It was asked for and not moved: request ${approval.id} ` +
            `waits for somebody to approve it until ${new Date(approval.lapsesAt).toISOString()}. ` +
            `${alias} ${previous === undefined ? 'names no version yet' : `still names version ${previous}`}.`,
        );
      },
    },
    {
      method: 'DELETE',
      path,
      permission: 'registry.promote',
      handle: async ({ fields, actor }) => {
        await registry.deleteAlias(fields.text('name'), fields.text('alias'), actor);
        return {};
      },
    },
    {
      method: 'GET',
      path,
      permission: 'registry.read',
      handle: async ({ fields }) => {
        const model = await registry.getModel(fields.text('name'));
        const alias = fields.text('alias');
        const number = alias.toLowerCase() === 'latest' ? 'latest' : model.aliases[alias];
        if (number === undefined) throw invalidParameter(`Registered model alias ${alias} not found.`);
        return { model_version: wireVersion(await registry.getVersion(model.name, number)) };
      },
    },
  ];
}

function versionEndpoints({ registry, tracking }: Parts): Endpoint[] {
  const at = '/mlflow/model-versions';
  const read = 'registry.read';
  const write = 'registry.write';
  const get = async (fields: Fields): Promise<ModelVersion> => {
    const model = fields.text('name');
    const number = numberOf(fields);
    return orNoVersion(model, number, registry.getVersion(model, number));
  };
  const change = async (
    fields: Fields,
    actor: string,
    what: Omit<Parameters<Registry['changeVersion']>[0], 'model' | 'number' | 'actor'>,
  ): Promise<WireObject> => {
    const model = fields.text('name');
    const number = numberOf(fields);
    const changed = await orNoVersion(model, number, registry.changeVersion({ model, number, actor, ...what }));
    return { model_version: wireVersion(changed) };
  };
  return [
    {
      method: 'POST',
      path: `${at}/create`,
      permission: write,
      handle: async ({ fields, actor }) => {
        const source = fields.text('source');
        const tags = fields.pairs('tags');
        const runId = fields.findText('run_id');
        const modelId = fields.findText('model_id');
        const loggedModelId =
          (modelId === undefined || modelId === '' ? undefined : modelIdOf(modelId)) ??
          modelIdFromWire(source.replace(/^models:\/*/i, ''));
        const named = runId === undefined || runId === '' ? undefined : runIdFromWire(runId);
        const loggedIn =
          named === undefined && loggedModelId !== undefined
            ? (await tracking.getLoggedModel(loggedModelId)).runId
            : undefined;
        const version = await registry.createVersion({
          model: fields.text('name'),
          createModel: false,
          files: isPrompt(tags) ? { from: 'nothing' } : filesOf(source, modelId === '' ? undefined : modelId),
          description: fields.findText('description'),
          runId: named ?? loggedIn,
          loggedModelId,
          source,
          tags,
          actor,
        });
        return { model_version: wireVersion(version) };
      },
    },
    {
      method: 'GET',
      path: `${at}/get`,
      permission: read,
      handle: async ({ fields }) => ({ model_version: wireVersion(await get(fields)) }),
    },
    {
      method: 'GET',
      path: `${at}/get-download-uri`,
      permission: read,
      handle: async ({ fields }) => {
        const version = await get(fields);
        return { artifact_uri: version.files.length > 0 ? versionArtifactUri(version.id) : version.source };
      },
    },
    {
      method: 'GET',
      path: `${at}/search`,
      permission: read,
      handle: async ({ fields }) => {
        const filterText = fields.findText('filter') ?? '';
        const [order] = versionOrder(fields.texts('order_by'));
        const page = await registry.searchVersions({
          filter: withoutPrompts(versionFilter(filterText)),
          filterText,
          orderBy: order?.key,
          ascending: order?.ascending,
          limit: limitOf(fields, 10_000, 200_000),
          pageToken: tokenOf(fields),
        });
        return { model_versions: listed(page.items.map(wireVersion)), next_page_token: page.nextPageToken };
      },
    },
    {
      method: 'PATCH',
      path: `${at}/update`,
      permission: write,
      handle: ({ fields, actor }) => change(fields, actor, { description: fields.findText('description') ?? '' }),
    },
    {
      method: 'POST',
      path: `${at}/transition-stage`,
      permission: 'registry.promote',
      handle: ({ fields, actor }) => {
        const stage = stageOf(fields, 'stage', fields.text('stage'));
        const archiveExisting = fields.bool('archive_existing_versions');
        if (archiveExisting && stage !== 'Staging' && stage !== 'Production')
          throw invalidParameter(
            `Model version transition cannot archive existing model versions because '${stage}' is not an Active stage. Valid stages are Staging, Production`,
          );
        return change(fields, actor, { stage, archiveExisting });
      },
    },
    {
      method: 'DELETE',
      path: `${at}/delete`,
      permission: write,
      handle: async ({ fields, actor }) => {
        const model = fields.text('name');
        const number = numberOf(fields);
        await orNoVersion(model, number, registry.deleteVersion(model, number, actor));
        return {};
      },
    },
    {
      method: 'POST',
      path: `${at}/set-tag`,
      permission: write,
      handle: async ({ fields, actor }) => {
        await change(fields, actor, { tags: { [fields.text('key')]: fields.findText('value') ?? '' } });
        return {};
      },
    },
    {
      method: 'DELETE',
      path: `${at}/delete-tag`,
      permission: write,
      handle: async ({ fields, actor }) => {
        await change(fields, actor, { tags: { [fields.text('key')]: null } });
        return {};
      },
    },
  ];
}
