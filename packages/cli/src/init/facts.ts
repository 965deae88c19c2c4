/** What is counted of a table before anything is decided: one scan for the columns, a few for rows and target. */
import { sqlName, sqlText } from '@slipway/server/analytics';
import type { Kind } from '@slipway/server/tables';
import { kindOf, profileColumns } from '@slipway/server/tables';
import type { Scratch } from './scratch.ts';

export interface ColumnFacts {
  readonly name: string;
  readonly type: string;
  readonly kind: Kind;
  readonly missing: number;
  /** Exact up to a million rows, and where nearly every row may differ. */
  readonly distinct: number;
  readonly min: number | string | boolean | null;
  readonly max: number | string | boolean | null;
  readonly mean: number | null;
  /** Texts: words of a value on average. */
  readonly words: number;
  /** The most frequent values, at most ten. */
  readonly top: readonly { readonly value: string | number | boolean | null; readonly count: number }[];
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

/** The table is `rows` from here on. */
export async function countTable(scratch: Scratch, parquet: string): Promise<TableFacts> {
  await scratch.run(`create or replace view rows AS select * from read_parquet(${sqlText(parquet)})`);
  const described = await scratch.rows(
    'select column_name AS name, column_type AS type from (describe select * from rows)',
  );
  const schema = described.map((row) => ({ name: String(row['name']), type: String(row['type']), nullable: true }));
  const rowCount = Number((await scratch.one('select count(*) AS n from rows'))['n']);
  if (rowCount === 0) return { rowCount, duplicateRows: 0, columns: schema.map(emptyColumn) };
  const profile = await profileColumns(scratch.connection, 'rows', { schema, rowCount });
  const words = await wordsOf(scratch, schema);
  const exact = await exactCounts(scratch, profile.columns, rowCount);
  const hashes = `select hash(${schema.map(({ name }) => sqlName(name)).join(', ')}) AS h from rows`;
  const different = Number(
    (await scratch.one(`select count(*) AS n from (select h from (${hashes}) group by h)`))['n'],
  );
  const columns = profile.columns.map(({ name, type, nullCount, distinctApprox, min, max, mean, top }) => ({
    name,
    type,
    kind: kindOf(type),
    missing: nullCount,
    distinct: exact.get(name) ?? distinctApprox,
    min,
    max,
    mean,
    words: words.get(name) ?? 0,
    top,
  }));
  return { rowCount, duplicateRows: rowCount - different, columns };
}

const exactRowsMax = 1_000_000;
/** Estimates are off by up to a quarter. */
const nearlyAll = 0.7;

/** Of columns of which an estimate cannot tell whether every row differs. Groups are spilled to disk, sets would not be. */
async function exactCounts(
  scratch: Scratch,
  columns: readonly {
    readonly name: string;
    readonly type: string;
    readonly nullCount: number;
    readonly distinctApprox: number;
  }[],
  rowCount: number,
): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  if (rowCount <= exactRowsMax) return found;
  for (const { name, type, nullCount, distinctApprox } of columns) {
    const present = rowCount - nullCount;
    if (/^(FLOAT|DOUBLE|DECIMAL)/.test(type) || present === 0 || distinctApprox < present * nearlyAll) continue;
    const column = sqlName(name);
    const row = await scratch.one(
      `select count(*) AS n from (select ${column} from rows where ${column} is not null group by 1)`,
    );
    found.set(name, Number(row['n']));
  }
  return found;
}

const emptyColumn = ({ name, type }: { readonly name: string; readonly type: string }): ColumnFacts => ({
  name,
  type,
  kind: kindOf(type),
  missing: 0,
  distinct: 0,
  min: null,
  max: null,
  mean: null,
  words: 0,
  top: [],
});

async function wordsOf(
  scratch: Scratch,
  schema: readonly { readonly name: string; readonly type: string }[],
): Promise<ReadonlyMap<string, number>> {
  const texts = schema.filter(({ type }) => type === 'VARCHAR').map(({ name }) => name);
  if (texts.length === 0) return new Map();
  const parts = texts.map((name, i) => `avg(len(string_split_regex(trim(${sqlName(name)}), '\\s+'))) AS w${i}`);
  const row = await scratch.one(`select ${parts.join(', ')} from rows`);
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
