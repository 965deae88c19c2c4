import type { Command } from 'commander';
import { action, oneOf } from '../command.ts';
import { candidatesOf, files } from '../completion/candidates.ts';
import { completionScripts } from '../completion/scripts.ts';
import { connect } from '../connect.ts';

const shells = ['bash', 'zsh', 'fish'] as const;

export function register(program: Command): void {
  program
    .command('completion')
    .description('Print a completion script: verbs, flags, and the names that exist on the server')
    .argument('<shell>', shells.join(', '))
    .addHelpText(
      'after',
      `\nExamples:\n  source <(slipway completion bash)          # now; in ~/.bashrc for always\n  source <(slipway completion zsh)           # now; in ~/.zshrc for always\n  slipway completion fish > ~/.config/fish/completions/slipway.fish\n`,
    )
    .action(
      action(async ({ output }, word: string) => {
        const shell = oneOf('shell', shells, word);
        output.result({ shell, script: completionScripts[shell] }, () => completionScripts[shell]);
      }),
    );
}

/** Longer than this nobody waits for a list at a prompt. */
const answerLimitMs = 1500;

export function registerComplete(program: Command): void {
  program
    .command('complete', { hidden: true })
    .description('What may stand at the cursor; for the completion scripts')
    .argument('[words...]')
    .action(async (words: string[]) => {
      const { createProgram, loadNamed } = await import('../program.ts');
      const whole = await loadNamed(createProgram(), words.length > 1 ? words : []);
      const client = () => connect({}, { retries: 0, timeoutMs: answerLimitMs }).client;
      const found = await candidatesOf(whole, words, client);
      const lines = found === files ? [':files'] : found.map(({ word, what }) => `${word}\t${what}`);
      process.stdout.write(lines.map((line) => `${line}\n`).join(''));
    });
}
