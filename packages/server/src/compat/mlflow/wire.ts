/**
 * MLflow REST, protocol level 3.17: reading requests and writing answers by proto3's JSON rules as MLflow uses them. Snake
 * case names, int64 as JSON numbers, NaN and the infinities as strings, unset members left out, unknown members ignored.
 */
import type { MetricValue } from '@slipway/contract';
import type { ForeignAnswer, ForeignRequest } from '../../platform/http/foreign.ts';
import { invalidParameter } from './errors.ts';

export const protocolVersion = '3.17.2+slipway';

/** The members of a request, wherever they came from, with MLflow's wording when they do not fit. */
export class Fields {
  private readonly members: Readonly<Record<string, unknown>>;
  private readonly prefix: string;

  constructor(members: Readonly<Record<string, unknown>>, prefix = '') {
    this.members = members;
    this.prefix = prefix;
  }

  invalid(name: string, value: unknown): Error {
    return invalidParameter(
      `Invalid value ${JSON.stringify(value)?.slice(0, 300)} for parameter '${this.prefix}${name}' supplied`,
    );
  }

  raw(name: string): unknown {
    const value = this.members[name];
    return value === null ? undefined : value;
  }

  has(name: string): boolean {
    return this.raw(name) !== undefined;
  }

  missing(name: string): Error {
    return invalidParameter(`Missing value for required parameter '${this.prefix}${name}'`);
  }

  /** Undefined when it is absent. */
  findText(name: string): string | undefined {
    const value = this.raw(name);
    if (value === undefined) return undefined;
    if (typeof value !== 'string') throw this.invalid(name, value);
    return value;
  }

  text(name: string): string {
    const value = this.findText(name);
    if (value === undefined || value === '') throw this.missing(name);
    return value;
  }

  /** An exact integer; GET arguments come as digits. */
  findInt(name: string): number | undefined {
    const value = this.raw(name);
    if (value === undefined || value === '') return undefined;
    const number = typeof value === 'string' && /^-?\d{1,19}$/.test(value) ? Number(value) : value;
    if (typeof number !== 'number' || !Number.isSafeInteger(number)) throw this.invalid(name, value);
    return number;
  }

  int(name: string): number {
    const value = this.findInt(name);
    if (value === undefined) throw this.missing(name);
    return value;
  }

  double(name: string): number {
    const value = this.raw(name);
    if (value === undefined) throw this.missing(name);
    if (typeof value === 'number') return value;
    if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') return Number(value);
    throw this.invalid(name, value);
  }

  bool(name: string): boolean {
    const value = this.raw(name);
    if (value === undefined) return false;
    if (typeof value === 'boolean') return value;
    const text = typeof value === 'string' || typeof value === 'number' ? String(value).toLowerCase() : '';
    if (text === 'true' || text === '1') return true;
    if (text === 'false' || text === '0') return false;
    throw this.invalid(name, value);
  }

  texts(name: string): string[] {
    const value = this.raw(name);
    if (value === undefined) return [];
    const list = Array.isArray(value) ? value : [value];
    return list.map((item: unknown) => {
      if (typeof item !== 'string') throw this.invalid(name, value);
      return item;
    });
  }

  list(name: string): Fields[] {
    const value = this.raw(name);
    if (value === undefined) return [];
    if (!Array.isArray(value)) throw this.invalid(name, value);
    return value.map((item: unknown, i) => {
      if (!isMembers(item)) throw this.invalid(`${name}[${i}]`, item);
      return new Fields(item, `${this.prefix}${name}[${i}].`);
    });
  }

  object(name: string): Fields {
    const value = this.raw(name);
    if (value === undefined) throw this.missing(name);
    if (!isMembers(value)) throw this.invalid(name, value);
    return new Fields(value, `${this.prefix}${name}.`);
  }

  /** Key and value pairs, as a record; the last of equal keys wins. */
  pairs(name: string): Record<string, string> {
    return Object.fromEntries(this.list(name).map((pair) => [pair.text('key'), pair.findText('value') ?? '']));
  }
}

function isMembers(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Path parameters, the query, and the JSON body (which an old client may have put into a JSON string). */
export function readFields(request: ForeignRequest): Fields {
  const members: Record<string, unknown> = {};
  for (const key of new Set(request.query.keys())) {
    const values = request.query.getAll(key);
    members[key] = values.length === 1 ? values[0] : values;
  }
  let body = request.json;
  if (typeof body === 'string') {
    try {
      body = JSON.parse(body);
    } catch {
      throw invalidParameter('The request body is a string that does not hold JSON.');
    }
  }
  if (body !== undefined && !isMembers(body)) throw invalidParameter('The request body must be a JSON object.');
  return new Fields({ ...members, ...body, ...request.params });
}

/** A number that JSON can carry. */
export const wireValue = (value: MetricValue): number | string => value;

export type WireObject = Readonly<Record<string, unknown>>;

/** Undefined members vanish in JSON, as unset ones do in proto JSON. */
export function answer(body: WireObject): ForeignAnswer {
  return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

/** Proto JSON leaves empty lists out. */
export const listed = <T>(items: readonly T[]): readonly T[] | undefined => (items.length === 0 ? undefined : items);

export const keyValues = (record: Readonly<Record<string, string>>): readonly WireObject[] | undefined =>
  listed(Object.entries(record).map(([key, value]) => ({ key, value })));
