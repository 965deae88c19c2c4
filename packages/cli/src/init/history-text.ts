/** features.yaml of a project: the plan of an entity's history in the language of feature sets. */
import type { HistoryPlan, PastFeature, View } from './history-plan.ts';
import { views } from './history-plan.ts';
import { yamlText } from './names.ts';

export const featuresFile = 'features.yaml';

const dayMs = 86_400_000;
const hourMs = 3_600_000;

/** A length of time in the largest unit that it is whole in. */
export function lengthText(ms: number): string {
  for (const [unit, of] of [
    ['d', dayMs],
    ['h', hourMs],
    ['m', 60_000],
    ['s', 1000],
  ] as const)
    if (ms % of === 0) return `${ms / of}${unit}`;
  return `${ms}ms`;
}

const languageWords =
  /^(and|or|not|is|null|in|where|over|within|smooth|weight|true|false|now|if|last|count|sum|mean|rate|event_time|known_at)$/;

/** A column in an expression. */
const columnText = (name: string): string =>
  /^[A-Za-z_]\w*$/.test(name) && !languageWords.test(name) ? name : `"${name}"`;

/** An expression as a YAML value: bare where YAML would read it as this text. */
const scalar = (text: string): string =>
  /^[A-Za-z_(][\w +*/().=<>-]*$/.test(text) &&
  !/: | #/.test(text) &&
  !/^(true|false|null|yes|no|on|off|y|n)$/i.test(text)
    ? text
    : `'${text.replaceAll("'", "''")}'`;

export function definitionText(plan: HistoryPlan): string {
  const { set, service, table, entity, time, features, outcome } = plan;
  const used = new Set(features.map(({ reads }) => reads));
  const columns = plan.columns
    .filter(({ key }) => used.has(key))
    .map(({ key, column, type }) => `      ${key}: ${scalar(`${type} = ${columnText(column)}`)}`);
  const hasOutcomes = outcome !== undefined && features.some(({ view }) => view === 'outcomes');
  const present = views.filter((view) => features.some((feature) => feature.view === view));
  const at = scalar(columnText(time.column));
  const keys = `{ ${entity.key}: ${scalar(columnText(entity.column))} }`;
  const known = time.isDay ? '24h' : '1ms';
  return `# What earlier rows of the same ${plainText(entity.column)} tell about a row. Training rows and the values served later come from this one
# definition, and are equal to the bit. No row counts for itself, nor for a row of the same ${time.isDay ? 'day' : 'instant'}.
${
  hasOutcomes || outcome !== undefined
    ? ''
    : `# The outcome of earlier rows is left out: the table does not say when each was known. \`slipway init --outcome-after 30d\` counts it
# from 30 days after its row on.
`
}features: ${set}
entities: { ${entity.key}: ${entity.type} }

sources:
  earlier: # ${time.isDay ? 'every row of the table, known when its day is over' : 'every row of the table, known a moment after its own instant'}
    table: ${yamlText(table)}
    event_time: ${at}
    known_at: event_time + ${known}
    keys: ${keys}
${columns.length === 0 ? '' : `    columns:\n${columns.join('\n')}\n`}${outcomeSource(plan, hasOutcomes)}
views:
${present.map((view) => viewText(plan, view)).join('')}
services:
  ${service}:
    features: [${present.join(', ')}]
    rows: # to learn from: each is told what was known at its own time
      table: ${yamlText(table)}
      at: ${at}
      keys: ${keys}
`;
}

const plainText = (text: string): string => text.replaceAll(/\s+/g, ' ');

function outcomeSource({ table, time, entity, outcome }: HistoryPlan, isUsed: boolean): string {
  if (outcome === undefined || !isUsed) return '';
  const { column, is, key, afterMs } = outcome;
  const name = columnText(column);
  const value =
    is === undefined
      ? `float = ${name}`
      : 'literal' in is
        ? `bool = ${name} = ${is.literal}`
        : `bool = ${is.isTrue ? '' : 'not '}${name}`;
  return `  outcomes: # what came of each row, known ${lengthText(afterMs)} after it
    table: ${yamlText(table)}
    event_time: ${scalar(columnText(time.column))}
    known_at: event_time + ${lengthText(Math.max(afterMs, time.isDay ? dayMs : 1))}
    where: ${scalar(`${name} is not null`)}
    keys: { ${entity.key}: ${scalar(columnText(entity.column))} }
    columns: { ${key}: ${scalar(value)} }
`;
}

const said: Readonly<Record<View, string>> = {
  activity: 'how often and how lately it came',
  values: 'what its rows were like',
  outcomes: 'what came of them',
};

function viewText({ entity, features }: HistoryPlan, view: View): string {
  const lines = features
    .filter((feature) => feature.view === view)
    .map(({ name, expression }: PastFeature) => `      ${name}: ${scalar(expression)}`);
  return `  ${view}: # ${said[view]}
    source: ${view === 'outcomes' ? 'outcomes' : 'earlier'}
    entity: ${entity.key}
    features:
${lines.join('\n')}
`;
}
