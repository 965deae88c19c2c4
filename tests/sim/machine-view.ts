/** Database and objects as one machine sees them: what it asks takes time, and what it hears ends with its death. */
import {
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import type { DatabaseConnection, Dialect, Driver } from 'kysely';
import { SlipwayError } from '@slipway/contract';
import type { Db } from '../../packages/server/src/platform/db/db.ts';
import type { Objects } from '../../packages/server/src/platform/objects/objects.ts';
import type { Random } from './random.ts';
import type { Machine } from './world.ts';

/** A write waits at most so long before the database takes it, milliseconds. */
const latencyMaxMs = 4;
/** Writes that are taken in one go, when several wait. */
const togetherMax = 6;

/** Decides when waiting writes are taken, and how many at once. */
export interface Admission {
  enter(machine: Machine): Promise<void>;
}

export function createAdmission(random: Random): Admission {
  let waiting: { readonly machine: Machine; readonly go: () => void }[] = [];
  const admit = (machine: Machine): void => {
    const more = random.chance(0.4) ? random.between(1, togetherMax - 1) : 0;
    const running = waiting.filter((entry) => entry.machine.state() === 'running');
    const first = running.find((entry) => entry.machine === machine);
    if (first === undefined) return;
    const ready = [first, ...running.filter((entry) => entry !== first).slice(0, more)];
    waiting = waiting.filter((entry) => !ready.includes(entry) && entry.machine.state() !== 'dead');
    for (const entry of ready) entry.go();
  };
  return {
    enter: (machine) =>
      new Promise((resolve) => {
        waiting.push({ machine, go: resolve });
        machine.after(random.between(0, latencyMaxMs), () => admit(machine));
      }),
  };
}

export function machineDb(inner: Db, machine: Machine, admission: Admission): Db {
  const later = (listener: () => void): void => {
    if (machine.state() !== 'dead') machine.after(0, listener);
  };
  const reading = heldBack(inner, machine);
  return {
    dialect: inner.dialect,
    write: async (op, input) => {
      await admission.enter(machine);
      try {
        return await inner.write(op, input);
      } finally {
        await machine.awake();
      }
    },
    read: <T>() => reading as unknown as Kysely<T>,
    scan: async (query) => {
      const rows = await inner.scan(query);
      await machine.awake();
      return rows;
    },
    onCommit: (listener) => inner.onCommit((seq) => later(() => listener(seq))),
    onWake: (topic, listener) => inner.onWake(topic, () => later(listener)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Reads whose answer waits until the machine runs, without keeping the connection meanwhile. */
function heldBack(inner: Db, machine: Machine): Kysely<unknown> {
  const connection: DatabaseConnection = {
    executeQuery: async (query) => {
      const result = await inner.read().executeQuery(query);
      await machine.awake();
      // The builder that made the query vouches for its rows.
      return result as never;
    },
    streamQuery: () => {
      throw new Error('nothing streams');
    },
  };
  const nothing = (): Promise<void> => Promise.resolve();
  const driver: Driver = {
    init: nothing,
    acquireConnection: () => Promise.resolve(connection),
    releaseConnection: nothing,
    beginTransaction: nothing,
    commitTransaction: nothing,
    rollbackTransaction: nothing,
    destroy: nothing,
  };
  const isSqlite = inner.dialect === 'sqlite';
  const dialect: Dialect = {
    createDriver: () => driver,
    createAdapter: () => (isSqlite ? new SqliteAdapter() : new PostgresAdapter()),
    createQueryCompiler: () => (isSqlite ? new SqliteQueryCompiler() : new PostgresQueryCompiler()),
    createIntrospector: (db) => (isSqlite ? new SqliteIntrospector(db) : new PostgresIntrospector(db)),
  };
  return new Kysely<unknown>({ dialect });
}

/** A full disk refuses before or after it took the bytes. */
export function machineObjects(
  files: Objects,
  options: { readonly machine: Machine; readonly isFull: () => boolean; readonly random: Random },
): Objects {
  const { machine, isFull, random } = options;
  const storing = async <T>(store: () => Promise<T>): Promise<T> => {
    await machine.clock.sleep(random.between(0, latencyMaxMs));
    const full = new SlipwayError('disk_full', { location: 'the disk' });
    if (isFull() && random.chance(0.5)) throw full;
    const stored = await store();
    await machine.awake();
    if (isFull()) throw full;
    return stored;
  };
  const reading = async <T>(read: Promise<T>): Promise<T> => {
    try {
      return await read;
    } finally {
      await machine.awake();
    }
  };
  return {
    put: (bytes, limits) => storing(() => files.put(bytes, limits)),
    putFile: (path) => storing(() => files.putFile(path)),
    find: (digest) => reading(files.find(digest)),
    open: (digest, range) => reading(files.open(digest, range)),
    read: (digest, limitBytes) => reading(files.read(digest, limitBytes)),
    path: (digest) => reading(files.path(digest)),
    collect: (isReferenced, graceMs) => files.collect(isReferenced, graceMs),
  };
}
