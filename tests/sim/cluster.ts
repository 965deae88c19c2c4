/**
 * The servers of a run over one database, and the faults that befall them: killed at any moment and right before or after a
 * commit, paused, their clocks set, their disk full, the answer to a write lost.
 */
import { join } from 'node:path';
import { SlipwayError } from '@slipway/contract';
import type { AnyOperation, Db, Operation } from '../../packages/server/src/platform/db/db.ts';
import type { Log } from '../../packages/server/src/platform/log.ts';
import { createLog } from '../../packages/server/src/platform/log.ts';
import type { Objects } from '../../packages/server/src/platform/objects/objects.ts';
import { createFileObjects } from '../../packages/server/src/platform/objects/file-objects.ts';
import type { RunDatabase } from './databases.ts';
import type { Admission } from './machine-view.ts';
import { createAdmission, machineDb, machineObjects } from './machine-view.ts';
import type { Random } from './random.ts';
import type { UnderWay } from './under-way.ts';
import type { Machine, World } from './world.ts';

export interface Server {
  readonly name: string;
  readonly machine: Machine;
  readonly db: Db;
  readonly objects: Objects;
  readonly log: Log;
  readonly random: Random;
  readonly folder: string;
}

export type FaultKind =
  | 'kill'
  | 'kill before commit'
  | 'kill after commit'
  | 'pause'
  | 'pause after commit'
  | 'answer lost'
  | 'disk full'
  | 'clock step';

/** Each as often as it is drawn. */
const likely: readonly FaultKind[] = [
  'kill',
  'kill before commit',
  'kill before commit',
  'kill after commit',
  'kill after commit',
  'pause',
  'pause after commit',
  'answer lost',
  'answer lost',
  'disk full',
  'clock step',
];

export type Answer<T> =
  | { readonly kind: 'made'; readonly value: T }
  | { readonly kind: 'refused'; readonly error: Error }
  /** The client cannot know: the server died, or lost the answer itself. */
  | { readonly kind: 'unknown' };

export interface Cluster {
  /** Starts all servers. */
  start(): void;
  /** Draws a fault and lets it happen. */
  readonly inject: () => void;
  /** No more faults: paused servers go on, dead ones are started, the disk has room. */
  heal(): void;
  killAll(): void;
  /** One try of a client, at any server. */
  tryWrite<I, O>(op: Operation<I, O>, input: I): Promise<Answer<O>>;
  /** Tries until it is made: for writes that may be repeated. Resolves to undefined when faults never ended. */
  write<I, O>(op: Operation<I, O>, input: I): Promise<O>;
  /** A server that runs now. */
  find(): Server | undefined;
  /** Runs the call at any server; rejects when that dies. */
  call<T>(run: (server: Server) => Promise<T>): Promise<T>;
  readonly counts: Readonly<Record<FaultKind, number>>;
}

interface Slot {
  readonly name: string;
  server: Server | undefined;
  machine: Machine | undefined;
  lives: number;
  wallOffsetMs: number;
  diskFullUntil: number;
  /** Faults that wait for a commit. */
  armed: { left: number; readonly kind: FaultKind }[];
}

export interface ClusterOptions {
  readonly world: World;
  readonly work: UnderWay;
  readonly database: RunDatabase;
  readonly servers: number;
  /** Lets writes of different servers run at the same time: then a replay may differ in how they interleave. */
  readonly isConcurrent: boolean;
  readonly operations: readonly AnyOperation[];
  readonly without: readonly FaultKind[];
  readonly boot: (server: Server) => Promise<void> | void;
}

export class ServerDied extends Error {}

export function createCluster(options: ClusterOptions): Cluster {
  const { world, work } = options;
  const random = world.random.fork('faults');
  const clients = world.random.fork('clients');
  const counts: Record<FaultKind, number> = {
    kill: 0,
    'kill before commit': 0,
    'kill after commit': 0,
    pause: 0,
    'pause after commit': 0,
    'answer lost': 0,
    'disk full': 0,
    'clock step': 0,
  };
  const shared = createAdmission(world.random.fork('admission'));
  const slots = Array.from({ length: options.servers }, (_, i): Slot => ({
    name: `s${i + 1}`,
    server: undefined,
    machine: undefined,
    lives: 0,
    wallOffsetMs: 0,
    diskFullUntil: 0,
    armed: [],
  }));
  const drawn = likely.filter((kind) => !options.without.includes(kind));
  let isHealing = false;

  const happened = (kind: FaultKind, slot: Slot, more = ''): void => {
    counts[kind]++;
    world.note(`${slot.name} ${kind}${more}`);
  };
  const start = (slot: Slot): void => {
    const life = work.track(startServer(slot, { ...options, shared, onFault: (s, m) => commitFault(s, m) }));
    life.catch((error: unknown) => {
      // A disk that is full may keep a server from starting; it is tried again.
      world.note(`${slot.name} did not start: ${String(error)}`);
      if (slot.machine?.state() === 'dead') return;
      slot.machine?.kill();
      startLater(slot);
    });
  };
  const startLater = (slot: Slot): void => {
    slot.server = undefined;
    world.after(random.between(50, random.chance(0.3) ? 25_000 : 2000), () => start(slot));
  };
  const kill = (slot: Slot): void => {
    slot.machine?.kill();
    startLater(slot);
  };
  const pause = (slot: Slot): void => {
    const { machine } = slot;
    const forMs = random.chance(0.6) ? random.between(15_000, 45_000) : random.between(100, 8000);
    world.note(`${slot.name} stands still for ${forMs} ms`);
    machine?.pause();
    world.after(forMs, () => machine?.resume());
  };

  /** Called in the middle of a commit. Throwing is a crash there. */
  const commitFault = (slot: Slot, machine: Machine) => (point: 'before-commit' | 'after-commit') => {
    if (machine.state() === 'dead') throw new Error('the server is dead');
    if (point === 'before-commit') {
      for (const fault of slot.armed) fault.left--;
      if (world.now() < slot.diskFullUntil) throw new SlipwayError('disk_full', { location: 'the disk' });
    }
    const due = slot.armed.find((fault) => fault.left <= 0 && pointOf(fault.kind) === point);
    if (due === undefined) return;
    slot.armed = slot.armed.filter((fault) => fault !== due);
    happened(due.kind, slot);
    switch (due.kind) {
      case 'kill before commit':
      case 'kill after commit':
        kill(slot);
        throw new Error('killed');
      case 'answer lost':
        throw new Error('the connection was lost');
      case 'pause after commit':
        pause(slot);
        return;
      case 'kill':
      case 'pause':
      case 'disk full':
      case 'clock step':
    }
  };

  const inject = (): void => {
    const running = slots.filter((slot) => slot.machine?.state() === 'running' && slot.server !== undefined);
    if (isHealing || running.length === 0) return;
    const slot = random.pick(running);
    const kind = random.pick(drawn);
    switch (kind) {
      case 'kill':
        happened(kind, slot);
        kill(slot);
        return;
      case 'pause':
        happened(kind, slot);
        pause(slot);
        return;
      case 'disk full': {
        const forMs = random.between(50, random.chance(0.3) ? 20_000 : 2000);
        happened(kind, slot, ` for ${forMs} ms`);
        slot.diskFullUntil = world.now() + forMs;
        return;
      }
      case 'clock step': {
        // Servers that share a database keep time by a common source; one alone may be set to anything.
        const most = options.servers > 1 ? 4000 : random.pick([2000, 60_000, 600_000]);
        const stepMs = random.between(-most, most);
        happened(kind, slot, ` by ${stepMs} ms`);
        slot.wallOffsetMs += stepMs;
        slot.machine?.stepClock(stepMs);
        return;
      }
      case 'kill before commit':
      case 'kill after commit':
      case 'pause after commit':
      case 'answer lost':
        slot.armed.push({ kind, left: random.between(1, 12) });
    }
  };

  const find = (): Server | undefined => {
    const running = slots.flatMap((slot) =>
      slot.server !== undefined && slot.machine?.state() === 'running' ? [slot.server] : [],
    );
    return running.length === 0 ? undefined : clients.pick(running);
  };
  const call = async <T>(run: (server: Server) => Promise<T>): Promise<T> => {
    const server = find();
    if (server === undefined) throw new ServerDied('no server runs');
    const died = server.machine.died.then(() => Promise.reject(new ServerDied(`${server.name} died`)));
    died.catch(() => undefined);
    return Promise.race([run(server), died]);
  };
  const tryWrite = async <I, O>(op: Operation<I, O>, input: I): Promise<Answer<O>> => {
    try {
      return { kind: 'made', value: await call((server) => server.db.write(op, input)) };
    } catch (error) {
      if (error instanceof ServerDied) return { kind: 'unknown' };
      const failure = error instanceof Error ? error : new Error(String(error));
      const isUnknown = failure instanceof SlipwayError && failure.code === 'write_outcome_unknown';
      return isUnknown ? { kind: 'unknown' } : { kind: 'refused', error: failure };
    }
  };

  return {
    start: () => {
      for (const slot of slots) world.after(0, () => start(slot));
    },
    inject,
    heal: () => {
      isHealing = true;
      for (const slot of slots) {
        slot.armed = [];
        slot.diskFullUntil = 0;
        slot.machine?.resume();
      }
    },
    killAll: () => {
      for (const slot of slots) slot.machine?.kill();
    },
    tryWrite,
    write: async (op, input) => {
      for (;;) {
        const answer = await tryWrite(op, input);
        if (answer.kind === 'made') return answer.value;
        const error = answer.kind === 'refused' ? answer.error : undefined;
        if (error !== undefined && !(error instanceof SlipwayError && error.code === 'disk_full')) throw error;
        await world.sleep(clients.between(50, 1500));
      }
    },
    find,
    call,
    counts,
  };
}

function pointOf(kind: FaultKind): 'before-commit' | 'after-commit' {
  return kind === 'kill before commit' ? 'before-commit' : 'after-commit';
}

async function startServer(
  slot: Slot,
  options: ClusterOptions & {
    readonly shared: Admission;
    readonly onFault: (slot: Slot, machine: Machine) => (point: 'before-commit' | 'after-commit') => void;
  },
): Promise<void> {
  const { world, database } = options;
  const name = `${slot.name}.${++slot.lives}`;
  const machine = world.machine(name, slot.wallOffsetMs);
  slot.machine = machine;
  const random = world.random.fork(name);
  const log = createLog({
    level: 'warn',
    now: () => 0,
    write: (line) => {
      if (machine.state() !== 'dead') world.note(`${name} ${brief(line).replaceAll(database.folder, '')}`);
    },
  });
  const inner = await database.open({
    clock: machine.clock,
    log,
    random: random.fork('retries').next,
    fault: options.onFault(slot, machine),
    operations: options.operations,
  });
  await machine.awake();
  const admission = options.isConcurrent ? options.shared : createAdmission(random.fork('admission'));
  const db = machineDb(inner, machine, admission);
  const isFull = (): boolean => world.now() < slot.diskFullUntil;
  const files = await createFileObjects({ folder: join(database.folder, 'objects'), clock: machine.clock, log });
  const objects = machineObjects(files, { machine, isFull, random: random.fork('objects') });
  const server: Server = { name, machine, db, objects, log, random, folder: database.folder };
  await options.boot(server);
  await machine.awake();
  slot.server = server;
}

/** The message of a log line, and of the error in it. */
function brief(line: string): string {
  const { level, message, error } = JSON.parse(line) as {
    level: string;
    message: string;
    error?: { message?: string };
  };
  return `${level}: ${message}${error?.message === undefined ? '' : `: ${error.message}`}`;
}
