/**
 * The durable online state of one feature set: the engine, and what it takes to have it again after a crash.
 *
 *   <folder>/<generation>/backfill.json    what the state was filled from; written last, so a generation is whole or nothing
 *   <folder>/<generation>/events-<n>.log   rows pushed since (event-log.ts)
 *   <folder>/<generation>/state-<n>.bin    snapshot of the engine before the first record of events-<n>.log
 *
 * A pushed row acts at once and is acknowledged when it is on disk, with the effective known_at that the engine gave it, so
 * that a restart repeats exactly what happened. With another plan (a changed definition) the snapshot is of no use: the
 * state is made again from the backfill's tables and all logs of its generation.
 */
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { PushAnswer } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Log } from '../../platform/log.ts';
import type { Definition } from './definition.ts';
import type { EventLog } from './event-log.ts';
import { openEventLog, readEventLog } from './event-log.ts';
import { advanceWith, openHistory } from './history.ts';
import type { Engine } from './online.ts';
import { createEngine } from './online.ts';
import type { Plan, TableColumn } from './plan.ts';
import { createPlan } from './plan.ts';
import { decodeSnapshot, encodeSnapshot } from './snapshot.ts';

export interface TableSource {
  /** Dataset reference that names one version for good. */
  readonly ref: string;
  readonly columns: readonly TableColumn[];
  /** Anything that can stand after FROM. */
  readonly sql: string;
}

export interface OnlineStateDeps {
  readonly folder: string;
  readonly log: Log;
  readonly now: () => number;
  readonly connect: () => Promise<DuckDBConnection>;
  /** Resolves a dataset reference. Throws `not_found`. */
  readonly resolve: (ref: string) => Promise<TableSource>;
}

/** What a state was filled from. `untilMs` is absent for a state that began empty. */
export interface Backfill {
  readonly untilMs: number | undefined;
  readonly tables: Readonly<Record<string, { readonly ref: string; readonly columns: readonly TableColumn[] }>>;
}

/** One push. `k`: effective known_at per row, µs; null where the row was left out. `w`: when it came, wall clock ms. */
interface PushRecord {
  readonly s: string;
  readonly r: readonly Readonly<Record<string, unknown>>[];
  readonly k: readonly (number | null)[];
  readonly w: number;
  readonly b?: string;
}

export interface OnlineState {
  readonly engine: Engine;
  readonly backfill: Backfill;
  push(
    source: string,
    rows: PushRecord['r'],
    options: { readonly atMs?: number | undefined; readonly batchId?: string | undefined },
  ): Promise<PushAnswer>;
  /** Saves a snapshot and closes the log. */
  close(): Promise<void>;
  /** Closes the log only: for an engine that is ahead of its log. */
  discard(): Promise<void>;
}

/** A log this long is followed by a snapshot and a new log, so that a restart reads little. */
const logRollBytes = 32 * 1024 * 1024;
/** A restart that repeated fewer records than this goes on with the log that is there, and writes no snapshot. */
const repeatedMax = 1000;
/** Batch ids that are remembered. */
const batchesMax = 1000;

/** Table names that a definition's services need. */
export function tablesOf(definition: Definition): string[] {
  const views = Object.values(definition.services).flatMap(({ features }) =>
    features.map((path) => path.split('.')[0] ?? ''),
  );
  const sources = new Set(views.flatMap((view) => definition.views[view]?.source ?? []));
  return [...new Set([...sources].flatMap((source) => definition.sources[source]?.table ?? []))];
}

/** The plan of a definition over these versions of its tables; `<table>@latest` where none is named. */
export async function planOf(
  definition: Definition,
  refs: Readonly<Record<string, string>>,
  resolve: OnlineStateDeps['resolve'],
): Promise<{ readonly plan: Plan; readonly tables: ReadonlyMap<string, TableSource> }> {
  const tables = new Map<string, TableSource>();
  for (const table of tablesOf(definition)) tables.set(table, await resolve(refs[table] ?? table));
  const plan = createPlan(definition, new Map([...tables].map(([table, { columns }]) => [table, columns])));
  return { plan, tables };
}

/** What of them is written down. */
export const refsOf = (tables: ReadonlyMap<string, TableSource>): Backfill['tables'] =>
  Object.fromEntries([...tables].map(([table, { ref, columns }]) => [table, { ref, columns }]));

/** Opens the newest whole generation, or undefined when there is none. Throws when it cannot be read with this definition. */
export async function openOnlineState(definition: Definition, deps: OnlineStateDeps): Promise<OnlineState | undefined> {
  const generation = await newestGeneration(deps.folder);
  if (generation === undefined) return undefined;
  const folder = join(deps.folder, generation);
  // Written by writeGeneration; a damaged file is a parse error.
  const backfill = JSON.parse(await readFile(join(folder, 'backfill.json'), 'utf8')) as Backfill;
  const plan = createPlan(
    definition,
    new Map(Object.entries(backfill.tables).map(([table, { columns }]) => [table, columns])),
  );
  const files = await readdir(folder);
  const numbers = (pattern: RegExp): number[] =>
    files
      .flatMap((file) => Number(pattern.exec(file)?.[1] ?? []))
      .filter((n) => n > 0)
      .sort((a, b) => a - b);
  const logs = numbers(/^events-(\d+)\.log$/);
  const newest = numbers(/^state-(\d+)\.bin$/).at(-1) ?? 0;
  const snapshot =
    newest > 0
      ? decodeSnapshot(plan, await readFile(join(folder, `state-${newest}.bin`)), join(folder, `state-${newest}.bin`))
      : undefined;
  const batches = new Map<string, PushAnswer>();
  let engine: Engine;
  if (snapshot) {
    engine = createEngine(plan);
    engine.restore(snapshot.data);
    // Our own note, under the snapshot's hash.
    for (const [id, answer] of (snapshot.note['batches'] ?? []) as [string, PushAnswer][]) batches.set(id, answer);
  } else {
    deps.log.info('making the online state again', { set: definition.features, logs: logs.length });
    engine = await fill(plan, backfill, deps);
  }
  let repeated = 0;
  for (const number of logs) {
    if (snapshot && number < newest) continue;
    const { records, cutBytes } = await readEventLog(join(folder, `events-${number}.log`));
    if (cutBytes > 0) deps.log.warn('cut an unfinished record', { set: definition.features, cutBytes });
    repeated += records.length;
    for (const record of records) repeat(engine, record as PushRecord, batches);
  }
  const last = Math.max(0, newest, ...logs);
  const resume = snapshot && repeated < repeatedMax ? last : undefined;
  return createOnlineState({ engine, backfill, batches, folder, deps, nextNumber: last + 1, resume });
}

/** Fills a new state, makes it the newest generation and opens it. `untilMs` undefined begins empty. */
export async function replaceOnlineState(
  definition: Definition,
  request: { readonly refs: Readonly<Record<string, string>>; readonly untilMs: number | undefined },
  deps: OnlineStateDeps,
): Promise<OnlineState> {
  const { plan, tables } = await planOf(definition, request.refs, deps.resolve);
  const backfill: Backfill = { untilMs: request.untilMs, tables: refsOf(tables) };
  const engine = await fill(plan, backfill, deps);
  const last = Number((await newestGeneration(deps.folder)) ?? 0);
  const folder = join(deps.folder, String(last + 1).padStart(6, '0'));
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const state = await createOnlineState({ engine, backfill, batches: new Map(), folder, deps, nextNumber: 1 });
  await writeWhole(join(folder, 'backfill.json'), Buffer.from(JSON.stringify(backfill)));
  return state;
}

/** Removes generations older than the newest. Call when no state of theirs is open. */
export async function removeOldGenerations(folder: string): Promise<void> {
  const newest = await newestGeneration(folder);
  if (newest === undefined) return;
  for (const name of await readdir(folder)) {
    if (/^\d{6}$/.test(name) && name < newest) await rm(join(folder, name), { recursive: true, force: true });
  }
}

async function newestGeneration(folder: string): Promise<string | undefined> {
  await mkdir(folder, { recursive: true });
  const names = (await readdir(folder)).filter((name) => /^\d{6}$/.test(name)).sort();
  for (const name of names.reverse()) {
    if ((await readdir(join(folder, name))).includes('backfill.json')) return name;
  }
  return undefined;
}

/** An engine with every row known up to the backfill's instant that can still matter after it. */
async function fill(plan: Plan, backfill: Backfill, deps: OnlineStateDeps): Promise<Engine> {
  const engine = createEngine(plan);
  const { untilMs } = backfill;
  if (untilMs === undefined) return engine;
  const untilUs = untilMs * 1000;
  const tables = new Map<string, TableSource>();
  for (const [table, { ref }] of Object.entries(backfill.tables)) tables.set(table, await deps.resolve(ref));
  await using history = await openHistory(engine, { connect: deps.connect, tables, aliveUs: untilUs, untilUs });
  await advanceWith(engine, history, untilUs);
  return engine;
}

/** What a push did, done again. */
function repeat(engine: Engine, record: PushRecord, batches: Map<string, PushAnswer>): void {
  let accepted = 0;
  let latest = -Infinity;
  record.r.forEach((row, i) => {
    const knownUs = record.k[i] ?? null;
    if (knownUs === null) return;
    engine.push(record.s, row, knownUs);
    accepted++;
    latest = Math.max(latest, knownUs);
  });
  remember(batches, record.b, answerOf(record.r.length, accepted, latest));
}

function remember(batches: Map<string, PushAnswer>, id: string | undefined, answer: PushAnswer): void {
  if (id === undefined) return;
  batches.set(id, answer);
  for (const oldest of batches.keys()) {
    if (batches.size <= batchesMax) break;
    batches.delete(oldest);
  }
}

const answerOf = (rows: number, accepted: number, latestUs: number): PushAnswer => ({
  accepted,
  ignored: rows - accepted,
  ...(accepted === 0 ? {} : { knownAt: Math.ceil(latestUs / 1000) }),
});

async function createOnlineState(from: {
  readonly engine: Engine;
  readonly backfill: Backfill;
  readonly batches: Map<string, PushAnswer>;
  readonly folder: string;
  readonly deps: OnlineStateDeps;
  /** Of the next snapshot and log. */
  readonly nextNumber: number;
  /** The log to go on with. */
  readonly resume?: number | undefined;
}): Promise<OnlineState> {
  const { engine, backfill, batches, folder, deps } = from;
  let number = from.nextNumber;
  /** The snapshot first: a log without it is covered by the snapshot and logs before. */
  const snapshot = async (): Promise<EventLog> => {
    const bytes = encodeSnapshot(engine.plan, engine.data(), { batches: [...batches] });
    const log = await openEventLog(join(folder, `events-${number}.log`));
    await writeWhole(join(folder, `state-${number}.bin`), bytes);
    for (const file of await readdir(folder)) {
      const match = /^state-(\d+)\.bin$/.exec(file);
      if (match && Number(match[1]) < number) await rm(join(folder, file));
    }
    number++;
    return log;
  };
  let log =
    from.resume === undefined ? await snapshot() : await openEventLog(join(folder, `events-${from.resume}.log`));
  let rolling: Promise<void> | undefined;
  const inFlight = new Set<Promise<void>>();
  const roll = async (): Promise<void> => {
    const old = log;
    // Between this snapshot and the new log no row may be taken, so both happen without a pause in between.
    const bytes = encodeSnapshot(engine.plan, engine.data(), { batches: [...batches] });
    const path = join(folder, `state-${number}.bin`);
    log = await openEventLog(join(folder, `events-${number}.log`));
    number++;
    await old.close();
    await writeWhole(path, bytes);
  };
  return {
    engine,
    backfill,
    push: async (source, rows, { atMs, batchId }) => {
      const before = batchId === undefined ? undefined : batches.get(batchId);
      if (before) return before;
      rows.forEach((row, i) => engine.check(source, row, i));
      if (rolling) await rolling;
      const known = rows.map((row) => engine.push(source, row, atMs === undefined ? undefined : atMs * 1000) ?? null);
      const taken = known.filter((k) => k !== null);
      const answer = answerOf(
        rows.length,
        taken.length,
        taken.reduce((a, b) => Math.max(a, b), -Infinity),
      );
      remember(batches, batchId, answer);
      const record: PushRecord = {
        s: source,
        r: rows,
        k: known,
        w: deps.now(),
        ...(batchId === undefined ? {} : { b: batchId }),
      };
      const written = log.append(record);
      inFlight.add(written);
      try {
        await written;
      } finally {
        inFlight.delete(written);
      }
      if (log.sizeBytes() > logRollBytes && !rolling) {
        rolling = roll().finally(() => (rolling = undefined));
        await rolling;
      }
      return answer;
    },
    discard: async () => {
      await Promise.allSettled(inFlight);
      await log.close();
    },
    close: async () => {
      if (rolling) await rolling;
      await Promise.allSettled(inFlight);
      await log.close();
      const last = await snapshot();
      await last.close();
    },
  };
}

/** A file that is there whole or not at all: temporary name, sync, rename, sync of the folder. */
async function writeWhole(path: string, bytes: Buffer): Promise<void> {
  const temporary = `${path}.tmp`;
  try {
    const file = await open(temporary, 'w');
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC')
      throw new SlipwayError('disk_full', { location: path }, { cause: error });
    throw error;
  }
  const folder = await open(join(path, '..'), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
