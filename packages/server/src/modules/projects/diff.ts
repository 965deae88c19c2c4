/** The paths at which two JSON values differ, for people to read before they apply. */
import type { ResourceDiff } from '@slipway/contract';

type Change = ResourceDiff['changes'][number];
type Json = Change['before'];

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

/** At most `limit` changes, in the order of the paths. Arrays are compared by position. */
export function diffPaths(before: unknown, after: unknown, limit: number): Change[] {
  const changes: Change[] = [];
  const walk = (path: string, a: unknown, b: unknown): void => {
    if (changes.length >= limit || Object.is(a, b)) return;
    if (isObject(a) && isObject(b) && Array.isArray(a) === Array.isArray(b)) {
      for (const key of [...new Set([...Object.keys(a), ...Object.keys(b)])].sort()) {
        walk(path === '' ? key : `${path}.${key}`, a[key], b[key]);
      }
      return;
    }
    // Both sides came out of JSON.parse.
    changes.push({
      path,
      ...(a === undefined ? {} : { before: a as Json }),
      ...(b === undefined ? {} : { after: b as Json }),
    });
  };
  walk('', before, after);
  return changes;
}
