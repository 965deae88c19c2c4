/** What other packages use of the server: starting it. */
export type { Config, ConfigFlags } from './config.ts';
export { readConfig } from './config.ts';
export type { SlipwayServer } from './main.ts';
export { startServer } from './main.ts';
export { boundHeap } from './platform/heap.ts';
export { verifyLedgerFile } from './modules/governance/index.ts';
