/**
 * One server per workspace folder. The lock is SQLite's exclusive lock on an empty file, which the operating system drops
 * when its process ends in whatever way: there are no stale locks, and no process ids that mean another process by now.
 * The file beside it only says who holds it.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { SlipwayError } from '@slipway/contract';

const lockFile = 'slipway.lock';
const holderFile = 'slipway.pid';
const sqliteBusy = 5;

export interface WorkspaceLock {
  release(): void;
}

/** Throws `folder_in_use` with the process id of the server that has the folder. */
export function lockWorkspace(folder: string): WorkspaceLock {
  mkdirSync(folder, { recursive: true });
  const lock = new DatabaseSync(join(folder, lockFile), { timeout: 0 });
  try {
    lock.exec('begin exclusive');
  } catch (error) {
    lock.close();
    if ((error as { errcode?: unknown }).errcode !== sqliteBusy) throw error;
    throw new SlipwayError('folder_in_use', { folder, pid: holderOf(folder) }, { cause: error });
  }
  writeFileSync(join(folder, holderFile), `${process.pid}\n`);
  let isHeld = true;
  return {
    release: () => {
      if (!isHeld) return;
      isHeld = false;
      rmSync(join(folder, holderFile), { force: true });
      lock.close();
    },
  };
}

function holderOf(folder: string): number | string {
  try {
    const pid = Number(readFileSync(join(folder, holderFile), 'utf8'));
    if (Number.isInteger(pid) && pid > 0) return pid;
  } catch {
    // The holder has the lock already and writes the file next.
  }
  return 'unknown';
}
