/** The time range of the page as a part of the filter that the server reads. */
import type { Bounds } from '../../frame/time-range.ts';

export function withinRange(filter: string | undefined, { from, to }: Bounds): string | undefined {
  const times = [
    ...(from === undefined ? [] : [`startedAt >= ${from}`]),
    ...(to === undefined ? [] : [`startedAt <= ${to}`]),
  ];
  if (times.length === 0) return filter;
  // What a person typed may hold "or": it stays one condition.
  return [...(filter === undefined ? [] : [`(${filter})`]), ...times].join(' and ');
}
