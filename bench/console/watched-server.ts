/** A server in a child process, asked now and then what its main thread did. */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

export interface Watched {
  readonly mainCpuMs: number;
  /** The longest that a timer of the main thread came late. */
  readonly delayMaxMs: number;
  readonly rssMb: number;
  readonly heapMb: number;
}

export interface WatchedServer extends AsyncDisposable {
  readonly url: string;
  /** From the call that starts the server to its word that it is ready, without loading its code. */
  readonly startMs: number;
  /** Since the last look. */
  look(): Promise<Watched>;
}

const answerMsMax = 120_000;

function answer<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const settle = (run: () => void): void => {
      clearTimeout(timer);
      child.off('message', onMessage).off('exit', onExit);
      run();
    };
    const onMessage = (message: unknown): void => settle(() => resolve(message as T)); // of console-server.ts
    const onExit = (code: number | null): void => settle(() => reject(new Error(`the server ended with ${code}`)));
    const onTimeout = (): void => settle(() => reject(new Error(`the server did not answer in ${answerMsMax} ms`)));
    const timer = setTimeout(onTimeout, answerMsMax);
    child.on('message', onMessage).on('exit', onExit);
  });
}

export async function startWatchedServer(folder: string): Promise<WatchedServer> {
  const child = fork(new URL('../workers/console-server.ts', import.meta.url), [folder], { stdio: 'inherit' });
  const { url, startMs } = await answer<{ readonly url: string; readonly startMs: number }>(child);
  const look = (): Promise<Watched> => {
    const answered = answer<Watched>(child);
    child.send('look');
    return answered;
  };
  return {
    url,
    startMs,
    look,
    [Symbol.asyncDispose]: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}
