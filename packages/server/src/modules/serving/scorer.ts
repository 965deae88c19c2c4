/**
 * A model version ready to score one row at a time: its ONNX file compiled to a plan, and its inputs matched by name with
 * what the endpoint has (feature vector, request inputs).
 *
 * The score is the probability of the positive class (the second of two classes), or of the most probable of several;
 * the value for regressors; of quantiles the one nearest to a half. What else there is to say is the detail. A model with one wide tensor takes its columns in the order of its registered signature, or of the feature
 * names that its file carries, or of the feature service.
 */
import type { OnnxModel, Plan, PlanColumn } from '@slipway/onnx';
import { planModel, readClassLabels, readFeatureNames, readModel, readTableInfo } from '@slipway/onnx';
import { SlipwayError } from '@slipway/contract';
import type { Prediction } from '@slipway/contract';
import type { JudgedTask } from '../../lib/judged-task.ts';
import { endsInProbability } from './model-task.ts';

export interface ModelColumn {
  readonly name: string;
  readonly type: 'number' | 'text';
  /** A number of milliseconds since 1970 UTC, for which an ISO 8601 text may come. */
  readonly isDate: boolean;
}

/** What an answer says beside its score. */
export type ScoreDetail = Pick<Prediction, 'label' | 'probabilities' | 'quantiles'>;

/** Names of the classes, or levels, that the detail of every answer has. */
export interface DetailNames {
  readonly kind: 'classes' | 'quantiles';
  readonly names: readonly string[];
}

export interface Scorer {
  readonly columns: readonly ModelColumn[];
  readonly engine: string;
  /** Labels of the classes in their order; undefined for numbers, and where the file does not say. */
  readonly classes: readonly (string | number)[] | undefined;
  /** What it answers, and so what its outcomes are judged by. */
  readonly task: JudgedTask;
  readonly isNumber: boolean;
  /** Of three classes or more: the probability of each for the row that was scored last. */
  readonly probabilities: Float32Array | undefined;
  /** These, or of quantiles the value at each level: what the names of the detail stand for, of the row that was scored last. */
  readonly detailValues: Float32Array | undefined;
  /** Writes one row's input; NaN is missing, and text missing is the empty string. */
  setNumber(column: number, value: number): void;
  /** All columns of a model of numbers. */
  setNumbers(values: Float64Array): void;
  setText(column: number, value: string): void;
  /** Scores the row that was written. */
  score(): number;
  /** Undefined for two classes and for plain numbers. */
  readonly detailNames: DetailNames | undefined;
  /** Of the row that was scored last; undefined where there are no names. */
  detail(): ScoreDetail | undefined;
}

export interface ScorerSource {
  readonly model: string;
  readonly version: number;
  readonly bytes: Uint8Array;
  /** Names of the columns of a single wide tensor, when the registered signature has them. */
  readonly signatureNames: readonly string[] | undefined;
  /** Names of the feature service, the last resort for a wide tensor of the same width. */
  readonly featureNames: readonly string[] | undefined;
}

export function createScorer(source: ScorerSource): Scorer {
  const refuse = (problem: string): SlipwayError =>
    new SlipwayError('model_not_servable', { model: source.model, version: source.version, problem });
  const model = readModel(source.bytes);
  const plan = planModel(model, { capacityRows: 1 });
  if ('unsupported' in plan) throw refuse(`its ONNX file uses ${plan.unsupported}.`);
  const carried = readFeatureNames(model);
  const dates = new Set(readTableInfo(model)?.columns.flatMap(({ name, kind }) => (kind === 'date' ? [name] : [])));
  const columns: ModelColumn[] = [];
  const setters: ((value: number) => void)[] = [];
  const texts: ((value: string) => void)[] = [];
  for (const input of plan.inputs) {
    const isOnly = plan.inputs.length === 1;
    const names =
      (isOnly || input.width > 1
        ? namesFor(input, [source.signatureNames, carried, source.featureNames])
        : undefined) ?? (input.width === 1 ? [input.name] : undefined);
    if (names === undefined)
      throw refuse(
        `input "${input.name}" is a tensor of ${input.width} columns and nothing names them; register the model with a signature.`,
      );
    names.forEach((name, i) => {
      columns.push({ name, type: input.datatype === 'BYTES' ? 'text' : 'number', isDate: dates.has(name) });
      setters.push((value) => {
        if (input.datatype !== 'BYTES') input.values[i] = value;
      });
      texts.push((value) => {
        if (input.datatype === 'BYTES') input.values[i] = value;
      });
    });
  }
  const detail = detailOf(plan, model);
  const read = scoreOf(plan, detail);
  const classes = readClassLabels(model);
  if (read === undefined)
    throw refuse(`it has no numeric output; its outputs are ${plan.outputs.map((o) => o.name).join(', ')}.`);
  const task = taskOf(model, { detail, classes, output: read.output });
  const { value } = read;
  return {
    columns,
    engine: plan.engine,
    classes,
    task,
    isNumber: task.kind === 'number' || task.kind === 'quantiles',
    probabilities: detail?.names.kind === 'classes' ? detail.values : undefined,
    detailValues: detail?.values.subarray(0, detail.names.names.length),
    setNumber: (column, value) => setters[column]?.(value),
    setNumbers: (values) => {
      const [only] = plan.inputs;
      if (plan.inputs.length === 1 && only !== undefined && only.datatype !== 'BYTES') {
        const to = only.values;
        for (let i = 0; i < values.length; i++) to[i] = values[i] ?? Number.NaN;
      } else setters.forEach((set, i) => set(values[i] ?? Number.NaN));
    },
    setText: (column, value) => texts[column]?.(value),
    score: () => {
      plan.run(1);
      return value();
    },
    detailNames: detail?.names,
    detail: () => detail?.read(),
  };
}

function namesFor(
  input: PlanColumn,
  candidates: readonly (readonly string[] | undefined)[],
): readonly string[] | undefined {
  return candidates.find((names) => names?.length === input.width);
}

interface Detail {
  readonly names: DetailNames;
  /** The numbers that have these names, in their order. */
  readonly values: Float32Array;
  readonly read: () => ScoreDetail;
}

function detailOf(plan: Plan, model: OnnxModel): Detail | undefined {
  const levels = readTableInfo(model)?.quantiles;
  const labels = readClassLabels(model);
  const output = plan.outputs.findLast(({ width }) => width === (levels ?? labels)?.length);
  if (output?.datatype !== 'FP32') return undefined;
  const { values } = output;
  const byName = (names: readonly string[]): Record<string, number> =>
    Object.fromEntries(names.map((name, i) => [name, values[i] ?? Number.NaN]));
  if (levels !== undefined) {
    const names = levels.map(String);
    return { names: { kind: 'quantiles', names }, values, read: () => ({ quantiles: byName(names) }) };
  }
  if (labels === undefined || labels.length < 3) return undefined;
  const names = labels.map(String);
  const read = (): ScoreDetail => {
    const label = labels[bestOf(values, names.length)];
    return { ...(label === undefined ? {} : { label }), probabilities: byName(names) };
  };
  return { names: { kind: 'classes', names }, values, read };
}

/** The first of the highest. */
function bestOf(values: Float32Array, count: number): number {
  let best = 0;
  for (let i = 1; i < count; i++) if ((values[i] ?? 0) > (values[best] ?? 0)) best = i;
  return best;
}

interface ScoreRead {
  readonly output: string;
  readonly value: () => number;
}

/** The output that is the score: probabilities before values, and never the label. */
function scoreOf(plan: Plan, detail: Detail | undefined): ScoreRead | undefined {
  const numeric = plan.outputs.filter((o) => o.datatype === 'FP32' || o.datatype === 'FP64');
  if (detail?.names.kind === 'classes') {
    const { values, names } = detail;
    return { output: '', value: () => values[bestOf(values, names.names.length)] ?? Number.NaN };
  }
  const pair = detail === undefined ? numeric.find((o) => o.width === 2) : undefined;
  const output = pair ?? numeric.find((o) => o.width === 1) ?? numeric[0];
  if (output === undefined || output.datatype === 'BYTES') return undefined;
  const column = output.width === 2 ? 1 : 0;
  const { values, name } = output;
  return { output: name, value: () => values[column] ?? Number.NaN };
}

/** A table's model says what it answers, a classifier's labels do; of others the last operation does. */
function taskOf(
  model: OnnxModel,
  known: {
    readonly detail: Detail | undefined;
    readonly classes: readonly (string | number)[] | undefined;
    readonly output: string;
  },
): JudgedTask {
  const { detail, classes, output } = known;
  if (detail?.names.kind === 'classes') return { kind: 'classes', count: detail.names.names.length };
  const levels = detail?.names.kind === 'quantiles' ? detail.names.names.map(Number) : [];
  if (levels.length > 1) return { kind: 'quantiles', levels };
  if (classes !== undefined) return { kind: 'binary' };
  const isTable = readTableInfo(model) !== undefined;
  return isTable || !endsInProbability(model, output) ? { kind: 'number' } : { kind: 'binary' };
}
