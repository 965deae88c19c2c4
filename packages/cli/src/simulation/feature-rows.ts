/**
 * Rows to replay for an endpoint whose features come from a service: who was asked about, and when, as the service's own table
 * of rows says it. Aggregates are no part of a request: the simulation reads them from its copy of the feature set, which is
 * fed with the same datasets up to each request.
 */
import { stat } from 'node:fs/promises';
import type { Endpoint, EndpointInterface, FeatureRequest, FeatureSet, ModelVersion } from '@slipway/contract';
import { featureRequestsMax } from '@slipway/contract';
import { sqlName } from '@slipway/server/analytics';
import { usage } from '../arguments.ts';
import type { Session } from '../command.ts';
import type { Scratch } from '../init/scratch.ts';
import { openScratch } from '../init/scratch.ts';
import type { HeldRows, RowsWanted, Shape } from './rows.ts';
import { bringRows, heldArtifact, HeldMeta, instantSql, readHeldRows, targetOf } from './rows.ts';
import type { Cell, Inputs } from './shift.ts';

type Client = Session['client'];

/** What the copy of a feature set is made and fed from. */
export interface CopiedFeatures {
  readonly set: FeatureSet;
  readonly service: string;
  /** Versions of its tables; the latest of those that are not named. */
  readonly tables: Readonly<Record<string, string>>;
  /** Before the first request. */
  readonly until: number;
}

export interface FeatureRows {
  readonly rows: HeldRows;
  readonly features: CopiedFeatures;
}

interface Served {
  readonly endpoint: Endpoint;
  readonly version: ModelVersion;
  readonly shape: EndpointInterface;
}

export async function readFeatureRows(client: Client, served: Served, wanted: RowsWanted): Promise<FeatureRows> {
  const { endpoint, version } = served;
  const named = version.lineage.featureService ?? endpoint.spec.features;
  if (named === undefined) throw new Error(`endpoint ${endpoint.name} reads features and names no service`);
  const set = await client.featureSets.get({ params: { set: named.set } });
  const { rows, tables } = await rowsFrom(client, { ...served, set, service: named.service }, wanted);
  const [first = 0] = rows.times ?? [];
  if (rows.times === undefined)
    throw usage(`features are read at an instant: say with --at which column of ${rows.words} has it`);
  // The first request sees what was known at its own instant: that is fed with the requests.
  return { rows, features: { set, service: named.service, tables, until: Math.max(0, first - 1) } };
}

interface Asked extends Served {
  readonly set: FeatureSet;
  readonly service: string;
}

interface Found {
  readonly rows: HeldRows;
  readonly tables: CopiedFeatures['tables'];
}

async function rowsFrom(client: Client, asked: Asked, wanted: RowsWanted): Promise<Found> {
  const { from } = wanted;
  if (from === undefined) return heldRequests(client, asked, wanted);
  const dataset = await datasetOf(from);
  const table = asked.set.services.find(({ name }) => name === asked.service)?.rowsTable;
  if (dataset === undefined || dataset !== table)
    return { rows: await readHeldRows(client, asked, wanted), tables: {} };
  return datasetRequests(client, asked, { ...wanted, from, table });
}

/** `customers@2` is one, unless there is a file of that name. */
async function datasetOf(from: string): Promise<string | undefined> {
  const isFile = await stat(from).then(
    (found) => found.isFile(),
    () => false,
  );
  return isFile ? undefined : /^([a-z0-9][\w.-]*)(?:@[\w-]+)?$/i.exec(from)?.[1];
}

/** What the pipeline held out, with the datasets that it learnt from. */
async function heldRequests(client: Client, asked: Asked, wanted: RowsWanted): Promise<Found> {
  await using scratch = await openScratch();
  const held = await heldRange({ client, scratch }, asked.version);
  const named = new Map(asked.version.lineage.datasetVersions?.map(({ dataset, number }) => [dataset, number]));
  const tables = Object.fromEntries([...named].map(([dataset, number]) => [dataset, `${dataset}@${number}`]));
  const words = `rows that ${held.step} held out`;
  const range = { from: held.from, to: held.to + 1, ids: held.ids };
  const rows = await requestsOf(client, asked, { ...wanted, tables, range, target: held.target, words });
  return { rows, tables };
}

/** Rows of one version of the service's table; where a pipeline made the model, those after what it learnt from. */
async function datasetRequests(
  client: Client,
  asked: Asked,
  wanted: RowsWanted & { readonly from: string; readonly table: string },
): Promise<Found> {
  await using scratch = await openScratch();
  const isPiped = asked.version.lineage.pipelineRun !== undefined;
  const held = isPiped ? await heldRange({ client, scratch }, asked.version) : undefined;
  const tables = { [wanted.table]: wanted.from };
  const after =
    held === undefined ? '' : ` later than ${new Date(held.to).toISOString()}, the last that the model may know`;
  const words = `rows of ${wanted.from}${after}`;
  const range = { from: held === undefined ? undefined : held.to + 1, to: undefined, ids: undefined };
  const rows = await requestsOf(client, asked, { ...wanted, tables, range, target: held?.target, words });
  return { rows, tables };
}

interface HeldRange {
  readonly step: string;
  readonly from: number;
  readonly to: number;
  /** Of training sets that name their rows. */
  readonly ids: ReadonlySet<string> | undefined;
  /** The column with the outcome, where rows have the columns of their table. */
  readonly target: string | undefined;
}

/** Rows of a training set have `row_id` and `at`; rows of a table say by which column they were split. */
async function heldRange(
  reading: { readonly client: Client; readonly scratch: Scratch },
  version: ModelVersion,
): Promise<HeldRange> {
  const isTimed = (output: string, meta: unknown): boolean =>
    output === 'holdout' || HeldMeta.safeParse(meta).data?.split.by === 'time';
  const { step, meta, sql } = await heldArtifact(reading, version, isTimed);
  const { scratch } = reading;
  const types = new Map(
    (await scratch.rows(`DESCRIBE SELECT * FROM ${sql}`)).map((row) => [
      String(row['column_name']),
      String(row['column_type']),
    ]),
  );
  const table = HeldMeta.safeParse(meta).data;
  const column = table === undefined ? 'at' : table.split.column;
  const type = column === undefined ? undefined : types.get(column);
  if (column === undefined || type === undefined || (table !== undefined && table.split.by !== 'time'))
    throw usage(`${step} did not hold out the latest rows, and features are read in the order of time: ${bringRows}`);
  const at = instantSql(sqlName(column), type);
  const { from, to } = await scratch.one(`SELECT min(${at}) AS "from", max(${at}) AS "to" FROM ${sql}`);
  if (typeof from !== 'number' || typeof to !== 'number') throw usage(`${step} held out no row: ${bringRows}`);
  const ids = types.has('row_id')
    ? new Set((await scratch.rows(`SELECT row_id AS id FROM ${sql}`)).map((row) => String(row['id'])))
    : undefined;
  return { step, from, to, ids, target: table?.target };
}

interface RequestsWanted extends Pick<RowsWanted, 'label' | 'at' | 'limit'> {
  readonly tables: CopiedFeatures['tables'];
  readonly range: {
    readonly from: number | undefined;
    readonly to: number | undefined;
    readonly ids: ReadonlySet<string> | undefined;
  };
  readonly target: string | undefined;
  readonly words: string;
}

async function requestsOf(client: Client, asked: Asked, wanted: RequestsWanted): Promise<HeldRows> {
  const { set, service, shape, version } = asked;
  const { tables, range, words, limit } = wanted;
  if (wanted.at !== undefined)
    throw usage(`service ${service} says itself when its rows happened: leave --at out, or bring a file`);
  const given = new Set(set.inputs.map(({ name }) => name));
  const own = shape.inputs.filter(({ name }) => !given.has(name)).map(({ name }) => name);
  const label = wanted.label ?? wanted.target ?? (own.length > 0 ? targetOf(version) : undefined);
  const columns = [...new Set(label === undefined ? own : [...own, label])];
  const found: { readonly request: FeatureRequest; readonly label: number | string }[] = [];
  let pageToken: string | undefined;
  do {
    const page = await client.featureSets.requests({
      params: { set: set.name, service },
      body: {
        tables,
        columns,
        limit: Math.min(featureRequestsMax, limit),
        ...(range.from === undefined ? {} : { from: Math.floor(range.from) }),
        ...(range.to === undefined ? {} : { to: Math.ceil(range.to) }),
        ...(pageToken === undefined ? {} : { pageToken }),
      },
    });
    for (const request of page.items) {
      const outcome = outcomeOf(request, label, shape);
      if (outcome === undefined || (range.ids !== undefined && !range.ids.has(request.id ?? ''))) continue;
      if (found.length < limit) found.push({ request, label: outcome });
    }
    ({ nextPageToken: pageToken } = page);
  } while (pageToken !== undefined && found.length < limit);
  if (found.length === 0)
    throw usage(`there are no ${words}, with an outcome${label === undefined ? '' : ` in "${label}"`}: ${bringRows}`);
  return {
    inputs: found.map(({ request }) => inputsOf(request, shape)),
    labels: found.map((one) => one.label),
    times: found.map(({ request }) => request.at),
    ids: found.map(({ request }) => request.id ?? undefined),
    labelsKnownAt: found.map(({ request }) => request.labelKnownAt ?? undefined),
    words: `${found.length.toLocaleString('en-US')} ${words}`,
  };
}

/** Classes in their own words, or numbers; undefined where it is missing. */
function outcomeOf(
  { label: declared, columns }: FeatureRequest,
  column: string | undefined,
  { answer }: Shape,
): number | string | undefined {
  const value = column === undefined ? declared : columns[column];
  if (value === null || value === undefined || value === '') return undefined;
  const isNumber = answer.kind === 'number' || answer.kind === 'quantiles';
  if (column === undefined || isNumber) return Number.isFinite(Number(value)) ? Number(value) : undefined;
  return String(value);
}

function inputsOf({ inputs, columns }: FeatureRequest, { inputs: wanted }: Shape): Inputs {
  return Object.fromEntries(
    wanted.map(({ name, type }): [string, Cell] => {
      const cell = (Object.hasOwn(inputs, name) ? inputs[name] : columns[name]) ?? null;
      // Of a table's own columns: numbers that the model knows as words, and booleans that it knows as numbers.
      if (type === 'text' && cell !== null) return [name, String(cell)];
      return [name, type === 'number' && typeof cell === 'boolean' ? Number(cell) : cell];
    }),
  );
}
