import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { csvOf } from './csv.ts';

/** A reader of RFC 4180, for the tests alone. */
function parse(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let at = 0;
  while (at < text.length) {
    let cell = '';
    if (text[at] === '"') {
      at++;
      while (text[at] !== '"' || text[at + 1] === '"') {
        if (text[at] === '"') at++;
        cell += text[at];
        at++;
      }
      at++;
    } else while (text[at] !== ',' && text[at] !== '\r') cell += text[at++];
    row.push(cell);
    if (text[at] === ',') at++;
    else {
      rows.push(row);
      row = [];
      at += 2;
    }
  }
  return rows;
}

test('every cell comes back, with at most an apostrophe before it', () => {
  fc.assert(
    fc.property(fc.array(fc.array(fc.string(), { minLength: 3, maxLength: 3 }), { maxLength: 8 }), (rows) => {
      const [head, ...back] = parse(csvOf({ head: ['a', 'b', 'c'], rows }));
      assert.deepEqual(head, ['a', 'b', 'c']);
      assert.equal(back.length, rows.length);
      for (const [i, row] of rows.entries())
        for (const [j, cell] of row.entries())
          assert([cell, `'${cell}`].includes(back[i]?.[j] ?? 'none'), `${cell} became ${back[i]?.[j]}`);
    }),
  );
});

test('nothing in a file is run as a formula, and numbers stay numbers', () => {
  const hostile = ['=1+1', '+cmd|x', '-2+3', '@SUM(A1)', '\t=1', '\r=1', '\uff1d1', '=HYPERLINK("x","y")'];
  for (const text of hostile) assert.match(csvOf({ head: ['h'], rows: [[text]] }).slice(3), /^"?'/, text);
  assert.equal(
    csvOf({ head: ['=h'], rows: [[-1.5, '-0.25', '+3', '-1e-7', true, null, undefined]] }),
    "'=h\r\n-1.5,-0.25,+3,-1e-7,true,,\r\n",
  );
});
