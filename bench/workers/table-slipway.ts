/** `fitTable` on one public table: prints, per split, CPU and wall milliseconds of fitting, the loss, and AUC or accuracy. */
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
const said = { cpuMs: [] as number[], wallMs: [] as number[], loss: [] as number[], rank: [] as number[] };
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
      // What LightGBM means by its setting of that name.
      leafRows: 'weighed',
      l2: 1,
      bins: 255,
    },
  );
  const cpu = process.cpuUsage(cpuBefore);
  said.cpuMs.push((cpu.user + cpu.system) / 1000);
  said.wallMs.push(performance.now() - wallBefore);
  const held = Uint32Array.from(split);
  const codes = new Map(fitted.classLabels.map((label, code) => [label, code]));
  const labels = Float64Array.from(held, (row) => {
    const target = table.target[row] ?? Number.NaN;
    return table.task === 'regression' ? Number(target) : (codes.get(target) ?? Number.NaN);
  });
  const weights = new Float64Array(held.length).fill(1);
  const metrics = measureTable(fitted.predict(columns, held), { task: fitted.task, labels, weights });
  said.loss.push(metrics.loss);
  said.rank.push(metrics.auc ?? metrics.accuracy ?? 0);
}
process.stdout.write(`${JSON.stringify(said)}\n`);
