/**
 * What may stand at the cursor: made from the program itself and from the names that exist on the server, so that it never
 * offers what is not there. The shells' scripts (scripts.ts) only ask this and show the answer.
 */
import type { Command, Option } from 'commander';
import { liveNames } from '../live-names.ts';
import type { Client } from 'slipway';

export interface Candidate {
  readonly word: string;
  readonly what: string;
}

/** The shell completes paths better than anybody else. */
export const files = 'files';

/** Where the words before the cursor have led to. */
interface Position {
  readonly at: Command;
  readonly above: readonly Command[];
  readonly given: readonly string[];
  /** The option whose value stands at the cursor. */
  readonly option: Option | undefined;
}

/** `words` begin after `slipway` and end with the word at the cursor, which may be empty. */
export async function candidatesOf(
  program: Command,
  words: readonly string[],
  client: () => Client,
): Promise<readonly Candidate[] | typeof files> {
  const typed = words.at(-1) ?? '';
  const position = walk(program, words.slice(0, -1));
  const found = typed.startsWith('-') ? flagsOf(position) : await valuesOf(position, client);
  if (found === files) return files;
  const fitting = found.filter(({ word }) => word.startsWith(typed));
  return typed.startsWith('-') ? fitting : [...fitting, ...flagsIfNothing(position, typed, fitting)];
}

/** After the last argument an empty word is best answered with the flags. */
function flagsIfNothing(position: Position, typed: string, found: readonly Candidate[]): readonly Candidate[] {
  const isDone = position.given.length >= position.at.registeredArguments.length && position.at.commands.length === 0;
  return isDone && typed === '' && found.length === 0 && position.option === undefined ? flagsOf(position) : [];
}

function walk(program: Command, words: readonly string[]): Position {
  let at = program;
  const above: Command[] = [];
  const given: string[] = [];
  let option: Option | undefined;
  for (const word of words) {
    if (word.startsWith('-')) {
      option = [...above, at].flatMap((c) => c.options).find((o) => o.long === word || o.short === word);
      if (option !== undefined && !option.required && !option.optional) option = undefined;
    } else if (option !== undefined) {
      if (!option.variadic) option = undefined;
    } else {
      const next = given.length === 0 ? at.commands.find((c) => c.name() === word) : undefined;
      if (next === undefined) given.push(word);
      else {
        above.push(at);
        at = next;
      }
    }
  }
  return { at, above, given, option };
}

function flagsOf({ at, above }: Position): Candidate[] {
  const own = [at, ...above].flatMap((c) => c.options);
  return [
    ...own.map((o) => ({ word: o.long ?? o.flags, what: o.description })),
    { word: '--help', what: 'usage and examples' },
  ];
}

const plain = (words: readonly string[]): Candidate[] => words.map((word) => ({ word, what: '' }));

async function valuesOf(position: Position, client: () => Client): Promise<readonly Candidate[] | typeof files> {
  const { at, given, option } = position;
  const names = at.registeredArguments.map((a) => a.name());
  const before = Object.fromEntries(given.map((word, i): [string, string] => [names[i] ?? '', word]));
  if (option !== undefined) {
    if (option.argChoices !== undefined) return plain(option.argChoices);
    const placeholder = /[<[]([\w-]+)/.exec(option.flags)?.[1] ?? '';
    return namesOf([placeholder, option.name()], before, client);
  }
  if (at.commands.length > 0)
    return at.commands
      .filter((c) => !isHidden(c))
      .map((c) => ({ word: c.name(), what: c.summary() === '' ? c.description() : c.summary() }));
  const last = at.registeredArguments.at(-1);
  const argument = at.registeredArguments[given.length] ?? (last?.variadic === true ? last : undefined);
  if (argument === undefined) return [];
  if (argument.argChoices !== undefined) return plain(argument.argChoices);
  const noun = argument.name() === 'id' ? (before['kind'] ?? '') : argument.name();
  return namesOf([noun], before, client);
}

/** Commander keeps the flag to itself; what help does not list is hidden. */
const isHidden = (command: Command): boolean =>
  command.parent !== null && !command.parent.createHelp().visibleCommands(command.parent).includes(command);

const fileWords = new Set(['file', 'files', 'folder', 'path']);

async function namesOf(
  nouns: readonly string[],
  given: Readonly<Record<string, string>>,
  client: () => Client,
): Promise<readonly Candidate[] | typeof files> {
  if (nouns.some((noun) => fileWords.has(noun))) return files;
  for (const noun of nouns) {
    try {
      const found = await liveNames(client(), noun, given);
      if (found.length > 0) return plain(found);
    } catch {
      // No server, or no right to see: there is nothing to offer, and a prompt is no place for an error.
    }
  }
  return [];
}
