/** Rows of numbers for the trainers, as files that workers of both languages read: every column, the labels, the group of each row. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BenchContext } from './entry.ts';
import { flightsAnalytics, replayFlights } from './flights-features.ts';
import type { FlightRows } from './flights-features.ts';

export interface TrainSettings {
  readonly rounds: number;
  readonly learningRate: number;
  readonly leaves: number;
  readonly minRowsPerLeaf: number;
}

export interface TrainShape {
  readonly featureNames: readonly string[];
  readonly trainRows: number;
  readonly testRows: number;
  /** Groups of test rows whose areas under the curve are averaged. */
  readonly groups: readonly number[];
  readonly settings: TrainSettings;
}

/** Labels known by then are learnt from; the flights of April to June are the test. */
const trainUntilUs = Date.UTC(2013, 3, 1, 4) * 1000;
const testMonths: readonly number[] = [4, 5, 6];
const months = 6;

function selectRows(rows: FlightRows, wanted: (row: number) => boolean): Float64Array[] {
  const chosen = Uint32Array.from(
    [...rows.labels.keys()].filter((row) => !Number.isNaN(rows.labels[row]) && wanted(row)),
  );
  return [...rows.columns, rows.labels, rows.months].map((column) =>
    Float64Array.from(chosen, (row) => column[row] ?? Number.NaN),
  );
}

async function writeOnce(folder: string, make: () => Promise<TrainShape>): Promise<string> {
  const shapePath = join(folder, 'shape.json');
  if ((await readFile(shapePath).catch(() => undefined)) !== undefined) return folder;
  await mkdir(folder, { recursive: true });
  const shape = await make();
  await writeFile(shapePath, JSON.stringify(shape));
  return folder;
}

/** train.f64, test.f64 and shape.json of the flights. */
export function prepareFlights({ cacheFolder, say }: BenchContext): Promise<string> {
  const folder = join(cacheFolder, 'bench-train-flights');
  return writeOnce(folder, async () => {
    say('computing the flights features, once');
    await using analytics = flightsAnalytics();
    const { rows } = await replayFlights(analytics, months);
    const parts = {
      train: selectRows(rows, (row) => (rows.labelKnownUs[row] ?? Infinity) <= trainUntilUs),
      test: selectRows(rows, (row) => testMonths.includes(rows.months[row] ?? 0)),
    };
    for (const [name, columns] of Object.entries(parts)) writeColumns(join(folder, `${name}.f64`), columns);
    return {
      featureNames: rows.featureNames,
      trainRows: parts.train[0]?.length ?? 0,
      testRows: parts.test[0]?.length ?? 0,
      groups: testMonths,
      settings: { rounds: 150, learningRate: 0.06, leaves: 31, minRowsPerLeaf: 50 },
    };
  });
}

function writeColumns(path: string, columns: readonly Float64Array[]): void {
  const file = openSync(path, 'w');
  try {
    for (const column of columns) writeSync(file, column);
  } finally {
    closeSync(file);
  }
}

const wideRows = { train: 1_000_000, test: 200_000 };
const wideColumns = 50;

/** 32-bit numbers from a seed (xorshift). */
function createDraws(seed: number): () => number {
  let state = (seed * 2_654_435_761) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/**
 * A million rows of 50 columns: 8 partly missing, 5 at 95 % zeros, 10 codes of 3 to 250 values, the rest smooth. The label
 * follows a third of them, with interactions and noise.
 */
export function prepareWide({ cacheFolder, say }: BenchContext): Promise<string> {
  const folder = join(cacheFolder, 'bench-train-wide');
  return writeOnce(folder, async () => {
    say('making a million rows, once');
    for (const [name, rows] of Object.entries(wideRows)) {
      const columns = Array.from({ length: wideColumns }, (_, k) => makeColumn(k, rows, name === 'train' ? 1 : 2));
      const draw = createDraws(name === 'train' ? 901 : 902);
      const labels = Float64Array.from({ length: rows }, (_, row) => (marginOf(columns, row) > draw() * 6 - 3 ? 1 : 0));
      writeColumns(join(folder, `${name}.f64`), [...columns, labels, new Float64Array(rows)]);
    }
    return {
      featureNames: Array.from({ length: wideColumns }, (_, k) => `c${k}`),
      trainRows: wideRows.train,
      testRows: wideRows.test,
      groups: [0],
      settings: { rounds: 100, learningRate: 0.1, leaves: 31, minRowsPerLeaf: 50 },
    };
  });
}

function makeColumn(k: number, rows: number, part: number): Float64Array {
  const draw = createDraws(k * 10 + part);
  const codes = 3 + Math.floor(((k % 10) * 247) / 9);
  return Float64Array.from({ length: rows }, () => {
    if (k < 10) return Math.floor(draw() ** 2 * codes);
    if (k < 15) return draw() < 0.95 ? 0 : draw() * 10;
    if (k < 23 && draw() < 0.2) return Number.NaN;
    return draw() + draw() + draw() - 1.5;
  });
}

function marginOf(columns: readonly Float64Array[], row: number): number {
  const at = (k: number): number => columns[k]?.[row] || 0;
  const smooth = at(15) + at(24) * 0.8 - at(25) * 0.6 + at(26) * at(27) * 2 + Math.sin(at(28) * 4) * 0.5;
  const codes = ((at(1) * 7) % 5) * 0.15 - ((at(4) * 13) % 7) * 0.1 + (at(9) % 2) * 0.4;
  return smooth + codes + at(10) * 0.2 + (at(12) > 5 ? 1 : 0) - 0.4;
}
