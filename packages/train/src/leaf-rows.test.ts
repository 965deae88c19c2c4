import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TreeEnsemble } from '@slipway/onnx';
import { columnsFor } from './category-sets.ts';
import { applyLink, predictTrees, toFloat32Columns } from './predict-trees.ts';
import { createRandom } from './random.ts';
import { trainTrees } from './train-trees.ts';
import type { TreeTraining } from './train-trees.ts';
import type { TreeSettings } from './tree-settings.ts';

/** The label follows x but for a band where it is chance, so that only the band's rows stay uncertain; c is a code of eight. */
function makeData(rows: number, seed: number) {
  const random = createRandom(seed);
  const x = Float64Array.from({ length: rows }, () => random() * 2 - 1);
  const c = Float64Array.from({ length: rows }, () => Math.floor(random() * 8));
  const labels = x.map((value, row) => {
    const isKnown = Math.abs(value) > 0.1;
    return (isKnown ? value > 0 : random() < 0.2 + 0.08 * (c[row] ?? 0)) ? 1 : 0;
  });
  return { featureNames: ['x', 'c'], columns: [x, c], labels, categories: [1] };
}

type Data = ReturnType<typeof makeData>;
const minRowsPerLeaf = 20;
const settings: TreeSettings = { objective: 'binary', rounds: 30, leaves: 15, minRowsPerLeaf, learningRate: 0.3 };

/** Per tree and node: rows, and their share of p (1 - p) among those of the node above, times its rows. */
function sidesOf({ ensemble, sets }: TreeTraining, data: Data): readonly { rows: number; weighed: number }[] {
  return ensemble.trees.flatMap((tree, place) => {
    const before: TreeEnsemble = { ...ensemble, trees: ensemble.trees.slice(0, place) };
    const p = applyLink(ensemble, predictTrees(before, data.columns, sets));
    const columns = columnsFor(tree, toFloat32Columns(data.columns), sets);
    const nodes = Array.from(tree.left, () => ({ rows: 0, hessian: 0 }));
    for (const [row, own] of p.entries()) {
      for (let node = 0; node >= 0;) {
        const reached = nodes[node] ?? { rows: 0, hessian: 0 };
        reached.rows += 1;
        reached.hessian += own * (1 - own);
        if ((tree.left[node] ?? -1) < 0) break;
        const value = columns[tree.feature[node] ?? 0]?.[row] ?? Number.NaN;
        node = (value <= (tree.threshold[node] ?? 0) ? tree.left[node] : tree.right[node]) ?? -1;
      }
    }
    return nodes.flatMap(({ rows, hessian }, node) =>
      [tree.left[node] ?? -1, tree.right[node] ?? -1].flatMap((child) => {
        const side = nodes[child];
        return side === undefined ? [] : [{ rows: side.rows, weighed: (side.hessian / hessian) * rows }];
      }),
    );
  });
}

test('counted rows are rows; weighed ones are the share of what is uncertain', () => {
  for (const seed of [1, 2, 3]) {
    const data = makeData(600, seed);
    const counted = sidesOf(trainTrees(data, settings), data);
    const weighed = sidesOf(trainTrees(data, { ...settings, leafRows: 'weighed' }), data);
    assert.ok(counted.length > 100 && weighed.length > 100);
    assert.ok(counted.every(({ rows }) => rows >= minRowsPerLeaf));
    assert.ok(counted.some((side) => side.weighed < minRowsPerLeaf - 1));
    // Half a row for the rounding to the nearest, a little for derivatives that are integers.
    assert.ok(weighed.every((side) => side.weighed >= minRowsPerLeaf - 0.51));
    assert.ok(weighed.some(({ rows }) => rows < minRowsPerLeaf));
  }
});

test('where every row is as uncertain as the others, weighing is counting', () => {
  const data = makeData(600, 4);
  for (const own of [{ objective: 'regression' as const }, { rounds: 1 }]) {
    const [a, b] = (['counted', 'weighed'] as const).map((leafRows) =>
      trainTrees(data, { ...settings, ...own, leafRows }),
    );
    assert.deepEqual(a, b);
  }
});

test('weighed rows are refused by another name, and beside monotone constraints', () => {
  const { categories: _, ...data } = makeData(100, 1);
  // A caller without types.
  const unknown = { ...settings, ...JSON.parse('{"leafRows":"some"}') };
  assert.throws(() => trainTrees(data, unknown), /leafRows is some: it must be one of counted, weighed/);
  assert.throws(
    () => trainTrees(data, { ...settings, leafRows: 'weighed', monotone: [1, 0] }),
    /let the rows be counted/,
  );
});
