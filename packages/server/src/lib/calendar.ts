/**
 * Windows of wall-clock time: which hour, day, week (Monday first) or month of a time zone an instant belongs to.
 * Instants are milliseconds since 1970 UTC; a day has 23 or 25 hours where the clock changes, a window still begins at
 * local midnight. Zones are IANA names, as the runtime's own tables know them.
 */
import assert from 'node:assert';
import { zoneOffset } from './zone-offset.ts';

export const windowKinds = ['hour', 'day', 'week', 'month'] as const;
export type WindowKind = (typeof windowKinds)[number];

export interface TimeWindow {
  readonly from: number;
  /** First instant after the window. */
  readonly to: number;
}

export interface Calendar {
  /** The window that holds the instant. */
  windowAt(at: number): TimeWindow;
  /** Days since 1970-01-01 of the local date: a key for rows of one day. */
  dayOf(at: number): number;
}

const dayMs = 86_400_000;
const hourMs = 3_600_000;
/** 1970-01-01 was a Thursday: the Monday before it is three days earlier. */
const mondayOffset = 3;

export function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

/** @param zone an IANA name that `isTimeZone` accepts. */
export function createCalendar(kind: WindowKind, zone: string): Calendar {
  const offsetAt = offsetsOf(zone);
  /** The instant at which a local clock shows this; the earlier one where it shows it twice, the jump where never. */
  const instantOf = (local: number): number => {
    const first = local - offsetAt(local - dayMs);
    if (first + offsetAt(first) === local) return first;
    const second = local - offsetAt(local + dayMs);
    return second + offsetAt(second) === local ? second : Math.max(first, second);
  };
  const localStart = (local: number): number => {
    const day = Math.floor(local / dayMs);
    switch (kind) {
      case 'hour':
        return Math.floor(local / hourMs) * hourMs;
      case 'day':
        return day * dayMs;
      case 'week':
        return (day - ((((day + mondayOffset) % 7) + 7) % 7)) * dayMs;
      case 'month': {
        const date = new Date(day * dayMs);
        return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
      }
    }
  };
  const localNext = (start: number): number => {
    const date = new Date(start);
    switch (kind) {
      case 'hour':
        return start + hourMs;
      case 'day':
        return start + dayMs;
      case 'week':
        return start + 7 * dayMs;
      case 'month':
        return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
    }
  };
  return {
    windowAt: (at) => {
      if (kind === 'hour') {
        const from = at - ((((at + offsetAt(at)) % hourMs) + hourMs) % hourMs);
        return { from, to: from + hourMs };
      }
      const start = localStart(at + offsetAt(at));
      const window = { from: instantOf(start), to: instantOf(localNext(start)) };
      assert.ok(window.from <= at && at < window.to);
      return window;
    },
    dayOf: (at) => Math.floor((at + offsetAt(at)) / dayMs),
  };
}

/** Local time minus UTC, in milliseconds, remembered per quarter of an hour: clocks change on those. */
function offsetsOf(zone: string): (at: number) => number {
  if (zone === 'UTC') return () => 0;
  const offsetAt = zoneOffset(zone);
  const quarterMs = 900_000;
  const known = new Map<number, number>();
  return (at) => {
    const quarter = Math.floor(at / quarterMs);
    let offset = known.get(quarter);
    if (offset === undefined) {
      offset = offsetAt(quarter * quarterMs);
      if (known.size > 100_000) known.clear();
      known.set(quarter, offset);
    }
    return offset;
  };
}
