import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { createAnalytics } from '../../platform/analytics/analytics.ts';
import { CsvProblem, inferTypes, parseHeader, readHeader } from './csv.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-csv-'));
const analytics = createAnalytics({ memoryLimit: '256MB', threads: 1, tempFolder: folder });
after(async () => {
  await analytics[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

test('a header line reads back as it was written', () => {
  const name = fc.string({ minLength: 1, maxLength: 6, unit: fc.constantFrom(...'ab",\n\r é'.split('')) });
  const names = fc.uniqueArray(name, { minLength: 1, maxLength: 5, selector: (n) => n.toLowerCase() });
  fc.assert(
    fc.property(names, fc.constantFrom('', '\n', '\r\n', '\n1,2\n'), (wanted, end) => {
      fc.pre(wanted.every((n) => n.trim() !== ''));
      const line = wanted.map((n) => (/[",\r\n]/.test(n) ? `"${n.replaceAll('"', '""')}"` : n)).join(',');
      assert.deepEqual(parseHeader(line + end, true), wanted);
    }),
  );
});

test('what is not a header line is refused', () => {
  const cases: readonly [string, RegExp][] = [
    ['', /no header line/],
    ['\n1,2\n', /no header line/],
    ['a,,c\n', /column 2 .* no name/],
    ['a,b,A\n', /the name "A" twice/],
    ['a,"b\n', /stray quote/],
    ['a,b"c\n', /stray quote/],
  ];
  for (const [text, message] of cases) {
    assert.throws(
      () => parseHeader(text, true),
      (e) => e instanceof CsvProblem && message.test(e.message),
      JSON.stringify(text),
    );
  }
  assert.throws(() => parseHeader('a,b', false), CsvProblem);
});

test('a column has the narrowest type that all its values have', async () => {
  const columns: readonly [string, readonly string[]][] = [
    ['BIGINT', ['1', '', '-20', '0']],
    ['DOUBLE', ['1', '2.5', '-1e3', '.5']],
    ['VARCHAR', ['007', '008', '009', '010']],
    ['VARCHAR', ['1', '2', 'x', '']],
    ['BOOLEAN', ['true', 'False', '', 'TRUE']],
    ['DATE', ['2013-01-01', '2013-02-28', '', '']],
    ['VARCHAR', ['2013-01-01', '2013-02-30', '', '']],
    ['TIMESTAMP', ['2013-01-01 10:00', '2013-01-01T10:00:00.5', '', '']],
    ['TIMESTAMP WITH TIME ZONE', ['2013-01-01T10:00:00Z', '2013-01-01 10:00:00+02', '', '']],
    ['VARCHAR', ['', '', '', '']],
    ['DOUBLE', ['99999999999999999999', '1', '', '']],
  ];
  const path = join(folder, 'types.csv');
  const lines = [0, 1, 2, 3].map((row) => columns.map(([, values]) => values[row]).join(','));
  writeFileSync(path, `${columns.map((_, i) => `c${i}`).join(',')}\n${lines.join('\n')}\n`);
  const connection = await analytics.connect();
  const found = await inferTypes(connection, path, await readHeader(path));
  connection.closeSync();
  assert.deepEqual(
    found.map((c) => c.type),
    columns.map(([type]) => type),
  );
});
