/** Outcomes from a person's own table, joined with the predictions that they belong to. */
import type { PredictionRecord } from '@slipway/contract';
import type { Command } from 'commander';
import { Option } from 'commander';
import { instantOf, nameOf, usage } from '../arguments.ts';
import type { Session } from '../command.ts';
import { action, CommandFailure } from '../command.ts';
import { count } from '../output.ts';
import type { OutcomeCounts, OutcomeTable, Several } from '../outcomes/outcome-table.ts';
import { openOutcomes, severalChoices } from '../outcomes/outcome-table.ts';

interface Flags {
  readonly id: string;
  readonly input?: string;
  readonly label: string;
  readonly positive?: string;
  readonly at?: string;
  readonly several: Several;
  readonly from?: number;
  readonly to?: number;
  readonly watermark?: number;
  readonly dryRun?: boolean;
}

/** Predictions of one search, and labels of one request. */
const searchLimit = 1000;
const labelsPerRequest = 5000;

export function register(program: Command): void {
  const labels = program.command('labels').description('Outcomes of predictions, from a table');
  labels
    .command('push')
    .description('Send the outcomes in a CSV, Parquet or NDJSON file to the predictions that they belong to')
    .argument('<endpoint>', '', nameOf('endpoint'))
    .argument('<file>', 'one outcome a row')
    .requiredOption('--id <column>', 'ids of predictions (prd_…), or an input of the requests')
    .option('--input <name>', 'the input that --id is compared with; the one of the same name unless said')
    .option(
      '--label <column>',
      'the outcomes: classes in their own words, 1 or 0, or numbers; empty where not known yet',
      'label',
    )
    .option('--positive <value>', 'this label means 1 and every other one 0')
    .option('--at <column>', 'when each outcome was known; now unless said')
    .addOption(
      new Option('--several <which>', 'when several predictions have the id: none of them, the newest, or all')
        .choices(severalChoices)
        .default('skip'),
    )
    .option('--from <instant>', 'only predictions from here on (event time)', instantOf('--from'))
    .option('--to <instant>', 'only predictions before', instantOf('--to'))
    .option('--watermark <instant>', 'labels are complete up to here', instantOf('--watermark'))
    .option('--dry-run', 'join and count; send nothing')
    .addHelpText(
      'after',
      '\nExamples:\n  slipway labels push churn outcomes.csv --id customer_id --label churned --at closed_at --dry-run\n  slipway labels push flight-delay landed.parquet --id prediction --at landed_at --watermark 2013-05-01\n  slipway labels push penguin-sex seen.csv --id bill_length_mm --label sex\nThe "id" of a request is not kept in the prediction log; its inputs are. With --at, an outcome joins only predictions made up to then. The same file again changes nothing.\n',
    )
    .action(
      action(async (session, endpoint: string, file: string, flags: Flags) => {
        // A name that is none is said before the file is read.
        await session.client.endpoints.get({ params: { endpoint } });
        const { id, label, at, positive } = flags;
        await using table = await openOutcomes(file, { id, label, at, positive, nowAt: Date.now() });
        const input = table.isByPredictionId ? undefined : (flags.input ?? id);
        const predictions = await readPredictions({ session, endpoint, flags }, table, input);
        const counts = await table.join();
        const told = { endpoint, file, joinedBy: input === undefined ? 'prediction id' : `input ${input}` };
        if (counts.outcomes > 0 && counts.unknown === counts.outcomes)
          throw new CommandFailure('notFound', noneKnown(told, { counts, predictions, hasAt: at !== undefined }));
        const sent = await sendLabels({ session, endpoint, flags }, table);
        const result = { ...told, predictions, ...counts, ...sent, isDryRun: flags.dryRun === true };
        session.output.result(result, () => sentence(result));
        if (counts.several > 0 && flags.several === 'skip' && !session.output.json)
          session.output.note(
            `${count(counts.several, 'outcome')} fit several predictions and were left out: --several newest or --several all sends them.`,
          );
      }),
    );
}

interface Job {
  readonly session: Session;
  readonly endpoint: string;
  readonly flags: Flags;
}

/** Adds the predictions that can be meant, and answers how many those are. */
async function readPredictions(job: Job, table: OutcomeTable, input: string | undefined): Promise<number> {
  const { client, output, signal } = job.session;
  const { from, to } = job.flags;
  const where = {
    limit: searchLimit,
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(input === undefined && /^prd_[0-9a-hjkmnp-tv-z]{0,26}$/.test(table.idPrefix) ? { id: table.idPrefix } : {}),
  };
  const names = new Set<string>();
  let read = 0;
  let withKey = 0;
  let pageToken: string | undefined;
  do {
    signal.throwIfAborted();
    const query = { ...where, ...(pageToken === undefined ? {} : { pageToken }) };
    const page = await client.endpoints.predictions({ params: { endpoint: job.endpoint }, query }, { signal });
    const seen = page.items.flatMap((prediction) => {
      const key = input === undefined ? prediction.id : keyOf(prediction, input);
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
  if (input !== undefined && read > 0 && withKey === 0)
    throw usage(
      `no request of endpoint ${job.endpoint} has an input "${input}"; they have ${[...names].sort().join(', ')}. Name one with --input, or bring the ids of predictions (prd_…) in --id: the log keeps a request's inputs and not its own "id"`,
    );
  return withKey;
}

function keyOf({ inputs }: PredictionRecord, input: string): string | undefined {
  const value = inputs[input];
  return value === undefined || value === null ? undefined : String(value);
}

interface Sent {
  readonly sent: number;
  readonly joined: number;
  readonly corrected: number;
  readonly repeated: number;
}

/** A dry run counts what would be sent; what of it is new only the server's answer says. */
async function sendLabels({ session, endpoint, flags }: Job, table: OutcomeTable): Promise<Sent> {
  const { client, output, signal } = session;
  const isDry = flags.dryRun === true;
  if (!isDry)
    session.leaves(
      'labels that were sent stay; the same command again sends the rest and changes nothing that is there',
    );
  const done = { sent: 0, joined: 0, corrected: 0, repeated: 0 };
  for await (const labels of table.labels(flags.several, labelsPerRequest)) {
    signal.throwIfAborted();
    done.sent += labels.length;
    if (isDry) continue;
    const answer = await client.endpoints
      .label({ params: { endpoint }, body: { labels: [...labels] } })
      .catch((error) => {
        const before = done.sent - labels.length;
        if (before > 0)
          output.note(`${count(before, 'label')} went before this; they stay, and sending them again is harmless.`);
        throw error;
      });
    done.joined += answer.joined;
    done.corrected += answer.corrected;
    done.repeated += answer.repeated;
    output.progress(`${done.sent.toLocaleString('en-US')} labels sent`);
  }
  // Said last: labels are complete once all of them are there.
  if (!isDry && flags.watermark !== undefined)
    await client.endpoints.label({ params: { endpoint }, body: { labels: [], watermark: flags.watermark } });
  output.endProgress();
  return done;
}

interface Told {
  readonly endpoint: string;
  readonly file: string;
  readonly joinedBy: string;
}

const number = (n: number): string => n.toLocaleString('en-US');

function sentence(result: Told & OutcomeCounts & Sent & { readonly isDryRun: boolean }): string {
  const { outcomes, unknown, unknownIds, several, open, joinedBy } = result;
  const done = result.isDryRun
    ? `${count(result.sent, 'label')} would be sent`
    : `${number(result.joined)} joined, ${number(result.corrected)} corrected, ${number(result.repeated)} known already`;
  const shownIds = unknown === 0 ? '' : ` (${unknownIds.join(', ')}${unknown > unknownIds.length ? ', …' : ''})`;
  return `${done}; of ${count(outcomes, 'outcome')} by ${joinedBy}, ${number(unknown)} unknown${shownIds}, ${number(several)} with several predictions; ${number(open)} not known yet`;
}

function noneKnown(
  { endpoint, file, joinedBy }: Told,
  found: { readonly counts: OutcomeCounts; readonly predictions: number; readonly hasAt: boolean },
): string {
  const { counts, predictions, hasAt } = found;
  const tried = `no outcome of ${file} (${number(counts.outcomes)} looked up) belongs to a prediction of endpoint ${endpoint}: compared by ${joinedBy} with ${count(predictions, 'logged prediction')}, first ${counts.unknownIds.join(', ')}`;
  const why = hasAt && joinedBy !== 'prediction id' ? '; with --at only predictions made up to then count' : '';
  return `${tried}${why}. \`slipway endpoint predictions ${endpoint} --json\` shows what the log has`;
}
