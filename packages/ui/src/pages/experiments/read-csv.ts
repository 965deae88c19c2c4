/** The first rows of a CSV or TSV file (RFC 4180: quotes doubled, line ends within quotes), for looking at. */
export interface CsvTable {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** True where the file goes on. */
  readonly isCut: boolean;
}

export function readCsv(text: string, separator: ',' | '\t', rowsMax: number): CsvTable {
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = '';
  let isQuoted = false;
  const source = text.startsWith('\ufeff') ? text.slice(1) : text;
  let at = 0;
  const endRow = (): void => {
    row.push(cell);
    rows.push(row);
    row = [];
    cell = '';
  };
  for (; at < source.length && rows.length <= rowsMax; at++) {
    const char = source.charAt(at);
    if (isQuoted) {
      if (char !== '"') cell += char;
      else if (source.charAt(at + 1) === '"') {
        cell += '"';
        at++;
      } else isQuoted = false;
    } else if (char === '"' && cell === '') isQuoted = true;
    else if (char === separator) {
      row.push(cell);
      cell = '';
    } else if (char === '\n') endRow();
    else if (char !== '\r' || source.charAt(at + 1) !== '\n') cell += char;
  }
  const isCut = at < source.length;
  if (!isCut && (cell !== '' || row.length > 0)) endRow();
  const [head = [], ...body] = rows;
  return { head, rows: body.slice(0, rowsMax), isCut: isCut || body.length > rowsMax };
}
