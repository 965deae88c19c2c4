import type { Consequence, Reason } from '@slipway/contract';
import { onwardKinds, whyKinds } from '@slipway/contract';
import type { Command } from 'commander';
import { usage } from '../arguments.ts';
import { action, oneOf } from '../command.ts';
import { paint } from '../output.ts';

type WhyKind = (typeof whyKinds)[number];

interface WhyFlags {
  readonly onward?: boolean;
}

/** Ids say what they are; names with a version are told by their form. */
const kindOfPrefix: Readonly<Record<string, WhyKind>> = {
  prd: 'prediction',
  mdv: 'version',
  run: 'run',
  dsv: 'dataset-version',
  dep: 'deployment',
  plr: 'pipeline-run',
  rol: 'rollout',
  alt: 'alert',
};

export function register(program: Command): void {
  program
    .command('why')
    .description('Where something came from, down to dataset digests and the commit of the code')
    .argument('<kind>', `one of ${whyKinds.join(', ')}; or the id alone, when it says what it is`)
    .argument('[id]', 'the id that other commands print')
    .option('--onward', `the other way, what came of it; of ${onwardKinds.join(', ')}`)
    .addHelpText(
      'after',
      '\nExamples:\n  slipway why prediction prd_01m7z8…\n  slipway why prd_01m7z8…\n  slipway why version flight-delay/2\n  slipway why version flight-delay@champion\n  slipway why dataset-version flights@3\n  slipway why dataset-version flights@3 --onward\n  slipway why file sha256:9582c0b9… --onward\n',
    )
    .action(
      action(async ({ client, output }, first: string, second: string | undefined, { onward }: WhyFlags) => {
        const { kind, id } = wanted(first, second, onward === true ? onwardKinds : whyKinds);
        if (onward === true) {
          const found = await client.why.onward({
            params: { kind: oneOf('kind that things come of', onwardKinds, kind), id },
          });
          return output.result(found, () => drawReason(reasonOf(found)));
        }
        const reason = await client.why.get({
          params: { kind: oneOf('kind that can be explained', whyKinds, kind), id },
        });
        output.result(reason, () => drawReason(reason));
      }),
    );
}

/** The tree is drawn alike in both directions. */
const reasonOf = ({ ledTo, ...thing }: Consequence): Reason => ({ ...thing, because: ledTo.map(reasonOf) });

function wanted(
  first: string,
  second: string | undefined,
  kinds: readonly string[],
): { readonly kind: string; readonly id: string } {
  if (second !== undefined) return { kind: oneOf('kind that can be explained', kinds, first), id: second };
  const prefix = /^([a-z]{3})_[0-9a-z]+$/.exec(first)?.[1] ?? '';
  const kind = Object.hasOwn(kindOfPrefix, prefix) ? kindOfPrefix[prefix] : undefined;
  if (kind !== undefined) return { kind, id: first };
  throw usage(
    kinds.includes(first)
      ? `which ${first}? Add its id, as other commands print it`
      : `"${first.slice(0, 80)}" does not say what it is: name the kind first, one of ${kinds.join(', ')}`,
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
