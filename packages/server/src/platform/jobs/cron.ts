/**
 * Ticks of a cron expression: five fields, in an IANA time zone. Across daylight saving: a time of day that the clock skips
 * ticks once, as much later as it skipped; one that comes twice ticks at its first coming; an hourly pattern ticks in every
 * real hour.
 */
import { Cron } from 'croner';
import { SlipwayError } from '@slipway/contract';

export interface CronSpec {
  readonly cron: string;
  /** IANA name, such as `Europe/Berlin`. */
  readonly timeZone: string;
}

/** The first tick after the instant. Throws `schedule_invalid`, also when no tick ever comes. */
export function nextTick(spec: CronSpec, afterMs: number): number {
  const value = `${spec.cron} ${spec.timeZone}`;
  if (spec.cron.trim().split(/\s+/).length !== 5) {
    throw new SlipwayError('schedule_invalid', { value, problem: 'it does not have five fields' });
  }
  let next: Date | null;
  try {
    next = new Cron(spec.cron, { timezone: spec.timeZone, mode: '5-part', paused: true }).nextRun(new Date(afterMs));
  } catch (error) {
    throw new SlipwayError('schedule_invalid', { value, problem: (error as Error).message }, { cause: error });
  }
  if (next === null) throw new SlipwayError('schedule_invalid', { value, problem: 'no date fits it' });
  return next.getTime();
}

/** The ticks in (after, until], the newest `limit` of them, how many older ones that left out, and the tick that follows. */
export function ticksBetween(
  spec: CronSpec,
  range: { readonly firstAt: number; readonly untilMs: number; readonly limit: number },
): { readonly ticks: readonly number[]; readonly skipped: number; readonly nextAt: number } {
  const ticks: number[] = [];
  let skipped = 0;
  let at = range.firstAt;
  while (at <= range.untilMs) {
    ticks.push(at);
    if (ticks.length > range.limit) {
      ticks.shift();
      skipped += 1;
    }
    at = nextTick(spec, at);
  }
  return { ticks, skipped, nextAt: at };
}
