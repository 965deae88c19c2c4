/**
 * The plan: a definition resolved against the columns of its tables. Both compilers start from it and add no meaning.
 *
 * A source is a stream of rows. Features that look rows up by the same keys of the same source share a *group*; in a group,
 * every (window, measure) pair is one integer *cell*, and every `last` with its condition is one remembered row. A view's
 * entity gives a *lookup*: how to make a group's key from a request. A *term* is an aggregate of the definition: a lookup
 * and its cells. A feature is an expression over request inputs and terms.
 *
 * Windows are half-open intervals of t: a row counts while `enter <= t < leave`, with `enter = max(event_time, known_at)`
 * and `leave = min(event_time + width, known_at of the next version)`; `edges: closed` makes the width one tick longer.
 */
import type { Definition, RowsDefinition, SourceDefinition } from './definition.ts';
import { own, serviceDigest } from './definition.ts';
import { parseDuration, parseExpression } from './expression.ts';
import type { Place } from './problem.ts';
import { listNames, problemAt } from './problem.ts';
import type { LookupPlan, TermPlan } from './terms.ts';
import { createTermBuilder } from './terms.ts';
import type { GroupPlan, MeasurePlan } from './terms.ts';
import type { Typed, ValueType } from './typed.ts';
import type { Scope } from './typing.ts';
import { referencesOf } from './typed.ts';
import { reference, typeExpression } from './typing.ts';
import type { Zone } from './zone.ts';
import { createZone } from './zone.ts';

export type { GroupPlan, LookupPlan, MeasurePlan, TermPlan } from './terms.ts';

/** A column as DuckDB describes it. */
export interface TableColumn {
  readonly name: string;
  readonly type: string;
}
export type TableSchemas = ReadonlyMap<string, readonly TableColumn[]>;

export interface NamedValue {
  readonly name: string;
  readonly type: ValueType;
  readonly value: Typed;
}

export interface SourcePlan {
  readonly index: number;
  readonly name: string;
  readonly table: string;
  /** The table's columns that the source reads, with the types they take on. References carry the column's name. */
  readonly raw: readonly { readonly name: string; readonly type: ValueType }[];
  readonly eventTime: Typed;
  /** May also refer to `event_time`, as reference `@event_time`. */
  readonly knownAt: Typed | undefined;
  readonly where: Typed | undefined;
  readonly tie: Typed | undefined;
  readonly versionKey: Typed | undefined;
  readonly withdrawn: Typed | undefined;
  readonly keys: readonly NamedValue[];
  readonly columns: readonly NamedValue[];
  /** Integer contributions, over the source's keys, columns, `event_time` and `known_at`. Never null. */
  readonly measures: readonly MeasurePlan[];
  readonly groups: readonly GroupPlan[];
}

export interface FeaturePlan {
  readonly view: string;
  readonly name: string;
  readonly type: ValueType;
  readonly value: Typed;
  /** `exact`: bit-equal online and offline. The only class so far. */
  readonly class: 'exact';
}

export interface RowsPlan {
  readonly table: string;
  readonly raw: SourcePlan['raw'];
  readonly id: Typed | undefined;
  /** Over columns of the table. */
  readonly at: Typed | undefined;
  /** By name of the entity or request input. */
  readonly inputs: readonly NamedValue[];
  readonly label: { readonly name: string; readonly value: Typed; readonly knownAt: Typed } | undefined;
  readonly extra: readonly string[];
}

export interface ServicePlan {
  readonly name: string;
  readonly digest: string;
  readonly features: readonly FeaturePlan[];
  /** Over request inputs: the instant of a training row. */
  readonly at: Typed | undefined;
  readonly rows: RowsPlan | undefined;
}

export interface Plan {
  readonly definition: Definition;
  readonly zone: Zone;
  /** Entities, then request inputs: what a request may carry. Referred to as `$name`; `$now` is t. */
  readonly inputs: readonly { readonly name: string; readonly type: ValueType }[];
  readonly sources: readonly SourcePlan[];
  readonly lookups: readonly LookupPlan[];
  /** Term i is reference `#i`. */
  readonly terms: readonly TermPlan[];
  readonly services: ReadonlyMap<string, ServicePlan>;
}

const integerTypes = new Set([
  'TINYINT',
  'SMALLINT',
  'INTEGER',
  'BIGINT',
  'UTINYINT',
  'USMALLINT',
  'UINTEGER',
  'UBIGINT',
]);

/** The type that a DuckDB column takes on, or undefined where it has none here. */
export function columnType(type: string): ValueType | undefined {
  if (integerTypes.has(type)) return 'int';
  if (type === 'DOUBLE' || type === 'FLOAT' || type.startsWith('DECIMAL')) return 'float';
  if (type === 'VARCHAR' || type.startsWith('ENUM')) return 'string';
  if (type === 'BOOLEAN') return 'bool';
  if (type.startsWith('TIMESTAMP') || type === 'DATE') return 'time';
  return undefined;
}

/**
 * Resolves a definition. `services` limits the plan to some services and to the sources that they need, so that tables of
 * others may be absent. Throws `features_invalid`.
 */
export function createPlan(definition: Definition, schemas: TableSchemas, services?: readonly string[]): Plan {
  const zone = zoneOf(definition);
  const serviceNames = services ?? Object.keys(definition.services);
  const inputs = [...Object.entries(definition.entities), ...Object.entries(definition.request)].map(
    ([name, type]) => ({ name, type }),
  );
  const requestNames = new Map<string, Typed>(inputs.map(({ name, type }) => [name, reference(`$${name}`, type)]));
  requestNames.set('now', requestNames.get('now') ?? reference('$now', 'time'));

  const usedViews = new Set<string>();
  for (const name of serviceNames) {
    for (const path of own(definition.services, name)?.features ?? []) usedViews.add(path.split('.')[0] ?? '');
  }
  const usedSources = new Set([...usedViews].map((name) => own(definition.views, name)?.source));
  const rowSources = Object.entries(definition.sources)
    .filter(([name]) => usedSources.has(name))
    .map(([name, source], index) => planSource({ index, name, source, schemas, zone, definition }));

  const terms = createTermBuilder(rowSources, zone);
  const features = new Map<string, FeaturePlan>();
  for (const [viewName, view] of Object.entries(definition.views)) {
    if (!usedViews.has(viewName)) continue;
    const place: Place = ['views', viewName];
    const source = rowSources.find(({ name }) => name === view.source);
    if (view.source !== undefined && !source) {
      throw problemAt(
        [...place, 'source'],
        view.source,
        'is not a source',
        `Sources: ${listNames(Object.keys(definition.sources))}.`,
      );
    }
    const request: Omit<Scope, 'place'> = { subject: 'entities and request inputs', names: requestNames, zone };
    const aggregate =
      source &&
      terms.forView({
        source,
        keys: Object.entries(view.entity ?? {}).map(([name, text]) => ({
          name,
          value: typed(text, { ...request, place: [...place, 'entity', name] }),
        })),
        place,
        isClosed: view.edges === 'closed',
        withinUs: view.within === undefined ? undefined : parseDuration(view.within, place),
      });
    for (const [name, text] of Object.entries(view.features)) {
      const featurePlace = [...place, 'features', name];
      const value = typed(text, {
        ...request,
        place: featurePlace,
        ...(aggregate ? { aggregate: aggregate(featurePlace) } : {}),
      });
      if (!['int', 'float', 'bool'].includes(value.type)) {
        throw problemAt(
          featurePlace,
          text,
          `is ${value.type}`,
          'A feature is an int, a float or a bool: use minutes(), seconds() or a comparison.',
        );
      }
      features.set(`${viewName}.${name}`, { view: viewName, name, type: value.type, value, class: 'exact' });
    }
  }

  const plans = new Map<string, ServicePlan>();
  for (const name of serviceNames) {
    const service = own(definition.services, name);
    if (!service)
      throw problemAt(
        ['services'],
        name,
        'is not a service',
        `Services: ${listNames(Object.keys(definition.services))}.`,
      );
    const scope: Scope = {
      place: ['services', name, 'at'],
      subject: 'entities and request inputs',
      names: requestNames,
      zone,
    };
    const at = service.at === undefined ? undefined : wantType(typed(service.at, scope), ['time'], scope.place);
    plans.set(name, {
      name,
      digest: serviceDigest(definition, name, zone.digest),
      // definition.ts resolved every path to a feature of a view.
      features: service.features.flatMap((path) => features.get(path) ?? []),
      at,
      rows: service.rows && planRows(service.rows, { place: ['services', name, 'rows'], schemas, zone, inputs }),
    });
  }
  return { definition, zone, inputs, sources: rowSources, lookups: terms.lookups, terms: terms.terms, services: plans };
}

function zoneOf(definition: Definition): Zone {
  try {
    return createZone(definition.time.zone);
  } catch {
    throw problemAt(
      ['time', 'zone'],
      definition.time.zone,
      'is not an IANA time zone',
      'Use a name such as Europe/Berlin or UTC.',
    );
  }
}

const typed = (text: string, scope: Scope): Typed => typeExpression(parseExpression(text, scope.place), scope);

function wantType(value: Typed, types: readonly ValueType[], place: Place): Typed {
  if (types.includes(value.type)) return value;
  throw problemAt(place, value.type, `is not ${listNames(types)}`, `Give an expression of type ${listNames(types)}.`);
}

function tableNames(table: string, schemas: TableSchemas, place: Place): ReadonlyMap<string, Typed> {
  const columns = schemas.get(table);
  if (!columns) throw problemAt(place, table, 'is a table that was not given', `Tables: ${listNames(schemas.keys())}.`);
  const names = new Map<string, Typed>();
  for (const { name, type } of columns) {
    const valueType = columnType(type);
    if (valueType) names.set(name, reference(name, valueType));
  }
  return names;
}

function usedColumns(names: ReadonlyMap<string, Typed>, values: readonly (Typed | undefined)[]): SourcePlan['raw'] {
  const used = new Set<string>();
  for (const value of values) if (value) referencesOf(value, used);
  return [...used].sort().flatMap((name) => {
    const found = names.get(name);
    return found ? [{ name, type: found.type }] : [];
  });
}

interface SourceInput {
  readonly index: number;
  readonly name: string;
  readonly source: SourceDefinition;
  readonly schemas: TableSchemas;
  readonly zone: Zone;
  readonly definition: Definition;
}

/** A source whose measures and groups are still empty: the term builder fills them. */
export interface RowSource extends SourcePlan {
  readonly measures: MeasurePlan[];
  readonly groups: GroupPlan[];
  /** What features may name inside an aggregate. */
  readonly rowNames: ReadonlyMap<string, Typed>;
}

function planSource({ index, name, source, schemas, zone, definition }: SourceInput): RowSource {
  const place: Place = ['sources', name];
  const names = tableNames(source.table, schemas, [...place, 'table']);
  const scope = (key: readonly string[], extra: ReadonlyMap<string, Typed> = names): Scope => ({
    place: [...place, ...key],
    subject: `columns of table ${source.table}`,
    names: extra,
    zone,
  });
  const optional = (
    key: 'where' | 'tie' | 'version_key' | 'withdrawn',
    types: readonly ValueType[],
  ): Typed | undefined => {
    const text = source[key];
    return text === undefined ? undefined : wantType(typed(text, scope([key])), types, [...place, key]);
  };
  const eventTime = wantType(typed(source.event_time, scope(['event_time'])), ['time'], [...place, 'event_time']);
  const withEventTime = new Map(names).set('event_time', reference('@event_time', 'time'));
  const knownAt =
    source.known_at === undefined
      ? undefined
      : wantType(typed(source.known_at, scope(['known_at'], withEventTime)), ['time'], [...place, 'known_at']);
  const keys = Object.entries(source.keys).map(([key, text]): NamedValue => {
    const value = wantType(typed(text, scope(['keys', key])), ['string', 'int', 'time'], [...place, 'keys', key]);
    const entity = own(definition.entities, key);
    if (entity !== undefined && entity !== value.type) {
      throw problemAt(
        [...place, 'keys', key],
        text,
        `is ${value.type}, but entity ${key} is ${entity}`,
        'Make the two types equal.',
      );
    }
    return { name: key, type: value.type, value };
  });
  const columns = Object.entries(source.columns).map(([column, { type, expr }]): NamedValue => {
    const at = [...place, 'columns', column];
    const value = typed(type === 'float' ? `float(${expr})` : expr, scope(['columns', column]));
    return { name: column, type, value: wantType(value, [type], at) };
  });
  const rowNames = new Map<string, Typed>([
    ['event_time', reference('@event_time', 'time')],
    ['known_at', reference('@known_at', 'time')],
  ]);
  for (const { name: rowName, type, value } of [...keys, ...columns]) {
    if (rowNames.has(rowName))
      throw problemAt(
        [...place, 'columns', rowName],
        rowName,
        'is the name of a key or of a time already',
        'Rename the column.',
      );
    rowNames.set(rowName, reference(rowName, type, { low: value.low, high: value.high }));
  }
  const parts = {
    eventTime,
    knownAt,
    where: optional('where', ['bool']),
    tie: optional('tie', ['int', 'time', 'float']),
    versionKey: optional('version_key', ['string', 'int']),
    withdrawn: optional('withdrawn', ['bool']),
  };
  const values = [...Object.values(parts), ...keys.map(({ value }) => value), ...columns.map(({ value }) => value)];
  return {
    index,
    name,
    table: source.table,
    raw: usedColumns(names, values),
    ...parts,
    keys,
    columns,
    measures: [],
    groups: [],
    rowNames,
  };
}

interface RowsInput {
  readonly place: Place;
  readonly schemas: TableSchemas;
  readonly zone: Zone;
  readonly inputs: Plan['inputs'];
}

/** Undefined when the table is not among the schemas: serving needs no training rows. */
function planRows(rows: RowsDefinition, { place, schemas, zone, inputs }: RowsInput): RowsPlan | undefined {
  if (!schemas.has(rows.table)) return undefined;
  const names = tableNames(rows.table, schemas, [...place, 'table']);
  const column = (text: string, ...key: string[]): Typed =>
    typed(text, { place: [...place, ...key], subject: `columns of table ${rows.table}`, names, zone });
  const given = [...Object.entries(rows.keys), ...Object.entries(rows.request)].map(([name, text]): NamedValue => {
    const at = [...place, Object.hasOwn(rows.keys, name) ? 'keys' : 'request', name];
    const input = inputs.find((candidate) => candidate.name === name);
    if (!input)
      throw problemAt(
        at,
        name,
        'is neither an entity nor a request input',
        `Use ${listNames(inputs.map((known) => known.name))}.`,
      );
    const value = column(input.type === 'float' ? `float(${text})` : text, ...at.slice(place.length).map(String));
    return { name, type: input.type, value: wantType(value, [input.type], at) };
  });
  const label = rows.label && {
    name: rows.label.name,
    value: wantType(column(rows.label.value, 'label', 'value'), ['bool', 'int', 'float'], [...place, 'label', 'value']),
    knownAt: wantType(column(rows.label.known_at, 'label', 'known_at'), ['time'], [...place, 'label', 'known_at']),
  };
  const id = rows.id === undefined ? undefined : wantType(column(rows.id, 'id'), ['string', 'int'], [...place, 'id']);
  const at = rows.at === undefined ? undefined : wantType(column(rows.at, 'at'), ['time'], [...place, 'at']);
  const raw = usedColumns(names, [id, at, ...given.map(({ value }) => value), label?.value, label?.knownAt]);
  return { table: rows.table, raw, id, at, inputs: given, label, extra: rows.extra };
}
