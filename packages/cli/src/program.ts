/** The program before its commands are loaded: the flags that every command has, and how errors and help look. */
import { Command } from 'commander';
import { commandNames, loadCommand } from './commands/index.ts';
import { topicNames } from './help-topics.ts';

/** `quiet`: help that nobody asked for is not printed. */
export function createProgram(options: { readonly quiet: boolean } = { quiet: false }): Command {
  return (
    new Command('slipway')
      .description('The whole machine-learning lifecycle in one program')
      .usage('<command> [options]')
      .option('--json', 'print one JSON value instead of text')
      .option('--url <url>', 'address of the server (or SLIPWAY_URL)')
      .option('--token <token>', 'API token (or SLIPWAY_TOKEN)')
      .showSuggestionAfterError(true)
      .configureHelp({ sortSubcommands: false, showGlobalOptions: true, subcommandTerm: (c) => c.name() })
      // Errors are printed by `report`, in one place and one form.
      .configureOutput({ outputError: () => undefined, ...(options.quiet ? { writeErr: () => undefined } : {}) })
      .addHelpText('after', `\nMore: slipway help <command> [verb], slipway help ${topicNames.join(' | ')}\n`)
      .exitOverride()
  );
}

/** The commands that the words name, or all of them when they name none. */
export async function loadNamed(program: Command, words: readonly string[]): Promise<Command> {
  const named = words.find((word) => !word.startsWith('-'));
  const wanted = named !== undefined && commandNames.includes(named) ? [named] : commandNames;
  for (const name of wanted) (await loadCommand(name))(program);
  return program;
}
