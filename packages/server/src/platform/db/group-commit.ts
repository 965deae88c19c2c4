/**
 * Group commit on SQLite: waiting writes share one transaction and one sync of the log.
 *
 * BEGIN IMMEDIATE; for each request SAVEPOINT, run, RELEASE; stop at 8 ms or 512 requests; seal the events of those that
 * succeeded; COMMIT; answer all. A request that fails rolls back to its savepoint and never touches its neighbours.
 *
 * Operations await nothing but their transaction, and on this connection every query is synchronous underneath, so a whole
 * group runs within one turn of the event loop. That is checked: an operation that is still waiting in the next turn has
 * awaited something else, and is refused.
 */
import assert from 'node:assert/strict';
import type { Kysely } from 'kysely';
import { SlipwayError } from '@slipway/contract';
import { chainAfter, genesisChain, prepareEvent } from '../ledger/chain.ts';
import type { UnsealedEvent } from '../ledger/chain.ts';
import type { AnyOperation, NewEvent, Trx } from './db.ts';
import type { SqliteConnection } from './sqlite-connection.ts';
import { sqliteKysely } from './sqlite-dialect.ts';

/** Longest time that a group collects requests, milliseconds: bounds what the first one waits for the others. */
const groupLimitMs = 8;
/** Most requests in one commit. */
const groupLimit = 512;

export type Outcome = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: unknown };

export interface WriteRequest {
  readonly operation: string;
  readonly input: unknown;
  /** The instant of the transaction, milliseconds since 1970 UTC. */
  readonly now: number;
  readonly answer: (outcome: Outcome) => void;
}

/** What others are told of a commit. */
export interface Committed {
  /** The newest event, when there is a new one. */
  readonly seq: number | undefined;
  readonly topics: readonly string[];
}

export interface GroupCommitDeps {
  readonly connection: SqliteConnection;
  readonly operations: readonly AnyOperation[];
  readonly monotonic: () => number;
  /** Called after each commit that appended events or named topics. */
  readonly onCommitted: (commit: Committed) => void;
  readonly fault?: CommitFault | undefined;
}

/**
 * Fault injection: called right before and right after each commit. Throwing before it is a crash that loses the group, and
 * after it one that loses only the answers.
 */
export type CommitFault = (point: 'before-commit' | 'after-commit') => void;

export interface GroupCommit {
  add(request: WriteRequest): void;
  /** Resolves when everything that was added is answered. */
  idle(): Promise<void>;
}

/** Indexes operations by name. The same operation may be listed twice, two of one name may not. */
export function operationsByName(operations: readonly AnyOperation[]): Map<string, AnyOperation> {
  const byName = new Map<string, AnyOperation>();
  for (const operation of operations) {
    const other = byName.get(operation.name);
    if (other !== undefined && other !== operation) throw new Error(`Two operations are named ${operation.name}`);
    byName.set(operation.name, operation);
  }
  return byName;
}

export function createGroupCommit(deps: GroupCommitDeps): GroupCommit {
  const { connection } = deps;
  const operations = operationsByName(deps.operations);
  const kysely = sqliteKysely(connection);
  let queue: WriteRequest[] = [];
  let isRunning = false;
  let waitingForIdle: (() => void)[] = [];

  const run = async (): Promise<void> => {
    while (queue.length > 0) {
      const waiting = queue;
      queue = [];
      const taken = await runGroup({
        connection,
        operations,
        kysely,
        monotonic: deps.monotonic,
        waiting,
        fault: deps.fault,
      });
      if (taken.count < waiting.length) queue = [...waiting.slice(taken.count), ...queue];
      for (const [index, outcome] of taken.outcomes.entries()) waiting[index]?.answer(outcome);
      if (taken.seq !== undefined || taken.topics.length > 0) deps.onCommitted(taken);
      // A turn of the event loop: lets requests that arrived meanwhile join the next group.
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    isRunning = false;
    const resolvers = waitingForIdle;
    waitingForIdle = [];
    for (const resolve of resolvers) resolve();
  };

  return {
    add: (request) => {
      queue.push(request);
      if (isRunning) return;
      isRunning = true;
      setImmediate(() => void run());
    },
    idle: () => (isRunning ? new Promise((resolve) => waitingForIdle.push(resolve)) : Promise.resolve()),
  };
}

interface GroupInput {
  readonly connection: SqliteConnection;
  readonly operations: ReadonlyMap<string, AnyOperation>;
  readonly kysely: Kysely<unknown>;
  readonly monotonic: () => number;
  readonly waiting: readonly WriteRequest[];
  readonly fault: CommitFault | undefined;
}

interface GroupResult extends Committed {
  /** How many of the waiting requests were taken; outcomes holds as many. */
  readonly count: number;
  readonly outcomes: readonly Outcome[];
}

async function runGroup(input: GroupInput): Promise<GroupResult> {
  const { connection, waiting } = input;
  const outcomes: Outcome[] = [];
  const effects: Effects = { events: [], topics: new Set() };
  try {
    connection.exec('begin immediate');
  } catch (error) {
    return { count: waiting.length, outcomes: waiting.map(() => ({ ok: false, error })), seq: undefined, topics: [] };
  }
  const startedAt = input.monotonic();
  const turn = watchTurn();
  try {
    while (outcomes.length < waiting.length && outcomes.length < groupLimit) {
      if (outcomes.length > 0 && input.monotonic() - startedAt >= groupLimitMs) break;
      outcomes.push(await runOne(input, waiting[outcomes.length] as WriteRequest, { effects, turn }));
      // SQLite itself rolls everything back on a full disk or an I/O error: then no request of the group was made.
      if (!connection.isInTransaction()) return lost(outcomes, outcomes.length);
      if (turn.isOver()) break;
    }
    const seq = sealSqlite(connection, effects.events);
    input.fault?.('before-commit');
    connection.exec('commit');
    if (!isAnswered(input.fault)) {
      const error = new SlipwayError('write_outcome_unknown');
      const unknown = outcomes.map((): Outcome => ({ ok: false, error }));
      return { count: outcomes.length, outcomes: unknown, seq: undefined, topics: [] };
    }
    return { count: outcomes.length, outcomes, seq, topics: [...effects.topics] };
  } catch (error) {
    if (connection.isInTransaction()) connection.exec('rollback');
    return lost([...outcomes, { ok: false, error }], Math.max(1, outcomes.length));
  } finally {
    turn.stop();
  }
}

/** False when the injected fault is a crash between the commit and the answers. */
function isAnswered(fault: CommitFault | undefined): boolean {
  try {
    fault?.('after-commit');
    return true;
  } catch {
    return false;
  }
}

/** The first `count` requests, none of which was made: the last outcome says why. */
function lost(outcomes: readonly Outcome[], count: number): GroupResult {
  const last = outcomes.at(-1);
  const error = last?.ok === false ? last.error : new Error('The group was rolled back');
  return {
    count,
    outcomes: outcomes.slice(0, count).map((outcome) => (outcome.ok ? { ok: false, error } : outcome)),
    seq: undefined,
    topics: [],
  };
}

/** What the operations of a group want done at its commit, and told after it. */
interface Effects {
  readonly events: UnsealedEvent[];
  readonly topics: Set<string>;
}

interface Turn {
  /** Rejects when the event loop turned while the group was running. */
  readonly ended: Promise<never>;
  isOver(): boolean;
  stop(): void;
}

function watchTurn(): Turn {
  let immediate: NodeJS.Immediate | undefined;
  let isOver = false;
  const ended = new Promise<never>((_, reject) => {
    immediate = setImmediate(() => {
      isOver = true;
      reject(new Error('The turn of the event loop ended'));
    });
  });
  ended.catch(() => {});
  return { ended, isOver: () => isOver, stop: () => clearImmediate(immediate) };
}

async function runOne(
  input: GroupInput,
  request: WriteRequest,
  group: { readonly effects: Effects; readonly turn: Turn },
): Promise<Outcome> {
  const { connection } = input;
  const found = input.operations.get(request.operation);
  if (found === undefined) {
    const error = new Error(`The writer does not know the operation ${request.operation}: add it to its module's list`);
    return { ok: false, error };
  }
  // The caller's handle restores the types that the list of all operations lost.
  const run = found.run as (trx: Trx, value: unknown) => Promise<unknown>;
  const own: Effects = { events: [], topics: new Set() };
  let isOpen = true;
  const trx: Trx = {
    dialect: 'sqlite',
    now: request.now,
    tables: <T>() => {
      assert(isOpen, `${request.operation} used its transaction after it had ended`);
      return input.kysely as unknown as Kysely<T>;
    },
    emit: async (event: NewEvent) => {
      assert(isOpen, `${request.operation} emitted an event after it had ended`);
      own.events.push(prepareEvent(event, request.now));
    },
    wake: (topic) => void own.topics.add(topic),
  };
  connection.execute('savepoint request', []);
  try {
    const outside = new Promise<never>((_, reject) => {
      group.turn.ended.catch(() =>
        reject(
          new assert.AssertionError({ message: `${request.operation} awaited something other than its transaction` }),
        ),
      );
    });
    const value = await Promise.race([run(trx, request.input), outside]);
    isOpen = false;
    connection.execute('release request', []);
    group.effects.events.push(...own.events);
    for (const topic of own.topics) group.effects.topics.add(topic);
    return { ok: true, value };
  } catch (error) {
    isOpen = false;
    if (connection.isInTransaction()) {
      connection.execute('rollback to request', []);
      connection.execute('release request', []);
    }
    return { ok: false, error };
  }
}

/** Places events at the end of the chain, inside the open transaction. Returns the newest sequence number. */
export function sealSqlite(connection: SqliteConnection, events: readonly UnsealedEvent[]): number | undefined {
  if (events.length === 0) return undefined;
  const head = connection.execute('select seq, chain from ledger_head where id = 0', []).rows[0];
  let seq = typeof head?.[0] === 'number' ? head[0] : 0;
  let chain = head?.[1] instanceof Uint8Array ? head[1] : genesisChain;
  for (const event of events) {
    seq += 1;
    chain = chainAfter(chain, seq, event.digest);
    connection.execute(
      'insert into ledger_event (seq, at, actor, kind, subject, body, digest, chain) values (?, ?, ?, ?, ?, ?, ?, ?)',
      [seq, event.at, event.actor, event.kind, event.subject, event.body, event.digest, chain],
    );
  }
  connection.execute(
    'insert into ledger_head (id, seq, chain) values (0, ?, ?) on conflict (id) do update set seq = excluded.seq, chain = excluded.chain',
    [seq, chain],
  );
  return seq;
}
