/** The `slipway` command. Commands are loaded when they are named, so that `slipway --help` stays fast. */
import { Command, CommanderError } from 'commander';
import { report } from './command.ts';
import { commandNames, loadCommand } from './commands/index.ts';
import { exitCodes } from './exit-codes.ts';
import { createOutput } from './output.ts';
import { version } from './version.ts';

function exitCodeHelp(): string {
  const rows = Object.values(exitCodes).map((row) => `  ${String(row.code).padEnd(4)} ${row.meaning}`);
  return `\nExit codes:\n${rows.join('\n')}\n`;
}

export function createProgram(): Command {
  const program = new Command('slipway')
    .description('The whole machine-learning lifecycle in one program')
    .version(version)
    .option('--json', 'print one JSON value instead of text')
    .option('--url <url>', 'address of the server (or SLIPWAY_URL)')
    .option('--token <token>', 'API token (or SLIPWAY_TOKEN)')
    .showHelpAfterError('(add --help for the options and examples)')
    .showSuggestionAfterError(true)
    .configureHelp({ sortSubcommands: false, showGlobalOptions: true })
    .addHelpText('after', exitCodeHelp)
    .exitOverride();
  return program;
}

export async function main(argv: readonly string[]): Promise<void> {
  const program = createProgram();
  const named = argv.find((word) => !word.startsWith('-'));
  const wanted = named !== undefined && commandNames.includes(named) ? [named] : commandNames;
  for (const name of wanted) (await loadCommand(name))(program);
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError)
      process.exitCode = error.exitCode === 0 ? exitCodes.ok.code : exitCodes.usage.code;
    else process.exitCode = exitCodes[report(error, createOutput({ json: argv.includes('--json') }))].code;
  }
}

await main(process.argv.slice(2));
