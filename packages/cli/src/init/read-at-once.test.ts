/** Large text tables are read in one pass or in two, by what later rows hold; either way the table is the same. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { sqlText } from '@slipway/server/analytics';
import { readTextTable } from './read-text-table.ts';
import { openScratch } from './scratch.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-at-once-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const headRows = 2000;
const rows = 4000;
/** The row that is unlike the first ones. */
const late = 3500;

async function read(path: string, largeFromBytes: number) {
  await using scratch = await openScratch();
  const to = join(scratch.folder, 'table.parquet');
  const table = await readTextTable(scratch, { paths: [path], to, headRows, largeFromBytes });
  const values = await scratch.rows(`select * from read_parquet(${sqlText(to)})`);
  return { table, values, hasTwoPasses: existsSync(join(scratch.folder, 'texts.parquet')) };
}

interface Column {
  readonly name: string;
  readonly usual: (i: number) => string;
  readonly late?: string;
  readonly hasTwoPasses: boolean;
}

const day = (i: number): string => `${1 + (i % 28)}.0${1 + (i % 9)}.2025`;
const columns: readonly Column[] = [
  { name: 'whole numbers', usual: String, hasTwoPasses: false },
  { name: 'whole numbers, later a fraction', usual: String, late: '1.5', hasTwoPasses: true },
  { name: 'whole numbers, later a code', usual: (i) => String(1 + i), late: '007', hasTwoPasses: true },
  { name: 'whole numbers, later a marker', usual: String, late: 'NA', hasTwoPasses: true },
  { name: 'numbers and a marker', usual: (i) => (i % 9 === 0 ? 'NA' : `${i}.5`), hasTwoPasses: false },
  {
    name: 'numbers and a marker, later another',
    usual: (i) => (i % 9 === 0 ? 'NA' : `${i}.5`),
    late: '?',
    hasTwoPasses: true,
  },
  {
    name: 'numbers and a marker, later a blank',
    usual: (i) => (i % 9 === 0 ? 'NA' : `${i}.5`),
    late: ' ',
    hasTwoPasses: false,
  },
  { name: 'numbers and an odd one', usual: (i) => (i === 5 ? 'five' : `${i}.5`), hasTwoPasses: true },
  {
    name: 'commas between thousands',
    usual: (i) => `"${(i * 731).toLocaleString('en-US')}.50"`,
    hasTwoPasses: true,
  },
  {
    name: 'numbers and a marker, later thousands',
    usual: (i) => (i % 9 === 0 ? 'NA' : `${i}.5`),
    late: '"1,234.5"',
    hasTwoPasses: true,
  },
  { name: 'decimal commas', usual: (i) => `"${i},25"`, hasTwoPasses: false },
  { name: 'decimal commas, later a code', usual: (i) => `"${i},25"`, late: '007', hasTwoPasses: true },
  { name: 'decimal commas, later a blank', usual: (i) => `"${i},25"`, late: ' ', hasTwoPasses: true },
  { name: 'truths', usual: (i) => String(i % 2 === 0), hasTwoPasses: false },
  { name: 'truths, later a word', usual: (i) => String(i % 2 === 0), late: 'maybe', hasTwoPasses: true },
  { name: 'days', usual: day, hasTwoPasses: false },
  { name: 'days, later a marker', usual: day, late: 'NA', hasTwoPasses: true },
  { name: 'days, later a word', usual: day, late: 'soon', hasTwoPasses: true },
  { name: 'instants', usual: (i) => `2025-01-01 10:${10 + (i % 50)}`, hasTwoPasses: false },
  { name: 'nothing', usual: () => '', hasTwoPasses: false },
  { name: 'nothing, later something', usual: () => '', late: '1', hasTwoPasses: true },
  { name: 'words', usual: (i) => `w${i % 9}`, hasTwoPasses: false },
  { name: 'words and blanks', usual: (i) => `w${i % 9} `, hasTwoPasses: false },
  { name: 'words, later a blank', usual: (i) => `w${i % 9}`, late: ' w1', hasTwoPasses: true },
  { name: 'words that begin with digits', usual: (i) => `${i} Main Street`, hasTwoPasses: false },
  { name: 'words, then numbers', usual: (i) => (i < 300 ? 'w' : String(i)), hasTwoPasses: false },
  { name: 'words, then enough numbers', usual: (i) => (i < 150 ? 'w' : String(i)), late: 'NA', hasTwoPasses: true },
];

for (const { name, usual, late: odd, hasTwoPasses } of columns) {
  test(`${name}: ${hasTwoPasses ? 'two passes' : 'one pass'}`, async () => {
    const path = join(folder, 'table.csv');
    const lines = Array.from(
      { length: rows },
      (_, i) => `${odd !== undefined && i === late ? odd : usual(i)},${i % 7}`,
    );
    writeFileSync(path, ['x,n', ...lines].join('\n'));
    const [once, twice] = [await read(path, 0), await read(path, Infinity)];
    assert.deepEqual([once.hasTwoPasses, twice.hasTwoPasses], [hasTwoPasses, true]);
    assert.deepEqual(once.table, twice.table);
    assert.deepEqual(once.values, twice.values);
    assert.equal(once.values.length, rows);
  });
}

test('a marker among words means missing once it does so among numbers, however late', async () => {
  const path = join(folder, 'markers.csv');
  const line = (i: number): string => `${i % 9 === 0 ? 'NA' : i},${i === late ? 'NA' : `w${i % 4}`}`;
  writeFileSync(path, ['n,word', ...Array.from({ length: rows }, (_, i) => line(i))].join('\n'));
  const [once, twice] = [await read(path, 0), await read(path, Infinity)];
  assert.deepEqual(once, { ...twice, hasTwoPasses: true });
  assert.match(once.table.mended.join(), /"word": NA means missing/);
});

test('a line with too many values is told with its number, wherever it stands', async () => {
  const path = join(folder, 'ragged.csv');
  for (const [odd, said] of [
    [[7], /^ragged\.csv, line 9: 3 values where the header has 2 names: "1,2,3"\. Quote/],
    [[late], /line 3502: 3 values/],
    [[7, late], /line 9: .* \(and 1 more line\)/],
  ] as const) {
    const isOdd = new Set<number>(odd);
    const lines = Array.from({ length: rows }, (_, i) => (isOdd.has(i) ? '1,2,3' : `${i},w`));
    writeFileSync(path, ['n,word', ...lines].join('\n'));
    await assert.rejects(read(path, 0), { message: said });
    await assert.rejects(read(path, Infinity), { message: said });
  }
});
