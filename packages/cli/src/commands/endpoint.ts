import type { Rollout } from '@slipway/contract';
import type { Command } from 'commander';
import { action } from '../command.ts';
import { instant, paint, table } from '../output.ts';

const candidateOf = (text: string): number | string => (/^\d+$/.test(text) ? Number(text) : text);

export function register(program: Command): void {
  const endpoint = program.command('endpoint').description('Endpoints: deployments, rollouts, predictions');
  endpoint
    .command('list')
    .description('The endpoints with their traffic')
    .action(
      action(async ({ client, output }) => {
        const answer = await client.endpoints.list({ query: { limit: 1000 } });
        output.result(answer, () => {
          if (answer.items.length === 0)
            return 'No endpoints yet. slipway.yaml declares them; `slipway apply` brings them here.';
          const rows = answer.items.map((e) => [
            e.name,
            e.spec.model,
            traffic(e.deployment?.traffic),
            e.runningRollout ?? '-',
            String(e.labelCount),
          ]);
          return table(['ENDPOINT', 'MODEL', 'TRAFFIC', 'ROLLOUT', 'LABELS'], rows);
        });
      }),
    );
  endpoint
    .command('deploy')
    .description('Send all traffic to a version, or split it: 3=90 4=10')
    .argument('<endpoint>')
    .argument('<versions...>', 'a version or alias, or version=percent')
    .option('--shadow <version>', 'score this one too; it answers nobody')
    .option('--reason <text>', 'why, for the record', '')
    .addHelpText(
      'after',
      '\nExamples:\n  slipway endpoint deploy flight-delay champion\n  slipway endpoint deploy flight-delay 1=90 2=10\n',
    )
    .action(
      action(
        async ({ client, output }, name: string, versions: string[], options: { shadow?: string; reason: string }) => {
          const split = versions.map((text) => {
            const [version = '', percent = '100'] = text.split('=');
            return { version: candidateOf(version), percent: Number(percent) };
          });
          const body = {
            traffic: split,
            reason: options.reason,
            ...(options.shadow === undefined ? {} : { shadow: candidateOf(options.shadow) }),
          };
          const made = await client.endpoints.deploy({ params: { endpoint: name }, body });
          output.result(made, () => `deployment ${made.number} of ${made.endpoint}: ${traffic(made.traffic)}`);
        },
      ),
    );
  endpoint
    .command('deployments')
    .description('Deployments, newest first')
    .argument('<endpoint>')
    .action(
      action(async ({ client, output }, name: string) => {
        const answer = await client.endpoints.deployments({ params: { endpoint: name }, query: { limit: 50 } });
        output.result(answer, () =>
          table(
            ['NUMBER', 'TRAFFIC', 'BY', 'AT', 'REASON'],
            answer.items.map((d) => [
              String(d.number),
              traffic(d.traffic),
              d.createdBy,
              instant(d.createdAt),
              d.reason,
            ]),
          ),
        );
      }),
    );
  endpoint
    .command('rollout')
    .description('Let a version replace the incumbent, stage by stage, under the judge')
    .argument('<endpoint>')
    .argument('<candidate>', 'a version or alias')
    .action(
      action(async ({ client, output }, name: string, candidate: string) => {
        const made = await client.rollouts.start({
          params: { endpoint: name },
          body: { candidate: candidateOf(candidate) },
        });
        output.result(made, () => drawRollout(made));
      }),
    );
  endpoint
    .command('rollouts')
    .description('Rollouts, newest first')
    .argument('<endpoint>')
    .action(
      action(async ({ client, output }, name: string) => {
        const answer = await client.rollouts.list({ params: { endpoint: name }, query: { limit: 20 } });
        output.result(answer, () =>
          answer.items.length === 0 ? 'No rollouts yet.' : answer.items.map(drawRollout).join('\n\n'),
        );
      }),
    );
  endpoint
    .command('cancel')
    .description('Stop a rollout: all traffic goes back to the incumbent')
    .argument('<rollout>')
    .action(
      action(async ({ client, output }, rollout: string) => {
        const done = await client.rollouts.cancel({ params: { rollout } });
        output.result(done, () => drawRollout(done));
      }),
    );
  endpoint
    .command('prediction')
    .description('One logged prediction with its features and label')
    .argument('<prediction>')
    .action(
      action(async ({ client, output }, prediction: string) => {
        const found = await client.predictions.get({ params: { prediction } });
        output.result(found, () => {
          const head = `${paint('bold', found.id)} ${found.score.toFixed(4)} by ${found.model}/${found.version} at ${instant(found.at)}; label ${found.label?.value ?? 'not known yet'}`;
          return `${head}\n\n${table(
            ['FEATURE', 'VALUE'],
            Object.entries(found.features).map(([k, v]) => [k, v === null ? '-' : String(v)]),
          )}`;
        });
      }),
    );
}

export const traffic = (shares: readonly { version: number; percent: number }[] | undefined): string =>
  shares?.map((t) => `${t.version}: ${t.percent} %`).join(', ') ?? 'not deployed';

export function drawRollout(rollout: Rollout): string {
  const head = `${paint('bold', rollout.id)} version ${rollout.candidate} over ${rollout.incumbent}: ${rollout.state}${rollout.guard === undefined ? '' : ` (${rollout.guard})`}`;
  const lines = rollout.decisions.map(
    (d) =>
      `  ${instant(d.at)} ${d.stage.padEnd(10)} ${d.verdict.padEnd(11)} ${d.requests} requests, ${d.labelledPairs} labelled pairs. ${d.sentence}`,
  );
  return [head, ...lines].join('\n');
}
