/**
 * One time zone as a table: the only source of local time, offline and online.
 *
 * Idea: the offset from UTC is a step function of time. Its steps are found once with `Intl`, by sampling and bisection,
 * and both the JavaScript closures and the generated SQL read the same table, so that they cannot disagree.
 * Units: microseconds since 1970 UTC. Range: 1970-01-02 (so that local time is never negative) to 2100; outside it every zone function is null.
 * Cost: about 0.03 s for the table of one zone; a look-up is a binary search over about 260 steps, and a hit on the last
 * step is one comparison. Limit: two changes of the offset within the sampling step would be missed; no zone has them.
 */
import { createHash } from 'node:crypto';
import { zoneOffset } from '../../lib/zone-offset.ts';

export interface Zone {
  readonly name: string;
  /** Start of each step, ascending; the first is 1970-01-01T00:00Z. */
  readonly startsUs: Float64Array;
  /** Local minus UTC during that step. */
  readonly offsetsUs: Float64Array;
  /** Identifies the table's content, so that a change of the zone's rules changes what was made with it. */
  readonly digest: string;
}

const hourMs = 3_600_000;
const samplingMs = 10 * 24 * hourMs;
export const zoneRangeUs: { readonly start: number; readonly end: number } = {
  start: 24 * hourMs * 1000,
  end: Date.UTC(2100, 0, 1) * 1000,
};

/** Builds the table. Throws RangeError when `Intl` does not know the name. */
export function createZone(name: string): Zone {
  const offsetMs = zoneOffset(name);
  const starts = [0];
  const offsets = [offsetMs(0)];
  const endMs = zoneRangeUs.end / 1000;
  for (let before = 0; before < endMs; before += samplingMs) {
    const after = Math.min(before + samplingMs, endMs);
    const offset = offsetMs(after);
    if (offset === offsets.at(-1)) continue;
    let low = before;
    let high = after;
    while (high - low > 1000) {
      const middle = Math.floor((low + high) / 2000) * 1000;
      if (offsetMs(middle) === offset) high = middle;
      else low = middle;
    }
    starts.push(high);
    offsets.push(offset);
  }
  const digest = createHash('sha256')
    .update(JSON.stringify([name, starts, offsets]))
    .digest('hex');
  return {
    name,
    startsUs: Float64Array.from(starts, (ms) => ms * 1000),
    offsetsUs: Float64Array.from(offsets, (ms) => ms * 1000),
    digest: `sha256:${digest}`,
  };
}

/** A look-up that remembers the last step, since neighbouring questions are about neighbouring instants. NaN outside the range. */
export function createOffsetLookup(zone: Zone): (us: number) => number {
  const { startsUs, offsetsUs } = zone;
  let from = 1;
  let to = 0;
  let offset = 0;
  return (us) => {
    if (us >= from && us < to) return offset;
    if (!(us >= zoneRangeUs.start && us < zoneRangeUs.end)) return Number.NaN;
    let low = 0;
    let high = startsUs.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      // Indices stay within the arrays, which have at least one step.
      if ((startsUs[middle] as number) <= us) low = middle;
      else high = middle - 1;
    }
    from = startsUs[low] as number;
    to = low + 1 < startsUs.length ? (startsUs[low + 1] as number) : zoneRangeUs.end;
    offset = offsetsUs[low] as number;
    return offset;
  };
}

/** The offset at the instant in column `column`, as a balanced tree of CASE: eight comparisons a row, no extension. */
export function zoneOffsetSql(zone: Zone, column: string): string {
  const { startsUs, offsetsUs } = zone;
  const tree = (low: number, high: number): string => {
    if (low === high) return String(offsetsUs[low]);
    const middle = (low + high + 1) >> 1;
    return `CASE WHEN ${column} < ${startsUs[middle]} THEN ${tree(low, middle - 1)} ELSE ${tree(middle, high)} END`;
  };
  return `CASE WHEN ${column} >= ${zoneRangeUs.start} AND ${column} < ${zoneRangeUs.end} THEN ${tree(0, startsUs.length - 1)} END`;
}
