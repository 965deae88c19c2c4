export { OnnxError } from './errors.ts';
export type { OnnxProblem } from './errors.ts';
export { MODEL_FILE_BYTES_MAX, readModel } from './read-model.ts';
export { tensorTypes } from './model.ts';
export { writeModel } from './write-model.ts';
export type {
  OnnxAttribute,
  OnnxDim,
  OnnxGraph,
  OnnxModel,
  OnnxNode,
  OnnxTensor,
  OnnxValue,
  OnnxValueType,
  TensorData,
} from './model.ts';
export { readFeatureNames, readSignature } from './signature.ts';
export type { Datatype, ModelSignature, TensorSignature } from './signature.ts';
export type { LinearModel, Tree, TreeEnsemble } from './trees.ts';
export { dateParts, datePart, featuresOf, numberArithmetic, parseInstant, splitText } from './column-encodings.ts';
export type { CategoryMembers, CategoryTable, ColumnEncoding, ColumnKind, DatePart } from './column-encodings.ts';
export type { StepFunction, TableHead, TableModel } from './table-model.ts';
export { classifierLabels, readClassLabels, readTableInfo, renameInputs, writeTableInfo } from './signature.ts';
export type { TableColumnInfo, TableInfo } from './signature.ts';
export { middleLevel, writeTableModel } from './write-table.ts';
export { writeLinearModel } from './write-linear.ts';
export { findTreeProblem, writeTreeEnsemble } from './write-trees.ts';
export type { WriteTreesOptions } from './write-trees.ts';
export { expf, logisticf } from './evaluate/expf.ts';
export type { Unsupported } from './evaluate/operation.ts';
export { planModel } from './evaluate/plan.ts';
export type { Plan, PlanColumn } from './evaluate/plan.ts';
