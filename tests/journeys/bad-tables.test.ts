/**
 * Tables as they come, given to `slipway init` on the command line: each ends in findings that are right, or in an error that
 * says what to do. A table of 2 GB is in `init-large.test.ts`.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { z } from 'zod';
import type { Answer } from './cli.ts';
import { run, sideBySide } from './cli.ts';
import { createRandom } from './garbage.ts';

const place = mkdtempSync(join(tmpdir(), 'slipway-bad-tables-'));
after(() => rmSync(place, { recursive: true, force: true }));

const limitMs = 120_000;
const random = createRandom(5);
const upTo = (n: number): number => Math.floor(random() * n);
const answer = (): string => (random() < 0.4 ? 'yes' : 'no');
const lines = (header: string, n: number, of: (i: number) => string): string =>
  `${header}\n${Array.from({ length: n }, (_, i) => of(i)).join('\n')}\n`;

interface BadTable {
  readonly name: string;
  readonly file?: string;
  readonly content: string | Uint8Array;
  readonly args?: readonly string[];
  /** What is printed, in the order of the lines. */
  readonly says: readonly RegExp[];
  /** Printed nowhere. */
  readonly not?: RegExp;
}

const plainRow = (): string => `${18 + upTo(60)},${(random() * 90).toFixed(2)},${answer()}`;

const good: readonly BadTable[] = [
  {
    name: 'wide: 600 columns',
    content: lines(`${Array.from({ length: 600 }, (_, i) => `f${i}`).join(',')},y`, 120, () =>
      [...Array.from({ length: 600 }, () => random().toFixed(3)), answer()].join(','),
    ),
    says: [/120 rows, 601 columns/, /y is one of two classes/, /features +600 columns/],
  },
  {
    name: 'tall: 300,000 rows',
    content: lines('age,fee,left', 300_000, plainRow),
    says: [/300,000 rows, 3 columns/, /features +2 columns: age, fee/],
  },
  {
    name: 'tiny: 50 rows',
    content: lines('age,fee,left', 50, plainRow),
    says: [/50 rows, 3 columns/, /few rows +50 rows to learn from and to judge on/],
  },
  {
    name: 'a column that is empty in every row',
    content: lines('age,nothing,left', 200, () => `${upTo(90)},,${answer()}`),
    says: [/features +1 column: age/, /left out +nothing: empty in every row/],
  },
  {
    name: '10,000 categories',
    content: lines('shop,km,late', 20_000, (i) => `s${i % 10_000},${upTo(90)},${answer()}`),
    args: ['--group', 'none'],
    says: [/20,000 rows/, /features +2 columns: shop, km/],
  },
  {
    name: 'mixed types',
    content: lines(
      'age,fee,left',
      200,
      (i) => `${i === 7 ? 'old' : upTo(90)},${i % 9 === 0 ? 'N/A' : upTo(90)},${answer()}`,
    ),
    says: [/"age": of 200 values 1 is no number, such as "old": now missing/, /"fee": N\/A means missing/],
  },
  {
    name: 'a byte order mark',
    content: `\uFEFF${lines('age,fee,left', 200, plainRow)}`,
    says: [/features +2 columns: age, fee/],
    not: /mended/,
  },
  {
    name: 'semicolons and decimal commas',
    content: lines('age;fee;left', 200, () => plainRow().replaceAll(',', ';').replaceAll('.', ',')),
    says: [/separated by semicolons/, /"fee" is written with decimal commas/, /features +2 columns: age, fee/],
  },
  {
    name: 'quotes, delimiters and line ends in values',
    content: lines('note,age,left', 200, (i) => `"said ""no"", then left\nfor ${i}",${upTo(90)},${answer()}`),
    says: [/200 rows, 3 columns/, /features +2 columns: note, age/],
  },
  {
    name: 'Latin-1',
    content: Buffer.from(
      lines('Größe,Stadt,left', 200, () => `${upTo(90)},${['Köln', 'Ulm'][upTo(2)]},${answer()}`),
      'latin1',
    ),
    says: [/is Latin-1/, /features +2 columns: Größe, Stadt/],
  },
  {
    name: 'UTF-16 without a mark',
    content: Buffer.from(lines('age,fee,left', 200, plainRow), 'utf16le'),
    says: [/is UTF-16/, /200 rows, 3 columns/],
  },
  {
    name: 'names twice in the header',
    content: lines('age,Age,,left', 200, () => `${upTo(90)},${upTo(9)},${upTo(7)},${answer()}`),
    says: [/"Age" is now "Age_2"/, /column 3 has no name: "column_3"/, /features +3 columns/],
  },
  {
    name: 'commas between thousands',
    content: lines(
      'revenue,visits,left',
      200,
      () =>
        `"${(1000 * upTo(9000)).toLocaleString('en-US')}.50","${(7 * upTo(9000)).toLocaleString('en-US')}",${answer()}`,
    ),
    says: [/"revenue" is written with commas between thousands/, /"visits" is written with/, /features +2 columns/],
  },
  {
    name: 'blanks around the target',
    content: lines('age,left', 200, (i) => `${upTo(90)},${['', ' '][i % 2]}${answer()}${['', '  '][upTo(2)]}`),
    says: [/"left": blanks around values are left out/, /left is one of two classes/],
  },
  {
    name: 'gzip under another name',
    file: 'packed.csv',
    content: gzipSync(lines('age,fee,left', 200, plainRow)),
    says: [/packed\.csv is packed with gzip/, /200 rows, 3 columns/],
  },
];

const refused: readonly BadTable[] = [
  { name: 'a header only', content: 'age,fee,left\n', says: [/a header and no rows.*age, fee, left/] },
  {
    name: 'no header',
    content: lines(plainRow(), 200, plainRow),
    says: [
      /seems to have no header: its first line, "\d+,[\d.]+,(yes|no)", looks like the rows below it\. Write a line/,
    ],
  },
  {
    name: 'one class',
    content: lines('age,left', 200, () => `${upTo(90)},no`),
    args: ['--target', 'left'],
    says: [/target "left" is "no" in all 200 rows.*Add rows of another outcome/],
  },
  {
    name: '10,000 classes',
    content: lines('km,shop', 20_000, (i) => `${upTo(90)},s${i % 10_000}`),
    args: ['--target', 'shop'],
    says: [/"shop" has 10,000 different texts in 20,000 rows, such as "s0": .*Group them first/],
  },
  {
    name: 'lines above the header',
    content: `Report\n2025-02-01\n\n${lines('age,fee,left', 200, plainRow)}`,
    says: [/its first line, "Report", has one value, and most lines have 3: .*Remove what stands above/],
  },
  {
    name: 'rows with a name that the header does not have',
    content: lines('age,fee,left', 200, (i) => `row ${i},${plainRow()}`),
    says: [/its first line, "age,fee,left", has 3 values, and most lines have 4: .*add the names that are missing/],
  },
  {
    name: 'blanks between values',
    content: lines('age fee left', 200, () => plainRow().replaceAll(',', ' ')),
    says: [/one column, "age fee left": .*separated by commas, semicolons, tabs or bars/],
  },
  { name: 'zero bytes', content: new Uint8Array(5000), says: [/it has a zero byte\. Known are CSV/] },
  {
    name: 'a workbook',
    content: Buffer.from('PK\u0003\u0004rest'),
    says: [/zip archive, as Excel workbooks are: .*save the sheet as CSV/],
  },
  { name: 'a web page', content: '<!DOCTYPE html>\n<html>sign in</html>\n', says: [/is a web page or XML/] },
  {
    name: 'a pointer',
    content: 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n',
    says: [/pointer of Git LFS.*git lfs pull/],
  },
  { name: 'carriage returns alone', content: 'a,b\r1,2\r3,4\r', says: [/carriage return alone: write line feeds/] },
];

function init({ name, file, content, args = [] }: BadTable): Promise<Answer> {
  const path = join(place, name.replaceAll(/\W+/g, '-'), file ?? 'table.csv');
  mkdirSync(dirname(path));
  writeFileSync(path, content);
  return run(['init', 'p', '--from', path, '--yes', '--dry-run', ...args], { env: { NO_COLOR: '1' }, limitMs });
}

test('tables that are mended, or used as they are', { timeout: 600_000 }, async (t) => {
  const answers = await sideBySide(good, 2, init);
  for (const [i, table] of good.entries())
    await t.test(table.name, () => {
      const { code, out, err } = answers[i] ?? { code: null, out: '', err: '' };
      assert.equal(code, 0, err);
      for (const said of table.says) assert.match(out, said);
      if (table.not !== undefined) assert.doesNotMatch(out, table.not);
    });
});

test('tables that are refused, with what to do', { timeout: 600_000 }, async (t) => {
  const answers = await sideBySide(refused, 2, init);
  for (const [i, table] of refused.entries())
    await t.test(table.name, () => {
      const { code, out, err } = answers[i] ?? { code: null, out: '', err: '' };
      assert.deepEqual([code, out], [1, '']);
      for (const said of table.says) assert.match(err, said);
    });
});

test('files of one table with different headers', async () => {
  const folder = join(place, 'months');
  mkdirSync(folder);
  writeFileSync(join(folder, 'a.csv'), lines('age,fee,left', 100, plainRow));
  writeFileSync(join(folder, 'b.csv'), 'age;price\n1;2\n');
  const { code, err } = await run(['init', 'p', '--from', folder, '--yes', '--dry-run'], { env: { NO_COLOR: '1' } });
  assert.equal(code, 1);
  assert.match(err, /b\.csv has other columns than a\.csv: it lacks fee, left; it has price, which a\.csv has not/);
});

test('as JSON, an error is one too', async () => {
  const path = join(place, 'empty.csv');
  writeFileSync(path, '');
  const { code, out, err } = await run(['init', 'p', '--from', path, '--yes', '--json'], { env: {} });
  assert.deepEqual([code, out], [1, '']);
  const { error } = z.object({ error: z.object({ message: z.string() }) }).parse(JSON.parse(err));
  assert.match(error.message, /is empty \(0 bytes\)/);
});
