/**
 * Sums of trees for a batch of rows: 8 trees walk down in lockstep in an emitted WebAssembly function.
 *
 * A step picks the next node by `select`, so no branch is mispredicted, and the loads of 8 independent walks overlap.
 * Node, 16 bytes: feature byte offset i32 | threshold f32 | address when true i32 | address when false i32. A leaf keeps
 * its value in the threshold's place and points to itself, so that a short walk waits for the deepest of its eight.
 * Group, 36 bytes: 8 root addresses | depth. A short last group is padded with a leaf of -0, which changes no sum.
 * Rows: float32 [capacity, width] at the start of memory, then the same negated if any node sends NaN to its true side:
 * `x > t` is `-x <= the float below -t`, so such a node tests the negated copy with its children swapped, and NaN, which
 * fails every test, lands where it should. Sums are float32 additions in tree order from +0: the bits of ONNX Runtime.
 * Cost: about 9 ns per tree and row; limits below, beyond which one tree at a time is faster (walker).
 */
import { floatBelow } from './tree-nodes.ts';
import type { NormalTree } from './tree-nodes.ts';
import { createMemory, instantiate, leb, wasm, wasmModule } from './wasm-bytes.ts';

/** Lockstep always walks to the deepest of its trees. */
export const KERNEL_DEPTH_MAX = 18;
/** Nodes should stay within a second-level cache. */
export const KERNEL_NODE_BYTES_MAX = 1 << 20;

const NODE_BYTES = 16;
const GROUP_TREES = 8;
const GROUP_BYTES = GROUP_TREES * 4 + 4;
const PAGE_BYTES = 65_536;

export interface TreeSums {
  readonly engine: 'kernel' | 'walker';
  /** [capacity, width], row-major: the caller writes rows here. */
  readonly rows: Float32Array;
  /** [capacity, targets], row-major. */
  readonly sums: Float32Array;
  run(rowCount: number): void;
}

export interface TreeSumsShape {
  /** Features per row. */
  readonly width: number;
  readonly capacityRows: number;
}

/** The kernel where it is faster, else the walker. */
export function createTreeSums(targets: readonly (readonly NormalTree[])[], shape: TreeSumsShape): TreeSums {
  const trees = targets.flat();
  const nodeCount = trees.reduce((sum, tree) => sum + tree.value.length, 0);
  const fits = nodeCount * NODE_BYTES <= KERNEL_NODE_BYTES_MAX && trees.every((tree) => tree.depth <= KERNEL_DEPTH_MAX);
  return fits ? createKernel(targets, shape) : createWalker(targets, shape);
}

export function createKernel(targets: readonly (readonly NormalTree[])[], shape: TreeSumsShape): TreeSums {
  const { width, capacityRows } = shape;
  const trees = targets.flat();
  const rowBytes = width * 4;
  const hasNanTrue = trees.some((tree) => tree.nanTrue.includes(1));
  const copyBytes = capacityRows * rowBytes;
  const sumsAt = hasNanTrue ? copyBytes * 2 : copyBytes;
  const nodesAt = alignUp(sumsAt + capacityRows * targets.length * 4, NODE_BYTES);
  const nodeCount = trees.reduce((sum, tree) => sum + tree.value.length, 1);
  const groupsAt = nodesAt + nodeCount * NODE_BYTES;
  const groupCounts = targets.map((list) => Math.ceil(list.length / GROUP_TREES));
  const totalBytes = groupsAt + groupCounts.reduce((sum, count) => sum + count, 0) * GROUP_BYTES;
  const memory = createMemory(Math.ceil(totalBytes / PAGE_BYTES));
  const view = new DataView(memory.buffer);

  const paddingAt = nodesAt;
  writeLeaf(view, paddingAt, -0);
  let nodeAt = nodesAt + NODE_BYTES;
  let groupAt = groupsAt;
  const ranges: { start: number; end: number }[] = [];
  for (const list of targets) {
    const start = groupAt;
    for (let first = 0; first < list.length; first += GROUP_TREES, groupAt += GROUP_BYTES) {
      let depth = 0;
      for (let slot = 0; slot < GROUP_TREES; slot++) {
        const tree = list[first + slot];
        view.setInt32(groupAt + slot * 4, tree === undefined ? paddingAt : nodeAt, true);
        if (tree === undefined) continue;
        writeTree(view, { tree, at: nodeAt, copyBytes });
        nodeAt += tree.value.length * NODE_BYTES;
        depth = Math.max(depth, tree.depth);
      }
      view.setInt32(groupAt + GROUP_TREES * 4, depth, true);
    }
    ranges.push({ start, end: groupAt });
  }

  const sum = instantiate(kernelModule(), memory)['sum'] as KernelFunction; // the module above exports exactly this function
  const rows = new Float32Array(memory.buffer, 0, capacityRows * width);
  const negated = new Float32Array(memory.buffer, copyBytes, hasNanTrue ? capacityRows * width : 0);
  const sums = new Float32Array(memory.buffer, sumsAt, capacityRows * targets.length);
  const run = (rowCount: number): void => {
    if (rowCount === 0) return;
    if (hasNanTrue) {
      for (let i = 0, end = rowCount * width; i < end; i++) negated[i] = -(rows[i] as number); // i < rows.length
    }
    for (let target = 0; target < ranges.length; target++) {
      const { start, end } = ranges[target] as { start: number; end: number }; // target < ranges.length
      sum(0, rowCount * rowBytes, rowBytes, start, end, sumsAt + target * 4, ranges.length * 4);
    }
  };
  return { engine: 'kernel', rows, sums, run };
}

/** (row, rowsEnd, rowBytes, groups, groupsEnd, out, outBytes): byte addresses and strides. */
type KernelFunction = (...places: readonly [number, number, number, number, number, number, number]) => void;

function alignUp(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}

function writeLeaf(view: DataView, at: number, value: number): void {
  view.setInt32(at, 0, true);
  view.setFloat32(at + 4, value, true);
  view.setInt32(at + 8, at, true);
  view.setInt32(at + 12, at, true);
}

function writeTree(view: DataView, place: { tree: NormalTree; at: number; copyBytes: number }): void {
  const { tree, at, copyBytes } = place;
  for (let node = 0; node < tree.value.length; node++) {
    const nodeAt = at + node * NODE_BYTES;
    const whenTrue = tree.whenTrue[node] as number; // node < length of all arrays of a tree
    const whenFalse = tree.whenFalse[node] as number;
    if (whenTrue === node) {
      writeLeaf(view, nodeAt, tree.value[node] as number);
      continue;
    }
    const feature = (tree.feature[node] as number) * 4;
    const threshold = tree.threshold[node] as number;
    const swapped = tree.nanTrue[node] === 1;
    view.setInt32(nodeAt, swapped ? feature + copyBytes : feature, true);
    view.setFloat32(nodeAt + 4, swapped ? negatedThreshold(threshold) : threshold, true);
    view.setInt32(nodeAt + 8, at + (swapped ? whenFalse : whenTrue) * NODE_BYTES, true);
    view.setInt32(nodeAt + 12, at + (swapped ? whenTrue : whenFalse) * NODE_BYTES, true);
  }
}

/** `!(x <= t)` over -x: a threshold NaN in the tree is met by nothing, so the negation is met by all numbers. */
function negatedThreshold(threshold: number): number {
  return Number.isNaN(threshold) ? Number.POSITIVE_INFINITY : floatBelow(-threshold);
}

/** sum(row, rowsEnd, rowBytes, groups, groupsEnd, out, outBytes). */
function kernelModule(): Uint8Array<ArrayBuffer> {
  const { localGet: get, localSet: set, i32Load, f32Load, i32, f32 } = wasm;
  const [row, rowsEnd, rowBytes, groups, groupsEnd, out, outBytes] = [0, 1, 2, 3, 4, 5, 6];
  const walk = (slot: number): number => 7 + slot;
  const group = 15;
  const depth = 16;
  const total = 17;
  const slots = Array.from({ length: GROUP_TREES }, (_, slot) => slot);
  const load = (opcode: number, offset: number): number[] => [opcode, 2, ...leb(offset)];
  const add = (local: number, amount: readonly number[]): number[] => [get, local, ...amount, wasm.i32Add, set, local];
  const step = (slot: number): number[] =>
    [
      [get, walk(slot), load(i32Load, 8), get, walk(slot), load(i32Load, 12)],
      [get, row, get, walk(slot), load(i32Load, 0), wasm.i32Add, load(f32Load, 0)],
      [get, walk(slot), load(f32Load, 4), wasm.f32Le, wasm.select, set, walk(slot)],
    ].flat(2);
  const groupBody = [
    slots.flatMap((slot) => [get, group, ...load(i32Load, slot * 4), set, walk(slot)]),
    [get, group, ...load(i32Load, GROUP_TREES * 4), set, depth],
    [wasm.block, wasm.voidBlock, get, depth, wasm.i32Eqz, wasm.brIf, 0, wasm.loop, wasm.voidBlock],
    slots.flatMap(step),
    [get, depth, wasm.i32Const, 1, wasm.i32Sub, wasm.localTee, depth, wasm.brIf, 0, wasm.end, wasm.end],
    slots.flatMap((slot) => [get, total, get, walk(slot), ...load(f32Load, 4), wasm.f32Add, set, total]),
    add(group, [wasm.i32Const, GROUP_BYTES]),
  ].flat();
  const code = [
    [wasm.loop, wasm.voidBlock, wasm.f32Const, 0, 0, 0, 0, set, total, get, groups, set, group],
    [wasm.block, wasm.voidBlock, wasm.loop, wasm.voidBlock],
    [get, group, get, groupsEnd, wasm.i32LtU, wasm.i32Eqz, wasm.brIf, 1],
    groupBody,
    [wasm.br, 0, wasm.end, wasm.end],
    [get, out, get, total, wasm.f32Store, 2, 0],
    add(out, [get, outBytes]),
    add(row, [get, rowBytes]),
    [get, row, get, rowsEnd, wasm.i32LtU, wasm.brIf, 0, wasm.end],
  ].flat();
  const parameters = Array.from({ length: 7 }, () => i32);
  return wasmModule({
    name: 'sum',
    parameters,
    locals: [
      [10, i32],
      [1, f32],
    ],
    code,
  });
}

/** One tree at a time: no limits. Nodes of all trees side by side. */
export function createWalker(targets: readonly (readonly NormalTree[])[], shape: TreeSumsShape): TreeSums {
  const { width, capacityRows } = shape;
  const rows = new Float32Array(capacityRows * width);
  const sums = new Float32Array(capacityRows * targets.length);
  const run = (rowCount: number): void => {
    for (let row = 0; row < rowCount; row++) {
      for (let target = 0; target < targets.length; target++) {
        let total = 0;
        for (const tree of targets[target] as readonly NormalTree[]) {
          total = Math.fround(total + walkTree(tree, rows, row * width));
        }
        sums[row * targets.length + target] = total;
      }
    }
  };
  return { engine: 'walker', rows, sums, run };
}

function walkTree(tree: NormalTree, rows: Float32Array, rowAt: number): number {
  // casts: every index below comes from the tree itself, checked when it was parsed
  let node = 0;
  for (;;) {
    const next = tree.whenTrue[node] as number;
    if (next === node) return tree.value[node] as number;
    const x = rows[rowAt + (tree.feature[node] as number)] as number;
    const holds = x <= (tree.threshold[node] as number) || (Number.isNaN(x) && tree.nanTrue[node] === 1);
    node = holds ? next : (tree.whenFalse[node] as number);
  }
}
