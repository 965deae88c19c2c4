/** Labels: outcomes of predictions, joined by prediction id, as late as they come. */
import type { Db, Trx } from '../../platform/db/db.ts';
import { operation } from '../../platform/db/db.ts';
import { mustEndpoint } from './deployment-store.ts';
import type { LabelRow, ServingTables } from './rows.ts';
import { simulationFacts } from './rows.ts';

/** Ids or rows of one statement. */
const rowsPerStatement = 500;

export interface NewLabel {
  readonly predictionId: string;
  readonly value: number;
  /** When the outcome was known, milliseconds since 1970 UTC. */
  readonly at: number;
}

export interface NewLabels {
  readonly endpoint: string;
  readonly labels: readonly NewLabel[];
  readonly watermark: number | undefined;
  readonly actor: string;
}

/** What became of labels of known predictions. */
export interface JoinedLabels {
  /** Those of predictions that had no label before, in the order of the request. */
  readonly joined: readonly NewLabel[];
  readonly corrected: number;
  readonly repeated: number;
  readonly watermark: number | undefined;
}

/** What a request does to the labels that are there: as if its labels came one by one. */
interface Plan {
  readonly joined: NewLabel[];
  /** The last value of each label that changes; one that was joined in the same request may be among them. */
  readonly corrections: Map<string, NewLabel>;
  corrected: number;
}

function planLabels(labels: readonly NewLabel[], known: Map<string, number>): Plan {
  const plan: Plan = { joined: [], corrections: new Map(), corrected: 0 };
  for (const label of labels) {
    const before = known.get(label.predictionId);
    known.set(label.predictionId, label.value);
    if (before === undefined) plan.joined.push(label);
    else if (before !== label.value) {
      plan.corrected++;
      plan.corrections.set(label.predictionId, label);
    }
  }
  return plan;
}

export const joinLabels = operation('serving.join-labels', async (trx, input: NewLabels): Promise<JoinedLabels> => {
  const tables = trx.tables<ServingTables>();
  const endpoint = await mustEndpoint(trx, input.endpoint);
  const ids = [...new Set(input.labels.map((label) => label.predictionId))];
  const { joined, corrections, corrected } = planLabels(input.labels, await readValues(trx, input.endpoint, ids));
  const rows = joined.map((label, i): LabelRow => ({
    endpoint: input.endpoint,
    prediction_id: label.predictionId,
    joined_number: endpoint.label_count + i + 1,
    value: label.value,
    first_value: label.value,
    at: label.at,
    joined_at: trx.now,
  }));
  for (const part of parts(rows)) await tables.insertInto('serving_label').values(part).execute();
  for (const label of corrections.values()) {
    await tables
      .updateTable('serving_label')
      .set({ value: label.value, at: label.at, joined_at: trx.now })
      .where('endpoint', '=', input.endpoint)
      .where('prediction_id', '=', label.predictionId)
      .execute();
  }
  const watermarkBefore = endpoint.label_watermark_at ?? -1;
  const watermark = Math.max(watermarkBefore, input.watermark ?? -1);
  if (joined.length > 0 || corrected > 0 || watermark > watermarkBefore) {
    const next = {
      label_count: endpoint.label_count + joined.length,
      ...(watermark < 0 ? {} : { label_watermark_at: watermark }),
    };
    await tables.updateTable('serving_endpoint').set(next).where('name', '=', input.endpoint).execute();
    await trx.emit({
      kind: 'labels.joined',
      actor: input.actor,
      subject: `endpoint:${input.endpoint}`,
      body: {
        endpoint: input.endpoint,
        count: joined.length,
        corrected,
        watermark: watermark < 0 ? null : watermark,
        ...simulationFacts(endpoint),
      },
    });
  }
  const repeated = input.labels.length - joined.length - corrected;
  return { joined, corrected, repeated, watermark: watermark < 0 ? undefined : watermark };
});

/** As `joinLabels` would do, and nothing is written. */
export async function planJoin(
  db: Db,
  { endpoint, labels, watermark }: Omit<NewLabels, 'actor'>,
): Promise<JoinedLabels> {
  const known = await readLabels(db, endpoint, [...new Set(labels.map((label) => label.predictionId))]);
  const values = new Map([...known].map(([id, { value }]) => [id, value]));
  const { joined, corrected } = planLabels(labels, values);
  return { joined, corrected, repeated: labels.length - joined.length - corrected, watermark };
}

async function readValues(trx: Trx, endpoint: string, ids: readonly string[]): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (const part of parts(ids)) {
    const rows = await trx
      .tables<ServingTables>()
      .selectFrom('serving_label')
      .select(['prediction_id', 'value'])
      .where('endpoint', '=', endpoint)
      .where('prediction_id', 'in', part)
      .execute();
    for (const row of rows) found.set(row.prediction_id, row.value);
  }
  return found;
}

export interface Label {
  readonly value: number;
  readonly firstValue: number;
  readonly joinedNumber: number;
  readonly at: number;
}

/** Labels of these predictions, which the caller found in the log. */
export async function readLabels(db: Db, endpoint: string, ids: readonly string[]): Promise<Map<string, Label>> {
  const found = new Map<string, Label>();
  for (const part of parts(ids)) {
    const rows = await labelsOf(db, endpoint).select(labelColumns).where('prediction_id', 'in', part).execute();
    for (const row of rows) found.set(row.prediction_id, labelOf(row));
  }
  return found;
}

/** Predictions between two ids, both included: ids are in the order of their making. */
export interface IdRange {
  readonly first: string;
  readonly last: string;
}

/** Labels of all predictions of a range. */
export async function readLabelRange(db: Db, endpoint: string, range: IdRange): Promise<Map<string, Label>> {
  const rows = await db.scan(labelsBetween(db, endpoint, range).select(labelColumns));
  return new Map(rows.map((row) => [row.prediction_id, labelOf(row)]));
}

/** Their values alone, for those who need no more. */
export async function readValueRange(db: Db, endpoint: string, range: IdRange): Promise<Map<string, number>> {
  const rows = await db.scan(labelsBetween(db, endpoint, range).select(['prediction_id', 'value']));
  return new Map(rows.map((row) => [row.prediction_id, row.value]));
}

/**
 * A text that changes when a label of the range comes or is corrected: their count, sum and last change. Two corrections of one
 * millisecond that cancel each other, with this read between them, are the one thing that it does not see.
 */
export async function markLabelRange(db: Db, endpoint: string, range: IdRange): Promise<string> {
  const query = labelsBetween(db, endpoint, range).select(({ fn }) => [
    fn.countAll<number>().as('count'),
    fn.sum<number | null>('value').as('sum'),
    fn.max('joined_at').as('changedAt'),
  ]);
  const [row] = await db.scan(query);
  return `${row?.count} ${row?.sum} ${row?.changedAt}`;
}

const labelColumns = ['prediction_id', 'value', 'first_value', 'joined_number', 'at'] as const;

const labelsOf = (db: Db, endpoint: string) =>
  db.read<ServingTables>().selectFrom('serving_label').where('endpoint', '=', endpoint);

const labelsBetween = (db: Db, endpoint: string, { first, last }: IdRange) =>
  labelsOf(db, endpoint).where('prediction_id', '>=', first).where('prediction_id', '<=', last);

const labelOf = (row: Omit<LabelRow, 'endpoint' | 'joined_at'>): Label => ({
  value: row.value,
  firstValue: row.first_value,
  joinedNumber: row.joined_number,
  at: row.at,
});

function* parts<T>(list: readonly T[]): Generator<readonly T[]> {
  for (let i = 0; i < list.length; i += rowsPerStatement) yield list.slice(i, i + rowsPerStatement);
}
