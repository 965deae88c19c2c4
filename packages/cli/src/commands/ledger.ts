import type { Command } from 'commander';
import { action, CommandFailure, wholeNumber } from '../command.ts';
import { count, instant, paint, table } from '../output.ts';

interface ListOptions {
  readonly limit: number;
  readonly kind?: string;
  readonly subject?: string;
  readonly before?: number;
}

export function register(program: Command): void {
  const ledger = program.command('ledger').description('Everything that ever changed, in order, hash-chained');
  ledger
    .command('list')
    .description('Events, newest first')
    .option('--limit <n>', 'how many', wholeNumber('--limit', { min: 1, max: 1000 }), 50)
    .option('--kind <kind>', 'only this kind, such as alias.moved')
    .option('--subject <subject>', 'only this subject')
    .option(
      '--before <seq>',
      'older than this sequence number',
      wholeNumber('--before', { min: 1, max: Number.MAX_SAFE_INTEGER }),
    )
    .addHelpText('after', '\nExample:\n  slipway ledger list --kind alias.moved\n')
    .action(
      action(async ({ client, output }, options: ListOptions) => {
        const { limit, kind, subject, before } = options;
        const answer = await client.ledger.list({ query: { limit, kind, subject, before } });
        output.result(answer, () => {
          if (answer.items.length === 0) return 'No events yet.';
          const rows = answer.items.map((e) => [String(e.seq), instant(e.at), e.actor, e.kind, e.subject]);
          return table(['SEQ', 'AT', 'ACTOR', 'KIND', 'SUBJECT'], rows);
        });
      }),
    );
  ledger
    .command('verify')
    .description('Recompute every digest and the chain; exits 6 when anything was altered')
    .action(
      action(async ({ client, output }) => {
        const verdict = await client.ledger.verify({}, { timeoutMs: 600_000 });
        output.result(verdict, () =>
          verdict.ok
            ? `${paint('green', 'intact')}: ${count(verdict.events, 'event')}, head ${verdict.headSeq} ${verdict.headChain.slice(0, 16)}…`
            : `${paint('red', 'broken')} at event ${verdict.firstBadSeq}: ${verdict.problem}`,
        );
        if (!verdict.ok) throw new CommandFailure('gate', `the ledger does not hold: ${verdict.problem}`);
      }),
    );
}
