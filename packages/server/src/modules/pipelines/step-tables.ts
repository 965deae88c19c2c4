/** Tables inside a step: Parquet files read into whole columns, and made by SQL. DuckDB is loaded by the first use. */
import { rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Column, StepContext, Table } from 'slipway';
import type { Analytics } from '../../platform/analytics/analytics.ts';
import { createAnalytics, sqlName, sqlText } from '../../platform/analytics/analytics.ts';

const memoryLimit = '1GB';

export interface Tables {
  readonly open: StepContext['openTable'];
  readonly query: StepContext['query'];
  readonly analytics: Analytics;
  close(): Promise<void>;
}

export function createTables(from: {
  readonly path: StepContext['path'];
  readonly folder: string;
  readonly writeArtifact: StepContext['writeArtifact'];
}): Tables {
  const tempFolder = join(from.folder, 'duckdb');
  const analytics = createAnalytics({ memoryLimit, threads: Math.min(4, availableParallelism()), tempFolder });
  let made = 0;
  return {
    analytics,
    open: async (artifact, columns) => {
      const connection = await analytics.connect();
      try {
        const chosen = columns === undefined ? '*' : columns.map(sqlName).join(', ');
        const source = `read_parquet(${sqlText(from.path(artifact))})`;
        const described = await connection.runAndReadAll(`describe select ${chosen} from ${source}`);
        const types = described.getRows().map((row) => [String(row[0]), String(row[1])] as const);
        const casts = types.map(([name, type]) => `${castOf(type)}(${sqlName(name)})${type === 'VARCHAR' ? '' : ' '}`);
        const reader = await connection.runAndReadAll(
          `select ${casts.map((cast, i) => `${cast} as ${sqlName(types[i]?.[0] ?? '')}`).join(', ')} from ${source}`,
        );
        return tableOf(types, reader.getColumnsJS(), reader.currentRowCount);
      } finally {
        connection.closeSync();
      }
    },
    query: async (sql, tables, name) => {
      const connection = await analytics.connect();
      const file = join(from.folder, `query-${++made}.parquet`);
      try {
        for (const [table, artifact] of Object.entries(tables)) {
          const source = `read_parquet(${sqlText(from.path(artifact))})`;
          await connection.run(`create or replace temp view ${sqlName(table)} as select * from ${source}`);
        }
        await connection.run(`copy (${sql}) to ${sqlText(file)} (format parquet, compression zstd)`);
        const counted = await connection.runAndReadAll(`select count(*)::double from read_parquet(${sqlText(file)})`);
        const said = Object.values(tables)[0]?.meta;
        const meta = { ...said, rowCount: Number(counted.getRows()[0]?.[0] ?? 0) };
        return await from.writeArtifact(name, 'table', { content: { file }, meta });
      } finally {
        rmSync(file, { force: true });
        connection.closeSync();
      }
    },
    close: async () => {
      await analytics[Symbol.asyncDispose]();
    },
  };
}

/** Text stays text; instants become milliseconds since 1970 UTC; all other things become float64. */
function castOf(type: string): string {
  if (type === 'VARCHAR') return '';
  if (type.startsWith('TIMESTAMP') || type === 'DATE') return 'epoch_ms';
  return '';
}

function tableOf(
  types: readonly (readonly [string, string])[],
  values: readonly (readonly unknown[])[],
  rowCount: number,
): Table {
  const columns = new Map<string, Column>();
  for (const [i, [name, type]] of types.entries()) {
    const column = values[i] ?? [];
    columns.set(name, type === 'VARCHAR' ? (column as readonly (string | null)[]) : numbersOf(column));
  }
  const get = (name: string): Column => {
    const column = columns.get(name);
    if (!column) throw new Error(`the table has no column "${name}"; it has ${[...columns.keys()].join(', ')}`);
    return column;
  };
  return {
    rowCount,
    columns: [...columns.keys()],
    numbers: (name) => {
      const column = get(name);
      if (!(column instanceof Float64Array)) throw new Error(`column "${name}" is text, not numbers`);
      return column;
    },
    texts: (name) => {
      const column = get(name);
      if (column instanceof Float64Array) throw new Error(`column "${name}" holds numbers, not text`);
      return column;
    },
  };
}

function numbersOf(column: readonly unknown[]): Float64Array {
  const numbers = new Float64Array(column.length);
  for (let i = 0; i < column.length; i++) {
    const value = column[i];
    numbers[i] = value === null || value === undefined ? NaN : Number(value);
  }
  return numbers;
}
