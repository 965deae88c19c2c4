import assert from 'node:assert/strict';
import { sql } from 'kysely';
import { SlipwayError } from '@slipway/contract';
import { createSystemClock } from '../clock.ts';
import { createLedger } from '../ledger/create-ledger.ts';
import { testLog } from './testing.ts';
import { constraintOf } from './failure.ts';
import { dbTest, eachDatabase } from './testing.ts';
import { counterStore, echoWide, failAfterWriting, increment, putCounter } from './testing/counter-store.ts';
import type { CounterTables } from './testing/counter-store.ts';

const clock = createSystemClock();
const modules = [counterStore];

eachDatabase((name, open) => {
  dbTest(
    `${name}: values of every type come back unchanged, by read, scan and returning`,
    open,
    { modules },
    async (_, { db }) => {
      const wide = { id: 1, big: 9007199254740993n, ratio: 0.1 + 0.2, bytes: new Uint8Array([0, 255]), text: 'naïve' };
      const answered = await db.write(echoWide, wide);
      const query = db.read<CounterTables>().selectFrom('wide').selectAll();
      for (const row of [answered, ...(await query.execute()), ...(await db.scan(query))]) {
        assert.deepEqual({ ...row, bytes: [...row.bytes] }, { ...wide, bytes: [0, 255] });
      }
      for (const ratio of [Number.POSITIVE_INFINITY, 5e-324, -1.7976931348623157e308, 3]) {
        const back = await db.write(echoWide, {
          ...wide,
          id: (Math.ceil(Math.abs(Math.log(Math.abs(ratio)))) % 10_000) + 2 || 9,
          ratio,
        });
        assert.equal(back.ratio, ratio);
      }
    },
  );

  dbTest(
    `${name}: a failing write leaves neither rows nor events, and its code comes out`,
    open,
    { modules },
    async (_, opened) => {
      const { db } = opened;
      await assert.rejects(db.write(failAfterWriting, { name: 'b' }), (error) => {
        assert(error instanceof SlipwayError);
        assert.deepEqual([error.code, error.details], ['already_exists', { noun: 'counter', name: 'b' }]);
        return true;
      });
      const error = await db.write(putCounter, { name: 'a', value: -1 }).catch((e: unknown) => e);
      assert.equal(constraintOf(error), 'check');
      await db.write(putCounter, { name: 'c', value: 1 });
      await opened.sealed();
      const rows = await db.read<CounterTables>().selectFrom('counter').selectAll().execute();
      assert.deepEqual(rows, [{ name: 'c', value: 1 }]);
      const ledger = createLedger({ db, clock, log: testLog() });
      assert.deepEqual(
        (await ledger.list({ limit: 10 })).map((e) => [e.seq, e.subject]),
        [[1, 'counter:c']],
      );
    },
  );

  dbTest(`${name}: read-then-write operations do not lose updates`, open, { modules }, async (_, { db }) => {
    await Promise.all(Array.from({ length: 30 }, () => db.write(increment, { name: 'n' })));
    const row = await db.read<CounterTables>().selectFrom('counter').selectAll().executeTakeFirstOrThrow();
    assert.equal(row.value, 30);
  });

  dbTest(
    `${name}: events of concurrent writers form one valid chain without gaps`,
    open,
    { modules },
    async (_, opened) => {
      const { db } = opened;
      const heard: number[] = [];
      db.onCommit((seq) => heard.push(seq));
      await Promise.all(Array.from({ length: 300 }, (_, i) => db.write(putCounter, { name: `n${i}`, value: i })));
      await opened.sealed();
      const ledger = createLedger({ db, clock, log: testLog() });
      const verdict = await ledger.verify();
      assert(verdict.ok, JSON.stringify(verdict));
      assert.equal(verdict.headSeq, 300);
      // PostgreSQL tells of them over the network.
      for (let turn = 0; heard.at(-1) !== 300 && turn < 500; turn++) await clock.sleep(10);
      assert.equal(heard.at(-1), 300);
    },
  );

  dbTest(`${name}: reads cannot write`, open, { modules }, async (_, { db }) => {
    await assert.rejects(sql`insert into counter values ('a', 1)`.execute(db.read()), /read-?only/);
  });

  dbTest(`${name}: a closed database refuses writes`, open, { modules }, async (_, { db }) => {
    await db[Symbol.asyncDispose]();
    await assert.rejects(db.write(putCounter, { name: 'a', value: 1 }), { code: 'shutting_down' });
  });
});
