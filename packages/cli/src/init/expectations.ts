/**
 * What must hold of the next delivery, told from this one. Bounds are taken from the rows that a model learns from and then
 * asked of the rows that are held out; where they do not hold there, all rows set the bound and `mostly` allows twice what
 * was seen outside. So a suite that is new does not refuse data that is merely new.
 */
import { sqlName } from '@slipway/server/analytics';
import { features } from './findings.ts';
import type { ColumnFinding, Findings } from './findings.ts';
import { yamlText, yamlValue } from './names.ts';
import type { Row, Scratch } from './scratch.ts';

/** Columns that get rules; more would be a file that nobody reads. */
const columnsMax = 60;
/** Texts with at most so many values are one of a list. */
const valuesMax = 30;
/** Room beside the seen range, as a share of it. */
const roomShare = 0.25;
/** Texts with more words are prose. */
const wordsMax = 3;
const mostlyMin = 0.8;

export interface Rule {
  readonly column: string;
  /** One line of YAML. */
  readonly yaml: string;
}

const rule = (column: string, type: string, more: Readonly<Record<string, string>> = {}): Rule => {
  const members = { type, column: yamlText(column), ...more };
  return {
    column,
    yaml: `{ ${Object.entries(members)
      .map(([key, value]) => `${key}: ${value}`)
      .join(', ')} }`,
  };
};

/** Whether a row is held out, as SQL: the latest fifth, a fifth of the groups, or a fifth of the rows. */
async function heldSql(scratch: Scratch, { split, columns }: Findings): Promise<string> {
  const column = sqlName(split.column ?? '');
  if (split.by === 'group') return `hash(${column}) % 5 = 0`;
  if (split.by === 'random') return 'hash(file_row_number) % 5 = 0';
  const isNumber = columns.some(({ name, kind }) => name === split.column && kind === 'number');
  const order = isNumber ? `${column}::double` : `epoch_ms(${column}::timestamp)`;
  await scratch.run(`set variable init_cut = (select approx_quantile(${order}, 0.8) from rows)`);
  return `${order} >= getvariable('init_cut')`;
}

export async function planRules(scratch: Scratch, findings: Findings, parquet: string): Promise<readonly Rule[]> {
  const held = await heldSql(scratch, findings);
  const relation = `(select *, ${held} AS "~held" from read_parquet('${parquet.replaceAll("'", "''")}', file_row_number = true))`;
  const columns = features(findings).slice(0, columnsMax);
  const asked = { scratch, relation, rowCount: findings.rowCount };
  const ranges = await rangeRules(asked, columns.filter(isMeasured(findings.rowCount)));
  const rules = [...targetRules(findings), ...names(findings), ...past(findings)];
  for (const column of columns) rules.push(...(await columnRules(asked, column)), ...(ranges.get(column.name) ?? []));
  return rules;
}

const isMeasured =
  (rowCount: number) =>
  ({ kind, missing }: ColumnFinding): boolean =>
    kind === 'number' && missing < rowCount;

function names({ leftOut }: Findings): Rule[] {
  return leftOut
    .filter(({ reason }) => reason.includes('names the row'))
    .map(({ column }) => rule(column, 'expect_column_values_to_be_unique'));
}

/** A row without them has no past, and is in nobody's. */
function past({ history, columns }: Findings): Rule[] {
  const { plan } = history ?? {};
  if (plan === undefined) return [];
  const named = [plan.entity.column, plan.time.column];
  // Of a feature the rules below say it.
  const isFeature = (name: string): boolean =>
    columns.some((column) => column.name === name && column.role === 'feature');
  return named
    .filter((name) => !isFeature(name))
    .map((name) => rule(name, 'expect_column_values_to_not_be_null', { mostly: '0.99' }));
}

function targetRules({ target, classes, rowsWithoutTarget, rowCount, task, columns }: Findings): Rule[] {
  const known = rowsWithoutTarget === 0 ? {} : { mostly: shareDown(1 - (2 * rowsWithoutTarget) / rowCount) };
  const rules =
    known.mostly !== undefined && Number(known.mostly) < 0.05
      ? []
      : [rule(target, 'expect_column_values_to_not_be_null', known)];
  const found = columns.find(({ name }) => name === target);
  if (task === 'regression' || found === undefined) return rules;
  const values = classes.map(({ label }) => valueOf(found, label));
  return [...rules, rule(target, 'expect_column_values_to_be_in_set', { value_set: `[${values.join(', ')}]` })];
}

const valueOf = ({ kind }: Pick<ColumnFinding, 'kind'>, label: string): string =>
  kind === 'text' ? yamlText(label) : yamlValue(kind === 'boolean' ? label === 'true' : Number(label));

interface Asked {
  readonly scratch: Scratch;
  readonly relation: string;
  readonly rowCount: number;
}

async function columnRules(asked: Asked, column: ColumnFinding): Promise<Rule[]> {
  const { name, kind, distinct, missing } = column;
  const present = missingRule(column, asked.rowCount);
  if (asked.rowCount === missing) return present;
  if (kind === 'text' && distinct <= valuesMax && column.words <= wordsMax)
    return [...present, ...(await listRule(asked, name))];
  return present;
}

function missingRule({ name, missing }: ColumnFinding, rowCount: number): Rule[] {
  if (missing === 0) return [rule(name, 'expect_column_values_to_not_be_null', { mostly: '0.99' })];
  const share = 1 - (2 * missing) / rowCount - 0.02;
  return share < 0.05 ? [] : [rule(name, 'expect_column_values_to_not_be_null', { mostly: shareDown(share) })];
}

/** Two digits, rounded down. */
const shareDown = (share: number): string => String(Math.max(0, Math.floor(share * 100) / 100));

/** Of all columns of numbers, in two scans. */
async function rangeRules(
  { scratch, relation }: Asked,
  columns: readonly ColumnFinding[],
): Promise<ReadonlyMap<string, readonly Rule[]>> {
  if (columns.length === 0) return new Map();
  const number = columns.map(({ name }) => `${sqlName(name)}::double`);
  const parts = number.flatMap((value, i) => [
    `min(${value}) filter (where isfinite(${value})) AS low${i}`,
    `max(${value}) filter (where isfinite(${value})) AS high${i}`,
  ]);
  const sides = await scratch.rows(
    `select coalesce("~held", true) AS held, ${parts.join(', ')} from ${relation} group by 1 order by 1`,
  );
  const seen = columns.map((_, i) => {
    const all = rangeOf(sides, i) ?? [0, 0];
    const learnt =
      rangeOf(
        sides.filter(({ held }) => held === false),
        i,
      ) ?? all;
    return { learnt: withRoom(...learnt), all: withRoom(...all) };
  });
  const shares = seen.map(
    ({ learnt: [low, high] }, i) =>
      `count(*) filter (where not (${number[i]} between ${low} and ${high})) / count(${number[i]})::double AS s${i}`,
  );
  const held = await scratch.one(`select ${shares.join(', ')} from ${relation} where "~held"`);
  return new Map(
    columns.map(({ name }, i) => [
      name,
      seen[i] === undefined ? [] : [rangeRule(name, seen[i], Number(held[`s${i}`] ?? 0))],
    ]),
  );
}

type Range = readonly [number, number];

/** Of column `i`, over the sides that are given. */
function rangeOf(sides: readonly Row[], i: number): Range | undefined {
  const lows = sides.flatMap((row) => row[`low${i}`] ?? []).map(Number);
  const highs = sides.flatMap((row) => row[`high${i}`] ?? []).map(Number);
  return lows.length === 0 ? undefined : [Math.min(...lows), Math.max(...highs)];
}

/** `outside` is the share of held out values beyond the range that was learnt. */
function rangeRule(
  name: string,
  { learnt, all }: { readonly learnt: Range; readonly all: Range },
  outside: number,
): Rule {
  const [min, max] = outside > 0 ? all : learnt;
  const mostly = outside > 0 ? { mostly: shareDown(Math.max(mostlyMin, 1 - 2 * outside)) } : {};
  return rule(name, 'expect_column_values_to_be_between', {
    min_value: String(min),
    max_value: String(max),
    ...mostly,
  });
}

/** The range with room on both sides, in round numbers; what was never below zero is not expected to be. */
export function withRoom(low: number, high: number): readonly [number, number] {
  const room = high > low ? (high - low) * roomShare : Math.max(1, Math.abs(high) * roomShare);
  const unit = 10 ** Math.floor(Math.log10(room));
  const down = Math.floor((low - room) / unit) * unit;
  const up = Math.ceil((high + room) / unit) * unit;
  const digits = Math.max(0, Math.min(12, -Math.floor(Math.log10(unit))));
  const round = (value: number): number => (Number.isFinite(value) ? Number(value.toFixed(digits)) : value);
  return [low >= 0 ? Math.max(0, round(down)) : round(down), high <= 0 ? Math.min(0, round(up)) : round(up)];
}

async function listRule({ scratch, relation }: Asked, name: string): Promise<Rule[]> {
  const column = sqlName(name);
  const found = await scratch.rows(
    `select ${column}::varchar AS v, count(*) filter (where not "~held") AS learnt, count(*) filter (where "~held") AS held from ${relation} where ${column} is not null group by 1 order by 1`,
  );
  const held = found.reduce((sum, row) => sum + Number(row['held']), 0);
  const fresh = found.reduce((sum, row) => sum + (Number(row['learnt']) === 0 ? Number(row['held']) : 0), 0);
  const values = found.map((row) => yamlText(String(row['v'])));
  const share = held === 0 ? 0.95 : Math.max(mostlyMin, Math.min(0.99, 1 - (2 * fresh) / held));
  return [
    rule(name, 'expect_column_values_to_be_in_set', { value_set: `[${values.join(', ')}]`, mostly: shareDown(share) }),
  ];
}
