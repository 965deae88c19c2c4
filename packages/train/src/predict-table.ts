/** Answers of a table's model file for columns, by the evaluator that serves it. */
import { planModel, readModel, readTableInfo } from '@slipway/onnx';
import type { Plan, PlanColumn } from '@slipway/onnx';
import { numbersOf, textsOf } from './encode-columns.ts';
import type { TableColumn } from './table.ts';

export interface TablePredictions {
  /** Float32 [rows, width], row-major: probabilities of the classes, the number, or the quantiles. */
  readonly values: Float32Array;
  readonly width: number;
}

export interface TablePredictor {
  /** The rows asked for, or all. Throws RangeError where a column is missing or of another kind. */
  predict(columns: readonly TableColumn[], rows?: Uint32Array): TablePredictions;
}

/** Moves one column's rows into its place in an input: row i to `values[i * width + offset]`. */
type Feed = (rows: Uint32Array) => void;

export function createTablePredictor(bytes: Uint8Array): TablePredictor {
  const model = readModel(bytes);
  const plan = planModel(model);
  if ('unsupported' in plan) throw new RangeError(`The model file uses ${plan.unsupported}.`);
  const info = readTableInfo(model);
  if (info === undefined) throw new RangeError('The model file does not say which columns it wants.');
  const output = answerOf(plan);
  const isWide = plan.inputs.length === 1 && plan.inputs[0]?.width === info.columns.length;
  return {
    predict: (columns, rows = Uint32Array.from({ length: columns[0]?.values.length ?? 0 }, (_, row) => row)) => {
      const byName = new Map(columns.map((column) => [column.name, column]));
      const feeds = info.columns.map(({ name }, index) => {
        const column = byName.get(name);
        if (column === undefined) throw new RangeError(`The table has no column "${name}", which the model wants.`);
        return feedOf(column, plan.inputs, isWide ? index : undefined);
      });
      const { width } = output;
      const values = new Float32Array(rows.length * width);
      for (let from = 0; from < rows.length; from += plan.capacityRows) {
        const batch = rows.subarray(from, from + plan.capacityRows);
        for (const feed of feeds) feed(batch);
        plan.run(batch.length);
        values.set(output.values.subarray(0, batch.length * width), from * width);
      }
      return { values, width };
    },
  };
}

/** `place` is the column's place in the one wide input; undefined where every column has its own. */
function feedOf(column: TableColumn, inputs: readonly PlanColumn[], place: number | undefined): Feed {
  const input = place !== undefined ? inputs[0] : inputs.find((candidate) => candidate.name === column.name);
  if (input === undefined) throw new RangeError(`The model file has no input "${column.name}".`);
  const [stride, offset] = [input.width, place ?? 0];
  if (input.datatype === 'BYTES') {
    const [source, target] = [textsOf(column), input.values];
    return (rows) => {
      for (let i = 0; i < rows.length; i++) target[i] = source[rows[i] ?? 0] ?? '';
    };
  }
  const [source, target] = [numbersOf(column), input.values];
  return (rows) => {
    for (let i = 0; i < rows.length; i++) target[i * stride + offset] = source[rows[i] ?? 0] ?? Number.NaN;
  };
}

/** The last numeric output: probabilities after the label, quantiles after the prediction. */
function answerOf(plan: Plan): Extract<PlanColumn, { datatype: 'FP32' }> {
  const output = plan.outputs.findLast((candidate) => candidate.datatype === 'FP32');
  if (output?.datatype !== 'FP32') throw new RangeError('The model file has no numeric output.');
  return output;
}
