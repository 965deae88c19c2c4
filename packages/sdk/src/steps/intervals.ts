/** What the quantiles of a number come to on rows with a known truth. */
import type { Evaluation } from './table-report.ts';

export type Interval = NonNullable<Evaluation['interval']>;

export interface AnsweredLevels {
  /** [rows, levels], each row ascending. */
  readonly values: ArrayLike<number>;
  readonly levels: readonly number[];
  /** Place of the level that is answered as the number. */
  readonly middle: number;
}

export interface JudgedLevels {
  /** The number that is answered, per row. */
  readonly values: Float64Array;
  readonly width: 1;
  readonly interval: Interval;
}

/** The truth is inside where it lies between the lowest level and the highest, or on them. */
export function judgeLevels(labels: ArrayLike<number>, { values, levels, middle }: AnsweredLevels): JudgedLevels {
  let [inside, width] = [0, 0];
  const points = new Float64Array(labels.length);
  for (let row = 0; row < labels.length; row++) {
    const at = (level: number): number => values[row * levels.length + level] ?? Number.NaN;
    const [low, high] = [at(0), at(levels.length - 1)];
    const label = labels[row] ?? Number.NaN;
    if (low <= label && label <= high) inside += 1;
    width += high - low;
    points[row] = at(middle);
  }
  return {
    values: points,
    width: 1,
    interval: {
      levels: [levels[0] ?? 0, levels.at(-1) ?? 1],
      coverage: inside / labels.length,
      meanWidth: width / labels.length,
    },
  };
}
