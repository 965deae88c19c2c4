/**
 * `npm run sim -- --seeds N [--seed S] [--scenario NAME] [--database sqlite|postgres|both] [--twice] [--story] [--json]`
 *
 * Servers with the real store, jobs, ledger, pipelines and rollouts live through faults that a seed draws, in virtual time;
 * afterwards nothing may be lost, doubled or stuck. A run that finds something prints its seed and the command that replays it.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { scenarios } from './scenarios/index.ts';
import type { RunReport } from './simulate.ts';
import type { WorkerOrder } from './worker.ts';

/** Lines of a failing run's story that are printed. */
const storyLines = 60;
type DatabaseName = WorkerOrder['database'];

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
    scenario: { type: 'string', multiple: true },
    database: { type: 'string', default: 'both' },
    /** Runs each seed a second time and compares. */
    twice: { type: 'boolean', default: false },
    /** Prints what happened in each run. */
    story: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const usage = `npm run sim -- [--seeds N] [--seed S] [--scenario NAME] [--database sqlite|postgres|both] [--twice] [--story] [--json]

${scenarios.map((s) => `  ${s.name.padEnd(10)} ${s.what}`).join('\n')}

--seeds N    how many seeds (10)          --seed S   the first one (1)
--twice      runs each seed twice and compares what happened
--story      prints what happened in each run
--json       prints one report as JSON per run`;

const say = (line: string): void => {
  if (!values.json) console.log(line);
};

process.exitCode = await main();

async function main(): Promise<number> {
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const names = values.scenario ?? scenarios.map((s) => s.name);
  const count = Number(values.seeds);
  const first = Number(values.seed);
  const wrong = names.filter((name) => !scenarios.some((s) => s.name === name));
  const isKnown = ['sqlite', 'postgres', 'both'].includes(values.database);
  if (wrong.length > 0 || !isKnown || !(Number.isInteger(count) && count > 0) || !Number.isInteger(first)) {
    console.error(wrong.length > 0 ? `no scenario named ${wrong.join(', ')}\n\n${usage}` : usage);
    return 2;
  }
  const startedAt = performance.now();
  const seeds = Array.from({ length: count }, (_, i) => first + i);
  const both: readonly DatabaseName[] = ['sqlite', 'postgres'];
  const ordered = both.filter((name) => values.database === 'both' || values.database === name);
  const orders = ordered.flatMap((database) =>
    shares(database, seeds).map((share) => ({
      database,
      scenarios: names,
      seeds: values.twice ? share.flatMap((seed) => [seed, seed]) : share,
    })),
  );
  const results = await Promise.all(orders.map(runAll));
  const reports = results.flatMap((result) => result.reports);
  if (!values.json) printTable(reports);
  const missing = new Set(results.flatMap((result) => (result.missing === undefined ? [] : [result.missing])));
  for (const line of missing) console.error(line);
  const failing = reports.filter((report) => report.problems.length > 0);
  const different = values.twice ? differences(reports) : [];
  for (const line of different) console.error(line);
  say(
    `${failing.length === 0 ? 'sound' : `${failing.length} runs are not sound`}: ${reports.length} runs, ` +
      `${seeds.length} seeds, ${((performance.now() - startedAt) / 1000).toFixed(0)} s`,
  );
  const isIncomplete = missing.size > 0 && process.env['CI'] === 'true';
  const isBroken = results.some((result) => result.isBroken);
  return failing.length > 0 || different.length > 0 || isIncomplete || isBroken ? 1 : 0;
}

/** Runs on PostgreSQL wait for its answers half of the time: two processes fill two cores. */
function shares(database: DatabaseName, seeds: readonly number[]): number[][] {
  if (database === 'sqlite' || seeds.length < 4) return [[...seeds]];
  return [seeds.filter((_, i) => i % 2 === 0), seeds.filter((_, i) => i % 2 === 1)];
}

interface Result {
  readonly reports: RunReport[];
  /** Why the database could not be had. */
  readonly missing: string | undefined;
  readonly isBroken: boolean;
}

/** One process per database. A single thread for files makes their order part of the seed. */
async function runAll(order: WorkerOrder): Promise<Result> {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'worker.ts'), JSON.stringify(order)],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, UV_THREADPOOL_SIZE: '1' } },
  );
  const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
  const reports: RunReport[] = [];
  let missing: string | undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    // Written by worker.ts.
    const message = JSON.parse(line) as RunReport | { readonly missing: string };
    if ('missing' in message) {
      missing = `${order.database} could not start here, its runs were left out: ${message.missing}`;
      continue;
    }
    reports.push(message);
    if (values.json) {
      const { notes, ...rest } = message;
      console.log(JSON.stringify(rest.problems.length > 0 ? message : { ...rest, notes: notes.length }));
    }
    if (message.problems.length > 0) printFailure(message);
    else if (values.story) printStory(message);
  }
  const code = await ended;
  if (code !== 0) console.error(`the runs on ${order.database} ended with exit code ${code}`);
  return { reports, missing, isBroken: code !== 0 };
}

function printFailure(report: RunReport): void {
  const { scenario, database, seed } = report;
  console.error(`FAIL ${scenario} on ${database}, seed ${seed}`);
  for (const problem of report.problems.slice(0, 20)) console.error(`  ${problem}`);
  if (report.problems.length > 20) console.error(`  and ${report.problems.length - 20} more`);
  console.error('  what happened (virtual seconds):');
  for (const line of report.notes.slice(-storyLines)) console.error(`    ${line}`);
  console.error(`  replay: npm run sim -- --seeds 1 --seed ${seed} --scenario ${scenario} --database ${database}`);
  if (report.isConcurrent) console.error('  writes of its servers overlap: a replay may interleave them differently');
}

function printStory(report: RunReport): void {
  say(`${report.scenario} on ${report.database}, seed ${report.seed}`);
  for (const line of report.notes) say(`    ${line}`);
}

function differences(reports: readonly RunReport[]): string[] {
  const first = new Map<string, RunReport>();
  const lines: string[] = [];
  for (const report of reports) {
    const key = `${report.scenario} on ${report.database}, seed ${report.seed}`;
    const other = first.get(key);
    first.set(key, report);
    if (other === undefined || other.digest === report.digest || report.isConcurrent) continue;
    const at = report.notes.findIndex((line, i) => line !== other.notes[i]);
    lines.push(`DIFFERS ${key}, at line ${at}:\n  ${other.notes[at] ?? ''}\n  ${report.notes[at] ?? ''}`);
  }
  return lines;
}

function printTable(reports: readonly RunReport[]): void {
  const groups = Map.groupBy(reports, (report) => `${report.scenario.padEnd(10)} ${report.database.padEnd(8)}`);
  for (const [name, runs] of groups) {
    const faults: Record<string, number> = {};
    for (const run of runs) for (const [kind, n] of Object.entries(run.faults)) faults[kind] = (faults[kind] ?? 0) + n;
    const shown = Object.entries(faults).map(([kind, n]) => `${n} ${kind}`);
    const sum = (of: (run: RunReport) => number): number => runs.reduce((n, run) => n + of(run), 0);
    const bad = runs.filter((run) => run.problems.length > 0).length;
    say(
      `${bad === 0 ? 'ok  ' : 'FAIL'} ${name} ${runs.length} runs, ${sum((run) => run.events)} events, ` +
        `${(sum((run) => run.virtualMs) / 60_000).toFixed(0)} virtual minutes in ${(sum((run) => run.tookMs) / 1000).toFixed(1)} s: ${shown.join(', ')}`,
    );
  }
}
