/** Receiving one file: the bytes wait outside the object store until they are known to be good. */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { DatasetFile, PutFileAnswer } from '@slipway/contract';
import { idToHex, isId, SlipwayError } from '@slipway/contract';
import type { Analytics } from '../../platform/analytics/analytics.ts';
import type { Db } from '../../platform/db/db.ts';
import type { Ids } from '../../platform/ids.ts';
import type { Objects } from '../../platform/objects/objects.ts';
import type { Catalog } from './catalog.ts';
import { versionOf } from './catalog.ts';
import type { FileFacts } from './inspect.ts';
import { inspectFile } from './inspect.ts';
import { schemaProblem } from './manifest.ts';
import type { StoredVersion } from './store.ts';
import { putFile } from './store.ts';

export interface UploadDeps {
  readonly db: Db;
  readonly ids: Ids;
  readonly objects: Objects;
  readonly analytics: Analytics;
  readonly catalog: Catalog;
  readonly uploadFolder: string;
}

export interface Upload {
  readonly dataset: string;
  readonly file: string;
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly actor: string;
}

/** Streams to a file while hashing it. */
async function receive(bytes: AsyncIterable<Uint8Array>, path: string): Promise<string> {
  const hash = createHash('sha256');
  const hashed = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of bytes) {
      hash.update(chunk);
      yield chunk;
    }
  };
  try {
    await pipeline(hashed, createWriteStream(path, { flags: 'wx' }));
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && (cause.code === 'ENOSPC' || cause.code === 'EDQUOT')) {
      throw new SlipwayError('disk_full', { location: path }, { cause });
    }
    throw cause;
  }
  return `sha256:${hash.digest('hex')}`;
}

/** An upload older than this belongs to no running request. */
const staleUploadMs = 24 * 3_600_000;

const idTimeMs = (id: string): number => parseInt(idToHex('datasetVersion', id).slice(0, 12), 16);

/** Removes what a killed server left: uploads are named by ids, and ids tell their time. */
async function sweepUploads(folder: string, newestId: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (isId('datasetVersion', name) && idTimeMs(newestId) - idTimeMs(name) > staleUploadMs) {
      await rm(join(folder, name), { force: true });
    }
  }
}

async function check(
  analytics: Analytics,
  input: { dataset: string; name: string; path: string; latest: StoredVersion | undefined },
): Promise<FileFacts> {
  const { dataset, name, path, latest } = input;
  const others = latest?.files.some((f) => f.name !== name) ? latest.schema : undefined;
  const connection = await analytics.connect();
  try {
    const facts = await inspectFile(connection, { name, path, wanted: others });
    const problem = others && schemaProblem(others, facts.schema);
    if (problem !== undefined) throw new SlipwayError('schema_mismatch', { dataset, file: name, problem });
    return facts;
  } finally {
    connection.closeSync();
  }
}

/**
 * The order is what makes a refused upload leave nothing behind: the bytes wait outside the object store until the file was read and
 * fits the dataset, then they are kept, then the version is recorded. A crash between the last two leaves an object that
 * nothing refers to, which garbage collection removes.
 */
export function createUpload(deps: UploadDeps): (upload: Upload) => Promise<PutFileAnswer> {
  const { db, ids, objects, catalog, uploadFolder } = deps;
  let isSwept = false;

  return async ({ dataset, file: name, bytes, actor }) => {
    const versionId = ids.next('datasetVersion');
    await mkdir(uploadFolder, { recursive: true });
    if (!isSwept) await sweepUploads(uploadFolder, versionId);
    isSwept = true;
    const path = join(uploadFolder, versionId);
    try {
      const digest = await receive(bytes, path);
      const latest = await catalog.findLatest(dataset);
      const same = latest?.files.some((f) => f.name === name && f.digest === digest);
      if (latest && same) {
        // Stores nothing, unless the object was lost or damaged: adding the data again is how that is mended.
        const { stored } = await objects.putFile(path);
        return { version: versionOf(dataset, latest), stored, unchanged: true };
      }
      const { rowCount, schema } = await check(deps.analytics, { dataset, name, path, latest });
      const kept = await objects.putFile(path);
      const file: DatasetFile = { name, digest, sizeBytes: kept.sizeBytes, rowCount };
      const input = { datasetId: ids.next('dataset'), versionId, dataset, file, schema, actor };
      const { version, unchanged } = await db.write(putFile, input);
      return { version: versionOf(dataset, version), stored: kept.stored, unchanged };
    } finally {
      await rm(path, { force: true });
    }
  };
}
