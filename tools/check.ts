/** `npm run check`: format, lint, types, layers, errors, tidy, ratchets, generated files. Prints every problem; exits 1 on any. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { generatedProblems } from './gen.ts';
import { checkErrors } from './errors.ts';
import { checkLayers } from './layers.ts';
import { listSources, root } from './sources.ts';
import { checkRatchets, checkTidy } from './tidy.ts';

const bin = (name: string): string => join(root, 'node_modules/.bin', name);

interface Check {
  readonly name: string;
  readonly run: () => readonly string[] | Promise<readonly string[]>;
}

function command(name: string, args: readonly string[]): () => readonly string[] {
  return () => {
    const result = spawnSync(bin(name), args, { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
    if (result.error) return [`${name} could not run: ${result.error.message}`];
    return result.status === 0 ? [] : [`${result.stdout}${result.stderr}`.trim()];
  };
}

const sources = listSources(['.ts', '.mjs', '.js', '.py', '.sql']);
const show = (p: { path: string; line: number; message: string }): string => `${p.path}:${p.line}: ${p.message}`;

const checks: readonly Check[] = [
  { name: 'format', run: command('oxfmt', ['--check', '.']) },
  { name: 'lint', run: command('oxlint', ['--type-aware', 'packages', 'tools', 'tests', 'bench', 'examples']) },
  { name: 'types', run: command('tsc', ['--noEmit', '-p', 'tsconfig.json']) },
  { name: 'types of the console', run: command('tsc', ['-p', 'packages/ui/tsconfig.json']) },
  { name: 'layers', run: () => checkLayers(sources).map(show) },
  { name: 'errors', run: () => checkErrors(sources).map(show) },
  { name: 'tidy', run: () => checkTidy(sources).map(show) },
  { name: 'ratchets', run: () => checkRatchets(sources).map(show) },
  { name: 'generated', run: generatedProblems },
];

let failed = 0;
const wanted = process.argv.slice(2);
for (const check of checks.filter((c) => wanted.length === 0 || wanted.includes(c.name))) {
  const startedAt = performance.now();
  let problems: readonly string[];
  try {
    problems = await check.run();
  } catch (error) {
    problems = [error instanceof Error ? error.message : String(error)];
  }
  const took = `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
  if (problems.length === 0) {
    console.log(`ok    ${check.name} (${took})`);
  } else {
    failed++;
    console.log(`FAIL  ${check.name} (${took})\n${problems.join('\n')}`);
  }
}
process.exit(failed === 0 ? 0 : 1);
