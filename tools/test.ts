/**
 * `npm test`: everything that proves Slipway works, from a fresh clone. Suites run one after the other; name some to run only
 * those (`npm test -- unit compat`). Tools that a suite needs are brought by the suite itself (PostgreSQL from a package, a
 * Python environment under .cache); a suite whose tool cannot be had says so, and fails when CI=true.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './sources.ts';

interface Suite {
  readonly name: string;
  readonly what: string;
  readonly args: () => readonly string[];
}

const scratch = mkdtempSync(join(tmpdir(), 'slipway-test-'));
/** What failed in the suite that ran last. */
const failureFile = join(scratch, 'failures');

const nodeTest = (
  patterns: readonly string[],
  concurrency: number,
  flags: readonly string[] = [],
): (() => readonly string[]) => {
  return () => [
    '--test',
    ...flags,
    `--test-concurrency=${concurrency}`,
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    `--test-reporter=${join(import.meta.dirname, 'failure-list.ts')}`,
    `--test-reporter-destination=${failureFile}`,
    ...patterns.flatMap((p) => globSync(p, { cwd: root }).sort()),
  ];
};

const suites: readonly Suite[] = [
  { name: 'check', what: 'format, lint, types, layers, tidy, generated files', args: () => ['tools/check.ts'] },
  {
    name: 'unit',
    what: 'packages and tools, stores on SQLite and PostgreSQL, routes on a real server',
    args: nodeTest(['packages/*/src/**/*.test.ts', 'tools/**/*.test.ts'], 2),
  },
  {
    name: 'journeys',
    what: 'the product as a user drives it: command line, demo, faults',
    args: nodeTest(['tests/journeys/**/*.test.ts'], 1),
  },
  {
    name: 'console',
    what: 'the web console in a real browser, over what the demo leaves',
    // One process: these files share a browser and the workspace of the demo.
    args: nodeTest(['tests/console/{console,overview,failures,working,steady,absence,tables}.test.ts'], 1, [
      '--test-isolation=none',
    ]),
  },
  {
    name: 'pages',
    what: 'single areas of the console, each over a workspace of its own',
    args: nodeTest(['tests/console/!(console|overview|failures|working|steady|absence|tables).test.ts'], 1),
  },
  { name: 'compat', what: 'the real foreign clients', args: nodeTest(['tests/compat/**/*.test.ts'], 1) },
  { name: 'sim', what: 'seeded faults', args: () => ['tests/sim/main.ts', '--seeds', '10'] },
];

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !suites.some((s) => s.name === name));
if (unknown.length > 0) {
  console.error(`no suite named ${unknown.join(', ')}; there are ${suites.map((s) => s.name).join(', ')}`);
  process.exit(2);
}
const results: string[] = [];
const failures: string[] = [];
for (const suite of suites.filter((s) => wanted.length === 0 || wanted.includes(s.name))) {
  console.log(`\n== ${suite.name}: ${suite.what}`);
  const startedAt = performance.now();
  const { status } = spawnSync(process.execPath, suite.args(), { cwd: root, stdio: 'inherit' });
  const took = `${((performance.now() - startedAt) / 1000).toFixed(0)} s`;
  if (status !== 0) failures.push(`${suite.name}:\n${readFailures()}`);
  results.push(`${status === 0 ? 'ok  ' : 'FAIL'} ${suite.name} (${took})`);
}
rmSync(scratch, { recursive: true, force: true });
if (failures.length > 0) console.log(`\n== failed\n${failures.join('\n')}`);
console.log(`\n${results.join('\n')}`);
process.exit(failures.length === 0 ? 0 : 1);

/** Suites that are no tests of node:test say above what failed. */
function readFailures(): string {
  const text = existsSync(failureFile) ? readFileSync(failureFile, 'utf8') : '';
  rmSync(failureFile, { force: true });
  return text;
}
