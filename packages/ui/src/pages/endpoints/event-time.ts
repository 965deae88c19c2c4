/** Event times: replayed data is of any year, so the year stands in the caption and the time of day in the cell. */
import { day } from '../../words.ts';

const two = (n: number): string => String(n).padStart(2, '0');

/** `14 Jun 05:10` in UTC, whatever the year. */
export function eventTime(at: number): string {
  const d = new Date(at);
  return `${day(at)} ${two(d.getUTCHours())}:${two(d.getUTCMinutes())}`;
}

/** `14 Jun 2013 05:10 to 15 Jun 17:40`. */
export function span(from: number, to: number): string {
  const [a, b] = [new Date(from), new Date(to)];
  const isSameYear = a.getUTCFullYear() === b.getUTCFullYear();
  return `${eventTime(from)}${isSameYear ? '' : ` ${a.getUTCFullYear()}`} to ${eventTime(to)} ${b.getUTCFullYear()}`;
}

/** The form that `<input type="datetime-local">` takes, in UTC. */
export const toField = (at: number): string => new Date(at).toISOString().slice(0, 16);

export function ofField(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const at = Date.parse(text.endsWith('Z') ? text : `${text}Z`);
  return Number.isNaN(at) ? undefined : at;
}
