import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkLayers, judge } from './layers.ts';
import { importsOf } from './sources.ts';

const modules = 'packages/server/src/modules';

test('imports are found: types, values, re-exports, lazy ones, over several lines', () => {
  const text = `import type { A } from './a.ts';
import {
  b,
  c,
} from './bc.ts';
export type { D } from './d.ts';
export { e } from './e.ts';
import './side.ts';
const later = () => import('./later.ts');
const text = "import x from 'not-an-import'";
`;
  assert.deepEqual(
    importsOf(text).map((i) => [i.specifier, i.isType, i.isLazy, i.line]),
    [
      ['./a.ts', true, false, 1],
      ['./bc.ts', false, false, 5],
      ['./d.ts', true, false, 6],
      ['./e.ts', false, false, 7],
      ['./side.ts', false, false, 8],
      ['./later.ts', false, true, 9],
    ],
  );
});

test('packages import each other along the arrows, by name', () => {
  assert.equal(judge('packages/sdk/src/client.ts', '@slipway/contract', false), undefined);
  assert.match(judge('packages/contract/src/ids.ts', 'slipway', false) ?? '', /contract may not import sdk/);
  assert.match(judge('packages/onnx/src/a.ts', '@slipway/train/deep', false) ?? '', /onnx may not import train/);
  assert.match(judge('packages/sdk/src/a.ts', 'slipway', false) ?? '', /own files by relative path/);
  assert.match(judge('packages/sdk/src/a.ts', '../../contract/src/ids.ts', false) ?? '', /may not leave its package/);
  assert.equal(judge('packages/sdk/src/a.ts', 'zod', false), undefined);
});

test('modules meet by type, through the door, along the arrows', () => {
  const from = `${modules}/registry/index.ts`;
  assert.equal(judge(from, '../tracking/index.ts', true), undefined);
  assert.match(judge(from, '../tracking/index.ts', false) ?? '', /modules meet by type/);
  assert.match(judge(from, '../tracking/rows.ts', true) ?? '', /entered by its index\.ts/);
  assert.match(judge(from, '../serving/index.ts', true) ?? '', /registry may not look at serving/);
  assert.match(judge(from, '../../main.ts', true) ?? '', /composition root/);
  assert.equal(judge(`${modules}/registry/a.test.ts`, '../serving/rows.ts', false), undefined);
});

test('what runs in the process of a step may take the run-time part of a module, but only through its door', () => {
  const from = `${modules}/pipelines/step-features.ts`;
  assert.equal(judge(from, '../features/index.ts', false), undefined);
  assert.match(judge(from, '../features/online.ts', false) ?? '', /entered by its index\.ts/);
  assert.match(judge(from, '../serving/index.ts', false) ?? '', /may not look at serving/);
});

test('below the modules nobody knows them', () => {
  assert.match(judge('packages/server/src/lib/a.ts', '../platform/clock.ts', true) ?? '', /lib is a leaf/);
  assert.match(judge('packages/server/src/platform/a.ts', '../modules/data/index.ts', true) ?? '', /knows no module/);
  assert.equal(judge('packages/server/src/wiring/a.ts', '../modules/data/service.ts', false), undefined);
  assert.match(
    judge('packages/server/src/compat/mlflow/a.ts', '../open-inference/wire.ts', true) ?? '',
    /compat folders do not meet/,
  );
});

test('a cycle of imports at load is found once; types and lazy imports make none', () => {
  const file = (name: string, text: string) => ({ path: `packages/sdk/src/${name}.ts`, text: `${text}\n` });
  const cycle = checkLayers([
    file('a', `import { b } from './b.ts';`),
    file('b', `import { c } from './c.ts';`),
    file('c', `import { a } from './a.ts';`),
  ]);
  assert.equal(cycle.length, 1);
  assert.match(cycle[0]?.message ?? '', /a\.ts -> .*b\.ts -> .*c\.ts -> .*a\.ts/);
  const fine = checkLayers([
    file('a', `import { b } from './b.ts';`),
    file('b', `import type { A } from './a.ts';\nconst later = () => import('./a.ts');`),
  ]);
  assert.deepEqual(fine, []);
});
