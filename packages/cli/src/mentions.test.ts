/** A remedy that names a command that is not there helps nobody: every command in messages and documents exists. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Command } from 'commander';
import { topicNames } from './help-topics.ts';
import { createProgram, loadNamed } from './program.ts';

const root = join(import.meta.dirname, '../../..');

function textFiles(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.(?:ts|md|yaml)$/.test(path) && !/node_modules|\.test\.ts$|generated\//.test(path))
    .map((path) => join(folder, path));
}

/** The words after `slipway` in backticks or at the beginning of a line of an example, as far as they are plain words. */
function mentions(text: string): string[][] {
  const found = [...text.matchAll(/(?:`|\\`|\\n {2}|^)slipway ((?:[a-z][a-z-]*)(?: [a-z][a-z-]*)?)/gm)];
  return found.map(([, words = '']) => words.split(' '));
}

function exists(program: Command, [first = '', second]: readonly string[]): boolean {
  if (first === 'help') return second === undefined || topicNames.includes(second) || exists(program, [second]);
  if (first === 'version') return true;
  const command = program.commands.find((c) => c.name() === first);
  // Without verbs of its own, or beside them, what follows is an argument.
  if (command === undefined || second === undefined) return command !== undefined;
  if (command.commands.length === 0 || command.registeredArguments.length > 0) return true;
  return command.commands.some((c) => c.name() === second);
}

test('every command that a message or a document names exists', async () => {
  const program = await loadNamed(createProgram(), []);
  const files = [...['packages', 'docs', 'examples'].flatMap(textFiles), 'README.md', 'ARCHITECTURE.md', 'SECURITY.md'];
  const wrong = files.flatMap((path) =>
    mentions(readFileSync(join(root, path), 'utf8'))
      .filter((words) => !exists(program, words))
      .map((words) => `${path}: slipway ${words.join(' ')}`),
  );
  assert.deepEqual(wrong, []);
});
