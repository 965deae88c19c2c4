/** Fields of a form made from the JSON Schema of a pipeline's parameters. */

export interface Field {
  readonly name: string;
  readonly kind: 'text' | 'number' | 'check' | 'choice' | 'json';
  readonly isRequired: boolean;
  readonly isInteger: boolean;
  /** Text that a number may be typed into as well: the schema takes both. */
  readonly takesNumber: boolean;
  readonly choices: readonly string[];
  readonly min: number | undefined;
  readonly max: number | undefined;
  /** What it is and what is taken, in words. */
  readonly hint: string;
  readonly placeholder: string;
  readonly initial: string;
}

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The alternatives of a schema, itself when there is one. */
function branches(schema: Json): readonly Json[] {
  const given = schema['anyOf'] ?? schema['oneOf'];
  return Array.isArray(given) ? given.filter(isObject).flatMap(branches) : [schema];
}

const typesOf = (schema: Json): readonly string[] => {
  const { type } = schema;
  return Array.isArray(type) ? type.map(String) : typeof type === 'string' ? [type] : [];
};

const bound = (value: unknown): number | undefined =>
  typeof value === 'number' && Math.abs(value) < Number.MAX_SAFE_INTEGER ? value : undefined;

export function textOf(value: unknown): string {
  if (value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

export function fieldsOf(schema: Json): readonly Field[] {
  const { properties } = schema;
  if (!isObject(properties)) return [];
  const required = new Set(Array.isArray(schema['required']) ? schema['required'] : []);
  return Object.entries(properties).flatMap(([name, given]) =>
    isObject(given) ? [fieldOf(name, given, required.has(name))] : [],
  );
}

function fieldOf(name: string, schema: Json, isRequired: boolean): Field {
  const all = branches(schema);
  const types = new Set(all.flatMap(typesOf));
  const choices = all.flatMap((b) =>
    Array.isArray(b['enum']) ? b['enum'].map(textOf) : 'const' in b ? [textOf(b['const'])] : [],
  );
  const isNumber = types.size > 0 && [...types].every((t) => t === 'integer' || t === 'number');
  const isText = [...types].every((t) => t === 'string' || t === 'integer' || t === 'number') && types.has('string');
  const kind =
    choices.length > 0 && choices.length === all.flatMap((b) => (Array.isArray(b['enum']) ? b['enum'] : [b])).length
      ? 'choice'
      : types.size === 1 && types.has('boolean')
        ? 'check'
        : isNumber
          ? 'number'
          : isText
            ? 'text'
            : 'json';
  const [first = schema] = all;
  const min = isNumber ? bound(first['minimum']) : undefined;
  const max = isNumber ? bound(first['maximum']) : undefined;
  const isInteger = isNumber && types.size === 1 && types.has('integer');
  const isTime = all.some((b) => b['format'] === 'date-time');
  return {
    name,
    kind,
    isRequired: isRequired && schema['default'] === undefined,
    isInteger,
    takesNumber: isText && (types.has('integer') || types.has('number')),
    choices,
    min,
    max,
    hint: hintOf({ schema, isInteger, min, max, kind }),
    placeholder: isTime ? '2013-04-01T04:00:00Z' : '',
    initial: textOf(schema['default']),
  };
}

interface Told {
  readonly schema: Json;
  readonly isInteger: boolean;
  readonly min: number | undefined;
  readonly max: number | undefined;
  readonly kind: Field['kind'];
}

function hintOf({ schema, isInteger, min, max, kind }: Told): string {
  const { description } = schema;
  const range =
    min !== undefined && max !== undefined
      ? `${min} to ${max}`
      : min !== undefined
        ? `at least ${min}`
        : max !== undefined
          ? `at most ${max}`
          : '';
  return [
    typeof description === 'string' ? description : '',
    [isInteger ? 'whole number' : '', range].filter((t) => t !== '').join(', '),
    kind === 'json' ? 'JSON' : '',
    schema['default'] === undefined ? '' : `${textOf(schema['default'])} unless said`,
  ]
    .filter((t) => t !== '')
    .join('; ');
}

export type Read = { readonly value: unknown } | { readonly problem: string } | undefined;

/** The value of what was typed; undefined when nothing was, so that the default counts. */
export function read(field: Field, text: string): Read {
  const typed = text.trim();
  if (field.kind === 'check') return text === '' ? undefined : { value: text === 'true' };
  if (typed === '') return field.isRequired ? { problem: 'This parameter must be given.' } : undefined;
  if (field.kind === 'number') return readNumber(field, typed);
  if (field.takesNumber && /^-?\d+(?:\.\d+)?$/.test(typed)) return { value: Number(typed) };
  if (field.kind !== 'json') return { value: field.kind === 'choice' ? parsed(typed) : typed };
  try {
    return { value: JSON.parse(typed) as unknown };
  } catch {
    return { problem: 'This is not JSON.' };
  }
}

/** A choice may be a number or true; its spelling is JSON unless it is text. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function readNumber({ isInteger, min, max }: Field, typed: string): Read {
  const value = Number(typed);
  if (Number.isNaN(value)) return { problem: 'This is not a number.' };
  if (isInteger && !Number.isInteger(value)) return { problem: 'This must be a whole number.' };
  if (min !== undefined && value < min) return { problem: `At least ${min}.` };
  if (max !== undefined && value > max) return { problem: `At most ${max}.` };
  return { value };
}
