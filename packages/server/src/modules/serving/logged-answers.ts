/**
 * What a version said beyond its score, of a logged prediction: the log keeps the score alone, so the same scorer answers the same
 * inputs again, to the bit. An answer that does not come out with the logged score is none: the inputs that the log has were
 * those of the other version.
 */
import type { Instance } from '@slipway/contract';
import { parseInstant } from '@slipway/onnx';
import type { JudgedAnswer } from '../../lib/judged-task.ts';
import type { LoggedPrediction } from './prediction-log.ts';
import { inputsOf } from './prediction-pages.ts';
import type { ScoreDetail, Scorer } from './scorer.ts';

export interface LoggedAnswers {
  /** The logged score with the numbers behind it, where they can be had. */
  judged(record: LoggedPrediction, score: number): JudgedAnswer;
  detail(record: LoggedPrediction, score: number): ScoreDetail | undefined;
}

export function createLoggedAnswers(scorer: Scorer): LoggedAnswers {
  let known: { readonly names: readonly string[]; readonly places: readonly number[] } | undefined;
  const placesOf = (names: readonly string[]): readonly number[] => {
    if (known?.names !== names) known = { names, places: scorer.columns.map(({ name }) => names.indexOf(name)) };
    return known.places;
  };
  const answer = (record: LoggedPrediction, score: number): boolean => {
    if (scorer.detailValues === undefined) return false;
    const places = placesOf(record.featureNames);
    // Of a model of numbers the text is not needed.
    let inputs: Instance['inputs'] | undefined;
    const inputOf = (name: string): Instance['inputs'][string] | undefined => {
      inputs ??= inputsOf(record);
      return inputs[name];
    };
    scorer.columns.forEach(({ name, type }, column) => {
      if (type === 'text') {
        const text = inputOf(name);
        scorer.setText(column, typeof text === 'string' ? text : '');
        return;
      }
      const place = places[column] ?? -1;
      scorer.setNumber(column, place >= 0 ? (record.features[place] ?? Number.NaN) : numberOf(inputOf(name)));
    });
    return Math.fround(scorer.score()) === Math.fround(score);
  };
  return {
    judged: (record, score) => (answer(record, score) ? { score, values: scorer.detailValues?.slice() } : { score }),
    detail: (record, score) => (answer(record, score) ? scorer.detail() : undefined),
  };
}

function numberOf(input: Instance['inputs'][string] | undefined): number {
  if (typeof input === 'string') return parseInstant(input) ?? Number.NaN;
  return input === undefined || input === null ? Number.NaN : Number(input);
}
