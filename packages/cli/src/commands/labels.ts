/** Outcomes from a person's own table, joined with the predictions that they belong to. */
import type { Command } from 'commander';
import { Option } from 'commander';
import { instantOf, nameOf, usage } from '../arguments.ts';
import { action, CommandFailure } from '../command.ts';
import { count } from '../output.ts';
import { pushOutcomes } from '../outcomes/join.ts';
import type { JoinBy, PushedOutcomes } from '../outcomes/join.ts';
import type { OutcomeTable, Several } from '../outcomes/outcome-table.ts';
import { openOutcomes, severalChoices } from '../outcomes/outcome-table.ts';
import type { Session } from '../command.ts';

interface Flags {
  readonly id: string;
  readonly input?: string;
  readonly label: string;
  readonly positive?: string;
  readonly at?: string;
  readonly several?: Several;
  readonly all?: boolean;
  readonly from?: number;
  readonly to?: number;
  readonly watermark?: number;
  readonly dryRun?: boolean;
}

export function register(program: Command): void {
  const labels = program.command('labels').description('Outcomes of predictions, from a table');
  labels
    .command('push')
    .description('Send the outcomes in a CSV, Parquet or NDJSON file to the predictions that they belong to')
    .argument('<endpoint>', '', nameOf('endpoint'))
    .argument('<file>', 'one outcome a row')
    .requiredOption(
      '--id <column>',
      'the "id" that the requests had, ids of predictions (prd_…), or an input of the requests',
    )
    .option(
      '--input <name>',
      'compare --id with this input; unless said, with the "id" of the requests where they have one',
    )
    .option(
      '--label <column>',
      'the outcomes: classes in their own words, 1 or 0, or numbers; empty where not known yet',
      'label',
    )
    .option('--positive <value>', 'this label means 1 and every other one 0')
    .option('--at <column>', 'when each outcome was known; now unless said')
    .addOption(
      new Option(
        '--several <which>',
        'when several predictions up to the outcome have the id: the newest, all, or none of them. Unless said the newest for the "id" of requests, none for an input',
      ).choices(severalChoices),
    )
    .option('--all', 'short for --several all')
    .option('--from <instant>', 'with an input: only predictions from here on (event time)', instantOf('--from'))
    .option('--to <instant>', 'with an input: only predictions before', instantOf('--to'))
    .option('--watermark <instant>', 'labels are complete up to here', instantOf('--watermark'))
    .option('--dry-run', 'join and count; change nothing')
    .addHelpText(
      'after',
      '\nExamples:\n  slipway labels push churn outcomes.csv --id customer_id --label churned --at closed_at --dry-run\n  slipway labels push flight-delay landed.parquet --id prediction --at landed_at --watermark 2013-05-01\n  slipway labels push penguin-sex seen.csv --id bill_length_mm --input bill_length_mm --label sex\nA request names its rows with "id": {"instances": [{"id": "C-17", "inputs": {…}}]}. With --at, an outcome joins only predictions made up to then. The same file again changes nothing.\n',
    )
    .action(
      action(async (session, endpoint: string, file: string, flags: Flags) => {
        if (flags.all === true && flags.several !== undefined && flags.several !== 'all')
          throw usage(`--all means --several all, and --several is ${flags.several}: give one of them`);
        // A name that is none is said before the file is read.
        await session.client.endpoints.get({ params: { endpoint } });
        const { id, label, at, positive, watermark } = flags;
        await using table = await openOutcomes(file, { id, label, at, positive, nowAt: Date.now() });
        const by = await joinBy(session, { endpoint, table, flags });
        if (by.kind !== 'input' && (flags.from !== undefined || flags.to !== undefined))
          throw usage(
            `--from and --to choose among predictions with an input; these outcomes are joined by ${by.words}`,
          );
        const several = flags.all === true ? 'all' : flags.several;
        const isDryRun = flags.dryRun === true;
        const range = { from: flags.from, to: flags.to };
        const pushed = await pushOutcomes(session, table, { endpoint, by, several, range, watermark, isDryRun });
        const result = { endpoint, file, joinedBy: by.words, ...pushed, isDryRun };
        if (pushed.outcomes > 0 && pushed.unknown === pushed.outcomes)
          throw new CommandFailure('notFound', noneKnown(result, at !== undefined));
        session.output.result(result, () => sentence(result));
        if (pushed.several > 0 && !session.output.json) session.output.note(ofSeveral(pushed.several, pushed.which));
      }),
    );
}

interface Asked {
  readonly endpoint: string;
  readonly table: OutcomeTable;
  readonly flags: Flags;
}

/** By what the file's ids are compared: what the newest requests of the log had decides where nobody said. */
async function joinBy({ client }: Session, { endpoint, table, flags }: Asked): Promise<JoinBy> {
  if (table.isByPredictionId) return { kind: 'prediction', words: 'prediction id' };
  if (flags.input !== undefined) return { kind: 'input', input: flags.input, words: `input ${flags.input}` };
  const seen = await client.endpoints.inputs({ params: { endpoint } }).catch(() => undefined);
  if ((seen?.withId ?? 0) > 0) return { kind: 'request', words: `"id" of the requests` };
  return { kind: 'input', input: flags.id, words: `input ${flags.id}` };
}

interface Told extends PushedOutcomes {
  readonly endpoint: string;
  readonly file: string;
  readonly joinedBy: string;
  readonly isDryRun: boolean;
}

const number = (n: number): string => n.toLocaleString('en-US');

function sentence(result: Told): string {
  const { outcomes, unknown, unknownIds, several, open, joinedBy } = result;
  const done = `${number(result.joined)} joined, ${number(result.corrected)} corrected, ${number(result.repeated)} known already`;
  const shownIds = unknown === 0 ? '' : ` (${unknownIds.join(', ')}${unknown > unknownIds.length ? ', …' : ''})`;
  return `${result.isDryRun ? `nothing was changed; it would be ${done}` : done}; of ${count(outcomes, 'outcome')} by ${joinedBy}, ${number(unknown)} unknown${shownIds}, ${number(several)} with several predictions; ${number(open)} not known yet`;
}

function ofSeveral(several: number, which: Several): string {
  const what = `${count(several, 'outcome')} fit several predictions`;
  if (which === 'skip') return `${what} and were left out: --several newest or --several all sends them.`;
  return which === 'newest'
    ? `${what}: the newest one before each outcome got the label, --all gives it to each of them.`
    : `${what}: each of them got the label.`;
}

function noneKnown(told: Told, hasAt: boolean): string {
  const { endpoint, file, joinedBy, outcomes, unknownIds, predictions } = told;
  const among = predictions === undefined ? '' : ` with ${count(predictions, 'logged prediction')}`;
  const tried = `no outcome of ${file} (${number(outcomes)} looked up) belongs to a prediction of endpoint ${endpoint}: compared by ${joinedBy}${among}, first ${unknownIds.join(', ')}`;
  const why = hasAt && joinedBy !== 'prediction id' ? '; with --at only predictions made up to then count' : '';
  return `${tried}${why}. \`slipway endpoint predictions ${endpoint} --json\` shows what the log has`;
}
