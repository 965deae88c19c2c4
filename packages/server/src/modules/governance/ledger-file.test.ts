import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { canonicalJson, SlipwayError } from '@slipway/contract';
import { chainAfter, genesisChain, prepareEvent } from '../../platform/ledger/chain.ts';
import { verifyLedgerFile } from './ledger-file.ts';

const eventCount = 40;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function sealedEvents() {
  let chain = genesisChain;
  return Array.from({ length: eventCount }, (_, i) => {
    const seq = i + 1;
    const body = { model: 'flight-delay', version: seq, note: `moved for the ${seq}. time, "again"` };
    const event = prepareEvent(
      { kind: 'alias.moved', actor: 'owner', subject: 'model:flight-delay', body },
      1e12 + seq,
    );
    chain = chainAfter(chain, seq, event.digest);
    return { seq, event, chain };
  });
}

function writeExport(path: string): void {
  const lines = sealedEvents().map(({ seq, event, chain }) => {
    const { at, actor, kind, subject, body, digest } = event;
    return canonicalJson({
      seq,
      at,
      actor,
      kind,
      subject,
      body: JSON.parse(body) as unknown,
      digest: hex(digest),
      chain: hex(chain),
    });
  });
  writeFileSync(path, `${lines.join('\n')}\n`);
}

function writeDatabase(path: string): void {
  const db = new DatabaseSync(path);
  db.exec(`create table ledger_event (seq integer primary key, at integer, actor text, kind text, subject text, body text, digest blob, chain blob);
    create table ledger_head (id integer primary key, seq integer, chain blob);`);
  const insert = db.prepare('insert into ledger_event values (?, ?, ?, ?, ?, ?, ?, ?)');
  let head: Uint8Array = genesisChain;
  for (const { seq, event, chain } of sealedEvents()) {
    insert.run(seq, event.at, event.actor, event.kind, event.subject, event.body, event.digest, chain);
    head = chain;
  }
  db.prepare('insert into ledger_head values (0, ?, ?)').run(eventCount, head);
  db.close();
}

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-ledger-'));
  try {
    await run(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('an export holds, and every altered byte is found at its event', () =>
  inFolder(async (folder) => {
    const path = join(folder, 'events.ndjson');
    writeExport(path);
    const whole = readFileSync(path);
    const verdict = await verifyLedgerFile(path);
    assert(verdict.ok);
    assert.equal(verdict.headSeq, eventCount);
    // Every 37th byte over the whole file: in keys, values, digests, brackets and line ends.
    let line = 1;
    for (let at = 0; at < whole.length; at++) {
      if (at > 0 && whole[at - 1] === 10) line++;
      if (at % 37 !== 0 && whole[at] !== 10) continue;
      const altered = Buffer.from(whole);
      altered[at] = (altered[at] ?? 0) ^ 1;
      writeFileSync(path, altered);
      const found =
        at === 0 ? await verifyLedgerFile(path).catch((error: unknown) => error) : await verifyLedgerFile(path);
      if (found instanceof SlipwayError) continue; // The first byte says what kind of file it is.
      assert(
        typeof found === 'object' && found !== null && 'ok' in found && found.ok === false,
        `byte ${at} was not missed`,
      );
      assert('firstBadSeq' in found && found.firstBadSeq === line, `byte ${at} lies in event ${line}`);
    }
  }));

test('a database holds, is not changed by looking, and an altered byte of any event is found', () =>
  inFolder(async (folder) => {
    const path = join(folder, 'slipway.db');
    writeDatabase(path);
    const whole = readFileSync(path);
    assert((await verifyLedgerFile(path)).ok);
    assert.deepEqual(readFileSync(path), whole);
    for (const seq of [1, 7, eventCount]) {
      // Pages that were split keep copies of rows in their free space; altering only one of those would alter nothing.
      const altered = whole.toString('latin1').replaceAll(`moved for the ${seq}. time`, `Moved for the ${seq}. time`);
      const copy = join(folder, 'altered.db');
      writeFileSync(copy, altered, 'latin1');
      const verdict = await verifyLedgerFile(copy);
      assert(!verdict.ok);
      assert.equal(verdict.firstBadSeq, seq);
      assert.match(verdict.problem, new RegExp(`event ${seq} is not what was written`));
    }
  }));

test('events that were cut out or cut off a database are missed', () =>
  inFolder(async (folder) => {
    const path = join(folder, 'slipway.db');
    writeDatabase(path);
    for (const [where, firstBadSeq] of [
      ['seq = 12', 12],
      ['seq > 35', 36],
    ] as const) {
      const copy = join(folder, 'cut.db');
      copyFileSync(path, copy);
      const db = new DatabaseSync(copy);
      db.exec(`delete from ledger_event where ${where}`);
      db.close();
      const verdict = await verifyLedgerFile(copy);
      assert(!verdict.ok);
      assert.equal(verdict.firstBadSeq, firstBadSeq);
    }
  }));

test('what is no ledger is refused by name', () =>
  inFolder(async (folder) => {
    const refused = async (name: string, content: string | undefined, problem: RegExp): Promise<void> => {
      const path = join(folder, name);
      if (content !== undefined) writeFileSync(path, content);
      await assert.rejects(
        verifyLedgerFile(path),
        (error: unknown) => error instanceof SlipwayError && problem.test(error.message),
      );
    };
    await refused('missing', undefined, /There is no file/);
    await refused('empty', '', /it is empty/);
    await refused('text', 'hello', /neither a SQLite database nor lines of JSON/);
    await refused('.', undefined, /it is not a file/);
    const other = join(folder, 'other.db');
    new DatabaseSync(other).exec('create table a (b)');
    await refused('other.db', undefined, /the database has no ledger/);
    writeFileSync(join(folder, 'damaged.db'), `SQLite format 3\0${'x'.repeat(5000)}`);
    assert.equal((await verifyLedgerFile(join(folder, 'damaged.db'))).ok, false);
  }));
