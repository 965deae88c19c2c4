/**
 * TreeEnsembleClassifier and TreeEnsembleRegressor (ai.onnx.ml 1 to 4) with the bits of ONNX Runtime 1.30 on one thread.
 *
 * Two classes under one class id: the sum s decides alone. Mixed weights: label s > 0, pair logistic(-s), logistic(s).
 * All weights >= 0: label s > 0.5, pair 1 - s, s, and no transform whatever the file asks for. More classes: base
 * values, the first highest score wins, then the transform. A regressor of one target ignores LOGISTIC and SOFTMAX.
 */
import { expf, logisticf } from './expf.ts';
import { makeLabelOutput } from './labels.ts';
import { floatsAttribute, intAttribute, labelCount, readLabels, textAttribute } from './operation.ts';
import type { Compiled, Operation, OperationContext, Unsupported } from './operation.ts';
import { createTreeSums } from './tree-kernel.ts';
import type { TreeSums } from './tree-kernel.ts';
import { parseTreeNodes } from './tree-nodes.ts';
import type { NormalEnsemble } from './tree-nodes.ts';
import { makeNumbers, storageOf } from './values.ts';
import type { NumberValue, Step } from './values.ts';

/** A model of more classes than this is for ONNX Runtime. */
const TARGETS_MAX = 1_000;

interface Prepared {
  readonly ensemble: NormalEnsemble;
  readonly sums: TreeSums;
  /** Brings the rows into the sums' memory; nothing to do when the memory was lent. */
  readonly linkRows: () => Step | undefined;
}

function prepare(context: OperationContext, prefix: 'class' | 'target', targetCount: number): Prepared | Unsupported {
  const { node, inputs, capacityRows } = context;
  const input = inputs[0];
  if (input?.type !== 'numbers' || input.datatype !== 'FP32') {
    return { unsupported: `${node.opType} over an input that is not float32` };
  }
  if (targetCount > TARGETS_MAX) return { unsupported: `${node.opType} with ${targetCount} outputs` };
  const ensemble = parseTreeNodes(node, prefix, targetCount);
  if ('unsupported' in ensemble) return ensemble;
  if (ensemble.featureCount > input.width) {
    return { unsupported: `${node.opType} that tests feature ${ensemble.featureCount - 1} of ${input.width}` };
  }
  // a binary classifier has all its trees under class 0
  const targets = prefix === 'class' && targetCount === 2 ? ensemble.targets.slice(0, 1) : ensemble.targets;
  const sums = createTreeSums(targets, { width: input.width, capacityRows });
  return { ensemble, sums, linkRows: lendRows(input, sums, capacityRows) };
}

function lendRows(input: NumberValue, sums: TreeSums, capacityRows: number): () => Step | undefined {
  if (input.storage === undefined) {
    input.storage = sums.rows;
    return () => undefined;
  }
  return () => {
    const source = storageOf(input, capacityRows);
    return (rowCount) => sums.rows.set(source.subarray(0, rowCount * input.width));
  };
}

function inOrder(first: Step | undefined, second: Step): Step {
  if (first === undefined) return second;
  return (rowCount) => {
    first(rowCount);
    second(rowCount);
  };
}

export const treeEnsembleClassifier: Operation = (context) => {
  const { node } = context;
  const labels = readLabels(node);
  if (labels === undefined) return { unsupported: 'TreeEnsembleClassifier without class labels' };
  const classes = labelCount(labels);
  if (classes < 2) return { unsupported: `TreeEnsembleClassifier with ${classes} class` };
  const prepared = prepare(context, 'class', classes);
  if ('unsupported' in prepared) return prepared;
  const scores = classes === 2 ? linkBinary(context, prepared) : linkMulticlass(context, prepared, classes);
  if ('unsupported' in scores) return scores;
  const label = makeLabelOutput(labels, context.capacityRows);
  const probabilities = makeNumbers('FP32', classes);
  return {
    outputs: [label.value, probabilities],
    exact: true,
    engine: prepared.sums.engine,
    link: () => {
      const rows = prepared.linkRows();
      const writeLabel = label.writer();
      const finish = scores.link(storageOf(probabilities, context.capacityRows) as Float32Array, writeLabel); // FP32
      return inOrder(rows, (rowCount) => {
        prepared.sums.run(rowCount);
        finish(rowCount);
      });
    },
  };
};

interface Scores {
  readonly link: (out: Float32Array, writeLabel: (row: number, index: number) => void) => Step;
}

function linkBinary(context: OperationContext, { ensemble, sums }: Prepared): Scores | Unsupported {
  const { node } = context;
  const bases = floatsAttribute(node, 'base_values') ?? new Float32Array(0);
  const transform = textAttribute(node, 'post_transform', 'NONE');
  if (ensemble.usedTargets.size !== 1 || !ensemble.usedTargets.has(0)) {
    return { unsupported: 'TreeEnsembleClassifier of two classes with weights for other than class 0' };
  }
  if (bases.length > 1)
    return { unsupported: `TreeEnsembleClassifier of two classes with ${bases.length} base values` };
  if (transform !== 'NONE' && transform !== 'LOGISTIC') {
    return { unsupported: `TreeEnsembleClassifier with post_transform ${transform}` };
  }
  const base = bases[0];
  const positive = ensemble.allWeightsPositive;
  const logistic = transform === 'LOGISTIC';
  const margins = sums.sums;
  return {
    link: (out, writeLabel) => (rowCount) => {
      for (let row = 0; row < rowCount; row++) {
        const sum = margins[row] as number; // row < capacity
        const s = base === undefined ? sum : Math.fround(sum + base);
        if (positive) {
          out[row * 2] = 1 - s;
          out[row * 2 + 1] = s;
          writeLabel(row, s > 0.5 ? 1 : 0);
          continue;
        }
        writeLabel(row, s > 0 ? 1 : 0);
        if (logistic) {
          out[row * 2] = logisticf(-s);
          out[row * 2 + 1] = logisticf(s);
        } else {
          out[row * 2] = s > 0 ? -s : s;
          out[row * 2 + 1] = s > 0 ? s : -s;
        }
      }
    },
  };
}

function linkMulticlass(
  context: OperationContext,
  { ensemble, sums }: Prepared,
  classes: number,
): Scores | Unsupported {
  const { node } = context;
  const bases = floatsAttribute(node, 'base_values') ?? new Float32Array(0);
  const transform = textAttribute(node, 'post_transform', 'NONE');
  if (transform !== 'NONE' && transform !== 'LOGISTIC' && transform !== 'SOFTMAX') {
    return { unsupported: `TreeEnsembleClassifier with post_transform ${transform}` };
  }
  if (bases.length !== 0 && bases.length !== classes) {
    return { unsupported: `TreeEnsembleClassifier of ${classes} classes with ${bases.length} base values` };
  }
  if (bases.length === 0 && !ensemble.everyRowScored) {
    return { unsupported: 'TreeEnsembleClassifier with rows that some class gives no score' };
  }
  const scores = sums.sums;
  return {
    link: (out, writeLabel) => (rowCount) => {
      for (let row = 0; row < rowCount; row++) {
        const at = row * classes;
        let best = 0;
        for (let k = 0; k < classes; k++) {
          const sum = scores[at + k] as number; // casts here: at + k < capacity * classes
          const score = bases.length === 0 ? sum : Math.fround(sum + (bases[k] as number));
          out[at + k] = transform === 'LOGISTIC' ? logisticf(score) : score;
          scores[at + k] = score;
          if (score > (scores[at + best] as number)) best = k;
        }
        writeLabel(row, best);
        if (transform === 'SOFTMAX') softmaxInPlace(out, at, classes);
      }
    },
  };
}

/** ONNX Runtime's ml softmax: float32 at each step, the sum in class order. */
export function softmaxInPlace(values: Float32Array, at: number, width: number): void {
  let highest = -3.4028234663852886e38;
  for (let k = 0; k < width; k++) highest = Math.max(highest, values[at + k] as number); // casts: at + k in range
  let sum = 0;
  for (let k = 0; k < width; k++) {
    const e = expf(Math.fround((values[at + k] as number) - highest));
    values[at + k] = e;
    sum = Math.fround(sum + e);
  }
  for (let k = 0; k < width; k++) values[at + k] = (values[at + k] as number) / sum;
}

export const treeEnsembleRegressor: Operation = (context): Compiled | Unsupported => {
  const { node, capacityRows } = context;
  const targets = intAttribute(node, 'n_targets', 1);
  const aggregate = textAttribute(node, 'aggregate_function', 'SUM');
  const transform = textAttribute(node, 'post_transform', 'NONE');
  if (targets < 1) return { unsupported: `TreeEnsembleRegressor with ${targets} targets` };
  if (aggregate !== 'SUM' && aggregate !== 'AVERAGE') {
    return { unsupported: `TreeEnsembleRegressor with aggregate_function ${aggregate}` };
  }
  if (transform === 'PROBIT' || (targets > 1 && transform !== 'NONE')) {
    return { unsupported: `TreeEnsembleRegressor with post_transform ${transform}` };
  }
  const prepared = prepare(context, 'target', targets);
  if ('unsupported' in prepared) return prepared;
  const { sums, ensemble } = prepared;
  const bases = floatsAttribute(node, 'base_values') ?? new Float32Array(0);
  const divisor = aggregate === 'AVERAGE' ? Math.fround(ensemble.treeCount) : 1;
  const hasBase = bases.length === targets;
  const prediction = makeNumbers('FP32', targets);
  return {
    outputs: [prediction],
    exact: true,
    engine: sums.engine,
    link: () => {
      const rows = prepared.linkRows();
      const out = storageOf(prediction, capacityRows);
      return inOrder(rows, (rowCount) => {
        sums.run(rowCount);
        for (let i = 0, end = rowCount * targets; i < end; i++) {
          const mean = Math.fround((sums.sums[i] as number) / divisor); // i < capacity * targets
          out[i] = hasBase ? mean + (bases[i % targets] as number) : mean;
        }
      });
    },
  };
};
