/** What other packages use of the server: starting it. */
export type { Config, ConfigFlags } from './config.ts';
export { readConfig } from './config.ts';
export type { SlipwayServer } from './main.ts';
export { startServer } from './main.ts';
export { boundHeap } from './platform/heap.ts';
export type { FeatureTrial, FeatureTrialInput, TrialColumn, TrialOutcome } from './wiring/feature-trial.ts';
export { createFeatureTrial } from './wiring/feature-trial.ts';
export { verifyLedgerFile } from './modules/governance/index.ts';
