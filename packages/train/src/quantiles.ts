/**
 * Quantiles of weighted values: each value stands in the middle of its own share of the weight, and between two
 * neighbours the quantile is interpolated (Hazen's rule; Hyndman and Fan 1996, type 5). Below the first and above the last
 * middle it is that value. Depends on the values and weights alone, not on their order. Cost: one sort.
 */

/** `level` from 0 to 1; weights 0 or more with a sum above 0. Leaves its arguments as they are. */
export function weightedQuantile(values: Float64Array, weights: Float64Array, level: number): number {
  const isEven = weights.every((weight) => weight === weights[0]);
  if (isEven) return evenQuantile(values.slice().sort(), level);
  const order = Uint32Array.from(values.keys()).sort(
    (a, b) => (values[a] ?? 0) - (values[b] ?? 0) || (weights[a] ?? 0) - (weights[b] ?? 0),
  );
  let total = 0;
  for (const row of order) total += weights[row] ?? 0;
  const target = level * total;
  let [sum, middleBefore, valueBefore] = [0, 0, Number.NaN];
  for (const row of order) {
    const [value, weight] = [values[row] ?? 0, weights[row] ?? 0];
    if (weight === 0) continue;
    const middle = sum + weight / 2;
    if (middle >= target) {
      if (Number.isNaN(valueBefore)) return value;
      return between(valueBefore, value, (target - middleBefore) / (middle - middleBefore));
    }
    [sum, middleBefore, valueBefore] = [sum + weight, middle, value];
  }
  return valueBefore;
}

/** The same for sorted values of equal weight. */
function evenQuantile(sorted: Float64Array, level: number): number {
  const place = level * sorted.length - 0.5;
  if (!(place > 0)) return sorted[0] ?? Number.NaN;
  const below = Math.min(sorted.length - 1, Math.floor(place));
  const above = Math.min(sorted.length - 1, below + 1);
  return between(sorted[below] ?? Number.NaN, sorted[above] ?? Number.NaN, place - below);
}

function between(a: number, b: number, share: number): number {
  return a === b ? a : a + (b - a) * share;
}
