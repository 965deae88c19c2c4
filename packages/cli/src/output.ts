/** What commands print: text for people, one JSON value for programs (`--json`), messages and progress on standard error. */
import { styleText } from 'node:util';

export interface Output {
  readonly json: boolean;
  /** The command's result: `text` for people, `value` for `--json`. */
  result(value: unknown, text: () => string): void;
  /** A line about what is going on; never part of the result. */
  note(line: string): void;
  /** Replaces the current line in a terminal; otherwise prints a line when the text changes enough to matter. */
  progress(line: string): void;
  endProgress(): void;
}

type Style = Parameters<typeof styleText>[0];

/** Colours, where the stream is a terminal and NO_COLOR is not set. */
export const paint = (style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string =>
  styleText(style, text, { stream });

/** Without a terminal, what is going on is said at most this often. */
const quietProgressMs = 10_000;

export function createOutput(options: { readonly json: boolean }): Output {
  const live = process.stderr.isTTY === true && !options.json;
  let shown = '';
  let saidAt = performance.now();
  const clear = (): void => {
    if (live && shown !== '') process.stderr.write('\r\x1b[2K');
    shown = '';
  };
  return {
    json: options.json,
    result: (value, text) => {
      clear();
      const body = options.json ? JSON.stringify(value, null, 2) : text();
      if (body !== '') process.stdout.write(body.endsWith('\n') ? body : `${body}\n`);
    },
    note: (line) => {
      clear();
      process.stderr.write(`${line}\n`);
    },
    progress: (line) => {
      if (live) {
        clear();
        const width = (process.stderr.columns ?? 100) - 1;
        shown = line.slice(0, width);
        process.stderr.write(shown);
      } else if (!options.json && performance.now() - saidAt > quietProgressMs) {
        saidAt = performance.now();
        process.stderr.write(`${line}\n`);
      }
    },
    endProgress: clear,
  };
}

// Colour codes take no room on the screen.
// oxlint-disable-next-line no-control-regex
const visible = (text: string): number => text.replaceAll(/\x1b\[[0-9;]*m/g, '').length;

/** One line, and no control characters but our colours: names come from other people. */
const oneLine = (cell: string): string =>
  // oxlint-disable-next-line no-control-regex
  cell.replaceAll(/\s+/g, ' ').replaceAll(/[\x00-\x1a\x1c-\x1f\x7f\u202a-\u202e]|\x1b(?!\[[0-9;]*m)/g, '\ufffd');

/** Columns padded to their widest cell; the last one is not padded. */
export function table(head: readonly string[], cells: readonly (readonly string[])[]): string {
  const rows = cells.map((row) => row.map(oneLine));
  const widths = head.map((h, i) => Math.max(visible(h), ...rows.map((r) => visible(r[i] ?? ''))));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (i === cells.length - 1 ? cell : cell + ' '.repeat((widths[i] ?? 0) - visible(cell))))
      .join('  ')
      .trimEnd();
  return [line(head.map((h) => paint('dim', h))), ...rows.map(line)].join('\n');
}

export function count(n: number, noun: string): string {
  return `${n.toLocaleString('en-US')} ${noun}${n === 1 ? '' : 's'}`;
}

export function bytes(n: number): string {
  if (n < 1024) return `${n} B`;
  if (n < 1024 ** 2) return `${(n / 1024).toFixed(0)} kB`;
  if (n < 1024 ** 3) return `${(n / 1024 ** 2).toFixed(1)} MB`;
  return `${(n / 1024 ** 3).toFixed(2)} GB`;
}

export function seconds(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** An instant in the zone of this machine (or of TZ), with its offset, to the second. `--json` has milliseconds UTC. */
export function instant(ms: number): string {
  const at = new Date(ms);
  const two = (n: number): string => String(n).padStart(2, '0');
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  const offset = -at.getTimezoneOffset();
  if (offset === 0) return `${day} ${time}Z`;
  const size = Math.abs(offset);
  return `${day} ${time}${offset < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

export const shortDigest = (digest: string): string => digest.replace(/^sha256:([0-9a-f]{12}).*$/, '$1');
