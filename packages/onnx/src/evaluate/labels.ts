/** Class labels as an output value: texts or integers, written by class index. */
import type { Labels } from './operation.ts';
import { makeNumbers, makeTexts, storageOf } from './values.ts';
import type { Value } from './values.ts';

export interface LabelOutput {
  readonly value: Value;
  /** To be called after linking. */
  readonly writer: () => (row: number, classIndex: number) => void;
}

export function makeLabelOutput(labels: Labels, capacityRows: number): LabelOutput {
  if ('texts' in labels) {
    const value = makeTexts(1, capacityRows);
    return {
      value,
      writer: () => (row, index) => {
        value.storage[row] = labels.texts[index] ?? '';
      },
    };
  }
  const value = makeNumbers('INT64', 1);
  return {
    value,
    writer: () => {
      const storage = storageOf(value, capacityRows);
      return (row, index) => {
        storage[row] = labels.integers[index] ?? 0;
      };
    },
  };
}
