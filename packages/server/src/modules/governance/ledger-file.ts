/**
 * The ledger without a server: in a database file (a backup, a copy), or in an export with one event a line. For auditors who
 * trust only the bytes before them. The file is opened for reading and is never changed.
 *
 * An exported line is the canonical JSON of its event, and is compared with it byte for byte, so an altered byte shows also
 * where it does not alter the meaning. Cost: 7 µs an event from a database, 15 µs from an export; constant memory.
 */
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import type { LedgerVerdict } from '@slipway/contract';
import { canonicalJson, LedgerRow, SlipwayError } from '@slipway/contract';
import { z } from 'zod';
import { chainAfter, eventDigest, genesisChain } from '../../platform/ledger/chain.ts';

/** An event with its body in the text that its digest is made of. */
interface StoredEvent {
  readonly seq: number;
  readonly at: number;
  readonly actor: string;
  readonly kind: string;
  readonly subject: string;
  readonly body: string;
  readonly digest: string;
  readonly chain: string;
}

/** Follows the chain event by event; the first event that does not fit ends it. */
interface ChainCheck {
  /** What is wrong with this event, if anything. */
  readonly next: (event: StoredEvent) => string | undefined;
  readonly seq: () => number;
  readonly head: () => string;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function createChainCheck(): ChainCheck {
  let chain = genesisChain;
  let seq = 0;
  return {
    next: (event) => {
      if (event.seq !== seq + 1) return `event ${seq + 1} is missing`;
      const digest = eventDigest(event);
      if (hex(digest) !== event.digest) return `event ${event.seq} is not what was written`;
      chain = chainAfter(chain, event.seq, digest);
      if (hex(chain) !== event.chain) return `event ${event.seq} does not follow event ${seq}`;
      seq = event.seq;
      return undefined;
    },
    seq: () => seq,
    head: () => hex(chain),
  };
}

const broken = (check: ChainCheck, problem: string, firstBadSeq = check.seq() + 1): LedgerVerdict => ({
  ok: false,
  events: check.seq(),
  firstBadSeq,
  problem,
});

const intact = (check: ChainCheck): LedgerVerdict => ({
  ok: true,
  events: check.seq(),
  headSeq: check.seq(),
  headChain: check.head(),
  verifiedSeq: check.seq(),
});

const sqliteMagic = 'SQLite format 3\0';

/** Throws `not_found` for a missing file and `ledger_file_wrong` for one that holds no ledger. */
export async function verifyLedgerFile(file: string): Promise<LedgerVerdict> {
  const start = await firstBytes(file);
  if (start.startsWith(sqliteMagic)) return verifyDatabase(file);
  if (start.startsWith('{')) return verifyExport(file);
  throw new SlipwayError('ledger_file_wrong', {
    file,
    problem: start === '' ? 'it is empty' : 'it is neither a SQLite database nor lines of JSON',
  });
}

async function firstBytes(file: string): Promise<string> {
  const info = await stat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
    const remedy = 'The database of a server is slipway.db in its folder; `slipway ledger export` writes an export.';
    throw new SlipwayError('not_found', { noun: 'file', name: file, remedy }, { cause: error });
  });
  if (!info.isFile()) throw new SlipwayError('ledger_file_wrong', { file, problem: 'it is not a file' });
  const handle = await open(file);
  try {
    const buffer = Buffer.alloc(sqliteMagic.length);
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await handle.close();
  }
}

const Blob = z.instanceof(Uint8Array);
const EventRow = z.object({
  seq: z.int(),
  at: z.int(),
  actor: z.string(),
  kind: z.string(),
  subject: z.string(),
  body: z.string(),
  digest: Blob,
  chain: Blob,
});
const HeadRow = z.object({ seq: z.int(), chain: Blob });

function verifyDatabase(file: string): LedgerVerdict {
  const check = createChainCheck();
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(file, { readOnly: true });
    const tables = db.prepare("select name from sqlite_master where name in ('ledger_event', 'ledger_head')").all();
    if (tables.length < 2) throw new SlipwayError('ledger_file_wrong', { file, problem: 'the database has no ledger' });
    const events = db.prepare(
      'select seq, at, actor, kind, subject, body, digest, chain from ledger_event order by seq',
    );
    for (const row of events.iterate()) {
      const parsed = EventRow.safeParse(row);
      if (!parsed.success) return broken(check, `event ${check.seq() + 1} cannot be read`);
      const event = { ...parsed.data, digest: hex(parsed.data.digest), chain: hex(parsed.data.chain) };
      const problem = check.next(event);
      if (problem !== undefined) return broken(check, problem);
    }
    return headVerdict(check, db.prepare('select seq, chain from ledger_head where id = 0').get());
  } catch (error) {
    const code = sqliteCode(error);
    if (code === undefined) throw error;
    const message = error instanceof Error ? error.message : String(error);
    if (!damageCodes.has(code))
      throw new SlipwayError('ledger_file_wrong', { file, problem: message }, { cause: error });
    return broken(check, `the file is damaged after event ${check.seq()}: ${message}`);
  } finally {
    db?.close();
  }
}

/** The head is kept beside the events: it shows that the newest of them were cut off. */
function headVerdict(check: ChainCheck, row: unknown): LedgerVerdict {
  if (row === undefined) return check.seq() === 0 ? intact(check) : broken(check, 'the head is missing');
  const head = HeadRow.safeParse(row);
  if (!head.success) return broken(check, 'the head cannot be read');
  const { seq, chain } = head.data;
  if (seq > check.seq()) return broken(check, `event ${check.seq() + 1} is missing, the head is at ${seq}`);
  if (seq < check.seq() || hex(chain) !== check.head())
    return broken(check, `the head does not belong to event ${check.seq()}`, check.seq());
  return intact(check);
}

/** SQLITE_CORRUPT and SQLITE_NOTADB: the bytes are wrong, not the way to them. */
const damageCodes: ReadonlySet<number> = new Set([11, 26]);

function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined;
  // The low byte is the primary code.
  return error.errcode & 0xff;
}

async function verifyExport(file: string): Promise<LedgerVerdict> {
  const check = createChainCheck();
  const lines = createInterface({ input: createReadStream(file, 'utf8'), crlfDelay: 0 });
  try {
    for await (const line of lines) {
      const event = eventOf(line);
      if (event === undefined) return broken(check, `the line of event ${check.seq() + 1} is not what was exported`);
      const problem = check.next(event);
      if (problem !== undefined) return broken(check, problem);
    }
  } finally {
    lines.close();
  }
  return intact(check);
}

function eventOf(line: string): StoredEvent | undefined {
  try {
    const event = LedgerRow.parse(JSON.parse(line));
    return canonicalJson(event) === line ? { ...event, body: canonicalJson(event.body) } : undefined;
  } catch {
    return undefined;
  }
}
