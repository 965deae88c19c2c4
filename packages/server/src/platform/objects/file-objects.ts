/**
 * Objects as files: `<folder>/sha256/ab/cdef…`, read-only, written to `<folder>/tmp`, hashed on the way, synced, renamed, and
 * the directory synced, so that a name exists only with its whole content. Memory stays constant for any size.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Stats } from 'node:fs';
import { chmod, mkdir, open as openFile, opendir, readFile, rename, rm, stat, unlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { digestPattern, SlipwayError } from '@slipway/contract';
import { digestOfBytes } from '../../lib/digest.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { ObjectInfo, Objects } from './objects.ts';

/** Temporary files older than this belong to no write that is still going on, milliseconds. */
const staleTempMs = 24 * 3600 * 1000;
/** Files remembered as proven; past it the oldest is proven again when it is asked for. */
const provenMax = 100_000;
/** Bytes read at a time. */
const chunkBytes = 256 * 1024;

export interface FileObjectsDeps {
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Log;
}

interface Folder extends FileObjectsDeps {
  readonly tempFolder: string;
  /** Digest to the state of the file in which its bytes were found to be right. */
  readonly proven: Map<string, string>;
  nextTemp(): string;
}

export async function createFileObjects(deps: FileObjectsDeps): Promise<Objects> {
  const tempFolder = join(deps.folder, 'tmp');
  let count = 0;
  const folder: Folder = {
    ...deps,
    tempFolder,
    proven: new Map(),
    nextTemp: () => join(tempFolder, `${process.pid}-${deps.clock.now()}-${++count}`),
  };
  await mkdir(join(deps.folder, 'sha256'), { recursive: true });
  await mkdir(tempFolder, { recursive: true });
  await sweepTemp(folder);
  return {
    put: (bytes, options) => put(folder, bytes, options ?? {}),
    putFile: (path) => put(folder, createReadStream(path, { highWaterMark: chunkBytes }), {}),
    find: (digest) => find(folder, digest),
    open: async (digest, range) => {
      const info = await need(folder, digest);
      if (range === undefined) return verified(folder, info, pathOf(folder, digest));
      return openRange(info, await provenPath(folder, digest), range);
    },
    read: (digest, limitBytes) => read(folder, digest, limitBytes),
    path: (digest) => provenPath(folder, digest),
    collect: (isReferenced, graceMs) => collect(folder, isReferenced, graceMs),
  };
}

function hexOf(digest: string): string {
  if (!digestPattern.test(digest)) {
    throw new SlipwayError('id_invalid', { noun: 'object', value: digest, example: `sha256:${'0'.repeat(64)}` });
  }
  return digest.slice('sha256:'.length);
}

function pathOf(folder: Folder, digest: string): string {
  const hex = hexOf(digest);
  return join(folder.folder, 'sha256', hex.slice(0, 2), hex.slice(2));
}

const codeOf = (error: unknown): unknown => (error as { code?: unknown } | null)?.code;

function diskError(folder: Folder, error: unknown): unknown {
  const isFull = codeOf(error) === 'ENOSPC' || codeOf(error) === 'EDQUOT';
  return isFull ? new SlipwayError('disk_full', { location: folder.folder }, { cause: error }) : error;
}

async function find(folder: Folder, digest: string): Promise<ObjectInfo | undefined> {
  try {
    const found = await stat(pathOf(folder, digest));
    return { digest, sizeBytes: found.size };
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function need(folder: Folder, digest: string): Promise<ObjectInfo> {
  const info = await find(folder, digest);
  if (info === undefined) throw missing(folder, digest);
  return info;
}

function missing(folder: Folder, digest: string): SlipwayError {
  return new SlipwayError('object_missing', { digest, location: folder.folder });
}

async function put(
  folder: Folder,
  bytes: AsyncIterable<Uint8Array> | Uint8Array,
  options: { readonly expect?: string; readonly limitBytes?: number },
): Promise<ObjectInfo & { readonly stored: boolean }> {
  if (options.expect !== undefined) hexOf(options.expect);
  const temp = folder.nextTemp();
  try {
    const written = await writeTemp(temp, bytes, options.limitBytes);
    if (options.expect !== undefined && options.expect !== written.digest) {
      throw new SlipwayError('digest_mismatch', { found: written.digest, expected: options.expect });
    }
    const stored = await adopt(folder, temp, written);
    return { ...written, stored };
  } catch (error) {
    throw diskError(folder, error);
  } finally {
    await rm(temp, { force: true });
  }
}

async function writeTemp(
  temp: string,
  bytes: AsyncIterable<Uint8Array> | Uint8Array,
  limitBytes = Number.POSITIVE_INFINITY,
): Promise<ObjectInfo> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const file = await openFile(temp, 'wx', 0o600);
  try {
    for await (const chunk of bytes instanceof Uint8Array ? [bytes] : bytes) {
      sizeBytes += chunk.byteLength;
      if (sizeBytes > limitBytes) {
        throw new SlipwayError('body_too_large', { limitBytes, operation: 'this object' });
      }
      hash.update(chunk);
      let offset = 0;
      while (offset < chunk.byteLength) {
        offset += (await file.write(chunk, offset, chunk.byteLength - offset)).bytesWritten;
      }
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { digest: `sha256:${hash.digest('hex')}`, sizeBytes };
}

/** Gives the temporary file its name. False when the object was there already, whole: one that is not is replaced. */
async function adopt(folder: Folder, temp: string, info: ObjectInfo): Promise<boolean> {
  const target = pathOf(folder, info.digest);
  const existing = await find(folder, info.digest);
  if (existing?.sizeBytes === info.sizeBytes && (await isWhole(folder, info.digest))) {
    // Young again: a collection that is going on must not take what was just put.
    const seconds = folder.clock.now() / 1000;
    try {
      await utimes(target, seconds, seconds);
      folder.proven.set(info.digest, stateOf(await stat(target)));
      return false;
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  }
  const parent = join(target, '..');
  const isNewParent = (await mkdir(parent, { recursive: true })) !== undefined;
  await chmod(temp, 0o444);
  const seconds = folder.clock.now() / 1000;
  await utimes(temp, seconds, seconds);
  await rename(temp, target);
  await syncFolder(parent);
  if (isNewParent) await syncFolder(join(parent, '..'));
  return true;
}

async function syncFolder(path: string): Promise<void> {
  const handle = await openFile(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A part of a file that was found whole. */
function openRange(
  info: ObjectInfo,
  path: string,
  range: { readonly start: number; readonly end: number },
): AsyncIterable<Uint8Array> {
  const end = Math.min(range.end, info.sizeBytes);
  // createReadStream counts the last byte in.
  return range.start >= end
    ? empty()
    : createReadStream(path, { start: range.start, end: end - 1, highWaterMark: chunkBytes });
}

async function* empty(): AsyncGenerator<Uint8Array> {}

/** All bytes; the last part is held back until the whole is known to be what was stored. */
async function* verified(folder: Folder, info: ObjectInfo, path: string): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let last: Uint8Array | undefined;
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: chunkBytes })) {
      const part = chunk as Uint8Array;
      hash.update(part);
      if (last !== undefined) yield last;
      last = part;
    }
  } catch (error) {
    throw codeOf(error) === 'ENOENT' ? missing(folder, info.digest) : error;
  }
  const found = `sha256:${hash.digest('hex')}`;
  if (found !== info.digest) {
    folder.log.error('a stored object is corrupt', { digest: info.digest, found, path });
    throw new SlipwayError('object_corrupt', { digest: info.digest, found });
  }
  if (last !== undefined) yield last;
}

/**
 * Whoever gets a path reads past us: the bytes are checked before, once for each state of the file, at the speed of sha256
 * (0.5 to 1.5 GB/s). A disk that changes bytes and not the file's times is noticed by the next process.
 */
async function provenPath(folder: Folder, digest: string): Promise<string> {
  const path = pathOf(folder, digest);
  const found = await stat(path).catch((error: unknown) => {
    throw codeOf(error) === 'ENOENT' ? missing(folder, digest) : error;
  });
  const state = stateOf(found);
  if (folder.proven.get(digest) === state) return path;
  for await (const _ of verified(folder, { digest, sizeBytes: found.size }, path));
  const [oldest] = folder.proven.keys();
  if (folder.proven.size >= provenMax && oldest !== undefined) folder.proven.delete(oldest);
  folder.proven.set(digest, state);
  return path;
}

const stateOf = (found: Stats): string => `${found.ino} ${found.size} ${found.mtimeMs} ${found.ctimeMs}`;

async function isWhole(folder: Folder, digest: string): Promise<boolean> {
  try {
    await provenPath(folder, digest);
    return true;
  } catch (error) {
    if (error instanceof SlipwayError) return false;
    throw error;
  }
}

async function read(folder: Folder, digest: string, limitBytes: number): Promise<Buffer> {
  const info = await need(folder, digest);
  if (info.sizeBytes > limitBytes) {
    throw new SlipwayError('body_too_large', { limitBytes, operation: `reading object ${digest} at once` });
  }
  let bytes: Buffer;
  try {
    bytes = await readFile(pathOf(folder, digest));
  } catch (error) {
    throw codeOf(error) === 'ENOENT' ? missing(folder, digest) : error;
  }
  const found = digestOfBytes(bytes);
  if (found !== digest) throw new SlipwayError('object_corrupt', { digest, found });
  return bytes;
}

async function collect(
  folder: Folder,
  isReferenced: (digest: string) => Promise<boolean>,
  graceMs: number,
): Promise<{ readonly count: number; readonly sizeBytes: number }> {
  let count = 0;
  let sizeBytes = 0;
  const root = join(folder.folder, 'sha256');
  for await (const shard of await opendir(root)) {
    if (!shard.isDirectory()) continue;
    for await (const entry of await opendir(join(root, shard.name))) {
      const digest = `sha256:${shard.name}${entry.name}`;
      if (!digestPattern.test(digest)) continue;
      const path = pathOf(folder, digest);
      if (!(await isOld(folder, path, graceMs)) || (await isReferenced(digest))) continue;
      // The question may have taken long: whoever put the object meanwhile made it young.
      const found = await isOld(folder, path, graceMs);
      if (found === undefined) continue;
      await unlink(path);
      count += 1;
      sizeBytes += found.size;
    }
  }
  await sweepTemp(folder);
  return { count, sizeBytes };
}

async function isOld(folder: Folder, path: string, ageMs: number): Promise<Stats | undefined> {
  try {
    const found = await stat(path);
    return folder.clock.now() - found.mtimeMs >= ageMs ? found : undefined;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Removes what writes of dead processes left. */
async function sweepTemp(folder: Folder): Promise<void> {
  for await (const entry of await opendir(folder.tempFolder)) {
    const path = join(folder.tempFolder, entry.name);
    const pid = Number(/^(\d+)-/.exec(entry.name)?.[1]);
    const isDead = Number.isInteger(pid) && !isAlive(pid);
    if (isDead || (await isOld(folder, path, staleTempMs)) !== undefined) await rm(path, { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}
