/** One measurement of `trainTrees`: prints CPU and wall seconds of binning and fitting, and the mean AUC of the groups of test rows. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { areaUnderRoc, predictTrees, trainTrees } from '@slipway/train';
import type { TrainShape } from '../train-rows.ts';

const folder = process.argv[2] ?? '';
// Written by train-rows.ts beside this folder.
const shape = JSON.parse(readFileSync(join(folder, 'shape.json'), 'utf8')) as TrainShape;

function load(name: string, rows: number): { columns: Float64Array[]; labels: Float64Array; groups: Float64Array } {
  const bytes = readFileSync(join(folder, `${name}.f64`));
  const column = (index: number): Float64Array =>
    new Float64Array(bytes.buffer, bytes.byteOffset + index * rows * 8, rows);
  const width = shape.featureNames.length;
  return { columns: shape.featureNames.map((_, k) => column(k)), labels: column(width), groups: column(width + 1) };
}

const train = load('train', shape.trainRows);

const cpuBefore = process.cpuUsage();
const wallBefore = performance.now();
const { ensemble } = trainTrees(
  { featureNames: shape.featureNames, columns: train.columns, labels: train.labels },
  { objective: 'binary', ...shape.settings, l2: 1, bins: 255, threads: Number(process.argv[3] ?? 1) },
);
const wallS = (performance.now() - wallBefore) / 1000;
const cpu = process.cpuUsage(cpuBefore);

const test = load('test', shape.testRows);
const margins = predictTrees(ensemble, test.columns);
const areas = shape.groups.map((group) => {
  const rows = Uint32Array.from(test.groups.keys()).filter((row) => test.groups[row] === group);
  return areaUnderRoc(
    Float64Array.from(rows, (row) => margins[row] ?? 0),
    Float64Array.from(rows, (row) => test.labels[row] ?? 0),
  );
});
const auc = areas.reduce((a, b) => a + b, 0) / areas.length;
process.stdout.write(`${JSON.stringify({ cpuS: (cpu.user + cpu.system) / 1e6, wallS, auc })}\n`);
