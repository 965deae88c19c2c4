/**
 * One request to MLflow's scoring server (protocol of MLflow 3): bytes to instances, predictions to bytes.
 *
 * JSON has exactly one of dataframe_split, dataframe_records, instances and inputs; CSV has a header line. Rows with names are
 * matched by name and further columns are dropped; rows without names are taken in the order of the model's columns, where
 * its signature does not name them.
 */
import type { Instance, Prediction } from '@slipway/contract';
import { instancesPerRequestMax } from '@slipway/contract';
import { readCsv } from './csv.ts';
import { badRequest, invalidParameter, show } from './errors.ts';
import { isObject, parseLenientJson } from './json.ts';
import type { InputValue, Schema } from './schema.ts';
import { castValue, checkParams, freeValue } from './schema.ts';

const forms = ['dataframe_split', 'dataframe_records', 'instances', 'inputs'] as const;
type Form = (typeof forms)[number];

/** Rows as they came. A name that a row lacks, but another row has, is missing in it. */
type Table =
  | { readonly names: readonly string[]; readonly rows: readonly Row[] }
  | { readonly names: undefined; readonly rows: readonly PlainRow[] };

interface Row {
  readonly place: string;
  readonly get: (name: string) => unknown;
}

interface PlainRow {
  readonly place: string;
  readonly values: readonly unknown[];
}

export interface InvocationBody {
  readonly bytes: Uint8Array;
  readonly isCsv: boolean;
}

/** Empty for a table that has the columns and no rows. Throws refusals that name the place. */
export function parseInvocation({ bytes, isCsv }: InvocationBody, schema: Schema): Instance[] {
  const text = decode(bytes);
  return toInstances(isCsv ? csvTable(text) : jsonTable(text, schema), schema);
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw badRequest('The body is not UTF-8.');
  }
}

function csvTable(text: string): Table {
  const { names, rows } = readCsv(text, instancesPerRequestMax);
  return namedLists(names, rows, (i) => `CSV row ${i + 1}`);
}

function jsonTable(text: string, schema: Schema): Table {
  let json: unknown;
  try {
    json = parseLenientJson(text);
  } catch (error) {
    throw badRequest(
      `The body is not valid JSON: ${error instanceof Error ? error.message.slice(0, 200) : 'unreadable'}`,
    );
  }
  if (!isObject(json))
    throw badRequest(`The body is ${show(json)}; it must be an object with one of ${forms.join(', ')}.`);
  const given = forms.filter((form) => Object.hasOwn(json, form));
  const [form] = given;
  if (given.length !== 1 || form === undefined) {
    const found = given.length === 0 ? `none; its members are ${show(Object.keys(json))}` : given.join(' and ');
    throw badRequest(`The body must have exactly one of ${forms.join(', ')}. It has ${found}.`);
  }
  checkParams(json['params'], schema);
  return readForm(form, json[form]);
}

function readForm(form: Form, value: unknown): Table {
  switch (form) {
    case 'dataframe_split':
      return splitTable(value);
    case 'dataframe_records':
      if (!Array.isArray(value)) throw badRequest(`dataframe_records is ${show(value)}; it must be a list of records.`);
      return listTable(form, value);
    case 'instances':
    case 'inputs':
      if (isObject(value)) return columnTable(form, value);
      return listTable(form, Array.isArray(value) ? value : [value]);
  }
}

function splitTable(value: unknown): Table {
  if (!isObject(value)) throw badRequest(`dataframe_split is ${show(value)}; it must be an object.`);
  const further = Object.keys(value).find((key) => !['columns', 'data', 'index'].includes(key));
  const { data, columns = null } = value;
  if (further !== undefined || !Array.isArray(data)) {
    throw badRequest(
      `dataframe_split must have a list "data", and may have "columns" and "index"${further === undefined ? '' : `; it has "${further.slice(0, 100)}"`}.`,
    );
  }
  if (columns === null) return listTable('dataframe_split.data', data);
  if (!Array.isArray(columns) || !columns.every((name) => typeof name === 'string'))
    throw badRequest(`dataframe_split.columns is ${show(columns)}; it must be a list of names.`);
  if (new Set(columns).size !== columns.length)
    throw invalidParameter(`dataframe_split.columns is ${show(columns)}; a name comes twice.`);
  return namedLists(columns, data, (i) => `dataframe_split.data[${i}]`);
}

function namedLists(names: readonly string[], data: readonly unknown[], placeOf: (i: number) => string): Table {
  const positions = new Map(names.map((name, i) => [name, i]));
  const rows = data.map((row, i): Row => {
    const place = placeOf(i);
    if (!Array.isArray(row) || row.length !== names.length)
      throw badRequest(`${place} is ${show(row)}; it must be a list of ${names.length} values.`);
    const values: readonly unknown[] = row;
    return { place, get: (name) => values[positions.get(name) ?? -1] };
  });
  return { names, rows };
}

/** Objects, or lists, or single values: all of one kind. */
function listTable(place: string, list: readonly unknown[]): Table {
  if (!isObject(list[0])) {
    return {
      names: undefined,
      rows: list.map((row, i) => {
        if (isObject(row)) throw badRequest(`${place}[${i}] is ${show(row)}; ${place}[0] is no object.`);
        return { place: `${place}[${i}]`, values: Array.isArray(row) ? (row as unknown[]) : [row] };
      }),
    };
  }
  const names = new Set<string>();
  const rows = list.map((row, i): Row => {
    if (!isObject(row)) throw badRequest(`${place}[${i}] is ${show(row)}; it must be an object like ${place}[0].`);
    for (const name of Object.keys(row)) names.add(name);
    // Of instances MLflow makes columns, which must be of one length: a gap is not a missing value there.
    if (place === 'instances' && Object.keys(row).length !== Object.keys(list[0] ?? {}).length)
      throw badRequest(`${place}[${i}] is ${show(row)}; it must have the members of ${place}[0].`);
    return { place: `${place}[${i}]`, get: (name) => (Object.hasOwn(row, name) ? row[name] : undefined) };
  });
  return { names: [...names], rows };
}

/** An object of columns: every value a list of equal length, or every value a scalar (one row). */
function columnTable(place: string, value: Readonly<Record<string, unknown>>): Table {
  const names = Object.keys(value);
  const columns = new Map(
    names.map((name): [string, readonly unknown[]] => {
      const column = value[name];
      return [name, Array.isArray(column) ? column.map(unwrapped) : [column]];
    }),
  );
  const [first] = columns;
  const rowCount = first?.[1].length ?? 0;
  for (const [name, column] of columns) {
    if (column.length === rowCount) continue;
    const problem = `${place}.${name} has ${column.length} values, but ${place}.${first?.[0]} has ${rowCount}.`;
    throw place === 'instances' ? badRequest(problem) : invalidParameter(problem);
  }
  const rows = Array.from({ length: rowCount }, (_, row) => ({
    place: `${place}, row ${row}`,
    get: (name: string) => columns.get(name)?.[row],
  }));
  return { names, rows };
}

/** A column of a tensor has rows of one value. */
const unwrapped = (item: unknown): unknown => (Array.isArray(item) && item.length === 1 ? (item[0] as unknown) : item);

function toInstances(table: Table, schema: Schema): Instance[] {
  const { rows } = table;
  if (rows.length > instancesPerRequestMax)
    throw badRequest(`The request has ${rows.length} rows; one request takes at most ${instancesPerRequestMax}.`);
  if (table.names !== undefined) return namedInstances(table.names, table.rows, schema);
  if (rows.length === 0) throw invalidParameter('The request has no rows and no columns.');
  return positional(table.rows, schema);
}

function positional(rows: readonly PlainRow[], schema: Schema): Instance[] {
  const { columns, isNamed, usesFeatures } = schema;
  const [only] = columns;
  if ((isNamed && (columns.length !== 1 || only === undefined)) || usesFeatures) {
    const names = columns.map((column) => column.name);
    throw invalidParameter(
      `${rows[0]?.place} has no names, but the model names its inputs: ${show(names)}. Send objects, or a table with columns.`,
    );
  }
  return rows.map(({ place, values }) => {
    if (values.length !== columns.length)
      throw invalidParameter(`${place} has ${values.length} values; the model takes ${columns.length}.`);
    const inputs: Record<string, InputValue> = {};
    for (const [i, column] of columns.entries()) inputs[column.name] = castValue(values[i], column, `${place}[${i}]`);
    return { inputs };
  });
}

function namedInstances(names: readonly string[], rows: readonly Row[], schema: Schema): Instance[] {
  const { columns, isNamed, usesFeatures } = schema;
  const given = new Set(names);
  const wanted = columns.filter((column) => column.isRequired || given.has(column.name));
  const missing = wanted.filter((column) => !given.has(column.name)).map((column) => column.name);
  const canBePositional = !isNamed && !usesFeatures && missing.length === columns.length;
  if (canBePositional && names.length === columns.length) {
    return positional(
      rows.map(({ place, get }) => ({ place, values: names.map(get) })),
      schema,
    );
  }
  if (missing.length > 0) throw invalidParameter(`Model is missing inputs ${show(missing)}; ${show(names)} came.`);
  const optional = columns.filter((column) => !column.isRequired && !given.has(column.name));
  const known = new Set(columns.map((column) => column.name));
  const free = usesFeatures ? names.filter((name) => !known.has(name)) : [];
  return rows.map(({ place, get }) => {
    const inputs: Record<string, InputValue> = {};
    for (const column of wanted) inputs[column.name] = castValue(get(column.name), column, `${place}.${column.name}`);
    for (const { name } of optional) inputs[name] = null;
    for (const name of free) inputs[name] = freeValue(get(name) ?? null, `${place}.${name}`);
    return { inputs };
  });
}

/** `{"predictions": ...}` in the form of the model's declared output: of several classes the label, as scikit-learn's models answer. */
export function answerInvocation(predictions: readonly Prediction[], { output }: Schema): string {
  const scores = predictions.map(({ score, label }) => label ?? score);
  switch (output.form) {
    case 'list':
      return JSON.stringify({ predictions: scores });
    case 'records':
      return JSON.stringify({ predictions: scores.map((score) => ({ [output.name]: score })) });
    case 'arrays':
      return JSON.stringify({ predictions: { [output.name]: scores } });
  }
}
