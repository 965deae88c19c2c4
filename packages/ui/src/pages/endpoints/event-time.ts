/** Event times: replayed data is of any year, so the year stands in the caption and the time of day in the cell. */
import { clockTime, day, yearOf } from '../../words.ts';

/** `14 Jun 05:10`, whatever the year. */
export const eventTime = (at: number): string => `${day(at)} ${clockTime(at)}`;

/** `14 Jun 2013 05:10 to 15 Jun 17:40`. */
export function span(from: number, to: number): string {
  const isSameYear = yearOf(from) === yearOf(to);
  return `${eventTime(from)}${isSameYear ? '' : ` ${yearOf(from)}`} to ${eventTime(to)} ${yearOf(to)}`;
}

/** The form that `<input type="datetime-local">` takes, in UTC. */
export const toField = (at: number): string => new Date(at).toISOString().slice(0, 16);

export function ofField(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const at = Date.parse(text.endsWith('Z') ? text : `${text}Z`);
  return Number.isNaN(at) ? undefined : at;
}
