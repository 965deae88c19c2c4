/** The flights example as the benchmarks use it: its months, its feature plan, and its rows with all features. */
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { createAnalytics } from '../packages/server/src/platform/analytics/analytics.ts';
import type { Analytics } from '../packages/server/src/platform/analytics/analytics.ts';
import type { Relations } from '../packages/server/src/modules/features/compile-sql.ts';
import { trainingSpineSql } from '../packages/server/src/modules/features/compile-sql.ts';
import { parseDefinitionText } from '../packages/server/src/modules/features/definition.ts';
import { createEngine } from '../packages/server/src/modules/features/online.ts';
import type { Engine } from '../packages/server/src/modules/features/online.ts';
import { createPlan } from '../packages/server/src/modules/features/plan.ts';
import type { Plan, ServicePlan } from '../packages/server/src/modules/features/plan.ts';
import { replay } from '../packages/server/src/modules/features/replay.ts';

const folder = join(import.meta.dirname, '..', 'examples', 'flights');
const serviceName = 'delay_risk';
const codeNames = ['carrier', 'origin', 'dest'] as const;

export interface FlightRows {
  readonly featureNames: readonly string[];
  /** Float64 per feature: three codes (rank among the sorted names), then the 27 declared features. NaN is missing. */
  readonly columns: readonly Float64Array[];
  /** NaN where the flight never arrived. */
  readonly labels: Float64Array;
  /** Instants in µs UTC; NaN where never. */
  readonly labelKnownUs: Float64Array;
  /** Local month of the scheduled departure, 1 to 12. */
  readonly months: Float64Array;
}

export interface FlightsPlan {
  readonly plan: Plan;
  readonly service: ServicePlan;
  readonly relations: Relations;
}

export function flightsAnalytics(): Analytics {
  return createAnalytics({ memoryLimit: '2GB', threads: 1, tempFolder: tmpdir() });
}

const tableSql = (table: string, months: number): string => {
  const files = Array.from({ length: months }, (_, i) => `2013-${String(i + 1).padStart(2, '0')}.parquet`);
  return `read_parquet([${files.map((file) => `'${join(folder, 'data', table, file)}'`).join(', ')}])`;
};

/** The plan of the example's features over its first months. */
export async function planFlights(connection: DuckDBConnection, months: number): Promise<FlightsPlan> {
  const schemas = new Map<string, { readonly name: string; readonly type: string }[]>();
  for (const table of ['flights', 'weather']) {
    const described = await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${tableSql(table, months)}`);
    // DESCRIBE answers with text columns.
    const rows = described.getRowObjectsJS() as { readonly column_name: string; readonly column_type: string }[];
    schemas.set(
      table,
      rows.map((row) => ({ name: row.column_name, type: row.column_type })),
    );
  }
  const definition = parseDefinitionText(await readFile(join(folder, 'features.yaml'), 'utf8'));
  const plan = createPlan(definition, schemas, [serviceName]);
  const service = plan.services.get(serviceName);
  if (service === undefined) throw new Error(`features.yaml has no service ${serviceName}`);
  return { plan, service, relations: (source) => ({ sql: tableSql(source.table, months), isLog: false }) };
}

export interface ReplayedFlights {
  readonly rows: FlightRows;
  /** The online engine as it stands after the last flight. */
  readonly engine: Engine;
}

/** Replays the first months through the online engine and keeps every vector. About 10 s for six months. */
export async function replayFlights(analytics: Analytics, months: number): Promise<ReplayedFlights> {
  const connection = await analytics.connect();
  const { plan, service, relations } = await planFlights(connection, months);
  const flights = tableSql('flights', months);
  await connection.run(`CREATE TABLE spine AS ${trainingSpineSql(plan, service, { relation: flights })}`);
  const ranks = codeNames.map((code) => `CAST(dense_rank() OVER (ORDER BY in_${code}) - 1 AS DOUBLE) AS "${code}"`);
  const read = await connection.runAndReadAll(
    `SELECT ${ranks.join(', ')}, CAST(_label AS DOUBLE) AS label, CAST(_label_known_us AS DOUBLE) AS known,
      CAST(month(strptime(_id[1:10], '%Y-%m-%d')) AS DOUBLE) AS month FROM spine ORDER BY _row`,
  );
  const extra = new Map(Object.entries(read.getColumnsObjectJS()));
  const column = (name: string): Float64Array =>
    Float64Array.from(extra.get(name) ?? [], (value) => (typeof value === 'number' ? value : Number.NaN));
  const labels = column('label');
  const engine = createEngine(plan);
  const { values } = await replay({
    engine,
    service,
    connect: () => analytics.connect(),
    relations,
    spine: 'spine',
    rowCount: labels.length,
  });
  const width = service.features.length;
  const features = service.features.map((_, k) => Float64Array.from(labels, (__, row) => values[row * width + k] ?? 0));
  return {
    engine,
    rows: {
      featureNames: [...codeNames, ...service.features.map((feature) => feature.name)],
      columns: [...codeNames.map(column), ...features],
      labels,
      labelKnownUs: column('known'),
      months: column('month'),
    },
  };
}
