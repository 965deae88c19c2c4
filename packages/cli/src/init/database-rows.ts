/** Rows of a SQLite file or a PostgreSQL server as a CSV file: from there on they are read like any other table. */
import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { basename } from 'node:path';
import { finished } from 'node:stream/promises';
import { DatabaseSync } from 'node:sqlite';
import { CommandFailure } from '../failure.ts';
import { csvValue } from './csv-text.ts';
import { nearest } from '../live-names.ts';

export interface TableRequest {
  readonly table?: string | undefined;
  readonly query?: string | undefined;
}

const rowsPerWrite = 500;

export async function writeSqliteRows(path: string, request: TableRequest, to: string): Promise<string> {
  let db: DatabaseSync;
  try {
    db = new DatabaseSync(path, { readOnly: true });
  } catch (error) {
    throw unreadable(basename(path), error);
  }
  try {
    const named = db.prepare(
      "select name from sqlite_master where type in ('table', 'view') and name not like 'sqlite_%' order by name",
    );
    const tables = named.all().map((row) => String(row['name']));
    const { sql, shown } = selectOf(basename(path), request, tables);
    const statement = db.prepare(sql);
    statement.setReadBigInts(true);
    statement.setReturnArrays(true);
    const names = statement.columns().map(({ name }) => name);
    await writeCsv(to, names, pagesOf(statement.iterate()));
    return shown;
  } catch (error) {
    if (error instanceof CommandFailure) throw error;
    throw unreadable(basename(path), error);
  } finally {
    db.close();
  }
}

const unreadable = (path: string, error: unknown): CommandFailure =>
  new CommandFailure('failed', `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);

async function* pagesOf(rows: Iterable<unknown>): AsyncGenerator<readonly (readonly unknown[])[]> {
  let page: (readonly unknown[])[] = [];
  for (const row of rows) {
    page.push(Array.isArray(row) ? row : Object.values(row ?? {}));
    if (page.length < rowsPerWrite) continue;
    yield page;
    page = [];
  }
  yield page;
}

/** The SELECT that was asked for: `--query` as it stands, the named table, or the only one there is. */
export function selectOf(
  shown: string,
  { table, query }: TableRequest,
  tables: readonly string[],
): { readonly sql: string; readonly shown: string } {
  const quoted = (name: string): string => `select * from "${name.replaceAll('"', '""')}"`;
  if (query !== undefined) return { sql: query.replace(/;\s*$/, ''), shown: `a query on ${shown}` };
  const list = tables.slice(0, 20).join(', ');
  if (table !== undefined) {
    if (tables.includes(table)) return { sql: quoted(table), shown: `table ${table} of ${shown}` };
    const meant = nearest(table, tables);
    throw new CommandFailure(
      'notFound',
      `${shown} has no table "${table}"${meant === undefined ? '' : `; did you mean "${meant}"?`} It has: ${list}`,
    );
  }
  const [only, ...others] = tables;
  if (only === undefined) throw new CommandFailure('failed', `${shown} has no table.`);
  if (others.length > 0)
    throw new CommandFailure('usage', `${shown} has ${tables.length} tables: name one with --table. It has: ${list}`);
  return { sql: quoted(only), shown: `table ${only} of ${shown}` };
}

export async function writePostgresRows(url: string, request: TableRequest, to: string): Promise<string> {
  const { postgresRows } = await import('@slipway/server/tables');
  const shown = withoutPassword(url);
  const { table, query } = request;
  if (table === undefined && query === undefined)
    throw new CommandFailure('usage', `${shown}: name a table with --table, or write a SELECT with --query`);
  const quoted = (table ?? '')
    .split('.')
    .map((part) => `"${part.replaceAll('"', '""')}"`)
    .join('.');
  const sql = query?.replace(/;\s*$/, '') ?? `select * from ${quoted}`;
  try {
    const pages = postgresRows(url, sql);
    const first = await pages.next();
    if (first.done === true) throw new Error('it gave no answer');
    const { names, rows } = first.value;
    await writeCsv(
      to,
      names,
      (async function* () {
        yield rows;
        for await (const page of pages) yield page.rows;
      })(),
    );
  } catch (error) {
    throw unreadable(shown, error);
  }
  return query === undefined ? `table ${table} of ${shown}` : `a query on ${shown}`;
}

export function withoutPassword(url: string): string {
  const parsed = URL.parse(url);
  if (parsed === null) return 'the PostgreSQL URL';
  return `postgres://${parsed.host}${parsed.pathname}`;
}

async function writeCsv(
  to: string,
  names: readonly string[],
  pages: AsyncIterable<readonly (readonly unknown[])[]>,
): Promise<void> {
  const out = createWriteStream(to);
  const ended = finished(out);
  out.write(`${names.map(csvValue).join(',')}\n`);
  for await (const rows of pages) {
    const text = rows.map((row) => `${row.map(csvValue).join(',')}\n`).join('');
    if (!out.write(text)) await once(out, 'drain');
  }
  out.end();
  await ended;
}
