/** What the columns of a dataset mean to a model: declared, or told by their types and values. */
import type { StepContext } from '../context.ts';
import type { TableColumnKind } from './table-meta.ts';
import { isTextKind, sqlName } from './table-meta.ts';

/** Text with at most so many values, or so few for its rows, is a category. */
const categoriesMax = 100;
const categoryShareMax = 0.5;
/** Text with more words than this on average is text. */
const categoryWordsMax = 3;
/** Below so many rows nothing is concluded from every value being different. */
const namingRowsMin = 20;
const namesShown = 30;

export interface SourceColumn {
  readonly name: string;
  /** DuckDB's type. */
  readonly type: string;
}

export interface ColumnPlan {
  readonly name: string;
  readonly kind: TableColumnKind;
  /** `aside` is kept for splits and intervals, `unused` is not. */
  readonly role: 'feature' | 'aside' | 'unused';
  /** Its values as float64 or text. */
  readonly sql: string;
  /** For the log: `declared`, or what its kind was told by. */
  readonly reason: string;
}

interface Request {
  readonly ctx: StepContext;
  readonly relation: string;
  readonly columns: readonly SourceColumn[];
  readonly declared: Readonly<Record<string, TableColumnKind>>;
  readonly drop: readonly string[];
}

/** Plans in the order of the columns, or a problem that continues "dataset x ...". */
export async function columnPlans(
  request: Request,
): Promise<{ readonly plans: readonly ColumnPlan[] } | { readonly problem: string }> {
  const { columns, declared, drop } = request;
  const texts = await textFacts(request);
  const plans: ColumnPlan[] = [];
  for (const column of columns) {
    const { name, type } = column;
    if (name === '' || name.startsWith('~'))
      return { problem: `has a column "${name}": names must not be empty or begin with ~. Rename it.` };
    const known = declared[name];
    const told = known === undefined ? tellKind(column, texts.get(name)) : { kind: known, reason: 'declared' };
    const sql = valueSql(column, told?.kind ?? 'category');
    if (told === undefined || sql === undefined) {
      if (known !== undefined) return { problem: `has ${type} in column "${name}", which cannot be read as ${known}.` };
      plans.push({ name, kind: 'category', role: 'unused', sql: 'null', reason: `${type} is no kind of column` });
      continue;
    }
    const isDropped = drop.includes(name);
    const role = isDropped || told.isName === true ? 'aside' : 'feature';
    plans.push({ name, kind: told.kind, role, sql, reason: isDropped ? 'dropped' : told.reason });
  }
  const problem = await unfitProblem(request, plans);
  return problem === undefined ? { plans } : { problem };
}

interface TextFacts {
  readonly present: number;
  readonly distinct: number;
  readonly words: number;
}

async function textFacts({ ctx, relation, columns, declared }: Request): Promise<ReadonlyMap<string, TextFacts>> {
  const asked = columns.filter(({ name, type }) => type === 'VARCHAR' && declared[name] === undefined);
  if (asked.length === 0) return new Map();
  const parts = asked.flatMap(({ name }, i) => {
    const column = sqlName(name);
    return [
      `count(${column})::double p${i}`,
      `count(distinct ${column})::double d${i}`,
      `coalesce(avg(length(regexp_replace(trim(${column}), '\\S+\\s*', 'x', 'g'))), 0)::double w${i}`,
    ];
  });
  const table = await ctx.openTable(await ctx.query(`select ${parts.join(', ')} from ${relation}`, {}, 'texts'));
  const at = (name: string): number => table.numbers(name)[0] ?? 0;
  return new Map(
    asked.map(({ name }, i) => [name, { present: at(`p${i}`), distinct: at(`d${i}`), words: at(`w${i}`) }]),
  );
}

interface Told {
  readonly kind: TableColumnKind;
  readonly reason: string;
  /** It names the row. */
  readonly isName?: boolean;
}

const numberTypes = /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL)/;
const dateTypes = /^(DATE|TIMESTAMP)/;

function tellKind({ type }: SourceColumn, facts: TextFacts | undefined): Told | undefined {
  const reason = `by its type ${type}`;
  if (type === 'BOOLEAN') return { kind: 'boolean', reason };
  if (numberTypes.test(type)) return { kind: 'number', reason };
  if (dateTypes.test(type)) return { kind: 'date', reason };
  if (facts === undefined) return type.startsWith('ENUM') || type === 'UUID' ? { kind: 'category', reason } : undefined;
  const { present, distinct, words } = facts;
  const values = `${distinct} values in ${present} rows`;
  if (words > categoryWordsMax) return { kind: 'text', reason: `${words.toFixed(1)} words a row` };
  if (distinct === present && present >= namingRowsMin)
    return {
      kind: 'category',
      reason: 'every value differs: it names the row. Declare its kind to use it',
      isName: true,
    };
  const isCategory = distinct <= categoriesMax || distinct <= present * categoryShareMax;
  return { kind: isCategory ? 'category' : 'text', reason: values };
}

/** Null where a value does not fit the kind; undefined where no value of the type can. */
function valueSql({ name, type }: SourceColumn, kind: TableColumnKind): string | undefined {
  const column = sqlName(name);
  const isText = type === 'VARCHAR' || type.startsWith('ENUM') || type === 'UUID';
  const isNumber = numberTypes.test(type);
  const known = isText || isNumber || type === 'BOOLEAN' || dateTypes.test(type);
  if (!known) return undefined;
  switch (kind) {
    case 'category':
    case 'text':
      return `nullif(${column}::varchar, '')`;
    case 'number':
      if (type === 'BOOLEAN') return `${column}::int::double`;
      return isText || isNumber ? `try_cast(${column}::varchar AS double)` : undefined;
    case 'boolean':
      if (dateTypes.test(type)) return undefined;
      return isNumber
        ? `case when ${column} in (0, 1) then ${column}::double end`
        : `try_cast(${column}::varchar AS boolean)::int::double`;
    case 'date':
      if (type === 'BOOLEAN') return undefined;
      return isNumber ? `${column}::double` : `epoch_ms(try_cast(${column} AS timestamp))::double`;
  }
}

/** The first column with values that are not of its kind. */
async function unfitProblem({ ctx, relation }: Request, plans: readonly ColumnPlan[]): Promise<string | undefined> {
  const checked = plans.filter(({ role, kind }) => role !== 'unused' && !isTextKind(kind));
  if (checked.length === 0) return undefined;
  const parts = checked.flatMap(({ name, sql }, i) => {
    const odd = `nullif(${sqlName(name)}::varchar, '') is not null and ${sql} is null`;
    return [
      `count(*) filter (where ${odd})::double n${i}`,
      `min(${sqlName(name)}::varchar) filter (where ${odd}) v${i}`,
    ];
  });
  const table = await ctx.openTable(await ctx.query(`select ${parts.join(', ')} from ${relation}`, {}, 'unfit'));
  for (const [i, { name, kind }] of checked.entries()) {
    const count = table.numbers(`n${i}`)[0] ?? 0;
    if (count === 0) continue;
    const example = table.texts(`v${i}`)[0] ?? '';
    return `has ${count} values in column "${name}" that are no ${kind}, such as "${example}": mend them, or declare the column a category.`;
  }
  return undefined;
}

/** Names for a message, the first of many. */
export function nameList(names: readonly string[]): string {
  const more = names.length > namesShown ? ` and ${names.length - namesShown} more` : '';
  return names.slice(0, namesShown).join(', ') + more;
}
