/**
 * A page of the documentation as a list of blocks that can be followed.
 *
 *   ```sh               commands, run line by line in the page's own folder against the page's own server
 *   ```sh server        a command that stays in the background: the server that the page starts
 *   ```text             after a block of commands: what they print (see `output.ts` for what need not be equal)
 *   ```LANGUAGE NAME    a file, written where the commands stand
 *   ```yaml NAME +      lines that a reader adds to that file: merged into it, key by key
 *   <!-- part of PATH --> before a block: these lines stand in that file of the repository, in this order
 *   <!-- not run: REASON --> before a block: it is left alone, and counted
 *
 * `<!-- needs: python -->` anywhere in the page puts a `python3` on its path that has the packages of the Python suites.
 * `<!-- starts in: a checkout -->` anywhere in the page lets it begin in a folder that has `examples/`, not in an empty one.
 * A command that should fail says so behind itself: `# exit code 6`.
 */

export type Block = Place &
  (
    | { readonly kind: 'commands'; readonly commands: readonly Command[] }
    | { readonly kind: 'server'; readonly command: string }
    | { readonly kind: 'output'; readonly text: string }
    | { readonly kind: 'file'; readonly name: string; readonly text: string }
    | { readonly kind: 'addition'; readonly to: string; readonly text: string }
    | { readonly kind: 'part'; readonly of: string; readonly text: string }
    | { readonly kind: 'left'; readonly reason: string }
  );

interface Place {
  /** Of the first line inside the block, from 1. */
  readonly line: number;
}

export interface Command extends Place {
  readonly text: string;
  readonly exitCode: number;
}

export interface Guide {
  readonly startsIn: 'empty folder' | 'checkout';
  readonly needsPython: boolean;
  readonly blocks: readonly Block[];
}

/** Throws where a block says neither what is done with it nor why nothing is. */
export function parseGuide(page: string, text: string): Guide {
  const blocks: Block[] = [];
  for (const fence of text.matchAll(/^(`{3,})([\w-]*) ?([^\n]*)\n([\s\S]*?)^\1$/gm)) {
    const [, , language = '', name = '', body = ''] = fence;
    const line = text.slice(0, fence.index).split('\n').length + 1;
    const note = /<!-- (part of|not run:) (.+?) -->\s*$/.exec(text.slice(0, fence.index));
    blocks.push(blockOf(`${page}:${line}`, { line, language, name, body, note, before: blocks.at(-1) }));
  }
  return {
    startsIn: text.includes('<!-- starts in: a checkout -->') ? 'checkout' : 'empty folder',
    needsPython: text.includes('<!-- needs: python -->'),
    blocks,
  };
}

interface Fence extends Place {
  readonly language: string;
  readonly name: string;
  readonly body: string;
  readonly note: RegExpExecArray | null;
  readonly before: Block | undefined;
}

function blockOf(place: string, { line, language, name, body, note, before }: Fence): Block {
  const [, word, said = ''] = note ?? [];
  if (word === 'not run:') return { kind: 'left', line, reason: said };
  if (word === 'part of') return { kind: 'part', line, of: said, text: body };
  if (language === 'sh' && name === 'server') return { kind: 'server', line, command: body.trim() };
  if (language === 'sh') return { kind: 'commands', line, commands: commandsOf(body, line) };
  if (language === 'yaml' && name.endsWith(' +')) return { kind: 'addition', line, to: name.slice(0, -2), text: body };
  if (name !== '') return { kind: 'file', line, name, text: body };
  if (language === 'text' && before?.kind === 'commands') return { kind: 'output', line, text: body };
  throw new Error(
    `${place}: this block is no commands, no file with a name, no output after commands. ` +
      'Name the file, or say above it: <!-- part of PATH --> or <!-- not run: REASON -->',
  );
}

/** A command is one line, and more where it ends with a backslash, in an open quote or in a here-document. */
function commandsOf(body: string, firstLine: number): Command[] {
  const commands: Command[] = [];
  let open: string[] = [];
  body.split('\n').forEach((text, i) => {
    if (open.length === 0 && /^\s*(?:#|$)/.test(text)) return;
    open.push(text);
    const whole = open.join('\n');
    if (isOpen(whole)) return;
    const [, code] = /# exit code (\d+)/.exec(whole) ?? [];
    commands.push({ line: firstLine + i - open.length + 1, text: whole, exitCode: Number(code ?? 0) });
    open = [];
  });
  if (open.length > 0) throw new Error(`a command that begins with "${open[0]}" does not end`);
  return commands;
}

function isOpen(text: string): boolean {
  const [, word] = /<<-?\s*'?(\w+)'?/.exec(text) ?? [];
  if (word !== undefined) return !new RegExp(`\\n\\s*${word}$`).test(text);
  const bare = text.replaceAll(/\\[\s\S]/g, '').replaceAll(/'[^']*'|"[^"]*"/g, '');
  return text.endsWith('\\') || /['"]/.test(bare.replaceAll(/#.*$/gm, ''));
}
