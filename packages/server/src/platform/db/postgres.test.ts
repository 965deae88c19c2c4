import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { after, test } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import type { SlipwayError } from '@slipway/contract';
import { createSystemClock } from '../clock.ts';
import type { Clock } from '../clock.ts';
import { createLedger } from '../ledger/create-ledger.ts';
import { createLog } from '../log.ts';
import { skipUnlessCi } from '../testing/missing.ts';
import { createPostgresDb } from './postgres.ts';
import type { PostgresDb, PostgresDbOptions } from './postgres.ts';
import { counterStore, putCounter, wakeTopic } from './testing/counter-store.ts';
import type { CounterTables } from './testing/counter-store.ts';
import { startTestPostgres } from './testing/postgres-server.ts';
import type { TestPostgres } from './testing/postgres-server.ts';

const clock = createSystemClock();
const log = createLog({ level: 'error', now: () => clock.now(), write: () => {} });

let starting: Promise<TestPostgres> | undefined;
after(async () => {
  await (await starting?.catch(() => undefined))?.stop();
});

/** A fresh database's address, or undefined after the test was marked as skipped. */
async function freshUrl(t: TestContext): Promise<string | undefined> {
  starting ??= startTestPostgres();
  try {
    const database = await (await starting).createDatabase();
    t.after(database.drop);
    return database.url;
  } catch (error) {
    skipUnlessCi(t, `PostgreSQL could not start here: ${(error as Error).message}`, error);
    return undefined;
  }
}

const open = (url: string, more: Partial<PostgresDbOptions> = {}): Promise<PostgresDb> =>
  createPostgresDb({ url, modules: [counterStore], clock, log, poolSize: 4, ...more });

async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = clock.now() + 20_000;
  while (!(await condition())) {
    assert(clock.now() < deadline, `waited in vain until ${what}`);
    await clock.sleep(5);
  }
}

test('a commit of one process wakes another at once', async (t) => {
  const url = await freshUrl(t);
  if (url === undefined) return;
  await using here = await open(url);
  // One that never polls hears by notifications alone.
  const after: Clock['after'] = (delayMs, callback) => (delayMs < 1000 ? clock.after(delayMs, callback) : () => {});
  await using there = await open(url, { clock: { ...clock, after } });
  const heard: number[] = [];
  let woken = 0;
  there.onCommit((seq) => heard.push(seq));
  there.onWake('counting', () => woken++);
  let value = 0;
  await until(async () => {
    // Listening begins beside opening: the first ones may be too early.
    await here.write(putCounter, { name: 'a', value: ++value });
    await here.write(wakeTopic, {});
    await clock.sleep(50);
    return heard.some((seq) => seq >= 1) && woken > 0;
  }, 'the other process heard');
});

test('injected crashes: before the commit nothing was made, after it everything but the answer', async (t) => {
  const url = await freshUrl(t);
  if (url === undefined) return;
  let crashAt: string | undefined;
  const fault = (point: string): void => {
    if (point !== crashAt) return;
    crashAt = undefined;
    throw new Error('injected');
  };
  await using db = await open(url, { fault, listens: false });
  crashAt = 'before-commit';
  await assert.rejects(db.write(putCounter, { name: 'lost', value: 1 }), /injected/);
  crashAt = 'after-commit';
  await assert.rejects(db.write(putCounter, { name: 'unanswered', value: 1 }), { code: 'write_outcome_unknown' });
  await db.write(putCounter, { name: 'after', value: 1 });
  const rows = await db.read<CounterTables>().selectFrom('counter').select('name').orderBy('name').execute();
  assert.deepEqual(
    rows.map((row) => row.name),
    ['after', 'unanswered'],
  );
});

test('two processes may open, and migrate, a fresh database at the same time', async (t) => {
  const url = await freshUrl(t);
  if (url === undefined) return;
  const all = await Promise.all([open(url), open(url), open(url)]);
  await Promise.all(all.map((db, i) => db.write(putCounter, { name: `n${i}`, value: i })));
  await Promise.all(all.map((db) => db[Symbol.asyncDispose]()));
});

test('lost connections cost at most the writes in flight; the next ones work, and the process lives', async (t) => {
  const url = await freshUrl(t);
  if (url === undefined) return;
  await using db = await open(url);
  const admin = new Client({ connectionString: url });
  await admin.connect();
  let answered = 0;
  for (let round = 0; round < 4; round++) {
    const writes = Promise.allSettled(
      Array.from({ length: 20 }, (_, i) => db.write(putCounter, { name: `${round}-${i}`, value: i })),
    );
    await admin.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    );
    for (const result of await writes) {
      if (result.status === 'fulfilled') answered += 1;
      else {
        const { code } = result.reason as SlipwayError;
        assert(code === 'database_unavailable' || code === 'write_outcome_unknown', String(result.reason));
      }
    }
  }
  await admin.end();
  await until(
    () =>
      db.write(putCounter, { name: 'after', value: 1 }).then(
        () => true,
        () => false,
      ),
    'writes work again',
  );
  const rows = await db.read<CounterTables>().selectFrom('counter').select('name').execute();
  assert(rows.length >= answered + 1);
  await db.seal();
  const verdict = await createLedger({ db, clock, log }).verify();
  assert(verdict.ok && verdict.events === rows.length, JSON.stringify(verdict));
});

test('a server that is not there is reported as such', async () => {
  await assert.rejects(open('postgres://nobody@127.0.0.1:1/none'), { code: 'database_unavailable' });
});

test('killed writers and sealers leave a valid chain, and lose no answered write', { timeout: 120_000 }, async (t) => {
  const url = await freshUrl(t);
  if (url === undefined) return;
  const path = fileURLToPath(new URL('./testing/postgres-child.ts', import.meta.url));
  const answered = new Set<string>();
  const launch = (name: string): ChildProcess => {
    const child = fork(path, [url, name], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    child.on('message', (message) => typeof message === 'string' && answered.add(message));
    return child;
  };
  const children = [launch('a'), launch('b')];
  for (let kill = 0; kill < 6; kill++) {
    const before = answered.size;
    await until(() => answered.size > before + 60, 'the children wrote');
    const victim = children[kill % 2];
    assert(victim !== undefined);
    victim.kill('SIGKILL');
    await once(victim, 'close');
    children[kill % 2] = launch(`k${kill}`);
  }
  for (const child of children) {
    child.kill('SIGKILL');
    await once(child, 'close');
  }
  await using db = await open(url);
  await db.seal();
  const names = new Set(
    (await db.read<CounterTables>().selectFrom('counter').select('name').execute()).map((r) => r.name),
  );
  for (const name of answered) assert(names.has(name), `${name} was answered and is lost`);
  const verdict = await createLedger({ db, clock, log }).verify();
  assert(verdict.ok && verdict.events === names.size, JSON.stringify(verdict));
});
