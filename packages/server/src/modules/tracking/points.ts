/**
 * The metric points of one request as columns: what crosses to the writer's thread is four arrays of numbers and a short list
 * of keys, not a thousand objects, and what reaches the table lies in its order.
 *
 * Shapes: `keys: [distinct keys]`; `key`, `step`, `at`, `value`: [points], `key` being places in `keys`. Steps and instants are
 * exact integers below 2^53; NaN and the infinities are values like others.
 */

export interface LoggedPoint {
  readonly key: string;
  /** NaN and the infinities included. */
  readonly value: number;
  readonly step: number;
  readonly at: number;
}

export interface PointColumns {
  readonly keys: readonly string[];
  readonly key: Uint32Array;
  readonly step: Float64Array;
  readonly at: Float64Array;
  readonly value: Float64Array;
}

/** Points of one key lie together, keys in the order in which they first came, points of a key as they came. */
export function pointColumns(points: readonly LoggedPoint[]): PointColumns {
  const places = new Map<string, number>();
  const counts: number[] = [];
  const placeOf = points.map(({ key }) => {
    const known = places.get(key);
    if (known !== undefined) {
      counts[known] = (counts[known] ?? 0) + 1;
      return known;
    }
    places.set(key, counts.length);
    return counts.push(1) - 1;
  });
  const next: number[] = [];
  let end = 0;
  for (const count of counts) {
    next.push(end);
    end += count;
  }
  const columns = {
    keys: [...places.keys()],
    key: new Uint32Array(end),
    step: new Float64Array(end),
    at: new Float64Array(end),
    value: new Float64Array(end),
  };
  points.forEach((point, i) => {
    const place = placeOf[i] ?? 0;
    const to = next[place] ?? 0;
    next[place] = to + 1;
    columns.key[to] = place;
    columns.step[to] = point.step;
    columns.at[to] = point.at;
    columns.value[to] = point.value;
  });
  return columns;
}

export function pointAt({ keys, key, step, at, value }: PointColumns, i: number): LoggedPoint {
  return { key: keys[key[i] ?? 0] ?? '', step: step[i] ?? 0, at: at[i] ?? 0, value: value[i] ?? 0 };
}

/** Value and is_nan of a point's row: NaN is 0 with is_nan 1, and -0 is 0, on both databases. */
export const storedValue = (value: number): readonly [number, 0 | 1] => (Number.isNaN(value) ? [0, 1] : [value + 0, 0]);
