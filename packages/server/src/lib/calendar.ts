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
const quarterMs = 900_000;
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

/**
 * Local time minus UTC, in milliseconds, remembered per day of UTC. Since 1970 no zone has changed its clock twice within six
 * days, so that a day with one offset at both ends has it throughout; on the others, and before 1970, it is remembered per
 * quarter of an hour: clocks change on those.
 */
function offsetsOf(zone: string): (at: number) => number {
  if (zone === 'UTC') return () => 0;
  const offsetAt = zoneOffset(zone);
  const days = new Map<number, number>();
  const quarters = new Map<number, number>();
  const ofDay = (day: number): number => {
    const offset = offsetAt(day * dayMs);
    return day >= 0 && offset === offsetAt((day + 1) * dayMs) ? offset : Number.NaN;
  };
  return (at) => {
    const day = Math.floor(at / dayMs);
    const offset = remember(days, day, ofDay);
    return Number.isNaN(offset)
      ? remember(quarters, Math.floor(at / quarterMs), (quarter) => offsetAt(quarter * quarterMs))
      : offset;
  };
}

const rememberedMax = 100_000;

function remember(known: Map<number, number>, key: number, offsetOf: (key: number) => number): number {
  let offset = known.get(key);
  if (offset === undefined) {
    offset = offsetOf(key);
    if (known.size > rememberedMax) known.clear();
    known.set(key, offset);
  }
  return offset;
}
