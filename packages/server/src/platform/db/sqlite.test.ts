import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SlipwayError } from '@slipway/contract';
import { createSystemClock } from '../clock.ts';
import { createLog } from '../log.ts';
import { chainAfter, eventDigest, genesisChain } from '../ledger/chain.ts';
import type { LedgerTables } from '../ledger/store.ts';
import { mountSmallDisk } from '../testing/small-disk.ts';
import type { AnyOperation } from './db.ts';
import { constraintOf } from './failure.ts';
import { createSqliteDb } from './sqlite.ts';
import type { SqliteDb } from './sqlite.ts';
import {
  counterStore,
  echoWide,
  failAfterWriting,
  putCounter,
  waitOutside,
  crashWriter,
} from './testing/counter-store.ts';
import type { CounterTables } from './testing/counter-store.ts';

const clock = createSystemClock();
const log = createLog({ level: 'error', now: () => clock.now(), write: () => {} });
const writerEntry = new URL('./testing/counter-writer.ts', import.meta.url);

async function open(t: TestContext, mode: 'inline' | 'threads'): Promise<{ db: SqliteDb; folder: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-sqlite-'));
  const db = await createSqliteDb({
    file: join(folder, 'a.db'),
    modules: [counterStore],
    clock,
    log,
    ...(mode === 'inline' ? { inline: {}, durability: 'none' as const } : { writerEntry }),
  });
  t.after(async () => {
    await db[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });
  return { db, folder };
}

const counters = (db: SqliteDb): Promise<{ name: string; value: number }[]> =>
  db.read<CounterTables>().selectFrom('counter').selectAll().orderBy('name').execute();

for (const mode of ['inline', 'threads'] as const) {
  test(`${mode}: an answered write is seen by read and scan`, async (t) => {
    const { db } = await open(t, mode);
    assert.equal(await db.write(putCounter, { name: 'a', value: 3 }), 3);
    assert.deepEqual(await counters(db), [{ name: 'a', value: 3 }]);
    const rows = await db.scan(db.read<CounterTables>().selectFrom('counter').select(['name', 'value']));
    assert.deepEqual(rows, [{ name: 'a', value: 3 }]);
  });

  test(`${mode}: a failing write takes nothing with it, neither its own rows nor its neighbours`, async (t) => {
    const { db } = await open(t, mode);
    const results = await Promise.allSettled([
      db.write(putCounter, { name: 'a', value: 1 }),
      db.write(failAfterWriting, { name: 'b' }),
      db.write(putCounter, { name: 'c', value: 2 }),
    ]);
    assert.deepEqual(
      results.map((r) => r.status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    const reason = results[1].status === 'rejected' ? (results[1].reason as unknown) : undefined;
    assert(reason instanceof SlipwayError);
    assert.equal(reason.code, 'already_exists');
    assert.equal(reason.status, 409);
    assert.deepEqual(reason.details, { noun: 'counter', name: 'b' });
    assert.deepEqual(await counters(db), [
      { name: 'a', value: 1 },
      { name: 'c', value: 2 },
    ]);
    const events = await db.read<LedgerTables>().selectFrom('ledger_event').selectAll().orderBy('seq').execute();
    assert.deepEqual(
      events.map((e) => [e.seq, e.subject]),
      [
        [1, 'counter:a'],
        [2, 'counter:c'],
      ],
    );
  });

  test(`${mode}: constraint violations keep their code`, async (t) => {
    const { db } = await open(t, mode);
    const error = await db.write(putCounter, { name: 'a', value: -1 }).catch((e: unknown) => e);
    assert.equal(constraintOf(error), 'check');
    assert.deepEqual(await counters(db), []);
  });

  test(`${mode}: an operation that awaits something else is refused and leaves nothing`, async (t) => {
    const { db } = await open(t, mode);
    await assert.rejects(db.write(waitOutside, { name: 'a' }), /awaited something other than its transaction/);
    await db.write(putCounter, { name: 'b', value: 1 });
    assert.deepEqual(await counters(db), [{ name: 'b', value: 1 }]);
  });

  test(`${mode}: what is not structured-clone data is refused`, async (t) => {
    const { db } = await open(t, mode);
    const bad = { name: 'a', value: (() => 1) as unknown as number };
    const [refused, taken] = await Promise.allSettled([
      db.write(putCounter, bad),
      db.write(putCounter, { name: 'b', value: 1 }),
    ]);
    assert.equal(refused.status, 'rejected');
    assert.equal(taken.status, 'fulfilled');
  });

  test(`${mode}: integers beyond 2^53, reals, blobs and text come back unchanged`, async (t) => {
    const { db } = await open(t, mode);
    const wide = { id: 1, big: 9007199254740993n, ratio: 0.1 + 0.2, bytes: new Uint8Array([0, 255]), text: 'naïve' };
    const answered = await db.write(echoWide, wide);
    assert.deepEqual({ ...answered, bytes: [...answered.bytes] }, { ...wide, bytes: [0, 255] });
    const query = db.read<CounterTables>().selectFrom('wide').selectAll();
    for (const rows of [await query.execute(), await db.scan(query)]) {
      const row = rows[0];
      assert(row !== undefined);
      assert.deepEqual({ ...row, bytes: [...row.bytes] }, { ...wide, bytes: [0, 255] });
    }
  });

  test(`${mode}: commit listeners hear the newest event, and silence when nothing was emitted`, async (t) => {
    const { db } = await open(t, mode);
    const heard: number[] = [];
    const stop = db.onCommit((seq) => heard.push(seq));
    await Promise.all([1, 2, 3].map((value) => db.write(putCounter, { name: `c${value}`, value })));
    await db.write(failAfterWriting, { name: 'x' }).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 20));
    stop();
    await db.write(putCounter, { name: 'd', value: 1 });
    assert.equal(heard.at(-1), 3);
  });

  test(`${mode}: a backup made while writing holds every event up to its head`, async (t) => {
    const { db, folder } = await open(t, mode);
    await Promise.all(Array.from({ length: 50 }, (_, i) => db.write(putCounter, { name: `n${i}`, value: i })));
    const more = Promise.all(Array.from({ length: 50 }, (_, i) => db.write(putCounter, { name: `m${i}`, value: i })));
    await db.backup(join(folder, 'copy.db'));
    await more;
    const copy = await createSqliteDb({
      file: join(folder, 'copy.db'),
      modules: [counterStore],
      inline: {},
      clock,
      log,
    });
    const rows = await counters(copy);
    await assertChain(copy, rows.length);
    await copy[Symbol.asyncDispose]();
    assert(rows.length >= 50);
  });
}

test('injected crashes: before the commit nothing was made, after it everything but the answer', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-sqlite-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  let crashAt: string | undefined;
  const fault = (point: string): void => {
    if (point !== crashAt) return;
    crashAt = undefined;
    throw new Error('injected');
  };
  const db = await createSqliteDb({
    file: join(folder, 'a.db'),
    modules: [counterStore],
    inline: { fault },
    durability: 'none',
    clock,
    log,
  });
  crashAt = 'before-commit';
  await assert.rejects(db.write(putCounter, { name: 'lost', value: 1 }), /injected/);
  crashAt = 'after-commit';
  await assert.rejects(db.write(putCounter, { name: 'unanswered', value: 1 }), { code: 'write_outcome_unknown' });
  await db.write(putCounter, { name: 'after', value: 1 });
  assert.deepEqual(
    (await counters(db)).map((c) => c.name),
    ['after', 'unanswered'],
  );
  await assertChain(db, 2);
  await db[Symbol.asyncDispose]();
});

test('reads cannot write', async (t) => {
  const { db } = await open(t, 'inline');
  await assert.rejects(
    db.read<CounterTables>().insertInto('counter').values({ name: 'a', value: 1 }).execute(),
    /readonly/,
  );
});

test('binding: dates, NaN, undefined and objects are refused, booleans become 0 and 1', async (t) => {
  const { db } = await open(t, 'inline');
  const select = (value: unknown): Promise<unknown> =>
    db
      .read<CounterTables>()
      .selectFrom('counter')
      .selectAll()
      .where('value', '=', value as number)
      .execute();
  await assert.rejects(select(new Date(0)), /instants are integer milliseconds/);
  await assert.rejects(select(Number.NaN), /NaN/);
  await assert.rejects(select(undefined), /undefined/);
  await assert.rejects(select({}), /object/);
  await db.write(putCounter, { name: 'a', value: 1 });
  assert.equal(((await select(true)) as unknown[]).length, 1);
});

test('a writer that dies rejects what it held and comes back', async (t) => {
  const { db } = await open(t, 'threads');
  await db.write(putCounter, { name: 'before', value: 1 });
  await assert.rejects(db.write(crashWriter, {}), { code: 'write_outcome_unknown' });
  const deadline = clock.now() + 15_000;
  for (;;) {
    try {
      await db.write(putCounter, { name: 'after', value: 2 });
      break;
    } catch (error) {
      assert(error instanceof SlipwayError && error.code === 'database_unavailable', String(error));
      assert(clock.now() < deadline, 'the writer did not come back');
      await clock.sleep(20);
    }
  }
  assert.deepEqual(
    (await counters(db)).map((c) => c.name),
    ['after', 'before'],
  );
});

test('opening fails with the reason when the writer entry or the file is bad', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-sqlite-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'bad.mjs'), 'throw new Error("entry is broken");');
  const base = { file: join(folder, 'a.db'), modules: [counterStore], clock, log };
  await assert.rejects(createSqliteDb({ ...base, writerEntry: join(folder, 'bad.mjs') }), /entry is broken/);
  writeFileSync(join(folder, 'b.db'), 'this is not a database, but long enough to be mistaken for one'.repeat(40));
  await assert.rejects(createSqliteDb({ ...base, file: join(folder, 'b.db'), inline: {} }), {
    code: 'database_unavailable',
  });
});

test('two operations of one name are refused', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-sqlite-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const impostor: AnyOperation = { name: putCounter.name, run: () => Promise.resolve(0), isolation: 'serializable' };
  await assert.rejects(
    createSqliteDb({
      file: join(folder, 'a.db'),
      modules: [counterStore],
      clock,
      log,
      inline: { operations: [impostor] },
    }),
    /Two operations are named/,
  );
});

async function assertChain(db: SqliteDb, count: number): Promise<void> {
  const events = await db.read<LedgerTables>().selectFrom('ledger_event').selectAll().orderBy('seq').execute();
  assert.equal(events.length, count);
  let chain = genesisChain;
  for (const [index, event] of events.entries()) {
    assert.equal(event.seq, index + 1);
    assert.deepEqual(Buffer.from(eventDigest(event)), Buffer.from(event.digest));
    chain = chainAfter(chain, event.seq, event.digest);
    assert.deepEqual(Buffer.from(chain), Buffer.from(event.chain));
  }
}

test('SIGKILL while writing loses no answered write and leaves the chain valid', { timeout: 120_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-kill-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'a.db');
  mkdirSync(folder, { recursive: true });
  const child = fileURLToPath(new URL('./testing/counter-child.ts', import.meta.url));
  const answered = new Set<string>();
  for (let round = 0; round < 6; round++) {
    const process_ = spawn(process.execPath, [child, file, `r${round}`], { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    const enough = Promise.withResolvers<void>();
    process_.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.length > 300 + round * 700) enough.resolve();
    });
    const exited = new Promise<void>((resolve) => process_.on('close', () => resolve()));
    await Promise.race([enough.promise, exited]);
    process_.kill('SIGKILL');
    await exited;
    // The last line may be cut.
    for (const line of text.split('\n').slice(0, -1)) answered.add(line);
  }
  assert(answered.size > 50, `only ${answered.size} writes were answered`);
  const db = await createSqliteDb({ file, modules: [counterStore], inline: {}, clock, log });
  const names = new Set((await counters(db)).map((c) => c.name));
  for (const name of answered) assert(names.has(name), `${name} was answered and is lost`);
  await assertChain(db, names.size);
  await db[Symbol.asyncDispose]();
});

test('a full disk answers disk_full, keeps what was answered before, and goes on when there is room', async (t) => {
  const folder = mountSmallDisk(t, 2);
  if (folder === undefined) return;
  const db = await createSqliteDb({ file: join(folder, 'a.db'), modules: [counterStore], writerEntry, clock, log });
  await db.write(putCounter, { name: 'before', value: 1 });
  writeFileSync(join(folder, 'filler'), Buffer.alloc(1_000_000));
  const names = Array.from({ length: 40 }, (_, i) => `${i}-`.padEnd(60_000, 'x'));
  const results = await Promise.allSettled(names.map((name) => db.write(putCounter, { name, value: 1 })));
  const failed = results.filter((r) => r.status === 'rejected');
  assert(failed.length > 0);
  for (const { reason } of failed) assert.equal((reason as SlipwayError).code, 'disk_full');
  const stored = new Set((await counters(db)).map((c) => c.name));
  for (const [i, result] of results.entries()) assert.equal(stored.has(names[i] ?? ''), result.status === 'fulfilled');
  rmSync(join(folder, 'filler'));
  await db.write(putCounter, { name: 'after', value: 1 });
  await assertChain(db, stored.size + 1);
  await db[Symbol.asyncDispose]();
});
