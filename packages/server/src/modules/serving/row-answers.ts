/** What a version answers to rows beyond their scores, computed again: the log keeps the score alone. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parseInstant } from '@slipway/onnx';
import type { Scorer } from './scorer.ts';

/** Rows answered between two turns of the event loop: about 2 ms. */
const rowsPerTurn = 1000;

export interface RowsToAnswer {
  readonly count: number;
  /** Of the numbers, in the order in which a wide tensor without names has them. */
  readonly names: readonly string[];
  /** [count], NaN is missing. */
  numbers(column: string): Float64Array | undefined;
  /** [count], null is missing. */
  texts(column: string): readonly (string | null)[] | undefined;
}

/** `classes`: three or more. `score`: the score says it all. Of a number's quantiles the score is the middle one. */
export type AnsweredRows =
  | { readonly kind: 'score' }
  | { readonly kind: 'number'; readonly quantiles?: QuantileAnswers }
  | { readonly kind: 'classes'; readonly width: number; readonly values: Float32Array };

export interface QuantileAnswers {
  readonly levels: readonly number[];
  /** [count, levels], row-major. */
  readonly values: Float32Array;
}

/** The same scorer on the same inputs, so the same answers, to the bit. */
export async function answerRows(scorer: Scorer, rows: RowsToAnswer): Promise<AnsweredRows> {
  const { task, detailValues } = scorer;
  if (detailValues === undefined) return { kind: task.kind === 'number' ? 'number' : 'score' };
  const width = detailValues.length;
  const values = new Float32Array(rows.count * width);
  const writers = scorer.columns.map(({ name, type, isDate }, column) => {
    const [numbers, texts] = [rows.numbers(name), rows.texts(name)];
    if (type === 'text') return (row: number) => scorer.setText(column, texts?.[row] ?? '');
    const dates = isDate ? texts : undefined;
    return (row: number) => {
      const text = dates?.[row];
      const number = numbers?.[row] ?? Number.NaN;
      const isNone = text === undefined || text === null || !Number.isNaN(number);
      scorer.setNumber(column, isNone ? number : (parseInstant(text) ?? Number.NaN));
    };
  });
  for (let row = 0; row < rows.count; row++) {
    for (const write of writers) write(row);
    scorer.score();
    values.set(detailValues, row * width);
    if (row % rowsPerTurn === rowsPerTurn - 1) await nextTurn();
  }
  if (task.kind === 'quantiles') return { kind: 'number', quantiles: { levels: task.levels, values } };
  return { kind: 'classes', width, values };
}
