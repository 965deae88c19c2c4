/** A range that a value must lie in, as SQL: whether it lies outside, and how far. */
import { literal } from './scope.ts';

interface Range {
  readonly min_value?: string | number | undefined;
  readonly max_value?: string | number | undefined;
  readonly strict_min: boolean;
  readonly strict_max: boolean;
}

export function outside(value: string, range: Range): string {
  const low =
    range.min_value === undefined ? [] : [`${value} ${range.strict_min ? '<=' : '<'} ${literal(range.min_value)}`];
  const high =
    range.max_value === undefined ? [] : [`${value} ${range.strict_max ? '>=' : '>'} ${literal(range.max_value)}`];
  return [...low, ...high].map((x) => `(${x})`).join(' OR ');
}

export function excessOf(value: string, range: { min_value?: unknown; max_value?: unknown }): string {
  const sides: string[] = [];
  if (typeof range.min_value === 'number') sides.push(`${literal(range.min_value)} - ${value}`);
  if (typeof range.max_value === 'number') sides.push(`${value} - ${literal(range.max_value)}`);
  const allNumbers = [range.min_value, range.max_value].every((b) => b === undefined || typeof b === 'number');
  if (sides.length === 0 || !allNumbers) return 'CAST(NULL AS DOUBLE)';
  return `CAST(${sides.length === 1 ? sides[0] : `greatest(${sides.join(', ')})`} AS DOUBLE)`;
}
