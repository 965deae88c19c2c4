/** The door of the features module: definitions, the online state, reading, training sets. */
export type { Definition } from './definition.ts';
export { parseDefinition, parseDefinitionText } from './definition.ts';
export type { Parity, ParityExample } from './parity.ts';
export type { TableInput, TrainingSet, TrainingSetInput } from './training-set.ts';
export { buildTrainingSet } from './training-set.ts';
