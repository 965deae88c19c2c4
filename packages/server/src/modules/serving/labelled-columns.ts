/**
 * Records of the prediction log as columns, with the labels that they have now: tens of thousands of rows for those who sum
 * them up, without an object for each of them.
 */
import type { RecordPlace } from './log-segment.ts';
import { atOf, featureIn, findInputs, headOf, idOf, shadowScoreOf, viewOf } from './log-record.ts';

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

interface FeatureColumn {
  readonly place: number;
  readonly values: number[];
}

type Inputs = Pick<LabelledColumns, 'features' | 'texts'>;

interface InputColumns {
  take(place: RecordPlace, names: readonly string[], row: number): void;
  finish(rows: number): Inputs;
}

function collectInputs(): InputColumns {
  const numbers = new Map<string, number[]>();
  const texts = new Map<string, (string | null)[]>();
  let segment: { readonly names: readonly string[]; readonly columns: readonly FeatureColumn[] } | undefined;
  let view: DataView = new DataView(new ArrayBuffer(0));

  const columnsOf = (names: readonly string[]): readonly FeatureColumn[] => {
    if (segment?.names === names) return segment.columns;
    const columns: FeatureColumn[] = [];
    names.forEach((name, place) => {
      // The first of two equal names counts.
      if (names.indexOf(name) !== place) return;
      const values = numbers.get(name) ?? [];
      numbers.set(name, values);
      columns.push({ place, values });
    });
    segment = { names, columns };
    return columns;
  };

  return {
    take: ({ bytes, offset }, names, row) => {
      // Several hundred records come in one buffer.
      if (view.buffer !== bytes.buffer || view.byteOffset !== bytes.byteOffset || view.byteLength !== bytes.byteLength)
        view = viewOf(bytes);
      for (const { place, values } of columnsOf(names)) {
        const value = featureIn(view, offset, place);
        if (values.length === row) values.push(value);
        else put(values, row, { value, none: Number.NaN });
      }
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
    },
    finish: (rows) => ({
      features: [...numbers].map(([name, values]) => {
        const all = new Float64Array(rows).fill(Number.NaN, values.length);
        all.set(values);
        return { name, values: all };
      }),
      texts: [...texts].map(([name, values]) => ({
        name,
        values:
          values.length === rows
            ? values
            : Array.from({ length: rows }, (_, row): string | null => values[row] ?? null),
      })),
    }),
  };
}

export function collectColumns({ features }: { readonly features: boolean }): RecordColumns {
  const ids: string[] = [];
  const at: number[] = [];
  const version: number[] = [];
  const score: number[] = [];
  const shadowVersion: number[] = [];
  const shadowScore: number[] = [];
  const inputs = collectInputs();
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
      if (features) inputs.take(place, names, row);
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
      ...inputs.finish(ids.length),
    }),
  };
}
