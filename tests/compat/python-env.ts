/**
 * A Python environment with pinned packages, made once under `.cache/` and found again by the digest of its list. Uses uv
 * where the package index offers it (seconds instead of a minute), else pip. Where it cannot be made the caller gets the
 * reason: the suite then says what did not run, and fails under CI=true.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const root = dirname(dirname(import.meta.dirname));
const limitMs = 10 * 60_000;

export type PythonEnv =
  | { readonly ok: true; readonly python: string }
  | { readonly ok: false; readonly problem: string };

/** The interpreter itself: a version manager's shim would start another one. */
function findPython(): string | undefined {
  for (const name of ['python3.12', 'python3.11', 'python3.10', 'python3', 'python']) {
    const found = spawnSync(name, ['-c', 'import sys; print(sys.executable if sys.version_info >= (3, 10) else "")'], {
      encoding: 'utf8',
    });
    const path = found.status === 0 ? found.stdout.trim() : '';
    if (path !== '') return path;
  }
  return undefined;
}

function run(command: string, args: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'], timeout: limitMs });
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-4000)));
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code) => resolve(code === 0 ? undefined : errors.trim() || `exit code ${code}`));
  });
}

async function build(folder: string, base: string, packages: readonly string[]): Promise<string | undefined> {
  const python = join(folder, 'bin', 'python');
  const made = await run(base, ['-m', 'venv', folder]);
  if (made !== undefined) return made;
  const pip = ['-m', 'pip', '--disable-pip-version-check', 'install', '--quiet'];
  const hasUv = (await run(python, [...pip, 'uv'])) === undefined;
  const uv = ['-m', 'uv', 'pip', 'install', '--quiet', '--python', python, ...packages];
  if (hasUv && (await run(python, uv)) === undefined) return undefined;
  return run(python, [...pip, ...packages]);
}

/** `packages` are pip requirements with exact versions. */
export async function pythonEnv(name: string, packages: readonly string[]): Promise<PythonEnv> {
  const base = findPython();
  if (base === undefined) return { ok: false, problem: 'no Python 3.10 or newer is on the PATH' };
  const digest = createHash('sha256')
    .update(JSON.stringify([base, packages]))
    .digest('hex')
    .slice(0, 12);
  const folder = join(root, '.cache', 'python', `${name}-${digest}`);
  const python = join(folder, 'bin', 'python');
  const mark = join(folder, 'complete');
  if (existsSync(mark)) return { ok: true, python };
  console.log(`making a Python environment for ${name} (${packages.join(', ')}); this happens once`);
  // Scripts of an environment hold its path, so it is made in place; a half-made one is removed first.
  if (existsSync(folder)) rmSync(folder, { recursive: true, force: true });
  mkdirSync(dirname(folder), { recursive: true });
  const startedAt = performance.now();
  const problem = await build(folder, base, packages);
  if (problem !== undefined) {
    rmSync(folder, { recursive: true, force: true });
    return { ok: false, problem };
  }
  writeFileSync(`${mark}.tmp`, `${packages.join('\n')}\n`);
  renameSync(`${mark}.tmp`, mark);
  console.log(`made ${folder} in ${((performance.now() - startedAt) / 1000).toFixed(0)} s`);
  return { ok: true, python };
}
