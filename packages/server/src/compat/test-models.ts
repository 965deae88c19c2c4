/** Models for tests of scoring protocols. */
import type { Tree, TreeEnsemble } from '@slipway/onnx';

/** Goes left when feature <= threshold or missing. */
export function stump(feature: number, threshold: number, left: number, right: number): Tree {
  return {
    feature: Int32Array.of(feature, 0, 0),
    threshold: Float32Array.of(threshold, 0, 0),
    missingLeft: Uint8Array.of(1, 0, 0),
    left: Int32Array.of(1, -1, -1),
    right: Int32Array.of(2, -1, -1),
    value: Float32Array.of(0, left, right),
    count: new Uint32Array(3),
    gain: new Float32Array(3),
  };
}

/** 1 or 2 by the miles, 10 or 20 by the hour, 100 or 200 by the wind. */
export const sumOfStumps: TreeEnsemble = {
  kind: 'trees',
  featureNames: ['miles', 'hour', 'wind'],
  trees: [stump(0, 500, 1, 2), stump(1, 12, 10, 20), stump(2, 8.5, 100, 200)],
  baseScore: 0,
  link: 'identity',
  classCount: 1,
  classLabels: [],
};
