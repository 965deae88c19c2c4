/**
 * A linear or logistic regression as an ONNX file: Imputer (NaN -> the training value), Scaler, LinearClassifier or
 * LinearRegressor. Inputs and outputs are named as by the tree writer, so that an endpoint can swap one for the other.
 */
import { OnnxError } from './errors.ts';
import { FEATURE_NAMES_KEY, labelParts, makeModel, makeNode, makeValue } from './graph-parts.ts';
import { writeModel } from './write-model.ts';
import type { OnnxNode, OnnxValue } from './model.ts';
import type { LinearModel } from './trees.ts';
import { writeInputs } from './write-trees.ts';
import type { WriteTreesOptions } from './write-trees.ts';

/** ONNX file of the model. Throws OnnxError 'model' for lengths that do not fit or a scale of 0. */
export function writeLinearModel(model: LinearModel, options: WriteTreesOptions = {}): Uint8Array {
  checkLinear(model);
  const front = writeInputs(model.featureNames, options.categories ?? {});
  const nodes: OnnxNode[] = [
    ...front.nodes,
    makeNode({
      opType: 'Imputer',
      inputs: ['features'],
      outputs: ['imputed'],
      attributes: {
        imputed_value_floats: Float32Array.from(model.imputed),
        replaced_value_float: { float: Number.NaN },
      },
    }),
    makeNode({
      opType: 'Scaler',
      inputs: ['imputed'],
      outputs: ['scaled'],
      attributes: {
        offset: Float32Array.from(model.mean),
        scale: Float32Array.from(model.scale, (scale) => 1 / scale),
      },
    }),
  ];
  const outputs: OnnxValue[] = [];
  if (model.link === 'logistic') {
    const labels = labelParts(model.classLabels, 'classlabels_ints');
    nodes.push(
      makeNode({
        opType: 'LinearClassifier',
        inputs: ['scaled'],
        outputs: ['label', 'probabilities'],
        attributes: {
          coefficients: Float32Array.from([...model.coefficients].map((x) => -x).concat(...model.coefficients)),
          intercepts: Float32Array.of(-model.intercept, model.intercept),
          multi_class: { int: 0 },
          post_transform: 'LOGISTIC',
          ...labels.attributes,
        },
      }),
    );
    outputs.push(makeValue('label', labels.dataType), makeValue('probabilities', 'FLOAT', 2));
  } else {
    nodes.push(
      makeNode({
        opType: 'LinearRegressor',
        inputs: ['scaled'],
        outputs: ['prediction'],
        attributes: {
          coefficients: Float32Array.from(model.coefficients),
          intercepts: Float32Array.of(model.intercept),
          targets: { int: 1 },
          post_transform: 'NONE',
        },
      }),
    );
    outputs.push(makeValue('prediction', 'FLOAT', 1));
  }
  const metadata: Record<string, string> = { ...options.metadata };
  metadata[FEATURE_NAMES_KEY] = JSON.stringify(model.featureNames);
  return writeModel(makeModel({ name: 'linear', nodes, inputs: front.inputs, outputs, metadata }));
}

function checkLinear(model: LinearModel): void {
  const width = model.featureNames.length;
  const lengths = [model.coefficients.length, model.imputed.length, model.mean.length, model.scale.length];
  if (width === 0 || lengths.some((length) => length !== width)) {
    throw new OnnxError(
      'model',
      `The linear model has ${width} features but ${lengths.join(', ')} coefficients, imputed values, means and scales.`,
    );
  }
  if (model.scale.some((scale) => !(Math.abs(scale) > 0 && Number.isFinite(scale)))) {
    throw new OnnxError('model', 'The linear model has a scale that is 0 or not finite; drop constant features.');
  }
  const labels = model.link === 'logistic' ? 2 : 0;
  if (model.classLabels.length !== labels) {
    throw new OnnxError('model', `Link ${model.link} wants ${labels} class labels, not ${model.classLabels.length}.`);
  }
}
