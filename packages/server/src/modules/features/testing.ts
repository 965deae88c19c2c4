/** For tests of this module: real tables, a real DuckDB, and the two ways side by side. */
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Analytics } from '../../platform/analytics/analytics.ts';
import { createAnalytics } from '../../platform/analytics/analytics.ts';
import type { TableColumn, TableSchemas } from './plan.ts';

export const flightsFolder: string = fileURLToPath(new URL('../../../../../examples/flights/', import.meta.url));

export function createTestAnalytics(): Analytics {
  return createAnalytics({ memoryLimit: '2GB', threads: 1, tempFolder: tmpdir() });
}

/** Months of the flights example, such as `['2013-03', '2013-04']`, as something to stand after FROM. */
export function flightsTable(table: string, months?: readonly string[]): string {
  const folder = `${flightsFolder}data/${table}/`;
  const files = readdirSync(folder).filter((file) => !months || months.some((month) => file.startsWith(month)));
  return `read_parquet([${files
    .sort()
    .map((file) => `'${folder}${file}'`)
    .join(', ')}])`;
}

export async function describe(analytics: Analytics, tables: Readonly<Record<string, string>>): Promise<TableSchemas> {
  const schemas = new Map<string, readonly TableColumn[]>();
  for (const [table, relation] of Object.entries(tables)) {
    const rows = await analytics.rows<{ column_name: string; column_type: string }>(
      `DESCRIBE SELECT * FROM ${relation}`,
    );
    schemas.set(
      table,
      rows.map(({ column_name: name, column_type: type }) => ({ name, type })),
    );
  }
  return schemas;
}

/** Counts cells whose bits differ, and describes the first. NaN equals NaN. */
export function differences(
  a: Float64Array,
  b: Float64Array,
  names: readonly string[],
): { readonly count: number; readonly first: string } {
  let count = Math.abs(a.length - b.length);
  let first = count === 0 ? '' : `lengths ${a.length} and ${b.length}`;
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    if (Object.is(a[i], b[i])) continue;
    if (count++ === 0) first = `${names[i % names.length]} of row ${Math.floor(i / names.length)}: ${a[i]} and ${b[i]}`;
  }
  return { count, first };
}
