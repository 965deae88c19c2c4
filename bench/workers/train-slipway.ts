/** One measurement of `trainTrees`: prints CPU and wall seconds of binning and fitting, and the test months' mean AUC. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { areaUnderRoc, predictTrees, trainTrees } from '@slipway/train';

interface Shape {
  readonly featureNames: readonly string[];
  readonly trainRows: number;
  readonly testRows: number;
}

const folder = process.argv[2] ?? '';
// Written by train.ts beside this folder.
const shape = JSON.parse(readFileSync(join(folder, 'shape.json'), 'utf8')) as Shape;

function load(name: string, rows: number): { columns: Float64Array[]; labels: Float64Array; months: Float64Array } {
  const bytes = readFileSync(join(folder, `${name}.f64`));
  const column = (index: number): Float64Array =>
    new Float64Array(bytes.buffer, bytes.byteOffset + index * rows * 8, rows);
  const width = shape.featureNames.length;
  return { columns: shape.featureNames.map((_, k) => column(k)), labels: column(width), months: column(width + 1) };
}

const train = load('train', shape.trainRows);
const test = load('test', shape.testRows);

const cpuBefore = process.cpuUsage();
const wallBefore = performance.now();
const { ensemble } = trainTrees(
  { featureNames: shape.featureNames, columns: train.columns, labels: train.labels },
  { objective: 'binary', rounds: 150, learningRate: 0.06, leaves: 31, minRowsPerLeaf: 50, l2: 1, bins: 255 },
);
const wallS = (performance.now() - wallBefore) / 1000;
const cpu = process.cpuUsage(cpuBefore);

const margins = predictTrees(ensemble, test.columns);
const areas = [4, 5, 6].map((month) => {
  const rows = [...test.months.keys()].filter((row) => test.months[row] === month);
  return areaUnderRoc(
    rows.map((row) => margins[row] ?? 0),
    rows.map((row) => test.labels[row] ?? 0),
  );
});
const auc = areas.reduce((a, b) => a + b, 0) / areas.length;
process.stdout.write(`${JSON.stringify({ cpuS: (cpu.user + cpu.system) / 1e6, wallS, auc })}\n`);
