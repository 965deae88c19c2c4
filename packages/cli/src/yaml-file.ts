/** A YAML file whose values know where they stand, so that every complaint names file, line and column. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SlipwayError } from '@slipway/contract';
import type { Document } from 'yaml';
import { isCollection, isNode, isPair, isScalar, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { nearest } from './live-names.ts';

export type Json = z.core.util.JSONType;

export interface YamlFile {
  /** As slipway.yaml names it. */
  readonly path: string;
  readonly value: unknown;
  /** `file:line:column` of the value at this path, or of the nearest thing around it that stands in the file. */
  place(path: readonly PropertyKey[]): string;
  /** The same of the key that leads to it. */
  placeOfKey(path: readonly PropertyKey[]): string;
}

const sizeLimitChars = 2 * 1024 * 1024;

export async function readYamlFile(root: string, path: string, remedy: string): Promise<YamlFile> {
  return parseYamlFile(path, await readText(root, path, remedy));
}

export async function readText(root: string, path: string, remedy: string): Promise<string> {
  try {
    return await readFile(join(root, path), 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
    const details = { noun: 'file', name: join(root, path), remedy };
    throw new SlipwayError('not_found', details, { cause: error });
  }
}

/** YAML 1.2 with anchors and merge keys. */
export function parseYamlFile(path: string, text: string): YamlFile {
  if (text.length > sizeLimitChars)
    throw wrongFile(path, `it has ${text.length} characters, more than ${sizeLimitChars}`);
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { merge: true, prettyErrors: false, lineCounter });
  const at = (offset: number): string => {
    const { line, col } = lineCounter.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  const [error] = document.errors;
  if (error) throw wrongFile(at(error.pos[0]), error.message);
  return {
    path,
    value: valueOf(path, document),
    place: (keys) => at(offsetOf(document, keys).value),
    placeOfKey: (keys) => at(offsetOf(document, keys).key),
  };
}

function valueOf(path: string, document: Document): unknown {
  try {
    return document.toJS();
  } catch (error) {
    // Anchors that stand for more than a file could hold.
    throw wrongFile(path, error instanceof Error ? error.message : String(error));
  }
}

/** A value has a place of its own, a missing key that of the mapping it is missing from. */
function offsetOf(document: Document, keys: readonly PropertyKey[]): { readonly key: number; readonly value: number } {
  let node: unknown = document.contents;
  let value = 0;
  let key = 0;
  const start = (found: unknown): number | undefined => (isNode(found) ? found.range?.[0] : undefined);
  value = start(node) ?? 0;
  for (const name of keys) {
    if (!isCollection(node) || typeof name === 'symbol') break;
    const pair = node.items.find(
      (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(name),
    );
    const next: unknown = isPair(pair) ? pair.value : node.get(name, true);
    key = (isPair(pair) ? start(pair.key) : start(next)) ?? value;
    // What a mapping lacks is looked for where the mapping's own key stands.
    value = isCollection(next) ? key : (start(next) ?? value);
    node = next;
  }
  return { key, value };
}

export const wrongFile = (place: string, problem: string): SlipwayError =>
  new SlipwayError(
    'resource_invalid',
    { kind: 'file', name: place, problem },
    { message: `${place}: ${problem.replace(/(?<![.?])$/, '.')}` },
  );

/**
 * The first complaint of a schema about a part of a file (`base` is where the part stands), in one sentence: place, path,
 * problem, and how many more there are.
 */
export function complaint(file: YamlFile, base: readonly PropertyKey[], error: z.ZodError): SlipwayError {
  const issues = error.issues.map((issue) => deepest(issue, []));
  const [first] = issues;
  const path = [...base, ...(first?.path ?? [])];
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : '';
  const text = `${path.length === 0 ? '' : `${path.map(String).join('.')}: `}${first?.problem ?? 'wrong shape'}${more}`;
  return wrongFile(first?.key === undefined ? file.place(path) : file.placeOfKey([...path, first.key]), text);
}

interface Found {
  readonly path: readonly PropertyKey[];
  readonly problem: string;
  /** A key that should not be there. */
  readonly key?: string;
}

/** A union fails in each of its branches; the branch that got furthest is the one that was meant. */
function deepest(issue: z.core.$ZodIssue, lead: readonly PropertyKey[]): Found {
  const path = [...lead, ...issue.path];
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const branches = issue.errors.flatMap((errors) => errors.slice(0, 1).map((inner) => deepest(inner, path)));
    const ranked = branches.sort((a, b) => b.path.length - a.path.length);
    const [best] = ranked;
    if (best !== undefined && best.path.length > path.length) return best;
    const reasons = [...new Set(branches.map((b) => b.problem))];
    if (reasons.length > 0) return { path, problem: reasons.join(', or ') };
  }
  if (issue.code === 'unrecognized_keys') {
    const [key = ''] = issue.keys;
    return { path, problem: `"${key}" is not known here`, key };
  }
  if (issue.code === 'invalid_key') return { path, problem: issue.issues[0]?.message ?? issue.message };
  if (issue.code === 'invalid_type' && issue.message.endsWith('received undefined'))
    return { path, problem: 'it is missing' };
  return { path, problem: issue.message.replace(/^Invalid input: /, '') };
}

/** An unknown key with the one that was perhaps meant. */
export function withMeant(error: z.ZodError, known: readonly string[]): string {
  const [issue] = error.issues;
  if (issue?.code !== 'unrecognized_keys' || issue.path.length > 0) return '';
  const meant = nearest(issue.keys[0] ?? '', known);
  return meant === undefined ? '' : ` Did you mean "${meant}"?`;
}
