/** What a step printed: its attempt's file, read whole or followed until the step has ended. */
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../platform/clock.ts';
import { logFile } from './step-task.ts';

const chunkBytes = 65_536;
const pollMs = 200;

/** Bytes of the file from `start` to its present end, in chunks. Nothing when the file is not there. */
export async function* readLog(folder: string, start = 0): AsyncGenerator<Uint8Array> {
  const path = join(folder, logFile);
  const info = await stat(path).catch(() => undefined);
  if (info === undefined || info.size <= start) return;
  const file = await open(path, 'r');
  try {
    for (let position = start; position < info.size;) {
      const buffer = Buffer.alloc(Math.min(chunkBytes, info.size - position));
      const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
      if (bytesRead === 0) return;
      position += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

export interface FollowLog {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** The newest attempt's folder and whether the step has ended. */
  readonly look: () => Promise<{
    readonly folder: string;
    readonly attempt: number;
    readonly state: string;
    readonly isOver: boolean;
  }>;
}

export type LogEvent =
  | { readonly attempt: number; readonly text: string }
  | { readonly attempt: number; readonly end: string };

/** Pieces of text as they are written, over all attempts that start while it is followed; last, the state that the step ended in. */
export async function* followLog(options: FollowLog): AsyncGenerator<LogEvent> {
  let attempt = 0;
  let position = 0;
  let decoder = new TextDecoder();
  while (!options.signal.aborted) {
    const now = await options.look();
    if (now.attempt !== attempt) {
      attempt = now.attempt;
      position = 0;
      decoder = new TextDecoder();
    }
    for await (const chunk of readLog(now.folder, position)) {
      position += chunk.length;
      yield { attempt, text: decoder.decode(chunk, { stream: true }) };
    }
    if (now.isOver) {
      yield { attempt, end: now.state };
      return;
    }
    await options.clock.sleep(pollMs, options.signal).catch(() => undefined);
  }
}
