/** The real `slipway` binary, as a user's shell runs it: its own process, no terminal, its own environment. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';

export const repository: string = join(import.meta.dirname, '../..');
const binary = join(repository, 'packages/cli/bin/slipway.js');

export interface Answer {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly stdin?: string;
  readonly cwd?: string;
  /** A command that does not end by then is killed, and its code is null. */
  readonly limitMs?: number;
  /** Sends Ctrl-C when this appears on either stream. */
  readonly interruptAt?: RegExp;
  /** Instead of Ctrl-C. */
  readonly interruptWith?: NodeJS.Signals;
}

export type Slipway = (args: readonly string[], options?: RunOptions) => Promise<Answer>;

/** `slipway` against one server; what else is in the environment of the tests does not reach it. */
export function slipwayAt(url: string): Slipway {
  return (args, options = {}) =>
    run(args, { ...options, env: { SLIPWAY_URL: url, TZ: 'UTC', NO_COLOR: '1', ...options.env } });
}

export function run(args: readonly string[], options: RunOptions): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const child = spawn(process.execPath, [binary, ...args], {
    cwd: options.cwd ?? repository,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  let isInterrupted = false;
  const look = (): void => {
    if (isInterrupted || options.interruptAt?.test(out + err) !== true) return;
    isInterrupted = true;
    child.kill(options.interruptWith ?? 'SIGINT');
  };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
    look();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
    look();
  });
  child.on('error', reject);
  // A command that reads nothing may be gone before its input is written.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.stdin ?? '');
  const timer = setTimeout(() => child.kill('SIGKILL'), options.limitMs ?? 60_000);
  child.on('close', (code) => {
    clearTimeout(timer);
    resolve({ code, out, err });
  });
  return promise;
}

/** Runs jobs side by side, a few at a time, and answers in their order. */
export async function sideBySide<T, R>(items: readonly T[], width: number, job: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let i = next++; i < items.length; i = next++) {
      const item = items[i];
      if (item !== undefined) results[i] = await job(item);
    }
  };
  await Promise.all(Array.from({ length: width }, work));
  return results;
}
