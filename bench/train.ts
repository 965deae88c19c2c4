/** Trees on the flights features: CPU of binning and fitting, and quality on the months after. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BenchContext, BenchEntry, BenchResult } from './entry.ts';
import { flightsAnalytics, replayFlights } from './flights-features.ts';
import type { FlightRows } from './flights-features.ts';
import { pythonWith, rotate } from './processes.ts';
import type { Command } from './processes.ts';

const requirements = ['lightgbm==4.7.0', 'scikit-learn==1.9.1'];
/** Labels known by then are learnt from; the flights of April to June are the test. */
const trainUntilUs = Date.UTC(2013, 3, 1, 4) * 1000;
const testMonths: readonly number[] = [4, 5, 6];
const months = 6;

/** Rows of one file, in `rows.f64`: every feature column, then labels, then month; see workers. */
function selectRows(rows: FlightRows, wanted: (row: number) => boolean): Float64Array[] {
  const chosen = Uint32Array.from(
    [...rows.labels.keys()].filter((row) => !Number.isNaN(rows.labels[row]) && wanted(row)),
  );
  return [...rows.columns, rows.labels, rows.months].map((column) =>
    Float64Array.from(chosen, (row) => column[row] ?? Number.NaN),
  );
}

/** Writes train.f64 and test.f64 with a shape.json beside them, once. */
async function prepareRows({ cacheFolder, say }: BenchContext): Promise<string> {
  const folder = join(cacheFolder, 'bench-flights');
  const shapePath = join(folder, 'shape.json');
  if ((await readFile(shapePath).catch(() => undefined)) !== undefined) return folder;
  say('computing the flights features, once');
  await mkdir(folder, { recursive: true });
  await using analytics = flightsAnalytics();
  const { rows } = await replayFlights(analytics, months);
  const parts = {
    train: selectRows(rows, (row) => (rows.labelKnownUs[row] ?? Infinity) <= trainUntilUs),
    test: selectRows(rows, (row) => testMonths.includes(rows.months[row] ?? 0)),
  };
  for (const [name, columns] of Object.entries(parts)) {
    await writeFile(
      join(folder, `${name}.f64`),
      Buffer.concat(columns.map((c) => Buffer.from(c.buffer, c.byteOffset, c.byteLength))),
    );
  }
  const shape = {
    featureNames: rows.featureNames,
    trainRows: parts.train[0]?.length ?? 0,
    testRows: parts.test[0]?.length ?? 0,
  };
  await writeFile(shapePath, JSON.stringify(shape));
  return folder;
}

async function run(context: BenchContext): Promise<BenchResult> {
  const folder = await prepareRows(context);
  const workers = join(import.meta.dirname, 'workers');
  const single = { OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' };
  const commands: Record<string, Command> = {
    Slipway: { file: process.execPath, args: [join(workers, 'train-slipway.ts'), folder] },
  };
  const notRun: { peer: string; reason: string }[] = [];
  try {
    const python = await pythonWith('bench-venv', requirements, context.cacheFolder);
    for (const [name, engine] of [
      ['LightGBM 4.7.0', 'lightgbm'],
      ['scikit-learn 1.9.1', 'sklearn'],
    ] as const) {
      commands[name] = { file: python, args: [join(workers, 'train-peers.py'), engine, folder], env: single };
    }
  } catch (error) {
    notRun.push({ peer: 'LightGBM, scikit-learn', reason: error instanceof Error ? error.message : String(error) });
  }
  const results = await rotate(commands, context.rounds, context.say);
  const subjects = (key: string): { name: string; samples: number[] }[] =>
    [...results].map(([name, samples]) => ({ name, samples: samples.map((sample) => sample[key] ?? Number.NaN) }));
  return {
    tables: [
      {
        title: 'Binning and fitting at one thread',
        unit: 'CPU seconds of the process (less is better)',
        subjects: subjects('cpuS'),
        goals: [{ against: 'LightGBM 4.7.0', atMost: 1 }],
      },
      { title: 'The same', unit: 'seconds of wall time', subjects: subjects('wallS'), goals: [] },
      {
        title: 'Quality',
        unit: 'mean AUC of April, May and June (more is better)',
        subjects: subjects('auc'),
        goals: [{ against: 'LightGBM 4.7.0', atLeast: 0.995 }],
      },
    ],
    notRun,
    notes: [
      'Rows: 77,827 flights of January to March with 27 features and 3 codes; 150 trees of 31 leaves, rate .06, at least 50 rows per leaf, L2 1, 255 bins; no early stopping.',
      'Every figure is a fresh process with the rows in memory as float64; CPU is user plus system time of the whole process during binning and fitting, compiler threads included.',
      'A month moves by some .003 AUC between refits on 95 % of the rows, so smaller differences of quality say nothing.',
    ],
  };
}

export const train: BenchEntry = {
  name: 'train',
  question: 'Gradient-boosted trees on the flights features: how much CPU, at what quality?',
  run,
};
