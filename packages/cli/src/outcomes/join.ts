/**
 * Sending outcomes: the server joins by ids, which it has indexes for; an input of the requests is joined here, in an embedded
 * table, because that means reading the log.
 */
import type { PredictionRecord } from '@slipway/contract';
import { usage } from '../arguments.ts';
import type { Session } from '../command.ts';
import { count } from '../output.ts';
import type { OutcomeCounts, OutcomeTable, Several } from './outcome-table.ts';

/** `words` say it to people. */
export type JoinBy =
  | { readonly kind: 'prediction' | 'request'; readonly words: string }
  | { readonly kind: 'input'; readonly input: string; readonly words: string };

export interface OutcomePush {
  readonly endpoint: string;
  readonly by: JoinBy;
  /** Of several predictions of one id; the newest unless said, and none where it is an input. */
  readonly several: Several | undefined;
  readonly range: { readonly from: number | undefined; readonly to: number | undefined };
  readonly watermark: number | undefined;
  readonly isDryRun: boolean;
}

interface Sent {
  readonly joined: number;
  readonly corrected: number;
  readonly repeated: number;
}

export interface PushedOutcomes extends OutcomeCounts, Sent {
  readonly which: Several;
  /** Those that outcomes were compared with, where that was done here. */
  readonly predictions?: number;
}

/** Predictions of one search, and labels of one request. */
const searchLimit = 1000;
const labelsPerRequest = 5000;
const unknownShown = 3;

type Labels = NonNullable<Parameters<Session['client']['endpoints']['label']>[0]>['body']['labels'];

export async function pushOutcomes(session: Session, table: OutcomeTable, push: OutcomePush): Promise<PushedOutcomes> {
  const { by, isDryRun } = push;
  if (!isDryRun)
    session.leaves(
      'labels that were sent stay; the same command again sends the rest and changes nothing that is there',
    );
  const pushed =
    by.kind === 'input' ? await joinHere(session, table, { ...push, by }) : await joinThere(session, table, push);
  // Said last: labels are complete once all of them are there.
  if (!isDryRun && push.watermark !== undefined)
    await session.client.endpoints.label({
      params: { endpoint: push.endpoint },
      body: { labels: [], watermark: push.watermark },
    });
  session.output.endProgress();
  return pushed;
}

async function joinThere(session: Session, table: OutcomeTable, push: OutcomePush): Promise<PushedOutcomes> {
  const which = push.several ?? 'newest';
  const isRequest = push.by.kind === 'request';
  const parts = async function* (): AsyncGenerator<Labels> {
    for await (const part of table.outcomes(labelsPerRequest))
      yield part.map(({ key, value, at }) =>
        isRequest ? { instanceId: key, value, at } : { predictionId: key, value, at },
      );
  };
  const { sent: _, ...counts } = await send(session, parts(), { ...push, which });
  return { ...(await table.countRows()), ...counts, which };
}

async function joinHere(
  session: Session,
  table: OutcomeTable,
  push: OutcomePush & { readonly by: { readonly input: string } },
): Promise<PushedOutcomes> {
  const which = push.several ?? 'skip';
  const predictions = await readPredictions(session, table, push);
  const counts = await table.join();
  const parts = async function* (): AsyncGenerator<Labels> {
    for await (const part of table.labels(which, labelsPerRequest)) yield [...part];
  };
  const { joined, corrected, repeated } = await send(session, parts(), push);
  return { ...counts, joined, corrected, repeated, which, predictions };
}

interface Sending {
  readonly endpoint: string;
  readonly isDryRun: boolean;
  readonly which?: Several;
}

async function send(
  { client, output, signal }: Session,
  parts: AsyncGenerator<Labels>,
  { endpoint, isDryRun, which }: Sending,
): Promise<Sent & { sent: number; unknown: number; unknownIds: string[]; several: number }> {
  const done = { sent: 0, joined: 0, corrected: 0, repeated: 0, unknown: 0, several: 0 };
  const unknownIds: string[] = [];
  for await (const labels of parts) {
    signal.throwIfAborted();
    const body = { labels, isDryRun, ...(which === undefined ? {} : { which }) };
    const answer = await client.endpoints.label({ params: { endpoint }, body }).catch((error) => {
      if (done.sent > 0 && !isDryRun)
        output.note(`${count(done.sent, 'label')} went before this; they stay, and sending them again is harmless.`);
      throw error;
    });
    done.sent += labels.length;
    for (const key of ['joined', 'corrected', 'repeated', 'unknown', 'several'] as const) done[key] += answer[key];
    unknownIds.push(...answer.unknownIds.slice(0, unknownShown - unknownIds.length));
    output.progress(`${done.sent.toLocaleString('en-US')} labels ${isDryRun ? 'looked up' : 'sent'}`);
  }
  return { ...done, unknownIds };
}

/** Adds the predictions that can be meant, and answers how many those are. */
async function readPredictions(
  { client, output, signal }: Session,
  table: OutcomeTable,
  { endpoint, by: { input }, range: { from, to } }: OutcomePush & { readonly by: { readonly input: string } },
): Promise<number> {
  const where = {
    limit: searchLimit,
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  };
  const names = new Set<string>();
  let read = 0;
  let withKey = 0;
  let pageToken: string | undefined;
  do {
    signal.throwIfAborted();
    const query = { ...where, ...(pageToken === undefined ? {} : { pageToken }) };
    const page = await client.endpoints.predictions({ params: { endpoint }, query }, { signal });
    const seen = page.items.flatMap((prediction) => {
      const key = keyOf(prediction, input);
      return key === undefined ? [] : [{ id: prediction.id, key, at: prediction.at }];
    });
    await table.addPredictions(seen);
    read += page.items.length;
    withKey += seen.length;
    // Requests of one endpoint have the same inputs but for optional ones.
    for (const name of Object.keys(page.items[0]?.inputs ?? {})) names.add(name);
    output.progress(`${read.toLocaleString('en-US')} predictions of the log read`);
    pageToken = page.nextPageToken;
  } while (pageToken !== undefined);
  output.endProgress();
  if (read > 0 && withKey === 0)
    throw usage(
      `no request of endpoint ${endpoint} has an input "${input}"; they have ${[...names].sort().join(', ')}. Name one with --input, bring the ids of predictions (prd_…) in --id, or send an "id" of your own with each instance from now on`,
    );
  return withKey;
}

function keyOf({ inputs }: PredictionRecord, input: string): string | undefined {
  const value = inputs[input];
  return value === undefined || value === null ? undefined : String(value);
}
