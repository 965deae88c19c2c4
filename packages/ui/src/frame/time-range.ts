/**
 * The stretch of time that a page looks at: `range=7d` up to now, or `from` and `to` as the fields of a form have them, in
 * UTC. It lives in the address and is carried from page to page by the menu.
 */
import { useMemo } from 'react';
import { useLocation, useSearchParams } from 'react-router';
import { day, instant, yearOf } from '../words.ts';
import { base, placeOfAddress, to } from './places.ts';

const hourMs = 3_600_000;

export const presets = [
  { key: '24h', word: 'Last 24 h', ms: 24 * hourMs },
  { key: '7d', word: 'Last 7 d', ms: 168 * hourMs },
  { key: '30d', word: 'Last 30 d', ms: 720 * hourMs },
] as const;

/** Parts of the address that say the range. */
export const rangeKeys = ['range', 'from', 'to'] as const;

export interface TimeRange {
  /** What the control says. */
  readonly word: string;
  /** Of a range that ends now. */
  readonly lastMs: number | undefined;
  /** Of a range that was chosen by its ends; either may be open. */
  readonly from: number | undefined;
  readonly to: number | undefined;
}

const allTime: TimeRange = { word: 'All time', lastMs: undefined, from: undefined, to: undefined };

/** `2026-11-21T18:04` is UTC, whatever the zone of the page: the form says so. */
function ofField(text: string | null): number | undefined {
  if (text === null || text === '') return undefined;
  const at = Date.parse(text.endsWith('Z') ? text : `${text}Z`);
  return Number.isNaN(at) ? undefined : at;
}

export const toField = (at: number): string => new Date(at).toISOString().slice(0, 16);

export function rangeOf(params: URLSearchParams): TimeRange {
  const [from, until] = [ofField(params.get('from')), ofField(params.get('to'))];
  if (from !== undefined || until !== undefined)
    return { word: betweenWord(from, until), lastMs: undefined, from, to: until };
  const preset = presets.find(({ key }) => key === params.get('range'));
  return preset === undefined ? allTime : { ...allTime, word: preset.word, lastMs: preset.ms };
}

function betweenWord(from: number | undefined, until: number | undefined): string {
  if (from === undefined) return `Until ${instant(until ?? 0)}`;
  if (until === undefined) return `Since ${instant(from)}`;
  const isOneYear = yearOf(from) === yearOf(until);
  return `${day(from)}${isOneYear ? '' : ` ${yearOf(from)}`} to ${day(until)} ${yearOf(until)}`;
}

export interface Bounds {
  readonly from?: number;
  readonly to?: number;
}

/** The ends of a range. One that ends with the newest thing is measured back from there: replayed data is of any year. */
export function boundsOf({ lastMs, from, to: until }: TimeRange, newestAt: number): Bounds {
  if (lastMs !== undefined) return { from: newestAt - lastMs };
  return { ...(from === undefined ? {} : { from }), ...(until === undefined ? {} : { to: until }) };
}

export const isWithin = (at: number, { from, to: until }: Bounds): boolean =>
  (from === undefined || at >= from) && (until === undefined || at <= until);

export function useTimeRange(): TimeRange {
  const [params] = useSearchParams();
  return rangeOf(params);
}

/** For lists of what happened on this server: measured back from when the range was chosen, so that a list does not move. */
export function useBounds(): Bounds {
  const [params] = useSearchParams();
  const text = rangeKeys.map((key) => params.get(key) ?? '').join(' ');
  return useMemo(() => boundsOf(rangeOf(params), Date.now()), [text]);
}

/** An endpoint's charts have a window of their own, a day unless chosen: they are never of all time. */
export function endpointRange(pathname: string, params: URLSearchParams): TimeRange | undefined {
  if (placeOfAddress(pathname)?.path !== to.endpoints) return undefined;
  const range = rangeOf(params);
  if (range.lastMs !== undefined || range.from !== undefined) return range;
  const hours = Math.round((Number(params.get('window')) || 24 * hourMs) / hourMs);
  const word = hours <= 24 ? `Last ${hours} h` : `Last ${hours / 24} d`;
  return { ...range, word, lastMs: hours * hourMs };
}

/** Whether a page at this address looks at a stretch of time. */
export function hasRange(address: string): boolean {
  const pathname = address.replace(/\/$/, '');
  if (pathname === base) return true;
  const place = placeOfAddress(pathname)?.path;
  if (place === to.ledger || place === to.experiments) return pathname === place;
  return (place === to.endpoints || place === to.monitors) && pathname !== place && !pathname.includes('/rollouts/');
}

/** Keeps the range on the way to another place that looks at one. */
export function useCarried(): (path: string) => string {
  const { search } = useLocation();
  return useMemo(() => {
    const now = new URLSearchParams(search);
    const kept = new URLSearchParams(rangeKeys.flatMap((key) => (now.has(key) ? [[key, now.get(key) ?? '']] : [])));
    const suffix = kept.toString();
    return (path) => (suffix === '' || !hasRange(path) ? path : `${path}?${suffix}`);
  }, [search]);
}
