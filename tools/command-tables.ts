/** The commands and exit codes as tables, made from the program itself. */
import type { Command } from 'commander';
import { exitCodes } from '../packages/cli/src/exit-codes.ts';
import { createProgram, loadNamed } from '../packages/cli/src/program.ts';

/** A command as one would type it: its arguments, and only the flags that it must have. */
function typed(command: Command, path: string): string {
  const operands = command.registeredArguments.map((argument) => {
    const name = argument.variadic ? `${argument.name()}...` : argument.name();
    return argument.required ? `<${name}>` : `[${name}]`;
  });
  const flags = command.options.filter((option) => option.mandatory).map((option) => option.flags);
  return ['slipway', path, ...operands, ...flags].join(' ');
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll(/\s+/g, ' ').trim();

export async function commandTable(): Promise<string> {
  const program = await loadNamed(createProgram({ quiet: true }), []);
  const rows: string[] = [];
  const walk = (command: Command, path: string): void => {
    if (command.commands.length === 0 || command.registeredArguments.length > 0)
      rows.push(`| \`${cell(typed(command, path))}\` | ${cell(command.description())} |`);
    for (const verb of command.createHelp().visibleCommands(command))
      if (verb.name() !== 'help') walk(verb, `${path} ${verb.name()}`);
  };
  for (const command of program.createHelp().visibleCommands(program))
    if (command.name() !== 'help') walk(command, command.name());
  return `| command | what it does |\n|---|---|\n${rows.join('\n')}`;
}

export function exitCodeTable(): string {
  const rows = Object.values(exitCodes).map((row) => `| ${row.code} | ${cell(row.meaning)} |`);
  return `| code | meaning |\n|---|---|\n${rows.join('\n')}`;
}
