/** Fields that requests of several nouns have: ids, limits, pages. */
import { invalidParameter, MlflowError } from './errors.ts';
import { experimentIdFromWire, modelIdFromWire, runIdFromWire } from './ids.ts';
import type { Fields } from './wire.ts';

export const searchMax = 50_000;
export const searchDefault = 1000;

export function experimentIdOf(fields: Fields, name = 'experiment_id'): string {
  const wire = fields.text(name);
  const id = experimentIdFromWire(wire);
  if (id !== undefined) return id;
  throw new MlflowError('RESOURCE_DOES_NOT_EXIST', `No Experiment with id=${wire.slice(0, 100)} exists`);
}

export function runIdOf(fields: Fields): string {
  const wire = fields.findText('run_id') ?? fields.findText('run_uuid') ?? '';
  if (wire === '') throw fields.missing('run_id');
  const id = runIdFromWire(wire);
  if (id !== undefined) return id;
  throw new MlflowError('RESOURCE_DOES_NOT_EXIST', `Run with id=${wire.slice(0, 100)} not found`);
}

export function modelIdOf(wire: string): string {
  const id = modelIdFromWire(wire);
  if (id !== undefined) return id;
  throw new MlflowError('RESOURCE_DOES_NOT_EXIST', `Logged model with ID '${wire.slice(0, 100)}' not found.`);
}

export function limitOf(fields: Fields, fallback: number, max: number): number {
  const limit = fields.findInt('max_results') ?? fallback;
  if (limit >= 1 && limit <= max) return limit;
  throw invalidParameter(
    `Invalid value ${limit} for parameter 'max_results' supplied. It must be at least 1 and at most ${max}.`,
  );
}

export const tokenOf = (fields: Fields): string | undefined => {
  const token = fields.findText('page_token');
  return token === '' ? undefined : token;
};

const lifecycles = { ACTIVE_ONLY: 'active', DELETED_ONLY: 'deleted', ALL: 'all' } as const;

export function lifecycleOf(fields: Fields, name: string): 'active' | 'deleted' | 'all' {
  const value = fields.raw(name);
  if (value === undefined) return 'active';
  // By name, or by the number that the protocol's enum gives it, from 1.
  const found = Object.entries(lifecycles).find(([key], i) => value === key || value === i + 1 || value === `${i + 1}`);
  if (found === undefined) throw fields.invalid(name, value);
  return found[1];
}

/** Values longer than the limit are cut, as the protocol's own server cuts them. */
export const truncated = (texts: Readonly<Record<string, string>>, limitChars: number): Record<string, string> =>
  Object.fromEntries(Object.entries(texts).map(([key, value]) => [key, value.slice(0, limitChars)]));
