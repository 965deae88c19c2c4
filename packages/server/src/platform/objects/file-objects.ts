/**
 * Objects as files: `<folder>/sha256/ab/cd…`, written to `<folder>/tmp`, hashed on the way, synced, renamed. A name exists
 * only when all of its bytes are on the disk, so a reader never sees a part and a crash leaves only a temporary file.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { mkdir, open, opendir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { digestPattern, SlipwayError } from '@slipway/contract';
import type { Clock } from '../clock.ts';
import type { ObjectInfo, Objects } from './objects.ts';

/** A temporary file older than this belongs to no running write. */
const staleTempMs = 24 * 3_600_000;

export interface FileObjectsOptions {
  readonly folder: string;
  readonly clock: Clock;
}

export async function createFileObjects({ folder, clock }: FileObjectsOptions): Promise<Objects> {
  const tempFolder = join(folder, 'tmp');
  await mkdir(tempFolder, { recursive: true });
  await mkdir(join(folder, 'sha256'), { recursive: true });
  await sweepTemp(tempFolder, clock.now());
  let counter = 0;

  const fileOf = (digest: string): string => {
    if (!digestPattern.test(digest))
      throw new SlipwayError('name_invalid', {
        value: digest,
        noun: 'object',
        rule: 'sha256: followed by 64 hex digits',
      });
    const hex = digest.slice(7);
    return join(folder, 'sha256', hex.slice(0, 2), hex.slice(2));
  };
  const find = async (digest: string): Promise<ObjectInfo | undefined> => {
    try {
      const info = await stat(fileOf(digest));
      return { digest, sizeBytes: info.size };
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  };
  const must = async (digest: string): Promise<ObjectInfo> => {
    const info = await find(digest);
    if (!info) throw new SlipwayError('object_missing', { digest, location: folder });
    return info;
  };

  const put: Objects['put'] = async (bytes, options = {}) => {
    const temp = join(tempFolder, `${process.pid}-${++counter}`);
    try {
      const { digest, sizeBytes } = await writeHashed(
        temp,
        bytes instanceof Uint8Array ? once(bytes) : bytes,
        options.limitBytes ?? Infinity,
      );
      if (options.expect !== undefined && options.expect !== digest)
        throw new SlipwayError('digest_mismatch', { found: digest, expected: options.expect });
      if (await find(digest)) {
        await rm(temp, { force: true });
        return { digest, sizeBytes, stored: false };
      }
      const target = fileOf(digest);
      await mkdir(dirname(target), { recursive: true });
      await rename(temp, target);
      await syncFolder(dirname(target));
      return { digest, sizeBytes, stored: true };
    } catch (error) {
      await rm(temp, { force: true });
      if (codeOf(error) === 'ENOSPC' || codeOf(error) === 'EDQUOT')
        throw new SlipwayError('disk_full', { location: folder }, { cause: error });
      throw error;
    }
  };

  return {
    put,
    putFile: (path) => put(createReadStream(path)),
    find,
    open: async (digest, range) => {
      const info = await must(digest);
      if (range)
        return createReadStream(fileOf(digest), { start: range.start, end: Math.min(range.end, info.sizeBytes) - 1 });
      return verified(fileOf(digest), digest);
    },
    read: async (digest, limitBytes) => {
      const info = await must(digest);
      if (info.sizeBytes > limitBytes)
        throw new SlipwayError('body_too_large', { limitBytes, operation: `reading object ${digest}` });
      const bytes = await readFile(fileOf(digest));
      const found = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
      if (found !== digest) throw new SlipwayError('object_corrupt', { digest, found });
      return bytes;
    },
    path: async (digest) => {
      await must(digest);
      return fileOf(digest);
    },
    collect: async (isReferenced, graceMs) => {
      const gone = { count: 0, sizeBytes: 0 };
      const oldest = clock.now() - graceMs;
      for await (const shard of await opendir(join(folder, 'sha256'))) {
        for await (const entry of await opendir(join(folder, 'sha256', shard.name))) {
          const file = join(folder, 'sha256', shard.name, entry.name);
          const info = await stat(file).catch(() => undefined);
          if (!info || info.mtimeMs > oldest || (await isReferenced(`sha256:${shard.name}${entry.name}`))) continue;
          await rm(file, { force: true });
          gone.count++;
          gone.sizeBytes += info.size;
        }
      }
      return gone;
    },
  };
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function writeHashed(path: string, bytes: AsyncIterable<Uint8Array>, limitBytes: number): Promise<ObjectInfo> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const file = await open(path, 'wx');
  try {
    for await (const chunk of bytes) {
      sizeBytes += chunk.length;
      if (sizeBytes > limitBytes)
        throw new SlipwayError('body_too_large', { limitBytes, operation: 'storing an object' });
      hash.update(chunk);
      await writeAll(file, chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { digest: `sha256:${hash.digest('hex')}`, sizeBytes };
}

/** One write may take fewer bytes than given. */
async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  let offset = 0;
  while (offset < chunk.length) offset += (await file.write(chunk, offset)).bytesWritten;
}

/** After a rename the folder's own entry must reach the disk too. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** The file's bytes; after the last one the hash is compared, so a damaged object ends in an error instead of an end. */
async function* verified(path: string, digest: string): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    yield chunk;
  }
  const found = `sha256:${hash.digest('hex')}`;
  if (found !== digest) throw new SlipwayError('object_corrupt', { digest, found });
}

async function sweepTemp(tempFolder: string, now: number): Promise<void> {
  for await (const entry of await opendir(tempFolder)) {
    const file = join(tempFolder, entry.name);
    const info = await stat(file).catch(() => undefined);
    if (info && now - info.mtimeMs > staleTempMs) await rm(file, { force: true });
  }
}
