/**
 * A project folder out of a git repository, without a checkout of one's own: cloned into a temporary folder that goes away
 * again. Git asks nobody for anything: a build has nobody who answers.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { usage } from './arguments.ts';
import type { Session } from './command.ts';
import { CommandFailure } from './failure.ts';

const run = promisify(execFile);

/** A whole history over a slow line. */
const gitLimitMs = 10 * 60_000;
const commitPattern = /^[0-9a-f]{7,64}$/;

export interface GitSource {
  /** What `git clone` takes: a URL or a folder. */
  readonly repository: string;
  /** A branch, a tag or a commit; the repository's own branch unless said. */
  readonly ref: string | undefined;
}

/** `<repository>#<ref>`. Throws a usage failure. */
export function gitSourceOf(typed: string): GitSource {
  const mark = typed.lastIndexOf('#');
  const repository = mark < 0 ? typed : typed.slice(0, mark);
  const ref = mark < 0 ? undefined : typed.slice(mark + 1);
  if (repository !== '' && ref !== '' && !repository.startsWith('-') && ref?.startsWith('-') !== true)
    return { repository, ref };
  throw usage(
    `--from-git "${typed.slice(0, 200)}" is no repository: write what git clone takes, and after # a branch, a tag or a commit`,
  );
}

/** Uses the project folder, which is given relative to the repository's root, and then throws the clone away. */
export async function withGitFolder<T>(
  { signal, undo, output }: Pick<Session, 'signal' | 'undo' | 'output'>,
  source: GitSource & { readonly folder: string },
  use: (folder: string) => Promise<T>,
): Promise<T> {
  const root = await mkdtemp(join(tmpdir(), 'slipway-git-'));
  const remove = (): Promise<void> => rm(root, { recursive: true, force: true });
  undo(remove);
  try {
    const folder = resolve(root, source.folder);
    if (relative(root, folder).startsWith('..'))
      throw usage(`--project "${source.folder}" does not lie in the repository; write a path from its root`);
    output.progress(`cloning ${source.repository}`);
    await clone(source, root, signal);
    output.endProgress();
    return await use(folder);
  } finally {
    await remove();
  }
}

async function clone({ repository, ref }: GitSource, root: string, signal: AbortSignal): Promise<void> {
  const env = { ...process.env, GIT_TERMINAL_PROMPT: '0', GIT_SSH_COMMAND: 'ssh -o BatchMode=yes' };
  const git = async (...args: readonly string[]): Promise<void> => {
    try {
      await run('git', [...args], { env, signal, timeout: gitLimitMs });
    } catch (error) {
      throw failureOf(error, { repository, ref });
    }
  };
  if (ref === undefined || !commitPattern.test(ref)) {
    const branch = ref === undefined ? [] : ['--branch', ref];
    return git('clone', '--quiet', '--depth', '1', ...branch, '--', repository, root);
  }
  // Servers hand out single commits only where they are told to; the history has all of them.
  await git('clone', '--quiet', '--no-checkout', '--', repository, root);
  await git('-C', root, 'checkout', '--quiet', '--detach', ref);
}

function failureOf(error: unknown, { repository, ref }: GitSource): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  if ('code' in error && error.code === 'ENOENT')
    return new CommandFailure('failed', '--from-git needs git, which is not installed here');
  if (!('stderr' in error) || typeof error.stderr !== 'string') return error;
  const { stderr } = error;
  const said = stderr.split('\n').findLast((line) => /^(?:fatal|error):/.test(line)) ?? stderr.trim();
  const what = ref === undefined ? repository : `${ref} of ${repository}`;
  return new CommandFailure('failed', `git could not fetch ${what}: ${said.replace(/^(?:fatal|error): /, '')}`);
}
