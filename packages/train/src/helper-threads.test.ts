import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { controlOffsets, layoutMemory, resultOffsets } from './booster-memory.ts';
import type { MemoryLayout } from './booster-memory.ts';
import { assignBins, findBins } from './feature-bins.ts';
import { createHistograms } from './histograms.ts';
import { createKernels } from './kernels.ts';
import type { Kernels } from './kernels.ts';
import { unbounded } from './monotone-search.ts';
import { createRandom } from './random.ts';
import { trainTrees } from './train-trees.ts';

function makeColumns(rows: number, features: number, seed: number): Float64Array[] {
  const random = createRandom(seed);
  return Array.from({ length: features }, () =>
    Float64Array.from({ length: rows }, () => (random() < 0.1 ? Number.NaN : random() * 4 - 2)),
  );
}

interface Bench {
  readonly layout: MemoryLayout;
  readonly kernels: Kernels;
}

/** Binned rows with derivatives of some labels, and as many helpers as asked, all of them there. */
async function prepare(rows: number, features: number, threads: number): Promise<Bench> {
  const columns = makeColumns(rows, features, 5);
  const thresholds = columns.map((column) => findBins(column, { binsMax: 255, rowsMin: 3 }).thresholds);
  const layout = layoutMemory({
    rowCount: rows,
    binCounts: thresholds.map((own) => own.length + 2),
    leaves: 3,
    outputs: 1,
    threads,
  });
  const kernels = createKernels(layout);
  const ready = new Int32Array(kernels.memory, layout.control + controlOffsets.ready, 1);
  while (Atomics.load(ready, 0) < threads - 1) await delay(2);
  assignBins(columns, thresholds, { kernels, layout });
  const random = createRandom(9);
  new Float32Array(kernels.memory, layout.labels, rows).set(Float32Array.from({ length: rows }, random));
  new Float32Array(kernels.memory, layout.weights, rows).fill(1);
  new Uint32Array(kernels.memory, layout.order, rows).set(Uint32Array.from({ length: rows }, (_, row) => row));
  return { layout, kernels };
}

/** Everything that a round does, step by step, and what the memory holds after each. */
function oneRound({ layout, kernels }: Bench, rows: number): Record<string, unknown> {
  const bytesOf = (from: number, length: number): Uint8Array => new Uint8Array(kernels.memory, from, length).slice();
  const made: Record<string, unknown> = {
    rowBins: bytesOf(layout.rowBins, rows * layout.stride),
    columnBins: bytesOf(layout.columnBins, layout.rows * layout.binCounts.length),
  };
  kernels.residualDerivatives(0.25);
  made['sums'] = bytesOf(layout.chunkSums, Math.ceil(layout.rows / 4096) * 16);
  kernels.quantise(1024, 1024);
  const settings = { minRowsPerLeaf: 20, l2: 1, gainMin: 0, leafRows: 'counted' as const };
  const histograms = createHistograms(kernels, layout, { settings, directions: undefined, categories: [] });
  const [from, to] = [layout.order, layout.order + rows * 4];
  histograms.buildRoot(from, to);
  made['histogram'] = bytesOf(layout.histograms, layout.histogramBytes);
  const sums = histograms.total(0);
  const split = histograms.findSplit(0, { sums, bounds: unbounded }, { gradient: 1024, hessian: 1024 });
  assert(split !== undefined);
  made['split'] = split;
  const lookup = new Uint8Array(kernels.memory, layout.lookup, 256).fill(0);
  lookup.fill(4, 1, split.bin + 1);
  const middle = kernels.partition(from, to, layout.columnBins + split.feature * layout.rows);
  made['middle'] = middle - layout.order;
  made['order'] = bytesOf(layout.order, rows * 4);
  histograms.divide(0, 1, { from, to: middle });
  made['sibling'] = bytesOf(layout.histograms, layout.histogramBytes * 2);
  kernels.addToScores(from, middle, { scores: layout.scores, value: 0.1 });
  kernels.logistic(0.25);
  made['scores'] = bytesOf(layout.scores, rows * 4);
  made['probabilities'] = bytesOf(layout.probabilities, rows * 4);
  return made;
}

const threadsOfProcess = (): number => readdirSync('/proc/self/task').length;

// The first of this file, so that no helper of another test is still ending.
test(
  'helpers end with the training, also where it is cancelled',
  { skip: !existsSync('/proc/self/task') && process.env['CI'] !== 'true' },
  async () => {
    const before = threadsOfProcess();
    const columns = makeColumns(130_000, 16, 4);
    const labels = Float64Array.from(columns[0] ?? [], (x) => x || 0);
    const data = { featureNames: columns.map((_, k) => `f${k}`), columns, labels };
    const cancelled = new AbortController();
    let during = 0;
    const onIteration = (): void => {
      during = threadsOfProcess();
      cancelled.abort(new Error('enough'));
    };
    const settings = { objective: 'regression', rounds: 50, threads: 3 } as const;
    assert.throws(() => trainTrees(data, settings, { signal: cancelled.signal, onIteration }), /enough/);
    assert.ok(during >= before + 2, `${during} threads in the training, ${before} before`);
    while (threadsOfProcess() > during - 2) await delay(5);
  },
);

test('two and four threads leave the bytes of one behind them, step by step', async () => {
  const [rows, features] = [50_003, 20];
  const one = oneRound(await prepare(rows, features, 1), rows);
  for (const threads of [2, 4]) {
    const bench = await prepare(rows, features, threads);
    const several = oneRound(bench, rows);
    for (const [name, bytes] of Object.entries(one))
      assert.deepEqual(several[name], bytes, `${name}, ${threads} threads`);
    // The middle of the last thread's part: written by it alone.
    const view = new DataView(bench.kernels.memory, bench.layout.result + 128 * (threads - 1));
    assert.notEqual(view.getUint32(resultOffsets.middle, true), 0, 'the last helper has worked');
    bench.kernels.end();
  }
});

test('a training gives the same model and the same figures whatever the number of threads', () => {
  const [rows, features] = [130_000, 16];
  const columns = makeColumns(rows, features, 3);
  const labels = Float64Array.from({ length: rows }, (_, row) =>
    (columns[0]?.[row] || 0) * (columns[1]?.[row] || 1) > 0 ? 1 : 0,
  );
  const data = { featureNames: columns.map((_, k) => `f${k}`), columns, labels };
  const settings = { objective: 'binary', rounds: 4, leaves: 15 } as const;
  const [one, two, three] = [1, 2, 3].map((threads) => trainTrees(data, { ...settings, threads }));
  assert.deepEqual(two, one);
  assert.deepEqual(three, one);
});
