/**
 * Virtual time and the machines in it.
 *
 * Everything that happens is an event with an instant: timers of the servers, their writes (after a drawn latency), actions
 * of clients, faults. One event is fired at a time, equal instants in drawn order, and time stands still until all that it
 * set off has settled. So a run is a function of its seed, as far as the database allows.
 *
 * A machine is one life of one server process. What is dead hears nothing any more: its timers do not fire and its calls do
 * not return. What is paused hears everything later.
 */
import type { Clock } from '../../packages/server/src/platform/clock.ts';
import type { Random } from './random.ts';
import type { UnderWay } from './under-way.ts';

/** Where every run begins: 2026-03-01 00:00:30 UTC. */
export const startAt = Date.UTC(2026, 2, 1, 0, 0, 30);
/** Events after which a run counts as one that never ends. */
const eventLimit = 400_000;

export interface Machine {
  readonly name: string;
  readonly clock: Clock;
  state(): 'running' | 'paused' | 'dead';
  kill(): void;
  pause(): void;
  resume(): void;
  /** Sets the machine's wall clock forward or back. */
  stepClock(ms: number): void;
  /** Goes on when the machine runs; never, when it is dead. */
  awake(): Promise<void>;
  /** Resolves when the machine dies. */
  readonly died: Promise<void>;
  /** An event of this machine after a delay. */
  after(delayMs: number, fire: () => void): () => void;
}

export interface World {
  readonly random: Random;
  /** True virtual time, milliseconds since 1970 UTC. */
  now(): number;
  /** An event of nobody's machine. */
  after(delayMs: number, fire: () => void): void;
  sleep(delayMs: number): Promise<void>;
  machine(name: string, wallOffsetMs: number): Machine;
  /** Fires events until the condition holds, at most until the instant. True when it held. */
  runUntil(limitAt: number, isDone: () => boolean): Promise<boolean>;
  /** One line of what happened; kept for a failing run, and digested for the comparison of replays. */
  note(line: string): void;
  readonly notes: readonly string[];
  eventCount(): number;
  /** Of all instants at which something happened. */
  fingerprint(): number;
}

interface Event {
  at: number;
  /** Drawn: decides between events of one instant. */
  readonly tie: number;
  readonly fire: () => void;
  readonly owner: Owner | undefined;
  isCancelled: boolean;
}

interface Owner {
  state: 'running' | 'paused' | 'dead';
  held: Event[];
  wakers: (() => void)[];
}

export function createWorld(options: { readonly random: Random; readonly work: UnderWay }): World {
  const { random, work } = options;
  const ties = random.fork('ties');
  const queue = createQueue();
  const notes: string[] = [];
  let now = startAt;
  let fired = 0;
  let fingerprint = 0;

  const add = (delayMs: number, fire: () => void, owner?: Owner): Event => {
    const event: Event = {
      at: now + Math.max(0, Math.ceil(delayMs)),
      tie: ties.next(),
      fire,
      owner,
      isCancelled: false,
    };
    queue.push(event);
    return event;
  };
  const note = (line: string): void => void notes.push(`${((now - startAt) / 1000).toFixed(3)} ${line}`);

  const machine = (name: string, wallOffsetMs: number): Machine => {
    const owner: Owner = { state: 'running', held: [], wakers: [] };
    const death = Promise.withResolvers<void>();
    let offset = wallOffsetMs;
    const after = (delayMs: number, fire: () => void): (() => void) => {
      if (owner.state === 'dead') return () => undefined;
      const event = add(delayMs, fire, owner);
      return () => {
        event.isCancelled = true;
      };
    };
    return {
      name,
      state: () => owner.state,
      died: death.promise,
      after,
      kill: () => {
        owner.state = 'dead';
        owner.held = [];
        owner.wakers = [];
        death.resolve();
      },
      pause: () => {
        if (owner.state === 'running') owner.state = 'paused';
      },
      resume: () => {
        if (owner.state !== 'paused') return;
        owner.state = 'running';
        for (const event of owner.held.splice(0)) {
          event.at = Math.max(event.at, now);
          queue.push(event);
        }
        for (const wake of owner.wakers.splice(0)) wake();
      },
      stepClock: (ms) => {
        offset += ms;
      },
      awake: () => {
        if (owner.state === 'running') return Promise.resolve();
        if (owner.state === 'dead') return new Promise(() => undefined);
        return new Promise((resolve) => owner.wakers.push(resolve));
      },
      clock: {
        now: () => now + offset,
        monotonic: () => now - startAt,
        after,
        sleep: (delayMs, signal) =>
          new Promise((resolve, reject) => {
            if (signal?.aborted) return reject(signal.reason as Error);
            const abort = (): void => {
              cancel();
              reject(signal?.reason as Error);
            };
            const cancel = after(delayMs, () => {
              signal?.removeEventListener('abort', abort);
              resolve();
            });
            signal?.addEventListener('abort', abort, { once: true });
          }),
      },
    };
  };

  return {
    random,
    now: () => now,
    after: (delayMs, fire) => void add(delayMs, fire),
    sleep: (delayMs) => new Promise((resolve) => void add(delayMs, resolve)),
    machine,
    note,
    notes,
    eventCount: () => fired,
    fingerprint: () => fingerprint,
    runUntil: async (limitAt, isDone) => {
      await work.settled();
      while (!isDone()) {
        const event = queue.pop();
        if (event === undefined || event.at > limitAt) {
          if (event !== undefined) queue.push(event);
          now = Math.max(now, limitAt);
          return isDone();
        }
        if (event.isCancelled || event.owner?.state === 'dead') continue;
        if (event.owner?.state === 'paused') {
          event.owner.held.push(event);
          continue;
        }
        now = Math.max(now, event.at);
        fired++;
        fingerprint = Math.imul(fingerprint ^ (now - startAt), 0x01000193) >>> 0;
        if (fired > eventLimit) throw new Error(`more than ${eventLimit} events: something turns in a circle`);
        event.fire();
        await work.settled();
      }
      return true;
    },
  };
}

interface Queue {
  push(event: Event): void;
  pop(): Event | undefined;
}

/** A binary heap by instant, then by tie. */
function createQueue(): Queue {
  const heap: Event[] = [];
  const isBefore = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.tie < b.tie);
  // Indices below the length hold events.
  const at = (i: number): Event => heap[i] as Event;
  const swap = (i: number, j: number): void => {
    const held = at(i);
    heap[i] = at(j);
    heap[j] = held;
  };
  return {
    push: (event) => {
      heap.push(event);
      for (let i = heap.length - 1; i > 0;) {
        const parent = (i - 1) >> 1;
        if (!isBefore(at(i), at(parent))) break;
        swap(i, parent);
        i = parent;
      }
    },
    pop: () => {
      const first = heap[0];
      const last = heap.pop();
      if (first === undefined || last === undefined || heap.length === 0) return first;
      heap[0] = last;
      for (let i = 0; ;) {
        const left = 2 * i + 1;
        if (left >= heap.length) break;
        const small = left + 1 < heap.length && isBefore(at(left + 1), at(left)) ? left + 1 : left;
        if (!isBefore(at(small), at(i))) break;
        swap(i, small);
        i = small;
      }
      return first;
    },
  };
}
