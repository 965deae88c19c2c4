/**
 * What a request to an endpoint must look like: the columns that the endpoint takes, with the types of the model's registered
 * signature where it has one. Values are checked as MLflow casts them, except that nothing is changed silently: a fraction
 * for an integer is refused, MLflow cuts it.
 */
import type { InputColumn, EndpointInputs } from '../../modules/serving/index.ts';
import type { ModelSignature } from '@slipway/contract';
import { parseInstant } from '@slipway/onnx';
import { badRequest, invalidParameter, show } from './errors.ts';
import { isObject } from './json.ts';

export type InputValue = number | string | boolean | null;

const scalarTypes = ['boolean', 'integer', 'long', 'float', 'double', 'string'] as const;
/** A `datetime` is told by the model's file: what it takes are milliseconds. */
export type ScalarType = (typeof scalarTypes)[number] | 'datetime';

export interface Column {
  readonly name: string;
  readonly type: ScalarType;
  /** An optional one may be left out, which is the same as missing in every row. */
  readonly isRequired: boolean;
}

export interface Param {
  readonly name: string;
  readonly type: string;
  readonly isList: boolean;
}

/** `list`: one number per row. `records`: an object per row. `arrays`: an object of one list. */
export type OutputForm = { readonly form: 'list' } | { readonly form: 'records' | 'arrays'; readonly name: string };

export interface Schema {
  readonly columns: readonly Column[];
  /** The signature names its columns: then rows must too. */
  readonly isNamed: boolean;
  readonly usesFeatures: boolean;
  readonly params: readonly Param[];
  readonly output: OutputForm;
}

/** The longest text that the prediction log keeps. */
const textCharsMax = 2000;

type Spec = Readonly<Record<string, unknown>>;

const nameOf = (spec: Spec): string | undefined =>
  typeof spec['name'] === 'string' && spec['name'] !== '' ? spec['name'] : undefined;

function columnOf(input: InputColumn, spec: Spec | undefined): Column {
  return { name: input.name, type: typeOf(input, spec), isRequired: spec?.['required'] !== false };
}

function typeOf({ type, isDate }: InputColumn, spec: Spec | undefined): ScalarType {
  if (isDate === true) return 'datetime';
  const isText = type === 'text';
  const declared = scalarTypes.find((known) => known === spec?.['type']);
  return declared !== undefined && (declared === 'string') === isText ? declared : isText ? 'string' : 'double';
}

function outputOf(outputs: readonly Spec[]): OutputForm {
  const [only] = outputs;
  const name = only === undefined ? undefined : nameOf(only);
  if (outputs.length !== 1 || only === undefined || name === undefined) return { form: 'list' };
  return { form: only['type'] === 'tensor' ? 'arrays' : 'records', name };
}

export function schemaOf(
  inputs: Pick<EndpointInputs, 'columns' | 'usesFeatures'>,
  signature: ModelSignature | undefined,
): Schema {
  const specs: readonly Spec[] = signature?.inputs ?? [];
  const byName = new Map(specs.flatMap((spec) => (nameOf(spec) === undefined ? [] : [[nameOf(spec), spec] as const])));
  return {
    columns: inputs.columns.map((column) => columnOf(column, byName.get(column.name))),
    isNamed: byName.size > 0,
    usesFeatures: inputs.usesFeatures,
    params: (signature?.params ?? []).map((spec) => ({
      name: nameOf(spec) ?? '',
      type: typeof spec['type'] === 'string' ? spec['type'] : '',
      isList: Array.isArray(spec['shape']),
    })),
    output: outputOf(signature?.outputs ?? []),
  };
}

const numeral = /^\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?\s*$/i;

const kinds: Readonly<Record<ScalarType, string>> = {
  boolean: 'a boolean: true or false',
  integer: 'an integer of 32 bits, never missing',
  long: 'a long: a whole number, never missing',
  float: 'a float: a number, or null where it is missing',
  double: 'a double: a number, or null where it is missing',
  string: `a string of at most ${textCharsMax} characters, or null where it is missing`,
  datetime:
    'a datetime: ISO 8601 such as 2024-01-31 or 2024-01-31T09:30:00+01:00 (UTC where it names no zone), milliseconds since 1970 UTC, or null where it is missing',
};

/** What MLflow's client writes for a datetime that is missing. */
const notATime = 'NaT';

function asNumber(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  return typeof value === 'string' && numeral.test(value) ? Number(value) : undefined;
}

const textOf = (value: unknown): string | undefined =>
  typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;

/** Undefined when the value is none of this type. */
function cast(value: unknown, column: Column): InputValue | undefined {
  if (value === null || value === undefined) {
    const canMiss = !column.isRequired || ['float', 'double', 'string', 'datetime'].includes(column.type);
    return canMiss ? null : undefined;
  }
  if (column.type === 'datetime') return castInstant(value);
  const number = asNumber(value);
  switch (column.type) {
    case 'boolean':
      return number === 0 || number === 1 ? number === 1 : undefined;
    case 'integer':
      return number === undefined || (number | 0) !== number ? undefined : number;
    case 'long':
      return Number.isSafeInteger(number) ? number : undefined;
    case 'float':
    case 'double':
      return number;
    case 'string': {
      const text = typeof value === 'string' ? value : textOf(value);
      return text === undefined || text.length > textCharsMax ? undefined : text;
    }
  }
}

/** As milliseconds since 1970 UTC. A numeral in CSV is such a number too. */
function castInstant(value: unknown): number | null | undefined {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string') return undefined;
  if (value === notATime) return null;
  const at = numeral.test(value) ? Number(value) : parseInstant(value);
  return Number.isNaN(at) ? undefined : at;
}

/** `place` names the value in the request. */
export function castValue(value: unknown, column: Column, place: string): InputValue {
  const found = cast(value, column);
  if (found !== undefined) return found;
  throw badRequest(
    `${place} is ${show(value ?? null)}; column "${column.name}" of the model's signature takes ${kinds[column.type]}.`,
  );
}

/** A value that the signature does not speak of: an entity key or a request input of the feature service. */
export function freeValue(value: unknown, place: string): InputValue {
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return value;
  if (typeof value === 'string' && value.length <= textCharsMax) return value;
  throw badRequest(`${place} is ${show(value)}; it must be a number, a text, true, false or null.`);
}

const paramFits: Readonly<Record<string, (value: unknown) => boolean>> = {
  boolean: (value) => typeof value === 'boolean',
  integer: (value) => Number.isSafeInteger(value),
  long: (value) => Number.isSafeInteger(value),
  float: (value) => typeof value === 'number',
  double: (value) => typeof value === 'number',
  string: (value) => typeof value === 'string',
  datetime: (value) => typeof value === 'string' && !Number.isNaN(Date.parse(value)),
};

/** Checks the params that the signature declares. Others are ignored, and so are all of a model that declares none. */
export function checkParams(params: unknown, { params: declared }: Schema): void {
  if (declared.length === 0 || params === undefined || params === null) return;
  if (!isObject(params)) throw invalidParameter(`params is ${show(params)}; it must be an object of named values.`);
  for (const { name, type, isList } of declared) {
    const value = params[name];
    if (value === undefined || value === null) continue;
    const fits = paramFits[type] ?? (() => true);
    const isFine = isList ? Array.isArray(value) && value.every(fits) : fits(value);
    if (isFine) continue;
    throw invalidParameter(
      `Invalid parameters found: params.${name} is ${show(value)}; the signature declares ${isList ? `a list of ${type}` : `a ${type}`}.`,
    );
  }
}
