/** Monitors, judged windows, references and alerts in the database. Loaded by the writer: nothing heavy here. */
import { join } from 'node:path';
import type { Alert, Monitor, MonitorWindow } from '@slipway/contract';
import { canonicalJson, MonitorSpec, SlipwayError } from '@slipway/contract';
import type { Kysely } from 'kysely';
import { declaredId } from '../../lib/declared-id.ts';
import { isTimeZone } from '../../lib/calendar.ts';
import type { StoreModule, Trx } from '../../platform/db/db.ts';
import { operation } from '../../platform/db/db.ts';
import type { ResourceKind } from '../projects/index.ts';

export interface MonitorRow {
  name: string;
  id: string;
  endpoint: string;
  spec: string;
  project: string;
  created_at: number;
  retired_at: number | null;
}

export interface WindowRow {
  id: string;
  monitor: string;
  window_from: number;
  window_to: number;
  model: string;
  version: number;
  verdict: string;
  body: string;
  memory: string;
  judged_at: number;
}

export interface AlertRow {
  id: string;
  monitor: string;
  endpoint: string;
  model: string;
  version: number;
  severity: Alert['severity'];
  state: Alert['state'];
  at: number;
  window_id: string;
  window_from: number;
  window_to: number;
  windows: number;
  sentence: string;
  opened_at: number;
  acknowledged_at: number | null;
  acknowledged_by: string | null;
  note: string | null;
  resolved_at: number | null;
}

export interface MonitoringTables {
  monitoring_monitor: MonitorRow;
  monitoring_watermark: { endpoint: string; watermark_at: number };
  monitoring_window: WindowRow;
  monitoring_reference: { monitor: string; model: string; version: number; body: string; created_at: number };
  monitoring_alert: AlertRow;
}

type Tables = Kysely<MonitoringTables>;

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
  };
}

/** The window as this store wrote it. */
export function windowOf(row: WindowRow): MonitorWindow {
  return JSON.parse(row.body) as MonitorWindow;
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

/** Labels of an endpoint are complete up to here; never moves back. Answers what it is now. */
export const setWatermark = operation(
  'monitoring.set-watermark',
  async (trx, input: { readonly endpoint: string; readonly watermarkAt: number }): Promise<number> => {
    const tables = trx.tables<MonitoringTables>();
    const before = await findWatermark(tables, input.endpoint);
    const watermarkAt = Math.max(before ?? 0, input.watermarkAt);
    await tables
      .insertInto('monitoring_watermark')
      .values({ endpoint: input.endpoint, watermark_at: watermarkAt })
      .onConflict((c) => c.column('endpoint').doUpdateSet({ watermark_at: watermarkAt }))
      .execute();
    return watermarkAt;
  },
);

export const saveReference = operation(
  'monitoring.save-reference',
  async (
    trx,
    input: { readonly monitor: string; readonly model: string; readonly version: number; readonly body: string },
  ): Promise<void> => {
    await trx
      .tables<MonitoringTables>()
      .insertInto('monitoring_reference')
      .values({ ...input, created_at: trx.now })
      .onConflict((c) => c.columns(['monitor', 'model', 'version']).doNothing())
      .execute();
  },
);

export interface RecordWindowInput {
  readonly window: MonitorWindow;
  readonly memory: DriftMemory;
  /** Id of the alert that this window opens, if it opens one. */
  readonly alertId: string;
}

/**
 * Records a judged window once (a second call for the same window changes nothing), and keeps the monitor's alert: opened by
 * the first window that is not ok, raised once when a warning becomes an alert, resolved by the first window that is ok.
 */
export const recordWindow = operation(
  'monitoring.record-window',
  async (trx, input: RecordWindowInput): Promise<{ readonly recorded: boolean }> => {
    const { window } = input;
    const tables = trx.tables<MonitoringTables>();
    const inserted = await tables
      .insertInto('monitoring_window')
      .values({
        id: window.id,
        monitor: window.monitor,
        window_from: window.from,
        window_to: window.to,
        model: window.model,
        version: window.version,
        verdict: window.verdict,
        body: JSON.stringify(window),
        memory: JSON.stringify(input.memory),
        judged_at: window.judgedAt,
      })
      .onConflict((c) => c.columns(['monitor', 'window_from']).doNothing())
      .returning('id')
      .executeTakeFirst();
    if (inserted === undefined) return { recorded: false };
    await trx.emit({
      kind: 'monitor.window-judged',
      actor: `monitor:${window.monitor}`,
      subject: `monitor:${window.monitor}`,
      body: { ...windowFacts(window), verdict: window.verdict, labelled: window.labelled, sentence: window.sentence },
    });
    if (window.verdict === 'ok') await resolveAlerts(trx, window);
    else if (window.verdict !== 'too-few-labels') await raiseAlert(trx, input, window.verdict);
    return { recorded: true };
  },
);

function windowFacts(window: MonitorWindow): Record<string, unknown> {
  return {
    monitor: window.monitor,
    endpoint: window.endpoint,
    model: window.model,
    version: window.version,
    windowId: window.id,
    windowStart: window.from,
    windowEnd: window.to,
    at: window.to,
    ...(window.calibration === undefined ? {} : { gap: window.calibration.gap, z: window.calibration.z }),
  };
}

async function listOpenAlerts(tables: Tables, monitor: string): Promise<AlertRow[]> {
  return tables
    .selectFrom('monitoring_alert')
    .selectAll()
    .where('monitor', '=', monitor)
    .where('state', '<>', 'resolved')
    .execute();
}

async function resolveAlerts(trx: Trx, window: MonitorWindow): Promise<void> {
  const tables = trx.tables<MonitoringTables>();
  for (const open of await listOpenAlerts(tables, window.monitor)) {
    await tables
      .updateTable('monitoring_alert')
      .set({ state: 'resolved', resolved_at: trx.now })
      .where('id', '=', open.id)
      .execute();
    await trx.emit({
      kind: 'alert.resolved',
      actor: `monitor:${window.monitor}`,
      subject: open.id,
      body: { ...windowFacts(window), alertId: open.id, severity: open.severity },
    });
  }
}

async function raiseAlert(trx: Trx, input: RecordWindowInput, severity: Alert['severity']): Promise<void> {
  const { window } = input;
  const tables = trx.tables<MonitoringTables>();
  const open = (await listOpenAlerts(tables, window.monitor)).find(
    (a) => a.model === window.model && a.version === window.version,
  );
  const isRaised = open !== undefined && open.severity === 'warning' && severity === 'alert';
  const facts = { window_id: window.id, window_from: window.from, window_to: window.to, sentence: window.sentence };
  if (open === undefined) {
    const row: AlertRow = {
      id: input.alertId,
      monitor: window.monitor,
      endpoint: window.endpoint,
      model: window.model,
      version: window.version,
      severity,
      state: 'open',
      at: window.to,
      ...facts,
      windows: 1,
      opened_at: trx.now,
      acknowledged_at: null,
      acknowledged_by: null,
      note: null,
      resolved_at: null,
    };
    await tables.insertInto('monitoring_alert').values(row).execute();
  } else {
    const raised = isRaised ? { ...facts, severity, at: window.to, state: 'open' as const } : {};
    await tables
      .updateTable('monitoring_alert')
      .set({ windows: open.windows + 1, ...raised })
      .where('id', '=', open.id)
      .execute();
  }
  if (open !== undefined && !isRaised) return;
  const alertId = open?.id ?? input.alertId;
  await trx.emit({
    kind: 'alert.fired',
    actor: `monitor:${window.monitor}`,
    subject: alertId,
    body: {
      ...windowFacts(window),
      alertId,
      severity,
      raisedFrom: open?.severity ?? null,
      sentence: window.sentence,
    },
  });
}

export const acknowledgeAlert = operation(
  'monitoring.acknowledge-alert',
  async (
    trx,
    input: { readonly id: string; readonly actor: string; readonly note: string | undefined },
  ): Promise<Alert> => {
    const tables = trx.tables<MonitoringTables>();
    const row = await findAlert(tables, input.id);
    if (row === undefined) throw alertMissing(input.id);
    if (row.state === 'resolved') {
      throw new SlipwayError('conflict', {
        problem: `Alert ${input.id} is resolved already; there is nothing left to acknowledge.`,
      });
    }
    const facts = {
      state: 'acknowledged' as const,
      acknowledged_at: trx.now,
      acknowledged_by: input.actor,
      note: input.note ?? row.note,
    };
    await tables.updateTable('monitoring_alert').set(facts).where('id', '=', input.id).execute();
    await trx.emit({
      kind: 'alert.acknowledged',
      actor: input.actor,
      subject: input.id,
      body: { alertId: input.id, monitor: row.monitor, note: facts.note },
    });
    return alertOf({ ...row, ...facts });
  },
);

export function alertMissing(id: string): SlipwayError {
  return new SlipwayError('not_found', { noun: 'alert', name: id, remedy: '`slipway monitor alerts` lists them.' });
}

/** `monitors:` of slipway.yaml. Removing one stops it; what it judged stays readable. */
export const monitorKind: ResourceKind<MonitorSpec> = {
  kind: 'monitor',
  parse: (name, spec) => {
    const parsed = MonitorSpec.safeParse(spec ?? {});
    const issue = parsed.error?.issues[0];
    const problem = issue === undefined ? undefined : `${issue.path.join('.')} ${issue.message}`.trim();
    if (!parsed.success) throw new SlipwayError('resource_invalid', { kind: 'monitor', name, problem });
    if (!isTimeZone(parsed.data.zone)) {
      const zoneProblem = `zone "${parsed.data.zone}" is not a known time zone; write an IANA name such as America/New_York`;
      throw new SlipwayError('resource_invalid', { kind: 'monitor', name, problem: zoneProblem });
    }
    const { alert, warning } = parsed.data;
    if (warning.gap > alert.gap || warning.z > alert.z) {
      const order = `warning (gap ${warning.gap}, z ${warning.z}) must not be stricter than alert (gap ${alert.gap}, z ${alert.z})`;
      throw new SlipwayError('resource_invalid', { kind: 'monitor', name, problem: order });
    }
    return parsed.data;
  },
  apply: async (trx, { name, spec, project }) => {
    const facts = { endpoint: spec.endpoint, spec: canonicalJson(spec), project, retired_at: null };
    const tables = trx.tables<MonitoringTables>();
    await tables
      .insertInto('monitoring_monitor')
      .values({ name, id: declaredId('monitor', trx.now, name), created_at: trx.now, ...facts })
      .onConflict((c) => c.column('name').doUpdateSet(facts))
      .execute();
  },
  remove: async (trx, { name }) => {
    await trx
      .tables<MonitoringTables>()
      .updateTable('monitoring_monitor')
      .set({ retired_at: trx.now })
      .where('name', '=', name)
      .execute();
  },
};

export const monitoringStore: StoreModule = {
  name: 'monitoring',
  migrations: join(import.meta.dirname, 'migrations'),
  operations: [setWatermark, saveReference, recordWindow, acknowledgeAlert],
};
