/** What a feature set comes to, in figures and words. */
import type { FeatureService, FeatureSet, FeatureState } from '@slipway/contract';
import type { Status } from '../../components/status.tsx';
import { duration } from '../../words.ts';

export const stateStatus: Readonly<Record<FeatureState['status'], Status>> = {
  ready: { tone: 'ok', word: 'Ready' },
  filling: { tone: 'run', word: 'Filling' },
  empty: { tone: 'idle', word: 'Empty' },
  failed: { tone: 'bad', word: 'Failed' },
};

/** Instants of events are long past or yet to come as often as today: always with their year and zone. */
export function eventInstant(ms: number): string {
  return new Date(Math.floor(ms))
    .toISOString()
    .replace('T', ' ')
    .replace(/(?::00)?\.000Z$/, '')
    .replace('Z', '');
}

export const isoOf = (ms: number): string => new Date(Math.floor(ms)).toISOString().replace('.000Z', 'Z');

/** `3 h 0 min` of each `10800000000us` in an expression, in its order. */
export function spansOf(expression: string): readonly string[] {
  return [...expression.matchAll(/\b(\d+)us\b/g)].map(([, us]) => wordsOf(Number(us) / 1000));
}

/** The expression with its spans as people say them: `rate(late) over 3 h`. */
export const spokenExpression = (expression: string): string =>
  expression.replaceAll(/\b(\d+)us\b/g, (_, us: string) => wordsOf(Number(us) / 1000));

function wordsOf(ms: number): string {
  const days = ms / 86_400_000;
  const hours = ms / 3_600_000;
  if (days >= 2 && Number.isInteger(days)) return `${days} d`;
  return Number.isInteger(hours) ? `${hours} h` : duration(ms);
}

export function rowsIn({ sources }: FeatureState): number {
  return Object.values(sources).reduce((n, s) => n + s.rows, 0);
}

export interface Input {
  readonly name: string;
  readonly type: string;
  readonly isKey: boolean;
}

/** Entity keys, then request inputs; the definition says which is which. */
export function inputsOf({ inputs, definition }: FeatureSet): readonly Input[] {
  const { entities } = definition;
  const keys = new Set(typeof entities === 'object' && entities !== null ? Object.keys(entities) : []);
  return inputs.map(({ name, type }) => ({ name, type, isKey: keys.has(name) }));
}

/** Services that share no digest differ in something that their values depend on. */
export const servicesThatHave = (services: readonly FeatureService[], source: string): readonly string[] =>
  services.filter((s) => s.features.some((f) => f.source === source)).map((s) => s.name);

export type Cell = string | number | boolean | null;
export type Read = { readonly value: Cell } | { readonly problem: string } | undefined;

/** What was typed, as the input's type wants it; nothing typed is nothing sent. */
export function cellOf({ type }: Input, text: string): Read {
  const typed = text.trim();
  if (typed === '') return undefined;
  if (type === 'int' || type === 'float') {
    const value = Number(typed);
    if (Number.isNaN(value) || (type === 'int' && !Number.isInteger(value)))
      return { problem: type === 'int' ? 'This must be a whole number.' : 'This is not a number.' };
    return { value };
  }
  if (type === 'bool') {
    if (typed !== 'true' && typed !== 'false') return { problem: 'true or false' };
    return { value: typed === 'true' };
  }
  if (type === 'time' && Number.isNaN(Date.parse(typed)) && !/^\d+$/.test(typed))
    return { problem: 'An instant such as 2013-04-02T13:00:00Z.' };
  return { value: type === 'time' && /^\d+$/.test(typed) ? Number(typed) : typed };
}
