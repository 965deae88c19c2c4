/** The layer check: every import goes along an arrow of layers.mjs, modules meet by type and by their doors, and no cycle exists. */
import { posix } from 'node:path';
import { childRoots, compat, compositionRoots, modules, packageNames, packages } from '../layers.mjs';
import type { SourceFile } from './sources.ts';
import { importsOf } from './sources.ts';

export interface Problem {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

type Arrows = Readonly<Record<string, readonly string[]>>;
const packageArrows: Arrows = packages;
const moduleArrows: Arrows = modules;
const compatArrows: Arrows = compat;
const packageOfName = new Map(Object.entries(packageNames).map(([folder, name]) => [name, folder]));

const isTest = (path: string): boolean => /\.test\.ts$|\/testing\.ts$|\/testdata\//.test(path);

export function checkLayers(files: readonly SourceFile[]): Problem[] {
  const problems: Problem[] = [];
  const sources = files.filter((f) => /^packages\/\w+\/src\/.*\.ts$/.test(f.path));
  for (const file of sources) {
    for (const found of importsOf(file.text)) {
      const message = judge(file.path, found.specifier, found.isType);
      if (message !== undefined) problems.push({ path: file.path, line: found.line, message });
    }
  }
  return [...problems, ...findCycles(sources)];
}

/** What is wrong with this import, or undefined. */
export function judge(from: string, specifier: string, isType: boolean): string | undefined {
  const [, fromPackage = ''] = from.split('/');
  const toPackage =
    packageOfName.get(specifier) ??
    packageOfName.get(
      specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/'),
    );
  if (toPackage !== undefined) {
    if (toPackage === fromPackage) return 'a package imports its own files by relative path';
    if (isTest(from) || packageArrows[fromPackage]?.includes(toPackage)) return undefined;
    return `${fromPackage} may not import ${toPackage} (layers.mjs)`;
  }
  if (!specifier.startsWith('.')) return undefined;
  const to = posix.normalize(posix.join(posix.dirname(from), specifier));
  const [, otherPackage] = /^packages\/(\w+)\//.exec(to) ?? [];
  if (otherPackage !== fromPackage) return isTest(from) ? undefined : 'a relative import may not leave its package';
  return fromPackage === 'server'
    ? judgeInServer(
        from.slice('packages/server/src/'.length),
        to.slice('packages/server/src/'.length),
        isType,
        isTest(from),
      )
    : undefined;
}

function judgeInServer(from: string, to: string, isType: boolean, fromTest: boolean): string | undefined {
  const [fromLayer = '', fromRoom = ''] = from.split('/');
  const [toLayer = '', toRoom = ''] = to.split('/');
  if (compositionRoots.includes(fromLayer) || fromTest) return undefined;
  if (toLayer === 'lib' && fromLayer !== 'lib') return undefined;
  switch (fromLayer) {
    case 'lib':
      return toLayer === 'lib' ? undefined : 'lib is a leaf: it imports lib only';
    case 'platform':
      return toLayer === 'platform' ? undefined : 'platform knows no module';
    case 'modules': {
      if (toLayer === 'platform' || (toLayer === 'modules' && toRoom === fromRoom)) return undefined;
      if (toLayer !== 'modules') return 'modules may not import compat or the composition root';
      if (!isType && !childRoots.includes(from))
        return `modules meet by type: use "import type", and take the run-time part as a port (${fromRoom} -> ${toRoom})`;
      if (!to.endsWith(`modules/${toRoom}/index.ts`)) return `module ${toRoom} is entered by its index.ts`;
      return moduleArrows[fromRoom]?.includes(toRoom)
        ? undefined
        : `${fromRoom} may not look at ${toRoom} (layers.mjs)`;
    }
    case 'compat': {
      if (toLayer === 'platform' || (toLayer === 'compat' && toRoom === fromRoom)) return undefined;
      if (toLayer !== 'modules') return 'compat folders do not meet';
      if (!to.endsWith(`modules/${toRoom}/index.ts`)) return `module ${toRoom} is entered by its index.ts`;
      return compatArrows[fromRoom]?.includes(toRoom)
        ? undefined
        : `compat/${fromRoom} may not look at ${toRoom} (layers.mjs)`;
    }
    default:
      return toLayer === fromLayer || toLayer === 'platform'
        ? undefined
        : `${from} is no composition root (layers.mjs)`;
  }
}

/** Cycles of imports that run when a file is loaded (not types, not `import()`), found by depth-first search; each is reported once. */
function findCycles(files: readonly SourceFile[]): Problem[] {
  const known = new Set(files.map((f) => f.path));
  const arrows = new Map(
    files.map((f) => [
      f.path,
      importsOf(f.text)
        .filter((i) => !i.isType && !i.isLazy && i.specifier.startsWith('.'))
        .map((i) => posix.normalize(posix.join(posix.dirname(f.path), i.specifier)))
        .filter((p) => known.has(p)),
    ]),
  );
  const state = new Map<string, 'open' | 'done'>();
  const problems: Problem[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (state.get(path) === 'done') return;
    if (state.get(path) === 'open') {
      problems.push({
        path,
        line: 1,
        message: `import cycle: ${[...trail.slice(trail.indexOf(path)), path].join(' -> ')}`,
      });
      return;
    }
    state.set(path, 'open');
    for (const next of arrows.get(path) ?? []) visit(next, [...trail, path]);
    state.set(path, 'done');
  };
  for (const file of files) visit(file.path, []);
  return problems;
}
