/**
 * Files that code starts or reads by path. From sources each lies beside the code that names it. In the published package
 * (tools/build.ts) all code lies as `.js` in one folder, with the migrations of each module in a folder below.
 */
import { basename } from 'node:path';

/** True in the published package. */
export const isPackaged: boolean = import.meta.filename.endsWith('.js');

/** The file to start for a thread or a process: `entryFile(import.meta.url, '../writer')`. The build finds these calls by their text. */
export function entryFile(from: string, path: string): URL {
  return isPackaged ? new URL(`./${basename(path)}.js`, import.meta.url) : new URL(`${path}.ts`, from);
}
