/**
 * An append-only log of JSON records, crash-safe: `append` resolves after its record is on disk.
 *
 * Format: one line per record, eight hex digits of the CRC-32 of the JSON text, a space, the JSON, a line feed. Records that
 * arrive while a sync runs share the next one (group commit). A crash in mid-write leaves a damaged last line, which is cut
 * when the log is opened; a damaged line with a good one after it is not a crash, and is refused as `object_corrupt`.
 */
import { open, readFile, truncate } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { SlipwayError } from '@slipway/contract';

export interface EventLog {
  readonly sizeBytes: () => number;
  append(record: object): Promise<void>;
  /** After the appends in flight. */
  close(): Promise<void>;
}

/** Reads the records of a log, oldest first, and cuts a last line that a crash left damaged. A missing file has none. */
export async function readEventLog(path: string): Promise<{ readonly records: unknown[]; readonly cutBytes: number }> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { records: [], cutBytes: 0 };
    throw error;
  }
  const records: unknown[] = [];
  let good = 0;
  let damagedAt = -1;
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(10, start);
    const line = end < 0 ? undefined : parseLine(bytes.subarray(start, end));
    if (line !== undefined && damagedAt >= 0) {
      throw new SlipwayError('object_corrupt', { digest: path, found: `a damaged record at byte ${damagedAt}` });
    }
    if (line === undefined) damagedAt = damagedAt < 0 ? start : damagedAt;
    else {
      records.push(line.record);
      good = end + 1;
    }
    start = end < 0 ? bytes.length : end + 1;
  }
  if (good < bytes.length) await truncate(path, good);
  return { records, cutBytes: bytes.length - good };
}

function parseLine(line: Buffer): { readonly record: unknown } | undefined {
  const text = line.subarray(9);
  if (line.length < 10 || line[8] !== 32) return undefined;
  if (line.toString('latin1', 0, 8) !== crc32(text).toString(16).padStart(8, '0')) return undefined;
  return { record: JSON.parse(text.toString('utf8')) as unknown };
}

export async function openEventLog(path: string): Promise<EventLog> {
  const file: FileHandle = await open(path, 'a');
  let sizeBytes = (await file.stat()).size;
  let waiting: { readonly bytes: Buffer; readonly done: (error?: unknown) => void }[] = [];
  let writing: Promise<void> | undefined;
  let failure: unknown;
  const drain = async (): Promise<void> => {
    while (waiting.length > 0) {
      const group = waiting;
      waiting = [];
      try {
        // After a failed write the end of the file is unknown, so nothing may follow it.
        if (failure !== undefined) throw failure;
        const bytes = Buffer.concat(group.map((entry) => entry.bytes));
        await file.appendFile(bytes);
        await file.datasync();
        sizeBytes += bytes.length;
        for (const { done } of group) done();
      } catch (error) {
        failure = error;
        for (const { done } of group) done(error);
      }
    }
    writing = undefined;
  };
  return {
    sizeBytes: () => sizeBytes,
    append: (record) => {
      const text = Buffer.from(JSON.stringify(record));
      const bytes = Buffer.concat([
        Buffer.from(`${crc32(text).toString(16).padStart(8, '0')} `),
        text,
        Buffer.from('\n'),
      ]);
      return new Promise<void>((resolve, reject) => {
        waiting.push({ bytes, done: (error) => (error === undefined ? resolve() : reject(error as Error)) });
        writing ??= drain();
      });
    },
    close: async () => {
      while (writing) await writing;
      await file.close();
    },
  };
}
