/** Readers of what people type: each answers a checked value, or says what was typed, what is allowed and an example. */
import { readFile, stat } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { Duration, namePattern, nameRule } from '@slipway/contract';
import { z } from 'zod';
import { CommandFailure } from './failure.ts';

export type Json = z.core.util.JSONType;

interface Range {
  readonly min: number;
  readonly max: number;
}

/** A whole number option. */
export function wholeNumber(name: string, range: Range): (typed: string) => number {
  return (typed) => {
    const value = typed.trim() === '' ? Number.NaN : Number(typed);
    if (!Number.isInteger(value) || value < range.min || value > range.max)
      throw usage(`${name} is "${shown(typed)}": it must be a whole number from ${range.min} to ${range.max}`);
    return value;
  };
}

/** A number option that may have a fraction. */
export function realNumber(name: string, range: Range): (typed: string) => number {
  return (typed) => {
    const value = typed.trim() === '' ? Number.NaN : Number(typed);
    if (!Number.isFinite(value) || value < range.min || value > range.max)
      throw usage(`${name} is "${shown(typed)}": it must be a number from ${range.min} to ${range.max}`);
    return value;
  };
}

/** The name of a dataset, a pipeline, an endpoint …: refused here, because the server would only say so later. */
export function nameOf(noun: string): (typed: string) => string {
  return (typed) => {
    if (!namePattern.test(typed)) throw usage(`"${shown(typed)}" cannot be the name of a ${noun}: ${nameRule}`);
    return typed;
  };
}

/** An id: any word without blanks. The server knows which ones exist. */
export function idOf(noun: string): (typed: string) => string {
  return (typed) => {
    if (!/^[\w.:@/-]{1,200}$/.test(typed)) throw usage(`"${shown(typed)}" is not the id of a ${noun}`);
    return typed;
  };
}

/** A model's version: its number, an alias, or `latest`. */
export function versionOf(typed: string): number | string {
  if (/^[1-9]\d{0,8}$/.test(typed)) return Number(typed);
  if (/^[A-Za-z_-][\w-]{0,254}$/.test(typed)) return typed;
  throw usage(`"${shown(typed)}" is no version: write its number, an alias such as champion, or latest`);
}

/** Milliseconds since 1970 UTC from an ISO 8601 instant with a zone, or from a number of milliseconds. */
export function instantOf(name: string): (typed: string) => number {
  return (typed) => {
    if (/^\d{1,16}$/.test(typed)) return Number(typed);
    const value = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d))?$/.test(typed)
      ? Date.parse(typed)
      : Number.NaN;
    if (Number.isNaN(value) || value < 0)
      throw usage(
        `${name} is "${shown(typed)}": write an instant with its zone, such as 2013-07-01T13:00:00Z, or a day (in UTC)`,
      );
    return value;
  };
}

/** A length of time such as 90s, 15m, 24h, 21d, 2w: checked here, sent as it is typed. */
export function lengthOf(name: string): (typed: string) => string {
  return (typed) => {
    if (!/^\d{1,9}(ms|s|m|h|d|w)$/.test(typed))
      throw usage(`${name} is "${shown(typed)}": write a number with a unit, such as 90s, 15m, 24h, 21d, 2w`);
    return typed;
  };
}

/** Of what `lengthOf` let through. */
export const lengthMs = (typed: string): number => Duration.parse(typed);

/** `name=value` pairs; values are JSON where they are JSON, and text otherwise. */
export function valuesOf(option: string, pairs: readonly string[]): Record<string, Json> {
  return Object.fromEntries(
    pairs.map((pair): [string, Json] => {
      const [name, value] = pairOf(option, pair);
      return [name, jsonOrText(value)];
    }),
  );
}

/** `name=text` pairs. */
export function textsOf(option: string, pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(pairs.map((pair) => pairOf(option, pair)));
}

function pairOf(option: string, pair: string): [string, string] {
  const at = pair.indexOf('=');
  if (at < 1) throw usage(`${option} "${shown(pair)}" is not name=value`);
  return [pair.slice(0, at), pair.slice(at + 1)];
}

function jsonOrText(value: string): Json {
  try {
    return z.json().parse(JSON.parse(value));
  } catch {
    return value;
  }
}

/** The JSON in a file, or on standard input for "-". Says which file, and where in it the JSON ends to be JSON. */
export async function readJsonFile(option: string, path: string): Promise<unknown> {
  if (path === '-' && process.stdin.isTTY === true)
    throw usage(`${option} - reads standard input, and nothing is piped into it`);
  // Node names no path when it reads a folder.
  if (path !== '-' && (await stat(path)).isDirectory()) throw usage(`${option} ${path} is a folder, not a file`);
  const content = path === '-' ? await text(process.stdin) : await readFile(path, 'utf8');
  const name = path === '-' ? 'standard input' : path;
  if (content.trim() === '') throw usage(`${name} is empty: it must hold JSON`);
  try {
    return JSON.parse(content);
  } catch (error) {
    throw usage(`${name} is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

export const usage = (message: string): CommandFailure => new CommandFailure('usage', message);

const shownChars = 80;
/** What was typed, short enough for one line. */
export const shown = (typed: string): string =>
  typed.length > shownChars ? `${typed.slice(0, shownChars)}… (${typed.length} characters)` : typed;
