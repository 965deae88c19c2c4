/** Writes of monitors, judged windows, references and alerts. Loaded by the writer: nothing heavy here. */
import { join } from 'node:path';
import type { Alert, MonitorWindow } from '@slipway/contract';
import { canonicalJson, MonitorSpec, SlipwayError } from '@slipway/contract';
import { declaredId } from '../../lib/declared-id.ts';
import { isTimeZone } from '../../lib/calendar.ts';
import type { StoreModule, Trx } from '../../platform/db/db.ts';
import { operation } from '../../platform/db/db.ts';
import type { ResourceKind } from '../projects/index.ts';
import type { Kysely } from 'kysely';
import type { OpenAlert } from './alert-rule.ts';
import { nextStep } from './alert-rule.ts';
import type { WindowFigures } from './judge-window.ts';
import type { DriftMemory } from './read.ts';
import { alertMissing, alertOf, findAlert, findMonitor, findWatermark, listOpenAlerts } from './read.ts';
import { createSilence, endSilence, findActiveSilence, silenceFacts } from './silence-store.ts';
import type { AlertRow, MonitoringTables, MonitorRow } from './tables.ts';

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
      // What an older version of the program summarised is replaced by a fuller summary of the same rows.
      .onConflict((c) => c.columns(['monitor', 'model', 'version']).doUpdateSet({ body: input.body }))
      .execute();
  },
);

export interface RecordWindowInput {
  readonly window: MonitorWindow;
  readonly memory: DriftMemory;
  readonly figures: WindowFigures;
  /** Id of the alert that this window opens, if it opens one. */
  readonly alertId: string;
}

/**
 * Records a judged window once (a second call for the same window changes nothing), and keeps the monitor's alert: opened by
 * the first window that is not ok, raised once when a warning becomes an alert, resolved by the first window that is ok. An
 * alert that fired under a silence fires again in the first bad window after it.
 */
export const recordWindow = operation(
  'monitoring.record-window',
  async (writer, input: RecordWindowInput): Promise<{ readonly recorded: boolean }> => {
    const { window } = input;
    const tables = writer.tables<MonitoringTables>();
    const monitor = await findMonitor(tables, window.monitor);
    // Erased while the window was judged.
    if (monitor === undefined) return { recorded: false };
    const trx = tellingSimulation(writer, monitor);
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
        figures: JSON.stringify(input.figures),
        judged_at: window.judgedAt,
      })
      .onConflict((c) => c.columns(['monitor', 'window_from']).doNothing())
      .returning('id')
      .executeTakeFirst();
    if (inserted === undefined) return { recorded: false };
    const quiet = await findActiveSilence(tables, { monitor: window.monitor, now: trx.now });
    await trx.emit({
      kind: 'monitor.window-judged',
      actor: `monitor:${window.monitor}`,
      subject: `monitor:${window.monitor}`,
      body: {
        ...windowFacts(window),
        verdict: window.verdict,
        labelled: window.labelled,
        sentence: window.sentence,
        ...silenceFacts(quiet),
      },
    });
    await keepAlerts(trx, input);
    return { recorded: true };
  },
);

/** Events of a copied monitor say of which one, so that policies overlook them. */
function tellingSimulation(trx: Trx, { spec }: Pick<MonitorRow, 'spec'>): Trx {
  const { simulationOf } = storedSpec(spec);
  if (simulationOf === undefined) return trx;
  return { ...trx, emit: (event) => trx.emit({ ...event, body: { ...event.body, simulationOf } }) };
}

const storedSpec = (text: string): MonitorSpec => MonitorSpec.parse(JSON.parse(text));

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
    ...levelOf(window),
  };
}

type Found = OpenAlert & { readonly row: AlertRow };

async function keepAlerts(trx: Trx, input: RecordWindowInput): Promise<void> {
  const { window } = input;
  const tables = trx.tables<MonitoringTables>();
  const rows = await listOpenAlerts(tables, window.monitor);
  const quiet = new Map<string, Record<string, unknown>>();
  for (const { id } of rows) {
    const silence = await findActiveSilence(tables, { monitor: window.monitor, alert: id, now: trx.now });
    quiet.set(id, silenceFacts(silence));
  }
  const facts = (id: string): Record<string, unknown> => quiet.get(id) ?? {};
  const open = rows.map((row): Found => ({
    model: row.model,
    version: row.version,
    severity: row.severity,
    isSilenced: row.silence !== null,
    row,
  }));
  const step = nextStep(open, window, ({ row }) => facts(row.id)['silence'] === undefined);
  switch (step.step) {
    case 'none':
      return;
    case 'resolve':
      for (const { row } of step.open) await resolveAlert(trx, window, { row, facts: facts(row.id) });
      return;
    case 'open':
      return openAlert(trx, input, step.severity);
    case 'raise':
      return fireAgain(trx, window, { row: step.open.row, severity: 'alert' });
    case 'repeat':
      return fireAgain(trx, window, step.open);
    case 'continue':
      await tables
        .updateTable('monitoring_alert')
        .set({ windows: step.open.row.windows + 1 })
        .where('id', '=', step.open.row.id)
        .execute();
  }
}

/** An alert of which nobody was told ends without a word to policies too. */
async function resolveAlert(
  trx: Trx,
  window: MonitorWindow,
  { row, facts }: { readonly row: AlertRow; readonly facts: Record<string, unknown> },
): Promise<void> {
  await trx
    .tables<MonitoringTables>()
    .updateTable('monitoring_alert')
    .set({ state: 'resolved', resolved_at: trx.now })
    .where('id', '=', row.id)
    .execute();
  const untold = row.silence === null ? {} : { silence: { id: row.silence, reason: 'it fired under a silence' } };
  await trx.emit({
    kind: 'alert.resolved',
    actor: `monitor:${window.monitor}`,
    subject: row.id,
    body: { ...windowFacts(window), alertId: row.id, severity: row.severity, ...untold, ...facts },
  });
}

async function openAlert(trx: Trx, input: RecordWindowInput, severity: Alert['severity']): Promise<void> {
  const { window, alertId } = input;
  const tables = trx.tables<MonitoringTables>();
  const silence = await findActiveSilence(tables, { monitor: window.monitor, now: trx.now });
  const row: AlertRow = {
    id: alertId,
    monitor: window.monitor,
    endpoint: window.endpoint,
    model: window.model,
    version: window.version,
    severity,
    state: 'open',
    at: window.to,
    window_id: window.id,
    window_from: window.from,
    window_to: window.to,
    windows: 1,
    sentence: window.sentence,
    opened_at: trx.now,
    acknowledged_at: null,
    acknowledged_by: null,
    note: null,
    resolved_at: null,
    silence: silence?.id ?? null,
  };
  await tables.insertInto('monitoring_alert').values(row).execute();
  await emitFired(trx, window, { alertId, severity, raisedFrom: null, ...silenceFacts(silence) });
}

/** A raised alert is open again, whoever looked after the warning; one that only repeats stays as it is. */
async function fireAgain(
  trx: Trx,
  window: MonitorWindow,
  { row, severity }: Pick<Found, 'row' | 'severity'>,
): Promise<void> {
  const tables = trx.tables<MonitoringTables>();
  const isRaised = severity !== row.severity;
  const silence = await findActiveSilence(tables, { monitor: window.monitor, alert: row.id, now: trx.now });
  const raised = isRaised ? { severity, at: window.to, state: 'open' as const } : {};
  await tables
    .updateTable('monitoring_alert')
    .set({
      windows: row.windows + 1,
      window_id: window.id,
      window_from: window.from,
      window_to: window.to,
      sentence: window.sentence,
      silence: silence?.id ?? null,
      ...raised,
    })
    .where('id', '=', row.id)
    .execute();
  await emitFired(trx, window, {
    alertId: row.id,
    severity,
    raisedFrom: isRaised ? row.severity : null,
    ...(isRaised ? {} : { afterSilence: row.silence }),
    ...silenceFacts(silence),
  });
}

async function emitFired(
  trx: Trx,
  window: MonitorWindow,
  facts: Readonly<Record<string, unknown>> & { readonly alertId: string },
): Promise<void> {
  await trx.emit({
    kind: 'alert.fired',
    actor: `monitor:${window.monitor}`,
    subject: facts.alertId,
    body: { ...windowFacts(window), ...facts, sentence: window.sentence },
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

/** What is wrong with a specification beyond its shape, in words. */
export function checkMonitorSpec({ zone, alert, warning }: MonitorSpec): string | undefined {
  if (!isTimeZone(zone)) return `zone "${zone}" is not a known time zone; write an IANA name such as America/New_York`;
  if (warning.gap <= alert.gap && warning.z <= alert.z) return undefined;
  return `warning (gap ${warning.gap}, z ${warning.z}) must not be stricter than alert (gap ${alert.gap}, z ${alert.z})`;
}

/** `monitors:` of slipway.yaml. Removing one stops it; what it judged stays readable. */
export const monitorKind: ResourceKind<MonitorSpec> = {
  kind: 'monitor',
  parse: (name, spec) => {
    const parsed = MonitorSpec.safeParse(spec ?? {});
    const issue = parsed.error?.issues[0];
    const problem = issue === undefined ? undefined : `${issue.path.join('.')} ${issue.message}`.trim();
    if (!parsed.success) throw new SlipwayError('resource_invalid', { kind: 'monitor', name, problem });
    const wrong = checkMonitorSpec(parsed.data);
    if (wrong !== undefined) throw new SlipwayError('resource_invalid', { kind: 'monitor', name, problem: wrong });
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
    const tables = trx.tables<MonitoringTables>();
    const row = await findMonitor(tables, name);
    if (row !== undefined && storedSpec(row.spec).simulationOf !== undefined) return eraseMonitor(tables, row);
    await tables.updateTable('monitoring_monitor').set({ retired_at: trx.now }).where('name', '=', name).execute();
  },
};

/** A simulation leaves nothing but its events. */
async function eraseMonitor(tables: Kysely<MonitoringTables>, { name, endpoint }: MonitorRow): Promise<void> {
  for (const table of ['monitoring_window', 'monitoring_reference', 'monitoring_alert', 'monitoring_silence'] as const)
    await tables.deleteFrom(table).where('monitor', '=', name).execute();
  await tables.deleteFrom('monitoring_watermark').where('endpoint', '=', endpoint).execute();
  await tables.deleteFrom('monitoring_monitor').where('name', '=', name).execute();
}

export const monitoringStore: StoreModule = {
  name: 'monitoring',
  migrations: join(import.meta.dirname, 'migrations'),
  operations: [setWatermark, saveReference, recordWindow, acknowledgeAlert, createSilence, endSilence],
};

function levelOf({ calibration, numbers }: MonitorWindow): { readonly gap?: number; readonly z?: number | null } {
  const level = calibration ?? numbers;
  return level === undefined ? {} : { gap: level.gap, z: level.z };
}
