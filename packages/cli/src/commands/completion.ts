/** Completion scripts: made from the program itself, so that they never name a command that is not there. */
import type { Command } from 'commander';
import { CommandFailure, report } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import { createOutput } from '../output.ts';

interface Word {
  /** The words before, such as `model alias`. */
  readonly path: string;
  readonly words: readonly { readonly name: string; readonly what: string }[];
}

function wordsOf(command: Command, path: string): Word[] {
  const own = [
    ...command.commands.map((c) => ({ name: c.name(), what: c.description() })),
    ...command.options.map((o) => ({ name: o.long ?? o.flags, what: o.description })),
  ];
  return [
    { path, words: own },
    ...command.commands.flatMap((c) => wordsOf(c, path === '' ? c.name() : `${path} ${c.name()}`)),
  ];
}

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

function bashScript(words: readonly Word[]): string {
  const cases = words.map((w) => `    ${quote(w.path)}) words=${quote(w.words.map((x) => x.name).join(' '))} ;;`);
  return `_slipway() {
  local path="" words="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do [[ $word == -* ]] || path="\${path:+$path }$word"; done
  while :; do
    case "$path" in
${cases.join('\n')}
    *) words="" ;;
    esac
    [[ -n $words || -z $path ]] && break
    [[ $path == *" "* ]] && path="\${path% *}" || path=""
  done
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -F _slipway slipway
`;
}

const scripts: Readonly<Record<string, (words: readonly Word[]) => string>> = {
  bash: bashScript,
  // zsh runs bash completions; one script to keep right instead of two.
  zsh: (words) => `autoload -Uz compinit bashcompinit && compinit && bashcompinit\n${bashScript(words)}`,
  fish: (words) =>
    words
      .flatMap((w) =>
        w.words.map((x) => {
          const depth = w.path === '' ? 0 : w.path.split(' ').length;
          const here =
            w.path === ''
              ? '__fish_use_subcommand'
              : w.path
                  .split(' ')
                  .slice(0, depth)
                  .map((p) => `__fish_seen_subcommand_from ${p}`)
                  .join('; and ');
          const flag = x.name.startsWith('--') ? `-l ${x.name.slice(2)}` : `-a ${quote(x.name)}`;
          return `complete -c slipway -n ${quote(here)} ${flag} -d ${quote(x.what)}`;
        }),
      )
      .join('\n') + '\n',
};

export function register(program: Command): void {
  program
    .command('completion')
    .description('Print a completion script')
    .argument('<shell>', Object.keys(scripts).join(', '))
    .addHelpText(
      'after',
      '\nExamples:\n  source <(slipway completion bash)\n  slipway completion fish > ~/.config/fish/completions/slipway.fish\n',
    )
    .action(async (shell: string) => {
      const make = scripts[shell];
      if (make === undefined) {
        const problem = new CommandFailure(
          'usage',
          `there is no completion for "${shell}"; choose ${Object.keys(scripts).join(', ')}`,
        );
        process.exitCode = exitCodes[report(problem, createOutput({ json: false }))].code;
        return;
      }
      const { commandNames, loadCommand } = await import('./index.ts');
      for (const name of commandNames) (await loadCommand(name))(program);
      process.stdout.write(make(wordsOf(program, '')));
    });
}
