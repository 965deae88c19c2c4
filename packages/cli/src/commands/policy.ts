import type { PolicyFiring } from '@slipway/contract';
import type { Command } from 'commander';
import { nameOf, wholeNumber } from '../arguments.ts';
import { action } from '../command.ts';
import type { PageFlags } from '../listing.ts';
import { paged, pageQuery, showPage } from '../listing.ts';
import { count, instant, paint, table } from '../output.ts';

const policyName = nameOf('policy');

export function register(program: Command): void {
  const policy = program
    .command('policy')
    .description('Policies: what happens by itself, and what would have happened');
  lists(policy);
  causedBy(policy);
  dryRun(policy);
  decisions(policy);
}

function lists(policy: Command): void {
  paged(policy.command('list').description('The policies'))
    .addHelpText('after', '\nExample:\n  slipway policy list\n')
    .action(
      action(async (session, flags: PageFlags) => {
        showPage(session, await session.client.policies.list({ query: pageQuery(flags) }), {
          head: ['POLICY', 'WHEN', 'WHERE', 'DO', 'APPROVAL'],
          empty: 'No policies yet. slipway.yaml declares them; `slipway apply` brings them here.',
          row: (p) => [
            p.name,
            p.retiredAt === undefined ? p.spec.when : 'retired',
            Object.entries(p.spec.where)
              .map(([path, value]) => `${path} = ${typeof value === 'string' ? value : JSON.stringify(value)}`)
              .join(', '),
            policyActionWords(p.spec.do),
            p.spec.approval === false ? 'acts' : 'asks',
          ],
        });
      }),
    );
  paged(
    policy
      .command('firings')
      .description('What a policy did and what it held back, newest first')
      .argument('<policy>', '', policyName),
    30,
  )
    .addHelpText('after', '\nExample:\n  slipway policy firings retrain-on-decay\n')
    .action(
      action(async (session, name: string, flags: PageFlags) => {
        const page = await session.client.policies.firings({ params: { policy: name }, query: pageQuery(flags) });
        showPage(session, page, {
          head: ['FIRING', 'STATE', 'CAUSE', 'EVENT TIME', 'CAME OF IT', 'REASON'],
          empty: `${name} has not fired yet. \`slipway policy dry-run ${name}\` says what it would have done.`,
          row: (f) => [
            String(f.id),
            f.state,
            `event ${f.causeSeq}`,
            instant(f.at),
            f.result === undefined ? (f.problem ?? '-') : Object.values(f.result).map(String).join(' '),
            f.reason,
          ],
        });
      }),
    );
}

/** `run train`, in a table. */
export function policyActionWords(action: PolicyFiring['action']): string {
  if ('run' in action) return `run ${action.run.pipeline}`;
  if ('rollout' in action) return `roll ${action.rollout.candidate} out on ${action.rollout.endpoint}`;
  if ('alias' in action) return `${action.alias.model}@${action.alias.alias} = ${action.alias.version}`;
  return `tell ${action.webhook.url}`;
}

function causedBy(policy: Command): void {
  policy
    .command('caused-by')
    .description('What policies did about an alert, a rollout or another thing with an id')
    .argument('<id>', 'subject of the events, as the ledger has it')
    .addHelpText('after', '\nExample:\n  slipway policy caused-by alt_01m7z8…\n')
    .action(
      action(async (session, subject: string) => {
        showPage(session, await session.client.policies.decisions({ query: { subject } }), {
          head: ['POLICY', 'FIRING', 'STATE', 'CAUSE', 'CAME OF IT', 'REASON'],
          empty: `No policy did anything about ${subject}.`,
          row: (f) => [
            f.policy,
            String(f.id),
            f.state,
            `event ${f.causeSeq}`,
            f.result === undefined ? (f.problem ?? '-') : Object.values(f.result).map(String).join(' '),
            f.reason,
          ],
        });
      }),
    );
}

function dryRun(policy: Command): void {
  policy
    .command('dry-run')
    .description('What the policy would have done on the events of the past')
    .argument('<policy>', '', policyName)
    .option(
      '--after <seq>',
      'only events after this sequence number',
      wholeNumber('--after', { min: 0, max: Number.MAX_SAFE_INTEGER }),
      0,
    )
    .option(
      '--limit <n>',
      'at most this many events of its kind',
      wholeNumber('--limit', { min: 1, max: 10_000 }),
      10_000,
    )
    .addHelpText('after', '\nExample:\n  slipway policy dry-run retrain-on-decay\n')
    .action(
      action(async ({ client, output }, name: string, query: { after: number; limit: number }) => {
        const answer = await client.policies.dryRun({ params: { policy: name }, query });
        output.result(answer, () => {
          const head = `${count(answer.events, 'event')} looked at, ${count(answer.firings.length, 'firing')}`;
          const rows = answer.firings.map((f) => [`event ${f.causeSeq}`, instant(f.at), f.state, f.reason]);
          return rows.length === 0 ? head : `${head}\n${table(['CAUSE', 'EVENT TIME', 'STATE', 'REASON'], rows)}`;
        });
      }),
    );
}

const firingNumber = wholeNumber('the firing', { min: 1, max: Number.MAX_SAFE_INTEGER });

function decisions(policy: Command): void {
  policy
    .command('approve')
    .description('Let a waiting firing act')
    .argument('<policy>', '', policyName)
    .argument('<firing>', 'its number, as `slipway policy firings` shows it', firingNumber)
    .addHelpText('after', '\nExample:\n  slipway policy approve retrain-on-decay 3\n')
    .action(
      action(async ({ client, output }, name: string, firing: number) => {
        const done = await client.policies.approve({ params: { policy: name, firing } });
        output.result(done, () => `firing ${done.id} is ${paint('bold', done.state)}`);
      }),
    );
  policy
    .command('reject')
    .description('Refuse a waiting firing')
    .argument('<policy>', '', policyName)
    .argument('<firing>', 'its number, as `slipway policy firings` shows it', firingNumber)
    .option('--reason <text>', 'why, for the record')
    .addHelpText('after', '\nExample:\n  slipway policy reject retrain-on-decay 3 --reason "holiday week"\n')
    .action(
      action(async ({ client, output }, name: string, firing: number, { reason }: { reason?: string }) => {
        const body = reason === undefined ? {} : { reason };
        const done = await client.policies.reject({ params: { policy: name, firing }, body });
        output.result(done, () => `firing ${done.id} is ${paint('bold', done.state)}`);
      }),
    );
}
