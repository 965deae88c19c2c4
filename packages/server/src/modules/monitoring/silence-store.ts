/**
 * Silences: until an instant of wall time the alerts of a monitor, or one of them, trigger no policy. They are recorded and
 * shown as always, and their events carry the silence. A silence ends by itself: whether it holds is asked of the clock.
 */
import type { Silence } from '@slipway/contract';
import { silenceDaysMax, SlipwayError } from '@slipway/contract';
import type { Kysely } from 'kysely';
import { operation } from '../../platform/db/db.ts';
import { alertMissing, findAlert, findMonitor, monitorMissing } from './read.ts';
import type { MonitoringTables, SilenceRow } from './tables.ts';

const dayMs = 86_400_000;

export const silenceOf = (row: SilenceRow): Silence => ({
  id: row.id,
  monitor: row.monitor,
  ...(row.alert === null ? {} : { alert: row.alert }),
  until: row.until_at,
  reason: row.reason,
  createdAt: row.created_at,
  createdBy: row.created_by,
  ...(row.ended_at === null ? {} : { endedAt: row.ended_at }),
  ...(row.ended_by === null ? {} : { endedBy: row.ended_by }),
});

/** The silence that holds at an instant, of those the one that ends last: of the whole monitor, or of this alert. */
export async function findActiveSilence(
  tables: Kysely<MonitoringTables>,
  of: { readonly monitor: string; readonly alert?: string | undefined; readonly now: number },
): Promise<SilenceRow | undefined> {
  return tables
    .selectFrom('monitoring_silence')
    .selectAll()
    .where('monitor', '=', of.monitor)
    .where('until_at', '>', of.now)
    .where('ended_at', 'is', null)
    .where((is) =>
      of.alert === undefined ? is('alert', 'is', null) : is.or([is('alert', 'is', null), is('alert', '=', of.alert)]),
    )
    .orderBy('until_at', 'desc')
    .limit(1)
    .executeTakeFirst();
}

/** As events carry it: policies are held back by it. */
export const silenceFacts = (row: SilenceRow | undefined): Record<string, unknown> =>
  row === undefined ? {} : { silence: { id: row.id, until: row.until_at, reason: row.reason } };

export interface SilenceInput {
  readonly id: string;
  readonly monitor: string;
  readonly alert: string | undefined;
  readonly until: number;
  readonly reason: string;
  readonly actor: string;
}

export const createSilence = operation('monitoring.silence', async (trx, input: SilenceInput): Promise<Silence> => {
  const tables = trx.tables<MonitoringTables>();
  const { monitor, until } = input;
  if ((await findMonitor(tables, monitor)) === undefined) throw monitorMissing(monitor);
  const until8601 = new Date(until).toISOString();
  const refuse = (problem: string): SlipwayError =>
    new SlipwayError('silence_invalid', { monitor, until: until8601, problem, daysMax: silenceDaysMax });
  if (until <= trx.now) throw refuse('that is over already');
  if (until > trx.now + silenceDaysMax * dayMs) throw refuse('that is too far ahead');
  if (input.alert !== undefined) {
    const alert = await findAlert(tables, input.alert);
    if (alert === undefined) throw alertMissing(input.alert);
    if (alert.monitor !== monitor) throw refuse(`alert ${alert.id} is of monitor "${alert.monitor}"`);
    if (alert.state === 'resolved') throw refuse(`alert ${alert.id} is resolved already`);
  }
  const row: SilenceRow = {
    id: input.id,
    monitor,
    alert: input.alert ?? null,
    until_at: until,
    reason: input.reason,
    created_at: trx.now,
    created_by: input.actor,
    ended_at: null,
    ended_by: null,
  };
  await tables.insertInto('monitoring_silence').values(row).execute();
  await trx.emit({
    kind: 'monitor.silenced',
    actor: input.actor,
    subject: `monitor:${monitor}`,
    body: { monitor, alert: row.alert, silence: row.id, until, reason: row.reason },
  });
  return silenceOf(row);
});

/** Ending one that is over already changes nothing. */
export const endSilence = operation(
  'monitoring.end-silence',
  async (trx, input: { readonly id: string; readonly actor: string }): Promise<Silence> => {
    const tables = trx.tables<MonitoringTables>();
    const row = await tables.selectFrom('monitoring_silence').selectAll().where('id', '=', input.id).executeTakeFirst();
    if (row === undefined) {
      const remedy = '`slipway monitor silences MONITOR` lists them.';
      throw new SlipwayError('not_found', { noun: 'silence', name: input.id, remedy });
    }
    if (row.ended_at !== null || row.until_at <= trx.now) return silenceOf(row);
    const ended = { ended_at: trx.now, ended_by: input.actor };
    await tables.updateTable('monitoring_silence').set(ended).where('id', '=', row.id).execute();
    await trx.emit({
      kind: 'monitor.silence-ended',
      actor: input.actor,
      subject: `monitor:${row.monitor}`,
      body: { monitor: row.monitor, alert: row.alert, silence: row.id, until: row.until_at },
    });
    return silenceOf({ ...row, ...ended });
  },
);
