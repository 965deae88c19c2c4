/**
 * Two answers that a model of a table has to beat, learnt from the rows that it learnt from: `constant`, the shares of the
 * classes or the mean; `linear`, logistic regression (one class against the rest where there are several, scaled to sum to
 * 1) or least squares. Linear columns: numbers, booleans and dates with an indicator of what is missing, and an indicator of each
 * value of a category that is common; words of texts are left out.
 */
import type { TableColumn } from '@slipway/train';
import type { OpenRows } from './table-meta.ts';
import { isTextKind } from './table-meta.ts';

/** Rows that a value of a category needs to get an indicator, and the most indicators of a column. */
const valueRowsMin = 10;
const valuesMax = 50;
const probabilityMin = 1e-6;

export interface BaselineAnswers {
  readonly name: 'constant' | 'linear';
  /** [rows, width] */
  readonly values: Float64Array;
}

interface Parts {
  readonly train: OpenRows;
  readonly holdout: OpenRows;
  readonly width: number;
}

export async function answerBaselines(
  train: OpenRows,
  holdout: OpenRows,
  signal: AbortSignal,
): Promise<readonly BaselineAnswers[]> {
  const width = train.meta.task === 'regression' ? 1 : train.meta.classes.length;
  const parts = { train, holdout, width };
  const linear = await answerLinear(parts, signal);
  return [{ name: 'constant', values: answerConstant(parts) }, ...(linear === undefined ? [] : [linear])];
}

function answerConstant({ train, holdout, width }: Parts): Float64Array {
  const { labels, meta } = train;
  const constant = new Float64Array(width);
  for (const label of labels) {
    if (meta.task === 'regression') constant[0] = (constant[0] ?? 0) + label / labels.length;
    else constant[label] = (constant[label] ?? 0) + 1 / labels.length;
  }
  return Float64Array.from({ length: holdout.rowCount * width }, (_, i) => constant[i % width] ?? 0);
}

/** Undefined where no column can be put in a line. */
async function answerLinear(
  { train, holdout, width }: Parts,
  signal: AbortSignal,
): Promise<BaselineAnswers | undefined> {
  const { predictLinear, trainLinear } = await import('@slipway/train');
  const pairs = train.columns.flatMap((column, i) => linearColumns(column, holdout.columns[i] ?? column));
  if (pairs.length === 0) return undefined;
  const featureNames = pairs.map(({ name }) => name);
  const columns = pairs.map((pair) => pair.train);
  const held = pairs.map((pair) => pair.holdout);
  const answer = (labels: Float64Array, objective: 'binary' | 'regression'): Float64Array =>
    Float64Array.from(
      predictLinear(trainLinear({ featureNames, columns, labels }, { objective }, { signal }).model, held),
    );
  if (train.meta.task === 'regression') return { name: 'linear', values: answer(train.labels, 'regression') };
  // Two classes need one regression; several need one each.
  const codes = width === 2 ? [1] : Array.from({ length: width }, (_, code) => code);
  const margins = codes.map((code) =>
    answer(
      train.labels.map((label) => (label === code ? 1 : 0)),
      'binary',
    ),
  );
  return { name: 'linear', values: asProbabilities(margins, holdout.rowCount, width) };
}

function asProbabilities(margins: readonly Float64Array[], rows: number, width: number): Float64Array {
  const values = new Float64Array(rows * width);
  const sigmoid = (margin: number): number =>
    Math.min(1 - probabilityMin, Math.max(probabilityMin, 1 / (1 + Math.exp(-margin))));
  for (let row = 0; row < rows; row++) {
    const own = margins.map((list) => sigmoid(list[row] ?? 0));
    const [only = 0] = own;
    const all = width === 2 ? [1 - only, only] : own;
    const sum = all.reduce((a, b) => a + b, 0);
    values.set(
      all.map((p) => p / sum),
      row * width,
    );
  }
  return values;
}

interface LinearPair {
  readonly name: string;
  readonly train: Float64Array;
  readonly holdout: Float64Array;
}

type NumberColumn = Exclude<TableColumn, { readonly kind: 'category' | 'text' }>;
const isNumeric = (column: TableColumn): column is NumberColumn => !isTextKind(column.kind);

function linearColumns(train: TableColumn, holdout: TableColumn): LinearPair[] {
  if (isNumeric(train)) return isNumeric(holdout) ? numberPairs(train, holdout) : [];
  if (train.kind === 'text' || isNumeric(holdout)) return [];
  return commonValues(train.values).map((value) => ({
    name: `${train.name}=${value}`,
    train: Float64Array.from(train.values, (text) => Number(text === value)),
    holdout: Float64Array.from(holdout.values, (text) => Number(text === value)),
  }));
}

function numberPairs(train: NumberColumn, holdout: NumberColumn): LinearPair[] {
  const [own, held] = [Float64Array.from(train.values), Float64Array.from(holdout.values)];
  const present = own.reduce((n, value) => n + Number(!Number.isNaN(value)), 0);
  if (present === 0) return [];
  const pair = { name: train.name, train: own, holdout: held };
  if (own.length - present < valueRowsMin) return [pair];
  const missing = (values: Float64Array): Float64Array => values.map((value) => Number(Number.isNaN(value)));
  return [pair, { name: `${train.name} is missing`, train: missing(own), holdout: missing(held) }];
}

function commonValues(texts: readonly (string | null)[]): string[] {
  const counts = new Map<string, number>();
  for (const text of texts) if (text !== null && text !== '') counts.set(text, (counts.get(text) ?? 0) + 1);
  const common = [...counts]
    .filter(([, count]) => count >= valueRowsMin)
    .sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
  return common.slice(0, valuesMax).map(([text]) => text);
}
