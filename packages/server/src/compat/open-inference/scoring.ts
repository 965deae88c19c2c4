/**
 * The request bodies of MLflow's scoring server (`/invocations`, MLflow 3): exactly one of dataframe_split,
 * dataframe_records, instances and inputs. Answers are `{"predictions": [score, ...]}`.
 *
 * Rows with names are matched by name and further columns are dropped, as MLflow's schema enforcement does; rows without
 * names are taken in the order of the endpoint's columns.
 */
import type { Instance } from '@slipway/contract';
import { instancesPerRequestMax, SlipwayError } from '@slipway/contract';
import type { ForeignAnswer } from '../../platform/http/foreign.ts';
import { refuse, show } from './errors.ts';
import type { EndpointInputs } from './ports.ts';
import { isObject } from './tensors.ts';
import type { InputValue } from './tensors.ts';

const operation = 'invocations';
const forms = ['dataframe_split', 'dataframe_records', 'instances', 'inputs'] as const;

type Row = Readonly<Record<string, InputValue>>;

/** Throws `request_invalid` naming the place. */
export function parseInvocation(json: unknown, inputs: EndpointInputs): Instance[] {
  if (!isObject(json)) throw refuse(operation, `the body is ${show(json)}; it must be an object`);
  const given = forms.filter((form) => Object.hasOwn(json, form));
  const [form] = given;
  if (given.length !== 1 || form === undefined) {
    throw refuse(
      operation,
      `the body has ${given.length === 0 ? 'none' : 'more than one'} of ${forms.join(', ')}; it must have exactly one`,
    );
  }
  const rows = readForm(form, json[form], inputs);
  if (rows.length === 0 || rows.length > instancesPerRequestMax) {
    throw refuse(operation, `${form} has ${rows.length} rows; one request takes 1 to ${instancesPerRequestMax}`);
  }
  return rows.map((row) => ({ inputs: row }));
}

function readForm(form: (typeof forms)[number], value: unknown, inputs: EndpointInputs): Row[] {
  switch (form) {
    case 'dataframe_split':
      return readSplit(value, inputs);
    case 'dataframe_records':
      if (!Array.isArray(value))
        throw refuse(operation, `dataframe_records is ${show(value)}; it must be a list of objects`);
      return value.map((row: unknown, i) => readRecord(row, `dataframe_records[${i}]`, inputs));
    case 'instances':
      if (!Array.isArray(value)) throw refuse(operation, `instances is ${show(value)}; it must be a list`);
      return value.map((row: unknown, i) =>
        isObject(row) ? readRecord(row, `instances[${i}]`, inputs) : readPositional(row, `instances[${i}]`, inputs),
      );
    case 'inputs':
      if (isObject(value)) return readColumns(value, inputs);
      if (!Array.isArray(value)) throw refuse(operation, `inputs is ${show(value)}; it must be an object or a list`);
      return value.map((row: unknown, i) => readPositional(row, `inputs[${i}]`, inputs));
  }
}

function readSplit(value: unknown, inputs: EndpointInputs): Row[] {
  if (!isObject(value) || !Array.isArray(value['data'])) {
    throw refuse(operation, `dataframe_split is ${show(value)}; it must be an object with columns and data`);
  }
  const columns = value['columns'];
  if (columns === undefined) {
    return value['data'].map((row: unknown, i) => readPositional(row, `dataframe_split.data[${i}]`, inputs));
  }
  if (!Array.isArray(columns) || !columns.every((name) => typeof name === 'string')) {
    throw refuse(operation, `dataframe_split.columns is ${show(columns)}; it must be a list of names`);
  }
  const names: readonly string[] = columns;
  if (new Set(names).size !== names.length) throw refuse(operation, 'dataframe_split.columns names a column twice');
  return value['data'].map((row: unknown, i) => {
    const place = `dataframe_split.data[${i}]`;
    if (!Array.isArray(row) || row.length !== names.length) {
      throw refuse(operation, `${place} is ${show(row)}; it must be a list of ${names.length} values`);
    }
    return readRecord(Object.fromEntries(names.map((name, k): [string, unknown] => [name, row[k]])), place, inputs);
  });
}

/** An object of columns: every value a list of equal length, or every value a scalar (one row). */
function readColumns(value: Readonly<Record<string, unknown>>, inputs: EndpointInputs): Row[] {
  const entries = Object.entries(value).map(([name, column]): [string, unknown[]] => [
    name,
    Array.isArray(column)
      ? column.map((item: unknown) => (Array.isArray(item) && item.length === 1 ? (item[0] as unknown) : item))
      : [column],
  ]);
  const rowCount = entries[0]?.[1].length ?? 0;
  for (const [name, column] of entries) {
    if (column.length !== rowCount) {
      throw refuse(operation, `inputs.${name} has ${column.length} values, but ${entries[0]?.[0]} has ${rowCount}`);
    }
  }
  return Array.from({ length: rowCount }, (_, row) =>
    readRecord(
      Object.fromEntries(entries.map(([name, column]): [string, unknown] => [name, column[row]])),
      `inputs, row ${row}`,
      inputs,
    ),
  );
}

function readPositional(row: unknown, place: string, inputs: EndpointInputs): Row {
  if (inputs.usesFeatures) {
    throw refuse(
      operation,
      `${place} has no names; this endpoint reads features by named keys, so send objects or columns`,
    );
  }
  const values: readonly unknown[] = Array.isArray(row) ? row : [row];
  if (values.length !== inputs.columns.length) {
    throw refuse(operation, `${place} has ${values.length} values; the endpoint takes ${inputs.columns.length}`);
  }
  return readRecord(
    Object.fromEntries(inputs.columns.map(({ name }, k): [string, unknown] => [name, values[k]])),
    place,
    inputs,
  );
}

function readRecord(row: unknown, place: string, inputs: EndpointInputs): Row {
  if (!isObject(row)) throw refuse(operation, `${place} is ${show(row)}; it must be an object`);
  const wanted = new Map(inputs.columns.map((column) => [column.name, column.type]));
  const values: Record<string, InputValue> = {};
  for (const [name, value] of Object.entries(row)) {
    const type = wanted.get(name);
    if (type === undefined && !inputs.usesFeatures) continue;
    const isScalar = value === null || ['number', 'string', 'boolean'].includes(typeof value);
    const isWanted = value === null || type === undefined || (type === 'text') === (typeof value === 'string');
    if (!isScalar || !isWanted) {
      const kind = type === 'text' ? 'a text' : type === 'number' ? 'a number' : 'a single value';
      throw refuse(operation, `${place}.${name} is ${show(value)}; it must be ${kind} or null`);
    }
    values[name] = value as InputValue; // checked above
  }
  for (const name of wanted.keys()) {
    if (!Object.hasOwn(values, name)) throw refuse(operation, `${place} has no column "${name}"`);
  }
  return values;
}

const json = { 'content-type': 'application/json' };

export function scoringError(error: unknown): ForeignAnswer {
  const known =
    error instanceof SlipwayError ? error : new SlipwayError('internal', { incident: 'see the server log' });
  const code = known.status === 404 ? 'RESOURCE_DOES_NOT_EXIST' : known.status < 500 ? 'BAD_REQUEST' : 'INTERNAL_ERROR';
  return { status: known.status, headers: json, body: JSON.stringify({ error_code: code, message: known.message }) };
}
