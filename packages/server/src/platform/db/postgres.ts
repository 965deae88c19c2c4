/**
 * The store on PostgreSQL: writes on a pool connection in serializable transactions, retried when they collide; reads on
 * connections that cannot write; ledger events sealed beside the writers; processes woken through LISTEN, with polling as
 * backstop. NOTIFY is sent by one connection per process outside of transactions, because inside it serialises commits.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { Compilable, Kysely } from 'kysely';
import pg from 'pg';
import { SlipwayError } from '@slipway/contract';
import type { Clock } from '../clock.ts';
import { genesisChain, prepareEvent } from '../ledger/chain.ts';
import type { UnsealedEvent } from '../ledger/chain.ts';
import type { Log } from '../log.ts';
import { createBells } from './bells.ts';
import type { Bells } from './bells.ts';
import type { AnyOperation, Db, NewEvent, Operation, StoreModule, Trx } from './db.ts';
import { operationsByName } from './group-commit.ts';
import type { CommitFault, Committed } from './group-commit.ts';
import { appliedSql, listMigrations, migrationTableSql, pendingMigrations } from './migrate.ts';
import type { AppliedMigration } from './migrate.ts';
import {
  executePostgres,
  isConflict,
  isUnavailable,
  postgresKysely,
  resultTypes,
  translatePostgres,
  waitLimitMs,
} from './postgres-dialect.ts';
import { sealBatch, sealPending } from './postgres-sealer.ts';
import { withLedger } from './sqlite.ts';
import { createWakeup } from './wakeup.ts';

/** Tries of a write that collides with others, each after a random pause that may double. */
const tryLimit = 10;
const retryBaseMs = 4;
/** Pause in which pending events gather before they are sealed, milliseconds. */
const sealDelayMs = 10;
/** Backstop of the sealer and of the listener, milliseconds. */
const pollMs = 1000;
/** Least time between two notifications of this process, milliseconds. */
const notifyEveryMs = 10;
const channel = 'slipway';
/** Any constant: one migration at a time per database. */
const migrationLock = 7_265_431;

export interface PostgresDbOptions {
  readonly url: string;
  readonly modules: readonly StoreModule[];
  /** Operations beside those of the modules. */
  readonly operations?: readonly AnyOperation[];
  readonly clock: Clock;
  readonly log: Log;
  /** Connections for writing, and as many for reading. */
  readonly poolSize?: number;
  /** Uniform in [0, 1), for retry jitter. */
  readonly random?: () => number;
  /** Hear of the commits of other processes at once; without it they are found by polling. On unless said. */
  readonly listens?: boolean;
  /** Injects crashes around the commits of writes. */
  readonly fault?: CommitFault;
}

export interface PostgresDb extends Db {
  /** Seals everything that is committed now, instead of within some 20 ms. */
  readonly seal: () => Promise<void>;
}

interface Session extends PostgresDbOptions {
  readonly writing: pg.Pool;
  readonly reading: pg.Pool;
  readonly bells: Bells;
  readonly random: () => number;
  readonly operationsByName: ReadonlyMap<string, AnyOperation>;
}

export async function createPostgresDb(options: PostgresDbOptions): Promise<PostgresDb> {
  const { url, log } = options;
  const modules = withLedger(options.modules);
  const pool = (readOnly: boolean): pg.Pool => {
    const created = new pg.Pool({
      connectionString: url,
      max: options.poolSize ?? 8,
      connectionTimeoutMillis: waitLimitMs,
      types: resultTypes,
      options: `-c jit=off -c lock_timeout=${waitLimitMs}${readOnly ? ' -c default_transaction_read_only=on' : ''}`,
    });
    // Without a listener a server that goes away ends this process.
    created.on('error', (error) => log.warn('an idle database connection was lost', { error }));
    // While it is lent out a connection has no listener of the pool; its query reports the loss.
    created.on('connect', (client) => void client.on('error', () => {}));
    return created;
  };
  const session: Session = {
    ...options,
    writing: pool(false),
    reading: pool(true),
    bells: createBells(log),
    random: options.random ?? Math.random,
    operationsByName: operationsByName([...modules.flatMap((m) => m.operations), ...(options.operations ?? [])]),
  };
  try {
    await migratePostgres(session, modules);
  } catch (error) {
    await Promise.all([session.writing.end(), session.reading.end()]);
    throw translatePostgres(error);
  }
  return assemble(session);
}

async function migratePostgres(session: Session, modules: readonly StoreModule[]): Promise<void> {
  const client = await session.writing.connect();
  try {
    await client.query('begin');
    await client.query(`select pg_advisory_xact_lock(${migrationLock})`);
    await client.query(migrationTableSql);
    const applied = (await client.query<AppliedMigration>(appliedSql)).rows;
    for (const migration of pendingMigrations(listMigrations(modules, 'postgres'), applied)) {
      try {
        await client.query(migration.sql);
      } catch (error) {
        throw new Error(`The migration ${migration.module}/${migration.name} failed: ${(error as Error).message}`, {
          cause: error,
        });
      }
      await client.query(
        'insert into platform_migration (module, name, checksum, applied_at) values ($1, $2, $3, $4)',
        [migration.module, migration.name, migration.checksum, session.clock.now()],
      );
    }
    await client.query('insert into ledger_head (id, seq, chain) values (0, 0, $1) on conflict do nothing', [
      Buffer.from(genesisChain),
    ]);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => {});
    throw error;
  } finally {
    client.release();
  }
}

function assemble(session: Session): PostgresDb {
  const { bells } = session;
  const announcer = createAnnouncer(session);
  const sealer = createSealer(session, announcer.tell);
  const kysely = postgresKysely<pg.PoolClient>({
    acquire: () => connect(session.reading),
    release: (client) => client.release(),
  });
  const inFlight = new Set<Promise<unknown>>();
  let closed: Promise<void> | undefined;

  const write = async <I, O>(op: Operation<I, O>, input: I): Promise<O> => {
    if (closed !== undefined) throw new SlipwayError('shutting_down');
    // The same copies as between the threads of SQLite, so that nothing works here that would fail there.
    const copy = structuredClone(input);
    const { value, topics, eventCount } = await runOperation(session, op.name, copy);
    if (eventCount > 0) sealer.ring();
    if (topics.length > 0) announcer.tell({ seq: undefined, topics });
    return structuredClone(value) as O;
  };
  const close = async (): Promise<void> => {
    await Promise.allSettled(inFlight);
    await sealer.stop();
    await announcer.stop();
    bells.clear();
    await Promise.all([session.writing.end(), session.reading.end()]);
  };
  return {
    dialect: 'postgres',
    write: (op, input) => {
      const running = write(op, input).finally(() => inFlight.delete(running));
      inFlight.add(running);
      return running;
    },
    read: <T>(): Kysely<T> => kysely as unknown as Kysely<T>,
    scan: async <R>(query: Compilable<R>): Promise<R[]> => {
      const client = await connect(session.reading);
      try {
        return (await executePostgres<R>(client, query.compile())).rows;
      } finally {
        client.release();
      }
    },
    onCommit: bells.onCommit,
    onWake: bells.onWake,
    seal: sealer.seal,
    [Symbol.asyncDispose]: () => (closed ??= close()),
  };
}

async function connect(pool: pg.Pool): Promise<pg.PoolClient> {
  try {
    return await pool.connect();
  } catch (error) {
    throw translatePostgres(error);
  }
}

interface Result {
  readonly value: unknown;
  readonly topics: readonly string[];
  readonly eventCount: number;
}

async function runOperation(session: Session, name: string, input: unknown): Promise<Result> {
  const found = session.operationsByName.get(name);
  if (found === undefined)
    throw new Error(`The database does not know the operation ${name}: add it to its module's list`);
  for (let attempt = 1; ; attempt++) {
    const client = await connect(session.writing);
    let broken: Error | undefined;
    try {
      return await runOnce(session, client, found, input);
    } catch (error) {
      if (isUnavailable(error) || (error instanceof SlipwayError && error.code === 'write_outcome_unknown')) {
        broken = error as Error;
      }
      if (!isConflict(error)) throw error;
      if (attempt === tryLimit) throw new SlipwayError('database_busy', { limitMs: waitLimitMs }, { cause: error });
    } finally {
      client.release(broken);
    }
    await session.clock.sleep(session.random() * retryBaseMs * 2 ** attempt);
  }
}

async function runOnce(session: Session, client: pg.PoolClient, found: AnyOperation, input: unknown): Promise<Result> {
  // The caller's handle restores the types that the list of all operations lost.
  const run = found.run as (trx: Trx, value: unknown) => Promise<unknown>;
  const events: UnsealedEvent[] = [];
  const topics = new Set<string>();
  const now = session.clock.now();
  const kysely = postgresKysely<pg.PoolClient>({ acquire: () => Promise.resolve(client), release: () => {} });
  let isOpen = true;
  const trx: Trx = {
    dialect: 'postgres',
    now,
    tables: <T>() => {
      assert(isOpen, `${found.name} used its transaction after it had ended`);
      return kysely as unknown as Kysely<T>;
    },
    emit: async (event: NewEvent) => {
      assert(isOpen, `${found.name} emitted an event after it had ended`);
      events.push(prepareEvent(event, now));
    },
    wake: (topic) => void topics.add(topic),
  };
  let value: unknown;
  try {
    await client.query(`begin isolation level ${found.isolation}`);
    value = await run(trx, input);
    isOpen = false;
    await insertPending(client, events);
  } catch (error) {
    isOpen = false;
    await client.query('rollback').catch(() => {});
    throw translatePostgres(error);
  }
  try {
    session.fault?.('before-commit');
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => {});
    // The answer to the commit was lost, and with it whether the commit was made.
    if (isUnavailable(error)) throw new SlipwayError('write_outcome_unknown', {}, { cause: error });
    throw translatePostgres(error);
  }
  try {
    session.fault?.('after-commit');
  } catch (error) {
    throw new SlipwayError('write_outcome_unknown', {}, { cause: error });
  }
  return { value, topics: [...topics], eventCount: events.length };
}

async function insertPending(client: pg.PoolClient, events: readonly UnsealedEvent[]): Promise<void> {
  if (events.length === 0) return;
  await client.query(
    `insert into ledger_pending (at, actor, kind, subject, body, digest)
     select at, actor, kind, subject, body, digest
     from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[]) with ordinality
       as given(at, actor, kind, subject, body, digest, place) order by place`,
    [
      events.map((event) => event.at),
      events.map((event) => event.actor),
      events.map((event) => event.kind),
      events.map((event) => event.subject),
      events.map((event) => event.body),
      events.map((event) => Buffer.from(event.digest)),
    ],
  );
}

interface Sealer {
  readonly ring: () => void;
  readonly seal: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

function createSealer(session: Session, tell: (commit: Committed) => void): Sealer {
  const { clock, log } = session;
  const bell = createWakeup(clock);
  let isStopped = false;
  const sealOnce = async (): Promise<number> => {
    const client = await session.writing.connect();
    let broken: Error | undefined;
    try {
      const sealed = await sealPending(client);
      if (sealed.count > 0) tell({ seq: sealed.seq, topics: [] });
      return sealed.count;
    } catch (error) {
      broken = error as Error;
      throw error;
    } finally {
      client.release(broken);
    }
  };
  const seal = async (): Promise<void> => {
    while ((await sealOnce()) === sealBatch);
  };
  const hasPending = async (): Promise<boolean> =>
    ((await session.reading.query('select 1 from ledger_pending limit 1')).rowCount ?? 0) > 0;
  const loop = (async () => {
    while (!isStopped) {
      await bell.wait(pollMs);
      try {
        if (!isStopped) await clock.sleep(sealDelayMs);
        // Also on the way out: what was written has a place before the process ends.
        if (await hasPending()) await seal();
      } catch (error) {
        log.error('ledger events wait to be sealed', { error });
        if (!isStopped) await clock.sleep(pollMs);
      }
    }
  })();
  return {
    ring: bell.ring,
    seal,
    stop: async () => {
      isStopped = true;
      bell.ring();
      await loop;
    },
  };
}

interface Announcer {
  readonly tell: (commit: Committed) => void;
  readonly stop: () => Promise<void>;
}

/** Rings the bells of this process at once, and those of the others through the database. */
function createAnnouncer(session: Session): Announcer {
  const { clock, log, bells } = session;
  const self = randomUUID();
  let seq: number | undefined;
  let topics = new Set<string>();
  let isWaiting = false;
  let isStopped = false;
  let client: pg.Client | undefined;

  const receive = (payload: string | undefined): void => {
    // Sent by this function of another process; anything else on the channel is ignored.
    const message = JSON.parse(payload ?? '{}') as { from?: string; seq?: number; topics?: string[] };
    if (message.from === self) return;
    bells.ring({ seq: message.seq, topics: message.topics ?? [] });
  };
  const listen = async (): Promise<void> => {
    const created = new pg.Client({ connectionString: session.url, connectionTimeoutMillis: waitLimitMs });
    created.on('error', (error) => log.warn('the listening connection was lost', { error }));
    created.on('notification', (message) => {
      try {
        receive(message.payload);
      } catch (error) {
        log.warn('a notification could not be read', { error });
      }
    });
    created.on('end', () => {
      client = undefined;
      if (!isStopped) clock.after(pollMs, () => void listen().catch(() => {}));
    });
    await created.connect();
    if (isStopped) return created.end();
    await created.query(`listen ${channel}`);
    client = created;
  };
  const flush = (): void => {
    isWaiting = false;
    const payload = JSON.stringify({ from: self, seq, topics: [...topics] });
    seq = undefined;
    topics = new Set();
    client?.query('select pg_notify($1, $2)', [channel, payload]).catch((error: unknown) => {
      log.debug('other processes were not woken; they poll', { error });
    });
  };
  const starting =
    session.listens === false
      ? Promise.resolve()
      : listen().catch((error: unknown) => log.warn('cannot listen for commits of other processes', { error }));
  return {
    tell: (commit) => {
      bells.ring(commit);
      seq = commit.seq ?? seq;
      for (const topic of commit.topics) topics.add(topic);
      if (isWaiting || isStopped || session.listens === false) return;
      isWaiting = true;
      clock.after(notifyEveryMs, flush);
    },
    stop: async () => {
      isStopped = true;
      await starting;
      await client?.end();
    },
  };
}
