/**
 * From a file to a model that has earned its place, for each kind of question: which species (one of three), male or female
 * (one of two), how heavy (a number).
 *
 * The rows are read with what their columns mean, a quarter is held out, trees learn from the rest and are judged on that
 * quarter beside simpler models and the champion. Only if the model's gate passes is it registered: as champion when there is
 * none, else as challenger.
 */
import { evaluateTable, gate, pipeline, register, splitTable, tableReport, tableRows, trainTable } from 'slipway';
import type { EvaluateTableOptions, TableRowsOptions } from 'slipway';

const random = splitTable({ by: 'random', holdout: 0.25, seed: 1 });
const trees = trainTable({ learningRate: 0.05 });

/** A model for the seasons to come cannot know them by their year. */
const drop = ['year'];

/** The steps are the same whatever is asked. */
function training(id: string, question: TableRowsOptions, judging: EvaluateTableOptions) {
  const read = tableRows({ drop, ...question });
  const judge = evaluateTable(judging);
  const { model } = judging;
  return pipeline({ id, description: `Train, judge and register ${model}` }, (_, run) => {
    const { rows } = run(read, { dataset: run.dataset('penguins') });
    const { train, holdout } = run(random, { rows });
    const candidate = run(trees, { rows: train });
    const judged = run(judge, { train, holdout, candidate: candidate.model });
    const passed = run(gate({ model }), { evidence: judged.evidence });
    const registered = run(register({ model }), { model: candidate.model, gate: passed.gate });
    const { version } = registered;
    run(tableReport({ model }), { evaluation: judged.report, gate: passed.report, version });
  });
}

export const species = training(
  'train-species',
  { target: 'species', task: 'multiclass' },
  { model: 'penguin-species', sliceRowsMin: 15 },
);

/** To take a male for a female costs five times as much as the other mistake. */
export const sex = training(
  'train-sex',
  { target: 'sex', task: 'binary', positive: 'female' },
  { model: 'penguin-sex', costs: { falsePositive: 5, falseNegative: 1 }, sliceRowsMin: 15 },
);

export const mass = training(
  'train-mass',
  { target: 'body_mass_g', task: 'regression' },
  { model: 'penguin-mass', sliceRowsMin: 15 },
);
