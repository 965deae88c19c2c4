/**
 * Code bundles on this machine: the files of a project, unpacked once per digest into a folder that is never changed.
 * A bundle is visible only when it is complete: files are written beside it and the folder is renamed.
 */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { access, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join, normalize, relative, resolve, sep } from 'node:path';
import { pipeline as pipe } from 'node:stream/promises';
import type { BundleFile, StepKind } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import { digestOfBytes } from '../../lib/digest.ts';
import type { Objects } from '../../platform/objects/objects.ts';

export interface Bundles {
  /** The folder that holds the bundle's files. */
  open(digest: string): Promise<string>;
  /** Digest of the file, of everything that it imports from the project, and of the files that a program of this kind may read. */
  codeDigest(digest: string, file: string, kind: StepKind): Promise<string>;
}

export interface BundlesDeps {
  readonly folder: string;
  readonly objects: Objects;
  /** The files of a bundle. Throws when the digest is unknown. */
  readonly manifest: (digest: string) => Promise<readonly BundleFile[]>;
}

export function createBundles(deps: BundlesDeps): Bundles {
  const opened = new Map<string, Promise<string>>();
  const codes = new Map<string, Promise<string>>();
  const once = <T>(map: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> => {
    const there = map.get(key);
    if (there) return there;
    const made = make().catch((error: unknown) => {
      map.delete(key);
      throw error;
    });
    map.set(key, made);
    return made;
  };
  const open = (digest: string): Promise<string> => once(opened, digest, () => unpack(deps, digest));
  return {
    open,
    codeDigest: (digest, file, kind) =>
      once(codes, `${digest} ${file} ${kind}`, async () => {
        const folder = await open(digest);
        const imports = await digestOfImports(folder, file);
        if (kind === 'function' || kind === 'noop') return imports;
        const read = (await deps.manifest(digest)).filter(({ path }) => kind !== 'python' || isPythonFile(path));
        return digestOfBytes([imports, ...read.map((one) => `${one.digest} ${one.path}`).sort()].join('\n'));
      }),
  };
}

/** What a Python program may import, and what says with which packages. A program of another kind may read any file. */
const isPythonFile = (path: string): boolean =>
  /\.(py|pyi|toml|lock)$/.test(path) || /(^|\/)requirements[^/]*\.txt$/.test(path);

async function unpack(deps: BundlesDeps, digest: string): Promise<string> {
  const folder = join(deps.folder, digest.replace('sha256:', ''));
  if (await exists(folder)) return folder;
  const files = await deps.manifest(digest);
  const partial = `${folder}.${process.pid}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true, mode: 0o700 });
  for (const file of files) {
    const target = join(partial, file.path);
    if (!isInside(partial, target)) {
      throw new SlipwayError('bundle_refused', { problem: `the path "${file.path}" leaves the project folder` });
    }
    await mkdir(dirname(target), { recursive: true });
    await pipe(await deps.objects.open(file.digest), createWriteStream(target, { mode: 0o600 }));
  }
  try {
    await rename(partial, folder);
  } catch (error) {
    // Another process was faster; equal digests are equal files.
    if (!(await exists(folder))) throw error;
    await rm(partial, { recursive: true, force: true });
  }
  return folder;
}

function isInside(folder: string, path: string): boolean {
  const inside = relative(folder, normalize(path));
  return (
    inside !== '' && !inside.startsWith(`..${sep}`) && inside !== '..' && resolve(folder, inside) === normalize(path)
  );
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}

const importPattern = /(?:\bfrom|\bimport|\bimport\s*\()\s*(['"])(\.{1,2}\/[^'"]+)\1/g;

/** Follows relative imports. A text that only looks like an import adds a file that does not matter, and never hides one. */
async function digestOfImports(folder: string, file: string): Promise<string> {
  const seen = new Map<string, string>();
  const waiting = [normalize(file)];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (seen.has(path)) continue;
    const bytes = await readFile(join(folder, path)).catch(() => undefined);
    if (bytes === undefined) continue;
    seen.set(path, createHash('sha256').update(bytes).digest('hex'));
    for (const match of bytes.toString('utf8').matchAll(importPattern)) {
      waiting.push(normalize(join(dirname(path), match[2] ?? '')));
    }
  }
  const lines = [...seen].sort(([a], [b]) => (a < b ? -1 : 1)).map(([path, digest]) => `${digest} ${path}\n`);
  return digestOfBytes(lines.join(''));
}
