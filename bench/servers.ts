/** The servers that benchmarks talk to, each on a fresh temporary folder and a free port. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pythonWith, startServer } from './processes.ts';
import type { Command, Server } from './processes.ts';

export const mlflowVersion = '3.17.2';
const startMsMax = 120_000;
const slipway = join(import.meta.dirname, '..', 'packages', 'cli', 'bin', 'slipway.js');

export interface RunningServer extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** From the start of the process to its word that it is ready. */
  readonly readyMs: number;
}

async function started(command: Command, pattern: RegExp, folder: string): Promise<RunningServer & { server: Server }> {
  const before = performance.now();
  const server = await startServer(command, pattern, startMsMax);
  return {
    server,
    url: server.found[1] ?? '',
    pid: server.child.pid ?? 0,
    readyMs: performance.now() - before,
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Slipway from its sources, as `slipway up` starts it. */
export async function startSlipway(): Promise<RunningServer> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-bench-'));
  const args = [slipway, 'up', '--port', '0', '--dir', join(folder, 'workspace'), '--log-level', 'warn'];
  return started({ file: process.execPath, args }, /ready.* at \S*?(http:\/\/[\d.]+:\d+)/, folder);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}

/** `mlflow server` with its defaults on SQLite. Throws where MLflow cannot be installed. */
export async function startMlflow(cacheFolder: string): Promise<RunningServer> {
  const python = await pythonWith('py-mlflow', [`mlflow==${mlflowVersion}`], cacheFolder);
  const folder = await mkdtemp(join(tmpdir(), 'mlflow-bench-'));
  const port = await freePort();
  const args = [
    '-m',
    'mlflow',
    'server',
    `--host=127.0.0.1`,
    `--port=${port}`,
    `--backend-store-uri=sqlite:///${join(folder, 'mlflow.db')}`,
    `--artifacts-destination=${join(folder, 'artifacts')}`,
  ];
  const running = await started({ file: python, args }, /Application startup complete/, folder);
  return { ...running, url: `http://127.0.0.1:${port}` };
}
