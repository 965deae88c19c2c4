import type { Command } from 'commander';
import { action } from '../command.ts';
import { instant, table } from '../output.ts';

export function register(program: Command): void {
  const policy = program
    .command('policy')
    .description('Policies: what happens by itself, and what would have happened');
  policy
    .command('list')
    .description('The policies')
    .action(
      action(async ({ client, output }) => {
        const answer = await client.policies.list({ query: { limit: 1000 } });
        output.result(answer, () =>
          answer.items.length === 0
            ? 'No policies yet. slipway.yaml declares them.'
            : table(
                ['POLICY', 'WHEN', 'WHERE', 'DO'],
                answer.items.map((p) => [p.name, p.spec.when, JSON.stringify(p.spec.where), JSON.stringify(p.spec.do)]),
              ),
        );
      }),
    );
  policy
    .command('firings')
    .description('What a policy did and what it held back, newest first')
    .argument('<policy>')
    .action(
      action(async ({ client, output }, name: string) => {
        const answer = await client.policies.firings({ params: { policy: name }, query: { limit: 100 } });
        output.result(answer, () =>
          answer.items.length === 0
            ? 'It has not fired yet.'
            : table(
                ['FIRING', 'STATE', 'CAUSE', 'EVENT TIME', 'REASON', 'PROBLEM'],
                answer.items.map((f) => [
                  String(f.id),
                  f.state,
                  `event ${f.causeSeq}`,
                  instant(f.at),
                  f.reason,
                  f.problem ?? '',
                ]),
              ),
        );
      }),
    );
  policy
    .command('dry-run')
    .description('What the policy would have done on the events of the past')
    .argument('<policy>')
    .action(
      action(async ({ client, output }, name: string) => {
        const answer = await client.policies.dryRun({ params: { policy: name }, query: { limit: 10_000 } });
        output.result(
          answer,
          () =>
            `${answer.events} events looked at, ${answer.firings.length} firings\n${answer.firings.map((f) => `  event ${f.causeSeq} ${instant(f.at)} ${f.state}: ${f.reason}`).join('\n')}`,
        );
      }),
    );
  for (const verb of ['approve', 'reject'] as const) {
    policy
      .command(verb)
      .description(verb === 'approve' ? 'Let a waiting firing act' : 'Refuse a waiting firing')
      .argument('<policy>')
      .argument('<firing>')
      .action(
        action(async ({ client, output }, name: string, firing: string) => {
          const params = { policy: name, firing };
          const done =
            verb === 'approve'
              ? await client.policies.approve({ params })
              : await client.policies.reject({ params, body: {} });
          output.result(done, () => `firing ${done.id} is ${done.state}`);
        }),
      );
  }
}
