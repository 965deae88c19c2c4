/** The ledger over a database: pages, verification, durable consumers and live followers. */
import assert from 'node:assert/strict';
import { sql } from 'kysely';
import type { Clock } from '../clock.ts';
import type { Db } from '../db/db.ts';
import { createWakeup } from '../db/wakeup.ts';
import type { Wakeup } from '../db/wakeup.ts';
import type { Log } from '../log.ts';
import { chainAfter, eventDigest, genesisChain } from './chain.ts';
import type { Ledger, LedgerEvent, LedgerQuery, LedgerVerdict } from './ledger.ts';
import { moveCursor } from './store.ts';
import type { LedgerTables } from './store.ts';

/** Most events per page. */
export const pageLimit = 1000;
/** Pages up to this size are read on the main thread. */
const smallPage = 50;
/** Events per page of a verification: about 3 ms of hashing between two turns of the event loop. */
const verifyPage = 500;
/** Events that a consumer takes at once; its cursor moves after each such batch. */
const consumerBatch = 50;
/** Backstop for a missed doorbell, milliseconds. */
const pollMs = 1000;
/** Pause after a handler threw: doubles from the first to the second, milliseconds. */
const retryMs = 200;
const retryMaxMs = 30_000;

export interface LedgerDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Log;
}

interface Consumer {
  readonly name: string;
  readonly kinds: readonly string[];
  readonly handle: (event: LedgerEvent) => Promise<void>;
  readonly bell: Wakeup;
}

export function createLedger(deps: LedgerDeps): Ledger {
  const { db, clock, log } = deps;
  const consumers = new Map<string, Consumer>();
  const followers = new Set<Wakeup>();
  const loops: Promise<void>[] = [];
  let unsubscribe = (): void => {};
  let state: 'new' | 'running' | 'stopped' = 'new';
  const isStopped = (): boolean => state === 'stopped';

  const ringAll = (): void => {
    for (const consumer of consumers.values()) consumer.bell.ring();
    for (const bell of followers) bell.ring();
  };

  const launch = (consumer: Consumer): void => {
    loops.push(runConsumer({ db, clock, log, consumer, isStopped }));
  };

  return {
    list: (query) => listEvents(db, query),
    head: () => readHead(db),
    verify: (range = {}) => verifyLedger(db, range),
    consume: (name, kinds, handle) => {
      assert(!consumers.has(name), `Two ledger consumers are named "${name}"`);
      const consumer = { name, kinds, handle, bell: createWakeup(clock) };
      consumers.set(name, consumer);
      if (state === 'running') launch(consumer);
    },
    follow: (afterSeq, signal) => followEvents({ db, clock, followers, isStopped, afterSeq, signal }),
    start: () => {
      if (state !== 'new') return;
      state = 'running';
      unsubscribe = db.onCommit(ringAll);
      for (const consumer of consumers.values()) launch(consumer);
    },
    stop: async () => {
      state = 'stopped';
      unsubscribe();
      ringAll();
      await Promise.all(loops);
    },
  };
}

type EventRow = LedgerTables['ledger_event'];

function toEvent(row: EventRow): LedgerEvent {
  return {
    seq: row.seq,
    at: row.at,
    actor: row.actor,
    kind: row.kind,
    subject: row.subject,
    // Written by canonicalJson from an object.
    body: JSON.parse(row.body) as Record<string, unknown>,
    digest: Buffer.from(row.digest).toString('hex'),
    chain: Buffer.from(row.chain).toString('hex'),
  };
}

async function listEvents(db: Db, query: LedgerQuery): Promise<LedgerEvent[]> {
  const limit = Math.min(query.limit, pageLimit);
  let select = db
    .read<LedgerTables>()
    .selectFrom('ledger_event')
    .selectAll()
    .orderBy('seq', query.order ?? 'asc')
    .limit(limit);
  if (query.afterSeq !== undefined) select = select.where('seq', '>', query.afterSeq);
  if (query.beforeSeq !== undefined) select = select.where('seq', '<', query.beforeSeq);
  if (query.kinds !== undefined) select = select.where('kind', 'in', query.kinds);
  if (query.noun !== undefined)
    select = select.where('kind', '>=', `${query.noun}.`).where('kind', '<', `${query.noun}/`);
  if (query.subject !== undefined) select = select.where('subject', '=', query.subject);
  if (query.actor !== undefined) select = select.where('actor', '=', query.actor);
  if (query.fromAt !== undefined) select = select.where('at', '>=', query.fromAt);
  if (query.toAt !== undefined) select = select.where('at', '<=', query.toAt);
  if (query.text !== undefined) {
    const pattern = `%${query.text.toLowerCase().replaceAll(/[\\%_]/g, '\\$&')}%`;
    select = select.where(sql<boolean>`lower(subject) like ${pattern} escape '\\'`);
  }
  const rows = limit <= smallPage ? await select.execute() : await db.scan(select);
  return rows.map(toEvent);
}

async function readHead(db: Db): Promise<{ seq: number; chain: string }> {
  const row = await db
    .read<LedgerTables>()
    .selectFrom('ledger_head')
    .selectAll()
    .where('id', '=', 0)
    .executeTakeFirst();
  return { seq: row?.seq ?? 0, chain: Buffer.from(row?.chain ?? genesisChain).toString('hex') };
}

/** Recomputes the chain up to the head of one snapshot. Cost: 6-7 µs per event. */
async function verifyLedger(
  db: Db,
  range: { readonly afterSeq?: number | undefined; readonly limit?: number | undefined },
): Promise<LedgerVerdict> {
  const snapshot = await sql<{ seq: number | null; chain: Uint8Array | null; last: number | null }>`
    select (select seq from ledger_head where id = 0) as seq, (select chain from ledger_head where id = 0) as chain,
      (select max(seq) from ledger_event) as last`.execute(db.read<LedgerTables>());
  const headSeq = snapshot.rows[0]?.seq ?? 0;
  const headChain = Buffer.from(snapshot.rows[0]?.chain ?? genesisChain).toString('hex');
  const last = snapshot.rows[0]?.last ?? 0;
  const afterSeq = range.afterSeq ?? 0;
  const start = afterSeq === 0 ? undefined : (await listEvents(db, { afterSeq: afterSeq - 1, limit: 1 }))[0];
  let chain: Uint8Array = start === undefined ? genesisChain : Buffer.from(start.chain, 'hex');
  let seq = afterSeq;
  const until = Math.min(headSeq, afterSeq + (range.limit ?? headSeq));
  const bad = (firstBadSeq: number, problem: string): LedgerVerdict => ({
    ok: false,
    events: seq - afterSeq,
    firstBadSeq,
    problem,
  });
  if (afterSeq > 0 && start?.seq !== afterSeq) return bad(afterSeq, `event ${afterSeq} is missing`);
  while (seq < until) {
    const rows = await db.scan(
      db
        .read<LedgerTables>()
        .selectFrom('ledger_event')
        .selectAll()
        .where('seq', '>', seq)
        .where('seq', '<=', until)
        .orderBy('seq')
        .limit(verifyPage),
    );
    if (rows.length === 0) return bad(seq + 1, `event ${seq + 1} is missing, the head is at ${headSeq}`);
    for (const row of rows) {
      if (row.seq !== seq + 1) return bad(seq + 1, `event ${seq + 1} is missing`);
      const digest = eventDigest(row);
      if (!Buffer.from(digest).equals(row.digest)) return bad(row.seq, `event ${row.seq} is not what was written`);
      chain = chainAfter(chain, row.seq, digest);
      if (!Buffer.from(chain).equals(row.chain)) return bad(row.seq, `event ${row.seq} does not follow event ${seq}`);
      seq = row.seq;
    }
  }
  if (seq < headSeq) return { ok: true, events: seq - afterSeq, headSeq, headChain, verifiedSeq: seq };
  if (last > headSeq) return bad(headSeq + 1, `event ${last} lies beyond the head, which is at ${headSeq}`);
  if (Buffer.from(chain).toString('hex') !== headChain) {
    return bad(headSeq, `the chain of the head does not belong to event ${headSeq}`);
  }
  return { ok: true, events: seq - afterSeq, headSeq, headChain, verifiedSeq: seq };
}

interface ConsumerRun {
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Log;
  readonly consumer: Consumer;
  readonly isStopped: () => boolean;
}

async function runConsumer(run: ConsumerRun): Promise<void> {
  const { db, log, consumer, isStopped } = run;
  let position: number | undefined;
  let failures = 0;
  while (!isStopped()) {
    try {
      position ??= await readCursor(db, consumer.name);
      const step = await consumeBatch(run, position);
      position = step.position;
      if (step.failure === undefined) {
        failures = 0;
        if (!step.hasMore) await consumer.bell.wait(pollMs);
        continue;
      }
      failures += 1;
      log.warn('a ledger consumer failed and is called again', {
        consumer: consumer.name,
        seq: position + 1,
        failures,
        error: step.failure,
      });
    } catch (error) {
      if (isStopped()) return;
      failures += 1;
      log.error('a ledger consumer could not read', { consumer: consumer.name, failures, error });
    }
    await pause(run, Math.min(retryMs * 2 ** (failures - 1), retryMaxMs));
  }
}

/** Waits the whole delay, whatever rings, unless the ledger stops. */
async function pause(run: ConsumerRun, delayMs: number): Promise<void> {
  const until = run.clock.monotonic() + delayMs;
  for (;;) {
    const left = until - run.clock.monotonic();
    if (left <= 0 || run.isStopped()) return;
    await run.consumer.bell.wait(left);
  }
}

async function readCursor(db: Db, consumer: string): Promise<number> {
  const row = await db
    .read<LedgerTables>()
    .selectFrom('ledger_cursor')
    .select('seq')
    .where('consumer', '=', consumer)
    .executeTakeFirst();
  return row?.seq ?? 0;
}

async function consumeBatch(
  run: ConsumerRun,
  from: number,
): Promise<{ readonly position: number; readonly hasMore: boolean; readonly failure?: unknown }> {
  const { db, consumer, isStopped } = run;
  // Read before the events: everything up to it is visible to the query, so it is where an empty answer leads.
  const head = await readHead(db);
  const events = await listEvents(db, { afterSeq: from, kinds: consumer.kinds, limit: consumerBatch });
  let position = from;
  let failure: { readonly error: unknown } | undefined;
  for (const event of events) {
    if (isStopped()) break;
    try {
      await consumer.handle(event);
    } catch (error) {
      failure = { error };
      break;
    }
    position = event.seq;
  }
  if (position > from) await db.write(moveCursor, { consumer: consumer.name, seq: position });
  if (failure !== undefined) return { position, hasMore: true, failure: failure.error };
  const hasMore = events.length === consumerBatch;
  return { position: events.length === 0 ? Math.max(from, head.seq) : position, hasMore };
}

async function* followEvents(run: {
  readonly db: Db;
  readonly clock: Clock;
  readonly followers: Set<Wakeup>;
  readonly isStopped: () => boolean;
  readonly afterSeq: number | undefined;
  readonly signal: AbortSignal;
}): AsyncGenerator<LedgerEvent, void, undefined> {
  const { db, signal, isStopped } = run;
  const bell = createWakeup(run.clock);
  run.followers.add(bell);
  const ring = (): void => bell.ring();
  signal.addEventListener('abort', ring);
  try {
    let position = run.afterSeq ?? (await readHead(db)).seq;
    while (!signal.aborted && !isStopped()) {
      const events = await listEvents(db, { afterSeq: position, limit: smallPage });
      for (const event of events) {
        if (signal.aborted) return;
        yield event;
        position = event.seq;
      }
      if (events.length < smallPage && !signal.aborted && !isStopped()) await bell.wait(pollMs);
    }
  } finally {
    run.followers.delete(bell);
    signal.removeEventListener('abort', ring);
  }
}
