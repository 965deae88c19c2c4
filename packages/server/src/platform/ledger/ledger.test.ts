import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sql } from 'kysely';
import { createSystemClock } from '../clock.ts';
import { operation } from '../db/db.ts';
import type { Db } from '../db/db.ts';
import { dbTest, eachDatabase, openTestDb } from '../db/testing.ts';
import { createLog } from '../log.ts';
import { createLedger } from './create-ledger.ts';
import type { Ledger, LedgerEvent, LedgerQuery } from './ledger.ts';
import type { LedgerTables } from './store.ts';

const clock = createSystemClock();
const log = createLog({ level: 'error', now: () => clock.now(), write: () => {} });

const say = operation(
  'test.say',
  async (trx, input: { kind: string; subject: string; body: Record<string, unknown> }): Promise<void> => {
    await trx.emit({ actor: 'owner', ...input });
  },
);
const tamper = operation('test.tamper', async (trx, input: { sql: string }): Promise<void> => {
  await sql.raw(input.sql).execute(trx.tables());
});

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = clock.now() + 15_000;
  while (!condition()) {
    assert(clock.now() < deadline, `waited in vain until ${what}`);
    await clock.sleep(2);
  }
}

interface Opened {
  readonly db: Db;
  readonly ledger: Ledger;
  readonly sealed: () => Promise<void>;
}

const sayN = async (opened: Opened, n: number, kind = 'run.finished'): Promise<void> => {
  for (let i = 0; i < n; i++)
    await opened.db.write(say, { kind, subject: `run:${i}`, body: { i, text: `event ${i}` } });
  await opened.sealed();
};

test('the digest and the chain of a known event do not change between versions', async (t) => {
  const { db, close } = await openTestDb({
    modules: [],
    operations: [say],
    clock: { ...clock, now: () => 1_800_000_000_000 },
  });
  t.after(close);
  const ledger = createLedger({ db, clock, log });
  await db.write(say, { kind: 'run.finished', subject: 'run:é', body: { b: [1, 2.5, null], a: { z: true, y: 'x' } } });
  const [event] = await ledger.list({ limit: 1 });
  assert.equal(event?.digest, '9965f83ecd416540fe8d4bb582350e542fb583921417680600cb82fbfbbd68a9');
  assert.equal(event?.chain, 'aec78bc4aea4f7b997ef5708e4d92bee6dc5b0c6cf883e78e357d512474fd9f0');
});

eachDatabase((name, openDb) => {
  const ledgerTest = (title: string, run: (opened: Opened) => Promise<void>): void =>
    dbTest(`${name}: ${title}`, openDb, { modules: [], operations: [say, tamper] }, async (_, { db, sealed }) => {
      const ledger = createLedger({ db, clock, log });
      try {
        await run({ db, ledger, sealed });
      } finally {
        await ledger.stop();
      }
    });

  ledgerTest('events are numbered without gaps, listed by kind, subject and range, and verified', async (opened) => {
    const { db, ledger, sealed } = opened;
    assert.deepEqual(await ledger.head(), { seq: 0, chain: '0'.repeat(64) });
    assert.deepEqual(await ledger.verify(), {
      ok: true,
      events: 0,
      headSeq: 0,
      headChain: '0'.repeat(64),
      verifiedSeq: 0,
    });
    await sayN(opened, 5);
    await db.write(say, { kind: 'alias.moved', subject: 'model:a', body: { to: 'champion', from: null } });
    await sealed();
    assert.deepEqual(
      (await ledger.list({ limit: 10 })).map((e) => e.seq),
      [1, 2, 3, 4, 5, 6],
    );
    assert.deepEqual(
      (await ledger.list({ limit: 2, order: 'desc', beforeSeq: 6 })).map((e) => e.seq),
      [5, 4],
    );
    const moved = await ledger.list({ limit: 10, kinds: ['alias.moved'], subject: 'model:a', afterSeq: 2 });
    assert.deepEqual(
      moved.map((e) => [e.kind, e.body]),
      [['alias.moved', { from: null, to: 'champion' }]],
    );
    const verdict = await ledger.verify();
    const head = await ledger.head();
    assert.deepEqual(verdict, { ok: true, events: 6, headSeq: 6, headChain: head.chain, verifiedSeq: 6 });
    assert.equal(moved[0]?.chain, head.chain);
    assert.deepEqual(await ledger.verify({ afterSeq: 2, limit: 3 }), { ...verdict, events: 3, verifiedSeq: 5 });
    assert.deepEqual(await ledger.verify({ afterSeq: 5, limit: 3 }), { ...verdict, events: 1 });
  });

  ledgerTest('events are found by noun, actor, time and a part of their subject', async ({ db, ledger, sealed }) => {
    for (const [kind, subject] of [
      ['alias.moved', 'model:Flight_Delay'],
      ['alias.deleted', 'model:flight-delay'],
      ['alias-like.moved', 'model:flightXdelay'],
      ['run.finished', 'run_1'],
    ] as const)
      await db.write(say, { kind, subject, body: {} });
    await sealed();
    const found = async (query: Omit<LedgerQuery, 'limit'>): Promise<number[]> =>
      (await ledger.list({ limit: 10, ...query })).map((e) => e.seq);
    const [first] = await ledger.list({ limit: 1 });
    assert.deepEqual(await found({ noun: 'alias' }), [1, 2]);
    assert.deepEqual(await found({ text: 'FLIGHT_' }), [1], 'an underscore stands for itself');
    assert.deepEqual(await found({ text: 'flight' }), [1, 2, 3]);
    assert.deepEqual(await found({ actor: 'nobody' }), []);
    assert.deepEqual(await found({ actor: 'owner', fromAt: first?.at, text: 'run_' }), [4]);
    assert.deepEqual(await found({ toAt: (first?.at ?? 0) - 1 }), []);
  });

  for (const [what, change, firstBadSeq] of [
    ['a changed body', `update ledger_event set body = '{"i":99}' where seq = 3`, 3],
    ['a changed instant', 'update ledger_event set at = at + 1 where seq = 3', 3],
    ['a changed actor', `update ledger_event set actor = 'system' where seq = 3`, 3],
    ['a changed kind', `update ledger_event set kind = 'run.failed' where seq = 3`, 3],
    ['a changed subject', `update ledger_event set subject = 'run:9' where seq = 3`, 3],
    [
      'a changed digest',
      `update ledger_event set digest = (select digest from ledger_event where seq = 2) where seq = 3`,
      3,
    ],
    [
      'a changed chain',
      `update ledger_event set chain = (select chain from ledger_event where seq = 2) where seq = 3`,
      3,
    ],
    ['a dropped event', 'delete from ledger_event where seq = 3', 3],
    ['a dropped first event', 'delete from ledger_event where seq = 1', 1],
    ['a cut tail', 'delete from ledger_event where seq >= 5', 5],
    [
      'an event beyond the head',
      'update ledger_head set seq = 4, chain = (select chain from ledger_event where seq = 4)',
      5,
    ],
    ['a changed head', 'update ledger_head set chain = (select chain from ledger_event where seq = 4)', 6],
    [
      'swapped events',
      'update ledger_event set seq = -seq where seq in (2, 3); update ledger_event set seq = case seq when -2 then 3 else 2 end where seq < 0',
      2,
    ],
  ] as const) {
    ledgerTest(`verification finds ${what}`, async (opened) => {
      const { db, ledger } = opened;
      await sayN(opened, 6);
      for (const statement of change.split(';')) await db.write(tamper, { sql: statement });
      const verdict = await ledger.verify();
      assert(!verdict.ok);
      assert.equal(verdict.firstBadSeq, firstBadSeq);
      let ranged = await ledger.verify({ limit: 2 });
      while (ranged.ok && ranged.verifiedSeq < ranged.headSeq)
        ranged = await ledger.verify({ afterSeq: ranged.verifiedSeq, limit: 2 });
      assert(!ranged.ok, 'ranges that follow one another find it too');
    });
  }

  ledgerTest('verification reads more than one page', async (opened) => {
    const { db, ledger, sealed } = opened;
    await Promise.all(
      Array.from({ length: 1201 }, (_, i) => db.write(say, { kind: 'run.finished', subject: `run:${i}`, body: { i } })),
    );
    await sealed();
    assert.equal((await ledger.verify()).events, 1201);
    await db.write(tamper, { sql: `update ledger_event set subject = 'x' where seq = 1100` });
    const verdict = await ledger.verify();
    assert(!verdict.ok && verdict.firstBadSeq === 1100 && verdict.events === 1099);
  });

  ledgerTest('an event that is not well formed fails its write', async (opened) => {
    const { db, ledger } = opened;
    for (const bad of [
      { kind: 'Run finished', subject: 'run:1', body: {} },
      { kind: 'run.finished', subject: '', body: {} },
      { kind: 'run.finished', subject: 'run:1', body: { value: Number.NaN } },
      { kind: 'run.finished', subject: 'run:1', body: { text: 'x'.repeat(70_000) } },
    ]) {
      await assert.rejects(db.write(say, bad), { name: /^(?:AssertionError|TypeError)$/ });
    }
    assert.equal((await ledger.head()).seq, 0);
  });

  ledgerTest(
    'a consumer gets each event of its kinds once and in order, over a restart, and only its kinds',
    async (opened) => {
      const { db, ledger } = opened;
      await sayN(opened, 3);
      const seen: number[] = [];
      const handle = async (event: LedgerEvent): Promise<void> => void seen.push(event.seq);
      ledger.consume('webhooks', ['run.finished'], handle);
      ledger.start();
      await until(() => seen.length === 3, 'the old events came');
      await sayN(opened, 1, 'alias.moved');
      await sayN(opened, 130);
      await until(() => seen.length === 133, 'the new events came');
      await ledger.stop();
      await sayN(opened, 2);
      const again = createLedger({ db, clock, log });
      again.consume('webhooks', ['run.finished'], handle);
      again.start();
      await until(() => seen.length >= 135, 'the events after the restart came');
      await again.stop();
      assert.deepEqual(seen, [1, 2, 3, ...Array.from({ length: 132 }, (_, i) => i + 5)]);
    },
  );

  ledgerTest('a handler that throws is called again from the same event and holds up nobody else', async (opened) => {
    const { ledger } = opened;
    const seen: number[] = [];
    const other: number[] = [];
    let failures = 0;
    ledger.consume('shaky', ['run.finished'], async (event) => {
      if (event.seq === 2 && failures++ < 2) throw new Error('not now');
      seen.push(event.seq);
    });
    ledger.consume('steady', ['run.finished'], async (event) => void other.push(event.seq));
    ledger.start();
    await sayN(opened, 3);
    await until(() => other.length === 3, 'the steady consumer was done');
    await until(() => seen.length === 3, 'the shaky consumer was done');
    assert.deepEqual(seen, [1, 2, 3]);
    assert.equal(failures, 3);
  });

  ledgerTest('followers get events as they come, from where they asked, until they leave', async (opened) => {
    const { ledger } = opened;
    ledger.start();
    await sayN(opened, 3);
    const leave = new AbortController();
    const late: number[] = [];
    const all: number[] = [];
    const reading = [
      (async () => {
        for await (const event of ledger.follow(undefined, leave.signal)) late.push(event.seq);
      })(),
      (async () => {
        for await (const event of ledger.follow(1, leave.signal)) all.push(event.seq);
      })(),
    ];
    await until(() => all.length === 2, 'the follower caught up');
    const startedAt = clock.monotonic();
    await sayN(opened, 2);
    await until(() => late.length === 2 && all.length === 4, 'both followers heard');
    assert(clock.monotonic() - startedAt < 900, 'followers waited for the poll instead of the commit');
    leave.abort();
    await Promise.all(reading);
    assert.deepEqual(
      [late, all],
      [
        [4, 5],
        [2, 3, 4, 5],
      ],
    );
  });

  ledgerTest('one statement reads head and last event, so verification may run while others write', async (opened) => {
    const { db, ledger, sealed } = opened;
    let isWriting = true;
    const writing = (async () => {
      for (let i = 0; i < 300; i++) await db.write(say, { kind: 'run.finished', subject: `run:${i}`, body: { i } });
      isWriting = false;
    })();
    while (isWriting) {
      const verdict = await ledger.verify();
      assert(verdict.ok, JSON.stringify(verdict));
      await clock.sleep(1);
    }
    await writing;
    await sealed();
    const rows = await db.read<LedgerTables>().selectFrom('ledger_event').select('seq').execute();
    assert.equal(rows.length, 300);
  });
});
