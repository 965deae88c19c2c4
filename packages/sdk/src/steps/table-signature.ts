/** What a model of a table takes and answers, in the words of its columns, as a registered signature has it. */
import type { ModelSignature } from '@slipway/contract';
import type { TableColumnKind, TableMeta } from './table-meta.ts';

const inputTypes: Readonly<Record<TableColumnKind, string>> = {
  number: 'double',
  boolean: 'boolean',
  date: 'datetime',
  category: 'string',
  text: 'string',
};

/** Every column may be missing in a row. Probabilities are of the classes in their order. */
export function tableSignature(
  table: Pick<TableMeta, 'task' | 'target' | 'classes' | 'columns'>,
): Pick<Required<ModelSignature>, 'inputs' | 'outputs'> {
  const { task, target, classes, columns } = table;
  const inputs = columns.map(({ name, kind }) => ({ name, type: inputTypes[kind], required: false }));
  if (task === 'regression') return { inputs, outputs: [{ name: target, type: 'double' }] };
  const label = classes.every((name) => typeof name === 'number') ? 'long' : 'string';
  return {
    inputs,
    outputs: [
      { name: target, type: label },
      ...classes.map((name) => ({ name: `probability of ${name}`, type: 'double' })),
    ],
  };
}
