/**
 * A feature definition: what people write in `features.yaml`, checked for shape and brought to one canonical form.
 *
 * The canonical form spells every expression from its tree, every duration in microseconds and every feature of a service
 * as `view.feature` in the order of the vector, so comments, key order, anchors and spaces never change a digest, while a
 * changed window or a changed order always does. It is itself a valid definition. Names inside expressions are checked
 * later, in `plan.ts`, when the columns of the tables are known.
 */
import type { SlipwayError } from '@slipway/contract';
import { Name } from '@slipway/contract';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { digestOfJson } from '../../lib/digest.ts';
import { parseDuration, parseExpression, printExpression } from './expression.ts';
import type { Place } from './problem.ts';
import { listNames, problemAt } from './problem.ts';

/** Bumped when the meaning of an operation or of the interval rule changes; part of every service digest. */
export const semanticsVersion = 1;

/** Largest definition, in characters of its source text or canonical JSON. */
const definitionLengthMax = 256 * 1024;
/** Most features in one service: the vector of one prediction. */
const featuresMax = 2000;

const Identifier = z
  .string()
  .regex(/^[A-Za-z_]\w{0,99}$/, 'a letter or underscore, then letters, digits and underscores');
const ExpressionText = z.string().min(1);
const ScalarType = z.enum(['int', 'float', 'bool', 'string', 'time']);
const KeyType = z.enum(['string', 'int', 'time']);
const named = <T extends z.ZodType>(value: T) => z.record(Identifier, value);
const Column = z.union([z.string(), z.strictObject({ type: ScalarType, expr: ExpressionText })]);

const Source = z.strictObject({
  table: Name,
  event_time: ExpressionText,
  known_at: ExpressionText.optional(),
  where: ExpressionText.optional(),
  keys: named(ExpressionText),
  tie: ExpressionText.optional(),
  columns: named(Column).default({}),
  version_key: ExpressionText.optional(),
  withdrawn: ExpressionText.optional(),
});
const View = z.strictObject({
  source: Identifier.optional(),
  entity: z.union([Identifier, z.array(Identifier).min(1), named(ExpressionText)]).optional(),
  edges: z.enum(['open', 'closed']).default('open'),
  within: z.string().optional(),
  features: named(ExpressionText),
});
const Rows = z.strictObject({
  table: Name,
  id: ExpressionText.optional(),
  at: ExpressionText.optional(),
  keys: named(ExpressionText),
  request: named(ExpressionText).default({}),
  label: z.strictObject({ name: Identifier, value: ExpressionText, known_at: ExpressionText }).optional(),
  extra: z.array(Identifier).default([]),
});
const Service = z.strictObject({
  at: ExpressionText.optional(),
  features: z.array(z.string()).min(1),
  rows: Rows.optional(),
});
/** The whole file, before names and expressions are checked. */
export const FeaturesFile = z.strictObject({
  features: Identifier,
  time: z
    .strictObject({ zone: z.string().default('UTC'), tick: z.literal('1us').default('1us') })
    .default({ zone: 'UTC', tick: '1us' }),
  entities: named(KeyType),
  request: named(ScalarType).default({}),
  sources: named(Source).default({}),
  views: named(View),
  services: named(Service),
});

export interface SourceDefinition {
  readonly table: string;
  readonly event_time: string;
  readonly known_at?: string;
  readonly where?: string;
  readonly keys: Readonly<Record<string, string>>;
  readonly tie?: string;
  readonly columns: Readonly<Record<string, { readonly type: z.infer<typeof ScalarType>; readonly expr: string }>>;
  readonly version_key?: string;
  readonly withdrawn?: string;
}
export interface ViewDefinition {
  readonly source?: string;
  readonly entity?: Readonly<Record<string, string>>;
  readonly edges: 'open' | 'closed';
  readonly within?: string;
  readonly features: Readonly<Record<string, string>>;
}
export interface RowsDefinition {
  readonly table: string;
  /** The row's number in its table where this is absent. */
  readonly id?: string;
  /** Over the table's columns; the service's own `at` is over request inputs. */
  readonly at?: string;
  readonly keys: Readonly<Record<string, string>>;
  readonly request: Readonly<Record<string, string>>;
  readonly label?: { readonly name: string; readonly value: string; readonly known_at: string };
  readonly extra: readonly string[];
}
export interface ServiceDefinition {
  readonly at?: string;
  /** `view.feature`, in the order of the vector. */
  readonly features: readonly string[];
  readonly rows?: RowsDefinition;
}
export interface Definition {
  readonly features: string;
  readonly time: { readonly zone: string; readonly tick: '1us' };
  readonly entities: Readonly<Record<string, z.infer<typeof KeyType>>>;
  readonly request: Readonly<Record<string, z.infer<typeof ScalarType>>>;
  readonly sources: Readonly<Record<string, SourceDefinition>>;
  readonly views: Readonly<Record<string, ViewDefinition>>;
  readonly services: Readonly<Record<string, ServiceDefinition>>;
}

/** A member that the record itself has: names come from outside, and `constructor` is one of them. */
export function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

/** Reads YAML or JSON text. Anchors and merge keys work. Throws `features_invalid`. */
export function parseDefinitionText(text: string): Definition {
  if (text.length > definitionLengthMax) {
    throw problemAt(
      [],
      `${text.length} characters`,
      `is longer than ${definitionLengthMax}`,
      'Split it into several feature sets.',
    );
  }
  let value: unknown;
  try {
    value = parseYaml(text, { merge: true });
  } catch (error) {
    const problem = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw problemAt([], text.slice(0, 40), `is not valid YAML: ${problem}`, 'Mend the YAML first.');
  }
  return parseDefinition(value);
}

/** Checks the shape of a parsed definition and returns its canonical form. Throws `features_invalid`. */
export function parseDefinition(value: unknown): Definition {
  refuseCycle(value, [], new Set());
  const parsed = FeaturesFile.safeParse(value);
  if (!parsed.success) throw shapeProblem(parsed.error, value);
  const written = parsed.data;
  const entities = written.entities;
  const views = mapEntries(written.views, (view, name) => canonicalView(view, ['views', name], Object.keys(entities)));
  const definition: Definition = {
    features: written.features,
    time: written.time,
    entities,
    request: written.request,
    sources: mapEntries(written.sources, (source, name) => canonicalSource(source, ['sources', name])),
    views,
    services: mapEntries(written.services, (service, name) => canonicalService(service, ['services', name], views)),
  };
  for (const name of Object.keys(definition.request)) {
    if (Object.hasOwn(entities, name)) {
      throw problemAt(
        ['request', name],
        name,
        'is also the name of an entity',
        'Rename one of the two: a request names both.',
      );
    }
  }
  return definition;
}

/** The identity of a whole definition. */
export function definitionDigest(definition: Definition): string {
  return digestOfJson({ semantics: semanticsVersion, definition });
}

/**
 * The identity of a service: of everything that its values depend on and nothing else. The ordered names are inside, since
 * they are the order of the vector; `rows` is not, since it only says where training rows come from.
 */
export function serviceDigest(definition: Definition, name: string, zoneDigest: string): string {
  const service = own(definition.services, name);
  if (!service)
    throw problemAt(
      ['services'],
      name,
      'is not a service',
      `Services: ${listNames(Object.keys(definition.services))}.`,
    );
  const features = service.features.map((path) => {
    const [viewName = '', featureName = ''] = path.split('.');
    const view = own(definition.views, viewName);
    const source = view?.source === undefined ? undefined : own(definition.sources, view.source);
    return {
      name: featureName,
      value: view?.features[featureName],
      entity: view?.entity,
      edges: view?.edges,
      within: view?.within,
      source,
    };
  });
  const { entities, request, time } = definition;
  return digestOfJson({
    semantics: semanticsVersion,
    zone: zoneDigest,
    time,
    entities,
    request,
    at: service.at,
    features,
  });
}

function canonicalSource(source: z.infer<typeof Source>, place: Place): SourceDefinition {
  const expression = (key: string, text: string): string => canonicalExpression(text, [...place, key]);
  const optional = (key: 'known_at' | 'where' | 'tie' | 'version_key' | 'withdrawn'): object =>
    source[key] === undefined ? {} : { [key]: expression(key, source[key]) };
  if (source.withdrawn !== undefined && source.version_key === undefined) {
    throw problemAt(
      [...place, 'withdrawn'],
      source.withdrawn,
      'has no version_key beside it',
      'Add version_key, the id of the event that a row withdraws.',
    );
  }
  return {
    table: source.table,
    event_time: expression('event_time', source.event_time),
    keys: mapEntries(source.keys, (text, name) => canonicalExpression(text, [...place, 'keys', name])),
    columns: mapEntries(source.columns, (column, name) => canonicalColumn(column, [...place, 'columns', name])),
    ...optional('known_at'),
    ...optional('where'),
    ...optional('tie'),
    ...optional('version_key'),
    ...optional('withdrawn'),
  };
}

function canonicalColumn(
  column: z.infer<typeof Column>,
  place: Place,
): { type: z.infer<typeof ScalarType>; expr: string } {
  if (typeof column !== 'string') return { type: column.type, expr: canonicalExpression(column.expr, place) };
  const match = /^\s*(int|float|bool|string|time)\s*=(?!=)\s*([\s\S]+)$/.exec(column);
  if (!match) {
    throw problemAt(
      place,
      column,
      'does not say its type',
      'Write "type = expression", with int, float, bool, string or time.',
    );
  }
  return { type: ScalarType.parse(match[1]), expr: canonicalExpression(match[2] ?? '', place) };
}

function canonicalView(view: z.infer<typeof View>, place: Place, entities: readonly string[]): ViewDefinition {
  const { source, entity, edges, within } = view;
  if ((source === undefined) !== (entity === undefined)) {
    const missing = source === undefined ? 'source' : 'entity';
    throw problemAt(
      place,
      missing,
      'is missing',
      'A view over events has a source and an entity; a view of request inputs has neither.',
    );
  }
  let keys: Record<string, string> | undefined;
  if (typeof entity === 'string' || Array.isArray(entity)) {
    keys = {};
    for (const name of [entity].flat()) {
      if (!entities.includes(name))
        throw problemAt([...place, 'entity'], name, 'is not an entity', `Entities: ${listNames(entities)}.`);
      keys[name] = name;
    }
  } else if (entity) {
    keys = mapEntries(entity, (text, name) => canonicalExpression(text, [...place, 'entity', name]));
  }
  return {
    ...(source === undefined ? {} : { source }),
    ...(keys === undefined ? {} : { entity: keys }),
    edges,
    ...(within === undefined ? {} : { within: `${parseDuration(within, [...place, 'within'])}us` }),
    features: mapEntries(view.features, (text, name) => canonicalExpression(text, [...place, 'features', name])),
  };
}

function canonicalService(
  service: z.infer<typeof Service>,
  place: Place,
  views: Readonly<Record<string, ViewDefinition>>,
): ServiceDefinition {
  const features: string[] = [];
  const seen = new Map<string, string>();
  service.features.forEach((item, index) => {
    const [viewName = '', featureName] = item.split('.');
    const view = own(views, viewName);
    if (!view)
      throw problemAt(
        [...place, 'features', index],
        item,
        'names an unknown view',
        `Views: ${listNames(Object.keys(views))}.`,
      );
    const names = featureName === undefined ? Object.keys(view.features) : [featureName];
    for (const name of names) {
      if (!Object.hasOwn(view.features, name)) {
        throw problemAt(
          [...place, 'features', index],
          item,
          'names an unknown feature',
          `Features of ${viewName}: ${listNames(Object.keys(view.features))}.`,
        );
      }
      const other = seen.get(name);
      if (other !== undefined) {
        throw problemAt(
          [...place, 'features', index],
          name,
          `comes from ${other} and from ${viewName}`,
          'A service needs distinct feature names.',
        );
      }
      seen.set(name, viewName);
      features.push(`${viewName}.${name}`);
    }
  });
  if (features.length > featuresMax) {
    throw problemAt(
      [...place, 'features'],
      `${features.length} features`,
      `is more than ${featuresMax}`,
      'Split the service.',
    );
  }
  const { at, rows } = service;
  if (at !== undefined && rows?.at !== undefined)
    throw problemAt(
      [...place, 'rows', 'at'],
      rows.at,
      'is a second instant of the rows',
      'Keep `at` of the service, over request inputs, or `at` of its rows, over columns of their table.',
    );
  return {
    ...(at === undefined ? {} : { at: canonicalExpression(at, [...place, 'at']) }),
    features,
    ...(rows === undefined ? {} : { rows: canonicalRows(rows, [...place, 'rows']) }),
  };
}

function canonicalRows(rows: z.infer<typeof Rows>, place: Place): RowsDefinition {
  const all = (key: 'keys' | 'request'): Record<string, string> =>
    mapEntries(rows[key], (text, name) => canonicalExpression(text, [...place, key, name]));
  for (const name of rows.extra) {
    if (Object.hasOwn(rows.keys, name) || Object.hasOwn(rows.request, name)) continue;
    throw problemAt(
      [...place, 'extra'],
      name,
      'is neither a key nor a request input of the rows',
      `Use ${listNames([...Object.keys(rows.keys), ...Object.keys(rows.request)])}.`,
    );
  }
  const label = rows.label && {
    name: rows.label.name,
    value: canonicalExpression(rows.label.value, [...place, 'label', 'value']),
    known_at: canonicalExpression(rows.label.known_at, [...place, 'label', 'known_at']),
  };
  return {
    table: rows.table,
    ...(rows.id === undefined ? {} : { id: canonicalExpression(rows.id, [...place, 'id']) }),
    ...(rows.at === undefined ? {} : { at: canonicalExpression(rows.at, [...place, 'at']) }),
    keys: all('keys'),
    request: all('request'),
    ...(label ? { label } : {}),
    extra: rows.extra,
  };
}

function canonicalExpression(text: string, place: Place): string {
  return printExpression(parseExpression(text, place));
}

function mapEntries<A, B>(
  record: Readonly<Record<string, A>>,
  change: (value: A, name: string) => B,
): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value, name)]));
}

/** YAML aliases can build a value that contains itself; nothing after this could read it. */
function refuseCycle(value: unknown, place: Place, above: Set<unknown>): void {
  if (typeof value !== 'object' || value === null) return;
  if (above.has(value)) throw problemAt(place, '*', 'is an alias to something that contains it', 'Remove the cycle.');
  above.add(value);
  for (const [key, part] of Object.entries(value)) refuseCycle(part, [...place, key], above);
  above.delete(value);
}

function shapeProblem(error: z.ZodError, value: unknown): SlipwayError {
  // A misspelt word is the cause of what it leaves missing, so it is told first.
  const issue = error.issues.find(({ code }) => code === 'unrecognized_keys') ?? error.issues[0];
  if (!issue) return problemAt([], '', 'is not a feature definition', 'See the guide to features.');
  const place = issue.path.filter((part) => typeof part !== 'symbol');
  let found: unknown = value;
  for (const part of place)
    found = typeof found === 'object' && found !== null ? (found as Record<string | number, unknown>)[part] : undefined;
  if (issue.code === 'unrecognized_keys') {
    return problemAt(
      [...place, issue.keys[0] ?? ''],
      issue.keys[0],
      'is not a word of the language here',
      'Check its spelling against the guide to features.',
    );
  }
  const shown =
    found === undefined ? 'nothing' : typeof found === 'object' ? JSON.stringify(found).slice(0, 80) : found;
  return problemAt(place, shown, `does not fit: ${issue.message}`, 'See the guide to features for what belongs here.');
}
