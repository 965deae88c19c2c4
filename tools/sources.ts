/** The repository's own source files, as the checks see them. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const root: string = join(import.meta.dirname, '..');

export interface SourceFile {
  /** Relative to the root, forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** Files that git tracks or would track, with these endings. */
export function listSources(endings: readonly string[]): SourceFile[] {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return [...new Set(listed.split('\n'))]
    .filter((path) => endings.some((ending) => path.endsWith(ending)))
    .flatMap((path) => {
      try {
        return [{ path, text: readFileSync(join(root, path), 'utf8') }];
      } catch {
        return []; // Deleted in the working tree, not yet in the index.
      }
    });
}

export interface Import {
  readonly specifier: string;
  readonly isType: boolean;
  /** `import()`: happens when asked for, after both files were loaded. */
  readonly isLazy: boolean;
  readonly line: number;
}

/** Static and dynamic imports and re-exports. The formatter keeps them in these shapes, so that a scan by pattern is exact. */
export function importsOf(text: string): Import[] {
  const found: Import[] = [];
  const pattern =
    /(?:^|\n)\s*(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/g;
  for (const match of text.matchAll(pattern)) {
    const specifier = match[2] ?? match[3];
    if (specifier === undefined) continue;
    const line = text.slice(0, match.index + match[0].indexOf(specifier)).split('\n').length;
    found.push({ specifier, isType: match[1] !== undefined, isLazy: match[2] === undefined, line });
  }
  return found;
}
