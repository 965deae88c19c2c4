/** The order in which drifted columns deserve a look: how far beyond its usual range, times how much the model leans on it. */
interface Ranked {
  readonly name: string;
  /** Drift in multiples of the column's own limit. */
  readonly ratio: number;
}

export function rankByWeight<T extends Ranked>(rows: readonly T[], shares: ReadonlyMap<string, number>): readonly T[] {
  const weight = ({ name, ratio }: T): number => ratio * (shares.get(name) ?? 0);
  return rows.toSorted((a, b) => weight(b) - weight(a));
}
