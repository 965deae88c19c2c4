/**
 * DuckDB in process, for scans over Parquet, CSV and JSON files. Loaded on first use; queries run on DuckDB's own threads.
 * Extensions are never downloaded.
 */
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';

export interface Analytics extends AsyncDisposable {
  /** A private connection over one in-memory instance; closed by the caller. */
  connect(): Promise<DuckDBConnection>;
  /** Rows as plain objects (bigint and dates as DuckDB's JS values). For small results. */
  rows<R>(sql: string): Promise<R[]>;
}

export function createAnalytics(options: {
  readonly memoryLimit: string;
  readonly threads: number;
  readonly tempFolder: string;
}): Analytics {
  let instance: Promise<DuckDBInstance> | undefined;
  const open = async (): Promise<DuckDBInstance> => {
    const { DuckDBInstance: Instance } = await import('@duckdb/node-api');
    return Instance.create(':memory:', {
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
      memory_limit: options.memoryLimit,
      threads: String(options.threads),
      temp_directory: options.tempFolder,
      // A scan of a wide table leaves tens of megabytes with the allocator, which gives them back by itself only while it is used.
      allocator_background_threads: 'true',
    });
  };
  const connect = async (): Promise<DuckDBConnection> => {
    instance ??= open();
    const connection = await (await instance).connect();
    await connection.run("SET TimeZone='UTC'");
    return connection;
  };
  return {
    connect,
    rows: async <R>(sql: string): Promise<R[]> => {
      const connection = await connect();
      try {
        const reader = await connection.runAndReadAll(sql);
        // The caller names the row type of its own SQL.
        return reader.getRowObjectsJS() as R[];
      } finally {
        connection.closeSync();
      }
    },
    [Symbol.asyncDispose]: async () => {
      if (instance) (await instance).closeSync();
    },
  };
}

/** A string as an SQL literal. */
export function sqlText(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}

/** A name as an SQL identifier. */
export function sqlName(value: string): string {
  return `"${value.replaceAll('"', '""')}"`;
}
