/** Reads of the monitoring tables, and rows as the contract's nouns. */
import type { Alert, Monitor, MonitorWindow } from '@slipway/contract';
import { MonitorSpec, SlipwayError } from '@slipway/contract';
import type { Kysely } from 'kysely';
import type { Db } from '../../platform/db/db.ts';
import type { AlertRow, MonitoringTables, MonitorRow, WindowRow } from './tables.ts';

type Tables = Kysely<MonitoringTables>;

/** JSON that this module wrote. */
export const stored = <T>(text: string): T => JSON.parse(text) as T;

/** Per column: shares and count of the last window in which it had not drifted. */
export type DriftMemory = Readonly<Record<string, { readonly shares: readonly number[]; readonly count: number }>>;

export function monitorOf(row: MonitorRow, watermarkAt?: number): Monitor {
  return {
    id: row.id,
    name: row.name,
    endpoint: row.endpoint,
    // Written by this store from a parsed spec; parsed again so that a field added later gets its default.
    spec: MonitorSpec.parse(JSON.parse(row.spec)),
    project: row.project,
    createdAt: row.created_at,
    ...(row.retired_at === null ? {} : { retiredAt: row.retired_at }),
    ...(watermarkAt === undefined ? {} : { labelWatermarkAt: watermarkAt }),
  };
}

export function alertOf(row: AlertRow): Alert {
  return {
    id: row.id,
    monitor: row.monitor,
    endpoint: row.endpoint,
    model: row.model,
    version: row.version,
    severity: row.severity,
    state: row.state,
    at: row.at,
    windowId: row.window_id,
    windowFrom: row.window_from,
    windowTo: row.window_to,
    windows: row.windows,
    sentence: row.sentence,
    openedAt: row.opened_at,
    ...(row.acknowledged_at === null ? {} : { acknowledgedAt: row.acknowledged_at }),
    ...(row.acknowledged_by === null ? {} : { acknowledgedBy: row.acknowledged_by }),
    ...(row.note === null ? {} : { note: row.note }),
    ...(row.resolved_at === null ? {} : { resolvedAt: row.resolved_at }),
    ...(row.silence === null ? {} : { silence: row.silence }),
  };
}

/** The window as this store wrote it. */
export function windowOf(row: Pick<WindowRow, 'body'>): MonitorWindow {
  return stored<MonitorWindow>(row.body);
}

export async function findMonitor(tables: Tables, name: string): Promise<MonitorRow | undefined> {
  return tables.selectFrom('monitoring_monitor').selectAll().where('name', '=', name).executeTakeFirst();
}

export async function listMonitorsOf(tables: Tables, endpoint: string): Promise<MonitorRow[]> {
  return tables
    .selectFrom('monitoring_monitor')
    .selectAll()
    .where('endpoint', '=', endpoint)
    .where('retired_at', 'is', null)
    .orderBy('name')
    .execute();
}

export async function findWatermark(tables: Tables, endpoint: string): Promise<number | undefined> {
  const row = await tables
    .selectFrom('monitoring_watermark')
    .select('watermark_at')
    .where('endpoint', '=', endpoint)
    .executeTakeFirst();
  return row?.watermark_at;
}

export async function findLastWindow(tables: Tables, monitor: string): Promise<WindowRow | undefined> {
  return tables
    .selectFrom('monitoring_window')
    .selectAll()
    .where('monitor', '=', monitor)
    .orderBy('window_from', 'desc')
    .limit(1)
    .executeTakeFirst();
}

export async function findWindowBefore(tables: Tables, monitor: string, from: number): Promise<WindowRow | undefined> {
  return tables
    .selectFrom('monitoring_window')
    .selectAll()
    .where('monitor', '=', monitor)
    .where('window_to', '<=', from)
    .orderBy('window_from', 'desc')
    .limit(1)
    .executeTakeFirst();
}

/** By id, or `latest`. */
export async function findWindow(tables: Tables, monitor: string, id: string): Promise<WindowRow | undefined> {
  if (id === 'latest') return findLastWindow(tables, monitor);
  const query = tables.selectFrom('monitoring_window').selectAll().where('id', '=', id);
  return query.where('monitor', '=', monitor).executeTakeFirst();
}

/** Bodies, newest first. */
export async function listNewestWindows(
  db: Db,
  monitor: string,
  limit: number,
  before?: number,
): Promise<Pick<WindowRow, 'window_from' | 'body'>[]> {
  let query = db
    .read<MonitoringTables>()
    .selectFrom('monitoring_window')
    .select(['window_from', 'body'])
    .where('monitor', '=', monitor)
    .orderBy('window_from', 'desc')
    .limit(limit);
  if (before !== undefined) query = query.where('window_from', '<', before);
  return db.scan(query);
}

/** Newest first. */
export async function listWindowVerdicts(
  db: Db,
  monitor: string,
  limit: number,
): Promise<{ window_from: number; window_to: number; verdict: MonitorWindow['verdict'] }[]> {
  const query = db
    .read<MonitoringTables>()
    .selectFrom('monitoring_window')
    .select(['window_from', 'window_to', 'verdict'])
    .where('monitor', '=', monitor)
    .orderBy('window_from', 'desc')
    .limit(limit);
  return db.scan(query.$narrowType<{ verdict: MonitorWindow['verdict'] }>());
}

const alertsBetweenMax = 100;

/** Alerts that were raised by windows which ended in (from, to], the oldest first. */
export async function listAlertsBetween(
  db: Db,
  monitor: string,
  range: { readonly from: number; readonly to: number },
): Promise<Alert[]> {
  const query = db
    .read<MonitoringTables>()
    .selectFrom('monitoring_alert')
    .selectAll()
    .where('monitor', '=', monitor)
    .where('at', '>', range.from)
    .where('at', '<=', range.to)
    .orderBy('id')
    .limit(alertsBetweenMax);
  return (await db.scan(query)).map(alertOf);
}

export function monitorMissing(name: string): SlipwayError {
  return new SlipwayError('not_found', { noun: 'monitor', name, remedy: '`slipway monitor list` shows them.' });
}

export async function findReference(
  tables: Tables,
  key: { readonly monitor: string; readonly model: string; readonly version: number },
): Promise<string | undefined> {
  const row = await tables
    .selectFrom('monitoring_reference')
    .select('body')
    .where('monitor', '=', key.monitor)
    .where('model', '=', key.model)
    .where('version', '=', key.version)
    .executeTakeFirst();
  return row?.body;
}

export async function findAlert(tables: Tables, id: string): Promise<AlertRow | undefined> {
  return tables.selectFrom('monitoring_alert').selectAll().where('id', '=', id).executeTakeFirst();
}

export function alertMissing(id: string): SlipwayError {
  return new SlipwayError('not_found', { noun: 'alert', name: id, remedy: '`slipway monitor alerts` lists them.' });
}

export async function listOpenAlerts(tables: Tables, monitor: string): Promise<AlertRow[]> {
  return tables
    .selectFrom('monitoring_alert')
    .selectAll()
    .where('monitor', '=', monitor)
    .where('state', '<>', 'resolved')
    .execute();
}
