/** Models that a real one has to beat. */
import type { ArtifactPort } from '../ports.ts';
import { artifact } from '../ports.ts';
import type { StepDefinition } from '../step.ts';
import { step } from '../step.ts';
import { columnsToRead, featureColumns, rateKeys, rowsMeta } from './rows.ts';

type BaselineStep = StepDefinition<{ readonly rows: ArtifactPort<'table'> }, { readonly model: ArtifactPort<'model'> }>;

/**
 * The positive rate per group, drawn towards the overall rate as if `shrinkage` more rows of each group had it.
 * A column is a text column, or `number/unit` for a number in steps of a unit (`dep_minute/60` is the hour).
 */
export function tableBaseline(options: {
  readonly id?: string;
  readonly columns: readonly [string, ...string[]];
  readonly shrinkage: number;
}): BaselineStep {
  const { columns, shrinkage } = options;
  return step({
    id: options.id ?? 'table-baseline',
    code: `slipway:table-baseline:${columns.join(',')}:${shrinkage}`,
    inputs: { rows: artifact.table() },
    outputs: { model: artifact.model() },
    run: async (ctx, { rows }) => {
      const table = await ctx.openTable(rows, [
        ...new Set(columns.map((column) => column.split('/', 1)[0] ?? column)),
        'label',
      ]);
      const labels = table.numbers('label');
      const prior = labels.reduce((sum, label) => sum + label, 0) / labels.length;
      const groups = new Map<string, { count: number; positive: number }>();
      for (const [i, key] of rateKeys(table, columns).entries()) {
        const group = groups.get(key) ?? { count: 0, positive: 0 };
        group.count++;
        group.positive += labels[i] ?? 0;
        groups.set(key, group);
      }
      const rates = Object.fromEntries(
        [...groups].map(([key, { count, positive }]) => [key, (positive + shrinkage * prior) / (count + shrinkage)]),
      );
      ctx.log(`${groups.size} groups, overall rate ${prior.toFixed(4)}`);
      const content = JSON.stringify({ columns, prior, rates });
      const meta = { format: 'lookup', name: 'table', features: [...columns] };
      return { model: await ctx.writeArtifact('table.json', 'model', { content, meta }) };
    },
  });
}

/** Logistic regression on the features, with an indicator for every value of the named text columns that is common enough. */
export function logisticBaseline(options: {
  readonly id?: string;
  readonly oneHot?: readonly string[];
  readonly minRows?: number;
}): BaselineStep {
  const { oneHot = [], minRows = 50 } = options;
  return step({
    id: options.id ?? 'logistic-baseline',
    code: `slipway:logistic-baseline:${oneHot.join(',')}:${minRows}`,
    inputs: { rows: artifact.table() },
    outputs: { model: artifact.model() },
    run: async (ctx, { rows }) => {
      const { features } = rowsMeta(rows);
      const table = await ctx.openTable(rows, [...columnsToRead(features), ...oneHot, 'label']);
      const indicators = oneHot.flatMap((column) => {
        const counts = new Map<string, number>();
        for (const text of table.texts(column)) if (text !== null) counts.set(text, (counts.get(text) ?? 0) + 1);
        const common = [...counts].filter(([, count]) => count >= minRows).map(([text]) => text);
        return common.sort().map((text) => `${column}=${text}`);
      });
      const names = [...features, ...indicators];
      const { trainLinear } = await import('@slipway/train');
      const { writeLinearModel } = await import('@slipway/onnx');
      const data = { featureNames: names, columns: featureColumns(table, names), labels: table.numbers('label') };
      const { model, history } = trainLinear(data, { objective: 'binary' }, { signal: ctx.signal });
      ctx.log(
        `${names.length} columns, ${history.length} steps, log loss ${history.at(-1)?.train.loss.toFixed(4) ?? '?'}`,
      );
      const meta = { format: 'onnx', name: 'logistic', features: names };
      const content = writeLinearModel(model);
      return { model: await ctx.writeArtifact('logistic.onnx', 'model', { content, meta }) };
    },
  });
}
