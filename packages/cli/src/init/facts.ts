/** What is counted of a table before anything is decided: one scan for the columns, a few for rows and target. */
import { sqlName, sqlText } from '@slipway/server/analytics';
import type { Kind } from '@slipway/server/tables';
import { kindOf } from '@slipway/server/tables';
import type { Row, Scratch } from './scratch.ts';

export interface ColumnFacts {
  readonly name: string;
  readonly type: string;
  readonly kind: Kind;
  readonly missing: number;
  /** Exact up to a million rows, and where nearly every row may differ. */
  readonly distinct: number;
  readonly min: number | string | boolean | null;
  readonly max: number | string | boolean | null;
  /** Texts: words of a value on average; of a large table, of every so manieth row. */
  readonly words: number;
}

export interface TableFacts {
  readonly rowCount: number;
  readonly duplicateRows: number;
  readonly columns: readonly ColumnFacts[];
}

export interface ClassCount {
  readonly label: string;
  readonly count: number;
}

interface Column {
  readonly name: string;
  readonly type: string;
}

type Counted = Omit<ColumnFacts, 'words'>;

/** The table is `rows` from here on. */
export async function countTable(scratch: Scratch, parquet: string): Promise<TableFacts> {
  await scratch.run(`create or replace view rows AS select * from read_parquet(${sqlText(parquet)})`);
  const described = await scratch.rows(
    'select column_name AS name, column_type AS type from (describe select * from rows)',
  );
  const schema = described.map((row): Column => ({ name: String(row['name']), type: String(row['type']) }));
  const rowCount = Number((await scratch.one('select count(*) AS n from rows'))['n']);
  if (rowCount === 0) return { rowCount, duplicateRows: 0, columns: schema.map(emptyColumn) };
  const counted = await countColumns(scratch, schema, rowCount);
  const words = await wordsOf(scratch, { schema, parquet, rowCount });
  const exact = await exactCounts(scratch, counted, rowCount);
  const columns = counted.map((column) => ({
    ...column,
    distinct: exact.get(column.name) ?? column.distinct,
    words: words.get(column.name) ?? 0,
  }));
  // Estimates may say more than there are rows.
  const isTold = columns.some(
    ({ name, distinct }) => distinct === rowCount && (rowCount <= exactRowsMax || exact.has(name)),
  );
  return { rowCount, duplicateRows: isTold ? 0 : rowCount - (await differentRows(scratch, schema)), columns };
}

const exactRowsMax = 1_000_000;
/** Sets of distinct values are kept in memory: so many values are counted in one query, of so many columns at most. */
const distinctValuesMax = 10_000_000;
const columnsAtOnce = 100;

async function countColumns(
  scratch: Scratch,
  schema: readonly Column[],
  rowCount: number,
): Promise<readonly Counted[]> {
  const isExact = rowCount <= exactRowsMax;
  const width = isExact
    ? Math.max(1, Math.min(columnsAtOnce, Math.floor(distinctValuesMax / rowCount)))
    : columnsAtOnce;
  const counted: Counted[] = [];
  for (let from = 0; from < schema.length; from += width) {
    const columns = schema.slice(from, from + width);
    const parts = columns.flatMap((column, i) => countsSql(column, i, isExact));
    const row = await scratch.one(`select ${parts.join(', ')} from rows`);
    counted.push(...columns.map((column, i) => countedOf(column, { row, i, rowCount })));
  }
  return counted;
}

function countsSql({ name, type }: Column, i: number, isExact: boolean): readonly string[] {
  const v = sqlName(name);
  const kind = kindOf(type);
  if (kind === 'other') return [`count(${v}) AS n${i}`];
  return [
    `count(${v}) AS n${i}`,
    `${isExact ? `count(distinct ${v})` : `approx_count_distinct(${v})`} AS d${i}`,
    `min(${v}) AS low${i}`,
    `max(${v}) AS high${i}`,
  ];
}

function countedOf(
  { name, type }: Column,
  { row, i, rowCount }: { readonly row: Row; readonly i: number; readonly rowCount: number },
): Counted {
  return {
    name,
    type,
    kind: kindOf(type),
    missing: rowCount - Number(row[`n${i}`]),
    distinct: Number(row[`d${i}`] ?? 0),
    min: plainValue(row[`low${i}`]),
    max: plainValue(row[`high${i}`]),
  };
}

function plainValue(value: unknown): ColumnFacts['min'] {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (value instanceof Date) return Number.isFinite(value.getTime()) ? value.toISOString() : null;
  return typeof value === 'string' || typeof value === 'boolean' ? value : null;
}

/** Groups are spilled to disk. */
async function differentRows(scratch: Scratch, schema: readonly Column[]): Promise<number> {
  const hashes = `select hash(${schema.map(({ name }) => sqlName(name)).join(', ')}) AS h from rows`;
  return Number((await scratch.one(`select count(*) AS n from (select h from (${hashes}) group by h)`))['n']);
}

/** Estimates are off by up to a quarter. */
const nearlyAll = 0.7;

/** Of columns of which an estimate cannot tell whether every row differs. Groups are spilled to disk, sets would not be. */
async function exactCounts(
  scratch: Scratch,
  columns: readonly Counted[],
  rowCount: number,
): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  if (rowCount <= exactRowsMax) return found;
  for (const { name, type, missing, distinct } of columns) {
    const present = rowCount - missing;
    if (/^(FLOAT|DOUBLE|DECIMAL)/.test(type) || present === 0 || distinct < present * nearlyAll) continue;
    const column = sqlName(name);
    const row = await scratch.one(
      `select count(*) AS n from (select ${column} from rows where ${column} is not null group by 1)`,
    );
    found.set(name, Number(row['n']));
  }
  return found;
}

const emptyColumn = ({ name, type }: Column): ColumnFacts => ({
  name,
  type,
  kind: kindOf(type),
  missing: 0,
  distinct: 0,
  min: null,
  max: null,
  words: 0,
});

/** Rows whose words are counted, about: every so manieth of a large table. */
const wordRows = 100_000;

async function wordsOf(
  scratch: Scratch,
  {
    schema,
    parquet,
    rowCount,
  }: { readonly schema: readonly Column[]; readonly parquet: string; readonly rowCount: number },
): Promise<ReadonlyMap<string, number>> {
  const texts = schema.filter(({ type }) => type === 'VARCHAR').map(({ name }) => name);
  if (texts.length === 0) return new Map();
  const parts = texts.map((name, i) => `avg(len(string_split_regex(trim(${sqlName(name)}), '\\s+'))) AS w${i}`);
  const every = Math.ceil(rowCount / wordRows);
  const row = await scratch.one(
    `select ${parts.join(', ')} from read_parquet(${sqlText(parquet)}, file_row_number = true) where file_row_number % ${every} = 0`,
  );
  return new Map(texts.map((name, i) => [name, Number(row[`w${i}`] ?? 0)]));
}

/** Classes of a column by their count, the most frequent first. */
export async function countClasses(scratch: Scratch, column: string): Promise<readonly ClassCount[]> {
  const name = sqlName(column);
  const found = await scratch.rows(
    `select ${name}::varchar AS label, count(*) AS n from rows where ${name} is not null group by 1 order by 2 desc, 1`,
  );
  return found.map((row) => ({ label: String(row['label']), count: Number(row['n']) }));
}
