/** Checks one part of a request (path, query, body) against its schema; a misfit says where, and what was expected. */
import { SlipwayError } from '@slipway/contract';
import type { z } from 'zod';

/** Places that one answer names. */
const issuesMax = 10;
/** Characters of a value that a message repeats. */
const shownMax = 80;

/** Throws `request_invalid` naming the places. */
export function checkPart<S extends z.ZodType>(
  operation: string,
  part: string,
  schema: S,
  value: unknown,
): z.output<S> {
  const result = schema.safeParse(value ?? {});
  if (result.success) return result.data;
  const issues = result.error.issues.slice(0, issuesMax);
  const problem = issues.map((i) => `${[part, ...i.path].join('.')}${shown(value, i.path)}: ${i.message}`).join('; ');
  throw new SlipwayError('request_invalid', { operation, problem, issues });
}

/** ` "abc"`: the value that did not fit, as far as it says something in a few words. */
function shown(whole: unknown, path: readonly PropertyKey[]): string {
  let value = whole;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return '';
    value = (value as Readonly<Record<PropertyKey, unknown>>)[key]; // an own member, checked above
  }
  if (path.length === 0 || value === undefined || (typeof value === 'object' && value !== null)) return '';
  const text = JSON.stringify(value);
  return ` ${text.length > shownMax ? `${text.slice(0, shownMax)}…` : text}`;
}
