/**
 * Dates that are written as text. A column is one of dates where one way of writing fits all of its values; where the day
 * and the month could be either, nothing is guessed. Ways are told from the first values, and asked of all the others.
 */
import { sqlName, sqlText } from '@slipway/server/analytics';
import type { Scratch } from './scratch.ts';

export interface TextDate {
  readonly name: string;
  /** The column as DATE or TIMESTAMP. */
  readonly sql: string;
  readonly type: 'DATE' | 'TIMESTAMP';
  /** As DuckDB's strptime has it: `%d.%m.%Y`. */
  readonly format: string;
  readonly note: string;
}

interface Way {
  /** How the last day of January is written. */
  readonly shown: string;
  readonly format: string;
}

const days: readonly Way[] = [
  { shown: '2026-01-31', format: '%Y-%m-%d' },
  { shown: '2026/01/31', format: '%Y/%m/%d' },
  { shown: '2026.01.31', format: '%Y.%m.%d' },
  { shown: '31.01.2026', format: '%d.%m.%Y' },
  { shown: '31/01/2026', format: '%d/%m/%Y' },
  { shown: '01/31/2026', format: '%m/%d/%Y' },
  { shown: '31-01-2026', format: '%d-%m-%Y' },
  { shown: '01-31-2026', format: '%m-%d-%Y' },
  { shown: '31 Jan 2026', format: '%d %b %Y' },
  { shown: '31-Jan-2026', format: '%d-%b-%Y' },
  { shown: 'Jan 31 2026', format: '%b %d %Y' },
  { shown: 'Jan 31, 2026', format: '%b %d, %Y' },
];
const times: readonly Way[] = [
  { shown: '', format: '' },
  { shown: ' 17:30', format: ' %H:%M' },
  { shown: ' 17:30:00', format: ' %H:%M:%S' },
  { shown: 'T17:30:00', format: 'T%H:%M:%S' },
  { shown: 'T17:30:00Z', format: 'T%H:%M:%SZ' },
];
const ways: readonly Way[] = days.flatMap((day) =>
  times.map((time) => ({ shown: day.shown + time.shown, format: day.format + time.format })),
);

const headRows = 2000;
/** Rows below which a likeness to dates is chance. */
const valuesMin = 10;
/** At least a digit, a mark, and no more than a date and a time take. */
const likeDate = "'[A-Za-z0-9]{1,4}[-/. ].*[0-9].*'";
const charactersMax = 25;

/** `columns` are text; values that are in `missing` count as none. */
export async function findTextDates(
  scratch: Scratch,
  relation: string,
  { columns, missing }: { readonly columns: readonly string[]; readonly missing: readonly string[] },
): Promise<ReadonlyMap<string, TextDate>> {
  const found = new Map<string, TextDate>();
  if (columns.length === 0) return found;
  const likely = await likelyColumns(scratch, relation, { columns, missing });
  for (const name of likely) {
    const known = knownSql(name, missing);
    const head = `(select * from ${relation} limit ${headRows})`;
    const first = await fitting(scratch, head, { known, ways });
    const all = first.length === 0 ? [] : await fitting(scratch, relation, { known, ways: first });
    const [way, other] = all;
    if (way === undefined || other !== undefined) continue;
    const type = /%H/.test(way.format) ? 'TIMESTAMP' : 'DATE';
    found.set(name, {
      name,
      type,
      format: way.format,
      sql: `try_strptime(${known}, ${sqlText(way.format)})::${type}`,
      note: `"${name}" is a date written like ${way.shown}`,
    });
  }
  return found;
}

/** The value without blanks around it, null where it is missing. */
const knownSql = (name: string, missing: readonly string[]): string =>
  missing.length === 0
    ? `nullif(trim(${sqlName(name)}), '')`
    : `case when trim(${sqlName(name)}) not in ('', ${missing.map(sqlText).join(', ')}) then trim(${sqlName(name)}) end`;

async function likelyColumns(
  scratch: Scratch,
  relation: string,
  { columns, missing }: { readonly columns: readonly string[]; readonly missing: readonly string[] },
): Promise<readonly string[]> {
  const parts = columns.flatMap((name, i) => {
    const known = knownSql(name, missing);
    const isLike = `regexp_full_match(${known}, ${likeDate}) and length(${known}) <= ${charactersMax}`;
    return [`count(${known}) AS n${i}`, `count(*) filter (where ${isLike}) AS d${i}`];
  });
  const row = await scratch.one(`select ${parts.join(', ')} from (select * from ${relation} limit ${headRows})`);
  return columns.filter((_, i) => Number(row[`n${i}`]) >= valuesMin && row[`n${i}`] === row[`d${i}`]);
}

/** Ways that fit every value. */
async function fitting(
  scratch: Scratch,
  relation: string,
  { known, ways: asked }: { readonly known: string; readonly ways: readonly Way[] },
): Promise<readonly Way[]> {
  const parts = asked.map(({ format }, i) => `count(try_strptime(v, ${sqlText(format)})) AS w${i}`);
  const row = await scratch.one(
    `select count(v) AS n, ${parts.join(', ')} from (select ${known} AS v from ${relation})`,
  );
  return asked.filter((_, i) => row[`w${i}`] === row['n']);
}
