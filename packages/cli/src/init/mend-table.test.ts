/** The next file of an awkward shape becomes the table that the first one became, or is refused with what to do. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { sqlText } from '@slipway/server/analytics';
import { CommandFailure } from '../failure.ts';
import { loadTable } from './load-table.ts';
import type { MendRecipe } from './mend-recipe.ts';
import { readRecipe, recipeText } from './mend-recipe.ts';
import { mendTable } from './mend-table.ts';
import { openScratch } from './scratch.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-mend-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const head = 'Kunde;Größe;Betrag;Betrag;;seit;Ort';
const january = Array.from(
  { length: 60 },
  (_, i) =>
    `k${i};${i % 7};${i},5${i % 10};${i % 9 === 0 ? 'NA' : `1.${100 + i},25`};${i % 2};${10 + (i % 19)}.01.2026;${i % 11 === 0 ? 'NA' : 'Köln'}`,
);
const latin = (text: string): Buffer => Buffer.from(text, 'latin1');

/** The recipe as it stands in the project's file, read again. */
async function recipeOf(path: string): Promise<MendRecipe> {
  await using scratch = await openScratch();
  const { recipe } = await loadTable(scratch, { from: path });
  assert(recipe !== undefined, 'the table had to be mended');
  writeFileSync(join(folder, 'mend.yaml'), recipeText({ dataset: 'kunden', ...recipe }, 'kunden.csv'));
  return readRecipe(folder, 'mend.yaml');
}

async function mend(recipe: MendRecipe, path: string) {
  await using scratch = await openScratch();
  const to = join(folder, 'out.parquet');
  const mended = await mendTable(scratch, recipe, path, to);
  const relation = `read_parquet(${sqlText(to)})`;
  const types = await scratch.rows(
    `select column_name AS name, column_type AS type from (describe select * from ${relation})`,
  );
  return {
    ...mended,
    types: types.map(({ name, type }) => `${String(name)} ${String(type)}`),
    first: await scratch.one(`select * replace (seit::varchar AS seit) from ${relation}`),
  };
}

const types = [
  'Kunde VARCHAR',
  'Größe BIGINT',
  'Betrag DOUBLE',
  'Betrag_2 DOUBLE',
  'column_5 BIGINT',
  'seit DATE',
  'Ort VARCHAR',
];

test('the recipe is short, and says what was mended', async () => {
  const recipe = await recipeOf(file('kunden.csv', latin([head, ...january].join('\n'))));
  assert.equal(
    recipeText(recipe, 'kunden.csv').split('\n').slice(2).join('\n'),
    `dataset: kunden
delimiter: ";"
columns:
  Kunde: VARCHAR
  "Größe": BIGINT
  Betrag: { type: DOUBLE, decimal: comma }
  Betrag_2: { type: DOUBLE, decimal: comma, missing: ["NA"] }
  column_5: BIGINT
  seit: { type: DATE, format: "%d.%m.%Y" }
  Ort: { type: VARCHAR, missing: ["NA"] }
`,
  );
});

const row = 'k1;3;12,50;1.234,75;1;28.02.2026;Köln';
const accepted: readonly (readonly [string, string | Uint8Array, object])[] = [
  ['february.csv', latin(`${head}\n${row}\n`), { Betrag: 12.5, Betrag_2: 1234.75, seit: '2026-02-28', Ort: 'Köln' }],
  ['utf8.csv', `\uFEFF${head}\r\n${row}\r\n`, { Größe: 3n, Ort: 'Köln' }],
  ['packed.csv.gz', gzipSync(latin(`${head}\n${row}\n`)), { column_5: 1n }],
  ['utf16.txt', Buffer.from(`\uFEFF${head}\n${row}\n`, 'utf16le'), { Betrag: 12.5 }],
  ['gaps.csv', `${head}\nk1;;;NA;;;NA\n`, { Größe: null, Betrag: null, Betrag_2: null, seit: null, Ort: null }],
  ['whole.csv', `${head}\nk1;3;12;1.234;1;01.03.2026;Köln\n`, { Betrag: 12, Betrag_2: 1234 }],
  [
    'order.csv',
    'Ort;seit;Kunde;Größe;;Betrag;Betrag\nKöln;01.03.2026;k1;3;1;2,5;3,5\n'.replace(';;', ';column_5;'),
    { Betrag: 2.5, Betrag_2: 3.5 },
  ],
];

test('files of the same shape become the same table', async () => {
  const recipe = await recipeOf(file('kunden.csv', latin([head, ...january].join('\n'))));
  for (const [name, content, values] of accepted) {
    const mended = await mend(recipe, file(name, content));
    assert.deepEqual(mended.types, types, name);
    assert.equal(mended.rowCount, 1, name);
    for (const [column, value] of Object.entries(values))
      assert.equal(mended.first[column], value, `${name} ${column}`);
  }
  const more = await mend(recipe, file('more.csv', `${head};Rabatt\n${row};5\n`));
  assert.deepEqual(more.types, types);
  assert.match(more.notes.join('\n'), /left out, since mend\.yaml does not name them: Rabatt/);
  const odd = await mend(recipe, file('odd.csv', [head, ...january, 'k;1;etwa 5;1,5;1;01.01.2026;Ulm'].join('\n')));
  assert.match(odd.notes.join('\n'), /"Betrag": 1 value is no number, such as "etwa 5": now missing/);
});

const refused: readonly (readonly [string, string, RegExp])[] = [
  [
    'commas.csv',
    `${head.replaceAll(';', ',')}\nk,1,2,3,1,2026-01-01,Ulm\n`,
    /separated by commas, and mend\.yaml says semicolons/,
  ],
  [
    'fewer.csv',
    'Kunde;Größe;Betrag\nk;1;2,5\n',
    /fewer\.csv lacks Betrag_2, column_5, seit, Ort; it has Kunde, Größe, Betrag\./,
  ],
  [
    'points.csv',
    `${head}\n${row.replace('12,50', '12.50')}\n`,
    /1 of 1 value of "Betrag" are no numbers with decimal commas, such as "12\.50"\. Mend them in the file, or change the column in mend\.yaml/,
  ],
  ['fraction.csv', `${head}\n${row.replace(';3;', ';3,5;')}\n`, /of "Größe" are no BIGINT, such as "3,5"/],
  [
    'date.csv',
    `${head}\n${row.replace('28.02.2026', '02/28/2026')}\n`,
    /of "seit" are no dates written like %d\.%m\.%Y, such as "02\/28\/2026"/,
  ],
  ['ragged.csv', `${head}\n${row}\n${row};x\n`, /ragged\.csv, line 3: 8 values where the header has 7 names/],
  ['empty.csv', '', /is empty/],
];

test('files of another shape are refused with the value and what to do', async () => {
  const recipe = await recipeOf(file('kunden.csv', latin([head, ...january].join('\n'))));
  for (const [name, content, says] of refused)
    await assert.rejects(
      mend(recipe, file(name, content)),
      (error: unknown) => error instanceof CommandFailure && says.test(error.message),
      name,
    );
});

test('a recipe that is wrong is told with its place', async () => {
  const wrong = async (text: string): Promise<string> => {
    writeFileSync(join(folder, 'wrong.yaml'), text);
    return readRecipe(folder, 'wrong.yaml').then(() => '', String);
  };
  assert.match(await wrong('dataset: k\ndelimiter: ";"\ncolumns: { a: "INT); drop" }\n'), /wrong\.yaml:3:.*columns\.a/);
  assert.match(await wrong('dataset: k\ncolumns: { a: DATE }\n'), /delimiter/);
  assert.match(await wrong('dataset: k\ndelimiter: ";"\ncolumns: {}\n'), /names no column/);
  await assert.rejects(readRecipe(folder, 'nowhere.yaml'), /slipway init writes it/);
});
