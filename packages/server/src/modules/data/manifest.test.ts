import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ColumnSchema, DatasetFile } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import fc from 'fast-check';
import type { Manifest } from './manifest.ts';
import { manifestDigest, maxFilesPerVersion, schemaProblem, withFile } from './manifest.ts';

const column = (name: string, type = 'INTEGER', nullable = false): ColumnSchema => ({ name, type, nullable });
const file = (name: string, content: string): DatasetFile => ({
  name: `${name}.parquet`,
  digest: `sha256:${content.padEnd(64, '0')}`,
  sizeBytes: 10,
  rowCount: 1,
});
const schema = [column('a'), column('b', 'VARCHAR')];

test('the digest depends on names, contents and types, and on nothing else', () => {
  const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { minLength: 1 });
  const build = (order: readonly string[], nullable = false): Manifest => {
    let manifest: Manifest | undefined;
    for (const name of order) {
      manifest = withFile('d', manifest, { file: file(name, name), schema: [column('x', 'INTEGER', nullable)] });
    }
    return manifest ?? { files: [], schema: [] };
  };
  fc.assert(
    fc.property(names, fc.integer(), fc.boolean(), (order, seed, nullable) => {
      const other = [...order].sort((a, b) => ((a.charCodeAt(0) * seed) % 7) - ((b.charCodeAt(0) * seed) % 7));
      assert.equal(manifestDigest(build(order)), manifestDigest(build(other, nullable)));
    }),
  );
  const base = build(['a', 'b']);
  const changed: readonly Manifest[] = [
    { ...base, files: base.files.slice(0, 1) },
    { ...base, files: [file('a', 'z'), ...base.files.slice(1)] },
    { ...base, files: [file('z', 'a'), ...base.files.slice(1)] },
    { ...base, schema: [column('x', 'BIGINT')] },
    { ...base, schema: [column('y')] },
  ];
  const digests = new Set([base, ...changed].map(manifestDigest));
  assert.equal(digests.size, 6);
});

test('a file that does not fit is refused by column; replacing the only file may change the columns', () => {
  assert.equal(schemaProblem(schema, [column('b', 'VARCHAR'), column('a')]), undefined);
  assert.equal(
    schemaProblem(schema, [column('a', 'BIGINT'), column('c', 'DATE')]),
    'column "a" is BIGINT, but INTEGER in the other files; column "b" (VARCHAR) is missing; column "c" (DATE) is not in the other files',
  );
  const first = withFile('d', undefined, { file: file('a', '1'), schema });
  const other = [column('x')];
  assert.throws(
    () => withFile('d', first, { file: file('b', '2'), schema: other }),
    (e) => e instanceof SlipwayError && e.code === 'schema_mismatch',
  );
  assert.deepEqual(withFile('d', first, { file: file('a', '2'), schema: other }).schema, other);
});

test('a null anywhere makes the column nullable', () => {
  const first = withFile('d', undefined, { file: file('a', '1'), schema });
  const both = withFile('d', first, {
    file: file('b', '2'),
    schema: [column('a', 'INTEGER', true), column('b', 'VARCHAR')],
  });
  assert.deepEqual(
    both.schema.map((c) => c.nullable),
    [true, false],
  );
});

test('the number of files has a limit', () => {
  const files = Array.from({ length: maxFilesPerVersion }, (_, i) => file(String(i), '1'));
  assert.throws(
    () => withFile('d', { files, schema }, { file: file('new', '2'), schema }),
    (e) => e instanceof SlipwayError && e.code === 'dataset_too_many_files',
  );
  assert.equal(withFile('d', { files, schema }, { file: file('7', '2'), schema }).files.length, maxFilesPerVersion);
});
