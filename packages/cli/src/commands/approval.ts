import type { Approval } from '@slipway/contract';
import { approvalStates } from '@slipway/contract';
import type { Command } from 'commander';
import { usage } from '../arguments.ts';
import { action, oneOf } from '../command.ts';
import type { PageFlags } from '../listing.ts';
import { paged, pageQuery, showPage } from '../listing.ts';
import { instant, paint, table } from '../output.ts';
import { modelName } from './model.ts';
import { policyActionWords } from './policy.ts';

export function register(program: Command): void {
  const approval = program
    .command('approval')
    .description('What waits for your consent: moves of aliases and actions of policies');
  list(approval);
  show(approval);
  decisions(approval);
}

const stateOf = (typed: string): Approval['state'] => oneOf('state of an approval', approvalStates, typed);

function whatOf(approval: Approval): string {
  if (approval.kind === 'policy') return `${approval.policy}: ${policyActionWords(approval.action)}`;
  const { model, alias, previous, version } = approval;
  return `${model}@${alias}: ${previous ?? 'nothing'} -> ${version}`;
}

interface ListFlags extends PageFlags {
  readonly state?: Approval['state'];
  readonly model?: string;
  readonly all?: boolean;
}

function list(approval: Command): void {
  paged(approval.command('list').description('What waits for a decision, newest first'), 30)
    .option('--state <state>', `${approvalStates.join(', ')}; waiting unless said`, stateOf)
    .option('--all', 'those that were decided too')
    .option('--model <model>', 'only moves of aliases of this model', modelName)
    .addHelpText('after', '\nExamples:\n  slipway approval list\n  slipway approval list --all --model flight-delay\n')
    .action(
      action(async (session, flags: ListFlags) => {
        if (flags.all === true && flags.state !== undefined) throw usage('give --state or --all, not both');
        const query = {
          ...pageQuery(flags),
          ...(flags.all === true ? {} : { state: flags.state ?? ('waiting' as const) }),
          ...(flags.model === undefined ? {} : { model: flags.model }),
        };
        showPage(session, await session.client.approvals.list({ query }), {
          head: ['APPROVAL', 'STATE', 'WHAT', 'ASKED BY', 'ASKED', 'LAPSES', 'DECIDED BY'],
          empty: 'Nothing waits for anybody. Models and policies of slipway.yaml say what needs an approval.',
          row: (a) => [
            a.id,
            a.state,
            whatOf(a),
            a.askedBy,
            instant(a.askedAt),
            a.state === 'waiting' ? instant(a.lapsesAt) : '-',
            a.decidedBy ?? '-',
          ],
        });
      }),
    );
}

function show(approval: Command): void {
  approval
    .command('show')
    .description('One request: what, why, the evidence, who may decide and until when')
    .argument('<approval>', 'as `slipway approval list` shows it')
    .addHelpText('after', '\nExample:\n  slipway approval show firing-3\n')
    .action(
      action(async ({ client, output }, id: string) => {
        const found = await client.approvals.get({ params: { approval: id } });
        output.result(found, () => draw(found));
      }),
    );
}

function draw(found: Approval): string {
  const who = `role ${found.role === 'owner' ? 'owner' : 'deployer or owner'}${found.by === undefined ? '' : `, only ${found.by.join(', ')}`}`;
  const facts: [string, string | undefined][] = [
    ['what', whatOf(found)],
    ['why', found.reason],
    ['asked by', `${found.askedBy}, ${instant(found.askedAt)}`],
    ['who may', who],
    [found.state === 'waiting' ? 'lapses' : 'would lapse', instant(found.lapsesAt)],
    ['decided by', found.decidedBy && `${found.decidedBy}${found.isOwn === true ? ' (who had asked for it)' : ''}`],
    ['decision', found.decision],
  ];
  const known = facts.flatMap(([key, value]) => (value === undefined ? [] : [[key, value]]));
  const checks = found.kind === 'alias' ? (found.gate?.checks ?? []) : [];
  const verdict = (passed: boolean): string => (passed ? paint('green', 'passed') : paint('red', 'failed'));
  return [
    `${paint('bold', found.id)} ${found.state}`,
    table(['FACT', ''], known),
    ...(checks.length === 0
      ? []
      : [
          table(
            ['GATE', 'CHECK'],
            checks.map((c) => [verdict(c.passed), c.sentence]),
          ),
        ]),
  ].join('\n\n');
}

function decisions(approval: Command): void {
  approval
    .command('approve')
    .description('Consent: the alias moves, or the policy acts, at once')
    .argument('<approval>', 'as `slipway approval list` shows it')
    .requiredOption('--reason <text>', 'why; kept in the ledger with your name')
    .addHelpText('after', '\nExample:\n  slipway approval approve firing-3 --reason "calm week, retrain"\n')
    .action(
      action(async ({ client, output }, id: string, body: { reason: string }) => {
        const done = await client.approvals.approve({ params: { approval: id }, body });
        output.result(done, () => `${done.id} is ${paint('bold', done.state)}: ${whatOf(done)}`);
      }),
    );
  approval
    .command('reject')
    .description('Say no, or take back what you asked for')
    .argument('<approval>', 'as `slipway approval list` shows it')
    .requiredOption('--reason <text>', 'why; kept in the ledger with your name')
    .addHelpText('after', '\nExample:\n  slipway approval reject firing-3 --reason "holiday week"\n')
    .action(
      action(async ({ client, output }, id: string, body: { reason: string }) => {
        const done = await client.approvals.reject({ params: { approval: id }, body });
        output.result(done, () => `${done.id} is ${paint('bold', done.state)}`);
      }),
    );
}
