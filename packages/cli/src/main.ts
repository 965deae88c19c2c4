/** The `slipway` command. Commands are loaded when they are named, so that `slipway --help` stays fast. */
import type { Command } from 'commander';
import { CommanderError } from 'commander';
import { report } from './command.ts';
import { exitCodes } from './exit-codes.ts';
import { CommandFailure } from './failure.ts';
import { findTopic } from './help-topics.ts';
import { nearest } from './live-names.ts';
import { createOutput } from './output.ts';
import { createProgram, loadNamed } from './program.ts';
import { version } from './version.ts';

export async function main(argv: readonly string[]): Promise<void> {
  endWithReader();
  const [first, second] = argv;
  if (first === '--version' || first === '-V' || (first === 'version' && second === undefined))
    return void process.stdout.write(`${version}\n`);
  const topic = first === 'help' ? findTopic(second) : undefined;
  if (topic !== undefined) return void process.stdout.write(topic);
  const program = createProgram({ quiet: argv.includes('--json') });
  await loadNamed(program, argv);
  if (argv.length === 0) return program.outputHelp();
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    process.exitCode = exitCodeOf(error, program, argv);
  }
}

function exitCodeOf(error: unknown, program: Command, argv: readonly string[]): number {
  const output = createOutput({ json: argv.includes('--json') });
  if (!(error instanceof CommanderError)) return exitCodes[report(error, output)].code;
  // Help that was asked for.
  if (error.exitCode === 0) return exitCodes.ok.code;
  const { path, at } = commandAt(program, argv);
  const failure =
    error.code === 'commander.help'
      ? new CommandFailure('usage', `\`${path}\` needs a verb: ${verbsOf(at)}`)
      : new CommandFailure('usage', `${problemOf(error, at)} (\`${path} --help\` has the usage and examples)`);
  return exitCodes[report(failure, output)].code;
}

/** Commander's sentence on one line, without its prefix; a slip in a word is answered with the word that was meant. */
function problemOf(error: CommanderError, at: Command): string {
  const text = error.message.replace(/^error: /, '').replaceAll(/\n\((Did you mean .*\?)\)/g, '. $1');
  const unknown = /^unknown command '(.*)'/.exec(text)?.[1];
  if (unknown === undefined) return text.replaceAll("'", '"').replaceAll('\n', ' ');
  const meant = nearest(
    unknown,
    at.commands.map((c) => c.name()),
  );
  const known = meant === undefined ? `known: ${verbsOf(at)}` : `did you mean "${meant}"?`;
  return `unknown command "${unknown}"; ${known}`;
}

const verbsOf = (command: Command): string =>
  command.commands
    .map((c) => c.name())
    .filter((name) => name !== 'help' && name !== 'complete')
    .join(', ');

/** The command that the words lead to, as far as they name commands. */
function commandAt(program: Command, argv: readonly string[]): { readonly path: string; readonly at: Command } {
  let at = program;
  const names = [program.name()];
  for (const word of argv.filter((w) => !w.startsWith('-'))) {
    const next = at.commands.find((c) => c.name() === word);
    if (next === undefined) break;
    at = next;
    names.push(word);
  }
  return { path: names.join(' '), at };
}

/** `slipway … | head`: when the reader has enough, there is nothing more to do and nothing to complain about. */
function endWithReader(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit();
      throw error;
    });
  }
}

await main(process.argv.slice(2));
