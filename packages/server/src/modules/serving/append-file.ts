/**
 * A file that is only appended to, in whole pieces. `append` returns when the bytes are in the system's cache, where they
 * outlive the process; `synced` resolves when they are on the disk, where they outlive a power cut. Everybody who waits
 * while one sync runs shares the next.
 */
import { closeSync, fdatasync, fdatasyncSync, ftruncateSync, openSync, unlinkSync, writeSync } from 'node:fs';
import type { Clock } from '../../platform/clock.ts';

/** Without anybody waiting, bytes are this long in the system's cache only. */
const syncEveryMs = 100;

export interface AppendFile {
  /** All of the bytes, or so many of them. Throws the system's error; the file then ends where it ended before. */
  append(bytes: Uint8Array, length?: number): void;
  /** Rejects when the disk did not take what was appended so far. */
  synced(): Promise<void>;
  /** Syncs and closes; what goes wrong is told to those who wait and to `onError`. */
  close(): void;
}

interface Waiter {
  readonly appended: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export interface AppendFileOptions {
  readonly path: string;
  /** Where the file ends; bytes behind it are of an append that failed. 0 makes the file. */
  readonly sizeBytes: number;
  readonly clock: Clock;
  readonly onError: (error: Error) => void;
}

export function openAppendFile(options: AppendFileOptions): AppendFile {
  const { clock, onError } = options;
  const descriptor = openSync(options.path, options.sizeBytes === 0 ? 'ax' : 'a');
  let { sizeBytes } = options;
  let isCutPending = false;
  // Counted in appends: what is on the disk, and what ought to be.
  let appended = 0;
  let synced = 0;
  let isSyncing = false;
  let isClosed = false;
  let waiting: Waiter[] = [];
  let cancelTimer: (() => void) | undefined;

  const settle = (upTo: number, error: Error | null): void => {
    const done = waiting.filter((w) => w.appended <= upTo);
    waiting = waiting.filter((w) => w.appended > upTo);
    for (const waiter of done) {
      if (error) waiter.reject(error);
      else waiter.resolve();
    }
    if (error) onError(error);
  };
  const sync = (): void => {
    cancelTimer?.();
    cancelTimer = undefined;
    if (isSyncing || isClosed || synced === appended) return;
    isSyncing = true;
    const target = appended;
    fdatasync(descriptor, (error) => {
      isSyncing = false;
      synced = target;
      settle(target, error);
      if (isClosed) return finish();
      if (waiting.length > 0) sync();
      else if (appended > synced) schedule();
    });
  };
  const schedule = (): void => {
    cancelTimer ??= clock.after(syncEveryMs, sync);
  };
  const finish = (): void => {
    let failed: Error | null = null;
    try {
      if (synced < appended) fdatasyncSync(descriptor);
    } catch (error) {
      failed = error instanceof Error ? error : new Error(String(error));
    }
    settle(appended, failed);
    closeSync(descriptor);
  };

  return {
    append: (bytes, length = bytes.length) => {
      if (isCutPending) ftruncateSync(descriptor, sizeBytes);
      isCutPending = true;
      let written = 0;
      try {
        while (written < length) written += writeSync(descriptor, bytes, written, length - written);
      } catch (error) {
        // A part of it may be in the file: cut off now, or before the next append when the disk refuses that too.
        ftruncateSync(descriptor, sizeBytes);
        isCutPending = false;
        throw error;
      }
      isCutPending = false;
      sizeBytes += length;
      appended++;
      if (!isSyncing) schedule();
    },
    synced: () =>
      new Promise((resolve, reject) => {
        if (synced === appended) return resolve();
        waiting.push({ appended, resolve, reject });
        sync();
      }),
    close: () => {
      if (isClosed) return;
      isClosed = true;
      cancelTimer?.();
      cancelTimer = undefined;
      // A running sync closes the file when it ends: a closed descriptor may be another file's by then.
      if (!isSyncing) finish();
    },
  };
}

/** Makes a file with these first bytes, or leaves none. */
export function createAppendFile(options: Omit<AppendFileOptions, 'sizeBytes'>, head: Uint8Array): AppendFile {
  const file = openAppendFile({ ...options, sizeBytes: 0 });
  try {
    file.append(head);
  } catch (error) {
    file.close();
    unlinkSync(options.path);
    throw error;
  }
  return file;
}
