/**
 * OneHotEncoder over one column: an indicator of each category, all 0 where a value is none of them.
 *
 * The operator adds an axis, [rows, 1] becomes [rows, 1, categories], and converters take it away again by a Reshape, after
 * joining several by a Concat along that axis. `planes` are numbers of that shape: no other operator takes them.
 */
import { intAttribute, intsAttribute, textsAttribute } from './operation.ts';
import type { Operation } from './operation.ts';
import { makeNumbers, storageOf } from './values.ts';

export const oneHotEncoder: Operation = ({ node, inputs, capacityRows }) => {
  const input = inputs[0];
  const texts = textsAttribute(node, 'cats_strings');
  const categories = texts ?? intsAttribute(node, 'cats_int64s');
  const isFit = texts === undefined ? input?.type === 'numbers' && input.datatype === 'INT64' : input?.type === 'texts';
  if (categories === undefined || !isFit || (input?.type !== 'texts' && input?.type !== 'numbers') || input.width !== 1)
    return { unsupported: 'OneHotEncoder over other than one column of texts or of whole numbers' };
  if (intAttribute(node, 'zeros', 1) !== 1)
    return { unsupported: 'OneHotEncoder that fails at unknown categories (handle_unknown="ignore" does not)' };
  const places = new Map<string | number, number>(categories.map((category, place) => [category, place]));
  const columns = makeNumbers('FP32', categories.length);
  return {
    outputs: [{ type: 'planes', columns }],
    exact: true,
    link: () => {
      const source: ArrayLike<string | number> =
        input.type === 'texts' ? input.storage : storageOf(input, capacityRows);
      const target = storageOf(columns, capacityRows);
      const { width } = columns;
      return (rowCount) => {
        target.fill(0, 0, rowCount * width);
        for (let row = 0; row < rowCount; row++) {
          const place = places.get(source[row] ?? '');
          if (place !== undefined) target[row * width + place] = 1;
        }
      };
    },
  };
};
