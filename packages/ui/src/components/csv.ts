/**
 * CSV by RFC 4180: comma, CRLF, quotes doubled. A cell that a spreadsheet would run as a formula gets an apostrophe before
 * it; plain numbers stay numbers, also negative ones. Missing values are empty.
 */
export type CsvValue = string | number | boolean | null | undefined;

export interface Sheet {
  readonly head: readonly string[];
  readonly rows: readonly (readonly CsvValue[])[];
}

/** What a spreadsheet takes for the start of a formula, in narrow and full-width form. */
const formulaStart = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;
const plainNumber = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

function cellOf(value: CsvValue): string {
  if (value === null || value === undefined) return '';
  const text = String(value);
  const safe = formulaStart.test(text) && !plainNumber.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function csvOf({ head, rows }: Sheet): string {
  return [head, ...rows].map((row) => `${row.map(cellOf).join(',')}\r\n`).join('');
}
