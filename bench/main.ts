/**
 * `npm run bench -- [names] [--rounds N] [--scale SHARE] [--demo FOLDER] [--json FILE]`: Slipway and its peers on the same work,
 * on this machine, in turn. `--scale` is the share of the full size that `console` generates, `--demo` a workspace that the demo
 * left, `--json` a file for every sample.
 * Prints a table per entry and writes docs/generated/bench.md, where entries that this run left out keep their section.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { consoleEntry } from './console.ts';
import type { BenchEntry, BenchResult } from './entry.ts';
import { logBatch } from './log-batch.ts';
import { onlineRead } from './online-read.ts';
import { predict } from './predict.ts';
import { entryText, judgeGoal, mergeSections } from './report.ts';
import { start } from './start.ts';
import { step } from './step.ts';
import { train } from './train.ts';

const entries: readonly BenchEntry[] = [start, predict, step, logBatch, onlineRead, train, consoleEntry];
const root = join(import.meta.dirname, '..');
const reportPath = join(root, 'docs', 'generated', 'bench.md');

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    scale: { type: 'string', default: '1' },
    demo: { type: 'string' },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

function heading(rounds: number): string {
  const [cpu] = cpus();
  return [
    '# Benchmarks',
    '',
    'Written by `npm run bench`. Every subject of a table ran in turn on the same machine; figures are medians.',
    `Last run: ${new Date().toISOString().slice(0, 10)}, ${availableParallelism()} cores (${cpu?.model.trim() ?? 'unknown'}), Node ${process.versions.node}, ${rounds} rounds.`,
    '',
    '',
  ].join('\n');
}

/** Every sample, and every goal with what came of it. */
function jsonOf(results: ReadonlyMap<BenchEntry, BenchResult>): string {
  const entries = [...results].map(([{ name, question }, result]) => ({
    name,
    question,
    ...result,
    tables: result.tables.map((table) => ({
      ...table,
      goals: table.goals.map((goal) => ({ ...goal, ...judgeGoal(table, goal) })),
    })),
  }));
  return `${JSON.stringify({ at: new Date().toISOString(), node: process.versions.node, entries }, null, 2)}\n`;
}

async function main(): Promise<number> {
  const names = entries.map((entry) => entry.name);
  const rounds = Number(values.rounds);
  const scale = Number(values.scale);
  const unknown = positionals.find((name) => !names.includes(name));
  if (
    values.help ||
    unknown !== undefined ||
    !Number.isInteger(rounds) ||
    rounds < 1 ||
    rounds > 1000 ||
    !(scale > 0 && scale <= 1)
  ) {
    if (unknown !== undefined) process.stderr.write(`There is no benchmark "${unknown}".\n`);
    process.stderr.write(
      `Usage: npm run bench -- [${names.join('] [')}] [--rounds N, 1 to 1000] [--scale SHARE, at most 1] [--demo FOLDER] [--json FILE]\n`,
    );
    return values.help ? 0 : 2;
  }
  const chosen = entries.filter((entry) => positionals.length === 0 || positionals.includes(entry.name));
  const sections = new Map<string, string>();
  const results = new Map<BenchEntry, BenchResult>();
  let failures = 0;
  for (const entry of chosen) {
    const say = (line: string): void => void process.stderr.write(`${entry.name}: ${line}\n`);
    try {
      const cacheFolder = join(root, '.cache');
      const result = await entry.run({ rounds, cacheFolder, say, scale, demoFolder: values.demo });
      results.set(entry, result);
      const text = entryText(entry, result);
      sections.set(entry.name, text);
      process.stdout.write(`${text}\n`);
    } catch (error) {
      failures += 1;
      process.stderr.write(`${entry.name} failed: ${error instanceof Error ? error.stack : String(error)}\n`);
    }
  }
  const existing = await readFile(reportPath, 'utf8').catch(() => '');
  await mkdir(dirname(reportPath), { recursive: true });
  await writeFile(reportPath, heading(rounds) + mergeSections(existing, sections, names));
  if (values.json !== undefined) await writeFile(values.json, jsonOf(results));
  return failures > 0 ? 1 : 0;
}

process.exitCode = await main();
