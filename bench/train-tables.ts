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
const areaRatioMin = 0.995;
/** Fits of a table that are summed up: the first of a fresh process, in which an engine compiles what it runs. */
const summedFits = 10;

/** Per split. */
type Fits = Readonly<Record<'cpuMs' | 'wallMs' | 'loss' | 'rank', readonly number[]>>;
type FitsBySubject = ReadonlyMap<string, Fits>;

async function prepare(python: string, { cacheFolder, say }: BenchContext): Promise<string> {
  const folder = join(cacheFolder, 'bench-tables-of-splits');
  if (tables.every(({ name }) => existsSync(join(folder, `${name}.json`)))) return folder;
  say('writing the public tables, once');
  await mkdir(folder, { recursive: true });
  await runWorker({ file: python, args: [join(import.meta.dirname, 'workers', 'write-tables.py'), folder] });
  return folder;
}

function tablesOf({ name, loss, rank }: (typeof tables)[number], fits: FitsBySubject): readonly BenchTable[] {
  const subjects = (key: keyof Fits): BenchTable['subjects'] =>
    Array.from(fits, ([subject, measured]) => ({ name: subject, samples: measured[key] }));
  const against = 'LightGBM 4.7.0';
  const table = { title: `Table ${name}`, of: 'mean' as const };
  const losses: BenchTable = {
    ...table,
    unit: `${loss} (less is better)`,
    subjects: subjects('loss'),
    goals: [{ against, atMost: lossRatioMax }],
  };
  const areas: BenchTable = {
    ...table,
    unit: 'AUC (more is better)',
    subjects: subjects('rank'),
    goals: [{ against, atLeast: areaRatioMin }],
  };
  const cost: BenchTable = {
    ...table,
    unit: 'CPU milliseconds of a fit (less is better)',
    subjects: subjects('cpuMs'),
    goals: [],
  };
  return [losses, ...(rank === 'AUC' ? [areas] : []), cost];
}

function sumsOf(all: readonly FitsBySubject[]): readonly BenchTable[] {
  const sums = (key: 'cpuMs' | 'wallMs', count: number): BenchTable['subjects'] =>
    Array.from(all[0]?.keys() ?? [], (name) => {
      const ofTable = (fits: FitsBySubject): number =>
        (fits.get(name)?.[key] ?? []).slice(0, count).reduce((sum, value) => sum + value, 0);
      return { name, samples: [all.reduce((sum, fits) => sum + ofTable(fits), 0) / 1000] };
    });
  const title = `All ${all.length} tables`;
  return [
    {
      title,
      unit: `CPU seconds of ${summedFits} fits each on one thread, from the start of a process on (less is better)`,
      subjects: sums('cpuMs', summedFits),
      goals: [{ against: 'LightGBM 4.7.0', atMost: 1 }],
    },
    {
      title,
      unit: 'seconds of wall time of the same (less is better)',
      subjects: sums('wallMs', summedFits),
      goals: [],
    },
    {
      title,
      unit: 'CPU seconds of the first fit of a process, each (less is better)',
      subjects: sums('cpuMs', 1),
      goals: [],
    },
  ];
}

/** One measurement each: the splits are refits enough, and give the same answers again. */
export async function measureTables(python: string, context: BenchContext): Promise<readonly BenchTable[]> {
  const folder = await prepare(python, context);
  const workers = join(import.meta.dirname, 'workers');
  const made: BenchTable[] = [];
  const all: FitsBySubject[] = [];
  for (const table of tables) {
    const path = join(folder, `${table.name}.json`);
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
    const measured = await rotate<Fits>(commands, 1, (line) => context.say(`${table.name}, ${line}`));
    const fits = new Map<string, Fits>();
    for (const [name, [only]] of measured) if (only !== undefined) fits.set(name, only);
    made.push(...tablesOf(table, fits));
    all.push(fits);
  }
  return [...made, ...sumsOf(all)];
}
