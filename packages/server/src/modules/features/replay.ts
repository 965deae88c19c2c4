/**
 * Offline by replay: the online engine fed with the past.
 *
 * Rows enter in order of known_at and vectors are read in order of t, so a row of the future is not there to be seen. It is
 * the default way to build a training set where rows and engine are on one machine: about a fifth of the CPU of the
 * compiled join, and memory is the state. The compiled join is its oracle, and the other way round.
 */
import assert from 'node:assert/strict';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Relations } from './compile-sql.ts';
import { sourceRowsSql } from './compile-sql.ts';
import type { CanonicalRow, Engine } from './online.ts';
import type { Plan, ServicePlan, SourcePlan } from './plan.ts';

export type Cell = number | string | null;

/** Columns of a query, chunk by chunk. The query must cast integers and times to DOUBLE. */
export async function* chunksOf(
  connection: DuckDBConnection,
  sql: string,
): AsyncGenerator<{ readonly columns: readonly (readonly Cell[])[]; readonly rowCount: number }> {
  const result = await connection.stream(sql);
  for (;;) {
    const chunk = await result.fetchChunk();
    if (!chunk || chunk.rowCount === 0) return;
    // The query's casts leave only DOUBLE and VARCHAR, which arrive as numbers, strings and nulls.
    yield { columns: chunk.getColumns() as Cell[][], rowCount: chunk.rowCount };
  }
}

/**
 * The rows of a source in the order in which the platform learnt of them: with `untilUs` those known by then, with `aliveUs`
 * those that still matter after it.
 */
export function replayRowsSql(
  plan: Plan,
  source: SourcePlan,
  options: {
    readonly relations: Relations;
    readonly untilUs?: number;
    readonly aliveUs?: number;
    readonly retentionUs?: number;
  },
): string {
  const number = (column: string): string => `CAST(${column} AS DOUBLE)`;
  const values = [
    ...source.keys.map(({ name, type }) => ({ column: `"k_${name}"`, type })),
    ...source.columns.map(({ name, type }) => ({ column: `"c_${name}"`, type })),
  ].map(({ column, type }) =>
    type === 'string' ? column : type === 'bool' ? number(`CAST(${column} AS INTEGER)`) : number(column),
  );
  const { untilUs, aliveUs, retentionUs = Infinity } = options;
  const conditions = [
    ...(untilUs === undefined ? [] : [`k <= ${untilUs}`]),
    ...(aliveUs === undefined || !Number.isFinite(retentionUs) ? [] : [`e + ${retentionUs} > ${aliveUs}`]),
  ];
  const cut = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
  // A version that ends later than the rows' cut is ended by what is pushed then.
  const gone = untilUs === undefined ? 'gone' : `CASE WHEN gone <= ${untilUs} THEN gone END`;
  const id = source.versionKey?.type === 'int' ? number('id') : 'CAST(id AS VARCHAR)';
  return `SELECT ${['e', 'k', 'tie', 'pos', gone].map(number).join(', ')}, ${id}${values.map((value) => `, ${value}`).join('')}
    FROM (${sourceRowsSql(plan, source, options.relations(source))}) ${cut} ORDER BY k, pos`;
}

/** Feeds an engine with the rows of one source, forward only. */
export interface Feed {
  /** Pushes every row with known_at <= t. */
  upTo(tUs: number): Promise<void> | undefined;
  readonly rows: () => number;
}

/** Columns before the keys: e, k, tie, position, gone, version. */
const leading = 6;

export function createFeed(
  engine: Engine,
  sourceIndex: number,
  chunks: AsyncIterator<{ readonly columns: readonly (readonly Cell[])[]; readonly rowCount: number }>,
): Feed {
  let columns: readonly (readonly Cell[])[] = [];
  let rowCount = 0;
  let next = 0;
  let isDone = false;
  let rows = 0;
  const values: Cell[] = [];
  const numberAt = (column: number): number => {
    const value = columns[column]?.[next];
    return typeof value === 'number' ? value : Number.NaN;
  };
  const take = (): void => {
    values.length = 0;
    for (let v = leading; v < columns.length; v++) values.push(columns[v]?.[next] ?? null);
    const row: CanonicalRow = {
      eventTimeUs: numberAt(0),
      knownAtUs: numberAt(1),
      tie: numberAt(2),
      position: numberAt(3),
      goneAtUs: numberAt(4),
      versionKey: columns[5]?.[next] ?? null,
      values,
    };
    engine.pushCanonical(sourceIndex, row);
    rows++;
  };
  const within = (tUs: number): void => {
    while (next < rowCount && numberAt(1) <= tUs) {
      take();
      next++;
    }
  };
  const refill = async (tUs: number): Promise<void> => {
    while (next >= rowCount && !isDone) {
      const chunk = await chunks.next();
      if (chunk.done === true) isDone = true;
      else {
        ({ columns, rowCount } = chunk.value);
        next = 0;
        within(tUs);
      }
    }
  };
  return {
    upTo: (tUs) => {
      within(tUs);
      return next >= rowCount && !isDone ? refill(tUs) : undefined;
    },
    rows: () => rows,
  };
}

export interface ReplayResult {
  /** [rows, features] row-major f64, NaN as null, in the order of the spine's `_row` ascending as sent. */
  readonly values: Float64Array;
  readonly rowCount: number;
}

export interface ReplayInput {
  readonly engine: Engine;
  readonly service: ServicePlan;
  /** One private connection per query that is open at once. */
  readonly connect: () => Promise<DuckDBConnection>;
  readonly relations: Relations;
  /** Anything that can stand after FROM, with `_row` counting from 1 without gaps, `_t` and inputs as in compile-sql.ts. */
  readonly spine: string;
  readonly rowCount: number;
}

/** Vectors of every row of the spine; a row without `_t` keeps nulls. Asserts that no row of the spine is lost. */
export async function replay({
  engine,
  service,
  connect,
  relations,
  spine,
  rowCount,
}: ReplayInput): Promise<ReplayResult> {
  const { plan } = engine;
  const width = service.features.length;
  const values = new Float64Array(rowCount * width).fill(Number.NaN);
  const reader = engine.reader(service.name);
  const connections: DuckDBConnection[] = [];
  const open = async (sql: string): Promise<ReturnType<typeof chunksOf>> => {
    const connection = await connect();
    connections.push(connection);
    return chunksOf(connection, sql);
  };
  try {
    const feeds: Feed[] = [];
    for (const source of plan.sources) {
      feeds.push(createFeed(engine, source.index, await open(replayRowsSql(plan, source, { relations }))));
    }
    const inputs = plan.inputs.map(({ name, type }) =>
      type === 'string'
        ? `"in_${name}"`
        : `CAST(${type === 'bool' ? `CAST("in_${name}" AS INTEGER)` : `"in_${name}"`} AS DOUBLE)`,
    );
    const requests = await open(
      `SELECT CAST(_row AS DOUBLE), CAST(_t AS DOUBLE), ${inputs.join(', ')} FROM ${spine} WHERE _t IS NOT NULL ORDER BY _t, _row`,
    );
    const request: Cell[] = plan.inputs.map(() => null);
    let served = 0;
    for await (const { columns, rowCount: chunkRows } of requests) {
      for (let r = 0; r < chunkRows; r++) {
        const row = columns[0]?.[r] as number;
        const t = columns[1]?.[r] as number;
        for (const feed of feeds) {
          const pending = feed.upTo(t);
          if (pending) await pending;
        }
        for (let i = 0; i < request.length; i++) request[i] = columns[i + 2]?.[r] ?? null;
        assert.ok(row >= 1 && row <= rowCount, 'rows of the spine count from 1 without gaps');
        reader.readValues(t, request, values, (row - 1) * width);
        served++;
      }
    }
    assert.ok(served <= rowCount, 'a spine row was read twice');
    return { values, rowCount: served };
  } finally {
    for (const connection of connections) connection.closeSync();
  }
}
