export type { NumberColumn } from './feature-bins.ts';
export type { LabelledRows, TrainingData } from './training-data.ts';
export type { TreeObjective, TreeSettings } from './tree-settings.ts';
export type { FeatureImportance, IterationMetrics, RowMetrics, TrainingHooks, TreeTraining } from './train-trees.ts';
export { trainTrees } from './train-trees.ts';
export { applyLink, predictTrees } from './predict-trees.ts';
export { areaUnderRoc } from './loss.ts';
