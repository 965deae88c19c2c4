/** What training looked like to a monitor: summaries of every column of a version's training rows, made once and kept. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Monitor } from '@slipway/contract';
import type { Kysely } from 'kysely';
import { createCalendar } from '../../lib/calendar.ts';
import type { Calendar } from '../../lib/calendar.ts';
import { describeReference } from '../../lib/drift.ts';
import type { ReferenceColumn } from '../../lib/drift.ts';
import { describeText } from '../../lib/drift-text.ts';
import type { TextReference } from '../../lib/drift-text.ts';
import type { Db } from '../../platform/db/db.ts';
import type { Reference } from './measure-window.ts';
import { scoreColumn } from './measure-window.ts';
import type { MonitoringPorts, ReferenceRows } from './ports.ts';
import { findReference, stored } from './read.ts';
import { saveReference } from './store.ts';
import type { MonitoringTables } from './tables.ts';

/** Most training rows that a reference is made from: 20,000 rows summarise in about 5 ms per column. */
const referenceRowsMax = 20_000;

export const noReference: Reference = { numbers: [], texts: [] };

export interface ReferenceDeps extends Pick<MonitoringPorts, 'readReference'> {
  readonly db: Db;
}

/** The training summary of a version under this monitor's windows. */
export async function getReference(
  deps: ReferenceDeps,
  monitor: Pick<Monitor, 'name' | 'spec'>,
  key: { readonly model: string; readonly version: number },
): Promise<Reference> {
  const at = { monitor: monitor.name, ...key };
  const tables: Kysely<MonitoringTables> = deps.db.read<MonitoringTables>();
  const body = await findReference(tables, at);
  const known = body === undefined ? undefined : readBody(body);
  if (known?.isComplete === true) return known.reference;
  const reference = await readReference(deps, monitor, key);
  // What was kept before text was summarised stays good for its numbers where the training rows are gone.
  if (reference === undefined) return known?.reference ?? noReference;
  await deps.db.write(saveReference, { ...at, body: JSON.stringify(reference) });
  return reference;
}

/** The same under other settings, which is not kept. */
export async function readReference(
  deps: Pick<MonitoringPorts, 'readReference'>,
  { spec }: Pick<Monitor, 'spec'>,
  { model, version }: { readonly model: string; readonly version: number },
): Promise<Reference | undefined> {
  const rows = await deps.readReference(model, version);
  return rows && describeColumns(rows, createCalendar(spec.window, spec.zone));
}

/** A bare list is what was kept before text columns and pictures: numbers alone. */
function readBody(body: string): { readonly reference: Reference; readonly isComplete: boolean } {
  const found = stored<Reference | readonly ReferenceColumn[]>(body);
  return 'numbers' in found
    ? { reference: found, isComplete: true }
    : { reference: { numbers: found, texts: [] }, isComplete: false };
}

async function describeColumns(rows: ReferenceRows, calendar: Calendar): Promise<Reference> {
  const stride = Math.max(1, Math.ceil(rows.at.length / referenceRowsMax));
  const count = Math.ceil(rows.at.length / stride);
  const sample = (values: Float64Array): Float64Array =>
    Float64Array.from({ length: count }, (_, i) => values[i * stride] ?? NaN);
  const periods = sample(rows.at).map((at) => calendar.windowAt(at).from);
  const numbers: ReferenceColumn[] = [];
  const all = rows.score === undefined ? rows.features : [...rows.features, { name: scoreColumn, values: rows.score }];
  for (const { name, values } of all) {
    numbers.push(describeReference(sample(values), { name, periods }));
    // One column takes some milliseconds: requests are answered in between.
    await nextTurn();
  }
  const texts: TextReference[] = [];
  for (const { name, values } of rows.texts) {
    const sampled = Array.from({ length: count }, (_, i) => values[i * stride] ?? null);
    texts.push(describeText(sampled, { name, periods }));
    await nextTurn();
  }
  return { numbers, texts };
}
