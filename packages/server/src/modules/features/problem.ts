/** Errors of a feature definition: always the place in the file, the value found, what is wrong with it, and the remedy. */
import { SlipwayError } from '@slipway/contract';

/** Path of keys from the top of the definition, such as `views.airport.features.orig_dep_late_3h`. */
export type Place = readonly (string | number)[];

export function problemAt(place: Place, value: unknown, problem: string, remedy: string): SlipwayError {
  return new SlipwayError('features_invalid', {
    path: place.length === 0 ? 'the definition' : place.join('.'),
    value: typeof value === 'string' ? value.slice(0, 200) : value,
    problem,
    remedy,
  });
}

/** "a, b or c", for remedies. At most 24 names, so that a wide table does not fill a screen. */
export function listNames(names: Iterable<string>): string {
  const all = [...names].sort();
  if (all.length === 0) return 'none';
  if (all.length > 24) return `${all.slice(0, 24).join(', ')} and ${all.length - 24} more`;
  return all.length === 1 ? (all[0] ?? '') : `${all.slice(0, -1).join(', ')} or ${all.at(-1)}`;
}
