/** Tables as people have them, read and decided upon; what cannot be used is refused by its name, its value and a remedy. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { sqlText } from '@slipway/server/analytics';
import { CommandFailure } from '../failure.ts';
import { planRules } from './expectations.ts';
import type { Findings } from './findings.ts';
import type { Answers } from './inspect-table.ts';
import { inspectTable } from './inspect-table.ts';
import type { LoadRequest } from './load-table.ts';
import { loadTable } from './load-table.ts';
import { projectFiles, projectPaths } from './project-files.ts';
import { refusesQuestions, takesProposals } from './questions.ts';
import { mixedSample } from './sample.ts';
import type { Scratch } from './scratch.ts';
import { openScratch } from './scratch.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-tables-'));
after(() => rmSync(folder, { recursive: true, force: true }));

type Cells = Readonly<Record<string, string | number | boolean>>;
const rows = (n: number, of: (i: number) => Cells): Cells[] => Array.from({ length: n }, (_, i) => of(i));

function csv(table: readonly Cells[], delimiter = ','): string {
  const names = Object.keys(table[0] ?? {});
  return [names, ...table.map((row) => names.map((name) => String(row[name] ?? '')))]
    .map((line) => line.join(delimiter))
    .join('\n');
}

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function look(
  request: string | LoadRequest,
  answers: Answers = {},
  use: (scratch: Scratch, findings: Findings, parquet: string) => Promise<void> = async () => undefined,
): Promise<Findings> {
  await using scratch = await openScratch();
  const table = await loadTable(scratch, typeof request === 'string' ? { from: request } : request);
  const findings = await inspectTable({ scratch, table, project: 'p', answers, asker: takesProposals });
  await use(scratch, findings, table.parquet);
  return findings;
}

const role = ({ columns }: Findings, name: string): string | undefined =>
  columns.find((column) => column.name === name)?.role;
const type = ({ columns }: Findings, name: string): string | undefined =>
  columns.find((column) => column.name === name)?.type;

/** Deterministic and without a pattern that matters here. */
const noise = (i: number): number => ((i * 7919 + 13) % 1009) / 1009;
const plain = rows(200, (i) => ({
  id: `c${i}`,
  age: 20 + (i % 50),
  city: ['Bonn', 'Köln', 'Ulm'][i % 3] ?? '',
  fee: (noise(i) * 100).toFixed(2),
  churned: noise(i * 31) < 0.3 ? 'yes' : 'no',
}));

test('a table of customers: task, positive class, left-out id, files', async () => {
  const found = await look(
    file('customers.csv', csv(plain)),
    { target: 'churned' },
    async (scratch, findings, parquet) => {
      const rules = await planRules(scratch, findings, parquet);
      assert(rules.some(({ column, yaml }) => column === 'fee' && /min_value: 0, max_value: \d+/.test(yaml)));
      const sample = await mixedSample(scratch, findings);
      assert.doesNotMatch(sample, /\bc\d+,/, 'names are made up');
      const files = projectFiles({
        findings,
        rules,
        sample,
        dataPath: '../customers.csv',
        isPython: false,
        recipe: undefined,
      });
      assert.deepEqual(
        files.map(({ path }) => path),
        projectPaths({ isPython: false }),
      );
      for (const { path, text } of files.filter((f) => f.path !== 'test/sample.csv'))
        assert(text.split('\n').length < 120, path);
    },
  );
  assert.equal(found.task, 'binary');
  assert.equal(found.positive, 'yes');
  assert.deepEqual(found.mended, []);
  assert.equal(role(found, 'id'), 'left-out');
  assert.equal(found.split.by, 'random');
  assert.deepEqual(found.costs, { falsePositive: 1, falseNegative: 1 });
  assert.deepEqual(found.suspected, []);
});

test('text tables of all sorts become the same table', async () => {
  const latin = csv(plain, ';').replaceAll('.', ',');
  const cases: readonly [string, string | Uint8Array, RegExp][] = [
    ['semicolons.csv', latin, /semicolons/],
    ['latin.csv', Buffer.from(latin, 'latin1'), /Latin-1/],
    ['tabs.tsv', csv(plain, '\t'), /tabs/],
    ['bars.txt', csv(plain, '|'), /bars/],
    ['utf16.csv', Buffer.from(`\uFEFF${csv(plain)}`, 'utf16le'), /UTF-16/],
    ['packed.csv.gz', gzipSync(csv(plain)), /gzip/],
  ];
  for (const [name, content, said] of cases) {
    const found = await look(file(name, content), { target: 'churned' });
    assert.match(found.mended.join('; '), said, name);
    assert.equal(found.rowCount, 200, name);
    assert.equal(type(found, 'fee'), 'DOUBLE', name);
    assert.deepEqual(found.classes, (await look(join(folder, 'customers.csv'), { target: 'churned' })).classes);
  }
  assert.deepEqual((await look(file('bom.csv', `\uFEFF${csv(plain)}`), { target: 'churned' })).mended, []);
});

test('names twice, names missing, markers, odd values', async () => {
  const table = plain.map(({ id, age, churned }, i) =>
    [id, i % 9 === 0 ? 'NA' : age, i === 5 ? 'abc' : i, i % 7 === 0 ? 'NA' : `w${i % 4}`, churned].join(','),
  );
  const found = await look(file('odd.csv', ['id,Age,age,,churned', ...table].join('\n')), { target: 'churned' });
  assert.deepEqual(
    found.columns.map(({ name }) => name),
    ['id', 'Age', 'age_2', 'column_4', 'churned'],
  );
  assert.equal(type(found, 'Age'), 'DOUBLE');
  assert.equal(type(found, 'age_2'), 'DOUBLE');
  const said = found.mended.join('\n');
  assert.match(said, /"Age": NA means missing/);
  assert.match(said, /"column_4": NA means missing, which is what it means among numbers/);
  assert.match(said, /"age_2": of 200 values 1 is no number, such as "abc": now missing/);
});

test('databases, folders, Parquet and JSON', async () => {
  const sqlite = join(folder, 'shop.db');
  const db = new DatabaseSync(sqlite);
  db.exec('create table people (id text, age integer, churned text); create table other (a integer)');
  for (const { id, age, churned } of plain)
    db.prepare('insert into people values (?, ?, ?)').run(String(id), Number(age), String(churned));
  db.close();
  const people = { from: sqlite, table: 'people' };
  assert.equal((await look(people, { target: 'churned' })).rowCount, 200);
  assert.equal(
    (await look({ from: sqlite, query: 'select * from people where age > 40;' }, { target: 'churned' })).source,
    'a query on shop.db',
  );
  await assert.rejects(look({ from: sqlite }), /2 tables: name one with --table\. It has: other, people/);
  await assert.rejects(look({ from: sqlite, table: 'peple' }), /did you mean "people"/);

  const [duck, parquet] = [join(folder, 'shop.duckdb'), join(folder, 'shop.parquet')];
  await look(join(folder, 'customers.csv'), { target: 'churned' }, async (scratch) => {
    await scratch.run(
      `copy rows to ${sqlText(parquet)} (format parquet); attach ${sqlText(duck)} as d; create table d.people as select * from rows; detach d`,
    );
  });
  assert.equal((await look({ from: duck }, { target: 'churned' })).source, 'table people of shop.duckdb');
  assert.equal((await look(parquet, { target: 'churned' })).rowCount, 200);
  const lines = file('people.jsonl', plain.map((row) => JSON.stringify(row)).join('\n'));
  assert.equal((await look(lines, { target: 'churned' })).rowCount, 200);
  assert.equal((await look(file('people.json', JSON.stringify(plain)), { target: 'churned' })).rowCount, 200);

  const months = join(folder, 'months');
  mkdirSync(months);
  for (const n of [1, 2]) file(`months/2025-0${n}.csv`, csv(plain));
  const twice = await look(months, { target: 'churned' });
  assert.equal(twice.rowCount, 400);
  assert.equal(twice.duplicateRows, 200);
  file('months/2025-03.csv', 'id,age\n1,2\n');
  await assert.rejects(look(months), /2025-03\.csv has other columns than 2025-01\.csv: it lacks city, fee, churned/);
});

test('what knows the answer, and what counts for nothing, is left out', async () => {
  const table = rows(2000, (i) => {
    const churned = noise(i * 31) < 0.3;
    return {
      id: i + 1,
      region: 'EU',
      empty: '',
      calls: Math.floor(noise(i * 17) * 9),
      refund: churned ? 5 + noise(i) : 0,
      cancelled: churned && i % 3 === 0 ? 'price' : '',
      days: churned ? noise(i * 5) : noise(i * 5) + 0.6,
      churned,
    };
  });
  const found = await look(file('leaks.csv', csv(table)), { target: 'churned' });
  assert.deepEqual(
    found.suspected.map(({ column }) => column),
    ['refund', 'cancelled'],
  );
  assert.match(found.suspected[1]?.reason ?? '', /only where the outcome is "true"/);
  assert.deepEqual(
    found.leftOut.map(({ column }) => column),
    ['id', 'region', 'empty'],
  );
  assert.equal(role(found, 'calls'), 'feature');
  // Not sure enough to be left out: somebody is told, and leaves it out by name.
  assert.deepEqual(
    found.strong.map(({ column }) => [column, role(found, column)]),
    [['days', 'feature']],
  );
  const without = await look(file('leaks.csv', csv(table)), { target: 'churned', drop: ['days', 'refund'] });
  assert.deepEqual([without.strong, role(without, 'days'), role(without, 'refund')], [[], 'left-out', 'left-out']);
});

test('rows with dates are split by time, rows of customers by customer', async () => {
  const day = (i: number): string =>
    new Date(Date.UTC(2025, 0, 1) + Math.floor(i / 2) * 86_400_000).toISOString().slice(0, 10);
  const table = rows(400, (i) => ({
    customer_id: `k${i % 80}`,
    ordered_on: day(i),
    km: Math.round(noise(i) * 90),
    price: (noise(i * 13) * 40 + i / 9).toFixed(3),
  }));
  const path = file('orders.csv', csv(table));
  const timed = await look(path, { target: 'price' });
  assert.deepEqual([timed.task, timed.split.by, timed.split.column], ['regression', 'time', 'ordered_on']);
  assert.deepEqual(
    timed.leftOut.map(({ column }) => column),
    ['ordered_on', 'customer_id'],
  );
  const grouped = await look(path, { target: 'price', time: 'none' });
  assert.deepEqual([grouped.split.by, grouped.split.column], ['group', 'customer_id']);
  const neither = await look(path, { target: 'price', time: 'none', group: 'none' });
  assert.equal(neither.split.by, 'random');
  await assert.rejects(look(path, { target: 'price', time: 'customer_id' }), /--time: "customer_id" is VARCHAR/);
  // The rarer class stands in the first rows only: the latest fifth would not have it.
  const early = rows(400, (i) => ({ ordered_on: day(i), km: i % 7, kind: i < 90 && i % 3 === 0 ? 'a' : 'b' }));
  const kinds = await look(file('early.csv', csv(early)), { target: 'kind' });
  assert.match(kinds.split.reason, /one side would have no row of class "a"/);
});

const spellings: readonly (readonly [name: string, spell: (year: number, month: string, day: string) => string])[] = [
  ['slashes, the year first', (y, m, d) => `${y}/${m}/${d}`],
  ['dots', (y, m, d) => `${d}.${m}.${y}`],
  ['the month first, with a time', (y, m, d) => `${Number(m)}/${Number(d)}/${y} 17:05`],
  ['the day first', (y, m, d) => `${d}/${m}/${y}`],
  ['in letters', (y, m, d) => `${d}-${['Jan', 'Feb', 'Mar', 'Apr'][Number(m) - 1] ?? ''}-${y}`],
];

test('dates are dates, however they are written, unless day and month could be either', async () => {
  const table = (spell: (year: number, month: string, day: string) => string, dayMax: number) =>
    rows(240, (i) => {
      const [month, day] = [1 + (Math.floor(i / 60) % 4), 1 + (i % dayMax)].map((n) => String(n).padStart(2, '0'));
      return { x: noise(i), when: spell(2020 + Math.floor(i / 100), month ?? '', day ?? ''), y: noise(i * 3) };
    });
  for (const [name, spell] of spellings) {
    const found = await look(file('spelt.csv', csv(table(spell, 28))), { target: 'y' });
    assert.deepEqual([found.split.by, found.split.column], ['time', 'when'], name);
    assert.match(found.mended.join(), /"when" is a date written like/, name);
  }
  const either = await look(file('either.csv', csv(table((y, m, d) => `${d}/${m}/${y}`, 12))), { target: 'y' });
  assert.equal(type(either, 'when'), 'VARCHAR');
  // Text in a typed file too; the server gets the copy that has dates.
  const lines = table((y, m, d) => `${y}/${m}/${d}`, 28).map((row) => JSON.stringify(row));
  const typed = await look(file('spelt.ndjson', lines.join('\n')), { target: 'y' });
  assert.equal(typed.split.by, 'time');
  assert.match(typed.mended.join(), /"when" is a date/);
});

test('a rare class that the latest rows lack is no reason to leave time', async () => {
  const kind = (i: number): string => (i < 12 ? 'snow' : i % 2 === 0 ? 'sun' : 'rain');
  const table = rows(300, (i) => ({
    day: new Date(Date.UTC(2025, 0, 1 + i)).toISOString().slice(0, 10),
    x: noise(i),
    kind: kind(i),
    cold: i < 12 ? 'yes' : 'no',
  }));
  const found = await look(file('rare-latest.csv', csv(table)), { target: 'kind', drop: ['cold'] });
  assert.deepEqual([found.split.by, found.split.column], ['time', 'day']);
  // Two classes are told apart only where both are.
  const two = await look(file('rare-latest.csv', csv(table)), { target: 'cold', drop: ['kind'] });
  assert.equal(two.split.by, 'random');
  assert.match(two.split.reason, /one side would have no row of class "yes"/);
});

test('fifty rows and ten thousand categories are usable', async () => {
  const few = await look(file('few.csv', csv(plain.slice(0, 50))), { target: 'churned' });
  assert.equal(few.rowCount, 50);
  const many = rows(20_000, (i) => ({ shop: `s${i % 10_000}`, km: i % 97, late: noise(i * 31) < 0.3 ? 1 : 0 }));
  const found = await look(file('many.csv', csv(many)), { target: 'late', group: 'none' });
  assert.equal(role(found, 'shop'), 'feature');
  await assert.rejects(
    look(file('many.csv', csv(many)), { target: 'shop' }),
    /"shop" has 10,000 different texts in 20,000 rows, such as "s0": more than 100 classes.*Group them first/,
  );
});

const refusals: readonly [string, string | Uint8Array, Answers, RegExp, 'failed' | 'usage'][] = [
  ['empty.csv', '', {}, /empty\.csv is empty \(0 bytes\)/, 'failed'],
  ['blank.csv', '\n\n', {}, /blank\.csv is empty: a table has a line/, 'failed'],
  ['header.csv', 'a,b,c\n', { target: 'c' }, /a header and no rows.*a, b, c/, 'failed'],
  ['one.csv', 'a\n1\n2\n', {}, /one column, "a"/, 'failed'],
  ['null.csv', `a,b\n${'1,\n'.repeat(60)}`, { target: 'b' }, /target "b" is empty in all 60 rows/, 'failed'],
  [
    'constant.csv',
    csv(plain.map((row) => ({ ...row, churned: 'no' }))),
    { target: 'churned' },
    /target "churned" is "no" in all 200 rows/,
    'failed',
  ],
  [
    'rare.csv',
    csv(plain.map((row, i) => ({ ...row, churned: i < 2 ? 'yes' : 'no' }))),
    { target: 'churned' },
    /class "yes" of the target "churned" has 2 rows: at least 5/,
    'failed',
  ],
  ['short.csv', csv(plain.slice(0, 12)), { target: 'churned' }, /12 of 12 rows have a value.*at least 30/, 'failed'],
  ['slip.csv', csv(plain), { target: 'chruned' }, /no column "chruned"\. Did you mean "churned"\?/, 'usage'],
  ['case.csv', csv(plain), { target: 'Churned' }, /Did you mean "churned"/, 'usage'],
  [
    'text.csv',
    csv(plain),
    { target: 'city', task: 'regression' },
    /--task regression: the target "city" is text/,
    'usage',
  ],
  [
    'ragged.csv',
    'a,b\n1,2\n3\n4,5,6\n',
    {},
    /ragged\.csv, line 3: 1 value where the header has 2 names: "3" \(and 1 more line\)/,
    'failed',
  ],
  ['quote.csv', 'a,b\n1,"x\n2,y\n', {}, /quote\.csv, line \d.*quote/i, 'failed'],
  ['rubbish.csv', Buffer.from([1, 2, 0, 255, 254, 3, 10, 0]), {}, /zero byte.*Known are CSV/, 'failed'],
  ['rubbish', Buffer.from([137, 80, 78, 71, 1, 2, 3, 4]), {}, /begins with bytes that are no text/, 'failed'],
  ['cut.parquet', Buffer.from('PAR1 and nothing more'), {}, /cut\.parquet cannot be read/, 'failed'],
  ['wrong.jsonl', '{"a": 1}\nnot json\n', {}, /wrong\.jsonl cannot be read/, 'failed'],
];

for (const [name, content, answers, said, exit] of refusals) {
  test(`refused: ${name}`, async () => {
    await assert.rejects(look(file(name, content), answers), (error) => {
      assert(error instanceof CommandFailure, String(error));
      assert.match(error.message, said);
      assert.equal(error.exit, exit);
      return true;
    });
  });
}

test('without a terminal a question is an error that names its option', async () => {
  await using scratch = await openScratch();
  const table = await loadTable(scratch, { from: join(folder, 'customers.csv') });
  const asked = inspectTable({ scratch, table, project: 'p', answers: {}, asker: refusesQuestions });
  await assert.rejects(
    asked,
    /no terminal to ask on: answer with --target \(proposed: churned\), or take every proposal with --yes/,
  );
});
