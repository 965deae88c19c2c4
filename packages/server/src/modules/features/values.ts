/**
 * JSON values to the canonical values of expressions: what a pushed row or a request may carry.
 *
 * Instants are integer milliseconds since 1970 UTC, or ISO 8601 text (without a zone: UTC), and become µs. Numbers that are
 * not finite, and integers outside ±(2^53 - 1), cannot be written in JSON or are refused. Null and absent are null (NaN).
 */
import type { ValueType } from './typed.ts';

const isoPattern = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,6}))?)?(Z|[+-]\d\d:\d\d)?$/;

/** Microseconds of an instant, or undefined when it is not one. */
export function parseInstantUs(value: unknown): number | undefined {
  if (typeof value === 'number')
    return Number.isSafeInteger(value * 1000) && Number.isInteger(value) ? value * 1000 : undefined;
  if (typeof value !== 'string') return undefined;
  const match = isoPattern.exec(value);
  if (!match) return undefined;
  const [, date, time = '00:00', fraction = '', zone = 'Z'] = match;
  const ms = Date.parse(`${date}T${time}${zone}`);
  return Number.isNaN(ms) ? undefined : ms * 1000 + Number(fraction.padEnd(6, '0'));
}

export const valueRules: Readonly<Record<ValueType, string>> = {
  int: 'it must be an integer within ±(2^53 - 1), or null',
  float: 'it must be a finite number, or null',
  bool: 'it must be true, false or null',
  string: 'it must be a string of at most 1000 characters, or null',
  time: 'it must be an instant: integer milliseconds since 1970 UTC or ISO 8601 text, or null',
  duration: 'it must be null',
  null: 'it must be null',
};

const textLengthMax = 1000;

/** The number of a value that is not a string (NaN for null), or undefined when it breaks the rule of its type. */
export function parseNumber(value: unknown, type: ValueType): number | undefined {
  if (value === null || value === undefined) return Number.NaN;
  switch (type) {
    case 'int':
      return typeof value === 'number' && Number.isSafeInteger(value) ? value + 0 : undefined;
    case 'float':
      return typeof value === 'number' && Number.isFinite(value) ? value + 0 : undefined;
    case 'bool':
      return typeof value === 'boolean' ? Number(value) : undefined;
    case 'time':
      return parseInstantUs(value);
    case 'string':
    case 'duration':
    case 'null':
      return undefined;
  }
}

export function parseText(value: unknown): string | null | undefined {
  if (value === null || value === undefined) return null;
  return typeof value === 'string' && value.length <= textLengthMax ? value : undefined;
}
