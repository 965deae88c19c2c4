/**
 * A model version ready to score one row at a time: its ONNX file compiled to a plan, and its inputs matched by name with
 * what the endpoint has (feature vector, request inputs).
 *
 * The score is the probability of the positive class for classifiers (the second of two classes), the value for
 * regressors. A model with one wide tensor takes its columns in the order of its registered signature, or of the feature
 * names that its file carries, or of the feature service.
 */
import type { Plan, PlanColumn } from '@slipway/onnx';
import { planModel, readFeatureNames, readModel } from '@slipway/onnx';
import { SlipwayError } from '@slipway/contract';

export interface ModelColumn {
  readonly name: string;
  readonly type: 'number' | 'text';
}

export interface Scorer {
  readonly columns: readonly ModelColumn[];
  readonly engine: string;
  /** Writes one row's input; NaN is missing, and text missing is the empty string. */
  setNumber(column: number, value: number): void;
  /** All columns of a model of numbers. */
  setNumbers(values: Float64Array): void;
  setText(column: number, value: string): void;
  /** Scores the row that was written. */
  score(): number;
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
      columns.push({ name, type: input.datatype === 'BYTES' ? 'text' : 'number' });
      setters.push((value) => {
        if (input.datatype !== 'BYTES') input.values[i] = value;
      });
      texts.push((value) => {
        if (input.datatype === 'BYTES') input.values[i] = value;
      });
    });
  }
  const read = scoreOf(plan);
  if (read === undefined)
    throw refuse(`it has no numeric output; its outputs are ${plan.outputs.map((o) => o.name).join(', ')}.`);
  return {
    columns,
    engine: plan.engine,
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
      return read();
    },
  };
}

function namesFor(
  input: PlanColumn,
  candidates: readonly (readonly string[] | undefined)[],
): readonly string[] | undefined {
  return candidates.find((names) => names?.length === input.width);
}

/** The output that is the score: probabilities before values, and never the label. */
function scoreOf(plan: Plan): (() => number) | undefined {
  const numeric = plan.outputs.filter((o) => o.datatype === 'FP32' || o.datatype === 'FP64');
  const output = numeric.find((o) => o.width === 2) ?? numeric.find((o) => o.width === 1) ?? numeric[0];
  if (output === undefined || output.datatype === 'BYTES') return undefined;
  const column = output.width === 2 ? 1 : 0;
  const { values } = output;
  return () => values[column] ?? Number.NaN;
}
