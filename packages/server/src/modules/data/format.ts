/**
 * File formats as SQL. A dataset's files are read through one relation with its columns and, beside them, `filename` (the
 * local path) and `file_row_number`. CSV is RFC 4180: comma, double quotes, a header line, the empty field is null.
 */
import type { ColumnSchema } from '@slipway/contract';
import { sqlName, sqlText } from '../../platform/analytics/analytics.ts';
import { readCsvSql } from './csv.ts';

export type FileFormat = 'Parquet' | 'CSV' | 'newline-delimited JSON';

/** By extension; the contract's FileName admits no other. */
export function formatOf(fileName: string): FileFormat {
  if (fileName.endsWith('.parquet')) return 'Parquet';
  return fileName.endsWith('.csv') ? 'CSV' : 'newline-delimited JSON';
}

/** Names that a relation adds, and the beginning of names that scans add. */
export function isReservedColumn(name: string): boolean {
  return name.toLowerCase() === 'filename' || name.toLowerCase() === 'file_row_number' || name.startsWith('__');
}

const list = (paths: readonly string[]): string => `[${paths.map(sqlText).join(', ')}]`;

/** The table function that tells the columns of a self-describing file. */
export function describeSql(format: Exclude<FileFormat, 'CSV'>, path: string): string {
  if (format === 'Parquet') return `read_parquet(${list([path])})`;
  return `read_json(${list([path])}, format = 'newline_delimited', sample_size = -1)`;
}

function readSql(format: FileFormat, paths: readonly string[], schema: readonly ColumnSchema[]): string {
  const numbered = (read: string): string => `(SELECT *, row_number() OVER () - 1 AS file_row_number FROM ${read})`;
  switch (format) {
    case 'Parquet':
      return `read_parquet(${list(paths)}, filename = true, file_row_number = true)`;
    case 'CSV':
      return numbered(readCsvSql(paths, schema));
    case 'newline-delimited JSON': {
      const columns = schema.map((c) => `${sqlText(c.name)}: ${sqlText(c.type)}`).join(', ');
      return numbered(
        `read_json(${list(paths)}, format = 'newline_delimited', columns = {${columns}}, filename = true)`,
      );
    }
  }
}

/** One relation over files that have these columns; formats may be mixed. */
export function relationSql(
  files: readonly { readonly name: string; readonly path: string }[],
  schema: readonly ColumnSchema[],
): string {
  const columns = [...schema.map((c) => sqlName(c.name)), 'filename', 'file_row_number'].join(', ');
  const formats = [...new Set(files.map((f) => formatOf(f.name)))];
  const parts = formats.map((format) => {
    const paths = files.filter((f) => formatOf(f.name) === format).map((f) => f.path);
    return `SELECT ${columns} FROM ${readSql(format, paths, schema)}`;
  });
  return `(${parts.join(' UNION ALL ')})`;
}
