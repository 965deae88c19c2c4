import { registryRoutes, SlipwayError } from '@slipway/contract';
import type { Binding } from '../../platform/http/binding.ts';
import { bind, Stream } from '../../platform/http/binding.ts';
import type { Objects } from '../../platform/objects/objects.ts';
import type { Registry, VersionFiles } from './index.ts';

export interface RegistryRouteDeps {
  readonly registry: Registry;
  readonly objects: Objects;
}

export function registryBinding({ registry, objects }: RegistryRouteDeps): Binding {
  return bind(registryRoutes, {
    'models.list': ({ query }) => registry.searchModels(query),
    'models.create': ({ body }, { actor }) => registry.createModel({ ...body, actor }),
    'models.get': ({ params }) => registry.getModel(params.model),
    'models.versions': async ({ params, query }) => {
      await registry.getModel(params.model);
      return registry.searchVersions({ ...query, model: params.model, orderBy: 'number', ascending: false });
    },
    'models.createVersion': ({ params, body }, { actor }) => {
      const { digest, artifactPath, fileName, ...rest } = body;
      const files: VersionFiles =
        digest !== undefined
          ? { from: 'object', digest, fileName }
          : { from: 'artifacts', owner: body.runId ?? '', path: artifactPath ?? '' }; // the schema asks for one of the two
      return registry.createVersion({ ...rest, model: params.model, files, actor });
    },
    'models.getVersion': ({ params }) => registry.getVersion(params.model, params.version),
    'models.getFile': async ({ params }) => {
      const version = await registry.getVersion(params.model, params.version);
      const file = version.files.find((f) => f.path === params.path);
      if (!file)
        throw new SlipwayError('not_found', {
          noun: `file of ${params.model}/${version.number}`,
          name: params.path,
          remedy: `It has ${
            version.files
              .map((f) => f.path)
              .slice(0, 20)
              .join(', ') || 'no files'
          }.`,
        });
      return new Stream(await objects.open(file.digest), {
        'content-type': 'application/octet-stream',
        'content-disposition': 'attachment',
        'content-length': String(file.sizeBytes),
        etag: `"${file.digest}"`,
      });
    },
    'models.setAlias': ({ params, body }, { actor }) => registry.moveAlias({ ...params, ...body, actor }),
    'models.deleteAlias': async ({ params }, { actor }) => ({
      removed: await registry.deleteAlias(params.model, params.alias, actor),
    }),
    'models.gates': async ({ params, query }) => {
      await registry.getModel(params.model);
      return registry.listGates({ ...query, model: params.model });
    },
    'models.judgeGate': ({ params, body }, { actor }) => registry.judgeGate({ ...body, model: params.model, actor }),
    'models.setStage': async ({ params, body }, { actor }) => {
      const { number } = await registry.getVersion(params.model, params.version);
      return registry.changeVersion({ model: params.model, number, ...body, actor });
    },
    'modelVersions.list': ({ query: { runId, ...query } }) =>
      registry.searchVersions({
        ...query,
        ...(runId === undefined ? {} : { runId }),
        orderBy: 'createdAt',
        ascending: false,
      }),
    'gates.get': ({ params }) => registry.getGate(params.gate),
  });
}
