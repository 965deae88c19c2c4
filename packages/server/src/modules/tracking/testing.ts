/** A tracking module for tests. */
import { createHash } from 'node:crypto';
import { createSystemClock } from '../../platform/clock.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Db } from '../../platform/db/db.ts';
import { createIds } from '../../platform/ids.ts';
import type { Ids } from '../../platform/ids.ts';
import type { Objects } from '../../platform/objects/objects.ts';
import type { Tracking } from './index.ts';
import { createTracking } from './index.ts';

export interface TrackingBench {
  readonly tracking: Tracking;
  readonly db: Db;
  readonly ids: Ids;
  readonly clock: Clock;
  readonly objects: Objects;
}

/** Objects in memory: enough for modules that only store and read whole ones. */
export function memoryObjects(): Objects {
  const kept = new Map<string, Buffer>();
  const get = (digest: string): Buffer => {
    const bytes = kept.get(digest);
    if (bytes === undefined) throw new Error(`no object ${digest}`);
    return bytes;
  };
  const unused = (): never => {
    throw new Error('not in these tests');
  };
  return {
    put: async (bytes) => {
      const chunks: Uint8Array[] = [];
      if (bytes instanceof Uint8Array) chunks.push(bytes);
      else for await (const chunk of bytes) chunks.push(chunk);
      const all = Buffer.concat(chunks);
      const digest = `sha256:${createHash('sha256').update(all).digest('hex')}`;
      const stored = !kept.has(digest);
      kept.set(digest, all);
      return { digest, sizeBytes: all.length, stored };
    },
    putFile: unused,
    find: async (digest) => {
      const bytes = kept.get(digest);
      return bytes && { digest, sizeBytes: bytes.length };
    },
    open: async (digest, range) => {
      const bytes = get(digest);
      return (async function* () {
        yield range === undefined ? bytes : bytes.subarray(range.start, range.end);
      })();
    },
    read: async (digest) => get(digest),
    path: unused,
    collect: unused,
  };
}

/** Tracking over an opened database. */
export function trackingBench(db: Db): TrackingBench {
  const clock = createSystemClock();
  const ids = createIds(clock);
  const objects = memoryObjects();
  return { tracking: createTracking({ db, clock, ids, objects }), db, ids, clock, objects };
}
