/**
 * The error check: every place that throws a `SlipwayError` names a code of the catalogue and passes what the code's message
 * shows, and every code has a place that throws it. A missing detail would show as `?` to the person who needs it.
 *
 * Read by pattern, not by a compiler: details that are not an object literal, or that spread another one, are taken on trust.
 */
import { errorCatalogue } from '@slipway/contract';
import type { Problem } from './layers.ts';
import type { SourceFile } from './sources.ts';

export interface ErrorSite {
  readonly code: string;
  readonly line: number;
  /** Names of the details, or undefined where the text does not show them all. */
  readonly details: readonly string[] | undefined;
  /** True where a message of its own replaces the catalogue's. */
  readonly hasOwnMessage: boolean;
}

const texts: Readonly<Record<string, { readonly text: string }>> = errorCatalogue;

export function checkErrors(files: readonly SourceFile[]): Problem[] {
  const product = files.filter((f) => /^packages\/\w+\/src\/.*\.ts$/.test(f.path) && !f.path.endsWith('.test.ts'));
  const problems: Problem[] = [];
  for (const { path, text } of product) {
    for (const site of errorSites(text)) {
      const message = judgeSite(site);
      if (message !== undefined) problems.push({ path, line: site.line, message });
    }
  }
  const catalogue = 'packages/contract/src/errors.ts';
  const elsewhere = product.filter((f) => f.path !== catalogue).map((f) => f.text);
  for (const code of Object.keys(errorCatalogue)) {
    if (elsewhere.some((text) => text.includes(`'${code}'`))) continue;
    problems.push({ path: catalogue, line: 1, message: `nothing throws ${code}: remove the row` });
  }
  return problems;
}

function judgeSite({ code, details, hasOwnMessage }: ErrorSite): string | undefined {
  const row = texts[code];
  if (row === undefined) return `${code} is no code of the catalogue`;
  if (details === undefined || hasOwnMessage) return undefined;
  const wanted = [...row.text.matchAll(/\{(\w+)\}/g)].map((m) => m[1] ?? '');
  const missing = wanted.filter((name) => !details.includes(name));
  return missing.length === 0 ? undefined : `the message of ${code} shows {${missing.join('}, {')}}: pass it`;
}

export function errorSites(text: string): ErrorSite[] {
  const sites: ErrorSite[] = [];
  for (const match of text.matchAll(/new SlipwayError\(\s*'(\w+)'\s*(,|\))/g)) {
    const line = text.slice(0, match.index).split('\n').length;
    const code = match[1] ?? '';
    if (match[2] === ')') {
      sites.push({ code, line, details: [], hasOwnMessage: false });
      continue;
    }
    const start = match.index + match[0].length;
    const open = start + (/^\s*/.exec(text.slice(start))?.[0].length ?? 0);
    const end = text[open] === '{' ? closingOf(text, open) : undefined;
    const rest = end === undefined ? '' : text.slice(end + 1, end + 200);
    sites.push({
      code,
      line,
      details: end === undefined ? undefined : namesOf(text.slice(open + 1, end)),
      hasOwnMessage: /^,\s*\{[^}]*\bmessage\b/.test(rest),
    });
  }
  return sites;
}

/** Calls `visit` for each character that is not inside a string, with its depth of brackets; stops when told to. */
function eachCodeCharacter(text: string, from: number, visit: (at: number, depth: number) => 'on' | 'stop'): void {
  let depth = 0;
  let quote = '';
  for (let at = from; at < text.length; at++) {
    const c = text[at] ?? '';
    if (quote !== '') {
      if (c === '\\') at++;
      else if (c === quote) quote = '';
      continue;
    }
    if (c === "'" || c === '"' || c === '`') quote = c;
    if ('{[('.includes(c)) depth++;
    if ('}])'.includes(c)) depth--;
    if (visit(at, depth) === 'stop') return;
  }
}

function closingOf(text: string, open: number): number | undefined {
  let end: number | undefined;
  eachCodeCharacter(text, open, (at, depth) => {
    if (depth > 0) return 'on';
    end = at;
    return 'stop';
  });
  return end;
}

/** Names of an object literal's members, or undefined when one is spread. */
function namesOf(body: string): string[] | undefined {
  const parts: string[] = [];
  let from = 0;
  eachCodeCharacter(body, 0, (at, depth) => {
    if (depth === 0 && body[at] === ',') {
      parts.push(body.slice(from, at));
      from = at + 1;
    }
    return 'on';
  });
  parts.push(body.slice(from));
  const members = parts.map((part) => part.replaceAll(/\/\/.*$/gm, '').trim()).filter((part) => part !== '');
  if (members.some((member) => member.startsWith('...'))) return undefined;
  return members.map((member) => /^'?(\w+)/.exec(member)?.[1] ?? member);
}
