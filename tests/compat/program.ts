/** Runs a program to its end, for tests: the foreign client, an example, the command line. */
import { spawn } from 'node:child_process';

const limitMs = 5 * 60_000;
const keptChars = 16 * 1024 * 1024;

export interface Outcome {
  readonly code: number | null;
  readonly output: string;
  /** The end of what it said on standard error. */
  readonly errors: string;
}

export async function runProgram(
  command: string,
  args: readonly string[],
  options: { readonly env?: Readonly<Record<string, string>>; readonly folder?: string } = {},
): Promise<Outcome> {
  const child = spawn(command, args, {
    ...(options.folder === undefined ? {} : { cwd: options.folder }),
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: limitMs,
  });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-keptChars)));
  child.stderr.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-4000)));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  return { code, output, errors };
}

/** What the MLflow client and the scripts around it need to talk to this server and nobody else. */
export const clientEnv = (url: string): Readonly<Record<string, string>> => ({
  MLFLOW_TRACKING_URI: url,
  MLFLOW_DISABLE_TELEMETRY: 'true',
  PYTHONDONTWRITEBYTECODE: '1',
});
