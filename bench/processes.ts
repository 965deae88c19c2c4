/** Fresh child processes, one at a time, so that no subject warms another's caches. */
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execFileAsync = promisify(execFile);
const outputBytesMax = 16 * 2 ** 20;
/** One measurement that takes longer is a hang. */
const measurementMsMax = 600_000;

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** What a worker measured: numbers, or lists of them. */
export type Measured = Readonly<Record<string, number | readonly number[]>>;

/** Runs a worker and parses the last line that it prints, which is JSON. */
export async function runWorker<M extends Measured = Readonly<Record<string, number>>>(command: Command): Promise<M> {
  const { stdout } = await execFileAsync(command.file, [...command.args], {
    env: { ...process.env, ...command.env },
    maxBuffer: outputBytesMax,
    timeout: measurementMsMax,
  });
  const last = stdout.trimEnd().split('\n').at(-1) ?? '';
  // Workers are files of this folder that print such an object.
  return JSON.parse(last) as M;
}

/** Measures every command `rounds` times; each round starts with another one, so that drift hits all alike. */
export async function rotate<M extends Measured = Readonly<Record<string, number>>>(
  commands: Readonly<Record<string, Command>>,
  rounds: number,
  say: (line: string) => void,
): Promise<ReadonlyMap<string, readonly M[]>> {
  const names = Object.keys(commands);
  const results = new Map(names.map((name) => [name, new Array<M>()]));
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(round + turn) % names.length] ?? '';
      const command = commands[name];
      if (command === undefined) continue;
      say(`round ${round + 1} of ${rounds}: ${name}`);
      results.get(name)?.push(await runWorker<M>(command));
    }
  }
  return results;
}

/** A Python with exactly these packages (`name==version`), in a folder below the cache; made on first use. Throws where it cannot be. */
export async function pythonWith(
  environment: string,
  requirements: readonly string[],
  cacheFolder: string,
): Promise<string> {
  const folder = join(cacheFolder, environment);
  const python = join(folder, 'bin', 'python');
  const check =
    'import sys, importlib.metadata as m; [sys.exit(1) for r in sys.argv[1:] if m.version(r.split("==")[0]) != r.split("==")[1]]';
  const isComplete = (): Promise<boolean> =>
    execFileAsync(python, ['-c', check, ...requirements]).then(
      () => true,
      () => false,
    );
  if (existsSync(python) && (await isComplete())) return python;
  await execFileAsync('python3', ['-m', 'venv', folder], { timeout: measurementMsMax });
  await execFileAsync(python, ['-m', 'pip', 'install', '--quiet', ...requirements], {
    timeout: measurementMsMax,
    maxBuffer: outputBytesMax,
  });
  return python;
}

/** A child that serves until stopped. */
export interface Server extends AsyncDisposable {
  readonly child: ChildProcess;
  /** The first match in its output, waited for. */
  readonly found: RegExpExecArray;
}

/** Starts a server and waits until `pattern` shows in its output; stops it with SIGTERM, then SIGKILL. */
export async function startServer(command: Command, pattern: RegExp, waitMs: number): Promise<Server> {
  const child = spawn(command.file, [...command.args], {
    env: { ...process.env, ...command.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await ended;
    clearTimeout(timer);
  };
  let output = '';
  const found = await new Promise<RegExpExecArray>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${pattern} within ${waitMs} ms: ${output}`)), waitMs);
    const look = (data: Buffer): void => {
      output = (output + data.toString()).slice(-65_536);
      const match = pattern.exec(output);
      if (match === null) return;
      clearTimeout(timer);
      resolve(match);
    };
    child.stdout.on('data', look);
    child.stderr.on('data', look);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`${command.file} ended with ${code}: ${output}`)));
  }).catch(async (cause: unknown) => {
    if (child.exitCode === null && child.pid !== undefined) await stop();
    throw cause;
  });
  return { child, found, [Symbol.asyncDispose]: stop };
}
