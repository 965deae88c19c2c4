/** CSV as pandas writes it: comma, double quotes, a header line; blank lines are skipped, and these words are missing values. */
import { badRequest } from './errors.ts';

/** Fields that pandas reads as missing. */
const missing = new Set([
  '',
  '#N/A',
  '#N/A N/A',
  '#NA',
  '-1.#IND',
  '-1.#QNAN',
  '-NaN',
  '-nan',
  '1.#IND',
  '1.#QNAN',
  '<NA>',
  'N/A',
  'NA',
  'NULL',
  'NaN',
  'None',
  'n/a',
  'nan',
  'null',
]);

export interface CsvTable {
  readonly names: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
}

/** A record's fields; undefined at a blank line. */
function readRecord(text: string, start: number): { readonly fields: string[] | undefined; readonly next: number } {
  const fields: string[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|\n|\r|$)/y;
  let at = start;
  for (;;) {
    field.lastIndex = at;
    const found = field.exec(text);
    if (found === null) throw badRequest(`The CSV has a stray or open quote after character ${at}.`);
    fields.push(found[1]?.replaceAll('""', '"') ?? found[2] ?? '');
    at = field.lastIndex;
    if (found[3] === ',') continue;
    const isBlank = fields.length === 1 && found[1] === undefined && found[2] === '';
    return { fields: isBlank ? undefined : fields, next: at };
  }
}

/** Throws a refusal that names the row. `rowsMax` bounds the work. */
export function readCsv(text: string, rowsMax: number): CsvTable {
  let at = text.startsWith('\uFEFF') ? 1 : 0;
  let names: readonly string[] | undefined;
  const rows: (readonly (string | null)[])[] = [];
  while (at < text.length) {
    const { fields, next } = readRecord(text, at);
    at = next;
    if (fields === undefined) continue;
    if (names === undefined) {
      names = fields;
      continue;
    }
    if (fields.length !== names.length) {
      throw badRequest(`CSV row ${rows.length + 1} has ${fields.length} fields; the header has ${names.length}.`);
    }
    rows.push(fields.map((value) => (missing.has(value) ? null : value)));
    if (rows.length > rowsMax) throw badRequest(`The CSV has more than ${rowsMax} rows, the most of one request.`);
  }
  if (names === undefined) throw badRequest('The CSV is empty; it must have a header line and rows.');
  return { names, rows };
}
