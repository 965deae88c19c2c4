/**
 * Text tables as people have them: any of four delimiters, a byte order mark, Latin-1, a header with empty or repeated names.
 * Everything here is told from the bytes; what was told is said in the findings. Memory is constant for any size.
 */
import { isUtf8 } from 'node:buffer';
import { createReadStream, createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline as pipe } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { CommandFailure } from '../failure.ts';
import { mustBeLines, mustBeText, mustHaveHeader } from './first-lines.ts';

export type Encoding = 'utf-8' | 'windows-1252' | 'utf-16le' | 'utf-16be';

const headBytes = 1024 * 1024;
const recordsLooked = 200;
/** Share of records that must have as many values as the header. */
const regularShareMin = 0.8;
export const delimiters = [',', ';', '\t', '|'] as const;
export type Delimiter = (typeof delimiters)[number];

const refused = (message: string): CommandFailure => new CommandFailure('failed', message);

/** Reads the whole file. Throws where it is no text. */
export async function tellEncoding(path: string, shown: string): Promise<Encoding> {
  let isFirst = true;
  let isWhole = true;
  let rest: Buffer = Buffer.alloc(0);
  const chunks: AsyncIterable<Buffer> = createReadStream(path, { highWaterMark: headBytes });
  for await (const read of chunks) {
    const chunk = rest.length === 0 ? read : Buffer.concat([rest, read]);
    if (isFirst) {
      mustBeText(chunk, shown);
      const wide = tellUtf16(chunk);
      if (wide !== undefined) return wide;
    }
    isFirst = false;
    const nul = chunk.indexOf(0);
    if (nul >= 0) throw refused(`${shown} is no text table: it has a zero byte. ${knownKinds}`);
    const end = chunk.length - tornBytes(chunk);
    isWhole &&= isUtf8(chunk.subarray(0, end));
    rest = chunk.subarray(end);
  }
  return isWhole && rest.length === 0 ? 'utf-8' : 'windows-1252';
}

/** Bytes that tell UTF-16 where no mark does. */
const utf16Bytes = 2000;

/** By its mark, or by zeros that are half of the bytes, all on one side, as those of Western text are. */
function tellUtf16(chunk: Uint8Array): Encoding | undefined {
  if (chunk[0] === 0xff && chunk[1] === 0xfe) return 'utf-16le';
  if (chunk[0] === 0xfe && chunk[1] === 0xff) return 'utf-16be';
  const head = chunk.subarray(0, utf16Bytes);
  const zeros = [0, 0];
  for (const [i, byte] of head.entries()) if (byte === 0) zeros[i % 2] = (zeros[i % 2] ?? 0) + 1;
  const [high = 0, low = 0] = zeros;
  if (Math.max(high, low) * 2 < head.length * 0.9) return undefined;
  if (high === 0) return 'utf-16le';
  return low === 0 ? 'utf-16be' : undefined;
}

export const knownKinds =
  'Known are CSV (.csv, .tsv, .txt, also .gz), Parquet, JSON lines (.ndjson, .jsonl, .json), a folder of one of these, DuckDB and SQLite files, and postgres:// URLs.';

/** Bytes at the end that begin a character of which the rest is yet to come. */
function tornBytes(chunk: Buffer): number {
  for (let back = 1; back <= Math.min(3, chunk.length); back++) {
    const byte = chunk[chunk.length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? back : 0;
  }
  return 0;
}

export async function unzip(from: string, to: string, shown: string): Promise<void> {
  try {
    await pipe(createReadStream(from), createGunzip(), createWriteStream(to));
  } catch (error) {
    throw refused(
      `${shown} cannot be unpacked: ${error instanceof Error ? error.message : String(error)}. Unpack it first, or copy it again.`,
    );
  }
}

/** The same text in UTF-8, without a byte order mark. */
export async function toUtf8(from: string, to: string, encoding: Encoding): Promise<void> {
  const decoder = new TextDecoder(encoding);
  await pipe(
    createReadStream(from, { highWaterMark: headBytes }),
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) yield decoder.decode(chunk, { stream: true });
      yield decoder.decode();
    },
    createWriteStream(to),
  );
}

export interface TextShape {
  readonly delimiter: Delimiter;
  /** As they stand in the header line. */
  readonly header: readonly string[];
}

/** Delimiter and header of a UTF-8 file. Throws where there is none. */
export async function tellShape(path: string, shown: string): Promise<TextShape> {
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.alloc(headBytes);
    const { bytesRead } = await file.read(buffer, 0, headBytes, 0);
    const text = buffer.toString('utf8', 0, bytesRead).replace(/^\uFEFF/, '');
    mustBeLines(text, shown);
    const shape = shapeOf(text, bytesRead < headBytes);
    if (shape === undefined)
      throw refused(`${shown} is empty: a table has a line with the names of its columns, and rows below it.`);
    mustHaveHeader(shape.candidates, shown);
    return { delimiter: shape.delimiter, header: shape.header };
  } finally {
    await file.close();
  }
}

interface Candidate {
  readonly delimiter: Delimiter;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** `isWhole`: the text ends where the file ends. Undefined for text without a line. The first candidate is taken. */
function shapeOf(
  text: string,
  isWhole: boolean,
): (TextShape & { readonly candidates: readonly Candidate[] }) | undefined {
  if (text.trim() === '') return undefined;
  const ranked = delimiters
    .map((delimiter) => {
      const found = recordsOf(text, delimiter);
      const records = isWhole || found.length < 2 ? found : found.slice(0, -1);
      const [header = [], ...rows] = records;
      const regular = records.filter((record) => record.length === header.length).length / Math.max(1, records.length);
      return { delimiter, header, rows, regular, fits: header.length > 1 && regular >= regularShareMin };
    })
    .sort((a, b) => Number(b.fits) - Number(a.fits) || b.header.length - a.header.length || b.regular - a.regular);
  const [best] = ranked;
  if (best === undefined) return undefined;
  return { delimiter: best.delimiter, header: best.header.map((name) => name.trim()), candidates: ranked };
}

/** The first records of a text, quotes heeded. */
function recordsOf(text: string, delimiter: Delimiter): string[][] {
  const records: string[][] = [];
  let record: string[] = [];
  let value = '';
  let isQuoted = false;
  for (let i = 0; i < text.length && records.length < recordsLooked; i++) {
    const c = text[i];
    if (isQuoted) {
      if (c !== '"') value += c;
      else if (text[i + 1] === '"') value += text[++i];
      else isQuoted = false;
    } else if (c === '"' && value === '') isQuoted = true;
    else if (c === delimiter) {
      record.push(value);
      value = '';
    } else if (c === '\n') {
      record.push(value.replace(/\r$/, ''));
      if (record.length > 1 || record[0] !== '') records.push(record);
      [record, value] = [[], ''];
    } else value += c;
  }
  if (records.length < recordsLooked && (record.length > 0 || value !== '')) records.push([...record, value]);
  return records;
}

/** Names that differ whatever their case, none of them empty or one that the platform uses itself; with what was changed. */
export function usableNames(
  header: readonly string[],
  isReserved: (name: string) => boolean,
): { readonly names: readonly string[]; readonly changed: readonly string[] } {
  const taken = new Set<string>();
  const given = new Set(header.map((name) => name.toLowerCase()));
  const changed: string[] = [];
  const names = header.map((written, i) => {
    const plain = printable(written).trim();
    const wanted =
      plain === ''
        ? `column_${i + 1}`
        : isReserved(plain) || plain.startsWith('~')
          ? `own_${plain.replace(/^[~_]+/, '')}`
          : plain;
    let name = wanted;
    for (let n = 2; taken.has(name.toLowerCase()) || (n > 2 && given.has(name.toLowerCase())); n++)
      name = `${wanted}_${n}`;
    taken.add(name.toLowerCase());
    if (name !== written)
      changed.push(written === '' ? `column ${i + 1} has no name: "${name}"` : `"${written}" is now "${name}"`);
    return name;
  });
  return { names, changed };
}

const printable = (name: string): string => name.replaceAll(/\p{Cc}+/gu, ' ');

/** A value of a row as it stands in a CSV file; bytes in hexadecimal digits. */
export function csvValue(value: unknown): string {
  const text = textOf(value);
  return /[",\r\n]/.test(text) || text !== text.trim() ? `"${text.replaceAll('"', '""')}"` : text;
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : '';
}
