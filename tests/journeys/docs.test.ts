/** Every `slipway …` line of the documentation is a command line that the real command understands, with flags that it has. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { allRoutes } from '@slipway/contract';
import type { Command } from 'commander';
import { createProgram, loadNamed } from '../../packages/cli/src/program.ts';

const root = join(import.meta.dirname, '../..');
const pages = [
  '*.md',
  'docs/guides/**/*.md',
  'docs/runbooks/**/*.md',
  'docs/adr/*.md',
  'examples/*/README.md',
  'packages/**/README.md',
]
  .flatMap((pattern) => globSync(pattern, { cwd: root, exclude: ['**/node_modules/**', '**/dist/**'] }))
  .sort();

interface Line {
  readonly place: string;
  readonly words: readonly string[];
  /** From a block of code: whole. In running text a command may be named without its arguments. */
  readonly isWhole: boolean;
}

/** Words as a shell would cut them, up to a comment, a pipe, a redirection or the next command. */
function wordsOf(text: string): string[] {
  const words: string[] = [];
  for (const [word] of text.matchAll(/(?:[^\s"']|"[^"]*"|'[^']*')+/g)) {
    if (word.startsWith('#') || /^(?:\||\|\||&&?|;|>>?|2>.*|<|\\|->)$/.test(word)) break;
    const isLast = word.endsWith(';');
    words.push((isLast ? word.slice(0, -1) : word).replaceAll(/["']/g, ''));
    if (isLast) break;
  }
  return words;
}

function commandLines(path: string): Line[] {
  const found: Line[] = [];
  let inBlock = false;
  readFileSync(join(root, path), 'utf8')
    .split('\n')
    .forEach((line, i) => {
      const place = `${path}:${i + 1}`;
      if (/^\s*(?:```|~~~)/.test(line)) {
        inBlock = !inBlock;
        return;
      }
      if (inBlock) {
        const match = /^\s*(?:\$ )?(?:\w+=\S+ )*(?:npx )?(?:slipway|node \S*bin\/slipway\.js)(?=\s|$)(.*)$/.exec(line);
        if (match) found.push({ place, words: wordsOf(match[1] ?? ''), isWhole: true });
        return;
      }
      for (const [, text = ''] of line.matchAll(/`(?:npx )?slipway(?=[\s`])([^`]*)`/g)) {
        found.push({ place, words: wordsOf(text), isWhole: false });
      }
    });
  return found;
}

/** What is wrong with the line, or undefined. The words are taken apart as the command itself does it. */
async function problemOf({ words, isWhole }: Line): Promise<string | undefined> {
  if (words.length === 0 || words[0] === 'help' || words[0] === '<command>' || words.includes('--help'))
    return undefined;
  let command: Command = await loadNamed(createProgram({ quiet: true }), words);
  const program = command;
  try {
    let left = command.parseOptions([...words]);
    for (;;) {
      const next = command.commands.find((c) => c.name() === left.operands[0]);
      if (next === undefined) break;
      command = next;
      left = next.parseOptions([...left.operands.slice(1), ...left.unknown]);
    }
    if (command === program) return `there is no command "${left.operands[0]}"`;
    return misfitOf(command, left, isWhole);
  } catch (error) {
    return isWhole ? String(error) : undefined;
  }
}

function misfitOf(
  command: Command,
  { operands, unknown }: { readonly operands: readonly string[]; readonly unknown: readonly string[] },
  isWhole: boolean,
): string | undefined {
  const name = command.name();
  if (unknown[0]?.startsWith('-') === true) return `"${name}" has no flag ${unknown[0]}`;
  if (!isWhole) return undefined;
  const known = command.registeredArguments;
  if (command.commands.length > 0 && known.length === 0)
    return operands.length > 0 ? `"${name}" has no verb "${operands[0]}"` : `"${name}" wants a verb`;
  const least = known.filter((a) => a.required).length;
  const most = known.some((a) => a.variadic) ? Number.POSITIVE_INFINITY : known.length;
  if (operands.length < least || operands.length > most)
    return `"${name}" takes ${known.map((a) => a.name()).join(', ') || 'no argument'}, not "${operands.join(' ')}"`;
  const missing = command.options.find((o) => o.mandatory && command.getOptionValue(o.attributeName()) === undefined);
  return missing === undefined ? undefined : `"${name}" needs ${missing.flags}`;
}

test('command lines in the documentation are ones that the command has', async () => {
  const problems: string[] = [];
  // The roadmap names what is not there yet.
  const lines = pages.filter((page) => page !== 'ROADMAP.md').flatMap(commandLines);
  for (const line of lines) {
    const problem = await problemOf(line);
    if (problem !== undefined) problems.push(`${line.place}: slipway ${line.words.join(' ')}: ${problem}`);
  }
  assert.deepEqual(problems, []);
  assert.ok(pages.includes('README.md'));
  assert.ok(lines.filter((l) => l.isWhole && l.place.startsWith('README.md')).length >= 5, 'the README shows commands');
});

test('the test itself sees what is wrong', async () => {
  const wrong: Readonly<Record<string, RegExp>> = {
    frobnicate: /no command/,
    'model frob': /no verb/,
    'model alias flight-delay champion': /takes/,
    'data list --wrong': /no flag/,
    'why version a b c': /takes/,
  };
  for (const [text, expected] of Object.entries(wrong))
    assert.match((await problemOf({ place: '', words: wordsOf(text), isWhole: true })) ?? '', expected, text);
  assert.deepEqual(wordsOf(` data add flights 'a b.csv' # note`), ['data', 'add', 'flights', 'a b.csv']);
  assert.deepEqual(wordsOf(' ledger list --json | head -3'), ['ledger', 'list', '--json']);
});

test('files, operations and commands that the architecture names are there', async () => {
  const page = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8');
  const folders = ['', 'packages/server/src'];
  const files = [...page.matchAll(/`([\w./-]+\.(?:ts|mjs))`/g)].map((m) => m[1] ?? '');
  const lost = files.filter((file) => !folders.some((folder) => existsSync(join(root, folder, file))));
  assert.deepEqual(lost, []);
  const stages = page.split('\n').filter((line) => /^\| \d /.test(line));
  assert.equal(stages.length, 9);
  for (const stage of stages) {
    const [, , , commands = '', operations = ''] = stage.split('|');
    for (const [, command = ''] of commands.matchAll(/`([^`]+)`/g)) {
      const problem = await problemOf({ place: '', words: wordsOf(command), isWhole: false });
      assert.equal(problem, undefined, command);
    }
    for (const [, operation = ''] of operations.matchAll(/`([^`]+)`/g))
      assert.ok(Object.hasOwn(allRoutes, operation), operation);
  }
});

test('every schema of the contract has its noun in the glossary, once', () => {
  const sources = globSync('packages/contract/src/*.ts', { cwd: root, exclude: ['**/*.test.ts'] });
  const declared = sources.flatMap((file) =>
    [...readFileSync(join(root, file), 'utf8').matchAll(/^export const ([A-Z]\w*)/gm)].map((m) => m[1] ?? ''),
  );
  const rows = readFileSync(join(root, 'GLOSSARY.md'), 'utf8').matchAll(/^\|.*\|([^|]*)\|$/gm);
  const named = [...rows].flatMap(([, last = '']) => [...last.matchAll(/`(\w+)`/g)].map((m) => m[1] ?? ''));
  assert.deepEqual(named.toSorted(), declared.toSorted());
});

test('files that the README of a module names are there', () => {
  const lost = globSync('packages/server/src/modules/*/README.md', { cwd: root }).flatMap((page) => {
    const folders = [join(page, '..'), 'packages/server/src', 'packages/server/src/modules', ''];
    const named = readFileSync(join(root, page), 'utf8').matchAll(/`([\w./-]+\.(?:ts|mjs|md))`/g);
    return [...named].flatMap(([, file = '']) =>
      folders.some((folder) => existsSync(join(root, folder, file))) ? [] : [`${page}: ${file}`],
    );
  });
  assert.deepEqual(lost, []);
});
