/** Verifies the ledger in a database file, without a server: for backups, and for auditors who trust only the file. */
import { createSystemClock } from '../platform/clock.ts';
import { createSqliteDb } from '../platform/db/sqlite.ts';
import { createLedger } from '../platform/ledger/create-ledger.ts';
import type { LedgerVerdict } from '../platform/ledger/ledger.ts';
import { createLog } from '../platform/log.ts';
import { stores } from '../stores.ts';

export async function verifyLedgerFile(file: string): Promise<LedgerVerdict> {
  const clock = createSystemClock();
  const log = createLog({ level: 'error', now: clock.now });
  const db = await createSqliteDb({ file, modules: stores, clock, log, inline: {} });
  try {
    return await createLedger({ db, clock, log }).verify();
  } finally {
    await db[Symbol.asyncDispose]();
  }
}
