/** What users import: the typed client, and the words in which pipelines are written. */
export { createClient, type Client } from './api.ts';
export { createClientOf, type CallOptions, type ClientOf, type ClientOptions } from './client.ts';
export type { Artifact, Port, Ports, ValueOf, ValuesOf } from './ports.ts';
export { artifact, list, parameter } from './ports.ts';
export type { StepDefinition } from './step.ts';
export { noopStep, pythonStep, shellStep, step } from './step.ts';
export type { Added, Builder, PipelineDefinition, Ref } from './pipeline.ts';
export { pipeline } from './pipeline.ts';
export { describe, projectCode } from './describe.ts';
export type * from './context.ts';
export type * from './statistics.ts';
export { SlipwayError } from '@slipway/contract';
export { instant } from './steps/rows.ts';
export { validate, type ValidateOptions } from './steps/validate.ts';
export { splitByTime, trainingSet, type TrainingSetOptions } from './steps/training-set.ts';
export { chooseBest, refit, trainTrees, TreeSetting } from './steps/trees.ts';
export { logisticBaseline, tableBaseline } from './steps/baselines.ts';
export { evaluate, type EvaluateOptions, gate, register } from './steps/judge.ts';
