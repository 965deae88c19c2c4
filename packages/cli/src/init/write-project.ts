/** All files of a project or none: they are made beside the folder and moved in at the end; what fails on the way is undone. */
import { access, copyFile, mkdir, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { CommandFailure } from '../failure.ts';
import type { ProjectFile } from './project-files.ts';
import { removeAtExit } from './scratch.ts';

export interface WriteRequest {
  readonly folder: string;
  readonly files: readonly ProjectFile[];
  /** Files that are copied in, such as data that had to be mended. */
  readonly copies: readonly { readonly path: string; readonly from: string }[];
  readonly force: boolean;
}

export interface WrittenFile {
  readonly path: string;
  readonly sizeBytes: number;
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** Throws where a file would be overwritten. */
export async function mustBeFree(folder: string, paths: readonly string[]): Promise<void> {
  const found = await stat(folder).catch(() => undefined);
  if (found !== undefined && !found.isDirectory())
    throw new CommandFailure('failed', `${folder} is a file: choose another folder with --dir`);
  const taken: string[] = [];
  for (const path of paths) if (await exists(join(folder, path))) taken.push(path);
  if (taken.length > 0)
    throw new CommandFailure(
      'failed',
      `${folder} has ${taken.slice(0, 5).join(', ')}${taken.length > 5 ? ` and ${taken.length - 5} more` : ''} already: nothing was written. Choose another folder with --dir, or overwrite with --force.`,
    );
}

export async function writeProject(request: WriteRequest): Promise<readonly WrittenFile[]> {
  const { folder, files, copies, force } = request;
  const paths = [...files, ...copies].map(({ path }) => path);
  if (!force) await mustBeFree(folder, paths);
  const target = resolve(folder);
  await mkdir(dirname(target), { recursive: true });
  const stage = await mkdtemp(join(dirname(target), '.slipway-init-'));
  // Data is copied into it, which may take as long as it takes to interrupt.
  const removing = removeAtExit(stage);
  const moved: Move[] = [];
  const isNew = !(await exists(target));
  try {
    const made = join(stage, 'new');
    for (const { path, text } of files) await place(made, path, (at) => writeFile(at, text));
    for (const { path, from } of copies) await place(made, path, (at) => copyFile(from, at));
    const written = await Promise.all(
      paths.map(async (path) => ({ path, sizeBytes: (await stat(join(made, path))).size })),
    );
    for (const path of paths) moved.push(await moveIn({ made, target, stage }, path));
    return written;
  } catch (error) {
    for (const { to, old } of moved.toReversed()) await (old === undefined ? rm(to, { force: true }) : rename(old, to));
    if (isNew) await rm(target, { recursive: true, force: true });
    throw error;
  } finally {
    await rm(stage, { recursive: true, force: true });
    removing.off();
  }
}

async function place(under: string, path: string, write: (at: string) => Promise<void>): Promise<void> {
  const at = join(under, path);
  await mkdir(dirname(at), { recursive: true });
  await write(at);
}

interface Move {
  readonly to: string;
  /** Where the file that stood there is kept until the end. */
  readonly old: string | undefined;
}

async function moveIn(
  { made, target, stage }: { readonly made: string; readonly target: string; readonly stage: string },
  path: string,
): Promise<Move> {
  const to = join(target, path);
  await mkdir(dirname(to), { recursive: true });
  let old: string | undefined;
  if (await exists(to)) {
    old = join(stage, 'old', path);
    await mkdir(dirname(old), { recursive: true });
    await rename(to, old);
  }
  try {
    await rename(join(made, path), to);
  } catch (error) {
    if (old !== undefined) await rename(old, to);
    throw error;
  }
  return { to, old };
}
