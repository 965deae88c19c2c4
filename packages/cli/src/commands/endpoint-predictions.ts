/** Verbs of logged predictions: search, one of them, what became of them. */
import type { PredictionRecord } from '@slipway/contract';
import type { Command } from 'commander';
import { Option } from 'commander';
import { idOf, instantOf, nameOf, realNumber, textsOf, usage, wholeNumber } from '../arguments.ts';
import type { Session } from '../command.ts';
import { action, CommandFailure } from '../command.ts';
import { paged, pageQuery, showPage } from '../listing.ts';
import { instant, paint, table } from '../output.ts';

const endpointName = nameOf('endpoint');
const predictionId = idOf('prediction');

interface SearchFlags {
  readonly from?: number;
  readonly to?: number;
  readonly received?: boolean;
  readonly oldest?: boolean;
  readonly version?: number;
  readonly arm?: 'incumbent' | 'candidate';
  readonly scoreMin?: number;
  readonly scoreMax?: number;
  readonly latencyMin?: number;
  readonly labelled?: boolean;
  readonly unlabelled?: boolean;
  readonly faults?: boolean;
  readonly id?: string;
  readonly text?: string;
  readonly instanceId?: string;
  readonly limit: number;
  readonly pageToken?: string;
}

const anyNumber = { min: -1e300, max: 1e300 };

export function predictions(endpoint: Command): void {
  paged(endpoint.command('predictions').description('Search the logged predictions, newest first'), 50)
    .argument('<endpoint>', '', endpointName)
    .option('--from <instant>', 'event time', instantOf('--from'))
    .option('--to <instant>', 'event time', instantOf('--to'))
    .option('--received', 'times are when the server answered, not event times')
    .option('--oldest', 'oldest first')
    .option('--version <n>', 'answered by this version', wholeNumber('--version', { min: 1, max: 1e9 }))
    .addOption(new Option('--arm <arm>', 'who answered').choices(['incumbent', 'candidate']))
    .option('--score-min <x>', 'scores from here on', realNumber('--score-min', anyNumber))
    .option('--score-max <x>', 'scores up to here', realNumber('--score-max', anyNumber))
    .option(
      '--latency-min <us>',
      'took at least so many microseconds',
      wholeNumber('--latency-min', { min: 0, max: 1e9 }),
    )
    .option('--labelled', 'only those whose label has come')
    .option('--unlabelled', 'only those without a label')
    .option('--faults', 'only those where a version on trial could not score')
    .option('--id <prefix>', 'ids that begin so, such as prd_01m7z8', idOf('prediction'))
    .option('--instance-id <id>', 'the "id" that the request had')
    .option('--text <text>', 'inputs that contain this text, as JSON writes them')
    .addHelpText(
      'after',
      '\nExamples:\n  slipway endpoint predictions flight-delay --limit 10\n  slipway endpoint predictions flight-delay --score-min 0.9 --labelled --from 2013-04-01T00:00:00Z\n  slipway endpoint predictions flight-delay --text \'"origin":"JFK"\' --arm candidate --json\n  slipway endpoint predictions churn --instance-id C-17\n',
    )
    .action(
      action(async (session, name: string, flags: SearchFlags) => {
        const page = await session.client.endpoints.predictions({ params: { endpoint: name }, query: queryOf(flags) });
        showPage(session, page, {
          head: ['PREDICTION', 'AT', 'SCORE', 'VERSION', 'LABEL', 'LATENCY', 'ID'],
          empty: page.isScanBound
            ? `None among the ${page.scanned} predictions looked at so far. Go on with --page-token ${page.nextPageToken ?? ''}, or narrow --from and --to.`
            : 'No such predictions. `slipway predict` makes one.',
          row: (p) => [
            p.id,
            instant(flags.received === true ? p.servedAt : p.at),
            `${p.score.toFixed(4)}${p.class === undefined ? '' : ` ${p.class}`}`,
            `${p.version}${p.isCanary ? ' (candidate)' : ''}`,
            p.label === undefined ? '-' : String(p.label.class ?? p.label.value),
            `${p.latencyUs} µs`,
            p.instanceId ?? '-',
          ],
        });
        if (page.isScanBound && page.items.length > 0 && !session.output.json)
          session.output.note(
            `${page.scanned} predictions were looked at, the bound of one page; the next page goes on.`,
          );
      }),
    );
  one(endpoint);
  label(endpoint);
}

function one(endpoint: Command): void {
  endpoint
    .command('prediction')
    .description('One logged prediction with its features and label')
    .argument('<prediction>', 'its id, or with --endpoint the "id" that the request had: then the newest of them')
    .option('--endpoint <name>', 'where that request went', endpointName)
    .addHelpText(
      'after',
      '\nExamples:\n  slipway endpoint prediction prd_01m7z8…\n  slipway endpoint prediction C-17 --endpoint churn\n',
    )
    .action(
      action(async ({ client, output }, prediction: string, { endpoint: name }: { readonly endpoint?: string }) => {
        const found =
          name === undefined
            ? await client.predictions.get({ params: { prediction: predictionId(prediction) } })
            : await newestOf(client, name, prediction);
        output.result(found, () => {
          const own = found.instanceId === undefined ? '' : ` (${found.instanceId})`;
          const head = `${paint('bold', found.id)}${own} ${found.score.toFixed(4)} by ${found.model}/${found.version} at ${instant(found.at)}; label ${found.label?.value ?? 'not known yet'}`;
          // A text or a date is among the inputs as it was sent; the features are numbers.
          const rows = Object.entries(found.features).map(([k, v]) => [k, String(v ?? found.inputs[k] ?? '') || '-']);
          return `${head}\n\n${table(['FEATURE', 'VALUE'], rows)}`;
        });
      }),
    );
}

async function newestOf(client: Session['client'], endpoint: string, instanceId: string): Promise<PredictionRecord> {
  const query = { order: 'newest', instanceId, limit: 1 } as const;
  const [found] = (await client.endpoints.predictions({ params: { endpoint }, query })).items;
  if (found !== undefined) return found;
  throw new CommandFailure(
    'notFound',
    `no request to endpoint ${endpoint} had the "id" ${instanceId}. \`slipway endpoint predictions ${endpoint}\` shows the newest ones`,
  );
}

function queryOf(flags: SearchFlags) {
  const {
    received,
    oldest,
    labelled,
    unlabelled,
    faults,
    scoreMin,
    scoreMax,
    latencyMin,
    arm,
    version,
    id,
    text,
    instanceId,
    from,
    to,
  } = flags;
  if (labelled === true && unlabelled === true) throw usage('--labelled and --unlabelled exclude each other');
  const isLabelled = labelled === true ? ('true' as const) : unlabelled === true ? ('false' as const) : undefined;
  return {
    ...pageQuery(flags),
    clock: received === true ? 'received' : 'event',
    order: oldest === true ? 'oldest' : 'newest',
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(version === undefined ? {} : { version }),
    ...(arm === undefined ? {} : { arm }),
    ...(scoreMin === undefined ? {} : { scoreMin }),
    ...(scoreMax === undefined ? {} : { scoreMax }),
    ...(latencyMin === undefined ? {} : { latencyMinUs: latencyMin }),
    ...(isLabelled === undefined ? {} : { labelled: isLabelled }),
    ...(faults === true ? { fault: 'true' as const } : {}),
    ...(id === undefined ? {} : { id }),
    ...(text === undefined ? {} : { text }),
    ...(instanceId === undefined ? {} : { instanceId }),
  } as const;
}

interface LabelFlags {
  readonly at: number;
  readonly watermark?: number;
}

function label(endpoint: Command): void {
  endpoint
    .command('label')
    .description('Say how predictions came out; another value later corrects it')
    .argument('<endpoint>', '', endpointName)
    .argument('<prediction=value...>', 'the id of a prediction and its outcome: a class, 1 or 0, or a number')
    .requiredOption('--at <instant>', 'event time at which the outcomes were known', instantOf('--at'))
    .option('--watermark <instant>', 'labels are complete up to here', instantOf('--watermark'))
    .addHelpText(
      'after',
      '\nExample:\n  slipway endpoint label flight-delay prd_01m7z8…=1 prd_01m7z9…=0 --at 2013-04-02T20:15:00Z\n',
    )
    .action(
      action(async ({ client, output }, name: string, pairs: string[], { at, watermark }: LabelFlags) => {
        const labels = Object.entries(textsOf('the label', pairs)).map(([id, value]) => ({
          predictionId: predictionId(id),
          value: outcomeOf(value),
          at,
        }));
        const body = { labels, ...(watermark === undefined ? {} : { watermark }) };
        const done = await client.endpoints.label({ params: { endpoint: name }, body });
        output.result(done, () => {
          const unknown = done.unknown === 0 ? '' : `; ${done.unknown} unknown (${done.unknownIds.join(', ')})`;
          return `${done.joined} joined, ${done.corrected} corrected, ${done.repeated} known already${unknown}`;
        });
      }),
    );
}

/** A number where it is spelled as one; a class otherwise. */
function outcomeOf(text: string): number | string {
  const number = Number(text);
  return Number.isFinite(number) && text.trim() === text && text !== '' ? number : text;
}
