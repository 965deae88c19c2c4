import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkTidy, countRatchets, fileLinesMax, functionLinesMax } from './tidy.ts';

// Put together here, so that this file does not break the rules that it tests.
const word = (...parts: string[]): string => parts.join('');

function problems(path: string, text: string): string[] {
  return checkTidy([{ path, text }]).map((p) => `${p.line} ${p.message}`);
}

test('words and places that are not allowed are named with their line', () => {
  const inModule = 'packages/server/src/modules/data/a.ts';
  assert.match(problems(inModule, `\n// ${word('TO', 'DO')}: later`)[0] ?? '', /^2 finish it/);
  assert.match(problems(inModule, word('const at = Date.', 'now();'))[0] ?? '', /time and chance/);
  assert.match(problems(inModule, word('process.', "env['X']"))[0] ?? '', /only config\.ts/);
  assert.match(problems('packages/sdk/src/a.ts', word('ev', "al('1')"))[0] ?? '', /no code from strings/);
  assert.deepEqual(problems('packages/sdk/src/a.ts', word('const at = Date.', 'now();')), []);
});

test('tests run, plainly; a function of that name is not meant', () => {
  const path = 'packages/sdk/src/a.test.ts';
  assert.match(problems(path, word('test.', "only('x', () => {});"))[0] ?? '', /tests run/);
  assert.match(problems(path, word('desc', "ribe('a group', () => {"))[0] ?? '', /tests run/);
  assert.deepEqual(problems(path, 'const graph = describe(sample());'), []);
});

test('a test is skipped in one way', () => {
  for (const path of [
    'packages/server/src/lib/a.test.ts',
    'packages/server/src/lib/testing.ts',
    'tests/console/a.ts',
  ]) {
    assert.match(problems(path, word('  return t.', 'skip(problem);'))[0] ?? '', /skipUnlessCi/, path);
    assert.match(problems(path, word('test(name, { ', 'skip: true }, run);'))[0] ?? '', /skipUnlessCi/, path);
  }
  assert.deepEqual(problems('packages/server/src/lib/a.ts', word('return t.', 'skip(problem);')), []);
});

test('a table is used by its own module only', () => {
  const sql = 'select * from tracking_run';
  assert.match(problems('packages/server/src/modules/registry/a.ts', sql)[0] ?? '', /table of module tracking/);
  assert.deepEqual(problems('packages/server/src/modules/tracking/a.ts', sql), []);
});

test('long files are refused; long functions, casts and silenced lint rules are counted, prose is not', () => {
  assert.match(problems('packages/sdk/src/a.ts', '\n'.repeat(fileLinesMax))[0] ?? '', /split it/);
  const long = `export function f(): void {\n${'  a();\n'.repeat(functionLinesMax)}}\n`;
  const text = `${long}
// known as a short function, and as Such
import { a as b } from './a.ts';
const x = y as string;
const z = [1, 2] as const;
const s = 'as Text';
/* oxlint-${'disable'} */
`;
  assert.deepEqual(countRatchets([{ path: 'packages/sdk/src/a.ts', text }]), {
    longFunctions: 1,
    casts: 1,
    lintDisables: 1,
  });
});
