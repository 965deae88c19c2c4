/**
 * Records of the prediction log as columns, with the labels that they have now: tens of thousands of rows for those who sum
 * them up, without an object for each of them.
 */
import type { RecordPlace } from './log-segment.ts';
import { atOf, findInputs, headOf, idOf, readFeature, shadowScoreOf } from './log-record.ts';

/** Columns are [rows], in the order of the log. */
export interface LabelledColumns {
  /** Records in the range: more than there are rows when these are a share of them. */
  readonly total: number;
  /** Ids of the predictions. */
  readonly ids: readonly string[];
  /** Event time, milliseconds since 1970 UTC. */
  readonly at: Float64Array;
  readonly version: Int32Array;
  readonly score: Float64Array;
  /** 0 where no version was asked beside it. */
  readonly shadowVersion: Int32Array;
  readonly shadowScore: Float64Array;
  /** NaN where none came. */
  readonly label: Float64Array;
  /** NaN where a record's model has no such input. Empty unless asked for. */
  readonly features: readonly { readonly name: string; readonly values: Float64Array }[];
  /** Inputs that are texts in any of the requests, null in the others. Empty unless features were asked for. */
  readonly texts: readonly { readonly name: string; readonly values: readonly (string | null)[] }[];
}

export interface RecordColumns {
  /** Adds a record of a segment with these features. */
  readonly take: (place: RecordPlace, featureNames: readonly string[]) => void;
  /** Prediction ids of the rows. */
  readonly ids: readonly string[];
  finish(total: number, labelOf: (id: string) => number | undefined): LabelledColumns;
}

/** `values[row] = value`, the rows before it that have none being `none`. */
function put<T>(values: T[], row: number, { value, none }: { readonly value: T; readonly none: T }): void {
  while (values.length < row) values.push(none);
  values.push(value);
}

export function collectColumns({ features }: { readonly features: boolean }): RecordColumns {
  const ids: string[] = [];
  const at: number[] = [];
  const version: number[] = [];
  const score: number[] = [];
  const shadowVersion: number[] = [];
  const shadowScore: number[] = [];
  const numbers = new Map<string, number[]>();
  const texts = new Map<string, (string | null)[]>();

  const takeFeatures = ({ bytes, offset }: RecordPlace, names: readonly string[], row: number): void => {
    names.forEach((name, i) => {
      let values = numbers.get(name);
      if (values === undefined) numbers.set(name, (values = []));
      // The first of two equal names counts.
      if (values.length <= row) put(values, row, { value: readFeature(bytes, offset, i), none: Number.NaN });
    });
    const text = findInputs(bytes, offset, names.length);
    // Inputs that were the features are numbers.
    if (text === undefined) return;
    const inputs: unknown = JSON.parse(text);
    if (typeof inputs !== 'object' || inputs === null) return;
    for (const [name, value] of Object.entries(inputs)) {
      if (typeof value !== 'string') continue;
      let values = texts.get(name);
      if (values === undefined) texts.set(name, (values = []));
      put(values, row, { value, none: null });
    }
  };

  return {
    ids,
    take: (place, names) => {
      const { bytes, offset } = place;
      const head = headOf(bytes, offset);
      const row = ids.push(idOf(bytes, offset)) - 1;
      at.push(atOf(bytes, offset));
      version.push(head.version);
      score.push(head.score);
      shadowVersion.push(head.shadowVersion);
      shadowScore.push(shadowScoreOf(bytes, offset));
      if (features) takeFeatures(place, names, row);
    },
    finish: (total, labelOf) => ({
      total,
      ids,
      at: Float64Array.from(at),
      version: Int32Array.from(version),
      score: Float64Array.from(score),
      shadowVersion: Int32Array.from(shadowVersion),
      shadowScore: Float64Array.from(shadowScore),
      label: Float64Array.from(ids, (id) => labelOf(id) ?? Number.NaN),
      features: [...numbers].map(([name, values]) => {
        const all = new Float64Array(ids.length).fill(Number.NaN, values.length);
        all.set(values);
        return { name, values: all };
      }),
      texts: [...texts].map(([name, values]) => ({
        name,
        values: values.length === ids.length ? values : ids.map((_, row) => values[row] ?? null),
      })),
    }),
  };
}
