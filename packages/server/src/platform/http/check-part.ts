/** Checks one part of a request (path, query, body) against its schema; a misfit says where, and what was expected. */
import { SlipwayError } from '@slipway/contract';
import type { z } from 'zod';

/** Places that one answer names. */
const issuesMax = 10;

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
  const problem = issues.map((i) => `${[part, ...i.path].join('.')}: ${i.message}`).join('; ');
  throw new SlipwayError('request_invalid', { operation, problem, issues });
}
