/** Reads of the registry: rows become the contract's nouns here and nowhere else. */
import type {
  Gate,
  GateCheck,
  GateEvidence,
  Lineage,
  ModelFile,
  ModelSignature,
  ModelVersion,
  RegisteredModel,
} from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import type { RawBuilder } from 'kysely';
import { sql } from 'kysely';
import type { FilterSource } from '../../lib/search-filter/filter-sql.ts';
import { filterCondition, inList, numberCondition, textCondition } from '../../lib/search-filter/filter-sql.ts';
import type { Comparison, Filter } from '../../lib/search-filter/search-filter.ts';
import { filterError } from '../../lib/search-filter/search-filter.ts';
import { decodePageToken, encodePageToken, fingerprintOf } from '../../lib/page-token.ts';
import type { Db } from '../../platform/db/db.ts';
import { aliasRulesOf } from './operations/approval-rows.ts';
import { gateSpecOf } from './operations/gates.ts';
import type { RegistryTables } from './tables.ts';

type ModelRow = Omit<RegistryTables['registry_model'], 'id'> & { readonly id: number };
type VersionRow = Omit<RegistryTables['registry_version'], 'id'> & { readonly id: number; readonly model: string };

type Read = <R>(db: Db, statement: RawBuilder<R>) => Promise<R[]>;

const scan: Read = (db, statement) => db.scan({ compile: () => statement.compile(db.read()) });

/** Key look-ups of one thing: answered at once, where a reader would have to be started and asked six times. */
const look: Read = async (db, statement) => (await statement.execute(db.read())).rows;

/** Files of one version that are looked up on the main thread; a version may have thousands. */
const fewFiles = 100;

export interface SearchPage<T> {
  readonly items: T[];
  readonly nextPageToken?: string;
}

export interface RegistrySearch {
  readonly filter?: Filter | undefined;
  /** Part of the page token's fingerprint, and shown in messages. */
  readonly filterText?: string | undefined;
  readonly orderBy?: string | undefined;
  readonly ascending?: boolean | undefined;
  readonly limit: number;
  readonly pageToken?: string | undefined;
}

export interface VersionSearch extends RegistrySearch {
  readonly model?: string | undefined;
  /** Only those that this run made. */
  readonly runId?: string | undefined;
}

async function hydrateModels(db: Db, rows: readonly ModelRow[]): Promise<RegisteredModel[]> {
  if (rows.length === 0) return [];
  const read = rows.length === 1 ? look : scan;
  const among = inList(
    db.dialect,
    sql.ref('model_id'),
    rows.map((row) => row.id),
  );
  const [aliases, tags] = await Promise.all([
    read(
      db,
      sql<{
        model_id: number;
        alias: string;
        number: number;
      }>`select * from registry_alias where ${among} order by alias`,
    ),
    read(
      db,
      sql<{
        model_id: number;
        key: string;
        value: string;
      }>`select * from registry_tag where ${among} and number = 0 order by key`,
    ),
  ]);
  return rows.map((row) => {
    const gate = gateSpecOf(row);
    const rules = Object.entries(aliasRulesOf(row));
    return {
      id: row.uid,
      name: row.name,
      ...(row.description === null ? {} : { description: row.description }),
      ...(gate === undefined ? {} : { gate }),
      ...(rules.length === 0
        ? {}
        : { approvals: Object.fromEntries(rules.map(([alias, { approval }]) => [alias, approval])) }),
      aliases: Object.fromEntries(aliases.filter((a) => a.model_id === row.id).map((a) => [a.alias, a.number])),
      latestNumber: row.last_number,
      tags: Object.fromEntries(tags.filter((t) => t.model_id === row.id).map((t) => [t.key, t.value])),
      ...(row.project === null ? {} : { project: row.project }),
      createdAt: row.created_at,
      updatedAt: row.updated_at,
    };
  });
}

export async function findModel(db: Db, name: string): Promise<RegisteredModel | undefined> {
  const rows = await look(db, sql<ModelRow>`select * from registry_model where name = ${name}`);
  return (await hydrateModels(db, rows))[0];
}

export async function getModel(db: Db, name: string): Promise<RegisteredModel> {
  const model = await findModel(db, name);
  if (model) return model;
  throw new SlipwayError('not_found', { noun: 'model', name, remedy: 'GET /api/models lists them.' });
}

/** Written by `recordGate` from the judge's own values. */
export const checksOf = (text: string): GateCheck[] => JSON.parse(text) as GateCheck[];

const versionSelect = sql`select v.*, m.name as model from registry_version v join registry_model m on m.id = v.model_id`;

interface FileRow {
  readonly version_id: number;
  readonly path: string;
  readonly digest: string;
  readonly size_bytes: number;
}

async function filesOf(db: Db, rows: readonly VersionRow[]): Promise<FileRow[]> {
  const among = inList(
    db.dialect,
    sql.ref('version_id'),
    rows.map((row) => row.id),
  );
  const all = sql<FileRow>`select * from registry_file where ${among} order by path`;
  if (rows.length > 1) return scan(db, all);
  const found = await look(db, sql<FileRow>`${all} limit ${fewFiles + 1}`);
  return found.length <= fewFiles ? found : scan(db, all);
}

async function hydrateVersions(db: Db, rows: readonly VersionRow[]): Promise<ModelVersion[]> {
  if (rows.length === 0) return [];
  const read = rows.length === 1 ? look : scan;
  const models = inList(db.dialect, sql.ref('model_id'), [...new Set(rows.map((row) => row.model_id))]);
  const numbers = inList(db.dialect, sql.ref('number'), [...new Set(rows.map((row) => row.number))]);
  const [files, aliases, tags, gates, waiting] = await Promise.all([
    filesOf(db, rows),
    read(
      db,
      sql<{
        model_id: number;
        alias: string;
        number: number;
      }>`select * from registry_alias where ${models} order by alias`,
    ),
    read(
      db,
      sql<{ model_id: number; number: number; key: string; value: string }>`
        select * from registry_tag where ${models} and ${numbers} order by key`,
    ),
    read(
      db,
      sql<{ uid: string; passed: number; checks: string }>`select uid, passed, checks from registry_gate where ${inList(
        db.dialect,
        sql.ref('uid'),
        rows.flatMap((row) => (row.gate_uid === null ? [] : [row.gate_uid])),
      )}`,
    ),
    read(
      db,
      sql<{ model_id: number; number: number; alias: string; uid: string }>`
        select model_id, number, alias, uid from registry_approval where ${models} and state = 'waiting' order by alias`,
    ),
  ]);
  return rows.map((row) => {
    const own = files
      .filter((f) => f.version_id === row.id)
      .map((f): ModelFile => ({ path: f.path, digest: f.digest, sizeBytes: f.size_bytes }));
    const onnx = own.filter((f) => f.path.endsWith('.onnx'));
    const gate = gates.find((g) => g.uid === row.gate_uid);
    const asked = waiting.filter((w) => w.model_id === row.model_id && w.number === row.number);
    const isOwn = (of: { readonly model_id: number; readonly number: number }): boolean =>
      of.model_id === row.model_id && of.number === row.number;
    return {
      id: row.uid,
      model: row.model,
      number: row.number,
      status: row.status,
      ...(row.description === null ? {} : { description: row.description }),
      ...(row.run_uid === null ? {} : { runId: row.run_uid }),
      ...(row.artifact_digest === null ? {} : { artifactDigest: row.artifact_digest }),
      files: own,
      ...(onnx.length === 1 && onnx[0] ? { onnx: onnx[0] } : {}),
      flavor: row.flavor,
      // The JSON columns are written by this module's operations from parsed values.
      ...(row.signature === null ? {} : { signature: JSON.parse(row.signature) as ModelSignature }),
      lineage: JSON.parse(row.lineage) as Lineage,
      ...(gate === undefined
        ? {}
        : { gate: { id: gate.uid, passed: gate.passed === 1, checks: checksOf(gate.checks) } }),
      aliases: aliases.filter(isOwn).map((a) => a.alias),
      ...(asked.length === 0 ? {} : { approvals: Object.fromEntries(asked.map((w) => [w.alias, w.uid])) }),
      tags: Object.fromEntries(tags.filter(isOwn).map((t) => [t.key, t.value])),
      stage: row.stage,
      ...(row.source === null ? {} : { source: row.source }),
      ...(row.logged_model_uid === null ? {} : { loggedModelId: row.logged_model_uid }),
      createdAt: row.created_at,
      updatedAt: row.updated_at,
      createdBy: row.created_by,
    };
  });
}

/** By id, whatever model it belongs to now. */
export async function findVersionById(db: Db, id: string): Promise<ModelVersion | undefined> {
  const rows = await look(db, sql<VersionRow>`${versionSelect} where v.uid = ${id} and v.deleted_at is null`);
  return (await hydrateVersions(db, rows))[0];
}

export async function versionsTrainedOn(
  db: Db,
  data: { readonly dataset: string; readonly number: number; readonly digest: string },
  limit: number,
): Promise<ModelVersion[]> {
  const rows = await scan(
    db,
    sql<VersionRow>`${versionSelect} join registry_version_dataset d on d.version_id = v.id
      where d.dataset = ${data.dataset} and d.number = ${data.number} and d.digest = ${data.digest}
      order by d.version_id desc limit ${limit}`,
  );
  return hydrateVersions(db, rows);
}

/** `3`, an alias, or `latest`. */
export async function getVersion(db: Db, model: string, ref: string): Promise<ModelVersion> {
  const which = /^[1-9]\d{0,15}$/.test(ref)
    ? sql`v.number = ${Number(ref)}`
    : ref === 'latest'
      ? sql`v.number = (select max(x.number) from registry_version x where x.model_id = m.id and x.deleted_at is null)`
      : sql`v.number = (select a.number from registry_alias a where a.model_id = m.id and a.alias = ${ref})`;
  const rows = await look(
    db,
    sql<VersionRow>`${versionSelect} where m.name = ${model} and v.deleted_at is null and ${which}`,
  );
  const [version] = await hydrateVersions(db, rows);
  if (version) return version;
  const { aliases } = await getModel(db, model);
  const names = Object.keys(aliases);
  throw new SlipwayError('not_found', {
    noun: `version of model "${model}"`,
    name: ref,
    remedy: names.length === 0 ? 'The model has no aliases; name a number.' : `Its aliases are ${names.join(', ')}.`,
  });
}

function tagCondition(source: FilterSource, comparison: Comparison, of: RawBuilder<unknown>): RawBuilder<unknown> {
  const at = sql`select 1 from registry_tag t where t.model_id = m.id and ${of} and t.key = ${comparison.key}`;
  if (comparison.test.op === 'is null') return sql`not exists (${at})`;
  return sql`exists (${at} and ${textCondition(source, comparison, sql.ref('t.value'))})`;
}

function attribute(
  source: FilterSource,
  comparison: Comparison,
  columns: Readonly<Record<string, { readonly ref: string; readonly isNumber?: boolean }>>,
): RawBuilder<unknown> {
  const column = Object.hasOwn(columns, comparison.key) ? columns[comparison.key] : undefined;
  if (column === undefined || comparison.entity !== 'attribute')
    throw filterError(
      source.text,
      comparison.position,
      `"${comparison.key}" is not known here; use ${Object.keys(columns).join(', ')} or tags.<key>`,
    );
  return column.isNumber
    ? numberCondition(source, comparison, sql.ref(column.ref))
    : textCondition(source, comparison, sql.ref(column.ref));
}

interface Keyset {
  readonly column: string;
  readonly ascending: boolean;
}

/** One sort column and then the row id. */
async function page<R extends { readonly id: number }>(
  db: Db,
  search: RegistrySearch,
  statement: {
    readonly select: RawBuilder<unknown>;
    readonly where: RawBuilder<unknown>;
    readonly id: string;
    readonly keyset: Keyset;
  },
): Promise<{ readonly rows: readonly R[]; readonly nextPageToken?: string }> {
  const { column, ascending } = statement.keyset;
  const fingerprint = fingerprintOf([statement.id, column, ascending, search.filterText ?? '']);
  const way = ascending ? sql`asc` : sql`desc`;
  const after =
    search.pageToken === undefined
      ? sql`true`
      : sql`(${sql.ref(column)}, ${sql.ref(statement.id)}) ${ascending ? sql`>` : sql`<`} (${sql.join(decodePageToken(search.pageToken, fingerprint, 2))})`;
  const rows = await scan(
    db,
    sql<R & Record<string, unknown>>`${statement.select} where ${statement.where} and ${after}
      order by ${sql.ref(column)} ${way}, ${sql.ref(statement.id)} ${way} limit ${search.limit + 1}`,
  );
  const shown = rows.slice(0, search.limit);
  const last = shown.at(-1);
  if (rows.length <= search.limit || last === undefined) return { rows: shown };
  // The sort columns are texts and integers.
  const cell = last[column.slice(column.indexOf('.') + 1)] as string | number;
  return { rows: shown, nextPageToken: encodePageToken(fingerprint, [cell, last.id]) };
}

function keysetOf(search: RegistrySearch, columns: Readonly<Record<string, string>>, fallback: Keyset): Keyset {
  if (search.orderBy === undefined) return fallback;
  const column = Object.hasOwn(columns, search.orderBy) ? columns[search.orderBy] : undefined;
  if (column === undefined)
    throw new SlipwayError('order_invalid', {
      value: search.orderBy,
      problem: `use ${Object.keys(columns).join(', ')}`,
    });
  return { column, ascending: search.ascending ?? true };
}

export async function searchModels(db: Db, search: RegistrySearch): Promise<SearchPage<RegisteredModel>> {
  const source: FilterSource = { text: search.filterText ?? '', dialect: db.dialect };
  const one = (c: Comparison): RawBuilder<unknown> =>
    c.entity === 'tag' ? tagCondition(source, c, sql`t.number = 0`) : attribute(source, c, { name: { ref: 'm.name' } });
  const { rows, ...rest } = await page<ModelRow>(db, search, {
    select: sql`select m.* from registry_model m`,
    where: search.filter === undefined ? sql`true` : filterCondition(search.filter, one),
    id: 'm.id',
    keyset: keysetOf(
      search,
      { name: 'm.name', updatedAt: 'm.updated_at', createdAt: 'm.created_at' },
      { column: 'm.name', ascending: true },
    ),
  });
  return { items: await hydrateModels(db, rows), ...rest };
}

export async function searchVersions(db: Db, search: VersionSearch): Promise<SearchPage<ModelVersion>> {
  const source: FilterSource = { text: search.filterText ?? '', dialect: db.dialect };
  const one = (c: Comparison): RawBuilder<unknown> =>
    c.entity === 'tag'
      ? tagCondition(source, c, sql`t.number = v.number`)
      : attribute(source, c, {
          name: { ref: 'm.name' },
          number: { ref: 'v.number', isNumber: true },
          runId: { ref: 'v.run_uid' },
          source: { ref: 'v.source' },
        });
  const filter = search.filter === undefined ? sql`true` : filterCondition(search.filter, one);
  const ofModel = search.model === undefined ? sql`true` : sql`m.name = ${search.model}`;
  const ofRun = search.runId === undefined ? sql`true` : sql`v.run_uid = ${search.runId}`;
  const { rows, ...rest } = await page<VersionRow>(
    db,
    { ...search, filterText: [search.model, search.runId, search.filterText].map((part) => part ?? '').join('\n') },
    {
      select: versionSelect,
      where: sql`v.deleted_at is null and ${ofModel} and ${ofRun} and ${filter}`,
      id: 'v.id',
      keyset: keysetOf(
        search,
        { name: 'm.name', number: 'v.number', updatedAt: 'v.updated_at', createdAt: 'v.created_at' },
        { column: 'v.updated_at', ascending: false },
      ),
    },
  );
  return { items: await hydrateVersions(db, rows), ...rest };
}

interface GateRow extends Omit<RegistryTables['registry_gate'], 'id'> {
  readonly id: number;
  readonly model: string;
}

const gateOf = (row: GateRow): Gate => ({
  id: row.uid,
  model: row.model,
  passed: row.passed === 1,
  checks: checksOf(row.checks),
  // Written by `recordGate` from a parsed value.
  evidence: JSON.parse(row.evidence) as GateEvidence,
  specDigest: row.spec_digest,
  ...(row.run_uid === null ? {} : { runId: row.run_uid }),
  ...(row.candidate === null ? {} : { candidate: row.candidate }),
  ...(row.number === null ? {} : { version: row.number }),
  createdAt: row.created_at,
});

const gateSelect = sql`select g.*, m.name as model from registry_gate g join registry_model m on m.id = g.model_id`;

export async function getGate(db: Db, id: string): Promise<Gate> {
  const [row] = await scan(db, sql<GateRow>`${gateSelect} where g.uid = ${id}`);
  if (row) return gateOf(row);
  throw new SlipwayError('not_found', { noun: 'gate', name: id, remedy: 'GET /api/models/<model>/gates lists them.' });
}

export async function listGates(
  db: Db,
  query: { readonly model: string; readonly limit: number; readonly pageToken?: string | undefined },
): Promise<SearchPage<Gate>> {
  const { rows, ...rest } = await page<GateRow>(
    db,
    { ...query, filterText: query.model },
    {
      select: gateSelect,
      where: sql`m.name = ${query.model}`,
      id: 'g.id',
      keyset: { column: 'g.created_at', ascending: false },
    },
  );
  return { items: rows.map(gateOf), ...rest };
}
