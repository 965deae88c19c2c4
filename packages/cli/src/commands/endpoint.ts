import type { Rollout } from '@slipway/contract';
import type { Command } from 'commander';
import { idOf, instantOf, nameOf, realNumber, textsOf, usage, versionOf, wholeNumber } from '../arguments.ts';
import { action } from '../command.ts';
import type { PageFlags } from '../listing.ts';
import { paged, pageQuery, showPage } from '../listing.ts';
import { instant, paint, table } from '../output.ts';

const endpointName = nameOf('endpoint');
const predictionId = idOf('prediction');

export function register(program: Command): void {
  const endpoint = program.command('endpoint').description('Endpoints: deployments, rollouts, predictions, labels');
  looks(endpoint);
  deploys(endpoint);
  rollouts(endpoint);
  predictions(endpoint);
}

function looks(endpoint: Command): void {
  paged(endpoint.command('list').description('The endpoints with their traffic'))
    .addHelpText('after', '\nExample:\n  slipway endpoint list\n')
    .action(
      action(async (session, flags: PageFlags) => {
        showPage(session, await session.client.endpoints.list({ query: pageQuery(flags) }), {
          head: ['ENDPOINT', 'MODEL', 'TRAFFIC', 'ROLLOUT', 'LABELS', 'LABELS COMPLETE TO'],
          empty: 'No endpoints yet. slipway.yaml declares them; `slipway apply` brings them here.',
          row: (e) => [
            e.name,
            e.spec.model,
            e.retiredAt === undefined ? traffic(e.deployment?.traffic) : 'retired',
            e.runningRollout ?? '-',
            e.labelCount.toLocaleString('en-US'),
            e.labelWatermarkAt === undefined ? '-' : instant(e.labelWatermarkAt),
          ],
        });
      }),
    );
  endpoint
    .command('show')
    .description('One endpoint: what it serves, where from, and its address')
    .argument('<endpoint>', '', endpointName)
    .addHelpText('after', '\nExample:\n  slipway endpoint show flight-delay\n')
    .action(
      action(async ({ client, output, url }, name: string) => {
        const found = await client.endpoints.get({ params: { endpoint: name } });
        const { spec } = found;
        const rows = [
          ['model', spec.model],
          [
            'features',
            spec.features === undefined ? 'the request brings them' : `${spec.features.set}/${spec.features.service}`,
          ],
          ['traffic', traffic(found.deployment?.traffic)],
          ['shadow', found.deployment?.shadow === undefined ? '-' : String(found.deployment.shadow)],
          ['rollout', found.runningRollout ?? '-'],
          ['labels', found.labelCount.toLocaleString('en-US')],
          ['project', found.project],
          ['predict', `POST ${url}/api/endpoints/${name}/predict`],
          ['open inference', `POST ${url}/v2/models/${name}/infer`],
        ];
        output.result(found, () => table(['ENDPOINT', name], rows));
      }),
    );
  paged(
    endpoint.command('deployments').description('Deployments, newest first').argument('<endpoint>', '', endpointName),
    30,
  )
    .addHelpText('after', '\nExample:\n  slipway endpoint deployments flight-delay\n')
    .action(
      action(async (session, name: string, flags: PageFlags) => {
        const page = await session.client.endpoints.deployments({
          params: { endpoint: name },
          query: pageQuery(flags),
        });
        showPage(session, page, {
          head: ['DEPLOYMENT', 'NUMBER', 'TRAFFIC', 'SHADOW', 'BY', 'AT', 'REASON'],
          empty: `Nothing is deployed to ${name} yet. \`slipway endpoint deploy ${name} VERSION\` sends traffic to a version.`,
          row: (d) => [
            d.id,
            String(d.number),
            traffic(d.traffic),
            d.shadow === undefined ? '-' : String(d.shadow),
            d.createdBy,
            instant(d.createdAt),
            d.reason,
          ],
        });
      }),
    );
}

function deploys(endpoint: Command): void {
  endpoint
    .command('deploy')
    .description('Send all traffic to a version, or split it: 3=90 4=10')
    .argument('<endpoint>', '', endpointName)
    .argument('<version...>', 'a version or alias, or version=percent')
    .option('--shadow <version>', 'score this one too; it answers nobody', versionOf)
    .option('--reason <text>', 'why, for the record', '')
    .addHelpText(
      'after',
      '\nExamples:\n  slipway endpoint deploy flight-delay champion\n  slipway endpoint deploy flight-delay 1=90 2=10\n',
    )
    .action(
      action(
        async (
          { client, output },
          name: string,
          versions: string[],
          options: { shadow?: number | string; reason: string },
        ) => {
          const { shadow, reason } = options;
          const body = { traffic: versions.map(shareOf), reason, ...(shadow === undefined ? {} : { shadow }) };
          const made = await client.endpoints.deploy({ params: { endpoint: name }, body });
          output.result(made, () => `deployment ${made.number} of ${made.endpoint}: ${traffic(made.traffic)}`);
        },
      ),
    );
}

function shareOf(typed: string, _: number, all: readonly string[]): { version: number | string; percent: number } {
  const at = typed.lastIndexOf('=');
  if (at < 0 && all.length > 1)
    throw usage(
      `"${typed.slice(0, 80)}" says no share: with several versions write version=percent, such as 1=90 2=10`,
    );
  const version = versionOf(at < 0 ? typed : typed.slice(0, at));
  const percent =
    at < 0 ? 100 : realNumber(`the share of version ${version}`, { min: 0, max: 100 })(typed.slice(at + 1));
  return { version, percent };
}

function rollouts(endpoint: Command): void {
  endpoint
    .command('rollout')
    .description('Let a version replace the incumbent, stage by stage, under the judge')
    .argument('<endpoint>', '', endpointName)
    .argument('<version>', 'the candidate: a number or an alias', versionOf)
    .addHelpText('after', '\nExample:\n  slipway endpoint rollout flight-delay challenger\n')
    .action(
      action(async ({ client, output }, name: string, candidate: number | string) => {
        const made = await client.rollouts.start({ params: { endpoint: name }, body: { candidate } });
        output.result(made, () => drawRollout(made));
      }),
    );
  paged(
    endpoint
      .command('rollouts')
      .description('Rollouts with their decisions, newest first')
      .argument('<endpoint>', '', endpointName),
    20,
  )
    .addHelpText('after', '\nExample:\n  slipway endpoint rollouts flight-delay --limit 1\n')
    .action(
      action(async ({ client, output }, name: string, flags: PageFlags) => {
        const page = await client.rollouts.list({ params: { endpoint: name }, query: pageQuery(flags) });
        if (page.items.length === 0 && !output.json)
          return output.note(
            `No rollouts yet. \`slipway endpoint rollout ${name} VERSION\` starts one; a policy can, too.`,
          );
        output.result(page, () => page.items.map(drawRollout).join('\n\n'));
        if (page.nextPageToken !== undefined && !output.json)
          output.note(`There is more: --page-token ${page.nextPageToken}`);
      }),
    );
  endpoint
    .command('cancel')
    .description('Stop a rollout: all traffic goes back to the incumbent')
    .argument('<rollout>', '', idOf('rollout'))
    .addHelpText('after', '\nExample:\n  slipway endpoint cancel rol_01m7z8…\n')
    .action(
      action(async ({ client, output }, rollout: string) => {
        const done = await client.rollouts.cancel({ params: { rollout } });
        output.result(done, () => drawRollout(done));
      }),
    );
}

interface RangeFlags {
  readonly from?: number;
  readonly to?: number;
  readonly limit: number;
}

function predictions(endpoint: Command): void {
  endpoint
    .command('predictions')
    .description('Logged predictions of a range of event time, oldest first')
    .argument('<endpoint>', '', endpointName)
    .option('--from <instant>', 'event time', instantOf('--from'))
    .option('--to <instant>', 'event time', instantOf('--to'))
    .option('--limit <n>', 'at most this many', wholeNumber('--limit', { min: 1, max: 1000 }), 50)
    .addHelpText(
      'after',
      '\nExample:\n  slipway endpoint predictions flight-delay --from 2013-04-01T00:00:00Z --limit 10\n',
    )
    .action(
      action(async (session, name: string, { from, to, limit }: RangeFlags) => {
        const page = await session.client.endpoints.predictions({
          params: { endpoint: name },
          query: { from, to, limit },
        });
        showPage(session, page, {
          head: ['PREDICTION', 'AT', 'SCORE', 'VERSION', 'LABEL', 'LATENCY'],
          empty: 'No predictions in this range. `slipway predict` makes one.',
          row: (p) => [
            p.id,
            instant(p.at),
            p.score.toFixed(4),
            `${p.version}${p.isCanary ? ' (canary)' : ''}`,
            p.label === undefined ? '-' : String(p.label.value),
            `${p.latencyUs} µs`,
          ],
        });
      }),
    );
  endpoint
    .command('prediction')
    .description('One logged prediction with its features and label')
    .argument('<prediction>', '', predictionId)
    .addHelpText('after', '\nExample:\n  slipway endpoint prediction prd_01m7z8…\n')
    .action(
      action(async ({ client, output }, prediction: string) => {
        const found = await client.predictions.get({ params: { prediction } });
        output.result(found, () => {
          const head = `${paint('bold', found.id)} ${found.score.toFixed(4)} by ${found.model}/${found.version} at ${instant(found.at)}; label ${found.label?.value ?? 'not known yet'}`;
          const rows = Object.entries(found.features).map(([k, v]) => [k, v === null ? '-' : String(v)]);
          return `${head}\n\n${table(['FEATURE', 'VALUE'], rows)}`;
        });
      }),
    );
  label(endpoint);
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
    .argument('<prediction=value...>', 'the id of a prediction and its outcome: 1 or 0, or a number')
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
          value: realNumber(`the label of ${id}`, { min: -1e300, max: 1e300 })(value),
          at,
        }));
        const body = { labels, ...(watermark === undefined ? {} : { watermark }) };
        const done = await client.endpoints.label({ params: { endpoint: name }, body });
        output.result(done, () => `${done.joined} joined, ${done.corrected} corrected, ${done.repeated} known already`);
      }),
    );
}

export const traffic = (shares: readonly { version: number; percent: number }[] | undefined): string =>
  shares?.map((t) => `version ${t.version} ${t.percent} %`).join(', ') ?? 'not deployed';

export function drawRollout(rollout: Rollout): string {
  const colour = {
    running: 'cyan',
    promoted: 'green',
    rejected: 'yellow',
    'rolled-back': 'red',
    cancelled: 'dim',
  } as const;
  const state = paint(colour[rollout.state], rollout.state);
  const head = `${paint('bold', rollout.id)} version ${rollout.candidate} over ${rollout.incumbent}: ${state}${rollout.guard === undefined ? '' : ` (${rollout.guard})`}`;
  const rows = rollout.decisions.map((d) => [
    instant(d.at),
    d.stage,
    d.verdict,
    d.requests.toLocaleString('en-US'),
    d.labelledPairs.toLocaleString('en-US'),
    d.sentence,
  ]);
  return `${head}\n${table(['AT', 'STAGE', 'DECISION', 'REQUESTS', 'LABELLED', 'WHY'], rows)}`;
}
