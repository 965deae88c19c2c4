/**
 * What linters cannot see: sizes, banned words and places, table ownership, and ratchets (committed counts that may only
 * fall). Each rule gives the file, the line and the remedy.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Problem } from './layers.ts';
import type { SourceFile } from './sources.ts';
import { root } from './sources.ts';

export const fileLinesMax = 800;
export const functionLinesMax = 70;
export const ratchetsPath = 'tools/ratchets.json';

/** Counts that may only fall. */
export interface Ratchets {
  readonly longFunctions: number;
  readonly casts: number;
  readonly lintDisables: number;
}

const isProduct = (path: string): boolean =>
  path.startsWith('packages/') && path.endsWith('.ts') && !path.endsWith('.test.ts');

export function checkTidy(files: readonly SourceFile[]): Problem[] {
  return files.flatMap((file) => [...checkSize(file), ...checkWords(file), ...checkTables(file)]);
}

function checkSize(file: SourceFile): Problem[] {
  const lines = file.text.split('\n').length;
  if (!file.path.endsWith('.ts') || lines <= fileLinesMax) return [];
  return [{ path: file.path, line: lines, message: `${lines} lines; split it (at most ${fileLinesMax})` }];
}

interface WordRule {
  readonly pattern: RegExp;
  readonly message: string;
  readonly appliesTo: (path: string) => boolean;
}

const source = (path: string): boolean => /\.(?:ts|mjs|js|py|sql)$/.test(path) && !path.startsWith('tools/tidy');
const wordRules: readonly WordRule[] = [
  {
    pattern: /\b(?:TODO|FIXME|XXX|HACK)\b/,
    message: 'finish it, or say in ROADMAP.md that it is missing',
    appliesTo: source,
  },
  {
    pattern: /\btest\.(?:skip|only|todo)\b|\bdescribe\(\s*['"`]/,
    message: 'tests run, plainly',
    appliesTo: (p) => p.endsWith('.test.ts'),
  },
  {
    pattern: /\bt\.skip\(|[{,]\s*skip:/,
    message: 'skipUnlessCi skips with a reason, and fails with CI=true',
    appliesTo: (p) =>
      /^packages\/server\/.*(?:\.test\.ts$|\btesting\b)|^tests\//.test(p) && !p.endsWith('/testing/missing.ts'),
  },
  {
    pattern: /\bDate\.now\(\)|\bnew Date\(\)|\bMath\.random\(\)/,
    message: 'time and chance come from platform (clock, ids, random)',
    appliesTo: (p) => /^packages\/server\/src\/(?:lib|modules|compat)\//.test(p) && !p.endsWith('.test.ts'),
  },
  {
    pattern: /\bprocess\.env\b/,
    // step-runner.ts is a process of its own; step-command.ts hands this process's surroundings to the programs it starts.
    message: 'only config.ts reads the environment',
    appliesTo: (p) =>
      /^packages\/server\/src\/(?:lib|modules|compat|platform)\//.test(p) &&
      !/\.test\.ts$|testing\.ts$|\/testing\/|step-runner\.ts$|step-command\.ts$/.test(p),
  },
  { pattern: /\b(?:eval\(|new Function\()/, message: 'no code from strings', appliesTo: isProduct },
];

function checkWords(file: SourceFile): Problem[] {
  const problems: Problem[] = [];
  const rules = wordRules.filter((rule) => rule.appliesTo(file.path));
  if (rules.length === 0) return problems;
  file.text.split('\n').forEach((line, index) => {
    for (const rule of rules)
      if (rule.pattern.test(line)) problems.push({ path: file.path, line: index + 1, message: rule.message });
  });
  return problems;
}

/** Tables are named `<module>_…` and appear only in their own module (and in the simulator's checks). */
function checkTables(file: SourceFile): Problem[] {
  const owner = /^packages\/server\/src\/modules\/(\w+)\//.exec(file.path)?.[1];
  if (owner === undefined || file.path.endsWith('.test.ts')) return [];
  const problems: Problem[] = [];
  for (const match of file.text.matchAll(
    /\b(?:from|into|update|join|table|selectFrom\('|insertInto\('|updateTable\('|deleteFrom\(')\s*(\w+?)_\w+/g,
  )) {
    const prefix = match[1] ?? '';
    if (prefix !== owner && knownModules.has(prefix)) {
      problems.push({
        path: file.path,
        line: file.text.slice(0, match.index).split('\n').length,
        message: `table of module ${prefix} used in ${owner}: ask its service`,
      });
    }
  }
  return problems;
}

const knownModules = new Set([
  'projects',
  'data',
  'quality',
  'features',
  'tracking',
  'registry',
  'pipelines',
  'serving',
  'monitoring',
  'automation',
  'governance',
  'jobs',
  'auth',
]);

export function countRatchets(files: readonly SourceFile[]): Ratchets {
  const product = files.filter((f) => isProduct(f.path));
  const sum = (of: (text: string) => number): number => product.reduce((n, f) => n + of(f.text), 0);
  return {
    longFunctions: sum(longFunctions),
    casts: sum((text) => codeOf(text).match(/\bas (?!const\b)[A-Za-z{[(]/g)?.length ?? 0),
    lintDisables: sum((text) => text.match(/oxlint-disable/g)?.length ?? 0),
  };
}

/** The text without comments, strings in single quotes and import lines: prose and renamed imports are no casts. */
const codeOf = (text: string): string =>
  text
    .replaceAll(/\/\*[\s\S]*?\*\//g, '')
    .replaceAll(/^(?:import|export) [^;]*? from '[^']*';$/gm, '')
    .replaceAll(/'(?:[^'\\\n]|\\.)*'/g, "''")
    .replaceAll(/\/\/.*$/gm, '');

/** Functions over the limit, by indentation: the formatter puts a function's closing brace under its first line. */
function longFunctions(text: string): number {
  const lines = text.split('\n');
  let found = 0;
  lines.forEach((line, start) => {
    const head =
      /^(\s*)(?:export )?(?:async )?(?:function\b.*|const \w+ = (?:async )?(?:\(|<).*=>|\w+: (?:async )?\(.*=>|(?:async )?\w+\(.*\).*) \{$/.exec(
        line,
      );
    if (!head) return;
    const indent = head[1] ?? '';
    const end = lines.findIndex((l, i) => i > start && l.startsWith(`${indent}}`));
    if (end - start + 1 > functionLinesMax) found++;
  });
  return found;
}

export function checkRatchets(files: readonly SourceFile[]): Problem[] {
  const allowed = readRatchets();
  const found = countRatchets(files);
  return ratchetNames.flatMap((name) => {
    if (found[name] <= allowed[name]) return [];
    return [{ path: ratchetsPath, line: 1, message: `${name} rose from ${allowed[name]} to ${found[name]}` }];
  });
}

/** The committed counts, each lowered to what the sources have now: `npm run gen` writes them, and never raises one. */
export function loweredRatchets(files: readonly SourceFile[]): Ratchets {
  const allowed = readRatchets();
  const found = countRatchets(files);
  return {
    longFunctions: Math.min(allowed.longFunctions, found.longFunctions),
    casts: Math.min(allowed.casts, found.casts),
    lintDisables: Math.min(allowed.lintDisables, found.lintDisables),
  };
}

const ratchetNames = ['longFunctions', 'casts', 'lintDisables'] as const;

// The file is ours and committed: its shape is known.
const readRatchets = (): Ratchets => JSON.parse(readFileSync(join(root, ratchetsPath), 'utf8')) as Ratchets;
