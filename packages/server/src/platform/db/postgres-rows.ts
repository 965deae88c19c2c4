/** Rows of somebody else's PostgreSQL, a page at a time: constant memory for any size, and nothing is written there. */
import pg from 'pg';

/** Rows fetched at once. */
const pageRows = 5000;
/** PostgreSQL's number for the type boolean, whose texts are t and f. */
const booleanOid = 16;
const connectTimeoutMs = 10_000;

export interface PostgresPage {
  readonly names: readonly string[];
  /** PostgreSQL's own text of each value; of booleans true and false. */
  readonly rows: readonly (readonly (string | null)[])[];
}

/**
 * The result of one SELECT through a cursor, in one read-only transaction; the first page comes also when it has no rows.
 * `url` may carry a password: it is in no message of this function.
 */
export async function* postgresRows(url: string, select: string): AsyncGenerator<PostgresPage> {
  const parse = (oid: number) => (value: string) => (oid === booleanOid ? String(value === 't') : value);
  const asText = { getTypeParser: parse };
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: connectTimeoutMs, types: asText });
  await client.connect();
  try {
    await client.query("set datestyle = 'ISO'; set timezone = 'UTC'; begin read only");
    await client.query(`declare slipway_rows no scroll cursor for ${select}`);
    for (let isFirst = true; ; isFirst = false) {
      const page = await client.query<(string | null)[]>({
        text: `fetch ${pageRows} from slipway_rows`,
        rowMode: 'array',
      });
      if (isFirst || page.rows.length > 0) yield { names: page.fields.map(({ name }) => name), rows: page.rows };
      if (page.rows.length < pageRows) return;
    }
  } finally {
    await client.end();
  }
}
