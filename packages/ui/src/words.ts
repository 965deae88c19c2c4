/** Numbers, times and ids as the console writes them. */
/** Narrow, and never at the end of a line. */
const thin = '\u202f';

export function count(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, thin);
}

/** `0.7736`; `—` where there is none. */
export function decimals(value: number | null | undefined, digits = 3): string {
  return value === null || value === undefined || Number.isNaN(value) ? 'not set' : value.toFixed(digits);
}

export function signed(value: number | null | undefined, digits = 3): string {
  if (value === null || value === undefined) return 'not set';
  return `${value >= 0 ? '+' : '\u2212'}${Math.abs(value).toFixed(digits)}`;
}

export function percent(share: number, digits = 0): string {
  return `${(share * 100).toFixed(digits)} %`;
}

/** Four digits of a number of any size: `0.01234`, `312.4`, `4 208`. */
export function figure(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return 'not set';
  if (Math.abs(value) >= 10_000) return `${value < 0 ? '\u2212' : ''}${count(Math.abs(value))}`;
  const text = String(Number(value.toPrecision(4)));
  return text.startsWith('-') ? `\u2212${text.slice(1)}` : text;
}

/** A difference of such numbers. */
export const signedFigure = (value: number | null | undefined): string =>
  typeof value === 'number' && value >= 0 ? `+${figure(value)}` : figure(value);

export function bytes(size: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  let value = size;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? count(value) : value.toPrecision(3)} ${units[unit] ?? ''}`;
}

/** `57 µs`, `6.4 ms`. */
export const latency = (us: number): string => (us < 1000 ? `${count(Math.round(us))} µs` : `${figure(us / 1000)} ms`);

export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const s = ms / 1000;
  if (s < 60) return `${s.toFixed(1)} s`;
  const minutes = Math.floor(s / 60);
  const rest = (n: number, unit: string): string => (n === 0 ? '' : ` ${n} ${unit}`);
  if (minutes < 60) return `${minutes} min${rest(Math.floor(s % 60), 's')}`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h${rest(minutes % 60, 'min')}` : `${Math.floor(hours / 24)} d`;
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const two = (n: number): string => String(n).padStart(2, '0');

/** The reader's choice, kept on the root element by frame/preferences.ts. */
const isLocal = (): boolean => typeof document !== 'undefined' && document.documentElement.dataset['zone'] === 'local';

/** The zone that times are shown in: `UTC`, or `Europe/Berlin` of a reader who asked for local times. */
export const zoneWord = (): string => (isLocal() ? Intl.DateTimeFormat().resolvedOptions().timeZone : 'UTC');

interface Reading {
  readonly year: number;
  readonly month: number;
  readonly date: number;
  readonly hours: number;
  readonly minutes: number;
  readonly seconds: number;
}

/** The instant on the calendar and clock of the chosen zone. */
function readingOf(at: number): Reading {
  const d = new Date(at);
  if (isLocal())
    return {
      year: d.getFullYear(),
      month: d.getMonth(),
      date: d.getDate(),
      hours: d.getHours(),
      minutes: d.getMinutes(),
      seconds: d.getSeconds(),
    };
  return {
    year: d.getUTCFullYear(),
    month: d.getUTCMonth(),
    date: d.getUTCDate(),
    hours: d.getUTCHours(),
    minutes: d.getUTCMinutes(),
    seconds: d.getUTCSeconds(),
  };
}

export const yearOf = (at: number): number => readingOf(at).year;

/** `06:04`. */
export function clockTime(at: number): string {
  const { hours, minutes } = readingOf(at);
  return `${two(hours)}:${two(minutes)}`;
}

export function day(at: number): string {
  const { date, month } = readingOf(at);
  return `${date} ${months[month] ?? ''}`;
}

/** Within the day of `now` `14:32:08`, within its year `13 May 06:04`, else `13 May 2013`; in the chosen zone. */
export function instant(at: number, now: number = Date.now()): string {
  const d = readingOf(at);
  const n = readingOf(now);
  if (d.year !== n.year) return `${day(at)} ${d.year}`;
  if (d.month === n.month && d.date === n.date) return `${clockTime(at)}:${two(d.seconds)}`;
  return `${day(at)} ${clockTime(at)}`;
}

/** For titles: everything there is to say about an instant, in UTC first. */
export function fullInstant(at: number): string {
  const utc = new Date(at).toISOString().replace('T', ' ').replace('Z', ' UTC');
  return isLocal() ? `${utc}, ${day(at)} ${clockTime(at)} in ${zoneWord()}` : utc;
}

/** `2b6a2f558309…` of `sha256:2b6a…`, and the head of an id. */
export function short(text: string): string {
  const digest = /^sha256:([0-9a-f]{64})$/.exec(text)?.[1];
  if (digest !== undefined) return `${digest.slice(0, 4)}…${digest.slice(-2)}`;
  const id = /^([a-z]{3}_)([0-9a-z]{26})$/.exec(text);
  return id === null ? text : `${id[1] ?? ''}${(id[2] ?? '').slice(-8)}`;
}

export function plural(n: number, noun: string): string {
  return `${count(n)} ${noun}${n === 1 ? '' : 's'}`;
}
