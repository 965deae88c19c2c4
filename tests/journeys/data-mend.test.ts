/** A month of an export that had to be mended, then the next one: `slipway data mend --add`, in the project that init wrote. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { run, slipwayAt } from './cli.ts';
import { startTestServer } from './server.ts';

const place = mkdtempSync(join(tmpdir(), 'slipway-mend-'));
after(() => rmSync(place, { recursive: true, force: true }));

/** Latin-1, semicolons, decimal commas, a name twice, dates as they are written in Germany. */
function month(name: string, rows: number, start: number): string {
  const lines = Array.from({ length: rows }, (_, i) => {
    const n = start + i;
    const fee = `${10 + ((n * 7) % 40)},${n % 10}`;
    return `Köln ${n % 12};${fee};${(n * 3) % 50},5;${1 + (n % 28)}.0${1 + (n % 9)}.2026;${(n * 7) % 40 > 20 ? 'ja' : 'nein'}`;
  });
  const path = join(place, name);
  writeFileSync(path, Buffer.from(['Ort;Betrag;Betrag;Tag;gekündigt', ...lines].join('\n'), 'latin1'));
  return path;
}

test(
  'the next month of a mended export goes to the same dataset, in the same shape',
  { timeout: 240_000 },
  async () => {
    const server = await startTestServer();
    try {
      const slipway = slipwayAt(server.url);
      const from = month('kunden.csv', 300, 0);
      const args = [
        'init',
        'kunden',
        '--from',
        from,
        '--target',
        'gekündigt',
        '--yes',
        '--time',
        'none',
        '--group',
        'none',
      ];
      const made = await run(args, { cwd: place, env: { NO_COLOR: '1' } });
      assert.equal(made.code, 0, made.err);
      const cwd = join(place, 'kunden');
      const add = await slipway(['data', 'add', 'kunden', 'data/kunden.parquet'], { cwd });
      assert.equal(add.code, 0, add.err);
      assert.equal((await slipway(['apply'], { cwd })).code, 0);

      const next = month('kunden-februar.csv', 40, 300);
      const mended = await slipway(['data', 'mend', next, '--add'], { cwd });
      assert.equal(mended.code, 0, mended.err);
      assert.match(
        mended.err,
        /kunden-februar\.csv: 40 rows in data\/kunden-februar\.parquet\n {2}kunden-februar\.csv is Latin-1/,
      );
      assert.match(mended.err, /version 2, 340 rows in all/);
      const shown = await slipway(['data', 'show', 'kunden', '--json'], { cwd });
      const { schema } = JSON.parse(shown.out) as { schema: { name: string; type: string }[] };
      assert.deepEqual(
        schema.map(({ name, type }) => `${name} ${type}`),
        ['Ort VARCHAR', 'Betrag DOUBLE', 'Betrag_2 DOUBLE', 'Tag DATE', 'gekündigt VARCHAR'],
      );

      const again = await slipway(['data', 'mend', next], { cwd });
      assert.equal(again.code, 1);
      assert.match(again.err, /data\/kunden-februar\.parquet is there already: overwrite it with --force/);
      writeFileSync(join(place, 'other.csv'), 'a;b\n1;2\n');
      const other = await slipway(['data', 'mend', join(place, 'other.csv')], { cwd });
      assert.equal(other.code, 1);
      assert.match(other.err, /other\.csv lacks Ort, Betrag, Betrag_2, Tag, gekündigt/);
      for (const [code, said, args] of [
        [2, /give --table or --query, not both/, ['--from', 'x.db', '--table', 'a', '--query', 'select 1']],
        [3, /no file or folder nowhere\.db/, ['--from', 'nowhere.db', '--table', 'a']],
        [2, /"a\/b" of --as: /, ['--from', from, '--as', 'a/b']],
      ] as const) {
        const pulled = await slipway(['data', 'pull', 'kunden', ...args], { cwd });
        assert.equal(pulled.code, code, pulled.err);
        assert.match(pulled.err, said);
      }
      const none = await slipway(['data', 'mend', next], { cwd: place });
      assert.equal(none.code, 3);
      assert.match(none.err, /mend\.yaml/);
    } finally {
      await server.stop();
    }
  },
);
