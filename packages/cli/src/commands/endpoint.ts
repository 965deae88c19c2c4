import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { Option } from 'commander';
import { lengthOf, nameOf, realNumber, usage, versionOf } from '../arguments.ts';
import { action } from '../command.ts';
import type { PageFlags } from '../listing.ts';
import { paged, pageQuery, showPage } from '../listing.ts';
import { instant, table } from '../output.ts';
import { compare } from './endpoint-compare.ts';
import { predictions } from './endpoint-predictions.ts';
import { rollouts } from './endpoint-rollouts.ts';

const endpointName = nameOf('endpoint');

export function register(program: Command): void {
  const endpoint = program.command('endpoint').description('Endpoints: deployments, rollouts, predictions, labels');
  looks(endpoint);
  deploys(endpoint);
  clients(endpoint);
  rollouts(endpoint);
  compare(endpoint);
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
  paged(
    endpoint
      .command('summary')
      .description('How much, how fast and with how many faults each endpoint answered, up to the newest prediction'),
  )
    .option('--window <duration>', 'how far back, such as 15m or 24h', lengthOf('--window'), '15m')
    .addHelpText('after', '\nExample:\n  slipway endpoint summary --window 24h\n')
    .action(
      action(async (session, flags: PageFlags & { window: string }) => {
        const page = await session.client.endpoints.summary({ query: { ...pageQuery(flags), window: flags.window } });
        const seconds = (page.to - page.from) / 1000;
        showPage(session, page, {
          head: ['ENDPOINT', 'REQUESTS', 'REQ/S', 'P50 US', 'P99 US', 'FAULTS', 'OF THE NEWEST', 'UP TO'],
          empty: 'No endpoints yet. slipway.yaml declares them; `slipway apply` brings them here.',
          row: (e) => {
            const requests = e.requests.reduce((sum, n) => sum + n, 0);
            return [
              e.endpoint,
              requests.toLocaleString('en-US'),
              (requests / seconds).toPrecision(3),
              e.latencyUsP50 === null ? '-' : String(e.latencyUsP50),
              e.latencyUsP99 === null ? '-' : String(e.latencyUsP99),
              String(e.faults),
              e.sampled.toLocaleString('en-US'),
              instant(page.to),
            ];
          },
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

const languages = ['typescript', 'python', 'openapi'] as const;

function clients(endpoint: Command): void {
  endpoint
    .command('client')
    .description('A typed client of one endpoint, or an OpenAPI document of it: one file without dependencies')
    .argument('<endpoint>', '', endpointName)
    .addOption(new Option('--language <language>', 'what to write').choices(languages).default('typescript'))
    .option('--file <path>', 'where to write it; standard output unless said')
    .addHelpText(
      'after',
      '\nExamples:\n  slipway endpoint client churn --language typescript --file churn-client.ts\n  slipway endpoint client churn --language python > churn_client.py\n  slipway endpoint client churn --language openapi --file churn.openapi.json\n',
    )
    .action(
      action(
        async (
          { client, output, url },
          name: string,
          { language, file }: { readonly language: (typeof languages)[number]; readonly file?: string },
        ) => {
          const params = { endpoint: name };
          const text =
            language === 'openapi'
              ? `${JSON.stringify(await client.endpoints.openapi({ params, query: { url } }), null, 2)}\n`
              : await client.endpoints.client({ params, query: { url, language } });
          if (file !== undefined) await writeFile(file, text);
          const told = { endpoint: name, language, ...(file === undefined ? { text } : { file }) };
          output.result(told, () => (file === undefined ? text : `${file} written`));
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

export const traffic = (shares: readonly { version: number; percent: number }[] | undefined): string =>
  shares?.map((t) => `version ${t.version} ${t.percent} %`).join(', ') ?? 'not deployed';
