/** `fitTable` on one public table, all splits: prints CPU and wall seconds of fitting, mean loss, and mean AUC or accuracy. */
import { readFileSync } from 'node:fs';
import { fitTable, measureTable } from '@slipway/train';
import type { TableColumn } from '@slipway/train';

interface TableFile {
  readonly task: 'classes' | 'regression';
  readonly columns: readonly (
    | { readonly name: string; readonly kind: 'number'; readonly values: readonly (number | null)[] }
    | { readonly name: string; readonly kind: 'category'; readonly values: readonly (string | null)[] }
  )[];
  readonly target: readonly (string | number)[];
  readonly splits: readonly (readonly number[])[];
}

// Written by write-tables.py beside this file.
const table = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as TableFile;
const columns = table.columns.map((column): TableColumn =>
  column.kind === 'category'
    ? column
    : { ...column, values: Float64Array.from(column.values, (value) => value ?? Number.NaN) },
);
const results: { readonly loss: number; readonly rank: number }[] = [];
let [cpuS, wallS] = [0, 0];
for (const split of table.splits) {
  const test = new Set(split);
  const rows = Uint32Array.from(table.target.keys()).filter((row) => !test.has(row));
  const cpuBefore = process.cpuUsage();
  const wallBefore = performance.now();
  const fitted = await fitTable(
    { columns, target: table.target, rows },
    {
      task: table.task,
      rounds: 100,
      earlyStoppingRounds: 'never',
      learningRate: 0.1,
      leaves: 31,
      minRowsPerLeaf: 20,
      l2: 1,
      bins: 255,
    },
  );
  const cpu = process.cpuUsage(cpuBefore);
  cpuS += (cpu.user + cpu.system) / 1e6;
  wallS += (performance.now() - wallBefore) / 1000;
  const held = Uint32Array.from(split);
  const codes = new Map(fitted.classLabels.map((label, code) => [label, code]));
  const labels = Float64Array.from(held, (row) => {
    const target = table.target[row] ?? Number.NaN;
    return table.task === 'regression' ? Number(target) : (codes.get(target) ?? Number.NaN);
  });
  const weights = new Float64Array(held.length).fill(1);
  const metrics = measureTable(fitted.predict(columns, held), { task: fitted.task, labels, weights });
  results.push({ loss: metrics.loss, rank: metrics.auc ?? metrics.accuracy ?? 0 });
}
const mean = (of: (result: (typeof results)[number]) => number): number =>
  results.reduce((sum, result) => sum + of(result), 0) / results.length;
const said = { cpuS, wallS, loss: mean(({ loss }) => loss), rank: mean(({ rank }) => rank) };
process.stdout.write(`${JSON.stringify(said)}\n`);
