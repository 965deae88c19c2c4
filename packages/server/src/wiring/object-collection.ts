/**
 * Collection of stored bytes that nothing refers to any more. Every module that refers to objects is asked, those with an
 * index first; an object goes only when all of them say no and nobody put it within the grace. The grace covers what is
 * stored before it is referred to: uploads of an apply, artifacts of a step that has not ended.
 */
import { isInBundle } from '../modules/projects/index.ts';
import type { Modules } from './modules.ts';
import type { Platform } from './platform.ts';

const collectionKind = 'objects.collect';
/** Older than any upload, apply or step that is still going on. */
const graceMs = 24 * 3_600_000;
const deadlineMs = 6 * 3_600_000;

export type IsReferenced = (digest: string) => Promise<boolean>;

export function createReferences(
  { db }: Pick<Platform, 'db'>,
  { data, tracking, registry, pipelines }: Pick<Modules, 'data' | 'tracking' | 'registry' | 'pipelines'>,
): IsReferenced {
  return async (digest) =>
    (await data.isReferenced(digest)) ||
    (await tracking.artifacts.isReferenced(digest)) ||
    (await registry.isReferenced(digest)) ||
    (await isInBundle(db, digest)) ||
    (await pipelines.isReferenced(digest));
}

export interface ObjectCollection {
  /** Puts the nightly collection on the schedule. */
  start(): Promise<void>;
}

export function createObjectCollection(platform: Platform, isReferenced: IsReferenced): ObjectCollection {
  const { objects, jobs, log, metrics } = platform;
  const collected = metrics.counter(
    'slipway_objects_collected_total',
    'Stored objects removed because nothing refers to them.',
  );
  const freed = metrics.counter('slipway_objects_collected_bytes_total', 'Bytes of the objects removed.');
  jobs.register(collectionKind, {
    slots: 1,
    run: async ({ signal }) => {
      const gone = await objects.collect(async (digest) => {
        signal.throwIfAborted();
        return isReferenced(digest);
      }, graceMs);
      collected.add({}, gone.count);
      freed.add({}, gone.sizeBytes);
      if (gone.count > 0) log.info('removed objects that nothing refers to', gone);
      return gone;
    },
  });
  return {
    start: () =>
      jobs.setSchedule({
        name: collectionKind,
        cron: '40 3 * * *',
        timeZone: 'UTC',
        kind: collectionKind,
        subject: 'objects',
        payload: {},
        deadlineMs,
        missed: 'latest',
      }),
  };
}
