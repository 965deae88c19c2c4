import type { Reason } from '@slipway/contract';
import { whyKinds } from '@slipway/contract';
import type { Command } from 'commander';
import { action, CommandFailure } from '../command.ts';
import { paint } from '../output.ts';

export function register(program: Command): void {
  program
    .command('why')
    .description('Where something came from, down to dataset digests and the commit of the code')
    .argument('<kind>', `one of ${whyKinds.join(', ')}`)
    .argument('<id>', 'the id that other commands print')
    .addHelpText('after', '\nExamples:\n  slipway why prediction prd_01k…\n  slipway why version flight-delay/2\n')
    .action(
      action(async ({ client, output }, kind: string, id: string) => {
        const known = whyKinds.find((k) => k === kind);
        if (known === undefined)
          throw new CommandFailure('usage', `"${kind}" cannot be explained; the kinds are ${whyKinds.join(', ')}`);
        const reason = await client.why.get({ params: { kind: known, id } });
        output.result(reason, () => drawReason(reason));
      }),
    );
}

/** The chain as an indented tree, one thing a line and its facts below it. */
export function drawReason(reason: Reason): string {
  const lines: string[] = [];
  const walk = (node: Reason, lead: string, isLast: boolean, isRoot: boolean): void => {
    const branch = isRoot ? '' : isLast ? '└─ ' : '├─ ';
    lines.push(`${lead}${branch}${paint('bold', node.title)}`);
    const below = isRoot ? '' : `${lead}${isLast ? '   ' : '│  '}`;
    const bar = node.because.length > 0 ? '│  ' : '   ';
    const facts = Object.entries(node.facts).filter(([, value]) => value !== null);
    for (const [key, value] of facts) lines.push(`${below}${bar}${paint('dim', key)} ${String(value)}`);
    node.because.forEach((cause, i) => walk(cause, below, i === node.because.length - 1, false));
  };
  walk(reason, '', true, true);
  return lines.join('\n');
}
