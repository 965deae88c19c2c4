/**
 * The rows of a service's label table as requests: who asked for what, when, and how it came out. The same spine that a
 * training set is built on, so a request that is served again at its instant gets the vector of its training row.
 *
 * Instants are whole milliseconds, as requests carry them: the part of a millisecond that a training row has is cut off.
 */
import type { FeatureRequest } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import { decodePageToken, encodePageToken, fingerprintOf } from '../../lib/page-token.ts';
import type { Page } from '../../lib/page.ts';
import { pageOf } from '../../lib/page.ts';
import type { Analytics } from '../../platform/analytics/analytics.ts';
import { sqlName } from '../../platform/analytics/analytics.ts';
import { trainingSpineSql } from './compile-sql.ts';
import type { Plan, RowsPlan, ServicePlan } from './plan.ts';
import type { TableSource } from './online-state.ts';
import type { ValueType } from './typed.ts';

export interface RequestsWanted {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly columns: readonly string[];
  readonly limit: number;
  readonly pageToken?: string | undefined;
}

export interface RequestsInput {
  readonly plan: Plan;
  readonly service: ServicePlan & { readonly rows: RowsPlan };
  readonly table: TableSource;
  readonly analytics: Analytics;
}

type Cell = FeatureRequest['inputs'][string];
type Row = Readonly<Record<string, unknown>>;

/** By instant; rows without one are left out. Throws `not_found` for a column that the table lacks, `page_token_invalid`. */
export async function listRequests(input: RequestsInput, wanted: RequestsWanted): Promise<Page<FeatureRequest>> {
  const { plan, service, table, analytics } = input;
  const { columns, from, to, limit, pageToken } = wanted;
  const own = columns.map((name) => ownColumn(table, name));
  const fingerprint = fingerprintOf([table.ref, service.digest, from, to, columns]);
  const after = pageToken === undefined ? undefined : decodePageToken(pageToken, fingerprint, 2).map(Number);
  const conditions = [
    's._t IS NOT NULL',
    ...(from === undefined ? [] : [`s._t >= ${from * 1000}`]),
    ...(to === undefined ? [] : [`s._t < ${to * 1000}`]),
    ...(after === undefined ? [] : [`(s._t, s._row) > (${after[0]}, ${after[1]})`]),
  ];
  const given = plan.inputs.map(
    ({ name, type }) => `${jsonSql(`s.${sqlName(`in_${name}`)}`, type)} AS ${sqlName(`in ${name}`)}`,
  );
  const selected = [
    's._id AS id',
    'CAST(s._t AS DOUBLE) AS t',
    'CAST(s._row AS DOUBLE) AS "row"',
    's._label AS label',
    'CAST(s._label_known_us AS DOUBLE) AS known',
    ...given,
    ...own,
  ];
  const rows = await analytics.rows<Row>(
    `SELECT ${selected.join(', ')} FROM (${trainingSpineSql(plan, service, { relation: table.sql })}) AS s
     ${own.length === 0 ? '' : `JOIN (SELECT row_number() OVER () AS "the row", * FROM ${table.sql}) AS o ON o."the row" = s._row`}
     WHERE ${conditions.join(' AND ')} ORDER BY s._t, s._row LIMIT ${limit + 1}`,
  );
  return pageOf(
    rows,
    limit,
    (row) => encodePageToken(fingerprint, [Number(row['t']), Number(row['row'])]),
    (row) => ({
      id: typeof row['id'] === 'string' ? row['id'] : null,
      at: Math.floor(Number(row['t']) / 1000),
      inputs: Object.fromEntries(
        plan.inputs.map(({ name, type }) => [
          name,
          type === 'time' ? instantOf(row[`in ${name}`]) : cellOf(row[`in ${name}`]),
        ]),
      ),
      label: numberOf(row['label']),
      labelKnownAt: msOf(row['known']),
      columns: Object.fromEntries(columns.map((name) => [name, cellOf(row[`own ${name}`])])),
    }),
  );
}

const jsonSql = (column: string, type: ValueType): string =>
  type === 'string' || type === 'bool' ? column : `CAST(${column} AS DOUBLE)`;

/** Longest text of a table's own column: as a request takes it. */
const textMax = 1000;

function ownColumn({ columns, ref }: TableSource, name: string): string {
  const found = columns.find((column) => column.name === name);
  if (found === undefined) {
    const remedy = `${ref} has ${columns.map((column) => column.name).join(', ')}.`;
    throw new SlipwayError('not_found', { noun: 'column', name, remedy });
  }
  const column = `o.${sqlName(name)}`;
  const alias = sqlName(`own ${name}`);
  if (found.type === 'BOOLEAN') return `${column} AS ${alias}`;
  if (/^(?:U?(?:TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|DECIMAL|FLOAT|DOUBLE)/.test(found.type))
    return `CAST(${column} AS DOUBLE) AS ${alias}`;
  if (/^(?:TIMESTAMP|DATE)/.test(found.type))
    return `CAST(epoch_ms(CAST(${column} AS TIMESTAMP)) AS DOUBLE) AS ${alias}`;
  return `left(CAST(${column} AS VARCHAR), ${textMax}) AS ${alias}`;
}

const cellOf = (value: unknown): Cell =>
  typeof value === 'number' ? numberOf(value) : typeof value === 'string' || typeof value === 'boolean' ? value : null;

const numberOf = (value: unknown): number | null =>
  typeof value === 'number' && Number.isFinite(value) ? value : null;

const msOf = (us: unknown): number | null => (typeof us === 'number' ? Math.ceil(us / 1000) : null);

/** Milliseconds, or text where there are parts of one. */
function instantOf(us: unknown): Cell {
  if (typeof us !== 'number') return null;
  const ms = Math.floor(us / 1000);
  if (ms * 1000 === us) return ms;
  return new Date(ms).toISOString().replace('Z', `${String(us - ms * 1000).padStart(3, '0')}Z`);
}
