/** The artifact proxy: files of runs and logged models, streamed both ways, and the pinned files of registered versions. */
import type { ModelFile } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import type { Registry } from '../../modules/registry/index.ts';
import type { Tracking } from '../../modules/tracking/index.ts';
import { Stream } from '../../platform/http/binding.ts';
import type { ForeignAnswer, ForeignRequest, ForeignRoute } from '../../platform/http/foreign.ts';
import type { Objects } from '../../platform/objects/objects.ts';
import { invalidParameter, mlflowError, MlflowError } from './errors.ts';
import type { ArtifactAddress } from './ids.ts';
import { parseArtifactAddress } from './ids.ts';
import { clientPrefixes, refusing } from './route.ts';
import type { WireObject } from './wire.ts';
import { answer, listed, readFields } from './wire.ts';

export interface ArtifactRouteDeps {
  readonly tracking: Tracking;
  readonly registry: Registry;
  readonly objects: Objects;
}

function addressOf(path: string): ArtifactAddress {
  if (path.split('/').includes('..')) throw invalidParameter('Invalid path');
  const address = parseArtifactAddress(path);
  if (address !== undefined) return address;
  throw invalidParameter(
    `Invalid path: '${path.slice(0, 200)}' does not lie below the artifacts of a run or a logged model. The proxy keeps nothing else.`,
  );
}

const rest = (request: ForeignRequest): string => request.params['path'] ?? '';

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** `bytes=a-b`, `bytes=a-`, `bytes=-n`; undefined when the header asks for something else, which means the whole file. */
function rangeOf(header: string | string[] | undefined, sizeBytes: number): { start: number; end: number } | undefined {
  const found = typeof header === 'string' ? /^bytes=(\d*)-(\d*)$/.exec(header) : null;
  if (!found || (found[1] === '' && found[2] === '')) return undefined;
  const [, from = '', to = ''] = found;
  if (from === '') return { start: Math.max(0, sizeBytes - Number(to)), end: sizeBytes };
  return { start: Number(from), end: to === '' ? sizeBytes : Math.min(sizeBytes, Number(to) + 1) };
}

export async function fileAnswer(objects: Objects, file: ModelFile, request: ForeignRequest): Promise<ForeignAnswer> {
  const headers = {
    'content-type': 'application/octet-stream',
    'x-content-type-options': 'nosniff',
    'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(baseName(file.path))}`,
    'accept-ranges': 'bytes',
    etag: `"${file.digest}"`,
  };
  const range = rangeOf(request.caller.headers['range'], file.sizeBytes);
  if (range === undefined) {
    const whole = { ...headers, 'content-length': String(file.sizeBytes) };
    return { status: 200, body: new Stream(await objects.open(file.digest), whole) };
  }
  if (range.start >= range.end)
    return { status: 416, headers: { 'content-range': `bytes */${file.sizeBytes}` }, body: '' };
  const part = {
    ...headers,
    'content-length': String(range.end - range.start),
    'content-range': `bytes ${range.start}-${range.end - 1}/${file.sizeBytes}`,
  };
  return { status: 206, body: new Stream(await objects.open(file.digest, range), part, 206) };
}

/** Folders and files directly below `path`, by base name. */
export function childrenOf(files: readonly ModelFile[], path: string): readonly WireObject[] {
  const prefix = path === '' ? '' : `${path}/`;
  const children = new Map<string, WireObject>();
  for (const file of files) {
    if (!file.path.startsWith(prefix)) continue;
    const [name = '', ...more] = file.path.slice(prefix.length).split('/');
    if (more.length > 0) children.set(name, { path: name, is_dir: true });
    else children.set(name, { path: name, is_dir: false, file_size: file.sizeBytes });
  }
  return [...children.values()];
}

const withRefusals = (route: ForeignRoute): ForeignRoute => ({ ...route, handle: refusing(route.handle) });

export function artifactRoutes({ tracking, registry, objects }: ArtifactRouteDeps): ForeignRoute[] {
  const find = async ({ owner, path }: ArtifactAddress): Promise<ModelFile> => {
    const version = owner.kind === 'modelVersion' ? await registry.findVersionById(owner.id) : undefined;
    const file =
      owner.kind === 'modelVersion'
        ? version?.files.find((f) => f.path === path)
        : path === ''
          ? undefined
          : await tracking.artifacts.find(owner.id, path);
    if (file) return file;
    throw new MlflowError('RESOURCE_DOES_NOT_EXIST', `No such artifact: '${path}'`);
  };
  const mustWrite = async ({ owner, path }: ArtifactAddress): Promise<void> => {
    if (path === '') throw invalidParameter('Invalid path: a file name is missing');
    if (owner.kind === 'modelVersion')
      throw new MlflowError(
        'PERMISSION_DENIED',
        'The files of a registered version never change. Log the model again and register a new version.',
      );
    if (owner.kind === 'run') {
      const run = await tracking.getRun(owner.id);
      if (run.lifecycle === 'deleted') throw new SlipwayError('run_deleted', { run: run.id });
      return;
    }
    const model = await tracking.getLoggedModel(owner.id);
    if (model.status === 'ready')
      throw new MlflowError(
        'RESOURCE_CONFLICT',
        `Logged model '${model.name}' is finalized, so its files do not change. Log the model again.`,
      );
  };
  const routesAt = (prefix: string): ForeignRoute[] => {
    const at = `${prefix}/2.0/mlflow-artifacts`;
    const common = { error: mlflowError, bodyMode: 'none' } as const;
    const unsupported = (method: ForeignRoute['method'], path: string, message: string): ForeignRoute => ({
      ...common,
      method,
      path: `${at}/${path}`,
      permission: 'tracking.read',
      handle: () => Promise.reject(new MlflowError('NOT_IMPLEMENTED', message)),
    });
    return [
      {
        ...common,
        method: 'PUT',
        path: `${at}/artifacts/{path+}`,
        permission: 'tracking.write',
        bodyMode: 'stream',
        handle: async (request) => {
          const address = addressOf(rest(request));
          await mustWrite(address);
          await tracking.artifacts.put(address.owner.id, address.path, request.stream);
          return answer({});
        },
      },
      {
        ...common,
        method: 'GET',
        path: `${at}/artifacts/{path+}`,
        permission: 'tracking.read',
        handle: async (request) => fileAnswer(objects, await find(addressOf(rest(request))), request),
      },
      {
        ...common,
        method: 'DELETE',
        path: `${at}/artifacts/{path+}`,
        permission: 'tracking.write',
        handle: async (request) => {
          const address = addressOf(rest(request));
          await mustWrite(address);
          await tracking.artifacts.remove(address.owner.id, address.path, request.caller.actor);
          return answer({});
        },
      },
      {
        ...common,
        method: 'GET',
        path: `${at}/artifacts`,
        permission: 'tracking.read',
        handle: async (request) => {
          const { owner, path } = addressOf(readFields(request).findText('path') ?? '');
          const files =
            owner.kind === 'modelVersion'
              ? childrenOf((await registry.findVersionById(owner.id))?.files ?? [], path)
              : (await tracking.artifacts.list(owner.id, path)).map((a) => ({
                  path: baseName(a.path),
                  is_dir: a.isFolder,
                  file_size: a.sizeBytes,
                }));
          return answer({ files: listed(files) });
        },
      },
      ...['create', 'complete', 'abort'].map((verb) =>
        unsupported(
          'POST',
          `mpu/${verb}/{path+}`,
          'Multipart upload is not supported for the current artifact repository',
        ),
      ),
      unsupported(
        'GET',
        'presigned/{path+}',
        'Presigned download is not supported for the current artifact repository',
      ),
    ];
  };
  return clientPrefixes.flatMap(routesAt).map(withRefusals);
}

/** Downloads that the console links to, outside /api. */
export function downloadRoutes({ tracking, registry, objects }: ArtifactRouteDeps): ForeignRoute[] {
  const common = { method: 'GET', bodyMode: 'none', error: mlflowError } as const;
  const routes: ForeignRoute[] = [
    {
      ...common,
      path: '/get-artifact',
      permission: 'tracking.read',
      handle: async (request) => {
        const fields = readFields(request);
        const run = fields.findText('run_id') ?? fields.findText('run_uuid') ?? '';
        const address = addressOf(`${run}/artifacts/${fields.text('path')}`);
        return fileAnswer(objects, await tracking.artifacts.get(address.owner.id, address.path), request);
      },
    },
    {
      ...common,
      path: '/model-versions/get-artifact',
      permission: 'registry.read',
      handle: async (request) => {
        const fields = readFields(request);
        const version = await registry.getVersion(fields.text('name'), fields.text('version'));
        const path = fields.text('path');
        const file = version.files.find((f) => f.path === path);
        if (!file) throw new MlflowError('RESOURCE_DOES_NOT_EXIST', `No such artifact: '${path}'`);
        return fileAnswer(objects, file, request);
      },
    },
  ];
  return routes.map(withRefusals);
}
