/**
 * Which keys the runs of an experiment logged, and which values a param or tag has: what pickers and completion ask while
 * somebody types. Both read what their page shows and no run: keys from `tracking_run_key`, which the writes maintain;
 * values by stepping through the value index from one distinct value to the next.
 */
import type { RunKey, RunKeyKind } from '@slipway/contract';
import { runKeyKinds } from '@slipway/contract';
import type { RawBuilder } from 'kysely';
import { sql } from 'kysely';
import type { Page } from '../../lib/page.ts';
import { decodePageToken, encodePageToken, fingerprintOf } from '../../lib/page-token.ts';
import type { Db } from '../../platform/db/db.ts';
import { keyIdOf } from './conditions.ts';
import { scan } from './read.ts';
import { valueHeadChars } from './tables.ts';

export interface RunKeyQuery {
  /** Internal id; keys of every experiment unless given. */
  readonly experiment: number | undefined;
  readonly kind?: RunKeyKind | undefined;
  readonly prefix?: string | undefined;
  readonly contains?: string | undefined;
  readonly limit: number;
  readonly pageToken?: string | undefined;
}

interface KeyRow {
  readonly name: string;
  readonly seen_at: number;
}

/** Sorts after every text that begins with what stands before it, in the order of code points. */
const last = '\u{10FFFF}';

/** In the order of (kind, name); a kind is read only when the page is not yet full. */
export async function listRunKeys(db: Db, query: RunKeyQuery): Promise<Page<RunKey>> {
  const { experiment, prefix = '', contains = '' } = query;
  const fingerprint = fingerprintOf(['run keys', experiment, query.kind, prefix, contains]);
  const [afterKind, afterName] =
    query.pageToken === undefined ? [-1, ''] : decodePageToken(query.pageToken, fingerprint, 2);
  const found: RunKey[] = [];
  for (const [code, kind] of runKeyKinds.entries()) {
    if ((query.kind !== undefined && query.kind !== kind) || code < Number(afterKind)) continue;
    const want = query.limit + 1 - found.length;
    if (want <= 0) break;
    const range = [
      sql`kind = ${sql.lit(code)}`,
      ...(code === afterKind ? [sql`name > ${afterName}`] : []),
      ...(prefix === '' ? [] : [sql`name >= ${prefix} and name < ${`${prefix}${last}`}`]),
      ...(contains === '' ? [] : [within(db, contains)]),
    ];
    const where = sql.join(range, sql` and `);
    const rows = await scan(
      db,
      experiment === undefined
        ? sql<KeyRow>`select name, max(seen_at) seen_at from tracking_run_key
            where ${where} group by name order by name limit ${want}`
        : sql<KeyRow>`select name, seen_at from tracking_run_key
            where experiment_id = ${experiment} and ${where} order by name limit ${want}`,
    );
    found.push(...rows.map((row) => ({ kind, key: row.name, seenAt: row.seen_at })));
  }
  const items = found.slice(0, query.limit);
  const end = items.at(-1);
  return {
    items,
    ...(found.length > query.limit && end !== undefined
      ? { nextPageToken: encodePageToken(fingerprint, [runKeyKinds.indexOf(end.kind), end.key]) }
      : {}),
  };
}

/** Both sides are lowered by the database, so that they agree about letters beyond ASCII. */
export const within = (db: Db, text: string): RawBuilder<unknown> =>
  db.dialect === 'sqlite'
    ? sql`instr(lower(name), lower(${text})) > 0`
    : sql`strpos(lower(name), lower(${text}::text)) > 0`;

export interface RunValueQuery {
  /** Internal id; of the experiments that used the key last unless given. */
  readonly experiment: number | undefined;
  readonly kind: 'param' | 'tag';
  readonly key: string;
  readonly prefix: string;
  readonly limit: number;
}

/** Without an experiment the values of so many are looked through: those in which the key was seen last. */
const experimentsLookedAt = 20;

/** Values as long as the index keeps of them are left out: their rest is not known there. */
export async function listRunValues(db: Db, query: RunValueQuery): Promise<string[]> {
  const { experiment } = query;
  const experiments = experiment === undefined ? await lastExperiments(db, query) : [experiment];
  const found = await Promise.all(experiments.map((one) => valuesOf(db, one, query)));
  const values = found
    .flat()
    .filter((value) => value.startsWith(query.prefix) && Array.from(value).length < valueHeadChars);
  // Of one experiment they come in the order of the database.
  const ordered = found.length > 1 ? [...new Set(values)].toSorted() : values;
  return ordered.slice(0, query.limit);
}

async function lastExperiments(db: Db, { kind, key }: RunValueQuery): Promise<readonly number[]> {
  const rows = await scan(
    db,
    sql<{ experiment_id: number }>`select experiment_id from tracking_run_key
      where kind = ${sql.lit(runKeyKinds.indexOf(kind))} and name = ${key}
      order by seen_at desc limit ${experimentsLookedAt}`,
  );
  return rows.map((row) => row.experiment_id);
}

async function valuesOf(db: Db, experiment: number, query: RunValueQuery): Promise<readonly string[]> {
  const table = sql.table(`tracking_${query.kind}`);
  const of = sql`experiment_id = ${experiment} and key_id = ${keyIdOf(query.key)}`;
  const rows = await scan(
    db,
    sql<{ value: string }>`with recursive one(value) as (
        select min(value_head) from ${table} where ${of} and value_head >= ${query.prefix}
        union all
        select (select min(value_head) from ${table} where ${of} and value_head > one.value) from one where one.value is not null
      )
      select value from one where value is not null limit ${query.limit}`,
  );
  return rows.map((row) => row.value);
}
