/** Random ensembles, adversarial rows and ONNX Runtime itself, for the tests of this folder. */
import ort from 'onnxruntime-node';
import type { Tree, TreeEnsemble } from '../trees.ts';

/** mulberry32: numbers in [0, 1) from a seed. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface RandomTrees {
  readonly random: () => number;
  readonly treeCount: number;
  readonly featureCount: number;
  readonly leafCount: number;
  readonly leafMin?: number;
}

const specialThresholds = [0, -0, 1, -1, 2 ** -149, -(2 ** -149), 3.4028234663852886e38, -3.4028234663852886e38];

/** Leaf-wise random growth, so that depths vary; thresholds from a small set, so that ties are frequent. */
export function randomTree({ random, featureCount, leafCount, leafMin = -1 }: RandomTrees): Tree {
  type Node = { feature: number; threshold: number; missingLeft: number; children: [Node, Node] | undefined };
  const leaf = (): Node => ({ feature: 0, threshold: 0, missingLeft: 0, children: undefined });
  const root = leaf();
  const leaves = [root];
  while (leaves.length < leafCount) {
    const [node] = leaves.splice(Math.floor(random() * leaves.length), 1) as [Node];
    node.feature = Math.floor(random() * featureCount);
    node.threshold =
      random() < 0.2
        ? (specialThresholds[Math.floor(random() * specialThresholds.length)] as number)
        : Math.fround(Math.floor(random() * 21 - 10) / 7);
    node.missingLeft = random() < 0.5 ? 1 : 0;
    node.children = [leaf(), leaf()];
    leaves.push(...node.children);
  }
  const preorder: Node[] = [];
  const visit = (node: Node): void => {
    preorder.push(node);
    node.children?.forEach(visit);
  };
  visit(root);
  const child = (side: 0 | 1) => (node: Node) => (node.children ? preorder.indexOf(node.children[side]) : -1);
  return {
    feature: Int32Array.from(preorder, (node) => node.feature),
    threshold: Float32Array.from(preorder, (node) => node.threshold),
    missingLeft: Uint8Array.from(preorder, (node) => node.missingLeft),
    left: Int32Array.from(preorder, child(0)),
    right: Int32Array.from(preorder, child(1)),
    value: Float32Array.from(preorder, (node) => (node.children ? 0 : leafMin + random() * (1 - leafMin))),
    count: Uint32Array.from(preorder, () => Math.floor(random() * 1000)),
    gain: Float32Array.from(preorder, (node) => (node.children ? random() : 0)),
  };
}

export function randomEnsemble(options: RandomTrees, link: TreeEnsemble['link']): TreeEnsemble {
  const classCount = link === 'softmax' ? 3 : 1;
  return {
    kind: 'trees',
    featureNames: Array.from({ length: options.featureCount }, (_, i) => `f${i}`),
    trees: Array.from({ length: options.treeCount }, () => randomTree(options)),
    baseScore: Math.fround(options.random() - 0.5),
    link,
    classCount,
    classLabels: link === 'identity' ? [] : link === 'logistic' ? [0, 1] : ['a', 'b', 'c'],
  };
}

const specialValues = [
  NaN,
  Infinity,
  -Infinity,
  0,
  -0,
  2 ** -149,
  -(2 ** -149),
  2 ** -130,
  3.4028234663852886e38,
  -3.4028234663852886e38,
];

/** [rows, width]: in turn exact thresholds, one unit in the last place beside them, special values, ordinary values. */
export function adversarialRows(trees: readonly Tree[], shape: { rows: number; width: number; random: () => number }) {
  const { rows, width, random } = shape;
  const thresholds = trees.flatMap((tree) => [...tree.threshold]);
  const pick = (list: readonly number[]): number => list[Math.floor(random() * list.length)] ?? 0;
  const beside = new DataView(new ArrayBuffer(4));
  return Float32Array.from({ length: rows * width }, (_, i) => {
    switch (Math.floor(i / width) % 4) {
      case 0:
        return pick(thresholds);
      case 1: {
        beside.setFloat32(0, pick(thresholds));
        beside.setInt32(0, beside.getInt32(0) + (random() < 0.5 ? 1 : -1));
        return beside.getFloat32(0);
      }
      case 2:
        return random() < 0.6 ? pick(specialValues) : pick(thresholds);
      default:
        return random() * 4 - 2;
    }
  });
}

export type RuntimeColumns = Readonly<Record<string, { data: Float32Array | Float64Array | string[]; width: number }>>;

/** Outputs of ONNX Runtime, one thread, in batches of the size that a caller would send. */
export async function runOnnxRuntime(file: Uint8Array, columns: RuntimeColumns, rowCount: number) {
  const session = await ort.InferenceSession.create(file, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  const feeds: Record<string, ort.Tensor> = {};
  for (const [name, { data, width }] of Object.entries(columns)) {
    const dims = [rowCount, width];
    if (Array.isArray(data)) feeds[name] = new ort.Tensor('string', data, dims);
    else if (data instanceof Float64Array) feeds[name] = new ort.Tensor('float64', data, dims);
    else feeds[name] = new ort.Tensor('float32', data, dims);
  }
  const result = await session.run(feeds);
  await session.release();
  return result;
}
