/**
 * A project folder as a code bundle: its files by digest. Equal folders give equal bundles, on any machine.
 *
 * Left out: hidden files, `node_modules` and what other tools put beside code, the folder of a server (it changes while it is
 * read, and keeps every bundle), and what `.slipwayignore` names (one pattern per line: `data/`, `*.parquet`,
 * `notes/draft.md`; `#` begins a comment). Links are not followed: a bundle holds what lies in the folder, not what the folder
 * points at.
 */
import { createHash } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { BundleFile } from '@slipway/contract';
import { canonicalJson, SlipwayError } from '@slipway/contract';

export const bundleFilesMax = 5_000;
export const bundleFileLimitBytes = 16 * 1024 * 1024;
export const bundleLimitBytes = 64 * 1024 * 1024;

export interface CodeBundle {
  /** In the order of their paths. */
  readonly files: readonly BundleFile[];
  /** Of the list of files. */
  readonly digest: string;
}

const neverIncluded = new Set(['node_modules', '__pycache__', 'venv', 'dist', 'mlruns']);
const ignoreFile = '.slipwayignore';
/** What `slipway up --dir` puts into its folder, with either database. */
const serverFile = 'slipway.lock';

/** Reads the folder. Throws `bundle_refused` naming the file and the limit. */
export async function collectBundle(folder: string): Promise<CodeBundle> {
  const isIgnored = parseIgnoreFile(await readFile(join(folder, ignoreFile), 'utf8').catch(() => ''));
  const files: BundleFile[] = [];
  let totalBytes = 0;
  for (const path of await listFiles(folder, '', isIgnored)) {
    const { size } = await stat(join(folder, path));
    totalBytes += size;
    if (size > bundleFileLimitBytes)
      refuse(`${path} has ${size} bytes, over the limit of ${bundleFileLimitBytes} for one file`);
    if (totalBytes > bundleLimitBytes) refuse(`its files have more than ${bundleLimitBytes} bytes together`);
    if (files.length >= bundleFilesMax) refuse(`it has more than ${bundleFilesMax} files`);
    const digest = `sha256:${createHash('sha256')
      .update(await readFile(join(folder, path)))
      .digest('hex')}`;
    files.push({ path, digest, sizeBytes: size });
  }
  return { files, digest: bundleDigest(files) };
}

export function bundleDigest(files: readonly BundleFile[]): string {
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : 1));
  return `sha256:${createHash('sha256').update(canonicalJson(sorted)).digest('hex')}`;
}

function refuse(problem: string): never {
  throw new SlipwayError('bundle_refused', {
    problem: `${problem}. Data belongs into datasets; name what is no code in ${ignoreFile}.`,
  });
}

async function listFiles(
  folder: string,
  under: string,
  isIgnored: (path: string, isFolder: boolean) => boolean,
): Promise<string[]> {
  const entries = await readdir(join(folder, under), { withFileTypes: true });
  if (under !== '' && entries.some((entry) => entry.name === serverFile)) return [];
  const found: string[] = [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = under === '' ? entry.name : `${under}/${entry.name}`;
    if (isLeftOut(entry) || isIgnored(path, entry.isDirectory())) continue;
    if (entry.isDirectory()) found.push(...(await listFiles(folder, path, isIgnored)));
    else if (entry.isFile()) found.push(path);
  }
  return found.sort();
}

function isLeftOut(entry: Dirent): boolean {
  return entry.name.startsWith('.') || neverIncluded.has(entry.name);
}

function parseIgnoreFile(text: string): (path: string, isFolder: boolean) => boolean {
  const rules = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map(ruleOf);
  return (path, isFolder) => rules.some((rule) => rule(path, isFolder));
}

/** A pattern with an inner slash is a path from the folder; one without is a name anywhere. */
function ruleOf(line: string): (path: string, isFolder: boolean) => boolean {
  const isFolderOnly = line.endsWith('/');
  const pattern = line.replace(/^\/|\/$/g, '');
  const isPath = line.startsWith('/') || pattern.includes('/');
  const regex = new RegExp(
    `^${pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&').replace(/\*\*|\*|\?/g, (s) => (s === '**' ? '.*' : s === '*' ? '[^/]*' : '[^/]'))}$`,
  );
  return (path, isFolder) => {
    if (isFolderOnly && !isFolder) return false;
    return regex.test(isPath ? path : (path.split('/').at(-1) ?? path));
  };
}
