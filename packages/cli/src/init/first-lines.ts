/** What the first bytes and lines of a file say that is no table, or none with a header: named, with what to do. */
import { CommandFailure } from '../failure.ts';

const signatures: readonly { readonly bytes: readonly number[]; readonly said: string }[] = [
  {
    bytes: [0x50, 0x4b, 3, 4],
    said: 'a zip archive, as Excel workbooks are: unpack it, or save the sheet as CSV',
  },
  { bytes: [0xd0, 0xcf, 0x11, 0xe0], said: 'an old Excel workbook: save the sheet as CSV' },
  { bytes: [0x42, 0x5a, 0x68], said: 'packed with bzip2: unpack it first' },
  { bytes: [0xfd, 0x37, 0x7a, 0x58], said: 'packed with xz: unpack it first' },
  { bytes: [0x28, 0xb5, 0x2f, 0xfd], said: 'packed with zstd: unpack it first' },
  { bytes: [0x25, 0x50, 0x44, 0x46], said: 'a PDF document: a table of text is wanted, such as CSV' },
];

const beginsWith = (head: Uint8Array, bytes: readonly number[]): boolean => bytes.every((byte, i) => head[i] === byte);

export const isGzip = (head: Uint8Array): boolean => beginsWith(head, [0x1f, 0x8b]);

/** Throws for files of other programs. */
export function mustBeText(head: Uint8Array, shown: string): void {
  const found = signatures.find(({ bytes }) => beginsWith(head, bytes));
  if (found !== undefined) throw new CommandFailure('failed', `${shown} is ${found.said}.`);
}

/** Throws for text that is no table. */
export function mustBeLines(text: string, shown: string): void {
  const refuse = (said: string): never => {
    throw new CommandFailure('failed', `${shown} ${said}`);
  };
  if (/^\s*<(!doctype|html|\?xml)/i.test(text))
    refuse('is a web page or XML, not a table: was a sign-in page saved in its place?');
  if (text.startsWith('version https://git-lfs.github.com/'))
    refuse('is a pointer of Git LFS, not the file itself: run `git lfs pull` first.');
  if (!text.includes('\n') && text.trimEnd().includes('\r'))
    refuse("has lines that end with a carriage return alone: write line feeds instead (`tr '\\r' '\\n'`).");
}

/** Lines below the first that must be there before anything is concluded. */
const rowsMin = 10;
const usualShareMin = 0.8;
const numericShareMin = 0.95;
const charactersShown = 80;

interface Lines {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** `candidates` are the same lines, cut at different delimiters; the first is the one that is taken. Throws. */
export function mustHaveHeader(candidates: readonly Lines[], shown: string): void {
  const [taken] = candidates;
  if (taken === undefined) return;
  const first = JSON.stringify(taken.header.join(',').slice(0, charactersShown));
  const names = taken.header.length;
  const usual = (names > 1 ? [taken] : candidates).map(usualLength).find((length) => length !== undefined);
  if (usual !== undefined && usual > names)
    throw new CommandFailure(
      'failed',
      `${shown}: its first line, ${first}, has ${names === 1 ? 'one value' : `${names} values`}, and most lines have ${usual}: the first line is to name every column. Remove what stands above it, or add the names that are missing.`,
    );
  if (looksLikeRow(taken))
    throw new CommandFailure(
      'failed',
      `${shown} seems to have no header: its first line, ${first}, looks like the rows below it. Write a line with the names of the columns above it.`,
    );
}

/** How many values most lines have, where that is more than one. */
function usualLength({ rows }: Lines): number | undefined {
  const counts = new Map<number, number>();
  for (const row of rows) {
    // A delimiter at the end of a line begins no value.
    const length = row.at(-1) === '' ? row.length - 1 : row.length;
    counts.set(length, (counts.get(length) ?? 0) + 1);
  }
  const [length, n] = [...counts].sort((a, b) => b[1] - a[1])[0] ?? [0, 0];
  return length > 1 && rows.length >= rowsMin && n >= rows.length * usualShareMin ? length : undefined;
}

const isNumber = (text: string): boolean => /^[-+]?(\d+([.,]\d+)*|\.\d+)$/.test(text.trim());

/**
 * Numbers above numbers, and words that are values of their own column. A word above numbers is a name; numbers that count
 * up, as years or the columns of a matrix do, are names too.
 */
function looksLikeRow({ header, rows }: Lines): boolean {
  const numbers = header.filter(isNumber).map(Number);
  const isCounting = numbers.length > 1 && numbers.every((n, i) => i === 0 || n === (numbers[i - 1] ?? 0) + 1);
  if (rows.length < rowsMin || header.length < 2 || isCounting) return false;
  let alike = 0;
  for (const [i, name] of header.entries()) {
    const values = rows.flatMap((row) => (row[i] === undefined || row[i].trim() === '' ? [] : [row[i].trim()]));
    const isNumeric = values.length > 0 && values.filter(isNumber).length >= values.length * numericShareMin;
    if (isNumeric && !isNumber(name)) return false;
    if (isNumeric || values.includes(name.trim())) alike++;
  }
  return alike * 2 >= header.length;
}
