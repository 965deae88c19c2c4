/** Public tables that ship inside Python packages: what `fitTable` answers beside LightGBM and scikit-learn at the same settings. */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { BenchContext, BenchTable } from './entry.ts';
import { rotate, runWorker } from './processes.ts';
import type { Command } from './processes.ts';

/** As write-tables.py names them, with what is measured on each. */
const tables = [
  { name: 'breast-cancer', loss: 'log loss', rank: 'AUC' },
  { name: 'digits', loss: 'log loss', rank: 'accuracy' },
  { name: 'wine', loss: 'log loss', rank: 'accuracy' },
  { name: 'iris', loss: 'log loss', rank: 'accuracy' },
  { name: 'diabetes', loss: 'RMSE', rank: undefined },
  { name: 'diamonds', loss: 'RMSE', rank: undefined },
  { name: 'computers', loss: 'RMSE', rank: undefined },
  { name: 'free-light-chain', loss: 'log loss', rank: 'AUC' },
  { name: 'unemployment', loss: 'log loss', rank: 'AUC' },
  { name: 'working-hours', loss: 'RMSE', rank: undefined },
  { name: 'aggression', loss: 'log loss', rank: 'AUC' },
  { name: 'baseball', loss: 'RMSE', rank: undefined },
  { name: 'tuna', loss: 'log loss', rank: 'accuracy' },
  { name: 'cars', loss: 'log loss', rank: 'accuracy' },
  { name: 'wages', loss: 'RMSE', rank: undefined },
] as const;

const single = { OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' };
/** Losses beside LightGBM's: one per cent. */
const lossRatioMax = 1.01;

async function prepare(python: string, { cacheFolder, say }: BenchContext): Promise<string> {
  const folder = join(cacheFolder, 'bench-tables');
  if (tables.every(({ name }) => existsSync(join(folder, `${name}.json`)))) return folder;
  say('writing the public tables, once');
  await mkdir(folder, { recursive: true });
  await runWorker({ file: python, args: [join(import.meta.dirname, 'workers', 'write-tables.py'), folder] });
  return folder;
}

/** One measurement each: ten splits are refits enough, and give the same answers again. */
export async function measureTables(python: string, context: BenchContext): Promise<readonly BenchTable[]> {
  const folder = await prepare(python, context);
  const workers = join(import.meta.dirname, 'workers');
  const made: BenchTable[] = [];
  const spent = { cpuS: new Map<string, number>(), wallS: new Map<string, number>() };
  for (const { name, loss, rank } of tables) {
    const path = join(folder, `${name}.json`);
    const peer = (engine: string): Command => ({
      file: python,
      args: [join(workers, 'table-peers.py'), engine, path],
      env: single,
    });
    const commands = {
      Slipway: { file: process.execPath, args: [join(workers, 'table-slipway.ts'), path] },
      'LightGBM 4.7.0': peer('lightgbm'),
      'scikit-learn 1.9.1': peer('sklearn'),
    };
    const results = await rotate(commands, 1, (line) => context.say(`${name}, ${line}`));
    const subjects = (key: string): BenchTable['subjects'] =>
      [...results].map(([subject, samples]) => ({ name: subject, samples: samples.map((s) => s[key] ?? Number.NaN) }));
    for (const [subject, samples] of results) {
      for (const [key, sums] of Object.entries(spent)) {
        sums.set(subject, (sums.get(subject) ?? 0) + (samples[0]?.[key] ?? 0));
      }
    }
    const goals = [{ against: 'LightGBM 4.7.0', atMost: lossRatioMax }];
    made.push({
      title: `Table ${name}`,
      unit: `${loss}, mean of ten splits (less is better)`,
      subjects: subjects('loss'),
      goals,
    });
    if (rank === 'AUC') {
      const unit = 'AUC, mean of ten splits (more is better)';
      made.push({
        title: `Table ${name}`,
        unit,
        subjects: subjects('rank'),
        goals: [{ against: 'LightGBM 4.7.0', atLeast: 0.995 }],
      });
    }
  }
  const all = (sums: ReadonlyMap<string, number>): BenchTable['subjects'] =>
    [...sums].map(([name, seconds]) => ({ name, samples: [seconds] }));
  return [
    ...made,
    {
      title: 'All tables',
      unit: 'CPU seconds of 150 fits at one thread (less is better)',
      subjects: all(spent.cpuS),
      goals: [{ against: 'LightGBM 4.7.0', atMost: 1 }],
    },
    { title: 'All tables', unit: 'seconds of wall time of the same', subjects: all(spent.wallS), goals: [] },
  ];
}
